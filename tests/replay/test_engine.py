"""Captures through algorithms: what each sees, what is written, what a failure leaves."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from wtrec.datasets.files import sha256_of
from wtrec.datasets.frames import FcsStatus, FrameBatch
from wtrec.datasets.parquet import TableFile
from wtrec.datasets.results import RESULTS
from wtrec.dot11 import fcs
from wtrec.errors import AlgorithmError, FormatError
from wtrec.replay.algorithm import PerFrameAlgorithm, Repairs
from wtrec.replay.algorithms.checks import ALL
from wtrec.replay.choice import make
from wtrec.replay.engine import Contender, ReplaySummary, Score, Standing, replay
from wtrec.replay.pacing import (
    FramesPerSecond,
    MegabitsPerSecond,
    Pace,
    RecordedTime,
    TopSpeed,
)
from wtrec.replay.schedule import Schedule
from wtrec.replay.source import Selection

Write = Callable[..., Path]
Frame = Callable[..., bytes]


class Witness:
    """Keeps what it is shown, and answers for everything at the end, last frame first."""

    name = "witness"

    def __init__(self) -> None:
        self.seen: list[tuple[int, bytes]] = []
        self.bad: list[int] = []

    def recover(self, frames: FrameBatch) -> Repairs:
        for row, number in enumerate(frames.number.tolist()):
            self.seen.append((number, frames.mpdu(row)))
            if frames.fcs_status[row] == FcsStatus.BAD:
                self.bad.append(number)
        return Repairs.none()

    def finish(self) -> Repairs:
        return Repairs.of([(number, [number]) for number in reversed(self.bad)])


class Scribbling(Witness):
    """Repairs the frames where they lie, which are not its own."""

    name = "scribbling"

    def recover(self, frames: FrameBatch) -> Repairs:
        frames.data[:] ^= 1
        return Repairs.none()


class Failing(Witness):
    """Breaks after it has repaired something."""

    name = "failing"

    def finish(self) -> Repairs:
        raise ZeroDivisionError


class Talking(Witness):
    """Has measured something, and has had a problem."""

    name = "talking"

    def facts(self) -> dict[str, float]:
        return {"bad": float(len(self.bad))}

    def problems(self) -> list[str]:
        return ["lost its way at frame 4"]


@pytest.fixture
def frames(udp_frame: Frame) -> list[bytes]:
    """Forty frames, every third one bad."""
    return [
        fcs.flip(udp_frame(bytes([i]) * i, i), [] if i % 3 else [100 + i, 200]) for i in range(40)
    ]


@pytest.fixture
def capture(tmp_path: Path, write_capture: Write, frames: list[bytes]) -> Path:
    """These frames as a capture."""
    return write_capture(tmp_path / "run.pcapng", frames)


def limited(frames: int) -> Schedule:
    """Only so many frames."""
    return Schedule(selection=Selection(limit=frames))


def rows_of(path: Path) -> list[dict[str, Any]]:
    with TableFile(path, RESULTS) as results:
        return [row for batch in results.batches() for row in batch.to_pylist()]


class TestResults:
    """What a results file holds."""

    def test_a_row_for_each_bad_frame(self, capture: Path, tmp_path: Path) -> None:
        """Rows are the bad frames in the order of the capture, whenever they were answered."""
        output = tmp_path / "run.witness.parquet"
        summary = replay(capture, [Contender(Witness(), {}, output)])
        rows = rows_of(output)
        assert [row["number"] for row in rows] == list(range(1, 41, 3))
        assert [row["flips"] for row in rows] == [[number] for number in range(1, 41, 3)]
        assert {row["algorithm"] for row in rows} == {"witness"}
        assert {row["queued_ns"] for row in rows} == {None}
        assert (summary.frames, summary.bad, summary.losses) == (40, 14, [])
        (score,) = summary.scores
        assert (score.name, score.output) == ("witness", output)
        assert (score.attempted, score.repaired, score.abstained) == (14, 14, 0)
        assert score.service_ns >= rows[0]["service_ns"] > 0

    def test_what_algorithms_say_of_their_work(self, capture: Path, tmp_path: Path) -> None:
        """Facts and problems stand in the summary and in the file; problems are losses, too."""
        output = tmp_path / "out.parquet"
        summary = replay(capture, [Contender(Talking(), {}, output)])
        (score,) = summary.scores
        assert score.facts == {"bad": 14}
        assert summary.losses == ["talking: lost its way at frame 4"]
        with TableFile(output, RESULTS) as results:
            metadata = results.metadata
        assert json.loads(metadata["facts"]) == {"bad": 14}
        assert json.loads(metadata["problems"]) == ["lost its way at frame 4"]

    def test_metadata(self, capture: Path, tmp_path: Path) -> None:
        """The file says what made it, from what, and at which pace."""
        output = tmp_path / "out.parquet"
        algorithm, parameters = make("crc-flip:max_flips=3")
        summary = replay(
            capture, [Contender(algorithm, parameters, output)], Schedule(FramesPerSecond(1e6))
        )
        with TableFile(output, RESULTS) as results:
            metadata = results.metadata
        assert metadata["algorithm"] == "crc-flip"
        assert json.loads(metadata["parameters"]) == {"max_flips": 3, "gate": 0.01, "checks": ALL}
        assert metadata["capture"] == "run.pcapng"
        assert metadata["capture_sha256"] == sha256_of(capture)
        assert metadata["pace"] == summary.pace == "pps 1000000"
        assert float(metadata["achieved_fps"]) == pytest.approx(summary.achieved_fps, abs=0.1)

    def test_several_algorithms(self, capture: Path, tmp_path: Path) -> None:
        """Each gets all frames and a file of its own."""
        first, second = Witness(), Witness()
        crc_flip, parameters = make("crc-flip")
        summary = replay(
            capture,
            [
                Contender(first, {}, tmp_path / "a.parquet"),
                Contender(crc_flip, parameters, tmp_path / "b.parquet"),
                Contender(second, {}, tmp_path / "c.parquet"),
            ],
        )
        assert first.seen == second.seen
        assert [len(rows_of(score.output or tmp_path)) for score in summary.scores] == [14, 14, 14]
        assert [row["flips"] for row in rows_of(tmp_path / "b.parquet")] == [
            sorted([100 + number - 1, 200]) for number in range(1, 41, 3)
        ]

    def test_no_bad_frames(self, tmp_path: Path, write_capture: Write, udp_frame: Frame) -> None:
        """A capture without bad frames gives a whole file without rows."""
        capture = write_capture(tmp_path / "run.pcapng", [udp_frame(b"x")])
        output = tmp_path / "out.parquet"
        assert replay(capture, [Contender(Witness(), {}, output)]).bad == 0
        assert rows_of(output) == []

    def test_no_frames(self, tmp_path: Path, write_capture: Write) -> None:
        """A capture without frames does too."""
        output = tmp_path / "out.parquet"
        summary = replay(
            write_capture(tmp_path / "run.pcapng", []), [Contender(Witness(), {}, output)]
        )
        assert (summary.frames, rows_of(output)) == (0, [])

    def test_few_row_groups(self, capture: Path, tmp_path: Path) -> None:
        """Rows are written many at once, however few frames come at a time."""
        output = tmp_path / "out.parquet"
        algorithm, parameters = make("crc-flip")
        replay(capture, [Contender(algorithm, parameters, output)], Schedule(FramesPerSecond(1000)))
        file = pq.ParquetFile(output)
        assert (file.metadata.num_rows, file.num_row_groups) == (14, 1)
        assert [row["number"] for row in rows_of(output)] == list(range(1, 41, 3))

    def test_limit(self, capture: Path, tmp_path: Path, frames: list[bytes]) -> None:
        """Only so many frames are shown, and only these have rows."""
        witness = Witness()
        output = tmp_path / "out.parquet"
        summary = replay(capture, [Contender(witness, {}, output)], limited(8))
        assert witness.seen == list(enumerate(frames[:8], 1))
        assert summary.frames == 8
        assert [row["number"] for row in rows_of(output)] == [1, 4, 7]
        more = replay(capture, [Contender(Witness(), {}, output)], limited(1000))
        assert more.frames == 40


class TestFailure:
    """What is left when something goes wrong."""

    def test_algorithm_calls_what_raises(self, capture: Path, tmp_path: Path) -> None:
        """The place is the algorithm's own, not that in a library."""

        class Asking(PerFrameAlgorithm):
            name = "asking"

            def repair(self, mpdu: bytes, row: int, frames: FrameBatch) -> bytes | None:
                del mpdu, row
                return bytes(frames.column("nonsense"))

        with pytest.raises(
            AlgorithmError, match=r"asking failed: KeyError: .*test_engine\.py:\d+\)"
        ):
            replay(capture, [Contender(Asking(), {}, tmp_path / "results.parquet")])

    def test_algorithm_raises(self, capture: Path, tmp_path: Path) -> None:
        """It leaves no results file, nor touches an old one; those of others are their own."""
        output, old = tmp_path / "other.parquet", tmp_path / "old.parquet"
        replay(capture, [Contender(Witness(), {}, old)], limited(1))
        before = old.read_bytes()
        with pytest.raises(
            AlgorithmError, match=r"failing failed: ZeroDivisionError \(.*test_engine"
        ):
            replay(capture, [Contender(Witness(), {}, output), Contender(Failing(), {}, old)])
        assert {path.name for path in tmp_path.iterdir()} == {
            "old.parquet",
            "other.parquet",
            "run.pcapng",
        }
        assert old.read_bytes() == before
        assert len(rows_of(output)) == 14

    def test_frames_are_shared(self, capture: Path, tmp_path: Path) -> None:
        """No algorithm can change what the ones after it see."""
        contender = Contender(Scribbling(), {}, tmp_path / "results.parquet")
        with pytest.raises(AlgorithmError, match="read-only"):
            replay(capture, [contender])

    def test_broken_contract(self, capture: Path, tmp_path: Path) -> None:
        """An answer for a good frame ends the replay, and leaves no file."""

        class Eager(Witness):
            name = "eager"

            def recover(self, frames: FrameBatch) -> Repairs:
                return Repairs.of([(int(number), None) for number in frames.number])

        with pytest.raises(AlgorithmError, match="eager answered for frame 2"):
            replay(capture, [Contender(Eager(), {}, tmp_path / "out.parquet")])
        assert [path.name for path in tmp_path.iterdir()] == ["run.pcapng"]

    def test_damaged_capture(self, capture: Path, tmp_path: Path) -> None:
        """A capture that contradicts itself in its middle gives no results."""
        packet_of_13_bytes = bytes.fromhex("06000000 0d000000") + bytes(40)
        capture.write_bytes(capture.read_bytes() + packet_of_13_bytes)
        with pytest.raises(FormatError):
            replay(capture, [Contender(Witness(), {}, tmp_path / "out.parquet")])
        assert [path.name for path in tmp_path.iterdir()] == ["run.pcapng"]

    def test_truncated_capture(self, capture: Path, tmp_path: Path, frames: list[bytes]) -> None:
        """A capture that merely ends early is replayed to there, and the loss is told."""
        capture.write_bytes(capture.read_bytes()[:-20])
        witness = Witness()
        summary = replay(capture, [Contender(witness, {}, tmp_path / "out.parquet")])
        assert witness.seen == list(enumerate(frames[:-1], 1))
        (loss,) = summary.losses
        assert "the file ends inside a record" in loss

    def test_tx_log_is_not_looked_at(self, capture: Path, tmp_path: Path) -> None:
        """The truth beside the capture may be anything: the replay is the same."""
        output = tmp_path / "run.witness.parquet"
        replay(capture, [Contender(Witness(), {}, output)])
        rows = rows_of(output)
        log = tmp_path / "run.tx.parquet"
        log.write_bytes(b"garbage")
        log.chmod(0)
        (tmp_path / "run.json").write_bytes(b"garbage")
        replay(capture, [Contender(Witness(), {}, output)])
        again = rows_of(output)
        for row in rows + again:
            del row["service_ns"], row["sojourn_ns"]
        assert again == rows


class TestPace:
    """Frames when they are due."""

    @pytest.mark.parametrize(
        "pace",
        [
            TopSpeed(),
            FramesPerSecond(5000),
            FramesPerSecond(1e9),
            MegabitsPerSecond(20),
            RecordedTime(10),
        ],
        ids=str,
    )
    def test_every_frame_once_and_in_order(
        self, capture: Path, tmp_path: Path, frames: list[bytes], pace: Pace
    ) -> None:
        """Whatever the pace, the algorithm sees every frame of the capture, once, in order."""
        witness = Witness()
        replay(capture, [Contender(witness, {}, tmp_path / "out.parquet")], Schedule(pace))
        assert witness.seen == list(enumerate(frames, 1))

    @pytest.mark.parametrize(
        ("pace", "seconds"), [(FramesPerSecond(400), 39 / 400), (RecordedTime(0.5), 0.078)]
    )
    def test_not_too_fast(self, capture: Path, tmp_path: Path, pace: Pace, seconds: float) -> None:
        """The replay takes as long as the pace says, and tells how long frames have waited."""
        output = tmp_path / "out.parquet"
        started = time.monotonic()
        summary = replay(capture, [Contender(Witness(), {}, output)], Schedule(pace))
        assert time.monotonic() - started >= summary.seconds >= seconds
        assert summary.achieved_fps <= 40 / seconds
        assert all(row["queued_ns"] >= 0 for row in rows_of(output))

    def test_no_frame_before_it_is_due(self, capture: Path, tmp_path: Path) -> None:
        """Each batch holds frames that are due, none later."""
        calls: list[tuple[int, int]] = []

        class Clock(Witness):
            def recover(self, frames: FrameBatch) -> Repairs:
                calls.append((time.monotonic_ns(), int(frames.number[-1])))
                return super().recover(frames)

        begin = time.monotonic_ns()
        replay(
            capture,
            [Contender(Clock(), {}, tmp_path / "out.parquet")],
            Schedule(FramesPerSecond(500)),
        )
        for now, last in calls:
            assert now - begin >= (last - 1) * 2_000_000
        assert len(calls) > 1

    def test_progress(self, capture: Path, tmp_path: Path) -> None:
        """Progress is told: frames, and bytes of the capture."""
        told: list[Standing] = []
        replay(capture, [Contender(Witness(), {}, tmp_path / "out.parquet")], tell=told.append)
        assert told[-1].frames == 40
        assert told[-1].progress() == (capture.stat().st_size,) * 2


def test_a_summary_is_of_those_that_ran() -> None:
    """What was there already has read no frames; what another has lost is said nevertheless."""
    ran = Score("a", None, Path("x"), frames=9, attempted=4, seconds=3.0, losses=["x: cut off"])
    before = Score("b", None, Path("x"), was_complete=True)
    summary = ReplaySummary(scores=[ran, before])
    assert (summary.frames, summary.bad, summary.achieved_fps) == (9, 4, 3.0)
    assert summary.losses == ["x: cut off"]
