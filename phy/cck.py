"""Complementary code keying: 5.5 and 11 Mbit/s of 802.11b, in plain numpy.

IEEE 802.11-2020, 16.4.6.6. A symbol is eight chips, each turned by a sum of four phases::

    chip     0         1       2       3        4       5     6        7
    phases   1+2+3+4   1+3+4   1+2+4   1+4+pi   1+2+3   1+3   1+2+pi   1

Phase 1 turns the whole symbol against the one before: DQPSK of the bits d0 and d1, and half a
turn more in odd symbols, the PSDU's first being number 0. The others choose the code word: at
11 Mbit/s phases 2, 3 and 4 are QPSK of (d2, d3), (d4, d5) and (d6, d7); at 5.5 Mbit/s phase 2 is
d2 pi + pi/2, phase 3 is 0 and phase 4 is d3 pi.

Any two of the 64 code words are at least a squared distance of 8 apart (a chip's energy is 1, a
code word's 8), also when turned; the four of 5.5 Mbit/s are orthogonal.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .dsss_barker import (
    QUARTER_TURNS,
    Chips,
    dqpsk_bits,
    dqpsk_turns,
    nearest_turns,
    phase_changes,
)
from .dsss_scrambler import Bits

CHIPS = 8  # per symbol

_PHASES_OF_CHIP = np.array(  # phases 2, 3 and 4
    [[1, 1, 1], [0, 1, 1], [1, 0, 1], [0, 0, 1], [1, 1, 0], [0, 1, 0], [1, 0, 0], [0, 0, 0]]
)
_COVER = np.array([0, 0, 0, 2, 0, 0, 2, 0])  # quarter turns


def codewords(width: int) -> Chips:
    """The code words with phase 1 = 0, shape (words, 8), by the number that d2, d3 ... write.

    Args:
        width: Bits per symbol: 4 (four words) or 8 (64 words).
    """
    number = np.arange(1 << (width - 2))
    if width == 4:
        phases = [2 * (number >> 1) + 1, 0 * number, 2 * (number & 1)]
    else:
        phases = [number >> 4, number >> 2 & 3, number & 3]
    words: Chips = QUARTER_TURNS[(np.stack(phases, axis=1) @ _PHASES_OF_CHIP.T + _COVER) % 4]
    return words


def modulate(bits: Bits, width: int) -> Chips:
    """The symbols after one of phase 0.

    Args:
        bits: A whole number of symbols.
        width: Bits per symbol, 4 or 8.
    """
    data = bits.reshape(-1, width)
    changes = dqpsk_turns(data[:, :2].ravel()) + _odd(len(data))
    words = codewords(width)[data[:, 2:] @ (1 << np.arange(width - 3, -1, -1))]
    return (QUARTER_TURNS[np.cumsum(changes) % 4, np.newaxis] * words).ravel()


def demodulate(chips: Chips, width: int, before: complex) -> Bits:
    """Bits by the code word of largest correlation, and the change of that correlation's phase.

    Args:
        chips: A whole number of symbols.
        width: Bits per symbol, 4 or 8.
        before: The correlation of the symbol before.
    """
    correlations = chips.reshape(-1, CHIPS) @ codewords(width).conj().T
    number = abs(correlations).argmax(axis=1)
    symbols = correlations[np.arange(len(number)), number]
    turns = nearest_turns(phase_changes(symbols, before)) - _odd(len(number))
    phase_bits = dqpsk_bits(turns % 4).reshape(-1, 2)
    word_bits = number[:, np.newaxis] >> np.arange(width - 3, -1, -1) & 1
    return np.concatenate([phase_bits, word_bits], axis=1).astype(np.uint8).ravel()


def _odd(symbols: int) -> NDArray[np.int64]:
    """Half a turn in odd symbols."""
    return 2 * (np.arange(symbols) & 1)
