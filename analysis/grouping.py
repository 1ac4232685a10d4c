"""Which group each frame belongs to: the distinct values of some columns.

Groups are numbered in the order in which they first appear, over all batches of a capture.
"""

from __future__ import annotations

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


class Grouping:
    """Numbers groups.

    Args:
        by: Columns of ``frames``, or ``rate``, ``signal``, ``noise`` for short; and of the
            tx log.
        conditions: The tx log, if there is one.

    Attributes:
        by: The columns' full names, each once.
        keys: Values of the columns for each group so far.

    Raises:
        MatchError: No such column.
    """

    def __init__(self, by: list[str], conditions: Conditions | None = None) -> None:
        self.by = list(dict.fromkeys(_ALIASES.get(name, name) for name in by))
        self.keys: list[tuple[Any, ...]] = []
        self._ids: dict[tuple[Any, ...], int] = {}
        self._conditions = conditions
        names = [column.name for column in FRAMES.columns if column.name not in _NO_KEYS]
        names += COLUMNS if conditions else ()
        for name in self.by:
            if name in COLUMNS and not conditions:
                raise MatchError(f"column {name!r} is of the tx log; name one with --tx-log")
            if name not in names:
                raise MatchError(f"no column {name!r} to group by; there are: {', '.join(names)}")

    def ids(self, frames: FrameBatch) -> NDArray[np.int64]:
        """The group of each frame of the next batch."""
        if not len(frames):
            return np.zeros(0, np.int64)
        labels = {}
        if self._conditions:
            wanted = [name for name in self.by if name in COLUMNS]
            labels = self._conditions.label(frames, wanted)
        codes = np.zeros(len(frames), np.int64)
        firsts = np.zeros(1, np.int64)
        columns = []
        for name in self.by:
            column = labels[name] if name in labels else frames.column(name)
            columns.append(column)
            is_encoded = pa.types.is_dictionary(column.type)
            encoded = column if is_encoded else column.dictionary_encode("encode")
            values = encoded.indices.to_numpy()
            codes, firsts = _dense(codes * max(1, len(encoded.dictionary)) + values)
        keys = zip(*(column.take(firsts).to_pylist() for column in columns), strict=True)
        return np.array([self._id(key) for key in (keys if columns else [()])], np.int64)[codes]

    def _id(self, key: tuple[Any, ...]) -> int:
        found = self._ids.get(key)
        if found is None:
            found = self._ids[key] = len(self.keys)
            self.keys.append(key)
        return found


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
