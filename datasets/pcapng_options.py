"""pcapng options: code, length, value, and what the value says.

Every block may end in a list of options (draft-ietf-opsawg-pcapng 3.5), each padded to 32 bits:

    0               2               4                       4 + length
    +---------------+---------------+-----------------------+-------+
    |     code      |    length     |         value         | pad 0 |   ... opt_endofopt (0, 0)
    +---------------+---------------+-----------------------+-------+

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

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from typing import ClassVar, Generic, Literal, Self, TypeVar, overload

from ..errors import FormatError
from .pcapng_values import PacketFlags

ByteOrder = Literal["<", ">"]
Buffer = bytes | memoryview

END = 0
MAX_LENGTH = 0xFFFF
MAX_ITEMS = 65_536  # no writer comes near; it bounds the objects that a hostile block becomes

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Option:
    """One option: its code, and its value without padding, integers little-endian."""

    code: int
    value: bytes


# ---- lists of (code, length, value): options, and the records of a name resolution block


def pad(data: bytes) -> bytes:
    """``data`` filled up with zeros to a multiple of four bytes."""
    return data + bytes(-len(data) % 4)


def read_items(
    body: Buffer, offset: int, order: ByteOrder, what: str = "option"
) -> tuple[list[tuple[int, bytes]], int]:
    """Walk a list up to its end mark or the end of ``body``.

    Args:
        body: A block's body.
        offset: Where the list starts.
        order: The section's byte order.
        what: What an item is called in an error.

    Returns:
        The items as (code, value), and the offset behind the list.

    Raises:
        FormatError: An item runs past the body, or there are more than ``MAX_ITEMS``.
    """
    items: list[tuple[int, bytes]] = []
    while len(body) - offset >= 4:
        code, length = struct.unpack_from(f"{order}HH", body, offset)
        offset += 4
        if length > len(body) - offset:
            room = len(body) - offset
            raise FormatError(f"{what} {code} has {length} bytes, its block has {room} left")
        if code != END:
            if len(items) == MAX_ITEMS:
                raise FormatError(f"more than {MAX_ITEMS} {what}s in one block")
            items.append((code, bytes(body[offset : offset + length])))
        offset += length + -length % 4
        if code == END:
            break
    return items, offset


def write_items(
    items: Iterable[tuple[int, bytes]], order: ByteOrder, what: str = "option"
) -> bytes:
    """The bytes of a list, without an end mark.

    Raises:
        FormatError: A value is longer than its 16-bit length can say.
    """
    parts = []
    for code, value in items:
        if len(value) > MAX_LENGTH:
            raise FormatError(f"{what} {code} has {len(value)} bytes, at most {MAX_LENGTH} fit")
        parts.append(struct.pack(f"{order}HH", code, len(value)) + pad(value))
    return b"".join(parts)


# ---- what values say


@dataclass(frozen=True, slots=True)
class Codec(Generic[T]):
    """How a value is written and read, little-endian, and how its integers are turned round.

    ``decode`` raises ValueError for bytes that it cannot take. ``swap`` undoes itself, whatever
    the bytes.
    """

    encode: Callable[[T], bytes]
    decode: Callable[[bytes], T]
    swap: Callable[[bytes], bytes] = bytes


def _sized(value: bytes, size: int) -> bytes:
    if len(value) != size:
        raise ValueError(f"{size} bytes wanted, {len(value)} found")
    return value


def _integer(size: int, *, signed: bool = False) -> Codec[int]:
    return Codec(
        lambda value: value.to_bytes(size, "little", signed=signed),
        lambda value: int.from_bytes(_sized(value, size), "little", signed=signed),
        lambda value: value[::-1],
    )


def _octets(size: int) -> Codec[bytes]:
    return Codec(lambda value: _sized(value, size), lambda value: _sized(value, size))


def encode_text(text: str) -> bytes:
    """Valid UTF-8, whatever the text (file names may hold lone surrogates)."""
    return text.encode("utf-8", "replace")


def decode_text(value: bytes) -> str:
    """The text up to the first NUL; bytes that are not UTF-8 become U+FFFD."""
    return value.split(b"\0", 1)[0].decode("utf-8", "replace")


def _swap_words(value: bytes) -> bytes:
    return b"".join(value[at : at + 4][::-1] for at in range(0, len(value), 4))


def _decode_pair(value: bytes) -> tuple[int, int]:
    first, second = struct.unpack("<II", _sized(value, 8))
    return first, second


def _decode_timestamp(value: bytes) -> int:
    high, low = _decode_pair(value)
    return high << 32 | low


def _decode_ipv4(value: bytes) -> IPv4Interface:
    mask = int.from_bytes(_sized(value, 8)[4:], "big")
    prefix = mask.bit_count()
    if mask != (0xFFFFFFFF << 32 - prefix) & 0xFFFFFFFF:
        raise ValueError(f"{IPv4Address(mask)} is no network mask")
    return IPv4Interface((value[:4], prefix))


def _decode_ipv6(value: bytes) -> IPv6Interface:
    return IPv6Interface((_sized(value, 17)[:16], value[16]))


def _swap_program(value: bytes) -> bytes:
    """Turn round BPF instructions: u16 code, u8 jt, u8 jf, u32 k."""
    steps = (value[at : at + 8] for at in range(0, len(value), 8))
    return b"".join(step[1::-1] + step[2:4] + step[:3:-1] for step in steps)


def _swap_number(value: bytes) -> bytes:
    return value[3::-1] + value[4:]


def _split_number(value: bytes) -> tuple[int, bytes]:
    if len(value) < 4:
        raise ValueError(f"an enterprise number of 4 bytes wanted, {len(value)} found")
    return int.from_bytes(value[:4], "little"), value[4:]


def _decode_custom_text(value: bytes) -> tuple[int, str]:
    number, data = _split_number(value)
    return number, decode_text(data)


def _decode_hash(value: bytes) -> tuple[int, bytes]:
    if not value:
        raise ValueError("an algorithm octet wanted, nothing found")
    return value[0], value[1:]


TEXT = Codec(encode_text, decode_text)
OCTETS = Codec(bytes, bytes)
U8 = _integer(1)
U32 = _integer(4)
U64 = _integer(8)
I32 = _integer(4, signed=True)
I64 = _integer(8, signed=True)
MAC = _octets(6)
EUI = _octets(8)
FLAGS = Codec(U32.encode, lambda value: PacketFlags(U32.decode(value)), U32.swap)
PAIR = Codec(lambda pair: struct.pack("<II", *pair), _decode_pair, _swap_words)
TIMESTAMP = Codec(  # two u32, the high one first, in either byte order
    lambda ticks: struct.pack("<II", ticks >> 32, ticks & 0xFFFFFFFF),
    _decode_timestamp,
    _swap_words,
)
IPV4 = Codec(lambda value: value.ip.packed + value.netmask.packed, _decode_ipv4)
IPV6 = Codec(lambda value: value.ip.packed + bytes([value.network.prefixlen]), _decode_ipv6)
IPV4_ADDRESS = Codec(lambda value: value.packed, lambda value: IPv4Address(_sized(value, 4)))
IPV6_ADDRESS = Codec(lambda value: value.packed, lambda value: IPv6Address(_sized(value, 16)))
PROGRAM = Codec(bytes, bytes, _swap_program)
HASH = Codec(lambda value: bytes([value[0]]) + value[1], _decode_hash)
CUSTOM_OCTETS = Codec(
    lambda value: struct.pack("<I", value[0]) + value[1], _split_number, _swap_number
)
CUSTOM_TEXT = Codec(
    lambda value: struct.pack("<I", value[0]) + encode_text(value[1]),
    _decode_custom_text,
    _swap_number,
)


# ---- options by name


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
