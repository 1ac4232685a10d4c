"""Times of frames that a log is read along with."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from wtrec.analysis.times import NO_TIME, frame_times
from wtrec.datasets.frames import FrameBatch

WINDOW = 100


def _frames(times: list[int | None]) -> FrameBatch:
    return FrameBatch(pa.record_batch({"time": pa.array(times, pa.timestamp("ns", "UTC"))}))


@given(st.lists(st.none() | st.integers(0, 1000), max_size=20))
def test_slips_have_no_time(times: list[int | None]) -> None:
    """A time that the next timed frame takes back by more than the window does not count."""
    found = frame_times(_frames(times), WINDOW).tolist()
    for i, time in enumerate(times):
        following = next((later for later in times[i + 1 :] if later is not None), None)
        slips = time is not None and following is not None and time > following + WINDOW
        assert found[i] == (NO_TIME if time is None or slips else time)


def test_one_slip_costs_one_frame() -> None:
    """The frames around it keep their times."""
    assert frame_times(_frames([1, 2, 10**15, 4, 5]), WINDOW).tolist() == [1, 2, NO_TIME, 4, 5]
