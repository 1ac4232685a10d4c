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
import functools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
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
from .calls import Held
from .departures import Departures
from .engine import Contender, Score, Standing, replay_one
from .interruption import Interruption
from .queue import SPIN_NS
from .schedule import Schedule

_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h
_REHEARSED: Final = 4096  # frames at most
_REHEARSED_BAD: Final = 8

_LOOK_S: Final = 0.2

Leaving = Callable[[str], Departures]
Outcome = Score | WtrecError | OSError


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
    if task.schedule.is_paced:
        rehearse(task.choice, task.capture)
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
        with Held(algorithm):
            algorithm.recover(frames.slice(0, int(bad[-1]) + 1 if len(bad) else 1))
            algorithm.finish()


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
            among the tasks. With several jobs, a thread of this function's calls it.
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
                outcomes.append(_not_begun(interruption.reason))
                continue
            call = functools.partial(
                run_task,
                task,
                functools.partial(tell, i),
                interruption=interruption,
                leaving=leaving,
            )
            outcomes.append(_outcome(call))
        return outcomes
    context = multiprocessing.get_context("spawn")  # threads of ours must not be forked
    told = context.SimpleQueue()
    with _listening(told, tell):
        pool = ProcessPoolExecutor(
            min(jobs, len(tasks)), context, initializer=_Worker.begin, initargs=(told, os.getpid())
        )
        try:
            with _held_back(_Worker.SIGNALS):  # from processes that do not handle them yet
                futures = [pool.submit(_Worker.work, i, task) for i, task in enumerate(tasks)]
            _wait(futures, interruption)
            return [
                _not_begun(interruption.reason) if future.cancelled() else _outcome(future.result)
                for future in futures
            ]
        finally:
            pool.shutdown(cancel_futures=True)


def _not_begun(reason: str | None) -> AlgorithmError:
    return AlgorithmError(f"not begun: ended by {reason}")


@contextlib.contextmanager
def _held_back(signals: Iterable[signal.Signals]) -> Iterator[None]:
    """These wait meanwhile; in the processes that are begun, until they let them come."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _wait(futures: Sequence[Future[Score]], interruption: Interruption) -> None:
    """Until all are done. Once we are to end, what runs is told, and nothing is begun any more.

    Raises:
        KeyboardInterrupt: We are asked once more; what runs leaves its journal.
    """
    has_told = False
    try:
        while wait(futures, timeout=_LOOK_S).not_done:
            if interruption.reason is None or has_told:
                continue
            has_told = True
            for future in futures:
                future.cancel()
            known = {each.name: each for each in _Worker.SIGNALS}
            _tell_all(known.get(interruption.reason, signal.SIGTERM))
    except KeyboardInterrupt:
        _tell_all(_Worker.AT_ONCE)
        raise


def _tell_all(number: signal.Signals) -> None:
    for process in multiprocessing.active_children():
        if process.pid is not None:
            os.kill(process.pid, number)  # it is not reaped yet, so it is there


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
    as Ctrl-C does, with nothing left behind. Ctrl-C itself may go to all processes, or only to
    the first, which passes it on: so one may come twice here, and the second one says nothing
    new. Once asked to end, a process begins no task: it is for the pool to end it.
    """

    AT_ONCE: Final = signal.SIGUSR1  # who asked does not want to wait
    SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, AT_ONCE)
    told: Any = None
    parent = 0
    is_busy = False
    interruption = Interruption()

    @classmethod
    def begin(cls, told: Any, parent: int) -> None:
        """Before the first task."""
        cls.told, cls.parent = told, parent
        for number in cls.SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # SIGHUP under nohup
                signal.signal(number, cls.end)
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, cls.SIGNALS)

    @classmethod
    def end(cls, number: int, _frame: FrameType | None) -> None:
        """End the task, and begin no more; without a task, and without a pool, the process."""
        if number == cls.AT_ONCE and cls.is_busy:
            raise KeyboardInterrupt
        if cls.interruption.reason is None:
            cls.interruption.ask(signal.Signals(number).name)
        if not cls.is_busy and os.getppid() != cls.parent:
            os._exit(1)

    @classmethod
    def work(cls, number: int, task: Task) -> Score:
        """One task."""
        if cls.interruption.reason is not None:  # it was on its way to us already
            raise _not_begun(cls.interruption.reason)
        cls.is_busy = True
        try:
            return run_task(
                task,
                lambda standing: cls.told.put((number, standing)),
                interruption=cls.interruption,
            )
        finally:
            cls.is_busy = False
            if os.getppid() != cls.parent:
                os._exit(1)
