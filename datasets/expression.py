"""Conditions on frame columns, as users write them: ``rate_mbps == 54 and fcs_status == "bad"``.

The language is a small part of Python's expressions, and means what it means there: ``and``,
``or``, ``not``, comparisons (also in chains, ``1000 <= original_length < 2000``), ``in`` and
``not in`` with a list in brackets, ``is None``. Operands are columns of ``FRAMES`` (all but
``mpdu``), numbers, strings, ``True``, ``False`` and ``None``. ``time`` is a number of ns since
1970; an address is a string, ``"02:00:00:00:00:01"``.

A column may be missing in a frame: it is then ``None``, equal to nothing else, and neither less
nor greater than anything (where Python would raise). Alone, a column holds where it is neither
None nor zero.

Nothing is evaluated: the text is parsed, each node is looked up in what is listed here, and the
rest is refused.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .frames import FRAMES, FcsStatus, FrameBatch

Mask = NDArray[np.bool_]
_MAX_LENGTH: Final = 4096
_ADDRESS_BYTES: Final = 6
_TYPES: Final = {column.name: column.type for column in FRAMES.columns if column.name != "mpdu"}
_STATUSES: Final = {status.name.lower(): int(status) for status in FcsStatus}
_COMPARISONS: Final[dict[type[ast.cmpop], Callable[[Any, Any], Any]]] = {
    ast.Eq: operator.eq,
    ast.Is: operator.eq,
    ast.NotEq: operator.ne,
    ast.IsNot: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_EQUALITIES: Final = (ast.Eq, ast.NotEq, ast.Is, ast.IsNot)


@dataclass(frozen=True, slots=True)
class _Column:
    name: str

    @property
    def kind(self) -> str:
        """What it can be compared with."""
        if self.name == "fcs_status":
            return self.name
        return "address" if pa.types.is_fixed_size_binary(_TYPES[self.name]) else "number"

    def values(self, frames: FrameBatch) -> tuple[Any, Mask]:
        """Its values, and where there are any."""
        column = frames.column(self.name)
        valid = np.asarray(column.is_valid().to_numpy(zero_copy_only=False))
        if self.name == "fcs_status":
            return frames.fcs_status, valid
        if self.kind == "address":
            filled = column.fill_null(bytes(_ADDRESS_BYTES))
            raw = np.frombuffer(filled.buffers()[1] or b"", np.uint8)
            octets = raw.reshape(-1, _ADDRESS_BYTES)[filled.offset : filled.offset + len(filled)]
            return octets @ 256 ** np.arange(_ADDRESS_BYTES), valid  # numpy's bytes lose zeros
        if self.name == "time":
            column = column.cast(pa.int64())
        none = pa.scalar(0, pa.int8()).cast(column.type)
        return np.asarray(column.fill_null(none).to_numpy(zero_copy_only=False)), valid


_Operand = _Column | bool | int | float | None


class Expression:
    """A condition, ready to be asked of frames.

    Args:
        text: As the user wrote it.

    Raises:
        ValueError: It is none; says what is wrong.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        if len(text) > _MAX_LENGTH:
            raise ValueError(f"{len(text)} characters, wanted {_MAX_LENGTH} at most")
        try:
            tree = ast.parse(text.strip(), mode="eval").body
            self._ask = _condition(tree)
        except SyntaxError as error:
            raise ValueError(f"{text!r}: {_complaint(text.strip(), error)}") from None
        except (RecursionError, MemoryError):
            raise ValueError(f"{text[:40]!r}...: nested too deeply") from None

    def __call__(self, frames: FrameBatch) -> Mask:
        """Where it holds, shape (frames,)."""
        return self._ask(frames)

    def __str__(self) -> str:
        return self.text

    def __reduce__(self) -> tuple[type[Expression], tuple[str]]:
        return Expression, (self.text,)


def _complaint(text: str, error: SyntaxError) -> str:
    """What does not parse, where, and how it is done."""
    if not text:
        return "empty, wanted a condition, as rate_mbps == 54"
    if re.search(r"(?<![=!<>])=(?!=)", text):
        return "to compare is ==, as rate_mbps == 54"
    if error.offset is None:
        return error.msg
    rest = text[(error.offset or len(text) + 1) - 1 :]
    return f"{error.msg} at {rest[:20]!r}" if rest else "it ends too early"


def _condition(node: ast.expr) -> Callable[[FrameBatch], Mask]:
    match node:
        case ast.BoolOp(op=op, values=values):
            parts = [_condition(value) for value in values]
            join = np.logical_and if isinstance(op, ast.And) else np.logical_or
            return lambda frames: join.reduce([part(frames) for part in parts])
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            inner = _condition(operand)
            return lambda frames: ~inner(frames)
        case ast.Compare(left=left, ops=ops, comparators=rest):
            sides = [left, *rest]
            links = [_link(*each) for each in zip(sides, ops, rest, strict=False)]
            return lambda frames: np.logical_and.reduce([link(frames) for link in links])
        case _:
            return _truth(_operand(node))


def _truth(operand: _Operand) -> Callable[[FrameBatch], Mask]:
    """An operand alone."""
    if isinstance(operand, str):
        raise ValueError(f"{operand!r} alone is no condition")  # noqa: TRY004
    if not isinstance(operand, _Column):
        return lambda frames: np.full(len(frames), bool(operand))
    if operand.kind != "number":
        raise ValueError(f"{operand.name} alone is no condition: compare it with something")

    def holds(frames: FrameBatch) -> Mask:
        values, valid = operand.values(frames)
        return np.asarray(valid & (values != 0))

    return holds


def _link(left: ast.expr, op: ast.cmpop, right: ast.expr) -> Callable[[FrameBatch], Mask]:
    """One comparison of a chain."""
    if isinstance(op, ast.In | ast.NotIn):
        if not isinstance(right, ast.List | ast.Tuple | ast.Set):
            what = ast.unparse(right)
            raise ValueError(f"{what!r} behind in: wanted a list, as in [6, 54]")  # noqa: TRY004
        equal = [_link(left, ast.Eq(), each) for each in right.elts]
        inside: Callable[[FrameBatch], Mask] = lambda frames: np.logical_or.reduce(  # noqa: E731
            [np.zeros(len(frames), np.bool_), *(each(frames) for each in equal)]
        )
        return inside if isinstance(op, ast.In) else lambda frames: ~inside(frames)
    return _comparison(_operand(left), op, _operand(right))


def _comparison(left: _Operand, op: ast.cmpop, right: _Operand) -> Callable[[FrameBatch], Mask]:
    left, right = _alike(left, right), _alike(right, left)
    compare = _COMPARISONS[type(op)]
    is_equality = isinstance(op, _EQUALITIES)
    if isinstance(op, ast.Is | ast.IsNot) and right is not None:
        raise ValueError("is and is not go with None only: write == or !=")
    if not is_equality and any(
        side is None or (isinstance(side, _Column) and side.kind != "number")
        for side in (left, right)
    ):
        raise ValueError("only numbers are less or greater than something")
    differs = isinstance(op, ast.NotEq | ast.IsNot)

    def holds(frames: FrameBatch) -> Mask:
        (a, a_valid), (b, b_valid) = _values(left, frames), _values(right, frames)
        both = a_valid & b_valid
        found = both & np.asarray(compare(a, b), np.bool_)
        if not is_equality:
            return np.asarray(found, np.bool_)
        return np.asarray(
            found | (a_valid != b_valid) if differs else found | ~(a_valid | b_valid), np.bool_
        )

    return holds


def _values(operand: _Operand, frames: FrameBatch) -> tuple[Any, Mask]:
    if isinstance(operand, _Column):
        return operand.values(frames)
    return (0 if operand is None else operand), np.full(len(frames), operand is not None)


def _alike(operand: _Operand | str, other: _Operand | str) -> Any:
    """An operand in the form in which it is compared with the other one."""
    kind = other.kind if isinstance(other, _Column) else "number"
    if isinstance(operand, _Column):
        if isinstance(other, _Column) and operand.kind != kind:
            raise ValueError(f"{operand.name} and {other.name} cannot be compared")
        if operand.kind != "number" and not isinstance(other, _Column | str | None):
            raise ValueError(f"{operand.name} is compared with strings")
        return operand
    if not isinstance(operand, str):
        return operand
    if kind == "fcs_status":
        if operand not in _STATUSES:
            raise ValueError(f"fcs_status is never {operand!r}; it is {', '.join(_STATUSES)}")
        return _STATUSES[operand]
    if kind == "address":
        return _address(operand)
    raise ValueError(f"{operand!r}: strings go with fcs_status and addresses only")


def _address(text: str) -> int:
    try:
        address = bytes.fromhex(text.replace(":", ""))
    except ValueError:
        address = b""
    if len(address) != _ADDRESS_BYTES:
        raise ValueError(f"{text!r} is no address, wanted 02:00:00:00:00:01")
    return int.from_bytes(address, "little")


def _operand(node: ast.expr) -> Any:
    """A column, or a constant (strings as they stand: :func:`_alike` reads them)."""
    match node:
        case ast.Name(id=name):
            if name not in _TYPES:
                raise ValueError(f"no column {name!r}; there are: {', '.join(_TYPES)}")
            return _Column(name)
        case ast.Constant(value=None | bool() | int() | float() | str() as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
        case _:
            raise ValueError(f"{ast.unparse(node)!r} is neither a column nor a constant")
