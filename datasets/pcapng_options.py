"""pcapng options: code, length, value, and what the value says.

Every block may end in a list of options (draft-ietf-opsawg-pcapng 3.5), laid out as the items of
``pcapng_layout``; the end mark is called ``opt_endofopt``.

A block keeps its options as a tuple of ``Option``: every one, in order, unknown codes and repeated
ones included. Integers inside values have the byte order of their section; here values are always
held as a little-endian section stores them, and are turned round when a big-endian section is read
or written. So a block means the same in every section, and can be moved from one to another.

A block class names its options with ``Single`` and ``Repeated`` fields:

    class InterfaceStatistics(WithOptions):
        ifrecv = Single(4, U64)

``block.ifrecv`` then is the number or None, and ``pack_options`` makes the options of
``{"ifrecv": 7}``. Values are decoded when asked for: a malformed one raises ``FormatError`` there,
and is carried along untouched otherwise.

What is written is canonical: padding is zero, and ``opt_endofopt`` stands behind the last option if
there is one. Readers take other padding, bytes behind the end, and a list without an end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, Self, TypedDict, TypeVar, overload

from ..errors import FormatError
from .pcapng_layout import Buffer, ByteOrder, read_items, write_items
from .pcapng_values import CUSTOM_OCTETS, CUSTOM_TEXT, TEXT, Codec

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Option:
    """One option: its code, and its value without padding, integers little-endian."""

    code: int
    value: bytes


class Field(Generic[T]):
    """An option's name in a block class: reads it from the block's options.

    Args:
        code: The option's code.
        codec: What its value says.
        tag: Leading bytes that tell this meaning from others under the same code.
    """

    name = ""

    def __init__(self, code: int, codec: Codec[T], tag: bytes = b"") -> None:
        self.code = code
        self.codec = codec
        self.tag = tag

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def means(self, option: Option) -> bool:
        """Whether ``option`` is this one."""
        return option.code == self.code and option.value.startswith(self.tag)

    def encode(self, value: T) -> Option:
        """The option that says ``value``."""
        return Option(self.code, self.tag + self.codec.encode(value))

    def decode(self, options: Iterable[Option]) -> Iterator[T]:
        """The values that ``options`` have for this field.

        Raises:
            FormatError: A value is not what the option's definition says.
        """
        for option in filter(self.means, options):
            try:
                yield self.codec.decode(option.value[len(self.tag) :])
            except ValueError as error:
                raise FormatError(f"{self.name} (option {self.code}): {error}") from None

    def swap(self, option: Option) -> Option:
        """``option`` for a section of the other byte order."""
        skip = len(self.tag)
        return Option(option.code, option.value[:skip] + self.codec.swap(option.value[skip:]))


class Single(Field[T]):
    """An option that stands at most once; the first one counts, and None says there is none."""

    @overload
    def __get__(self, block: None, owner: type) -> Self: ...
    @overload
    def __get__(self, block: WithOptions, owner: type) -> T | None: ...
    def __get__(self, block: WithOptions | None, owner: type) -> Self | T | None:
        return self if block is None else next(self.decode(block.options), None)


class Repeated(Field[T]):
    """An option that may stand any number of times: a tuple of its values."""

    @overload
    def __get__(self, block: None, owner: type) -> Self: ...
    @overload
    def __get__(self, block: WithOptions, owner: type) -> tuple[T, ...]: ...
    def __get__(self, block: WithOptions | None, owner: type) -> Self | tuple[T, ...]:
        return self if block is None else tuple(self.decode(block.options))


class WithOptions:
    """A block that may have options, and the options that every block may have."""

    __slots__ = ()
    options: tuple[Option, ...]
    fields: ClassVar[Mapping[str, Field[object]]]

    comments = Repeated(1, TEXT)
    custom_text = Repeated(2988, CUSTOM_TEXT)
    custom_octets = Repeated(2989, CUSTOM_OCTETS)
    custom_text_not_copied = Repeated(19372, CUSTOM_TEXT)
    custom_octets_not_copied = Repeated(19373, CUSTOM_OCTETS)

    def __init_subclass__(cls) -> None:
        """Collect the options that the class names, its own and those of every block."""
        named = {name: value for base in cls.__mro__[::-1] for name, value in vars(base).items()}
        cls.fields = {name: value for name, value in named.items() if isinstance(value, Field)}


class CommonOptions(TypedDict, total=False):
    """Options of every block; custom ones are (private enterprise number, data)."""

    comments: Sequence[str] | None
    custom_text: Sequence[tuple[int, str]] | None
    custom_octets: Sequence[tuple[int, bytes]] | None
    custom_text_not_copied: Sequence[tuple[int, str]] | None
    custom_octets_not_copied: Sequence[tuple[int, bytes]] | None


def pack_options(
    block_class: type[WithOptions], values: Mapping[str, object]
) -> tuple[Option, ...]:
    """Options by their names in ``block_class``, in the order of ``values``; None is left out.

    Raises:
        TypeError: The block has no such option.
    """
    fields = block_class.fields
    options: list[Option] = []
    for name, value in values.items():
        if name not in fields:
            raise TypeError(f"{block_class.__name__} has no option {name!r}")
        if value is None:
            continue
        field = fields[name]
        if isinstance(field, Repeated):
            options.extend(field.encode(one) for one in value)  # type: ignore[attr-defined]
        else:
            options.append(field.encode(value))
    return tuple(options)


def _swap_options(block_class: type[WithOptions], options: Iterable[Option]) -> Iterator[Option]:
    fields = block_class.fields.values()
    for option in options:
        field = next((field for field in fields if field.means(option)), None)
        yield field.swap(option) if field else option


def read_options(
    block_class: type[WithOptions], body: Buffer, offset: int, order: ByteOrder
) -> tuple[Option, ...]:
    """The options from ``offset`` to the end of a block's body.

    Raises:
        FormatError: An option runs past the body.
    """
    items, _ = read_items(body, offset, order)
    options = (Option(code, value) for code, value in items)
    return tuple(options if order == "<" else _swap_options(block_class, options))


def write_options(block: WithOptions, order: ByteOrder) -> bytes:
    """The bytes of a block's options, with the end mark if there are any."""
    if not block.options:
        return b""
    options = block.options if order == "<" else _swap_options(type(block), block.options)
    return write_items(((option.code, option.value) for option in options), order) + bytes(4)
