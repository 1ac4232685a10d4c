"""Which group each frame belongs to, and sums by group: numbered once, for all that count.

Groups are the distinct values of some columns, numbered in the order in which they first appear
over all batches of a capture. Whoever counts by group (tally, statistics, evaluation) is given the
number of each frame's group, and asks for the values behind it when all is counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..datasets.frames import FRAMES, FrameBatch
from ..errors import MatchError
from .conditions import COLUMNS, Conditions

_ALIASES = {"rate": "rate_mbps", "signal": "signal_dbm", "noise": "noise_dbm"}
_NO_KEYS = {"time", "mpdu"}  # every frame has its own
_TABLE = 1 << 20  # codes up to here are counted in a table, others are sorted


class _Numbered:
    """Keys and their numbers.

    Attributes:
        by: The columns' full names, each once.
        keys: Values of the columns for each group so far, by its number.
    """

    def __init__(self, by: Sequence[str]) -> None:
        self.by = list(by)
        self.keys: list[tuple[Any, ...]] = []
        self._numbers: dict[tuple[Any, ...], int] = {}

    def number(self, key: tuple[Any, ...]) -> int:
        """A group's number; a new one for new values."""
        found = self._numbers.get(key)
        if found is None:
            found = self._numbers[key] = len(self.keys)
            self.keys.append(key)
        return found

    def key(self, group: int) -> dict[str, Any]:
        """A group's values by column, as JSON can hold them: addresses as people write them."""
        return {
            name: value.hex(":") if isinstance(value, bytes) else value
            for name, value in zip(self.by, self.keys[group], strict=True)
        }

    def order(self) -> list[int]:
        """The groups' numbers, sorted by their keys, null first."""

        def rank(group: int) -> list[tuple[bool, Any]]:
            return [(value is not None, value) for value in self.keys[group]]

        return sorted(range(len(self.keys)), key=rank)


class Grouping(_Numbered):
    """Numbers groups.

    Args:
        by: Columns of ``frames``, or ``rate``, ``signal``, ``noise`` for short; and of the
            tx log.
        conditions: The tx log, if there is one.

    Raises:
        MatchError: No such column.
    """

    def __init__(self, by: Sequence[str], conditions: Conditions | None = None) -> None:
        super().__init__(list(dict.fromkeys(_ALIASES.get(name, name) for name in by)))
        self._conditions = conditions
        names = [column.name for column in FRAMES.columns if column.name not in _NO_KEYS]
        names += COLUMNS if conditions else ()
        for name in self.by:
            if name in COLUMNS and not conditions:
                raise MatchError(f"column {name!r} is of the tx log; name one with --tx-log")
            if name not in names:
                raise MatchError(f"no column {name!r} to group by; there are: {', '.join(names)}")

    def of(self, frames: FrameBatch) -> NDArray[np.int64]:
        """The number of each frame's group, of the next batch; shape (frames,)."""
        if not len(frames):
            return np.zeros(0, np.int64)
        labels = {}
        wanted = [name for name in self.by if name in COLUMNS]
        if self._conditions and wanted:
            labels = self._conditions.label(frames, wanted)
        codes = np.zeros(len(frames), np.int64)
        firsts = np.zeros(1, np.int64)
        columns = []
        for name in self.by:
            columns.append(labels[name] if name in labels else frames.column(name))
            codes, firsts = _dense(_with(codes, columns[-1]))
        keys = zip(*(column.take(firsts).to_pylist() for column in columns), strict=True)
        return np.array([self.number(key) for key in (keys if columns else [()])], np.int64)[codes]


class Subgrouping(_Numbered):
    """Numbers the groups that are left when each is split by one more column.

    Args:
        grouping: The groups.
        column: A column of ``frames``, not among theirs.
    """

    def __init__(self, grouping: Grouping, column: str) -> None:
        super().__init__([*grouping.by, column])
        self._outer = grouping

    def of(self, frames: FrameBatch, groups: NDArray[np.int64]) -> NDArray[np.int64]:
        """The number of each frame's part of its group.

        Args:
            frames: The next batch.
            groups: Each frame's group.
        """
        if not len(frames):
            return np.zeros(0, np.int64)
        column = frames.column(self.by[-1])
        codes, firsts = _dense(_with(groups, column))
        values = column.take(firsts).to_pylist()
        outer = groups[firsts].tolist()
        keys = [(*self._outer.keys[o], v) for o, v in zip(outer, values, strict=True)]
        return np.array([self.number(key) for key in keys], np.int64)[codes]


class Sums:
    """Sums of some measures by group.

    Args:
        measures: How many there are.
    """

    def __init__(self, measures: int) -> None:
        self._sums = np.zeros((0, measures), np.float64)

    def add(self, groups: NDArray[np.int64], *measures: NDArray[Any]) -> None:
        """Add to the groups of ``groups``, shape (n,), one array of shape (n,) a measure."""
        if not len(groups):
            return
        missing = int(groups.max()) + 1 - len(self._sums)
        if missing > 0:
            self._sums = np.pad(self._sums, ((0, missing), (0, 0)))
        for index, values in enumerate(measures):
            self._sums[:, index] += np.bincount(groups, values, len(self._sums))

    def of(self, group: int) -> list[float]:
        """The sums of a group."""
        if group >= len(self._sums):
            return [0.0] * self._sums.shape[1]
        return [float(value) for value in self._sums[group]]

    def counts(self, group: int) -> list[int]:
        """The sums of a group, of measures that are whole numbers (exact below 2^53)."""
        return [round(value) for value in self.of(group)]

    def total(self) -> list[int]:
        """The sums over all groups, of measures that are whole numbers."""
        return [round(float(value)) for value in self._sums.sum(axis=0)]


def _with(codes: NDArray[np.int64], column: Any) -> NDArray[np.int64]:
    """Codes of pairs: of a code so far, and a value of the column, null being one."""
    is_encoded = pa.types.is_dictionary(column.type)
    encoded = column if is_encoded else column.dictionary_encode("encode")
    values = encoded.indices.to_numpy()
    return np.asarray(codes * max(1, len(encoded.dictionary)) + values, np.int64)


def _dense(codes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Codes from 0 without gaps, and a row that has each."""
    if codes.max() >= _TABLE:
        _, firsts, dense = np.unique(codes, return_index=True, return_inverse=True)
        return dense, firsts
    row = np.full(int(codes.max()) + 1, -1, np.int64)
    row[codes] = np.arange(len(codes))
    there = np.flatnonzero(row >= 0)
    number = np.zeros(len(row), np.int64)
    number[there] = np.arange(len(there))
    return number[codes], row[there]
