"""Waiting for a moment: absolute deadlines on a clock, never summed sleeps.

Whatever paces something knows when each thing is due, counted from one start; a wait that
ends late is made up for by the next one, so nothing adds up.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Clock:
    """A clock, and how to sleep beside it.

    Attributes:
        now: What it reads, ns.
        sleep: Let so many seconds pass, or fewer.
    """

    now: Callable[[], int]
    sleep: Callable[[float], object]


MONOTONIC = Clock(time.monotonic_ns, time.sleep)
REAL_TIME = Clock(time.time_ns, time.sleep)


def _never() -> bool:
    return False


def wait_until(
    due: int,
    clock: Clock = MONOTONIC,
    *,
    spin_ns: int = 0,
    give_up: Callable[[], bool] = _never,
) -> int:
    """Wait until ``clock`` reads ``due``.

    Args:
        due: The moment, ns on the clock.
        clock: The clock.
        spin_ns: Watch the clock for so long at the end, as a sleep ends some 50 us late, or more.
        give_up: Asked again and again; when it says yes the wait is over.

    Returns:
        What the clock read last: ``due`` or later, unless the wait was given up.
    """
    while (left := due - (now := clock.now())) > 0 and not give_up():
        if left > spin_ns:
            clock.sleep((left - spin_ns) / NS)
    return now
