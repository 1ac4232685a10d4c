"""Due times against exact fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from wtrec.datasets.frames import FrameBatch
from wtrec.replay.pacing import (
    Before,
    FramesPerSecond,
    MegabitsPerSecond,
    Pace,
    RecordedTime,
    TopSpeed,
)

RATES = st.floats(1e-3, 1e7)
SIZES = st.lists(st.integers(0, 50), min_size=1, max_size=4)
NEVER = Fraction(2**62)  # ns; what is due later than in 146 years is due then
NS = 10**9


def of_lengths(lengths: list[int]) -> FrameBatch:
    """Frames of which only the length is known."""
    return FrameBatch(pa.record_batch({"original_length": pa.array(lengths, pa.uint32())}))


def due(pace: Pace, frames: int, before: int = 0, elapsed: list[int] | None = None) -> list[int]:
    """Due times of frames, so many before them."""
    times = np.array(elapsed if elapsed is not None else [0] * frames, np.int64)
    found = pace.due(of_lengths([0] * frames), times, Before(before, 0))
    assert found is not None
    assert found.dtype == np.int64
    rising: list[int] = found.tolist()
    assert rising == sorted(rising)
    return rising


class TestFramesPerSecond:
    """A constant pace."""

    @given(RATES, SIZES, st.integers(0, 10**15))
    def test_exact_after_any_number_of_frames(
        self, pps: float, sizes: list[int], before: int
    ) -> None:
        """Frame n is due at n / pps, to 2 ns, however many came before and however batched."""
        pace = FramesPerSecond(pps)
        for size in sizes:
            for n, at in enumerate(due(pace, size, before), before):
                exact = min(Fraction(n * NS) / Fraction(pps), NEVER)
                assert abs(at - exact) <= 2
            before += size

    def test_no_drift(self) -> None:
        """After 10^9 frames, and after 10^18, at a pace that no double holds exactly."""
        pace = FramesPerSecond(1000 / 3)
        assert abs(due(pace, 1, 10**9)[0] - 3 * 10**15) <= 1
        exact = Fraction(10**18 * NS) / Fraction(1e9 / 3)
        assert abs(due(FramesPerSecond(1e9 / 3), 1, 10**18)[0] - exact) <= 1

    def test_first(self) -> None:
        """The first frame is due at once."""
        assert due(FramesPerSecond(0.5), 3) == [0, 2 * NS, 4 * NS]

    def test_name(self) -> None:
        """The pace says what it is."""
        assert str(FramesPerSecond(1000)) == "pps 1000"


class TestMegabitsPerSecond:
    """A constant number of bits."""

    @given(RATES, st.lists(st.integers(0, 2**32 - 1), max_size=20), st.integers(0, 10**18))
    def test_exact(self, mbps: float, lengths: list[int], before: int) -> None:
        """A frame is due when the bits before it have been sent."""
        found = MegabitsPerSecond(mbps).due(
            of_lengths(lengths), np.zeros(len(lengths), np.int64), Before(0, before)
        )
        for at, length in zip(found.tolist(), lengths, strict=True):
            exact = min(Fraction(before * 8000) / Fraction(mbps), NEVER)
            assert abs(at - exact) <= 2 + (exact - NEVER / 2 > 0) * 2**10
            before += length

    def test_by_hand(self) -> None:
        """8 Mbit/s are a byte in a microsecond."""
        found = MegabitsPerSecond(8).due(
            of_lengths([1500, 100, 7]), np.zeros(3, np.int64), Before(9, 0)
        )
        assert found.tolist() == [0, 1_500_000, 1_600_000]


class TestRecordedTime:
    """The capture's own times."""

    @given(RATES, st.lists(st.integers(0, 10**17), max_size=20))
    def test_exact(self, rate: float, elapsed: list[int]) -> None:
        """Distance from the first time, divided by the rate."""
        elapsed.sort()
        for at, time in zip(
            due(RecordedTime(rate), len(elapsed), 0, elapsed), elapsed, strict=True
        ):
            exact = min(Fraction(time) / Fraction(rate), NEVER)
            assert abs(at - exact) <= 2 + exact / 2**51

    def test_name(self) -> None:
        """The pace says what it is."""
        assert str(RecordedTime(0.5)) == "rate 0.5"


class TestTopSpeed:
    """No pace at all."""

    def test_at_once(self) -> None:
        """No frame has a time at which it is due."""
        due: object = TopSpeed().due(of_lengths([1]), np.zeros(1, np.int64), Before(0, 0))  # type: ignore[func-returns-value]
        assert due is None
        assert str(TopSpeed()) == "topspeed"


@given(st.floats(1e-6, 1e9), st.floats(1e-6, 1e9))
def test_paces_that_differ_are_told_apart(one: float, other: float) -> None:
    """What results say of their pace is exact, so that no other one goes on with them."""
    for pace in (FramesPerSecond, MegabitsPerSecond, RecordedTime):
        assert (str(pace(one)) == str(pace(other))) == (one == other)
        assert float(str(pace(one)).partition(" ")[2]) == one
