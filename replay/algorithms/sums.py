"""How likely a false candidate makes up for what a checksum in ones' complement lacks.

The sum of RFC 1071 is one modulo 2^16 - 1. In it the bit i of a packet, in the order of the air,
counts for 2^i, as 2^16 is 1, so a flip changes the sum by plus or minus 2^i. A candidate is
confirmed if what it flips changes the sum by what is lacking. For patterns of many bits each change
is as likely as any other, once in 2^16. But few flips reach few changes: a frame whose sum lacks
what three flips can give is confirmed by any three in at least one of 5,461 cases, one that lacks
what only five can give, never. What is lacking is known; so that is how likely it is, too.

The distribution of a change is had from its Fourier transform over the integers modulo 2^16 - 1:
that of a flip which adds or subtracts 2^i is the cosine of 2 pi 2^i j / (2^16 - 1), and flips that
are independent multiply. The data are taken to be random, and so is the place.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

MODULUS: Final = 0xFFFF
BY_CHANCE: Final = 2.0**-16  # that a checksum over random bytes is right

_WORD = 16  # bits
_NOISE = 1e-14  # of the transform; what is possible at all is likelier


class Sums:
    """Changes of the sum by the candidates of a stage.

    A candidate has some parts, each of which stands at a random place of the frame, and so under
    the checksum or beside it.

    Args:
        parts: For one part, two and so on, all under the checksum: probability of each change by
            the weight of a candidate, shape (weights or 1, MODULUS).
    """

    def __init__(self, parts: Sequence[NDArray[np.float64]]) -> None:
        self._parts = parts

    def chance(
        self, lacking: NDArray[np.int64], inside: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Probability that a false candidate leaves the checksum right.

        Args:
            lacking: What the sum of each frame lacks, 0 where it is right, shape (n,).
            inside: Share of a frame's bits that are under the checksum, shape (n,).

        Returns:
            Shape (n, weights or 1).
        """
        number = len(self._parts)
        chance = (((1 - inside) ** number) * (lacking == 0))[:, None]
        for k, changes in enumerate(self._parts, 1):
            share = math.comb(number, k) * inside**k * (1 - inside) ** (number - k)
            chance = chance + share[:, None] * changes[:, lacking].T
        return np.asarray(chance)


_UNIFORM = np.broadcast_to(np.float64(BY_CHANCE), (1, MODULUS))
BESIDE: Final = Sums(())  # nothing under the checksum is flipped
ANY: Final = Sums((_UNIFORM,))  # one pattern of many bits
TWO: Final = Sums((_UNIFORM, _UNIFORM))


@functools.cache
def of_errors(number: int, taps: tuple[int, ...] = (0,)) -> Sums:
    """Of so many errors, each of which flips the bits at these distances from the first."""
    wave = _anywhere(_wave(taps))
    return Sums([_changes(wave**k)[None] for k in range(1, number + 1)])


@functools.cache
def of_bursts(max_span: int) -> Sums:
    """Of all bursts of one span, as many as there are; the weight is the span, 0 to a longest."""
    waves = [_wave({0, max(0, span - 1)}, range(1, span - 1)) for span in range(max_span + 1)]
    return Sums([np.stack([_changes(_anywhere(wave)) for wave in waves])])


def _wave(flips: Iterable[int], maybe: Iterable[int] = ()) -> NDArray[np.float64]:
    """Transform of the change by flips at these positions.

    Args:
        flips: All of these are made.
        maybe: Each of these in half of the cases.
    """
    wave = np.ones(MODULUS)
    for k in flips:
        wave *= _cosine(k % _WORD)
    for k in maybe:
        wave *= (1 + _cosine(k % _WORD)) / 2
    return wave


@functools.cache
def _cosine(position: int) -> NDArray[np.float64]:
    turns = (np.arange(MODULUS) << position) % MODULUS
    return np.asarray(np.cos(turns * (2 * np.pi / MODULUS)))


def _anywhere(wave: NDArray[np.float64]) -> NDArray[np.float64]:
    """Transform of the same change from any bit of a word on."""
    double = 2 * np.arange(MODULUS) % MODULUS
    total = np.zeros(MODULUS)
    for _ in range(_WORD):
        total += wave
        wave = wave[double]  # of the same one bit later
    return total / _WORD


def _changes(wave: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probability of each change, from its transform, which is real and even."""
    changes = np.fft.irfft(wave[: MODULUS // 2 + 1], MODULUS)
    changes[changes < _NOISE] = 0
    return np.asarray(changes)
