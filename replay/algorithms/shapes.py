"""Error shapes that may stand anywhere in a frame, found by the FCS alone.

A shape is a pattern of wrong bits with a weight, the lighter the likelier. Its syndrome with its
last bit at the frame's end is s(x), and s(x) x^m mod P with m bits behind it; so a frame of
syndrome S is explained by that shape there if S x^-m is s: one step of a shift register and one
look-up in a hash table for each bit of the frame, for all shapes at once.

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

from . import shapes_kernel
from .candidates import Bad, Candidates, collect

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

    def up_to(self, weight: int) -> Shapes:
        """Those of at most this weight."""
        light = self.weights <= weight
        return Shapes(self.masks[light], self.weights[light], self.classes[light])


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
        self.classes = classes
        self._census = census
        self._make = make
        self._dictionaries: dict[int, Dictionary] = {}

    @property
    def heaviest(self) -> int:
        """The largest weight."""
        return len(self._census) - 1

    def spectrum(self) -> NDArray[np.float64]:
        """Shapes of each weight that may end at a bit, in the mean over the classes."""
        return self._census.sum(axis=1) / self.classes

    def expected(self, bits: NDArray[np.int64], lead: int) -> NDArray[np.float64]:
        """Candidates to expect by chance up to each weight, shape (frames, heaviest + 1).

        Args:
            bits: Lengths of frames.
            lead: See :meth:`find`.
        """
        ways = 1.0 if lead == ANYWHERE else 1.0 / self.classes
        places = np.maximum(bits[:, None] + 1 - np.arange(self._census.shape[1]), 0)
        return (places @ self._census.T).cumsum(axis=1) * (ways / SYNDROMES)

    def find(self, bad: Bad, ceiling: NDArray[np.int64], lead: int) -> Candidates:
        """All candidates.

        Args:
            bad: The frames.
            ceiling: Largest weight to look for, for each frame.
            lead: Bit i of a frame is of class (lead + i) modulo ``classes``; ``ANYWHERE``: of any.
        """
        found, weights = [np.zeros((0, 3), np.int64)], [np.zeros(0, np.int64)]
        masks = [np.zeros((0, 0), np.uint64)]
        for weight in np.unique(ceiling).tolist():
            which = np.flatnonzero(ceiling == weight)
            dictionary = self.dictionary(weight)
            here = dictionary.find(bad.only(which), lead)
            weights.append(dictionary.shapes.weights[here[:, 1]].astype(np.int64))
            masks.append(dictionary.shapes.masks[here[:, 1]])
            here[:, 0] = which[here[:, 0]]
            found.append(here)
        widest = max(mask.shape[1] for mask in masks)
        every = [np.pad(mask, ((0, 0), (0, widest - mask.shape[1]))) for mask in masks]
        rows = np.concatenate(found)
        return spelled(rows[:, 0], np.concatenate(weights), np.concatenate(every), rows[:, 2])

    def dictionary(self, weight: int) -> Dictionary:
        """The shapes up to a weight, by syndrome."""
        if weight not in self._dictionaries:
            self._dictionaries[weight] = Dictionary(self._make(weight), self.classes)
        return self._dictionaries[weight]


class Singles:
    """One shape of a ladder: a stage of a search.

    Args:
        ladder: The shapes.
        lead: See ``Ladder.find``.
    """

    def __init__(self, ladder: Ladder, lead: int = 0) -> None:
        self._ladder = ladder
        self._lead = lead

    def expected(self, bits: NDArray[np.int64]) -> NDArray[np.float64]:
        """Candidates to expect by chance up to each weight, shape (frames, heaviest + 1)."""
        return self._ladder.expected(bits, self._lead)

    def find(self, bad: Bad, ceiling: NDArray[np.int64]) -> Candidates:
        """All candidates of frames up to a weight each."""
        return self._ladder.find(bad, ceiling, self._lead)


class Dictionary:
    """Shapes by syndrome: one hash table for each class, at most a quarter full."""

    def __init__(self, shapes: Shapes, classes: int) -> None:
        self.shapes = shapes
        fullest = np.bincount(shapes.classes, minlength=classes).max(initial=1)
        slots = max(8, math.ceil(math.log2(4 * fullest)))
        self._shift = 32 - slots
        self.spans = np.zeros(len(shapes.masks), np.uint8)
        self.syndromes = np.zeros(len(shapes.masks), np.uint32)
        self._keys = np.zeros((classes, 1 << slots), np.uint32)
        self._places = np.zeros((classes, 1 << slots), np.int32)
        shapes_kernel.fill(
            shapes.masks,
            shapes.classes,
            self._shift,
            self.spans,
            self.syndromes,
            self._keys,
            self._places,
        )

    def find(self, bad: Bad, lead: int) -> NDArray[np.int64]:
        """Every shape that explains a frame: rows of frame, shape and position of its last bit."""
        return collect(
            lambda found: shapes_kernel.match(
                bad.data,
                bad.offsets,
                bad.rows,
                lead,
                self._shift,
                self._keys,
                self._places,
                self.spans,
                found,
            ),
            3,
        )


def spelled(
    row: NDArray[np.int64],
    weight: NDArray[np.int64],
    masks: NDArray[np.uint64],
    last: NDArray[np.int64],
) -> Candidates:
    """Candidates from the masks of shapes and the positions of their last bits."""
    words = np.ascontiguousarray(masks, "<u8")
    ahead = np.unpackbits(words.view(np.uint8), axis=1, bitorder="little")[:, ::-1]
    positions = last[:, None] - np.arange(ahead.shape[1])[::-1]
    flips = positions[ahead.astype(np.bool_)]
    offsets = np.concatenate([[0], np.cumsum(ahead.sum(axis=1, dtype=np.int64))])
    return Candidates(row, weight, offsets, flips)
