"""Pairs of error shapes anywhere in a frame, found by the FCS.

Two events are as likely as one of the same weight, and can stand in far more ways: some
thousands of pairs explain a damaged frame of 1,500 bytes by chance, so they are claimed only
with the help of a second check (:mod:`.checks`).

All places of the shapes up to a weight are put into one table by their syndrome; the lighter
shape of a pair is tried at every place, and what is left of the frame's syndrome is looked up.
A table serves frames of the same end (of the same class), up to the length that it was made for.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import pairs_kernel
from .candidates import Bad, Candidates, collect
from .shapes import ANYWHERE, SYNDROMES, Dictionary, Ladder, spelled

_KEPT = 2  # tables in memory


class _Table(NamedTuple):
    shift: int
    keys: NDArray[np.uint32]
    shapes: NDArray[np.int32]
    behind: NDArray[np.int32]


class Pairs:
    """Pairs of the shapes of one ladder.

    Args:
        ladder: The shapes.
        lead: See ``Ladder.find``.
        lookups: Bounds the places of the shapes that are looked at, per frame and in the table.
        gap: Least number of right bits between the two shapes.
    """

    def __init__(self, ladder: Ladder, lead: int, lookups: int, gap: int) -> None:
        self._ladder = ladder
        self._lead = lead
        self._lookups = lookups
        self._gap = gap
        self._tables: OrderedDict[tuple[int, int, int], _Table] = OrderedDict()

    def expected(self, bits: NDArray[np.int64]) -> NDArray[np.float64]:
        """Candidates to expect by chance up to each weight, shape (frames, 2 * heaviest + 1)."""
        spectrum = self._ladder.spectrum()
        if self._lead == ANYWHERE:
            spectrum = spectrum * self._ladder.classes
        expected = np.zeros((len(bits), 2 * len(spectrum) - 1))
        reach = self.reach(_rounded_up(bits))
        for heaviest in np.unique(reach).tolist():
            which = reach == heaviest
            within = np.where(np.arange(len(spectrum)) <= heaviest, spectrum, 0)
            pairs = np.convolve(within, within).cumsum() / 2
            expected[which] = bits[which, None] ** 2 * (pairs / SYNDROMES)
        return expected

    def reach(self, bits: NDArray[np.int64]) -> NDArray[np.int64]:
        """Weight of the heaviest shapes that a pair may have, by the length of a frame."""
        ways = self._ladder.classes if self._lead == ANYWHERE else 1
        places = bits[:, None] * self._ladder.spectrum().cumsum() * ways
        return np.asarray(np.maximum((places <= self._lookups).sum(axis=1) - 1, 0))

    def find(self, bad: Bad, ceiling: NDArray[np.int64]) -> Candidates:
        """All candidates up to the ceiling of each frame."""
        lengths = bad.bits
        longest = _rounded_up(lengths)
        ends = (self._lead + lengths - 1) % self._ladder.classes
        if self._lead == ANYWHERE:
            ends[:] = ANYWHERE
        kinds = np.stack([longest, ends, self.reach(longest)])
        parts = []
        for kind in np.unique(kinds, axis=1).T.tolist():
            which = np.flatnonzero((kinds == np.array(kind)[:, None]).all(axis=0))
            parts.append(self._find(bad.only(which), ceiling[which], which, *kind))
        return joined(parts)

    def _find(
        self,
        bad: Bad,
        ceiling: NDArray[np.int64],
        row: NDArray[np.int64],
        longest: int,
        end: int,
        heaviest: int,
    ) -> Candidates:
        dictionary = self._ladder.dictionary(heaviest)
        shapes = dictionary.shapes
        table = self._table(dictionary, longest, end, heaviest)
        lighter = np.flatnonzero(2 * shapes.weights.astype(np.int64) <= ceiling.max(initial=0))
        found = collect(
            lambda out: pairs_kernel.match_pairs(
                bad.data,
                bad.offsets,
                bad.rows,
                ceiling,
                self._gap,
                dictionary.syndromes,
                dictionary.spans,
                shapes.classes,
                shapes.weights,
                lighter,
                self._ladder.classes,
                end,
                *table,
                out,
            ),
            5,
            self._room(bad.bits, ceiling),
        )
        last = bad.bits[found[:, 0]] - 1
        both = found[:, [1, 3]]
        early = found[:, 2] > found[:, 4]  # more bits behind it: it comes first
        order = np.where(early[:, None], [0, 1], [1, 0])
        both = np.take_along_axis(both, order, axis=1)
        behind = np.take_along_axis(found[:, [2, 4]], order, axis=1)
        weight = shapes.weights[both].astype(np.int64).sum(axis=1)
        single = spelled(
            np.repeat(row[found[:, 0]], 2),
            np.repeat(weight, 2),
            shapes.masks[both.reshape(-1)],
            (last[:, None] - behind).reshape(-1),
        )
        return Candidates(row[found[:, 0]], weight, single.offsets[::2], single.flips)

    def _room(self, bits: NDArray[np.int64], ceiling: NDArray[np.int64]) -> int:
        """For what is to be expected, and some more: searching twice costs more than memory."""
        expected = np.take_along_axis(self.expected(bits), ceiling[:, None], axis=1).sum()
        return int(expected + 6 * math.sqrt(expected)) + 1024

    def _table(self, dictionary: Dictionary, longest: int, end: int, heaviest: int) -> _Table:
        key = (longest, end, heaviest)
        if key not in self._tables:
            while len(self._tables) >= _KEPT:
                self._tables.popitem(last=False)
            shapes = dictionary.shapes
            ways = 1 if end == ANYWHERE else self._ladder.classes
            places = max(1, longest * len(shapes.weights) // ways)
            slots = max(8, math.ceil(math.log2(2 * places)))
            table = _Table(
                32 - slots,
                np.zeros(1 << slots, np.uint32),
                np.zeros(1 << slots, np.int32),
                np.zeros(1 << slots, np.int32),
            )
            pairs_kernel.place(
                dictionary.syndromes,
                dictionary.spans,
                shapes.classes,
                self._ladder.classes,
                end,
                longest,
                *table,
            )
            self._tables[key] = table
        self._tables.move_to_end(key)
        return self._tables[key]


def joined(parts: list[Candidates]) -> Candidates:
    """Candidates for different frames as one, in the order of the frames."""
    if not parts:
        return Candidates.none()
    lengths = np.concatenate([np.diff(part.offsets) for part in parts])
    whole = Candidates(
        np.concatenate([part.row for part in parts]),
        np.concatenate([part.weight for part in parts]),
        np.concatenate([[0], np.cumsum(lengths)]),
        np.concatenate([part.flips for part in parts]),
    )
    return whole.taken(np.argsort(whole.row, kind="stable"))


def _rounded_up(bits: NDArray[np.int64]) -> NDArray[np.int64]:
    """Lengths that share tables: the next of 1, 1.25, 1.5 and 1.75 times a power of two."""
    power = 2 ** np.floor(np.log2(np.maximum(bits, 1))).astype(np.int64)
    quarter = np.maximum(power // 4, 1)
    return np.asarray(-(-bits // quarter) * quarter)
