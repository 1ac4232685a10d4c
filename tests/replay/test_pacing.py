"""Due times against exact fractions, and against a plain reading of the rules."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from wtrec.datasets.frames import FrameBatch
from wtrec.replay.pacing import FramesPerSecond, RecordedTime, TopSpeed

RATES = st.floats(1e-3, 1e7)
START = 1_700_000_000_000_000_000
TIMES = st.lists(
    st.lists(st.none() | st.integers(START - 10**12, START + 10**12), max_size=12), max_size=4
)


def timed(times: list[int | None]) -> FrameBatch:
    """Frames of which only the time is known."""
    return FrameBatch(pa.record_batch({"time": pa.array(times, pa.timestamp("ns", "UTC"))}))


NEVER = Fraction(2**62)  # ns; what is due later than in 146 years is due then


class TestFramesPerSecond:
    """A constant pace."""

    @given(RATES, st.lists(st.integers(0, 50), min_size=1, max_size=4), st.integers(0, 10**9))
    def test_exact_after_any_number_of_frames(
        self, pps: float, sizes: list[int], before: int
    ) -> None:
        """Frame n is due at n / pps, as near as a double says it, however frames are batched."""
        pace = FramesPerSecond(pps)
        pace._count = before
        due = np.concatenate([pace.due(timed([None] * size)) for size in sizes])
        assert due.dtype == np.int64
        for n, at in enumerate(due.tolist(), before):
            exact = min(Fraction(n * 10**9) / Fraction(pps), NEVER)
            assert abs(at - exact) <= 1 + exact / 2**51
        assert (np.diff(due) >= 0).all()

    def test_no_drift(self) -> None:
        """After 10^9 frames at a pace that no double holds exactly, it is right to the ns."""
        pace = FramesPerSecond(1000 / 3)
        pace._count = 10**9
        assert abs(int(pace.due(timed([None]))[0]) - 3 * 10**15) <= 1

    def test_first(self) -> None:
        """The first frame is due at once."""
        assert FramesPerSecond(0.5).due(timed([None] * 3)).tolist() == [0, 2 * 10**9, 4 * 10**9]

    def test_name(self) -> None:
        """The pace says what it is."""
        assert str(FramesPerSecond(1000)) == "pps 1000"


class TestRecordedTime:
    """The capture's own times."""

    @given(RATES, TIMES)
    def test_rules(self, rate: float, batches: list[list[int | None]]) -> None:
        """Distance from the first time, never falling, divided by the rate."""
        pace = RecordedTime(rate)
        due = [at for times in batches for at in pace.due(timed(times)).tolist()]
        expected = []
        first: int | None = None
        latest = 0
        for time in (time for times in batches for time in times):
            if first is None:
                first = time
            if time is not None and first is not None:
                latest = max(latest, time - first)
            expected.append(Fraction(latest) / Fraction(rate))
        assert len(due) == len(expected)
        for at, exact in zip(due, expected, strict=True):
            assert abs(at - exact) <= 1 + exact / 2**51
        assert due == sorted(due)

    def test_jumps_and_gaps(self) -> None:
        """A frame from the past, or from nowhere, is due with the one before it."""
        pace = RecordedTime(2.0)
        first = pace.due(timed([None, START, START + 100, START - 50, START + 60]))
        assert first.tolist() == [0, 0, 50, 50, 50]
        assert pace.due(timed([None, START + 90, START + 104])).tolist() == [50, 50, 52]

    def test_no_times(self) -> None:
        """A capture without times is due at once, all of it."""
        assert RecordedTime(1.0).due(timed([None, None])).tolist() == [0, 0]

    def test_name(self) -> None:
        """The pace says what it is."""
        assert str(RecordedTime(0.5)) == "rate 0.5"


class TestTopSpeed:
    """No pace at all."""

    def test_at_once(self) -> None:
        """No frame has a time at which it is due."""
        TopSpeed().due(timed([START]))
        assert str(TopSpeed()) == "topspeed"
