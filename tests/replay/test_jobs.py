"""Replays over several processes: the same answers as one by one; each fails alone."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from wtrec.datasets.frames import FrameBatch
from wtrec.datasets.journal import journal_path
from wtrec.datasets.parquet import TableFile
from wtrec.datasets.results import RESULTS
from wtrec.dot11 import fcs
from wtrec.errors import AlgorithmError, FormatError, WtrecError
from wtrec.replay import choice as choosing
from wtrec.replay.algorithm import Repairs
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
        Task(capture, choice, capture.with_suffix(f".{where}.{number}.parquet"), schedule)
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
        assert all(isinstance(score, Score) for score in scores), scores
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


DEADLY = """
import os
from wtrec import PerFrameAlgorithm

class Deadly(PerFrameAlgorithm):
    name = "deadly"

    def repair(self, mpdu, row, frames):
        os._exit(9)
"""


@pytest.mark.usefixtures("plugged")
def test_every_replay_is_rehearsed(tmp_path: Path, write_capture: Write, udp_frame: Frame) -> None:
    """At top speed, too: with the first bad frames, and with the first of each rate."""
    frames = [fcs.flip(udp_frame(b"x", n), [100] if n % 2 else []) for n in range(40)]
    capture = write_capture(tmp_path / "run.pcapng", frames, rates=[6.0] * 30 + [54.0] * 10)
    (score,) = run_all([Task(capture, "Plugin", tmp_path / "out.parquet", Schedule())])
    assert isinstance(score, Score)
    assert Plugin.seen == [[*range(1, 17), 32], list(range(1, 41))]


def test_a_process_that_ends_is_one_replay(
    captures: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The replays beside it and behind it are made; it is said how it ended."""
    (tmp_path / "deadly_plugin.py").write_text(DEADLY)
    folder = tmp_path / "deadly-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: deadly\nVersion: 1\n")
    (folder / "entry_points.txt").write_text("[wtrec.algorithms]\ndeadly = deadly_plugin:Deadly\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    deadly, *good = run_all(
        [
            Task(captures[0], choice, tmp_path / f"{number}.parquet", Schedule())
            for number, choice in enumerate(["deadly", "crc-flip", "crc-burst"])
        ],
        2,
    )
    assert isinstance(deadly, AlgorithmError)
    assert str(deadly) == "the process that replays ended with exit status 9"
    assert [isinstance(score, Score) and score.attempted for score in good] == [20, 20]


def test_a_rehearsal_leaves_nothing(captures: list[Path]) -> None:
    """Kernels are loaded before a paced replay; the algorithm itself begins afresh."""
    schedule = Schedule(FramesPerSecond(1e6))
    paced = run_task(Task(captures[0], "chase", captures[0].with_suffix(".a"), schedule))
    free = run_task(Task(captures[0], "chase", captures[0].with_suffix(".b"), Schedule()))
    assert (paced.attempted, paced.repaired) == (free.attempted, free.repaired)
    assert answers(captures[0].with_suffix(".a")) == answers(captures[0].with_suffix(".b"))


class Plugin:
    """Abstains; a subclass does what it should not."""

    name = "plugin"
    made = closed = 0
    seen: ClassVar[list[list[int]]] = []

    def __init__(self) -> None:
        type(self).made += 1

    def recover(self, frames: FrameBatch) -> Repairs:
        self.seen.append(frames.number.tolist())
        return Repairs.none()

    def finish(self) -> Repairs:
        return Repairs.none()

    def close(self) -> None:
        type(self).closed += 1


class Mute(Plugin):
    """Forgets to return its answers."""

    def recover(self, frames: FrameBatch) -> Any:
        del frames


class Leaving(Plugin):
    """Ends the program, as it thinks."""

    def recover(self, frames: FrameBatch) -> Repairs:
        del frames
        sys.exit("no\nlicence")


class Unmade(Plugin):
    """Finds no model."""

    def __init__(self) -> None:
        super().__init__()
        raise RuntimeError("no model")


class Boasting(Plugin):
    """Divides by zero when it is asked what it measured, and has a problem."""

    def facts(self) -> dict[str, float]:
        return {"share": 1 / 0}

    def problems(self) -> list[str]:
        return ["restarted"]


class Wordy(Plugin):
    """Measures in words."""

    def facts(self) -> dict[str, Any]:
        return {"mood": "good"}


class Stuck(Plugin):
    """Cannot be closed."""

    def close(self) -> None:
        super().close()
        raise OSError("busy")


@pytest.fixture
def plugged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plug-ins are chosen by the name of their class."""
    ours = {each.__name__: each for each in (Plugin, Mute, Leaving, Unmade, Boasting, Wordy, Stuck)}
    for each in ours.values():
        monkeypatch.setattr(each, "made", 0)
        monkeypatch.setattr(each, "closed", 0)
    monkeypatch.setattr(Plugin, "seen", [])
    load = choosing.load
    monkeypatch.setattr(choosing, "load", lambda name: ours.get(name) or load(name))


@pytest.mark.usefixtures("plugged")
@pytest.mark.parametrize(
    ("plugin", "said"),
    [
        (Mute, "Mute answered with NoneType, wanted Repairs"),
        (Leaving, "Leaving failed: SystemExit: no licence (/"),
        (Unmade, "Unmade cannot be made: RuntimeError: no model"),
    ],
)
def test_a_broken_contract_ends_one_replay(
    captures: list[Path], plugin: type[Plugin], said: str
) -> None:
    """It is said what the plug-in did; the replays behind it are made."""
    choices = [plugin.__name__, "crc-flip"]
    these = [
        Task(captures[0], each, captures[0].with_suffix(f".{each}"), Schedule()) for each in choices
    ]
    broken, good = run_all(these)
    assert isinstance(broken, AlgorithmError)
    assert said in str(broken)
    assert not journal_path(these[0].output).exists()
    assert isinstance(good, Score)
    assert good.repaired == 20


@pytest.mark.usefixtures("plugged")
@pytest.mark.parametrize(
    ("plugin", "problems"),
    [
        (Boasting, ["restarted", "facts() failed: ZeroDivisionError: division by zero"]),
        (Wordy, ["facts() failed: mood is of type str, wanted a number"]),
        (Stuck, ["close() failed: OSError: busy"]),
    ],
)
def test_what_fails_behind_the_answers_is_a_problem(
    captures: list[Path], plugin: type[Plugin], problems: list[str]
) -> None:
    """The results are there."""
    task = Task(captures[0], plugin.__name__, captures[0].with_suffix(".p"), Schedule())
    (score,) = run_all([task])
    assert isinstance(score, Score)
    assert len(answers(task.output)) == score.attempted == 20
    for found, wanted in zip(score.problems, problems, strict=True):
        assert found.startswith(wanted)


@pytest.mark.usefixtures("plugged")
def test_every_algorithm_is_closed(captures: list[Path]) -> None:
    """That of a rehearsal, too, and where a journal stands in the way."""
    task = Task(captures[0], "Plugin", captures[0].with_suffix(".parquet"), Schedule())
    run_all([replace(task, schedule=Schedule(FramesPerSecond(1e6)))])
    assert (Plugin.made, Plugin.closed) == (2, 2)
    captures[0].with_suffix(".arrows").write_bytes(b"x")
    for resume in (False, True):
        (refused,) = run_all([replace(task, resume=resume)])
        assert isinstance(refused, WtrecError)
    assert (Plugin.made, Plugin.closed) == (6, 6)
