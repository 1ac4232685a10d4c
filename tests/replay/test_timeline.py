"""Recorded time against a plain reading of its rules."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from wtrec.datasets.frames import FrameBatch
from wtrec.replay.timeline import NEVER, STEP_NS, Timeline

START = 1_700_000_000_000_000_000
INT64 = st.integers(-(2**63) + 1, 2**63 - 1)
NEAR = st.integers(START - 3 * STEP_NS, START + 3 * STEP_NS)


def timed(times: list[int | None]) -> FrameBatch:
    """Frames of which only the time is known."""
    return FrameBatch(pa.record_batch({"time": pa.array(times, pa.timestamp("ns", "UTC"))}))


def elapsed(timeline: Timeline, times: list[int | None]) -> list[int]:
    found: list[int] = timeline.elapsed(timed(times)).tolist()
    return found


class Plain:
    """The rules, frame by frame."""

    def __init__(self, max_gap: int | None) -> None:
        self.now = 0
        self.latest: int | None = None
        self.max_gap = max_gap
        self.steps = self.reordered = 0

    def add(self, time: int | None) -> int:
        if time is None:
            return self.now
        if self.latest is None:
            self.latest = time
        if self.latest - time > STEP_NS:
            self.latest = time
            self.steps += 1
        gap = max(0, time - self.latest)
        self.reordered += time < self.latest
        self.latest = max(self.latest, time)
        self.now += gap if self.max_gap is None else min(gap, self.max_gap)
        return self.now


@given(
    st.lists(st.lists(st.none() | NEAR, max_size=150), max_size=4),
    st.none() | st.integers(0, 3 * STEP_NS),
)
def test_rules(batches: list[list[int | None]], max_gap: int | None) -> None:
    """Reordering waits, a clock that was set goes on, gaps are cut; however frames are batched."""
    timeline, plain = Timeline(max_gap), Plain(max_gap)
    for times in batches:
        assert elapsed(timeline, times) == [plain.add(time) for time in times]
    assert (timeline.clock_steps, timeline.reordered) == (plain.steps, plain.reordered)
    assert timeline.untimed == sum(times.count(None) for times in batches)


def test_by_hand() -> None:
    """A frame from the past, or from nowhere, is recorded with the one before it."""
    timeline = Timeline()
    assert elapsed(timeline, [None, START, START + 100, START - 50, START + 60]) == [
        0,
        0,
        100,
        100,
        100,
    ]
    assert elapsed(timeline, [None, START + 90, START + 104]) == [100, 100, 104]
    assert timeline.reordered == 3
    hour = 3600 * STEP_NS
    assert elapsed(timeline, [START - hour, START - hour + 5]) == [104, 109]
    assert timeline.clock_steps == 1


def test_gaps() -> None:
    """A gap that is too long counts as one of the longest."""
    timeline = Timeline(10)
    assert elapsed(timeline, [START, START + 9, START + 10**15]) == [0, 9, 19]
    assert timeline.gaps_cut == 1


def test_no_times() -> None:
    """A capture without times takes no time."""
    assert elapsed(Timeline(), [None, None]) == [0, 0]
    assert elapsed(Timeline(), []) == []


@given(st.lists(st.lists(st.none() | INT64, max_size=20), max_size=4))
def test_any_times(batches: list[list[int | None]]) -> None:
    """Whatever the file says, time never falls nor leaves 64 bits."""
    timeline = Timeline()
    every = np.array([at for times in batches for at in elapsed(timeline, times)], np.int64)
    assert (np.diff(every) >= 0).all()
    assert not len(every) or (every[0] >= 0 and every[-1] <= NEVER)


def test_a_clock_that_is_set_at_every_frame() -> None:
    """It takes no longer than another one."""
    times: list[int | None] = [START - (i % 2) * 2 * STEP_NS for i in range(60_000)]
    timeline = Timeline()
    assert elapsed(timeline, times)[-1] == 29_999 * 2 * STEP_NS
    assert timeline.clock_steps == 30_000
