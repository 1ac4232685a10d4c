"""Replays that end early: what is left, and that resuming gives what one run would have given."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from wtrec.analysis.analyze import analyze
from wtrec.cli.main import wtrec
from wtrec.datasets import reader
from wtrec.datasets.files import sha256_of
from wtrec.datasets.frames import FrameBatch
from wtrec.datasets.journal import journal_path
from wtrec.datasets.parquet import TableFile
from wtrec.datasets.recover_journal import recover_journal
from wtrec.datasets.results import RESULTS
from wtrec.dot11 import fcs
from wtrec.dot11.deadlines import Deadline
from wtrec.errors import AlgorithmError
from wtrec.replay.algorithm import PerFrameAlgorithm, Repairs
from wtrec.replay.engine import Contender, ReplaySummary, Score, replay, replay_one
from wtrec.replay.interruption import Interruption
from wtrec.replay.pacing import FramesPerSecond, Pace, TopSpeed
from wtrec.replay.queue import Service
from wtrec.replay.schedule import Schedule
from wtrec.replay.source import Selection

from .. import forked
from .fake import Busy, FakeClock

Write = Callable[..., Path]
Frame = Callable[..., bytes]


class Counting:
    """Its answers depend on all frames before: flips the bit of how many it has seen, a call late.

    Args:
        at: Call ``then`` when so many frames were shown.
    """

    name = "counting"

    def __init__(self, at: int = 0, then: Callable[[], object] = lambda: None) -> None:
        self.seen = 0
        self.waiting: list[int] = []
        self._at, self._then = at, then

    def recover(self, frames: FrameBatch) -> Repairs:
        late, self.waiting = self.waiting, []
        answers = [(number, [self.seen % 100]) for number in late]
        for row, number in enumerate(frames.number.tolist()):
            self.seen += 1
            if frames.fcs_status[row] == 1:
                self.waiting.append(number)
        if self.seen >= self._at > 0:
            self._then()
        return Repairs.of(answers)

    def finish(self) -> Repairs:
        return Repairs.of([(number, [99]) for number in self.waiting])


@pytest.fixture
def capture(tmp_path: Path, write_capture: Write, udp_frame: Frame) -> Path:
    """A hundred frames, every second one broken."""
    frames = [udp_frame(bytes([i]) * 40, i) for i in range(100)]
    received = [fcs.flip(f, [] if i % 2 else [200 + i, 400]) for i, f in enumerate(frames)]
    return write_capture(tmp_path / "run.pcapng", received)


def rows_of(path: Path) -> list[dict[str, Any]]:
    """What does not depend on time."""
    with TableFile(path, RESULTS) as results:
        return [
            {key: row[key] for key in ("number", "algorithm", "outcome", "flips", "candidates")}
            for batch in results.batches()
            for row in batch.to_pylist()
        ]


def metadata_of(path: Path) -> dict[str, str]:
    with TableFile(path, RESULTS) as results:
        return results.metadata


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten frames a batch."""
    monkeypatch.setattr(reader, "MAX_FRAMES", 10)


def go(
    capture: Path,
    algorithm: Any,
    output: Path,
    pace: Pace | None = None,
    limit: int | None = None,
    **more: Any,
) -> Score:
    schedule = Schedule(pace or TopSpeed(), Selection(limit=limit))
    (score,) = replay(capture, [Contender(algorithm, {}, output)], schedule, **more).scores
    return score


@pytest.mark.usefixtures("small_batches")
class TestInterrupted:
    """Ctrl-C."""

    def test_partial_results(self, capture: Path, tmp_path: Path) -> None:
        """The file is whole, says that it is partial and what it covers; no journal is left."""
        output = tmp_path / "out.parquet"
        interruption = Interruption()
        stop = Counting(55, lambda: interruption.ask("SIGINT"))
        score = go(capture, stop, output, interruption=interruption)
        assert score.interrupted == "SIGINT"
        metadata = metadata_of(output)
        rows = rows_of(output)
        assert metadata["partial"] == "true"
        assert metadata["capture_sha256"] == sha256_of(capture)
        assert int(metadata["covers_to"]) == rows[-1]["number"] < 55
        assert [row["number"] for row in rows] == list(range(1, rows[-1]["number"] + 1, 2))
        assert (score.attempted, score.repaired) == (len(rows), len(rows))
        assert score.covers_to == rows[-1]["number"]
        assert score.frames == 50  # not those of the call that was broken off
        assert "it covers frames up to" in ReplaySummary(scores=[score]).losses[0]
        assert not journal_path(output).exists()

    def test_a_call_is_broken_off(self, capture: Path, tmp_path: Path) -> None:
        """An algorithm that would take hours does not make anybody wait, nor can it object."""

        class Slow(PerFrameAlgorithm):
            name = "slow"

            def repair(self, mpdu: bytes, row: int, frames: FrameBatch) -> bytes | None:
                del row
                if frames.number[-1] > 30:
                    try:
                        time.sleep(3600)
                    except Exception:
                        return None
                return mpdu

        interruption = Interruption()
        before = signal.signal(signal.SIGALRM, lambda *_: interruption.ask("SIGALRM"))
        try:
            signal.setitimer(signal.ITIMER_REAL, 1)
            summary = go(capture, Slow(), tmp_path / "out.parquet", interruption=interruption)
        finally:
            signal.signal(signal.SIGALRM, before)
        assert summary.interrupted == "SIGALRM"
        assert [row["number"] for row in rows_of(tmp_path / "out.parquet")] == list(range(1, 30, 2))

    def test_asked_twice(self, capture: Path, tmp_path: Path) -> None:
        """Who asks twice waits for nothing; the journal can be resumed."""
        output = tmp_path / "out.parquet"
        interruption = Interruption()

        def twice() -> None:
            interruption.reason = "SIGINT"
            interruption.ask("SIGINT")

        with pytest.raises(KeyboardInterrupt):
            go(capture, Counting(55, twice), output, interruption=interruption)
        assert not output.exists()
        assert journal_path(output).exists()
        go(capture, Counting(), output, resume=True)
        assert len(rows_of(output)) == 50


@pytest.mark.usefixtures("small_batches")
class TestResumed:
    """``resume``."""

    @pytest.mark.parametrize("stops", [(1,), (20,), (55, 80), (100,)])
    def test_it_is_what_one_run_gives(
        self, capture: Path, tmp_path: Path, stops: tuple[int, ...]
    ) -> None:
        """Wherever it was ended, and however often, rows are the same, state and all."""
        one, several = tmp_path / "one.parquet", tmp_path / "several.parquet"
        go(capture, Counting(), one)
        for at in stops:
            ended = Interruption()
            summary = go(
                capture,
                Counting(at, lambda ended=ended: ended.reason or ended.ask("SIGTERM")),  # type: ignore[misc]
                several,
                resume=True,
                interruption=ended,
            )
            assert summary.interrupted
        last = go(capture, Counting(), several, resume=True)
        assert last.interrupted is None
        assert (last.attempted, last.repaired) == (50, 50)
        assert rows_of(several) == rows_of(one)
        whole, resumed = metadata_of(one), metadata_of(several)
        assert "partial" not in resumed
        assert len(resumed.pop("resumed").split(",")) == len(stops)
        assert whole.keys() == resumed.keys()

    def test_what_was_replayed_comes_at_once(self, capture: Path, tmp_path: Path) -> None:
        """The pace begins behind what is there already."""
        output = tmp_path / "out.parquet"
        ended = Interruption()
        pace = FramesPerSecond(100)
        go(capture, Counting(90, lambda: ended.ask("SIGINT")), output, pace, interruption=ended)
        begun = time.monotonic()
        go(capture, Counting(), output, FramesPerSecond(100), resume=True)
        assert time.monotonic() - begun < 0.9
        assert len(rows_of(output)) == 50

    def test_figures_are_those_of_the_file(self, capture: Path, tmp_path: Path) -> None:
        """Deadlines are counted over all rows; a server that was always busy says so."""
        output = tmp_path / "out.parquet"
        clock, ended = FakeClock(), Interruption()
        schedule = Schedule(FramesPerSecond(1000), service=Service(deadline=Deadline.parse("3000")))

        def part(interruption: Interruption | None, stop_at: int) -> Score:
            def took(_: int) -> int:
                if len(algorithm.seen) == stop_at:
                    ended.ask("SIGINT")
                return 1_100_000

            algorithm = Busy(clock, took)
            return replay_one(
                capture,
                Contender(algorithm, {}, output),
                schedule,
                lambda: "0",
                resume=True,
                interruption=interruption,
                clock=clock.clock,
                spin_ns=0,
            )

        assert part(ended, 60).interrupted
        score = part(None, -1)
        with TableFile(output, RESULTS) as results:
            met = [m for b in results.batches() for m in b.column("deadline_met").to_pylist()]
        assert len(met) == 50
        assert (score.queue["met"], score.queue["missed"]) == (met.count(True), met.count(False))
        assert score.queue["utilization"] == pytest.approx(1, rel=0.01)

    def test_complete_results_stay(self, capture: Path, tmp_path: Path) -> None:
        """There is nothing to resume, and the file is not touched."""
        output = tmp_path / "out.parquet"
        go(capture, Counting(), output)
        before = output.read_bytes()
        summary = go(capture, Counting(), output, resume=True)
        assert summary.was_complete
        assert output.read_bytes() == before

    def test_something_else_is_refused(
        self, capture: Path, tmp_path: Path, write_capture: Write, udp_frame: Frame
    ) -> None:
        """Another pace, limit or capture is no continuation, and what is there stays."""
        output = tmp_path / "out.parquet"
        ended = Interruption()
        go(capture, Counting(30, lambda: ended.ask("SIGINT")), output, interruption=ended)
        before = output.read_bytes()
        with pytest.raises(AlgorithmError, match="pace: found topspeed, wanted pps 7"):
            go(capture, Counting(), output, FramesPerSecond(7), resume=True)
        with pytest.raises(AlgorithmError, match="selection: found"):
            go(capture, Counting(), output, limit=50, resume=True)
        write_capture(capture, [udp_frame(b"x")])
        with pytest.raises(AlgorithmError, match="capture_sha256: found"):
            go(capture, Counting(), output, resume=True)
        assert output.read_bytes() == before
        assert not journal_path(output).exists()


def command(*arguments: object) -> Result:
    return CliRunner().invoke(wtrec, [*map(str, arguments)])


class TestCommand:
    """``wtrec replay`` and signals."""

    def started(self, capture: Path, rows: int) -> subprocess.Popen[str]:
        """A replay at 50 frames/s, once its journal has so many rows or more."""
        running = forked.popen(
            ["replay", capture, "--algo", "crc-flip", "--pps", "50", "-q"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        journal = capture.with_name("run.crc-flip.arrows")
        empty = 0
        while running.poll() is None:
            size = journal.stat().st_size if journal.exists() else 0
            empty = empty or size
            if size and (not rows or size > empty):
                return running
            time.sleep(0.01)
        raise AssertionError(running.communicate())

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_signals(self, capture: Path, number: signal.Signals) -> None:
        """A signal leaves partial results, exit code 3, and what to do next; --resume does it."""
        output = capture.with_name("run.crc-flip.parquet")
        running = self.started(capture, 1)
        running.send_signal(number)
        _, said = running.communicate(timeout=60)
        assert running.returncode == 3, said
        assert re.search(rf"partial: ended by {number.name}, .*--resume completes it", said)
        assert metadata_of(output)["partial"] == "true"
        partial = rows_of(output)
        assert 0 < len(partial) < 50

        analysis = analyze(capture, results=[output])
        (score,) = analysis.algorithms
        assert score.attempted == len(partial)
        assert score.not_covered == 50 - len(partial)
        assert f"{output.name} is partial: it covers frames up to" in " ".join(analysis.warnings)

        done = command("replay", capture, "--algo", "crc-flip", "--pps", "50", "--resume", "-q")
        assert done.exit_code == 0, done.output
        resumed = rows_of(output)
        assert command("replay", capture, "--algo", "crc-flip", "-q").exit_code == 0
        assert resumed == rows_of(output)
        assert resumed[: len(partial)] == partial

    def test_kill(self, capture: Path) -> None:
        """Kill -9 leaves a journal; without --resume it is not overwritten, with it completed."""
        output = capture.with_name("run.crc-flip.parquet")
        journal = journal_path(output)
        running = self.started(capture, 1)
        done = command("replay", capture, "--algo", "crc-flip", "--pps", "50", "--resume", "-q")
        assert done.exit_code == 1
        assert isinstance(done.exception, AlgorithmError)
        assert "another replay is writing these results" in str(done.exception)
        running.kill()
        running.communicate()
        assert journal.exists()
        assert not output.exists()
        done = command("replay", capture, "--algo", "crc-flip", "--pps", "50", "-q")
        assert "a killed replay left these results; go on with the same options" in str(
            done.exception
        )

        done = command("replay", capture, "--algo", "crc-flip", "--pps", "60", "--resume", "-q")
        assert "pace: found pps 50, wanted pps 60; replay as before" in str(done.exception)
        assert str(done.exception).endswith(f"or remove {journal} to begin anew")

        saved = recover_journal(journal, capture.with_name("saved.parquet"))
        metadata = metadata_of(capture.with_name("saved.parquet"))
        assert saved.rows > 0
        assert (metadata["partial"], metadata["capture_sha256"]) == ("true", sha256_of(capture))

        done = command("replay", capture, "--algo", "crc-flip", "--pps", "50", "--resume", "-q")
        assert done.exit_code == 0, done.output
        assert not journal.exists()
        assert len(rows_of(output)) == 50
        assert metadata_of(output)["resumed"] == metadata["covers_to"]

    def test_a_journal_that_is_cut_off(self, capture: Path, tmp_path: Path) -> None:
        """What of it is whole counts, the rest is done again."""
        output = capture.with_name("run.crc-flip.parquet")
        running = self.started(capture, 1)
        running.kill()
        running.communicate()
        journal = journal_path(output)
        os.truncate(journal, journal.stat().st_size - 3)
        done = command("replay", capture, "--algo", "crc-flip", "--pps", "50", "--resume", "-q")
        assert done.exit_code == 0, done.output
        assert len(rows_of(output)) == 50
        assert pq.ParquetFile(output).metadata.num_rows == 50
        assert sorted(path.name for path in tmp_path.iterdir()) == [
            "run.crc-flip.parquet",
            "run.pcapng",
        ]
