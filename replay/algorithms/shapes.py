"""The engine of several algorithms: error shapes that may stand anywhere in a frame.

A shape is a pattern of wrong bits with a weight, the lighter the likelier. Its syndrome with its
last bit at the frame's end is s(x), and s(x) x^m mod P with m bits behind it; so a frame of
syndrome S is explained by that shape there if S x^-m is s: one step of a shift register and one
look-up in a hash table for each bit of the frame, for all shapes at once.

A :class:`Ladder` has the shapes of one kind by weight. For a frame it goes up as far as the
*gate* lets it: the shapes up to a weight, times the positions, over 2^32, is the number of false
candidates to expect in a frame that is damaged otherwise. A repair is claimed if exactly one
candidate has the lowest weight that any has.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...datasets.frames import FcsStatus, FrameBatch
from ..algorithm import Repairs
from . import shapes_kernel

ANYWHERE = -1


class Shapes(NamedTuple):
    """Error shapes, whatever their order.

    Attributes:
        masks: uint64, shape (shapes, words): bit k of the words, lowest first, is the bit that is
            k bits before the last one; bit 0 is set.
        weights: uint8, shape (shapes,): less than 255.
        classes: uint8, shape (shapes,): of the positions where the last bit may stand.
    """

    masks: NDArray[np.uint64]
    weights: NDArray[np.uint8]
    classes: NDArray[np.uint8]


class Bad(NamedTuple):
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
    def blank(cls) -> Bad:
        """One frame to try kernels on."""
        none = np.zeros(1, np.int64)
        return cls(none, np.zeros(4, np.uint8), np.array([0, 4], np.int32), none)

    @property
    def bits(self) -> NDArray[np.int64]:
        """Lengths, FCS included."""
        return 8 * (self.offsets[self.rows + 1] - self.offsets[self.rows]).astype(np.int64)

    def only(self, which: NDArray[np.bool_]) -> Bad:
        """Those where ``which`` is true."""
        return self._replace(number=self.number[which], rows=self.rows[which])


class Ladder:
    """The shapes of one kind, up to any weight.

    Args:
        totals: Shape (heaviest + 1,): shapes up to each weight that may end at a bit, in the mean
            over the classes.
        classes: Number of classes.
        make: Gives the shapes up to a weight.
    """

    def __init__(
        self, totals: NDArray[np.float64], classes: int, make: Callable[[int], Shapes]
    ) -> None:
        self._totals = totals
        self._classes = classes
        self._make = make
        self._dictionaries: dict[int, _Dictionary] = {}

    def expected(self, bits: NDArray[np.int64], lead: int) -> NDArray[np.float64]:
        """False candidates to expect up to each weight, shape (frames, heaviest + 1).

        Args:
            bits: Lengths of frames.
            lead: See :meth:`repair`.
        """
        ways = self._classes if lead == ANYWHERE else 1
        return bits[:, None] * (self._totals * ways / 2.0**32)

    def repair(
        self,
        bad: Bad,
        gate: float,
        lead: int = 0,
        before: NDArray[np.float64] | None = None,
    ) -> Repairs:
        """Answer for bad frames, in their order.

        Args:
            bad: The frames.
            gate: Largest expected number of false candidates.
            lead: Bit i of a frame is of class (lead + i) modulo ``classes``; ``ANYWHERE``: of any.
            before: False candidates to expect in what was searched before, for each frame.
        """
        expected = self.expected(bad.bits, lead)
        if before is not None:
            expected += before[:, None]
        heaviest = np.maximum((expected <= gate).sum(axis=1) - 1, 0)
        parts = []
        for weight in np.unique(heaviest).tolist():
            which = heaviest == weight
            if self._totals[weight]:
                dictionary = self._dictionary(weight)
                parts.append(dictionary.repair(bad.only(which), lead, expected[which]))
            else:  # not even the lightest passes
                parts.append(abstained(bad.only(which)))
        return joined(parts)

    def _dictionary(self, weight: int) -> _Dictionary:
        if weight not in self._dictionaries:
            self._dictionaries[weight] = _Dictionary(self._make(weight), self._classes)
        return self._dictionaries[weight]


class _Dictionary:
    """Shapes by syndrome: one hash table for each class, at most a quarter full."""

    def __init__(self, shapes: Shapes, classes: int) -> None:
        self._masks = shapes.masks
        self._weights = shapes.weights
        fullest = np.bincount(shapes.classes, minlength=classes).max()
        slots = max(8, math.ceil(math.log2(4 * fullest)))
        self._shift = 32 - slots
        self._spans = np.zeros(len(shapes.masks), np.uint8)
        self._keys = np.zeros((classes, 1 << slots), np.uint32)
        self._shapes = np.zeros((classes, 1 << slots), np.int32)
        shapes_kernel.fill(
            shapes.masks, shapes.classes, self._shift, self._spans, self._keys, self._shapes
        )

    def repair(self, bad: Bad, lead: int, expected: NDArray[np.float64]) -> Repairs:
        """Answer for bad frames; see ``Ladder`` for the arguments."""
        number = len(bad.rows)
        lightest = np.zeros(number, np.uint8)
        candidates, shape, last = np.zeros((3, number), np.int64)
        shapes_kernel.match(
            bad.data,
            bad.offsets,
            bad.rows,
            lead,
            self._shift,
            self._keys,
            self._shapes,
            self._spans,
            self._weights,
            lightest,
            candidates,
            shape,
            last,
        )
        repaired = candidates == 1
        behind = np.unpackbits(
            self._masks[shape[repaired]].astype("<u8", copy=False).view(np.uint8),
            axis=1,
            bitorder="little",
        )[:, ::-1]
        positions = last[repaired][:, None] - np.arange(behind.shape[1])[::-1]
        flips = np.zeros(number, np.int64)
        flips[repaired] = behind.sum(axis=1, dtype=np.int64)
        claimed = expected[np.arange(number), np.where(repaired, lightest, 0)]
        return Repairs(
            bad.number,
            repaired,
            np.concatenate([[0], np.cumsum(flips)]).astype(np.int32),
            positions[behind.astype(np.bool_)].astype(np.uint32),
            np.where(repaired, claimed, np.nan),
            candidates,
        )


def abstained(bad: Bad) -> Repairs:
    """No answer, nothing searched."""
    return Repairs(
        bad.number,
        np.zeros(len(bad.rows), np.bool_),
        np.zeros(len(bad.rows) + 1, np.int32),
        np.zeros(0, np.uint32),
        np.full(len(bad.rows), np.nan),
        np.full(len(bad.rows), -1, np.int64),
    )


def joined(parts: Sequence[Repairs]) -> Repairs:
    """Answers for different frames as one, in the order of the frames."""
    if not parts:
        return Repairs.none()
    flips = np.concatenate([np.diff(part.flip_offsets) for part in parts])
    whole = Repairs(
        np.concatenate([part.number for part in parts]),
        np.concatenate([part.repaired for part in parts]),
        np.concatenate([[0], np.cumsum(flips)]).astype(np.int32),
        np.concatenate([part.flips for part in parts]),
        np.concatenate([part.expected_false for part in parts]),
        np.concatenate([part.candidates for part in parts]),
    )
    return taken(whole, np.argsort(whole.number, kind="stable"))


def taken(repairs: Repairs, order: NDArray[np.int64]) -> Repairs:
    """The answers of these rows, in this order."""
    lengths = np.diff(repairs.flip_offsets)[order].astype(np.int64)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    moved = np.repeat(repairs.flip_offsets[:-1][order] - offsets[:-1], lengths)
    return Repairs(
        repairs.number[order],
        repairs.repaired[order],
        offsets.astype(np.int32),
        repairs.flips[moved + np.arange(offsets[-1])],
        repairs.expected_false[order],
        repairs.candidates[order],
    )


def bad_frames(frames: FrameBatch) -> Bad:
    """The bad frames of a batch."""
    rows = np.flatnonzero(frames.fcs_status == FcsStatus.BAD)
    return Bad(frames.number[rows], frames.data, frames.offsets, rows)


def values(frames: FrameBatch, name: str) -> NDArray[np.float64]:
    """A column as numbers, NaN where it is null."""
    column = frames.column(name).cast("float64")
    return np.asarray(column.to_numpy(zero_copy_only=False))


def check_gate(gate: float) -> float:
    """The gate, if it is one.

    Raises:
        ValueError: It is none.
    """
    if not 0 < gate < math.inf:
        raise ValueError(f"gate={gate}, wanted a positive number")
    return gate
