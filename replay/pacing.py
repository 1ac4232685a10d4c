"""When each frame is due: absolute deadlines on a monotonic clock, never summed sleeps.

A :class:`Pace` turns frames into due times, in ns after the start; it knows no clock. Times
in a capture may jump back (reordering, clock steps) or be missing: a frame is then due
together with the one before it, and the pace goes on from the latest time so far.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..clock import NS
from ..datasets.frames import FrameBatch

_NEVER = 1 << 62  # 146 years: later due times are as good as this, and fit into 64 bits


class Pace(Protocol):
    """Due times of successive batches."""

    def due(self, frames: FrameBatch) -> NDArray[np.int64] | None:
        """Ns after the start at which each frame is due, never falling; None: at once."""
        ...


@dataclass(frozen=True, slots=True)
class TopSpeed:
    """As fast as the algorithms take them."""

    def due(self, frames: FrameBatch) -> None:
        """Frames are due at once."""

    def __str__(self) -> str:
        return "topspeed"


class FramesPerSecond:
    """A constant number of frames per second.

    Args:
        pps: Frames per second, more than 0.
    """

    def __init__(self, pps: float) -> None:
        self._pps = pps
        self._count = 0

    def due(self, frames: FrameBatch) -> NDArray[np.int64]:
        """Frame n is due at n / pps, computed anew for each, so nothing adds up."""
        number = np.arange(self._count, self._count + len(frames), dtype=np.float64)
        self._count += len(frames)
        with np.errstate(over="ignore"):  # infinitely far is never, too
            return _due_ns(number * NS / self._pps)

    def __str__(self) -> str:
        return f"pps {self._pps:g}"


class RecordedTime:
    """The capture's own times, sped up.

    Args:
        rate: 2.0 is twice as fast as recorded; more than 0.
    """

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._start: int | None = None
        self._latest = 0

    def due(self, frames: FrameBatch) -> NDArray[np.int64]:
        """Frames are due at their distance in time from the first, divided by the rate."""
        column = frames.column("time")
        times = np.asarray(column.cast("int64").fill_null(np.iinfo(np.int64).min).to_numpy())
        timed = times != np.iinfo(np.int64).min
        if self._start is None and timed.any():
            self._start = int(times[timed][0])
        elapsed = np.where(timed, times - (self._start or 0), 0)
        elapsed = np.maximum.accumulate(np.maximum(elapsed, self._latest))
        if len(elapsed):
            self._latest = int(elapsed[-1])
        with np.errstate(over="ignore"):
            return _due_ns(elapsed / self._rate)

    def __str__(self) -> str:
        return f"rate {self._rate:g}"


def _due_ns(due: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.minimum(due, _NEVER).astype(np.int64)
