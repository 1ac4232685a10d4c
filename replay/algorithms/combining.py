"""What several damaged versions of a frame make together: votes, clusters, and the FCS as a judge.

Where versions of one frame differ, at least one is wrong. A Viterbi decoder makes its errors in
events, so bits that differ stand in *clusters*, and within one a version is right or wrong as a
whole. Taking another version in a cluster changes the syndrome of the FCS by what these bits do
to it, whatever happens elsewhere. So which versions are right everywhere is a system of 32
linear equations, with an unknown for each alternative: elimination gives every solution out of
2^n combinations in n steps.

The price is the same as if all had been tried: 2^n / 2^32 of them fit by chance, which is what a
:class:`Search` adds up and holds against its gate.

Frames are arrays of their bits here, uint8 of 0 and 1, in the order of the air.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...dot11 import fcs
from . import copies_kernel

Bits = NDArray[np.uint8]
MOST = 32  # alternatives in one search: as many equations as there are

_ALL = 2.0**32


class Alternatives(NamedTuple):
    """Parts of a frame for which there is another version.

    Attributes:
        positions: Bits for which there may be one, sorted, shape (bits,).
        clusters: Of each position the cluster, from 0, shape (bits,).
        apart: Where each version differs from the base, shape (versions, bits).
        version: Of each alternative, shape (n,).
        cluster: Of each alternative, shape (n,).
        syndromes: What each does to the FCS, uint32, shape (n,).
    """

    positions: NDArray[np.int64]
    clusters: NDArray[np.int64]
    apart: NDArray[np.bool_]
    version: NDArray[np.int64]
    cluster: NDArray[np.int64]
    syndromes: NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.version)

    def flips(self, taken: int) -> NDArray[np.int64]:
        """Bits that are flipped by taking some alternatives (bit i for alternative i)."""
        flipped = np.zeros(len(self.positions), np.bool_)
        for i, (version, cluster) in enumerate(zip(self.version, self.cluster, strict=True)):
            if taken >> i & 1:
                flipped ^= self.apart[version] & (self.clusters == cluster)
        return self.positions[flipped]


def clusters(positions: NDArray[np.int64], gap: int) -> NDArray[np.int64]:
    """The cluster of each of some bits: a new one begins ``gap`` or more behind the last bit."""
    member = np.zeros(len(positions), np.int64)
    np.cumsum(positions[1:] - positions[:-1] >= gap, out=member[1:])
    return member


def _starts(member: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each cluster begins."""
    first = np.ones(len(member), np.bool_)
    first[1:] = member[1:] != member[:-1]
    return np.flatnonzero(first)


def alternatives(
    base: Bits, versions: NDArray[np.uint8], contested: NDArray[np.bool_], gap: int
) -> Alternatives:
    """What versions offer in place of the base, in clusters of contested bits.

    Args:
        base: Shape (bits,).
        versions: Shape (versions, bits).
        contested: Shape (bits,): only these may change.
        gap: See :func:`clusters`.

    Returns:
        The alternatives; in a cluster none that equals another, or a sum of others.
    """
    positions = np.flatnonzero(contested)
    member = clusters(positions, gap)
    apart = versions[:, positions] != base[positions]
    starts = _starts(member)
    effects = powers(len(base))[len(base) - 1 - positions]
    sums = np.zeros((len(versions), len(starts)), np.uint32)
    if len(starts):
        sums = np.bitwise_xor.reduceat(np.where(apart, effects, 0), starts, axis=1)
        sums = sums.astype(np.uint32, copy=False)
    offered = np.ones(sums.shape, np.bool_) if len(versions) == 1 else _independent(sums)
    cluster, version = np.nonzero(offered.T)
    return Alternatives(positions, member, apart, version, cluster, sums[version, cluster])


def _independent(sums: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """In each column, those that are no sum of others above."""
    kept = np.zeros(sums.shape, np.bool_)
    for column in range(sums.shape[1]):
        basis: list[int] = []
        for row, vector in enumerate(sums[:, column].tolist()):
            left = vector
            for known in basis:
                left = min(left, left ^ known)
            if left:
                kept[row, column] = True
                basis = sorted([*basis, left], reverse=True)
    return kept


def vote(versions: NDArray[np.uint8]) -> Bits:
    """What most versions say of each bit; where it is a tie, what the first one says."""
    twice = 2 * versions.sum(axis=0, dtype=np.int64)
    voted: Bits = np.where(twice == len(versions), versions[0], twice > len(versions))
    return voted.astype(np.uint8)


def tied(versions: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The bits of which half of the versions say one thing, half the other."""
    ties: NDArray[np.bool_] = 2 * versions.sum(axis=0, dtype=np.int64) == len(versions)
    return ties


def disputed(versions: NDArray[np.uint8], base: Bits, gap: int) -> NDArray[np.bool_]:
    """The bits that differ, of clusters in which more than one version differs from the base.

    Where only one does, it is most likely the one that is wrong.
    """
    apart = versions != base
    positions = np.flatnonzero(apart.any(axis=0))
    contested = np.zeros(len(base), np.bool_)
    if len(positions):
        member = clusters(positions, gap)
        starts = _starts(member)
        losers = np.logical_or.reduceat(apart[:, positions], starts, axis=1).sum(axis=0)
        contested[positions] = losers[member] > 1
    return contested


class Search:
    """The candidates for one packet so far, against a gate.

    Args:
        gate: Largest expected number of false candidates.
        most: Largest number of alternatives in one search.
    """

    def __init__(self, gate: float, most: int = MOST) -> None:
        self._gate = gate
        self._most = most
        self.tried = 0.0
        self.solutions = 0
        """Of the last search."""

    @property
    def expected_false(self) -> float:
        """How many of the candidates so far would fit by chance."""
        return self.tried / _ALL

    def settle(self, base: Bits, offers: Alternatives | None = None) -> Bits | None:
        """The only combination that has a right FCS, if there is one and the gate is open.

        Args:
            base: A version of the frame.
            offers: Alternatives to parts of it.
        """
        unknowns = len(offers) if offers else 0
        if unknowns > self._most or (self.tried + 2.0**unknowns) / _ALL > self._gate:
            return None
        self.tried += 2.0**unknowns
        syndrome = fcs.syndrome(np.packbits(base, bitorder="little").tobytes())
        vectors = offers.syndromes if offers else np.zeros(0, np.uint32)
        spare, taken = copies_kernel.solve(vectors, syndrome)
        self.solutions = 0 if spare < 0 else 1 << spare
        if self.solutions != 1:
            return None
        solution = base.copy()
        if offers:
            solution[offers.flips(taken)] ^= 1
        return solution


def powers(bits: int) -> NDArray[np.uint32]:
    """x^m mod P at index m, for frames of so many bits or a few more."""
    return _powers(max(10, (bits - 1).bit_length()))


@functools.cache
def _powers(logarithm: int) -> NDArray[np.uint32]:
    return fcs.bit_syndromes(1 << logarithm)
