"""Pairs of error shapes anywhere in a frame, found by the FCS: a stage of a search.

Two events are as likely as one of the same weight, and can stand in far more ways: some
thousands of pairs explain a damaged frame of 1,500 bytes by chance, so they are claimed only
with the help of a second check (:mod:`.checks`).

The lighter shape of a pair is tried at every place in the frame, and what is left of the frame's
syndrome is looked up as if it were that of a single shape.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ...dot11 import fcs, fcs_logs
from . import pairs_kernel
from .candidates import Bad, Candidates, collect
from .shapes import ANYWHERE, SYNDROMES, Ladder, spelled, syndromes
from .sums import TWO


class Pairs:
    """Pairs of the shapes of one ladder.

    Args:
        ladder: The shapes.
        lead: Bit i of a frame is of class (lead + i) modulo ``classes``; ``ANYWHERE``: of any.
        lookups: Bounds the places that are tried for the lighter shape, per frame.
        gap: Least number of right bits between the two shapes.
    """

    def __init__(self, ladder: Ladder, lead: int, lookups: int, gap: int) -> None:
        self._ladder = ladder
        self._lead = lead
        self._lookups = lookups
        self.sums = TWO
        self._gap = gap
        self._strides = _products(1 if lead == ANYWHERE else ladder.classes)
        census = ladder.census * (ladder.classes if lead == ANYWHERE else 1) / ladder.classes
        self._spectrum = census.sum(axis=1)
        self._span = census @ np.arange(census.shape[1]) / np.maximum(self._spectrum, 1e-300)

    def expected(self, bad: Bad) -> NDArray[np.float64]:
        """Candidates to expect by chance up to each weight, shape (frames, 2 * heaviest + 1).

        Somewhat too many ``ANYWHERE``: a shape counts in each of its classes.
        """
        lengths, where = np.unique(bad.bits, return_inverse=True)
        weights = np.arange(len(self._spectrum))
        total = weights[:, None] + weights
        number = self._spectrum[:, None] * self._spectrum
        spans = self._span[:, None] + self._span + self._gap
        expected = np.zeros((len(lengths), 2 * len(weights) - 1))
        for length, heaviest, row in zip(lengths, self._lighter(lengths), expected, strict=True):
            room = np.maximum(length - spans + 1, 0)
            ways = (
                number * room * (room + 1) / 2 * (np.minimum(weights[:, None], weights) <= heaviest)
            )
            np.add.at(row, total, ways / SYNDROMES)
        return np.asarray(expected.cumsum(axis=1)[where])

    def find(self, bad: Bad, ceiling: NDArray[np.int64]) -> Candidates:
        """All candidates of frames up to a weight each."""
        heaviest = self._lighter(bad.bits)
        expected = float(np.take_along_axis(self.expected(bad), ceiling[:, None], 1).sum())
        room = 1024 + int(expected + 6 * math.sqrt(expected))  # to search twice would cost more
        weights = np.flatnonzero(self._spectrum)
        most = min(heaviest.max(initial=0), ceiling.max(initial=0) // 2)
        tried = weights[weights <= most].tolist() or weights[:1].tolist()
        parts = [self._of(bad, ceiling, heaviest, weight, room) for weight in tried]
        row, weight, masks, last = (np.concatenate(column) for column in zip(*parts, strict=True))
        offsets, flips = spelled(masks, last)
        return Candidates(row, weight, offsets[::2], flips).taken(np.argsort(row, kind="stable"))

    def _of(
        self,
        bad: Bad,
        ceiling: NDArray[np.int64],
        heaviest: NDArray[np.int64],
        lighter: int,
        room: int,
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint64], NDArray[np.int64]]:
        """Pairs whose lighter shape is of one weight, so that few are heavy enough for the other.

        Returns:
            Frames and weights of the pairs; masks and last bits of the shapes, two for each pair.
        """
        top = min(int(ceiling.max(initial=0)) - lighter, len(self._spectrum) - 1)
        dictionary = self._ladder.up_to(max(lighter, top), anywhere=self._lead == ANYWHERE)
        index = dictionary.index
        places = np.flatnonzero(index.weights == lighter)
        found = collect(
            lambda out: pairs_kernel.match_pairs(
                syndromes(bad),
                bad.bits,
                ceiling,
                heaviest,
                self._gap,
                self._lead,
                self._ladder.classes,
                places,
                dictionary.syndromes[places],
                self._strides,
                index,
                fcs_logs.tables(),
                out,
            ),
            5,
            room,
        )
        both = found[:, [1, 3]]
        return (
            found[:, 0],
            index.weights[both].astype(np.int64).sum(axis=1),
            dictionary.masks[both.reshape(-1)],
            found[:, [2, 4]].reshape(-1),
        )

    def _lighter(self, bits: NDArray[np.int64]) -> NDArray[np.int64]:
        """Largest weight of the lighter shape, by the length of a frame."""
        places = bits[:, None] * self._spectrum.cumsum()
        return np.asarray(np.maximum((places <= self._lookups).sum(axis=1) - 1, 0))


def _products(exponent: int) -> NDArray[np.uint32]:
    """The product of x to this power and of each byte of an element, the lowest first: (4, 256)."""
    bits = np.uint32(1) << np.arange(32, dtype=np.uint32)
    for _ in range(exponent):
        bits = bits >> np.uint32(1) ^ (bits & np.uint32(1)) * np.uint32(fcs.POLYNOMIAL)
    products = np.zeros((4, 256), np.uint32)
    for k, byte in enumerate(bits.reshape(4, 8)):
        for bit, product in enumerate(byte):
            products[k, 1 << bit : 2 << bit] = products[k, : 1 << bit] ^ product
    return products
