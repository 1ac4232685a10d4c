"""Complementary code keying, compiled: the twins of :mod:`wtrec.phy.cck`.

The receiver correlates with all code words at once, phase by phase: chips that differ in phase 2
alone are added first, then the sums that differ in phase 3, then in phase 4. That is 112 complex
additions for 64 code words instead of 512.
"""

# mypy: disable-error-code="assignment, arg-type, return-value, no-any-return"
# pyright: reportArgumentType=false, reportAssignmentType=false, reportReturnType=false
# numba types the inside of kernels: fixed-width integers, where annotations say int.

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..jit import jit
from .cck import CHIPS, codewords
from .dsss_barker import QUARTER_TURNS
from .dsss_barker_kernel import nearest_turn

Bits = NDArray[np.uint8]
Chips = NDArray[np.complex64]

_WORDS_4 = codewords(4)
_WORDS_8 = codewords(8)


@jit
def modulate_cck(bits: Bits, width: int, chips: Chips) -> None:
    """Twin of :func:`wtrec.phy.cck.modulate`."""
    words = _WORDS_4 if width == 4 else _WORDS_8
    phase = 0
    for symbol in range(len(bits) // width):
        data = bits[width * symbol : width * (symbol + 1)]
        first = np.int64(data[0])
        phase += 2 * first + (first ^ data[1]) + 2 * (symbol & 1)
        number = 0
        for k in range(2, width):
            number = 2 * number + data[k]
        for c in range(CHIPS):
            chips[CHIPS * symbol + c] = QUARTER_TURNS[phase & 3] * words[number, c]


@jit
def demodulate_cck(chips: Chips, width: int, before: complex, bits: Bits) -> None:
    """Twin of :func:`wtrec.phy.cck.demodulate`."""
    for symbol in range(len(bits) // width):
        number, now = _strongest(chips[CHIPS * symbol : CHIPS * (symbol + 1)], width)
        turns = nearest_turn(now * np.conj(before)) - 2 * (symbol & 1)
        data = bits[width * symbol : width * (symbol + 1)]
        data[0] = (turns >> 1) & 1
        data[1] = (turns ^ (turns >> 1)) & 1
        for k in range(2, width):
            data[k] = (number >> (width - 1 - k)) & 1
        before = now


@jit
def _strongest(chips: Chips, width: int) -> tuple[int, complex]:
    """The number of the code word of largest correlation, and that correlation."""
    every = 1 if width == 8 else 2
    first2 = 0 if width == 8 else 1
    stop3 = 4 if width == 8 else 1
    best, best_power, strongest = 0, np.float32(-1), np.complex64(0)
    number = 0
    for phase2 in range(first2, 4, every):
        back2 = np.conj(QUARTER_TURNS[phase2])
        a = back2 * chips[0] + chips[1]
        b = back2 * chips[2] - chips[3]
        c = back2 * chips[4] + chips[5]
        d = chips[7] - back2 * chips[6]
        for phase3 in range(stop3):
            back3 = np.conj(QUARTER_TURNS[phase3])
            with4 = back3 * a + b
            without4 = back3 * c + d
            for phase4 in range(0, 4, every):
                total = np.conj(QUARTER_TURNS[phase4]) * with4 + without4
                power = total.real * total.real + total.imag * total.imag
                if power > best_power:
                    best, best_power, strongest = number, power, total
                number += 1
    return best, strongest
