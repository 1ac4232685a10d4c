"""Constellations with Gray mapping: IEEE 802.11-2020, 17.3.5.8.

Each of the square constellations is the same line of levels on two axes, I and Q, so that all
work is done per axis. The bits of an axis, first bit left, and its levels:

    BPSK (I alone), QPSK    0: -1   1: +1
    16-QAM                  00: -3  01: -1  11: +1  10: +3
    64-QAM                  000: -7  001: -5  011: -3  010: -1  110: +1  111: +3  101: +5  100: +7

Levels times K_MOD (1, 1/sqrt 2, 1/sqrt 10, 1/sqrt 42) give points of mean energy 1.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

# Levels by the bits of an axis as a number, first bit highest; by number of these bits.
LEVELS: Final = {
    1: np.array([-1, 1]),
    2: np.array([-3, -1, 3, 1]),
    3: np.array([-7, -5, -1, -3, 7, 5, 1, 3]),
}
K_MOD: Final = {1: 1.0, 2: 1 / math.sqrt(2), 4: 1 / math.sqrt(10), 6: 1 / math.sqrt(42)}


def axes(bits_per_subcarrier: int) -> int:
    """One for BPSK, else two."""
    return min(bits_per_subcarrier, 2)


def levels(bits: NDArray[np.uint8], bits_per_subcarrier: int) -> NDArray[np.int64]:
    """Levels of all axes: I, or I and Q in turn, of each subcarrier."""
    width = bits_per_subcarrier // axes(bits_per_subcarrier)
    numbers = bits.reshape(-1, width) @ (1 << np.arange(width)[::-1])
    return LEVELS[width][numbers]


def log_likelihood_ratios(
    received: NDArray[np.float64], weight: NDArray[np.float64], bits_per_subcarrier: int
) -> NDArray[np.float64]:
    """Max-log LLR of the bits of each axis: (distance^2 of the nearest 0 - of the nearest 1) / 4.

    Args:
        received: What arrived on each axis, after equalisation, in units of levels.
        weight: Factor for each axis: 4 K_MOD^2 |H|^2 / N0 makes natural LLRs of them.
        bits_per_subcarrier: N_BPSC.
    """
    width = bits_per_subcarrier // axes(bits_per_subcarrier)
    distances = (received[:, None] - LEVELS[width]) ** 2 / 4
    values = np.arange(1 << width)
    ratios = np.empty((len(received), width))
    for bit in range(width):
        ones = (values >> (width - 1 - bit)) & 1 == 1
        nearest_0, nearest_1 = distances[:, ~ones].min(axis=1), distances[:, ones].min(axis=1)
        ratios[:, bit] = weight * (nearest_0 - nearest_1)
    return ratios.reshape(-1)
