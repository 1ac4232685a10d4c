"""How errors in a packet change its checksum, compiled; see sums.py."""

# mypy: disable-error-code="assignment, arg-type, return-value, no-any-return"
# pyright: reportArgumentType=false, reportAssignmentType=false, reportReturnType=false
# numba types the inside of kernels: fixed-width integers, where annotations say int.

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...jit import jit

MODULUS = 0xFFFF
WORD = 16  # bits
FARTHEST = 16  # a tap


@jit
def count(
    data: NDArray[np.uint8],
    begin: int,
    end: int,
    taps: NDArray[np.int64],
    counts: NDArray[np.int64],
) -> None:
    """Places of an error in ``data[begin:end]``, by column of the sum and by the bits it flips.

    Args:
        data: Bytes.
        begin: First byte.
        end: End.
        taps: Distances of the bits that an error flips, rising from 0 to ``FARTHEST`` at most.
        counts: Out, shape (WORD, 2 ** taps): of the number, bit t is the bit at tap t.
    """
    counts[:] = 0
    places = 8 * (end - begin) - taps[-1]
    for at in range(0, places, WORD):
        window = np.uint64(0)
        first = begin + at // 8
        for k in range(min(4, end - first)):
            window |= np.uint64(data[first + k]) << np.uint64(8 * k)
        for column in range(min(WORD, places - at)):
            bits = np.uint64(0)
            for t in range(len(taps)):
                bits |= (window >> np.uint64(column + taps[t]) & np.uint64(1)) << np.uint64(t)
            counts[column, bits] += 1


@jit
def by_errors(
    data: NDArray[np.uint8],
    begin: NDArray[np.int64],
    end: NDArray[np.int64],
    lacking: NDArray[np.int64],
    taps: NDArray[np.int64],
    chances: NDArray[np.float64],
) -> None:
    """Probability that errors at random places change the sum by what is lacking.

    Args:
        data: Bytes.
        begin: First byte of what is summed, shape (n,).
        end: Its end, shape (n,).
        lacking: What must be added, shape (n,).
        taps: See :func:`count`.
        chances: Out, shape (n, most): of one error, two and so on, up to four.
    """
    most = chances.shape[1]
    counts = np.zeros((WORD, 1 << len(taps)), np.int64)
    change = np.zeros(counts.size, np.int64)
    chance = np.zeros(counts.size)
    one = np.zeros(MODULUS)  # probability of each change by one error
    two = np.zeros(MODULUS if most > 2 else 0)
    for i in range(len(lacking)):
        chances[i] = 0
        count(data, begin[i], end[i], taps, counts)
        total = counts.sum()
        ways = 0
        for column in range(WORD):
            for bits in range(counts.shape[1]):
                if counts[column, bits]:
                    value = 0
                    for t in range(len(taps)):
                        power = 1 << (column + taps[t]) % WORD
                        value += -power if bits >> t & 1 else power
                    change[ways] = value % MODULUS
                    chance[ways] = counts[column, bits] / total
                    one[change[ways]] += chance[ways]
                    ways += 1
        if most > 2:
            for a in range(ways):
                for b in range(ways):
                    two[(change[a] + change[b]) % MODULUS] += chance[a] * chance[b]
        chances[i, 0] = one[lacking[i]]
        for a in range(ways):
            rest = (lacking[i] - change[a]) % MODULUS
            if most > 1:
                chances[i, 1] += chance[a] * one[rest]
            if most > 2:
                chances[i, 2] += chance[a] * two[rest]
            if most > 3:
                for b in range(ways):
                    both = chance[a] * chance[b]
                    chances[i, 3] += both * two[(rest - change[b]) % MODULUS]
        for a in range(ways):
            one[change[a]] = 0
            if most > 2:
                for b in range(ways):
                    two[(change[a] + change[b]) % MODULUS] = 0
