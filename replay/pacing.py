"""When each frame is due: absolute deadlines on a monotonic clock, never summed sleeps.

A :class:`Pace` turns frames into due times, in ns after the start. It knows no clock and keeps no
state: what went before is told to it as :class:`Before`, in integers that have no largest value,
so the billionth frame is due as exactly as the first. How times of a capture are read that jump
back or are missing, :mod:`.timeline` says.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ..clock import NS
from ..datasets.frames import FrameBatch
from .timeline import NEVER


class Before(NamedTuple):
    """What was replayed before a batch."""

    frames: int
    octets: int  # of their MPDUs, as long as they were before the capture cut them


class Pace(Protocol):
    """Due times of batches."""

    def due(
        self, frames: FrameBatch, elapsed: NDArray[np.int64], before: Before
    ) -> NDArray[np.int64] | None:
        """Ns after the start at which each frame is due; None: at once.

        Within a batch they never fall; from one batch to the next by 1 ns at most, a rounding.

        Args:
            frames: The batch.
            elapsed: Recorded time from the first frame that is replayed to each, ns, never
                falling.
            before: What was replayed before.
        """
        ...


@dataclass(frozen=True, slots=True)
class TopSpeed:
    """As fast as the algorithms take them."""

    def due(self, frames: FrameBatch, elapsed: NDArray[np.int64], before: Before) -> None:
        """Frames are due at once."""

    def __str__(self) -> str:
        return "topspeed"


@dataclass(frozen=True, slots=True)
class FramesPerSecond:
    """A constant number of frames per second.

    Args:
        pps: Frames per second, more than 0.
    """

    pps: float

    def due(
        self, frames: FrameBatch, elapsed: NDArray[np.int64], before: Before
    ) -> NDArray[np.int64]:
        """Frame n, from 0, is due at n / pps."""
        del elapsed
        return _steady(before.frames, np.arange(len(frames)), self.pps)

    def __str__(self) -> str:
        return f"pps {exact(self.pps)}"


@dataclass(frozen=True, slots=True)
class MegabitsPerSecond:
    """A constant number of bits of MPDUs per second.

    Args:
        mbps: Mbit/s, more than 0.
    """

    mbps: float

    def due(
        self, frames: FrameBatch, elapsed: NDArray[np.int64], before: Before
    ) -> NDArray[np.int64]:
        """A frame is due when all bits before it have had their time."""
        del elapsed
        ends = np.cumsum(octets(frames))
        return _steady(before.octets, np.concatenate([[0], ends])[:-1], self.mbps * 125_000)

    def __str__(self) -> str:
        return f"mbps {exact(self.mbps)}"


@dataclass(frozen=True, slots=True)
class RecordedTime:
    """The capture's own times, sped up.

    Args:
        rate: 2.0 is twice as fast as recorded; more than 0.
    """

    rate: float

    def due(
        self, frames: FrameBatch, elapsed: NDArray[np.int64], before: Before
    ) -> NDArray[np.int64]:
        """Frames are due at their distance in time from the first, divided by the rate."""
        del frames, before
        if not len(elapsed):
            return elapsed
        first = int(elapsed[0])
        return _steady(first, elapsed - first, self.rate * NS)

    def __str__(self) -> str:
        return f"rate {exact(self.rate)}"


def exact(number: float) -> str:
    """A number as text that tells it from every other one."""
    return repr(float(number)).removesuffix(".0")


def octets(frames: FrameBatch) -> NDArray[np.int64]:
    """The length of each MPDU before the capture cut it."""
    return np.asarray(frames.column("original_length").to_numpy(), np.int64)


def _steady(before: int, more: NDArray[np.int64], per_second: float) -> NDArray[np.int64]:
    """When ``before + more`` is reached at a constant speed: ns, to the ns below."""
    begin = Fraction(before * NS) / Fraction(per_second)
    whole = int(begin)
    with np.errstate(over="ignore"):  # infinitely far is never, too
        rest = float(begin - whole) + more * (NS / per_second)
    if whole >= NEVER:
        return np.full(len(more), NEVER)
    return np.asarray(whole + np.minimum(rest, NEVER - whole).astype(np.int64))
