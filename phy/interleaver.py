"""The interleaver: IEEE 802.11-2020, 17.3.5.7.

It works on the N_CBPS coded bits of one OFDM symbol, in two permutations. With k the index of a
bit before the first, i between them, j after the second, and s = max(N_BPSC / 2, 1):

    i = (N_CBPS / 16) (k mod 16) + floor(k / 16)
    j = s floor(i / s) + (i + N_CBPS - floor(16 i / N_CBPS)) mod s

The first puts neighbours on subcarriers far apart, the second on bits of different weight.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def permutation(bits_per_symbol: int, bits_per_subcarrier: int) -> NDArray[np.int64]:
    """For each bit before interleaving (k), its place after it (j).

    Args:
        bits_per_symbol: N_CBPS, a multiple of 48.
        bits_per_subcarrier: N_BPSC.
    """
    k = np.arange(bits_per_symbol)
    i = bits_per_symbol // 16 * (k % 16) + k // 16
    s = max(bits_per_subcarrier // 2, 1)
    j: NDArray[np.int64] = s * (i // s) + (i + bits_per_symbol - 16 * i // bits_per_symbol) % s
    return j
