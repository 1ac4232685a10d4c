"""Write syndromes as sums of a few powers of x, which is: find a few flipped bits.

A flipped bit with m bits behind it has the syndrome x^m mod P. P is primitive, so syndromes have
logarithms (``dot11/fcs_logs.py``), and for b < c

    x^b + x^c = x^b (1 + x^d)        log(x^b + x^c) = b + Z(d)        d = c - b

modulo 2^32 - 1, with Z(d) = log(1 + x^d), the *Zech logarithm* of d. In a frame of n bits, then,
the one power is x^log(S); two are a Z(d) less than n below log(S), found at one place of the table
of all Z(d), d < n, in rising order; three are two with the sum S + x^a, for each a. That is one
step for one and for two, and n steps for three.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ...dot11 import fcs_logs
from . import powers_kernel
from .powers_kernel import Zech

MAX_NUMBER = 3

_SMALLEST = 14  # shift: a finer table would be larger than the processor's caches


class Powers:
    """Sums of powers of x.

    Args:
        bits: Length of frames to be ready for; tables for longer ones are made when they come.
    """

    def __init__(self, bits: int = 0) -> None:
        self._zech: dict[int, Zech] = {}
        # Tables are made, and kernels loaded or compiled, now and not while somebody measures.
        self.find(np.zeros(1, np.uint32), np.array([bits], np.int64), 1)

    def find(
        self, syndromes: NDArray[np.uint32], bits: NDArray[np.int64], number: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """All sets of exactly ``number`` exponents below ``bits[i]`` that give ``syndromes[i]``.

        The exponents of a set differ, and x to the power of each sums to the syndrome.

        Args:
            syndromes: Shape (frames,); 0 is a sum like others.
            bits: Shape (frames,): lengths, FCS included.
            number: 1 to 3.

        Returns:
            Rows, shape (sets,): the i of each set, rising; and exponents, shape (sets, number):
            rising within a set, the sets of a row in rising order.

        Raises:
            ValueError: The number is out of range.
        """
        if not 1 <= number <= MAX_NUMBER:
            raise ValueError(f"number={number}, wanted 1 to {MAX_NUMBER}")
        zech = self._table(int(bits.max(initial=0)))
        size = _likely(bits, number)
        while True:
            rows = np.empty(size, np.int64)
            exponents = np.empty((size, number), np.int64)
            sets = powers_kernel.find(syndromes, bits, fcs_logs.tables(), zech, rows, exponents)
            if sets <= size:
                return rows[:sets], exponents[:sets]
            size = sets

    def _table(self, bits: int) -> Zech:
        """The smallest table that serves frames of so many bits."""
        shift = max(_SMALLEST, (bits - 1).bit_length())
        if shift not in self._zech:
            self._zech[shift] = _zech(shift)
        return self._zech[shift]


def _likely(bits: NDArray[np.int64], number: int) -> int:
    """More sets than there will be but rarely: a true one for each frame, and those of chance."""
    sets = np.ones(len(bits))
    for k in range(number):
        sets *= np.maximum(bits - k, 0) / (k + 1)
    chance = float(sets.sum()) / 2.0**32
    return len(bits) + math.ceil(chance + 5 * math.sqrt(chance))


def _zech(shift: int) -> Zech:
    """The table for frames of up to 2^shift bits: 8 bytes for each, and 4 for each bucket."""
    logs = np.empty((1 << shift) - 1, np.uint32)
    powers_kernel.fill_zech(fcs_logs.tables(), logs)
    order = np.argsort(logs)
    sizes = np.bincount(logs >> shift, minlength=1 << 32 - shift)
    order = np.concatenate([order[len(order) - sizes[-1] :], order])
    starts = np.cumsum(np.concatenate([[0], sizes[-1:], sizes]))
    differences = order + 1
    return Zech(shift, starts.astype(np.int32), logs[order], differences.astype(np.int32))
