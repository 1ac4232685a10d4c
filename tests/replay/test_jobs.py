"""Replays over several processes: the same answers as one by one; each fails alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wtrec.datasets.parquet import TableFile
from wtrec.datasets.results import RESULTS
from wtrec.dot11 import fcs
from wtrec.errors import AlgorithmError, FormatError
from wtrec.replay.engine import Score, Standing
from wtrec.replay.jobs import Task, run_all, run_task
from wtrec.replay.pacing import FramesPerSecond, TopSpeed
from wtrec.replay.queue import Service
from wtrec.replay.schedule import Schedule

Write = Callable[..., Path]
Frame = Callable[..., bytes]
TIMES = ("queued_ns", "service_ns", "deadline_met", "queue_length", "sojourn_ns")


@pytest.fixture
def captures(tmp_path: Path, write_capture: Write, udp_frame: Frame) -> list[Path]:
    """Two runs of 60 frames; a third of each is bad."""
    runs = []
    for run in range(2):
        frames = [
            fcs.flip(udp_frame(bytes([i]) * 40, i), [] if i % 3 else [100 + i + run, 200])
            for i in range(60)
        ]
        runs.append(write_capture(tmp_path / f"{run}.pcapng", frames))
    return runs


def answers(path: Path) -> list[dict[str, Any]]:
    with TableFile(path, RESULTS) as results:
        rows = [row for batch in results.batches() for row in batch.to_pylist()]
    return [{name: value for name, value in row.items() if name not in TIMES} for row in rows]


def tasks(captures: list[Path], where: str, schedule: Schedule) -> list[Task]:
    return [
        Task(capture, choice, capture.with_suffix(f".{where}.{number}"), schedule)
        for capture in captures
        for number, choice in enumerate(["crc-flip:max_flips=2", "crc-burst"])
    ]


def test_the_same_as_one_by_one(captures: list[Path]) -> None:
    """One job or two, one frame in a call or many, at a pace or at top speed: equal results."""
    found = []
    told: list[tuple[int, Standing]] = []
    for where, jobs, schedule in (
        ("one", 1, Schedule(TopSpeed())),
        ("two", 2, Schedule(FramesPerSecond(20_000), service=Service(3))),
    ):
        these = tasks(captures, where, schedule)
        scores = run_all(these, jobs, lambda at, standing: told.append((at, standing)))
        assert all(isinstance(score, Score) for score in scores)
        assert [score.output for score in scores if isinstance(score, Score)] == [
            task.output for task in these
        ]
        found.append([answers(task.output) for task in these])
    assert any(row["outcome"] == "repaired" for row in found[0][0])
    assert found[1] == found[0]
    assert {at for at, _ in told} == {0, 1, 2, 3}


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.slow
def test_each_fails_alone(captures: list[Path], jobs: int) -> None:
    """An algorithm that there is not, or a damaged capture, ends its own replay only."""
    good, damaged = captures
    damaged.write_bytes(damaged.read_bytes() + bytes.fromhex("06000000 0d000000") + bytes(40))
    these = [
        Task(capture, choice, capture.with_suffix(".parquet"), Schedule())
        for capture, choice in ((damaged, "crc-flip"), (good, "nothing"), (good, "crc-flip"))
    ]
    first, second, third = run_all(these, jobs)
    assert isinstance(first, FormatError)
    assert first.path == str(damaged)
    assert isinstance(second, AlgorithmError)
    assert isinstance(third, Score)
    assert third.repaired == 20
    assert not damaged.with_suffix(".parquet").exists()


def test_a_rehearsal_leaves_nothing(captures: list[Path]) -> None:
    """Kernels are loaded before a paced replay; the algorithm itself begins afresh."""
    schedule = Schedule(FramesPerSecond(1e6))
    paced = run_task(Task(captures[0], "chase", captures[0].with_suffix(".a"), schedule))
    free = run_task(Task(captures[0], "chase", captures[0].with_suffix(".b"), Schedule()))
    assert (paced.attempted, paced.repaired) == (free.attempted, free.repaired)
    assert answers(captures[0].with_suffix(".a")) == answers(captures[0].with_suffix(".b"))
