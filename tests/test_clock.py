"""Waiting for a moment, on a clock that the test moves."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from wtrec.clock import NS, REAL_TIME, Clock, wait_until


class FakeClock:
    """A clock on which reading takes 100 ns, and a sleep as much longer than asked as is said."""

    def __init__(self, oversleep: list[int]) -> None:
        self.time = 0
        self.slept: list[float] = []
        self._oversleep = oversleep
        self.clock = Clock(self._now, self._sleep)

    def _now(self) -> int:
        self.time += 100
        return self.time

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += round(seconds * NS)
        if self._oversleep:
            self.time += self._oversleep.pop(0)


@given(st.lists(st.integers(-500_000, 500_000), max_size=6), st.integers(0, 10**10))
def test_never_early(oversleep: list[int], due: int) -> None:
    """Whatever sleeps do, the wait ends at the moment or later."""
    fake = FakeClock([max(more, -1000) for more in oversleep])
    assert wait_until(due, fake.clock) >= due


@given(st.integers(0, 400_000), st.integers(10**6, 10**9))
def test_spinning_makes_up_for_a_late_sleep(oversleep: int, due: int) -> None:
    """A sleep that takes less than the margin too long makes nothing late."""
    fake = FakeClock([oversleep])
    assert due <= wait_until(due, fake.clock, spin_ns=500_000) <= due + 100
    assert len(fake.slept) == 1


def test_what_is_due_already_is_not_waited_for() -> None:
    """The clock is read once."""
    fake = FakeClock([])
    assert wait_until(50, fake.clock) == 100
    assert not fake.slept


def test_given_up() -> None:
    """The wait ends early if that is asked for."""
    fake = FakeClock([-1000])
    assert wait_until(10**9, fake.clock, give_up=lambda: bool(fake.slept)) == 10**9 - 900
    assert wait_until(10**12, fake.clock, give_up=lambda: True) < 10**12


def test_real_time() -> None:
    """The real clocks do it, too."""
    due = time.time_ns() + 2_000_000
    assert wait_until(due, REAL_TIME, spin_ns=100_000) >= due
    assert time.time_ns() >= due
