"""Two tables of the same rows, compared value by value: which rows one has alone, which differ.

Rows are the same row by their keys (the frame's number, say), which rise in both tables. Both are
read side by side, a batch of each at a time, so memory does not grow with them. Values are the
same if all their bits are: a NaN equals itself, and a null only a null.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_Mask = NDArray[np.bool_]
_Keys = NDArray[np.bytes_]
_BYTES = 8  # of one number in a key


@dataclass(slots=True)
class RowDiff:
    """How many rows differ.

    Attributes:
        rows: Rows of either table that were looked at.
        same: Rows that both have, with the same values.
        differing: Rows that both have, with other values.
        alone: Rows that one alone has: the first, the second.
        passed: Rows that were not to be compared.
        columns: In how many rows each column differs, by its name; those that differ anywhere.
            One that only one table has differs in every row.
        first: Key of the first row that differs or that one alone has; None without.
    """

    rows: tuple[int, int] = (0, 0)
    same: int = 0
    differing: int = 0
    alone: tuple[int, int] = (0, 0)
    passed: int = 0
    columns: dict[str, int] = field(default_factory=dict)
    first: tuple[int, ...] | None = None

    @property
    def is_same(self) -> bool:
        """Whether all rows are in both, with the same values."""
        return not self.differing and self.alone == (0, 0) and not self.columns

    def to_json(self) -> dict[str, Any]:
        """Stable keys; see docs/reproduce.md."""
        return {
            "rows": list(self.rows),
            "same": self.same,
            "differing": self.differing,
            "alone": list(self.alone),
            "passed": self.passed,
            "columns": dict(self.columns),
            "first": None if self.first is None else list(self.first),
        }


def compare_rows(
    first: Iterable[Any],
    second: Iterable[Any],
    *,
    keys: Sequence[str],
    ignored: Iterable[str] = (),
    passes: Callable[[Any], _Mask] | None = None,
    until: Sequence[int] | None = None,
) -> RowDiff:
    """Compare two tables.

    Args:
        first: Record batches.
        second: Those of the other table.
        keys: Columns of integers that tell rows apart, the most significant one first. One that
            a table does not have is 1 in each of its rows.
        ignored: Columns that are not compared.
        passes: Says of rows of the first table which are not compared; none if not given.
        until: Key at which the first table ended early: rows of the second behind it do not count,
            unless the first has some there all the same. All count if not given.
    """
    sides = (_Side(first, keys), _Side(second, keys))
    diff = RowDiff()
    last = None if until is None else b"".join(n.to_bytes(_BYTES, "big") for n in until)
    while True:
        ends = [side.end() for side in sides]
        upto = min((end for end in ends if end is not None), default=None)
        if upto is None:
            return diff
        is_over = ends[0] is None and last is not None and upto.ljust(len(last), b"\0") > last
        if is_over and last is not None:
            upto = last
        _add(diff, [side.take(upto) for side in sides], keys, set(ignored), passes)
        if is_over:
            return diff


class _Side:
    """One of the tables: what was read of it and not compared yet."""

    def __init__(self, batches: Iterable[Any], keys: Sequence[str]) -> None:
        self._batches: Iterator[Any] = iter(batches)
        self._names = keys
        self._rest: Any = None
        self._keys: _Keys = np.zeros(0, f"S{_BYTES * len(keys)}")

    def end(self) -> bytes | None:
        """The largest key that is at hand; None at the end of the table."""
        while not len(self._keys):
            batch = next(self._batches, None)
            if batch is None:
                return None
            self._rest, self._keys = batch, _keys(batch, self._names)
        return bytes(np.sort(self._keys)[-1])

    def take(self, until: bytes) -> tuple[_Keys, Any]:
        """The rows up to a key, and their keys."""
        chosen = self._keys <= np.bytes_(until)
        taken, rows = self._keys[chosen], self._rest
        if not chosen.all():
            rows = self._rest.filter(pa.array(chosen))
            self._rest = self._rest.filter(pa.array(~chosen))
        self._keys = self._keys[~chosen]
        return taken, rows


def _keys(batch: Any, names: Sequence[str]) -> _Keys:
    """Keys as bytes that sort as the numbers do."""
    keys = np.ones((len(batch), len(names)), ">u8")
    for at, name in enumerate(names):
        if name in batch.schema.names:
            values = batch.column(name).fill_null(0).to_numpy()
            keys[:, at] = values.astype(np.uint64)
    return keys.view(f"S{_BYTES * len(names)}").ravel()


def _numbers(key: bytes, count: int) -> tuple[int, ...]:
    whole = key.ljust(_BYTES * count, b"\0")  # numpy leaves out zeros at the end
    return tuple(int(number) for number in np.frombuffer(whole, ">u8"))


def _add(
    diff: RowDiff,
    sides: Sequence[tuple[_Keys, Any]],
    keys: Sequence[str],
    ignored: set[str],
    passes: Callable[[Any], _Mask] | None,
) -> None:
    (first_keys, first), (second_keys, second) = sides
    diff.rows = (diff.rows[0] + len(first_keys), diff.rows[1] + len(second_keys))
    if np.array_equal(first_keys, second_keys):  # as it nearly always is
        both, places = first_keys, None
    else:
        both, *places = np.intersect1d(first_keys, second_keys, return_indices=True)
    alone = (len(first_keys) - len(both), len(second_keys) - len(both))
    diff.alone = (diff.alone[0] + alone[0], diff.alone[1] + alone[1])
    odd = [] if alone == (0, 0) else [*np.setxor1d(first_keys, second_keys)[:1]]
    if len(both):
        if places is not None:
            first, second = first.take(pa.array(places[0])), second.take(pa.array(places[1]))
        if passes is not None and (over := passes(first)).any():
            diff.passed += int(over.sum())
            kept = pa.array(~over)
            first, second, both = first.filter(kept), second.filter(kept), both[~over]
        wrong = _differing(diff, first, second, {*keys, *ignored})
        diff.differing += int(wrong.sum())
        diff.same += int((~wrong).sum())
        odd += [*both[wrong][:1]]
    if odd and diff.first is None:
        diff.first = _numbers(bytes(min(odd)), len(keys))


def _differing(diff: RowDiff, one: Any, other: Any, left_out: set[str]) -> _Mask:
    """Which of the rows that both have differ; counts the columns."""
    wrong = np.zeros(len(one), np.bool_)
    for name in dict.fromkeys([*one.schema.names, *other.schema.names]):
        if name in left_out:
            continue
        if name in one.schema.names and name in other.schema.names:
            differs = column_differs(one.column(name), other.column(name))
        else:
            differs = np.ones(len(one), np.bool_)
        if differs.any():
            diff.columns[name] = diff.columns.get(name, 0) + int(differs.sum())
            wrong |= differs
    return wrong


def column_differs(one: Any, other: Any) -> _Mask:
    """Where two arrays of the same length have other values."""
    one, other = _plain(one), _plain(other)
    if one.type != other.type:
        return np.ones(len(one), np.bool_)
    nulls = _numpy(one.is_null()), _numpy(other.is_null())
    if pa.types.is_list(one.type):
        differs = _lists_differ(one, other)
    elif pa.types.is_floating(one.type):
        differs = _bits(one) != _bits(other)
    else:
        differs = _numpy(pc.call_function("not_equal", [one, other]).fill_null(False))
    return np.asarray(np.where(nulls[0] | nulls[1], nulls[0] != nulls[1], differs))


def _plain(column: Any) -> Any:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _numpy(column: Any) -> Any:
    return column.to_numpy(zero_copy_only=False)


def _bits(column: Any) -> NDArray[np.uint64]:
    values = np.asarray(_numpy(column.fill_null(0.0)), np.float64)
    return np.where(np.isnan(values), np.float64(np.nan), values).view(np.uint64)


def _lists_differ(one: Any, other: Any) -> _Mask:
    lengths = [_numpy(each.value_lengths().fill_null(0)).astype(np.int64) for each in (one, other)]
    differs = np.asarray(lengths[0] != lengths[1])
    alike = ~differs
    values = [
        column_values.filter(pa.array(np.repeat(alike, count)))
        for column_values, count in zip((one.flatten(), other.flatten()), lengths, strict=True)
    ]
    row = np.repeat(np.flatnonzero(alike), lengths[0][alike])
    differs[row[column_differs(*values)]] = True
    return differs
