"""Write syndromes as sums of a few powers of x, which is: find a few flipped bits.

A flipped bit with m bits behind it has the syndrome x^m mod P. P is primitive, so syndromes have
logarithms (``dot11/fcs_logs.py``), and for b < c

    x^b + x^c = x^b (1 + x^d)        log(x^b + x^c) = b + Z(d)        d = c - b

with Z(d) = log(1 + x^d), the *Zech logarithm* of d, modulo 2^32 - 1. So one exponent of a syndrome
S is log S; two are a Z(d) at most n - 1 below log S, in a frame of n bits, for which a table of Z
in rising order is looked into at one place; and three are two of S + x^a, for each a. Where frames
have n bits, that is a step, a step, and n steps: no search at all before the third bit.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ...dot11 import fcs_logs
from . import powers_kernel
from .powers_kernel import Zech

MAX_NUMBER = 3

_SMALLEST = 16  # binary logarithm: fewer, larger buckets would be slower, more of them larger


class Powers:
    """Sums of powers of x.

    Args:
        bits: Length of the frames to make tables for; they grow when longer ones come.
    """

    def __init__(self, bits: int = 0) -> None:
        self._tables = fcs_logs.tables()
        self._zech = _zech(bits)

    def find(
        self, syndromes: NDArray[np.uint32], bits: NDArray[np.int64], number: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """All sets of exactly so many exponents below ``bits[i]`` that sum to ``syndromes[i]``.

        Args:
            syndromes: Shape (n,): sums of powers of x; 0 is one, too.
            bits: Shape (n,): lengths of the frames, FCS included.
            number: 1 to 3.

        Returns:
            Rows, shape (sets,): the i of each set, rising; and exponents, shape (sets, number):
            rising within a set, the sets of a row in rising order.

        Raises:
            ValueError: The number is out of range.
        """
        if not 1 <= number <= MAX_NUMBER:
            raise ValueError(f"number={number}, wanted 1 to {MAX_NUMBER}")
        longest = int(bits.max(initial=0))
        if longest > 1 << self._zech.shift:
            self._zech = _zech(longest)
        size = _likely(bits, number)
        while True:
            rows = np.empty(size, np.int64)
            exponents = np.empty((size, number), np.int64)
            count = powers_kernel.find(syndromes, bits, self._tables, self._zech, rows, exponents)
            if count <= size:
                return rows[:count], exponents[:count]
            size = count


def _likely(bits: NDArray[np.int64], number: int) -> int:
    """How many sets there will hardly be more of: one a frame that is true, and those of chance."""
    sets = np.ones(len(bits))
    for k in range(number):
        sets *= np.maximum(bits - k, 0) / (k + 1)
    chance = float(sets.sum()) / 2.0**32
    return len(bits) + math.ceil(chance + 5 * math.sqrt(chance))


def _zech(bits: int) -> Zech:
    """The table for frames of so many bits."""
    shift = max(_SMALLEST, (bits - 1).bit_length())
    differences = np.arange(1, 1 << shift, dtype=np.int32)
    logs = np.empty(len(differences), np.uint32)
    powers_kernel.fill_zech(fcs_logs.tables(), logs)
    order = np.argsort(logs)
    sizes = np.bincount(logs >> shift, minlength=1 << 32 - shift)
    order = np.concatenate([order[len(order) - sizes[-1] :], order])
    starts = np.cumsum(np.concatenate([[0], sizes[-1:], sizes]))
    return Zech(shift, starts.astype(np.int32), logs[order], differences[order])
