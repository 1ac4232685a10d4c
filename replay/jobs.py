"""Many replays, each of one algorithm and one capture, over the cores of this machine.

With one job they run here, one after the other. With more, each runs in a process of its own, so
that not even the interpreter is shared. Answers are the same, whatever the number: an algorithm
sees the same frames in the same order. Times are not: processes share memory, caches and clock
speed, and more jobs than idle cores make each other late.

A replay that fails does not end the others.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final

import numpy as np

from ..clock import MONOTONIC, Clock
from ..datasets.files import sha256_of
from ..datasets.frames import FcsStatus
from ..datasets.reader import CaptureReader
from ..errors import AlgorithmError, WtrecError
from .algorithm import EXEC, make
from .engine import Contender, Score, Standing, replay_one
from .queue import SPIN_NS
from .schedule import Schedule

_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h
_REHEARSED: Final = 4096  # frames at most
_REHEARSED_BAD: Final = 8

Outcome = Score | WtrecError | OSError


@dataclass(frozen=True, slots=True)
class Task:
    """A replay of one capture into one algorithm.

    Attributes:
        capture: The capture.
        choice: The algorithm, as the user names it.
        output: Where its results go.
        schedule: Which frames, at what pace, how served.
    """

    capture: Path
    choice: str
    output: Path
    schedule: Schedule


def run_task(
    task: Task,
    tell: Callable[[Standing], object] = lambda _: None,
    *,
    clock: Clock = MONOTONIC,
    spin_ns: int = SPIN_NS,
) -> Score:
    """One replay, here.

    Raises:
        AlgorithmError: No such algorithm, or it broke its contract.
        FormatError: The capture is damaged in its middle.
        OSError: A file cannot be read or written.
    """
    if task.schedule.is_paced:
        rehearse(task.choice, task.capture)
    algorithm, parameters = make(task.choice)
    contender = Contender(algorithm, parameters, task.output)
    return replay_one(
        task.capture,
        contender,
        task.schedule,
        lambda: sha256_of(task.capture),
        clock=clock,
        tell=tell,
        spin_ns=spin_ns,
    )


def rehearse(choice: str, capture: Path) -> None:
    """Show the first bad frames to an algorithm that is then thrown away.

    So its kernels are loaded, or compiled, before the clock starts: the first call would take
    longer than thousands of others. A program in another language is not started for this.
    """
    if choice.partition(":")[0] == EXEC:
        return
    with CaptureReader(capture) as reader, contextlib.suppress(Exception):  # the replay will tell
        frames = next(iter(reader), None)
        if frames is None:
            return
        bad = np.flatnonzero(frames.fcs_status[:_REHEARSED] == FcsStatus.BAD)[:_REHEARSED_BAD]
        algorithm, _ = make(choice)
        algorithm.recover(frames.slice(0, int(bad[-1]) + 1 if len(bad) else 1))
        algorithm.finish()


def run_all(
    tasks: Sequence[Task],
    jobs: int = 1,
    tell: Callable[[int, Standing], object] = lambda _task, _standing: None,
) -> list[Outcome]:
    """Run replays, up to ``jobs`` at a time.

    Args:
        tasks: The replays; no two write one file.
        jobs: Processes; 1: in this one.
        tell: Is told from time to time where a replay stands; the first argument is its place
            among the tasks. With several jobs, a thread of this function's calls it.

    Returns:
        For each task what came of it, in their order: a score, or the error that ended it.
    """
    if jobs == 1 or len(tasks) < 2:
        return [
            _outcome(lambda i=i, task=task: run_task(task, lambda at: tell(i, at)))  # type: ignore[misc]
            for i, task in enumerate(tasks)
        ]
    context = multiprocessing.get_context("spawn")  # threads of ours must not be forked
    told = context.SimpleQueue()
    with _listening(told, tell):
        pool = ProcessPoolExecutor(
            min(jobs, len(tasks)), context, initializer=_Worker.begin, initargs=(told, os.getpid())
        )
        try:
            futures = [pool.submit(_Worker.work, i, task) for i, task in enumerate(tasks)]
            return [_outcome(future.result) for future in futures]
        finally:
            pool.shutdown(cancel_futures=True)


def _outcome(call: Callable[[], Score]) -> Outcome:
    try:
        return call()
    except (WtrecError, OSError) as error:
        return error
    except BrokenProcessPool:
        return AlgorithmError("a process that replays was killed: is there memory for all --jobs?")


@contextlib.contextmanager
def _listening(told: Any, tell: Callable[[int, Standing], object]) -> Iterator[None]:
    """Pass on what the processes tell."""

    def listen() -> None:
        while (message := told.get()) is not None:
            tell(*message)

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        yield
    finally:
        told.put(None)
        listener.join()


class _Worker:
    """What a process of the pool knows.

    It must not outlive the one that began it: the kernel sends SIGTERM then, which ends the task
    as Ctrl-C does, with nothing left behind. Ctrl-C itself goes to all processes: it ends a task,
    and leaves idle processes to the pool.
    """

    told: Any = None
    parent = 0
    is_busy = False

    @classmethod
    def begin(cls, told: Any, parent: int) -> None:
        """Before the first task."""
        cls.told, cls.parent = told, parent
        signal.signal(signal.SIGINT, cls.end)
        signal.signal(signal.SIGTERM, cls.end)
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

    @classmethod
    def end(cls, number: int, _frame: FrameType | None) -> None:
        """End a task; without one, the process, unless it is for the pool to do."""
        if cls.is_busy:
            raise KeyboardInterrupt
        if number == signal.SIGTERM:
            os._exit(1)

    @classmethod
    def work(cls, number: int, task: Task) -> Score:
        """One task."""
        cls.is_busy = True
        try:
            return run_task(task, lambda standing: cls.told.put((number, standing)))
        finally:
            cls.is_busy = False
            if os.getppid() != cls.parent:
                os._exit(1)
