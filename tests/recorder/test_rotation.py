"""When files and captures are over, by clocks that are set under way."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.recorder.rotation import Cut, Limits, Moment, Rotation, Schedule, file_name

GIGA = 10**9
START = Moment(1_700_000_000 * GIGA + 250_000_000, 5_000 * GIGA)


def after(seconds: float, *, clock_set_by: float = 0) -> Moment:
    """So long after the start, on a real clock that was set."""
    passed = round(seconds * GIGA)
    return Moment(START.real + passed + round(clock_set_by * GIGA), START.monotonic + passed)


class TestDuration:
    """Durations are counted on a clock that never jumps."""

    @given(st.floats(-1e6, 1e6))
    def test_a_clock_that_is_set(self, step: float) -> None:
        """It ends after its time, and its end is a time of the clock as it is then."""
        schedule = Schedule(Limits(seconds=60), None, START)
        assert schedule.due(after(59.999, clock_set_by=step)) is None
        cut = schedule.due(after(60.5, clock_set_by=step))
        assert cut == (after(60, clock_set_by=step).real, "duration", True)

    def test_files_follow_each_other(self) -> None:
        """Each file begins where the one before ended, however late that is noticed."""
        schedule = Schedule(Limits(), Rotation(seconds=10), START)
        for number in (1, 2, 3):
            noticed = after(10 * number + 0.3 * number)
            cut = schedule.due(noticed)
            assert cut == (after(10 * number).real, "duration", False)
            assert cut is not None
            schedule.new_file(cut, noticed)
            assert schedule.due(noticed) is None

    def test_the_end_comes_before_a_new_file(self) -> None:
        """Where both are due, the capture is over."""
        schedule = Schedule(Limits(seconds=10), Rotation(seconds=10), START)
        cut = schedule.due(after(10))
        assert cut is not None
        assert cut.ends


class TestInterval:
    """An interval is a matter of the wall clock."""

    def test_on_the_hour(self) -> None:
        """Files end where the time is a multiple, whenever they began."""
        schedule = Schedule(Limits(), Rotation(interval=3600), START)
        boundary = 1_700_002_800 * GIGA
        assert boundary % (3600 * GIGA) == 0
        assert schedule.due(Moment(boundary - 1, START.monotonic)) is None
        now = Moment(boundary + 5, START.monotonic)
        cut = schedule.due(now)
        assert cut == (boundary, "interval", False)
        assert cut is not None
        schedule.new_file(cut, now)
        assert schedule.due(Moment(boundary + 3599 * GIGA, START.monotonic)) is None

    def test_a_clock_that_is_set_forward(self) -> None:
        """One file ends, not one for each interval that nobody saw."""
        schedule = Schedule(Limits(), Rotation(interval=1), START)
        now = after(0.1, clock_set_by=86_400)
        cut = schedule.due(now)
        assert cut is not None
        assert now.real - GIGA < cut.at <= now.real
        schedule.new_file(cut, now)
        assert schedule.due(now) is None

    def test_a_clock_that_is_set_back(self) -> None:
        """The next file begins within an interval, not when the old time comes again."""
        schedule = Schedule(Limits(), Rotation(interval=1), START)
        assert schedule.due(after(0.1, clock_set_by=-86_400)) is None
        assert schedule.due(after(1.1, clock_set_by=-86_400)) is not None

    def test_none_is_left_out(self) -> None:
        """Whoever asks late gets all boundaries, one after the other, and then the end."""
        schedule = Schedule(Limits(seconds=2.5), Rotation(interval=1), START)
        now = after(3)
        for seconds in (0.75, 1.75):
            cut = schedule.due(now)
            assert cut == (after(seconds).real, "interval", False)
            assert cut is not None
            schedule.new_file(cut, now)
        assert schedule.due(now) == (after(2.5).real, "duration", True)


class TestDurationAndInterval:
    """Both conditions together, with a clock that is set."""

    @given(st.floats(-1e6, 1e6), st.booleans())
    def test_one_file_at_a_time(self, step: float, counted: bool) -> None:
        """A clock that is set ends one file, or none, not one for each duration that it passed."""
        schedule = Schedule(Limits(), Rotation(seconds=60, interval=3600), START)
        now = after(10, clock_set_by=step)
        if counted:  # a file is full with a frame from before the clock was set
            schedule.new_file(Cut(after(9).real, "packets", ends=False), now)
        cut = schedule.due(now)
        if cut is not None:
            schedule.new_file(cut, now)
        assert schedule.due(now) is None
        assert schedule.due(after(71, clock_set_by=step)) is not None

    def test_frames_that_waited(self) -> None:
        """A file that began at a frame of before an interval's end ends there."""
        schedule = Schedule(Limits(), Rotation(interval=1), START)
        schedule.new_file(Cut(after(0.5).real, "packets", ends=False), after(3))
        assert schedule.due(after(3)) == (after(0.75).real, "interval", False)


class TestPatience:
    """How long there is nothing to do."""

    @given(st.floats(0, 100), st.floats(0.01, 50), st.floats(0.01, 50))
    def test_nothing_is_due_before(self, now: float, seconds: float, interval: float) -> None:
        """Just before its end nothing is due, and at its end something is."""
        rotation = Rotation(seconds=seconds, interval=interval)
        schedule = Schedule(Limits(), rotation, START)
        patience = schedule.patience(after(now))
        if patience > 1e-3:
            assert schedule.due(after(now + patience - 1e-4)) is None
        assert schedule.due(after(now + patience + 1e-6)) is not None

    def test_without_conditions(self) -> None:
        """Without a condition of time there is no hurry."""
        assert Schedule(Limits(frames=1), Rotation(bytes=1), START).patience(START) > 1e6


@pytest.mark.parametrize(
    ("base", "number", "name"),
    [
        ("run.pcapng", 1, "run_00001_20231114221320.pcapng"),
        ("a.b/run-1.5.pcapng", 42, "a.b/run-1.5_00042_20231114221320.pcapng"),
        ("run", 99_999, "run_99999_20231114221320"),
        ("run.pcapng", 100_001, "run_00001_20231114221320.pcapng"),
    ],
)
def test_names_are_dumpcaps(base: str, number: int, name: str) -> None:
    """Number and first moment stand before the ending; numbers begin again after 99,999."""
    assert file_name(Path(base), number, START.real) == Path(name)
