"""Algorithms on frames that come: what stays when it does not end well."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from wtrec.datasets.frames import FrameBatch
from wtrec.datasets.journal import JournalFile
from wtrec.datasets.parquet import TableFile
from wtrec.datasets.reader import CaptureReader
from wtrec.datasets.results import RESULTS
from wtrec.dot11 import fcs
from wtrec.replay.algorithm import Repairs
from wtrec.replay.engine import Contender
from wtrec.replay.live import LiveReplay


class Hanging:
    """Answers for its first call; the second one ends when it is let go."""

    name = "hanging"

    def __init__(self) -> None:
        self.calls = self.closed = 0
        self.hangs = threading.Event()
        self.go = threading.Event()

    def recover(self, frames: FrameBatch) -> Repairs:
        self.calls += 1
        if self.calls == 2:
            self.hangs.set()
            self.go.wait(60)
        return Repairs.of([(number, [5]) for number in frames.number.tolist()])

    def finish(self) -> Repairs:
        return Repairs.none()

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def batches(
    tmp_path: Path, write_capture: Callable[..., Path], udp_frame: Callable[..., bytes]
) -> list[FrameBatch]:
    """Three batches of a bad frame each."""
    path = write_capture(
        tmp_path / "run.pcapng", [fcs.flip(udp_frame(b"x", i), [99]) for i in range(3)]
    )
    with CaptureReader(path) as reader:
        (frames,) = list(reader)
    return [frames.slice(i, 1) for i in range(3)]


def test_what_there_is_of_a_call_that_hangs(batches: list[FrameBatch], tmp_path: Path) -> None:
    """Partial results; when the call returns after all, nothing more is written or called."""
    algorithm, output = Hanging(), tmp_path / "run.hanging.parquet"
    with LiveReplay([Contender(algorithm, {}, output)], "run.pcapng") as live:
        thread = threading.Thread(target=live.run, args=(batches,), daemon=True)
        thread.start()
        assert algorithm.hangs.wait(60)
        live.abandon("SIGINT")
        live.finish({})
    assert algorithm.closed == 0  # it is being called
    algorithm.go.set()
    thread.join(60)
    assert (algorithm.calls, live.left_at, live.scores[0].interrupted) == (2, "hanging", "SIGINT")
    with TableFile(output, RESULTS) as table:
        (rows,) = list(table.batches(10))
        assert (table.metadata["partial"], table.metadata["covers_to"]) == ("true", "1")
    assert rows.column("number").to_pylist() == [1]


@pytest.mark.parametrize("error", [OSError(28, "No space left"), KeyboardInterrupt()])
def test_the_journal_stays(batches: list[FrameBatch], tmp_path: Path, error: BaseException) -> None:
    """Where there is no room for the recording, or somebody does not want to wait."""
    algorithm = Hanging()

    def some() -> Iterator[FrameBatch]:
        yield batches[0]
        raise error

    output = tmp_path / "run.hanging.parquet"
    with pytest.raises(type(error)), LiveReplay([Contender(algorithm, {}, output)], "r") as live:
        live.run(some())
    assert algorithm.closed == 1
    with JournalFile(output.with_suffix(".arrows"), RESULTS) as journal:
        assert journal.metadata["algorithm"] == "hanging"
