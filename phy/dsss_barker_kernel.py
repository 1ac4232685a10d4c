"""Barker spreading, compiled: the twins of :mod:`wtrec.phy.dsss_barker`."""

# mypy: disable-error-code="assignment, arg-type, return-value, no-any-return"
# pyright: reportArgumentType=false, reportAssignmentType=false, reportReturnType=false
# numba types the inside of kernels: fixed-width integers, where annotations say int.

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..jit import jit
from .dsss_barker import BARKER, QUARTER_TURNS

Chips = NDArray[np.complex64]
Bits = NDArray[np.uint8]

_CHIPS = len(BARKER)


@jit
def modulate_barker(bits: Bits, width: int, chips: Chips) -> None:
    """Twin of :func:`wtrec.phy.dsss_barker.modulate`."""
    phase = 0
    for symbol in range(len(bits) // width):
        first = np.int64(bits[width * symbol])
        phase += 2 * first
        if width == 2:
            phase += first ^ bits[2 * symbol + 1]
        for c in range(_CHIPS):
            chips[_CHIPS * symbol + c] = QUARTER_TURNS[phase & 3] * BARKER[c]


@jit
def correlate(chips: Chips) -> complex:
    """With the Barker sequence, over its eleven chips."""
    total = np.complex64(0)
    for c in range(_CHIPS):
        total += chips[c] * BARKER[c]
    return total


@jit
def demodulate_barker(chips: Chips, width: int, before: complex, bits: Bits) -> None:
    """Twin of :func:`wtrec.phy.dsss_barker.demodulate`."""
    for symbol in range(len(bits) // width):
        now = correlate(chips[_CHIPS * symbol : _CHIPS * (symbol + 1)])
        change = now * np.conj(before)
        if width == 1:
            bits[symbol] = change.real < 0
        else:
            turns = nearest_turn(change)
            bits[2 * symbol] = turns >> 1
            bits[2 * symbol + 1] = (turns ^ (turns >> 1)) & 1
        before = now


@jit
def nearest_turn(value: complex) -> int:
    """Twin of :func:`wtrec.phy.dsss_barker.nearest_turns`."""
    if abs(value.real) >= abs(value.imag):
        return 0 if value.real >= 0 else 2
    return 1 if value.imag > 0 else 3
