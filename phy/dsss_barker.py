"""Barker spreading: 1 and 2 Mbit/s of 802.11b, in plain numpy.

IEEE 802.11-2020, 15.4.6.4 to 15.4.6.6. A symbol is the Barker sequence, eleven chips, turned
against the symbol before: by half a turn for the bit 1 (DBPSK, 1 Mbit/s), or by quarter turns for
two bits (DQPSK, 2 Mbit/s)::

    first bit, second bit    00   01   11   10
    quarter turns             0    1    2    3

Phases are whole quarter turns, chips have magnitude 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .dsss_scrambler import Bits

Chips = NDArray[np.complex64]
Turns = NDArray[np.int64]

BARKER = np.array([1, -1, 1, 1, -1, 1, 1, 1, -1, -1, -1], np.float32)
QUARTER_TURNS = np.array([1, 1j, -1, -1j], np.complex64)


def modulate(bits: Bits, width: int) -> Chips:
    """The symbols after one of phase 0.

    Args:
        bits: A whole number of symbols.
        width: Bits per symbol, 1 or 2.
    """
    changes = 2 * bits.astype(np.int64) if width == 1 else dqpsk_turns(bits)
    symbols: Chips = QUARTER_TURNS[np.cumsum(changes) % 4]
    return (symbols[:, np.newaxis] * BARKER).ravel()


def demodulate(chips: Chips, width: int, before: complex) -> Bits:
    """Bits by differential detection.

    Args:
        chips: A whole number of symbols.
        width: Bits per symbol, 1 or 2.
        before: What :func:`despread` says of the symbol before.
    """
    changes = phase_changes(despread(chips), before)
    if width == 1:
        return (changes.real < 0).astype(np.uint8)
    return dqpsk_bits(nearest_turns(changes))


def despread(chips: Chips) -> Chips:
    """The correlation of each symbol with the Barker sequence, 11 at most without noise."""
    symbols: Chips = chips.reshape(-1, len(BARKER)) @ BARKER
    return symbols


def dqpsk_turns(bits: Bits) -> Turns:
    """Quarter turns for pairs of bits."""
    first, second = bits[::2].astype(np.int64), bits[1::2]
    return 2 * first + (first ^ second)


def dqpsk_bits(turns: Turns) -> Bits:
    """Pairs of bits for quarter turns, 0 to 3."""
    first = turns >> 1
    return np.stack([first, first ^ turns & 1], axis=1).astype(np.uint8).ravel()


def phase_changes(symbols: Chips, before: complex) -> Chips:
    """Each symbol turned back by the one before it."""
    changes: Chips = symbols * np.concatenate([[np.complex64(before)], symbols[:-1]]).conj()
    return changes


def nearest_turns(values: Chips) -> Turns:
    """The quarter turn, 0 to 3, that is nearest to each value's phase."""
    along_real = abs(values.real) >= abs(values.imag)
    real, imaginary = np.where(values.real >= 0, 0, 2), np.where(values.imag > 0, 1, 3)
    return np.where(along_real, real, imaginary)
