"""The group of every frame as a number, and sums by that number, batch after batch.

Where :class:`~wtrec.analysis.tally.Tally` adds up what it counts itself, this lets several
collectors count by the same groups: they see codes, and ask for the keys at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..datasets.frames import FrameBatch
from .conditions import COLUMNS, Conditions


class Groups:
    """Numbers the distinct values of some columns, in the order in which they come.

    Args:
        by: Columns of ``frames`` and of the tx log, by their full names.
        conditions: The tx log, if columns of it are asked for.

    Attributes:
        keys: The values of each group, by its number.
    """

    def __init__(self, by: Sequence[str], conditions: Conditions | None = None) -> None:
        self.by = list(by)
        self.keys: list[tuple[Any, ...]] = []
        self._codes: dict[tuple[Any, ...], int] = {}
        self._conditions = conditions

    def codes(self, frames: FrameBatch) -> NDArray[np.int64]:
        """The group of each frame, shape (frames,)."""
        labels = {}
        wanted = [name for name in self.by if name in COLUMNS]
        if self._conditions and wanted:
            labels = self._conditions.label(frames, wanted)
        columns = [labels[name] if name in labels else frames.column(name) for name in self.by]
        encoded = [
            column
            if isinstance(column, pa.DictionaryArray)
            else column.dictionary_encode(null_encoding="encode")
            for column in columns
        ]
        mixed = np.zeros(len(frames), np.int64)
        for column in encoded:
            mixed = mixed * len(column.dictionary) + column.indices.to_numpy()
        _, first, inverse = np.unique(mixed, return_index=True, return_inverse=True)
        numbers = np.empty(len(first), np.int64)
        for place, row in enumerate(first.tolist()):
            key = tuple(column[row].as_py() for column in columns)
            if key not in self._codes:
                self._codes[key] = len(self.keys)
                self.keys.append(key)
            numbers[place] = self._codes[key]
        return np.asarray(numbers[inverse])

    def key(self, code: int) -> dict[str, Any]:
        """A group's values by column, as JSON can hold them: addresses as people write them."""
        return {
            name: value.hex(":") if isinstance(value, bytes) else value
            for name, value in zip(self.by, self.keys[code], strict=True)
        }

    def order(self) -> list[int]:
        """The groups' numbers, sorted by their keys, null first."""

        def rank(code: int) -> list[tuple[bool, Any]]:
            return [(value is not None, value) for value in self.keys[code]]

        return sorted(range(len(self.keys)), key=rank)


class Sums:
    """Sums of some measures by group.

    Args:
        measures: How many there are.
    """

    def __init__(self, measures: int) -> None:
        self._sums = np.zeros((0, measures), np.float64)

    def add(self, codes: NDArray[np.int64], *measures: NDArray[Any]) -> None:
        """Add to the groups of ``codes``, shape (n,), one array of shape (n,) a measure."""
        if not len(codes):
            return
        missing = int(codes.max()) + 1 - len(self._sums)
        if missing > 0:
            self._sums = np.pad(self._sums, ((0, missing), (0, 0)))
        for index, values in enumerate(measures):
            self._sums[:, index] += np.bincount(codes, values, len(self._sums))

    def of(self, code: int) -> list[float]:
        """The sums of a group."""
        if code >= len(self._sums):
            return [0.0] * self._sums.shape[1]
        return [float(value) for value in self._sums[code]]

    def counts(self, code: int) -> list[int]:
        """The sums of a group, of measures that are whole numbers (exact below 2^53)."""
        return [round(value) for value in self.of(code)]

    def total(self) -> list[int]:
        """The sums over all groups, of measures that are whole numbers."""
        return [round(float(value)) for value in self._sums.sum(axis=0)]
