"""Whole replays on a clock that the test moves: deadlines, drops, passes, warm-up."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wtrec.clock import NS
from wtrec.datasets.expression import Expression
from wtrec.datasets.parquet import TableFile
from wtrec.datasets.results import RESULTS
from wtrec.datasets.results_file import ResultsFile
from wtrec.dot11 import fcs
from wtrec.dot11.deadlines import Deadline
from wtrec.replay.algorithm import Algorithm
from wtrec.replay.choice import make
from wtrec.replay.engine import Contender, Score, Standing, replay_one
from wtrec.replay.ledger import Ledger
from wtrec.replay.pacing import FramesPerSecond, MegabitsPerSecond, Pace, RecordedTime, TopSpeed
from wtrec.replay.queue import Overrun, Service
from wtrec.replay.schedule import Schedule
from wtrec.replay.source import Selection

from .fake import Busy, FakeClock

Write = Callable[..., Path]
Frame = Callable[..., bytes]
US = 1000
TIMES = ("queued_ns", "service_ns", "deadline_met", "queue_length", "sojourn_ns")


@pytest.fixture(scope="module")
def capture(
    tmp_path_factory: pytest.TempPathFactory, write_capture: Write, udp_frame: Frame
) -> Path:
    """600 frames, a millisecond apart; each is sent twice, and most copies have a wrong bit."""
    frames = []
    for i in range(300):
        good = udp_frame(bytes([i % 256]) * 40, i)
        frames += [fcs.flip(good, [400 + i % 100]), fcs.flip(good, [500, 550] if i % 3 else [])]
    return write_capture(tmp_path_factory.mktemp("run") / "run.pcapng", frames)


BAD = [n for n in range(1, 601) if n % 2 or (n // 2 - 1) % 3]


def replayed(
    capture: Path, output: Path, algorithm: Algorithm, schedule: Schedule, clock: FakeClock
) -> tuple[Score, list[dict[str, Any]]]:
    score = replay_one(
        capture,
        Contender(algorithm, {}, output),
        schedule,
        lambda: "0",
        clock=clock.clock,
        spin_ns=0,
    )
    with TableFile(output, RESULTS) as results:
        return score, [row for batch in results.batches() for row in batch.to_pylist()]


def busy(
    capture: Path, tmp_path: Path, schedule: Schedule, took_us: int
) -> tuple[Score, list[dict[str, Any]], Busy]:
    """Replay into an algorithm that takes so long for a call."""
    clock = FakeClock(77)
    algorithm = Busy(clock, lambda _: took_us * US)
    score, rows = replayed(capture, tmp_path / "out.parquet", algorithm, schedule, clock)
    return score, rows, algorithm


class TestQueue:
    """An algorithm of known speed."""

    def test_in_time(self, capture: Path, tmp_path: Path) -> None:
        """900 us of service for a frame a millisecond: none waits, all meet a deadline of that."""
        service = Service(deadline=Deadline.parse("900"))
        score, rows, algorithm = busy(
            capture, tmp_path, Schedule(FramesPerSecond(1000), service=service), 900
        )
        assert [row["number"] for row in rows] == BAD
        assert {tuple(row[name] for name in TIMES) for row in rows} == {
            (0, 900 * US, True, 0, 900 * US)
        }
        assert score.queue["met"] == score.attempted == len(BAD)
        assert (score.queue["missed"], score.queue["silent"], score.dropped) == (0, 0, 0)
        assert score.queue["utilization"] == pytest.approx(0.9, rel=0.002)
        assert score.asked_fps == pytest.approx(1000)
        assert score.achieved_fps == pytest.approx(1000, rel=0.001)
        assert algorithm.calls == [(77 + n * NS // 1000, 1) for n in range(600)]

    def test_few_frames(self, capture: Path, tmp_path: Path) -> None:
        """What was achieved is measured as what was asked for: 30 frames have 29 gaps."""
        score, _, _ = busy(
            capture, tmp_path, Schedule(FramesPerSecond(2000), Selection(limit=30)), 5
        )
        assert score.asked_fps == pytest.approx(2000)
        assert score.achieved_fps == pytest.approx(2000, rel=1e-6)

    def test_nothing_is_looked_for_before_it_is_settled(
        self, capture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Frames that need no row cost nothing, however long none has one."""
        looked: list[int] = []
        take = Ledger.take

        def counted(ledger: Ledger) -> Any:
            looked.append(ledger.settled)
            return take(ledger)

        monkeypatch.setattr(Ledger, "take", counted)
        monkeypatch.setattr(ResultsFile, "is_due", property(lambda _: True))
        good = Selection(select=Expression("fcs_status == 'good'"))
        score, rows, _ = busy(capture, tmp_path, Schedule(FramesPerSecond(1000), good), 900)
        assert (score.frames, rows, len(looked)) == (100, [], 1)

    def test_misses_are_exact(self, capture: Path, tmp_path: Path) -> None:
        """At 1,100 us for a frame a millisecond, frame n waits n times 100 us."""
        service = Service(deadline=Deadline.parse("block-ack"))
        score, rows, _ = busy(
            capture, tmp_path, Schedule(FramesPerSecond(1000), service=service), 1100
        )
        for row in rows:
            n = row["number"] - 1
            assert row["queued_ns"] == 100 * US * n
            assert row["sojourn_ns"] == 100 * US * n + 1100 * US
            assert row["deadline_met"] == (100 * n + 1100 <= 3008)
        late = sum(100 * (number - 1) + 1100 > 3008 for number in BAD)
        assert (score.queue["missed"], score.queue["met"]) == (late, len(BAD) - late)
        assert score.achieved_fps == pytest.approx(NS / (1100 * US), rel=0.001)

    def test_dropped(self, capture: Path, tmp_path: Path) -> None:
        """What is past its deadline is not served, but has its row, and counts as too late."""
        service = Service(deadline=Deadline.parse("block-ack"), on_overrun=Overrun.DROP)
        score, rows, algorithm = busy(
            capture, tmp_path, Schedule(FramesPerSecond(1000), service=service), 1100
        )
        assert [row["number"] for row in rows] == BAD
        dropped = {row["number"] for row in rows if row["outcome"] == "dropped"}
        assert dropped
        assert sorted(dropped | set(algorithm.seen)) == sorted(set(BAD) | set(algorithm.seen))
        assert not dropped & set(algorithm.seen)
        assert score.queue["dropped"] == 600 - len(algorithm.seen)
        assert score.dropped == len(dropped)
        assert score.attempted == score.repaired + score.dropped
        for row in rows:
            if row["number"] in dropped:
                assert row["queued_ns"] > 3008 * US
                assert (row["deadline_met"], row["sojourn_ns"], row["flips"]) == (False, None, [])
            else:
                assert row["queued_ns"] <= 3008 * US
        missed = sum(row["deadline_met"] is False for row in rows)
        assert score.queue["missed"] == missed > len(dropped)

    def test_top_speed(self, capture: Path, tmp_path: Path) -> None:
        """Without a pace nothing waits; a deadline is for the call, here of 100 frames."""
        service = Service(100, Deadline.parse("500"))
        score, rows, algorithm = busy(capture, tmp_path, Schedule(service=service), 501)
        assert [count for _, count in algorithm.calls] == [100] * 6
        assert {tuple(row[name] for name in TIMES) for row in rows} == {
            (None, 501 * US, False, None, 501 * US)
        }
        assert score.queue["batch_mean"] == 100
        assert score.queue["wait_us"]["mean"] is None
        assert score.asked_fps is None

    def test_silence_is_no_miss(self, capture: Path, tmp_path: Path) -> None:
        """Frames that are never answered for are counted on their own."""

        class Silent(Busy):
            def recover(self, frames: Any) -> Any:
                return super().recover(frames.slice(0, 0))

        clock = FakeClock()
        schedule = Schedule(FramesPerSecond(1000), service=Service(deadline=Deadline.parse("sifs")))
        score, rows = replayed(
            capture, tmp_path / "x.parquet", Silent(clock, lambda _: 1), schedule, clock
        )
        assert {row["deadline_met"] for row in rows} == {None}
        assert (score.queue["silent"], score.queue["missed"]) == (len(BAD), 0)
        assert score.abstained == len(BAD)

    def test_metadata(self, capture: Path, tmp_path: Path) -> None:
        """The file says how frames were chosen and served, and what the queue did."""
        schedule = Schedule(
            MegabitsPerSecond(1),
            Selection(limit=50, select=Expression("fcs_status == 'bad'")),
            Service(7, Deadline.parse("sifs"), Overrun.DROP),
        )
        score, _, _ = busy(capture, tmp_path, schedule, 1)
        with TableFile(tmp_path / "out.parquet", RESULTS) as results:
            said = results.metadata
        assert (said["pace"], said["batch"], said["deadline_us"]) == ("mbps 1", "7", "10")
        assert said["on_overrun"] == "drop"
        assert json.loads(said["selection"]) == {"select": "fcs_status == 'bad'", "limit": 50}
        assert json.loads(said["queue"]) == score.queue


class TestPasses:
    """Before the offset, and again."""

    def test_warm_up_is_not_judged(self, capture: Path, tmp_path: Path) -> None:
        """The algorithm sees what was before, in no time; results have only what is behind."""
        schedule = Schedule(FramesPerSecond(1000), Selection(start_offset=0.1, limit=100))
        score, rows, algorithm = busy(capture, tmp_path, schedule, 100)
        assert algorithm.seen == list(range(1, 201))
        assert algorithm.calls[0][1] == 100
        assert [row["number"] for row in rows] == [n for n in BAD if 100 < n <= 200]
        assert {row["queued_ns"] for row in rows} == {0}
        assert (score.frames, score.attempted) == (100, len(rows))
        assert score.queue["frames"] == 100
        assert score.left_out.warm_up == 100

    def test_warm_up_may_be_answered_late(self, capture: Path, tmp_path: Path) -> None:
        """Answers for earlier frames are no error, and no result."""

        class Late(Busy):
            def recover(self, frames: Any) -> Any:
                self.kept = [*getattr(self, "kept", []), super().recover(frames)]
                return type(self.kept[0]).none()

            def finish(self) -> Any:
                return type(self.kept[0]).of(
                    [(int(n), None) for each in self.kept for n in each.number]
                )

        clock = FakeClock()
        _, rows = replayed(
            capture,
            tmp_path / "x.parquet",
            Late(clock, lambda _: 1),
            Schedule(selection=Selection(start_offset=0.5)),
            clock,
        )
        assert [row["number"] for row in rows] == [n for n in BAD if n > 500]

    def test_loop(self, capture: Path, tmp_path: Path) -> None:
        """Rows say which pass they are of; frames keep coming at the pace."""
        schedule = Schedule(RecordedTime(2), Selection(limit=50, loop=3))
        score, rows, algorithm = busy(capture, tmp_path, schedule, 1)
        once = [n for n in BAD if n <= 50]
        assert [(row["loop"], row["number"]) for row in rows] == [
            (loop, number) for loop in (1, 2, 3) for number in once
        ]
        assert algorithm.seen == list(range(1, 151))
        assert [when for when, _ in algorithm.calls] == [77 + 500 * US * n for n in range(150)]
        assert score.frames == 150


@pytest.mark.parametrize("choice", ["crc-flip:max_flips=2", "auto", "chase"])
def test_repairs_do_not_hang_on_the_pace(capture: Path, tmp_path: Path, choice: str) -> None:
    """Any pace and any batch size: the same answers, bit for bit."""
    found = []
    cases: list[tuple[Pace, int | None]] = [
        (TopSpeed(), None),
        (TopSpeed(), 7),
        (FramesPerSecond(1e5), None),
        (FramesPerSecond(1e9), 64),
        (RecordedTime(3), 1),
    ]
    for number, (pace, batch) in enumerate(cases):
        algorithm, _ = make(choice)
        schedule = Schedule(pace, Selection(limit=40), Service(batch))
        clock = FakeClock()
        _, rows = replayed(capture, tmp_path / f"{number}.parquet", algorithm, schedule, clock)
        found.append([{k: v for k, v in row.items() if k not in TIMES} for row in rows])
    assert any(row["outcome"] == "repaired" for row in found[0])
    for other in found[1:]:
        assert other == found[0]


def test_standing(capture: Path, tmp_path: Path) -> None:
    """It is told now and then how far the replay is, and how late."""
    clock = FakeClock()
    told: list[Standing] = []
    service = Service(deadline=Deadline.parse("block-ack"))
    replay_one(
        capture,
        Contender(Busy(clock, lambda _: 2 * NS // 1000), {}, tmp_path / "x.parquet"),
        Schedule(FramesPerSecond(1000), service=service),
        lambda: "0",
        clock=clock.clock,
        tell=told.append,
        spin_ns=0,
    )
    assert 10 <= len(told) <= 14
    assert [standing.frames for standing in told] == sorted(standing.frames for standing in told)
    last = told[-1]
    assert last.frames == 600
    assert last.seconds == pytest.approx(1.2)
    assert last.due_seconds == pytest.approx(0.599)
