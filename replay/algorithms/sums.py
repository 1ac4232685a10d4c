"""How likely a false candidate makes up for what a checksum in ones' complement lacks.

The sum of RFC 1071 is one modulo 2^16 - 1. In it the bit i of a packet, in the order of the air,
counts for 2^i, as 2^16 is 1, so a flip changes the sum by 2^i: up where the bit is 0, down where it
is 1. A candidate is confirmed if what it flips changes the sum by what is lacking. For patterns of
many bits each change is as likely as any other, once in 2^16. But few flips reach few changes: a
frame whose sum lacks what three flips can give is confirmed by any three in at least one of 5,461
cases if its data are random, one that lacks what only five can give, never. What is lacking is
known, and so are the packet's bits; so that is how likely it is, too.

For a few errors (:class:`Errors`) the bits of the packet are counted, by column of the sum and by
value, as a payload may have a pattern. For bursts (:func:`of_bursts`) data are taken to be random:
these are many patterns at few places, and far from the gate. The distribution of their changes is
had from its Fourier transform over the integers modulo 2^16 - 1: that of a flip which adds or
subtracts 2^i is the cosine of 2 pi 2^i j / (2^16 - 1), and flips that are independent multiply.
"""

from __future__ import annotations

import abc
import functools
import math
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import sums_kernel
from .sums_kernel import MODULUS, WORD

BY_CHANCE: Final = 2.0**-16  # that a checksum over random bytes is right

_NOISE = 1e-14  # of the transform; what is possible at all is likelier


class Packets(NamedTuple):
    """What is under a checksum in some frames.

    Attributes:
        data: The bytes of all frames.
        begin: First byte of the packet, with its LLC/SNAP header, in the data, shape (n,).
        end: Its end, shape (n,); where there is none, the same.
        inside: Share of the frame's bits that are in it, shape (n,).
        lacking: What must be added to the sum, 0 where it is right, -1 where what is damaged hides
            it, shape (n,).
    """

    data: NDArray[np.uint8]
    begin: NDArray[np.int64]
    end: NDArray[np.int64]
    inside: NDArray[np.float64]
    lacking: NDArray[np.int64]

    def only(self, which: NDArray[np.int64]) -> Packets:
        """Those of these frames."""
        data, begin, end, inside, lacking = self
        return Packets(data, begin[which], end[which], inside[which], lacking[which])


class Sums(abc.ABC):
    """Changes of the sum by the candidates of a stage.

    A candidate has some parts, each of which stands at a random place of the frame, and so under
    the checksum or beside it.

    Args:
        parts: How many.
    """

    def __init__(self, parts: int) -> None:
        self._parts = parts

    @abc.abstractmethod
    def under(self, packets: Packets) -> Sequence[NDArray[np.float64]]:
        """Probability of the change that is lacking, for one part, two and so on under the sum.

        Returns:
            For each number of parts, by the weight of a candidate, shape (n, weights or 1).
        """

    def chance(self, packets: Packets) -> NDArray[np.float64]:
        """Probability that a false candidate leaves the checksum right, where it can be read.

        Returns:
            Shape (n, weights or 1).
        """
        number, inside = self._parts, packets.inside[:, None]
        chance = (1 - inside) ** number * (packets.lacking == 0)[:, None]
        for k, changes in enumerate(self.under(packets), 1):
            chance = (
                chance + math.comb(number, k) * inside**k * (1 - inside) ** (number - k) * changes
            )
        return np.asarray(chance)


class Patterns(Sums):
    """Changes that are as likely in one packet as in another.

    Args:
        parts: For one part, two and so on, all under the checksum: probability of each change by
            the weight of a candidate, shape (weights or 1, MODULUS).
    """

    def __init__(self, parts: Sequence[NDArray[np.float64]]) -> None:
        super().__init__(len(parts))
        self._changes = parts

    def under(self, packets: Packets) -> Sequence[NDArray[np.float64]]:
        """See :meth:`Sums.under`."""
        return [changes[:, packets.lacking].T for changes in self._changes]


class Errors(Sums):
    """So many errors, each of which flips the bits at some distances from its place.

    Args:
        number: 1 to 4.
        taps: The distances, rising from 0, 16 at most.
    """

    def __init__(self, number: int, taps: Sequence[int] = (0,)) -> None:
        super().__init__(number)
        self._taps = np.array(taps)

    def under(self, packets: Packets) -> Sequence[NDArray[np.float64]]:
        """See :meth:`Sums.under`: by the bits that the packet has."""
        chances = np.zeros((len(packets.lacking), self._parts))
        data, begin, end, _, lacking = packets
        sums_kernel.by_errors(data, begin, end, lacking % MODULUS, self._taps, chances)
        return list(chances[:, :, None].transpose(1, 0, 2))


_UNIFORM = np.broadcast_to(np.float64(BY_CHANCE), (1, MODULUS))
BESIDE: Final = Patterns(())  # nothing under the checksum is flipped
ANY: Final = Patterns((_UNIFORM,))  # one pattern of many bits
TWO: Final = Patterns((_UNIFORM, _UNIFORM))


@functools.cache
def of_bursts(max_span: int) -> Patterns:
    """Of all bursts of one span, as many as there are; the weight is the span, 0 to a longest."""
    waves = [_wave({0, max(0, span - 1)}, range(1, span - 1)) for span in range(max_span + 1)]
    return Patterns([np.stack([_changes(_anywhere(wave)) for wave in waves])])


def _wave(flips: Iterable[int], maybe: Iterable[int] = ()) -> NDArray[np.float64]:
    """Transform of the change by flips at these positions.

    Args:
        flips: All of these are made.
        maybe: Each of these in half of the cases.
    """
    wave = np.ones(MODULUS)
    for k in flips:
        wave *= _cosine(k % WORD)
    for k in maybe:
        wave *= (1 + _cosine(k % WORD)) / 2
    return wave


@functools.cache
def _cosine(position: int) -> NDArray[np.float64]:
    turns = (np.arange(MODULUS) << position) % MODULUS
    return np.asarray(np.cos(turns * (2 * np.pi / MODULUS)))


def _anywhere(wave: NDArray[np.float64]) -> NDArray[np.float64]:
    """Transform of the same change from any bit of a word on."""
    double = 2 * np.arange(MODULUS) % MODULUS
    total = np.zeros(MODULUS)
    for _ in range(WORD):
        total += wave
        wave = wave[double]  # of the same one bit later
    return total / WORD


def _changes(wave: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probability of each change, from its transform, which is real and even."""
    changes = np.fft.irfft(wave[: MODULUS // 2 + 1], MODULUS)
    changes[changes < _NOISE] = 0
    return np.asarray(changes)
