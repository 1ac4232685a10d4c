"""Which frames a replay has, and what is said of those that it has not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wtrec.datasets.expression import Expression
from wtrec.dot11 import fcs
from wtrec.errors import AlgorithmError
from wtrec.replay.source import Selection, Source

Write = Callable[..., Path]
Frame = Callable[..., bytes]
MS = 1_000_000
START = 1_700_000_000_000_000_000


@pytest.fixture
def capture(tmp_path: Path, write_capture: Write, udp_frame: Frame) -> Path:
    """Ten frames, a millisecond apart, the odd ones bad and at 54 Mbit/s."""
    frames = [fcs.flip(udp_frame(b"x", i), [] if i % 2 else [99]) for i in range(10)]
    return write_capture(tmp_path / "run.pcapng", frames, rates=[54.0, 6.0] * 5)


def read(capture: Path, **selection: Any) -> tuple[list[int], list[int], list[int], Source]:
    """Numbers of frames that are shown only, of those that are judged, and the times of these."""
    shown: list[int] = []
    judged: list[int] = []
    times: list[int] = []
    with Source(capture, Selection(**selection)) as source:
        for piece in source:
            (judged if piece.judged else shown).extend(piece.frames.number.tolist())
            if piece.judged:
                times += piece.elapsed.tolist()
    return shown, judged, times, source


class TestWindow:
    """A part of the capture."""

    def test_all(self, capture: Path) -> None:
        """Every frame, in recorded time."""
        shown, judged, times, source = read(capture)
        assert (shown, judged) == ([], list(range(1, 11)))
        assert times == [MS * i for i in range(10)]
        assert source.left_out.to_json() == dict.fromkeys(source.left_out.to_json(), 0)

    def test_what_was_before_is_shown(self, capture: Path) -> None:
        """Frames before the offset come first, unjudged; time begins behind them."""
        shown, judged, times, source = read(capture, start_offset=0.004, duration=0.003)
        assert (shown, judged) == ([1, 2, 3, 4], [5, 6, 7])
        assert times == [0, MS, 2 * MS]
        assert source.left_out.to_json() == {
            "warm_up": 4,
            "before": 0,
            "unselected": 0,
            "bad": 2,
        }

    def test_as_much_as_is_wanted(self, capture: Path) -> None:
        """A short warm-up passes over what is before it, and counts it."""
        shown, judged, _, source = read(capture, start_offset=0.0045, warm_up=0.002)
        assert (shown, judged) == ([4, 5], list(range(6, 11)))
        assert (source.left_out.before, source.left_out.bad) == (3, 3)

    def test_behind_the_end(self, capture: Path) -> None:
        """There may be nothing left."""
        shown, judged, _, _ = read(capture, start_offset=5)
        assert (shown, judged) == (list(range(1, 11)), [])


class TestSelect:
    """Some frames only."""

    def test_counted(self, capture: Path) -> None:
        """What is left out is counted, bad frames on their own; recorded time keeps the gaps."""
        chosen = Expression("rate_mbps == 54")
        _, judged, times, source = read(capture, select=chosen)
        assert judged == [1, 3, 5, 7, 9]
        assert times == [0, 2 * MS, 4 * MS, 6 * MS, 8 * MS]
        assert (source.left_out.unselected, source.left_out.bad) == (5, 0)
        _, _, _, others = read(capture, select=Expression("rate_mbps == 6"))
        assert (others.left_out.unselected, others.left_out.bad) == (5, 5)

    def test_before_the_offset_too(self, capture: Path) -> None:
        """Algorithms are not shown what is not selected."""
        shown, judged, _, source = read(
            capture, select=Expression("fcs_status == 'good'"), start_offset=0.005, limit=2
        )
        assert (shown, judged) == ([2, 4], [6, 8])
        assert source.left_out.warm_up == 2
        assert source.left_out.bad == 4  # frames 1, 3, 5 before the offset, 7 behind it

    def test_limit_counts_what_is_selected(self, capture: Path) -> None:
        """The first frames of those that are selected."""
        _, judged, _, _ = read(capture, select=Expression("number > 3"), limit=3)
        assert judged == [4, 5, 6]


class TestLoop:
    """All that, several times."""

    def test_boundaries_are_exact(self, capture: Path) -> None:
        """Numbers and recorded time go on, with the mean gap at the seam."""
        shown, judged, times, source = read(
            capture, start_offset=0.002, limit=4, loop=3, warm_up=0.001
        )
        assert shown == [2]
        assert judged == [3, 4, 5, 6, 9, 10, 11, 12, 15, 16, 17, 18]
        assert times == [MS * i for i in range(12)]
        assert source.span == 6

    def test_what_algorithms_see(self, capture: Path) -> None:
        """The time in the frames goes on, too."""
        with Source(capture, Selection(loop=2)) as source:
            first, second = (piece.frames for piece in source)
        gap = 10 * MS
        times = [frames.column("time").cast("int64").to_pylist() for frames in (first, second)]
        assert times[1] == [time + gap for time in times[0]]
        assert first.arrow.schema.equals(second.arrow.schema)
        assert second.mpdu(3) == first.mpdu(3)

    def test_uneven_gaps(self, tmp_path: Path, write_capture: Write, udp_frame: Frame) -> None:
        """However many passes, each begins where the one before, plus a period, did."""
        times = [START, START + 1, START + 5]
        capture = write_capture(tmp_path / "x.pcapng", [udp_frame(b"x")] * 3, times=times)
        _, _, found, _ = read(capture, loop=200)
        assert found == [7 * n + at for n in range(200) for at in (0, 1, 5)]  # 5 / 2 rounds to 2

    def test_times_that_reach_too_far(
        self, tmp_path: Path, write_capture: Write, udp_frame: Frame
    ) -> None:
        """A clock that was set under way does not wrap the times of later passes."""
        times = [0, START, START + 1000]
        capture = write_capture(tmp_path / "x.pcapng", [udp_frame(b"x")] * 3, times=times)
        with pytest.raises(AlgorithmError, match=r"pass 3 would begin .*--max-gap shortens gaps"):
            read(capture, loop=6)
        _, judged, _, _ = read(capture, loop=6, max_gap=1.0)
        assert judged == list(range(1, 19))

    def test_one_frame(self, tmp_path: Path, write_capture: Write, udp_frame: Frame) -> None:
        """A single frame has no gap."""
        capture = write_capture(tmp_path / "x.pcapng", [udp_frame(b"x")])
        _, judged, times, _ = read(capture, loop=3)
        assert (judged, times) == ([1, 2, 3], [0, 0, 0])


def test_metadata() -> None:
    """What was chosen is said, and nothing else."""
    assert Selection().to_json() == {}
    chosen = Selection(select=Expression("retry"), loop=2)
    assert chosen.to_json() == {"select": "retry", "loop": 2}
