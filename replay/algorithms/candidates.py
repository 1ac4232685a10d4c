"""Candidates: sets of flips that would make a bad frame's FCS right, and which one to claim.

Whoever searches (:mod:`.shapes`, :mod:`.pairs`, :mod:`.powers`) gives *all* candidates up to a
weight; whoever checks (:mod:`.checks`) gives a verdict on each. What is claimed is the only
candidate of the lowest weight that is left, if there is one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...datasets.frames import FcsStatus, FrameBatch

_ROOM = 1024


@dataclass(frozen=True, slots=True)
class Bad:
    """Some bad frames of a batch; see ``FrameBatch``.

    Attributes:
        number: Frame numbers, shape (n,).
        data: The bytes of all frames.
        offsets: Frame i is ``data[offsets[i]:offsets[i + 1]]``.
        rows: Which frames these are, shape (n,).
    """

    number: NDArray[np.int64]
    data: NDArray[np.uint8]
    offsets: NDArray[np.int32]
    rows: NDArray[np.int64]

    @classmethod
    def of(cls, frames: FrameBatch) -> Bad:
        """The bad frames of a batch."""
        rows = np.flatnonzero(frames.fcs_status == FcsStatus.BAD)
        return cls(frames.number[rows], frames.data, frames.offsets, rows)

    @classmethod
    def blank(cls, length: int = 4) -> Bad:
        """One frame of zeros to try kernels on."""
        none = np.zeros(1, np.int64)
        data, offsets = np.zeros(length, np.uint8), np.array([0, length], np.int32)
        for array in (data, offsets):  # as a batch has them: kernels are compiled for that
            array.flags.writeable = False
        return cls(none, data, offsets, none)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def bits(self) -> NDArray[np.int64]:
        """Lengths, FCS included."""
        return 8 * (self.offsets[self.rows + 1] - self.offsets[self.rows]).astype(np.int64)

    def only(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> Bad:
        """Those that ``which`` says."""
        return replace(self, number=self.number[which], rows=self.rows[which])


@dataclass(frozen=True, slots=True)
class Candidates:
    """Sets of flips, each of which explains the FCS of a frame.

    Attributes:
        row: Place of the frame in the ``Bad`` that was searched, shape (n,).
        weight: The lighter the likelier, shape (n,).
        offsets: Candidate i flips ``flips[offsets[i]:offsets[i + 1]]``, shape (n + 1,).
        flips: Bit positions, sorted within a candidate.
    """

    row: NDArray[np.int64]
    weight: NDArray[np.int64]
    offsets: NDArray[np.int64]
    flips: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.row)

    def taken(self, order: NDArray[np.int64]) -> Candidates:
        """These candidates, in this order."""
        offsets, flips = runs(self.offsets, self.flips, order)
        return Candidates(self.row[order], self.weight[order], offsets, flips)


@dataclass(frozen=True, slots=True)
class Choice:
    """What is claimed of each frame.

    Attributes:
        claimed: Place of the claimed candidate among the candidates, or -1, shape (frames,).
        rivals: Candidates of the lowest weight that any has, shape (frames,).
    """

    claimed: NDArray[np.int64]
    rivals: NDArray[np.int64]


def choose(frames: int, candidates: Candidates, admitted: NDArray[np.bool_]) -> Choice:
    """For each frame the only admitted candidate of the lowest weight that any has."""
    places = np.flatnonzero(admitted)
    row, weight = candidates.row[places], candidates.weight[places]
    lightest = np.full(frames, np.iinfo(np.int64).max)
    np.minimum.at(lightest, row, weight)
    places = places[weight == lightest[row]]
    row = candidates.row[places]
    rivals = np.bincount(row, minlength=frames)
    claimed = np.full(frames, -1)
    claimed[row] = places
    claimed[rivals != 1] = -1
    return Choice(claimed, rivals)


def collect(
    search: Callable[[NDArray[np.int64]], int], columns: int, room: int = _ROOM
) -> NDArray[np.int64]:
    """The rows that a search finds: it is given room, and says how much it would have needed.

    Args:
        search: Fills an array of shape (room, columns) as far as it goes; gives the number of rows.
        columns: Numbers in a row.
        room: Rows to make room for at first.
    """
    while True:
        found = np.empty((room, columns), np.int64)
        number = search(found)
        if number <= room:
            return found[:number]
        room = number


def runs(
    offsets: NDArray[np.int64], values: NDArray[np.int64], order: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Some of the runs ``values[offsets[i]:offsets[i + 1]]``, in an order: offsets and values."""
    lengths = np.diff(offsets)[order]
    ends = np.concatenate([[0], np.cumsum(lengths)])
    moved = np.repeat(offsets[:-1][order] - ends[:-1], lengths)
    return ends, values[moved + np.arange(ends[-1])]


def column(frames: FrameBatch, name: str) -> NDArray[np.float64]:
    """A column as numbers, NaN where it is null."""
    return np.asarray(frames.column(name).cast("float64").to_numpy(zero_copy_only=False))
