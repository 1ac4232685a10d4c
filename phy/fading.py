"""Block Rayleigh fading over a tapped delay line with an exponential power-delay profile.

Eight taps 50 ns apart, one sample of a 20 MHz channel each; tap l is complex normal with mean
power proportional to exp(-l), that is, a decay of 50 ns. The powers add up to 1, so that the
mean gain |H|^2 of each subcarrier is 1:

    H(f) = sum over l of h_l exp(-2 pi i f l / 64),  f = -26 ... 26 without 0, -21, -7, 7, 21

The channel stands still during a frame, and is another one in the next.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

TAPS: Final = 8
TAP_NS: Final = 50
DECAY_NS: Final = 50

_FFT = 64
_PILOTS = (-21, -7, 7, 21)
_DATA_SUBCARRIERS = [f for f in range(-26, 27) if f != 0 and f not in _PILOTS]


def profile() -> NDArray[np.float64]:
    """Mean power of each tap; they add up to 1."""
    powers: NDArray[np.float64] = np.exp(-np.arange(TAPS) * TAP_NS / DECAY_NS)
    powers /= powers.sum()
    return powers


def response() -> NDArray[np.complex128]:
    """H of each data subcarrier for a normal draw of variance 1 per tap and part.

    Shape (48, TAPS). Real and imaginary part of a tap have half its power each.
    """
    turns = np.outer(_DATA_SUBCARRIERS, np.arange(TAPS)) / _FFT
    of_taps: NDArray[np.complex128] = np.exp(-2j * np.pi * turns) * np.sqrt(profile() / 2)
    return of_taps


def gains(draws: NDArray[np.float32]) -> NDArray[np.float64]:
    """|H|^2 of each data subcarrier, from 2 * TAPS normal draws: real parts, then imaginary."""
    taps = draws[:TAPS].astype(float) + 1j * draws[TAPS : 2 * TAPS]
    power: NDArray[np.float64] = np.abs(response() @ taps) ** 2
    return power
