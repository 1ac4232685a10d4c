"""Many replays, each of one algorithm and one capture, over the cores of this machine.

With one job they run here, one after the other. With more, each runs in a process of its own, so
that not even the interpreter is shared. Answers are the same, whatever the number: an algorithm
sees the same frames in the same order. Times are not: processes share memory, caches and clock
speed, and more jobs than idle cores make each other late.

A replay that fails does not end the others, nor does, with more jobs than one, an algorithm that
ends its process.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from ..clock import MONOTONIC, Clock
from ..datasets.files import sha256_of
from ..datasets.frames import FcsStatus, FrameBatch
from ..datasets.reader import CaptureReader
from ..errors import FAILURES, WtrecError
from .calls import Held
from .choice import EXEC, make
from .departures import Departures
from .engine import Contender, Score, Standing, replay_one
from .interruption import Interrupted, Interruption
from .processes import Outcome, in_processes, not_begun
from .queue import SPIN_NS
from .schedule import Schedule

_REHEARSED: Final = 4096  # frames at most
_REHEARSED_BAD: Final = 8

Leaving = Callable[[str], Departures]


@dataclass(frozen=True, slots=True)
class Task:
    """A replay of one capture into one algorithm.

    Attributes:
        capture: The capture.
        choice: The algorithm, as the user names it.
        output: Where its results go.
        schedule: Which frames, at what pace, how served.
        resume: Go on with what an earlier replay has left, if it has.
    """

    capture: Path
    choice: str
    output: Path
    schedule: Schedule
    resume: bool = False


def run_task(
    task: Task,
    tell: Callable[[Standing], object] = lambda _: None,
    *,
    interruption: Interruption | None = None,
    leaving: Leaving | None = None,
    clock: Clock = MONOTONIC,
    spin_ns: int = SPIN_NS,
) -> Score:
    """One replay, here.

    ``leaving`` makes what lets frames leave, of the algorithm's name.

    Raises:
        AlgorithmError: No such algorithm, or it broke its contract.
        FormatError: The capture is damaged in its middle.
        OSError: A file cannot be read or written.
    """
    rehearse(task.choice, task.capture, interruption)
    algorithm, parameters = make(task.choice)
    with Held(algorithm) as held:
        score = replay_one(
            task.capture,
            Contender(algorithm, parameters, task.output),
            task.schedule,
            lambda: sha256_of(task.capture),
            resume=task.resume,
            interruption=interruption,
            departures=leaving(algorithm.name) if leaving is not None else None,
            clock=clock,
            tell=tell,
            spin_ns=spin_ns,
        )
    score.problems = [*score.problems, *held.problems]
    return score


def rehearse(choice: str, capture: Path, interruption: Interruption | None = None) -> None:
    """Show the first bad frames, and the first of each rate, to an algorithm that is thrown away.

    So its kernels are loaded, or compiled, and its tables are made before the clock starts: the
    first call would take longer than thousands of others. A program in another language is not
    started for this.
    """
    if choice.partition(":")[0] == EXEC:
        return
    # what goes wrong here, the replay will tell
    with CaptureReader(capture) as reader, contextlib.suppress(Interrupted, *FAILURES):
        frames = next(iter(reader), None)
        if frames is None:
            return
        algorithm, _ = make(choice)
        with Held(algorithm), (interruption or Interruption()).breaking():
            algorithm.recover(_of_each_kind(frames.slice(0, min(len(frames), _REHEARSED))))
            algorithm.finish()


def _of_each_kind(frames: FrameBatch) -> FrameBatch:
    """The first bad frames with all before them, and the first bad one of each rate."""
    bad = np.flatnonzero(frames.fcs_status == FcsStatus.BAD)
    if not len(bad):
        return frames.slice(0, 1)
    kinds = zip(*(frames.column(name).to_pylist() for name in ("rate_mbps", "mcs")), strict=True)
    kind = dict(enumerate(kinds))
    first = {kind[row]: row for row in reversed(bad.tolist())}
    rows = {*range(int(bad[:_REHEARSED_BAD][-1]) + 1), *first.values()}
    return FrameBatch(frames.arrow.take(pa.array(sorted(rows))))


def run_all(
    tasks: Sequence[Task],
    jobs: int = 1,
    tell: Callable[[int, Standing], object] = lambda _task, _standing: None,
    *,
    interruption: Interruption | None = None,
    leaving: Leaving | None = None,
) -> list[Outcome]:
    """Run replays, up to ``jobs`` at a time.

    Args:
        tasks: The replays; no two write one file.
        jobs: Processes; 1: in this one.
        tell: Is told from time to time where a replay stands; the first argument is its place
            among the tasks.
        interruption: By which all can be ended early: those that run keep what they have, the
            others are not begun.
        leaving: Makes what lets frames leave, of the algorithm's name; for one task.

    Returns:
        For each task what came of it, in their order: a score, or the error that ended it.
    """
    interruption = interruption or Interruption()
    if jobs == 1 or len(tasks) < 2:
        outcomes: list[Outcome] = []
        for i, task in enumerate(tasks):
            if i and interruption.reason is not None:
                outcomes.append(not_begun(interruption.reason))
                continue
            told = functools.partial(tell, i)
            try:
                outcomes.append(run_task(task, told, interruption=interruption, leaving=leaving))
            except (WtrecError, OSError) as error:
                outcomes.append(error)
        return outcomes
    return in_processes(_work, tasks, jobs, tell, interruption)


def _work(task: Task, tell: Callable[[Standing], object], interruption: Interruption) -> Score:
    """:func:`run_task` in a process of its own."""
    return run_task(task, tell, interruption=interruption)
