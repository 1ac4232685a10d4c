"""A few errors of one kind anywhere in a frame, found by the FCS: a stage of a search.

An error at a bit flips that bit and those at fixed distances behind it (*taps*): none for a bit
that is simply wrong, four and seven bits later for one that was wrong before the descrambler of
802.11b. With t(x) the taps' polynomial, the syndrome of errors that have room for all of their taps
is t(x) times a sum of powers of x, one for each; so it is divided by t, and the powers are looked
for (:mod:`.powers`). Errors so close to the end that taps fall outside are tried one by one.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...dot11 import fcs, fcs_logs
from .candidates import Bad, Candidates
from .powers import MAX_NUMBER, Powers
from .shapes import SYNDROMES, syndromes
from .sums import Errors


class Few:
    """So many errors anywhere.

    Args:
        number: 1 to 4.
        powers: May be shared.
        taps: Distances of the bits that an error flips, from the first, rising from 0.
        lookups: Four errors are looked for in frames that have at most so many pairs of bits.
    """

    def __init__(
        self, number: int, powers: Powers, taps: Sequence[int] = (0,), lookups: int = 1_000_000
    ) -> None:
        self._number = number
        self._powers = powers
        self._lookups = lookups
        self._taps = np.array(taps)
        self._reach = int(self._taps[-1])
        self.sums = Errors(number, taps)
        self._polynomial = self._effect([self._reach + 1])

    def expected(self, bad: Bad) -> NDArray[np.float64]:
        """Candidates to expect by chance up to weight 1, shape (frames, 2)."""
        bits = bad.bits
        sets = np.ones(len(bits))
        for k in range(self._number):
            sets *= np.maximum(bits - k, 0) / (k + 1)
        if self._number > MAX_NUMBER:
            sets[bits * (bits - 1) // 2 > self._lookups] = np.inf
        return np.stack([np.zeros(len(bits)), sets / SYNDROMES], axis=1)

    def find(self, bad: Bad, ceiling: NDArray[np.int64]) -> Candidates:
        """All candidates of frames, all of weight 1."""
        del ceiling
        bits = bad.bits
        wanted = syndromes(bad)
        rows, errors = [], []
        for cut in range(min(self._number, self._reach) + 1):
            for late in itertools.combinations(range(1, self._reach + 1), cut):
                rest = wanted ^ np.uint32(self._effect(late))
                row, error = self._whole(rest, bits, self._number - cut)
                last = bits[row, None] - np.array(late, np.int64).reshape(1, -1)
                rows.append(row)
                errors.append(np.hstack([error, last]))
        return self._spelled(np.concatenate(rows), np.concatenate(errors), bits)

    def _whole(
        self, wanted: NDArray[np.uint32], bits: NDArray[np.int64], number: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Sets of errors with all their taps: frames, and positions of the errors."""
        if not number:
            row = np.flatnonzero(wanted == 0)
            return row, np.zeros((len(row), 0), np.int64)
        quotients, room = fcs_logs.divide(wanted, self._polynomial), bits - self._reach
        if number <= MAX_NUMBER:
            row, exponents = self._powers.find(quotients, room, number)
        else:
            row, exponents = self._one_more(quotients, room)
        return row, bits[row, None] - 1 - self._reach - exponents[:, ::-1]

    def _one_more(
        self, quotients: NDArray[np.uint32], room: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Sets of ``MAX_NUMBER + 1`` powers: each power is tried as the one of least exponent."""
        rows, sets = [np.zeros(0, np.int64)], [np.zeros((0, MAX_NUMBER + 1), np.int64)]
        powers = fcs.bit_syndromes(int(room.max(initial=0)))
        for i, (quotient, exponents) in enumerate(zip(quotients, room.tolist(), strict=True)):
            least, others = self._powers.find(
                quotient ^ powers[:exponents], np.full(exponents, exponents), MAX_NUMBER
            )
            first = least < others[:, 0]
            rows.append(np.full(np.count_nonzero(first), i))
            sets.append(np.hstack([least[first, None], others[first]]))
        return np.concatenate(rows), np.concatenate(sets)

    def _effect(self, behind: Sequence[int]) -> int:
        """Syndrome of errors so many bits before the frame's end."""
        powers = fcs.bit_syndromes(self._reach + 1).tolist()
        effect = 0
        for place in behind:
            for tap in self._taps[self._taps < place].tolist():
                effect ^= powers[place - 1 - tap]
        return effect

    def _spelled(
        self, row: NDArray[np.int64], errors: NDArray[np.int64], bits: NDArray[np.int64]
    ) -> Candidates:
        """The flips that errors at these positions make."""
        width = self._number * len(self._taps)
        flips = np.sort((errors[:, :, None] + self._taps).reshape(len(row), width), axis=1)
        # What two errors flip both is right again, and what all three do is wrong.
        odd = np.zeros(flips.shape, np.bool_)
        parity = np.zeros(len(row), np.bool_)
        for k in range(flips.shape[1]):
            parity = ~parity
            last = k + 1 == flips.shape[1]
            ends = np.full(len(row), True) if last else flips[:, k] != flips[:, k + 1]
            odd[:, k] = parity & ends
            parity &= ~ends
        odd &= flips < bits[row, None]
        offsets = np.concatenate([[0], np.cumsum(odd.sum(axis=1))])
        order = np.argsort(row, kind="stable")
        every = Candidates(row, np.ones(len(row), np.int64), offsets, flips[odd])
        return every.taken(order)
