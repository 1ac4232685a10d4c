"""A clock that tests move, and algorithms that take their time on it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from wtrec.clock import NS, Clock
from wtrec.datasets.frames import FcsStatus, FrameBatch
from wtrec.replay.algorithm import Repairs


class FakeClock:
    """Time passes in sleeps, and when it is told to; reading it takes none."""

    def __init__(self, time: int = 0) -> None:
        self.time = time
        self.clock = Clock(lambda: self.time, self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.time += max(1, round(seconds * NS))


class Busy:
    """Answers for bad frames at once, each with its number as the flip, and takes a known time.

    Args:
        clock: That time passes on.
        took: Ns for so many frames.
    """

    name = "busy"

    def __init__(self, clock: FakeClock, took: Callable[[int], int]) -> None:
        self.seen: list[int] = []
        self.calls: list[tuple[int, int]] = []  # when, and how many frames
        self._clock = clock
        self._took = took

    def recover(self, frames: FrameBatch) -> Repairs:
        self.calls.append((self._clock.time, len(frames)))
        self.seen += frames.number.tolist()
        self._clock.time += self._took(len(frames))
        bad: list[int] = frames.number[frames.fcs_status == FcsStatus.BAD].tolist()
        return Repairs.of([(number, [number % 100]) for number in bad])

    def finish(self) -> Repairs:
        return Repairs.none()


def poisson_ns(frames: int, per_second: float, seed: int) -> list[int]:
    """Arrivals of a Poisson process; of its gaps, only the order is left to luck."""
    random = np.random.default_rng(seed)
    quantiles = (random.permutation(frames) + 0.5) / frames
    gaps = -np.log1p(-quantiles) * NS / per_second
    times: list[int] = np.cumsum(gaps).astype(np.int64).tolist()
    return times
