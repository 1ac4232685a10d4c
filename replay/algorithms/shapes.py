"""Error shapes that may stand anywhere in a frame, found by the FCS alone.

A shape is a pattern of wrong bits with a weight, the lighter the likelier. Its syndrome with its
last bit at the frame's end is some x^s modulo P, as every one is (``dot11/fcs_logs.py``), and
x^(s + m) with m bits behind it. So a frame of n bits and syndrome x^L is explained by the shapes
whose s is 0 to n - 1 below L: a range of a sorted list, whatever the number of shapes and of bits.

A :class:`Ladder` has the shapes of one kind by weight. The candidates that fit a frame by chance,
one that is damaged in another way, are expected to be the ways in which shapes can stand in it,
over 2^32.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...dot11 import fcs_logs
from . import shapes_kernel
from .candidates import Bad, Candidates, collect
from .shapes_kernel import Index
from .sums import ANY, Sums

ANYWHERE = -1
SYNDROMES = 2.0**32


class Shapes(NamedTuple):
    """Error shapes, whatever their order.

    Attributes:
        masks: uint64, shape (shapes, words): bit k of the words, lowest first, is the bit that is
            k bits before the last one; bit 0 is set.
        weights: uint8, shape (shapes,).
        classes: uint8, shape (shapes,): of the positions where the last bit may stand.
    """

    masks: NDArray[np.uint64]
    weights: NDArray[np.uint8]
    classes: NDArray[np.uint8]


class Ladder:
    """The shapes of one kind, up to any weight.

    Args:
        census: Shape (heaviest + 1, longest + 1): number of shapes of each weight and span in
            bits, over all classes.
        classes: Number of classes.
        make: Gives the shapes up to a weight.
    """

    def __init__(
        self, census: NDArray[np.int64], classes: int, make: Callable[[int], Shapes]
    ) -> None:
        self.census = census
        self.classes = classes
        self._make = make
        self._dictionaries: dict[bool, dict[int, Dictionary]] = {False: {}, True: {}}

    def up_to(self, weight: int, *, anywhere: bool = False) -> Dictionary:
        """The shapes up to a weight, by syndrome.

        Args:
            weight: Of the heaviest.
            anywhere: Whether a shape may stand at positions of any class. One that there is in
                several classes is given once then, as the lightest: it would be its own rival.
        """
        known = self._dictionaries[anywhere]
        if weight not in known:
            heavier = min((other for other in known if other > weight), default=None)
            if heavier is not None:
                known[weight] = known[heavier].up_to(weight)
            else:
                shapes = self._make(weight)
                known[weight] = Dictionary.of(_lightest(shapes) if anywhere else shapes)
        return known[weight]


class Dictionary:
    """Shapes by syndrome.

    Args:
        masks: As in ``Shapes``, by rising logarithm.
        syndromes: uint32, shape (shapes,): with the last bit at a frame's end.
        logs: uint32, shape (shapes,): of the syndromes, rising.
        spans: uint8, shape (shapes,): bits from the first to the last.
        weights: uint8, shape (shapes,).
        classes: uint8, shape (shapes,).

    Attributes:
        masks: As above.
        syndromes: As above.
        index: See ``shapes_kernel.Index``.
    """

    def __init__(
        self,
        masks: NDArray[np.uint64],
        syndromes: NDArray[np.uint32],
        logs: NDArray[np.uint32],
        spans: NDArray[np.uint8],
        weights: NDArray[np.uint8],
        classes: NDArray[np.uint8],
    ) -> None:
        self.masks = masks
        self.syndromes = syndromes
        shift = 32 - max(8, math.ceil(math.log2(max(1, len(logs)))))
        sizes = np.bincount(logs >> np.uint32(shift), minlength=1 << 32 - shift)
        starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
        self.index = Index(logs, spans, weights, classes, shift, starts)

    @classmethod
    def of(cls, shapes: Shapes) -> Dictionary:
        """Of these shapes, but for those that the FCS cannot see, as their syndrome is 0."""
        spans = np.zeros(len(shapes.masks), np.uint8)
        logs = np.zeros(len(shapes.masks), np.int64)
        syndromes = np.zeros(len(shapes.masks), np.uint32)
        shapes_kernel.measure(shapes.masks, fcs_logs.tables(), spans, syndromes, logs)
        order = np.argsort(logs, kind="stable")
        order = order[np.count_nonzero(logs < 0) :]
        return cls(
            shapes.masks[order],
            syndromes[order],
            logs[order].astype(np.uint32),
            spans[order],
            shapes.weights[order],
            shapes.classes[order],
        )

    def up_to(self, weight: int) -> Dictionary:
        """The shapes of these that have at most this weight."""
        index = self.index
        light = index.weights <= weight
        return Dictionary(
            self.masks[light],
            self.syndromes[light],
            index.logs[light],
            index.spans[light],
            index.weights[light],
            index.classes[light],
        )


class Singles:
    """One shape of a ladder: a stage of a search.

    Args:
        ladder: The shapes.
        lead: Bit i of a frame is of class (lead + i) modulo ``classes``; ``ANYWHERE``: of any.
        sums: How they change a checksum.
    """

    def __init__(self, ladder: Ladder, lead: int = 0, sums: Sums = ANY) -> None:
        self._ladder = ladder
        self._lead = lead
        self.sums = sums

    def expected(self, bad: Bad) -> NDArray[np.float64]:
        """Candidates to expect by chance up to each weight, shape (frames, heaviest + 1).

        Somewhat too many ``ANYWHERE``: a shape counts in each of its classes.
        """
        census = self._ladder.census
        ways = 1.0 if self._lead == ANYWHERE else 1.0 / self._ladder.classes
        lengths, where = np.unique(bad.bits, return_inverse=True)
        places = np.maximum(lengths[:, None] + 1 - np.arange(census.shape[1]), 0)
        expected = (places @ census.T).cumsum(axis=1) * (ways / SYNDROMES)
        return np.asarray(expected[where])

    def find(self, bad: Bad, ceiling: NDArray[np.int64]) -> Candidates:
        """All candidates of frames up to a weight each."""
        highest = int(ceiling.max(initial=0))
        dictionary = self._ladder.up_to(highest, anywhere=self._lead == ANYWHERE)
        index, masks = dictionary.index, dictionary.masks
        found = collect(
            lambda out: shapes_kernel.match(
                syndromes(bad),
                bad.bits,
                ceiling,
                self._lead,
                self._ladder.classes,
                index,
                fcs_logs.tables(),
                out,
            ),
            3,
        )
        row, shape, last = np.ascontiguousarray(found.T)
        return Candidates(row, index.weights[shape].astype(np.int64), *spelled(masks[shape], last))


def _lightest(shapes: Shapes) -> Shapes:
    """Each mask once, with its lowest weight."""
    order = np.lexsort((shapes.weights, *shapes.masks.T))
    masks = shapes.masks[order]
    first = np.ones(len(masks), np.bool_)
    first[1:] = (masks[1:] != masks[:-1]).any(axis=1)
    kept = order[first]
    return Shapes(shapes.masks[kept], shapes.weights[kept], shapes.classes[kept])


def syndromes(bad: Bad) -> NDArray[np.uint32]:
    """The syndromes of bad frames, shape (n,)."""
    out = np.empty(len(bad), np.uint32)
    shapes_kernel.syndromes_of(bad.data, bad.offsets, bad.rows, out)
    return out


def spelled(
    masks: NDArray[np.uint64], last: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The wrong bits of shapes whose last ones stand at these positions.

    Args:
        masks: Shape (n, words), see :class:`Shapes`.
        last: Shape (n,).

    Returns:
        Offsets, shape (n + 1,), and bit positions, sorted: of shape i those from offset i on.
    """
    words = np.ascontiguousarray(masks, "<u8")
    ahead = np.unpackbits(words.view(np.uint8), axis=1, bitorder="little")[:, ::-1]
    positions = last[:, None] - np.arange(ahead.shape[1])[::-1]
    offsets = np.concatenate([[0], np.cumsum(ahead.sum(axis=1, dtype=np.int64))])
    return offsets, positions[ahead.astype(np.bool_)]
