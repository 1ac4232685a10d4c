"""Replays in processes of their own: each takes one task after the other, and ends alone.

A process has one task at a time and nobody else's. So where an algorithm ends its process, or the
kernel does, that ends one replay, and another process is begun for those that wait.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import multiprocessing
import os
import signal
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from multiprocessing import connection
from multiprocessing.context import SpawnContext
from types import FrameType
from typing import Any, Final

from ..errors import AlgorithmError, WtrecError
from .interruption import Interruption
from .score import Score, Standing

_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h
_LOOK_S: Final = 0.2

Outcome = Score | WtrecError | OSError
Work = Callable[[Any, Callable[[Standing], object], Interruption], Score]


def in_processes(
    work: Work,
    tasks: Sequence[Any],
    most: int,
    tell: Callable[[int, Standing], object],
    interruption: Interruption,
) -> list[Outcome]:
    """Do tasks in up to so many processes.

    Args:
        work: Does one: the task, whom it tells where it stands, by what it is ended early. It is
            a function of a module, as it is called elsewhere.
        tasks: The tasks; they can be pickled.
        most: Processes at a time.
        tell: Is told where a task stands, by its place among them.
        interruption: By which all can be ended early: those that run are told, others not begun.

    Returns:
        For each task what came of it, in their order.

    Raises:
        KeyboardInterrupt: We are asked once more; what runs leaves its journal.
    """
    context = multiprocessing.get_context("spawn")  # threads of ours must not be forked
    begin = functools.partial(_Process, context, work)
    return _Processes(begin, most, tell, interruption).run(tasks)


def not_begun(reason: str | None) -> AlgorithmError:
    """What came of a task that was still to come when all was ended."""
    return AlgorithmError(f"not begun: ended by {reason}")


@contextlib.contextmanager
def _held_back(signals: Iterable[signal.Signals]) -> Iterator[None]:
    """These wait meanwhile; in the processes that are begun, until they let them come."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Process:
    """A process that makes one replay after the other.

    It has nobody else's task, so that its end, which may be an algorithm's doing, ends one replay.

    Args:
        context: Begins it.
        work: What it does with a task.

    Attributes:
        ours: Can be read when it has something to say.
    """

    def __init__(self, context: SpawnContext, work: Work) -> None:
        self.ours, theirs = context.Pipe()
        self._process = context.Process(target=_Worker.serve, args=(theirs, work, os.getpid()))
        with _held_back(_Worker.SIGNALS):  # from a process that does not handle them yet
            self._process.start()
        theirs.close()

    def begin(self, task: Any) -> None:
        """Give it its next task."""
        with contextlib.suppress(BrokenPipeError):  # it is gone, as its outcome will say
            self.ours.send(task)

    def said(self) -> Standing | Outcome:
        """Where the task stands, or what came of it.

        Raises:
            Exception: One of ours that nobody expects.
        """
        try:
            found: Standing | Outcome | Exception = self.ours.recv()
        except (EOFError, OSError):  # the latter in the middle of it
            self._process.join()
            return AlgorithmError(f"the process that replays {_ended(self._process.exitcode)}")
        if isinstance(found, Standing | Score | WtrecError | OSError):
            return found
        raise found

    @property
    def is_alive(self) -> bool:
        """Whether it can do more."""
        return self._process.is_alive()

    def tell(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if self._process.is_alive() and self._process.pid is not None:
            with contextlib.suppress(ProcessLookupError):  # where SIGCHLD is ignored
                os.kill(self._process.pid, number)

    def close(self) -> None:
        """No more tasks; wait for its end."""
        self.ours.close()
        self._process.join()


def _ended(exit_code: int | None) -> str:
    if exit_code is None:  # where SIGCHLD is ignored
        return "ended"
    if exit_code >= 0:
        return f"ended with exit status {exit_code}"
    name = next(
        (each.name for each in signal.Signals if each == -exit_code), f"signal {-exit_code}"
    )
    hint = ": is there memory for all --jobs?" if exit_code == -signal.SIGKILL else ""
    return f"was killed by {name}{hint}"


class _Processes:
    """Up to so many processes, which take tasks in their order.

    Args:
        begin: Begins one.
        most: How many.
        tell: Is told where a task stands.
        interruption: By which all can be ended early.
    """

    def __init__(
        self,
        begin: Callable[[], _Process],
        most: int,
        tell: Callable[[int, Standing], object],
        interruption: Interruption,
    ) -> None:
        self._begin = begin
        self._most = most
        self._told = tell
        self._interruption = interruption
        self._idle: list[_Process] = []
        self._busy: dict[_Process, int] = {}

    def run(self, tasks: Sequence[Any]) -> list[Outcome]:
        """What came of each. Once we are to end, what runs is told, and no more is begun.

        Raises:
            KeyboardInterrupt: We are asked once more; what runs leaves its journal.
        """
        outcomes: list[Outcome | None] = [None] * len(tasks)
        waiting = deque(enumerate(tasks))
        has_told = False
        try:
            while self._busy or (waiting and self._interruption.reason is None):
                if self._interruption.reason is None:
                    while waiting and len(self._busy) < self._most:
                        self._give(*waiting.popleft())
                elif not has_told:
                    has_told = True
                    known = {each.name: each for each in _Worker.SIGNALS}
                    self._tell(known.get(self._interruption.reason, signal.SIGTERM))
                ready = connection.wait([each.ours for each in self._busy], _LOOK_S)
                for process in [each for each in self._busy if each.ours in ready]:
                    said = process.said()
                    if isinstance(said, Standing):
                        self._told(self._busy[process], said)
                        continue
                    outcomes[self._busy.pop(process)] = said
                    self._idle.append(process)
        except KeyboardInterrupt:
            self._tell(_Worker.AT_ONCE)
            raise
        finally:
            for process in [*self._busy, *self._idle]:
                process.close()
        left = not_begun(self._interruption.reason)
        return [left if outcome is None else outcome for outcome in outcomes]

    def _give(self, number: int, task: Any) -> None:
        process = None
        while self._idle and process is None:
            process = self._idle.pop()
            if not process.is_alive:
                process.close()
                process = None
        process = process or self._begin()
        self._busy[process] = number
        process.begin(task)

    def _tell(self, number: signal.Signals) -> None:
        for process in self._busy:
            process.tell(number)


class _Worker:
    """What a process that replays knows.

    It must not outlive the one that began it: the kernel sends SIGTERM then, which ends the task
    as Ctrl-C does, with nothing left behind. Ctrl-C itself may go to all processes, or only to
    the first, which passes it on: so one may come twice here, and the second one says nothing
    new. Once asked to end, a process begins no task: it is for the first one to end it.
    """

    AT_ONCE: Final = signal.SIGUSR1  # who asked does not want to wait
    SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, AT_ONCE)
    parent = 0
    is_busy = False
    interruption = Interruption()

    @classmethod
    def serve(cls, theirs: Any, work: Work, parent: int) -> None:
        """Make replays, until no more come."""
        cls.parent = parent
        for number in cls.SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # SIGHUP under nohup
                signal.signal(number, cls.end)
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, cls.SIGNALS)
        with contextlib.suppress(EOFError, ConnectionError, KeyboardInterrupt):
            while True:
                theirs.send(cls.outcome(work, theirs.recv(), theirs.send))

    @classmethod
    def end(cls, number: int, _frame: FrameType | None) -> None:
        """End the task, and begin no more; without a task, and without a parent, the process."""
        if number == cls.AT_ONCE and cls.is_busy:
            raise KeyboardInterrupt
        if cls.interruption.reason is None:
            cls.interruption.ask(signal.Signals(number).name)
        if not cls.is_busy and os.getppid() != cls.parent:
            os._exit(1)

    @classmethod
    def outcome(
        cls, work: Work, task: Any, tell: Callable[[Standing], object]
    ) -> Outcome | Exception:
        """One task."""
        if cls.interruption.reason is not None:  # it was on its way to us already
            return not_begun(cls.interruption.reason)
        cls.is_busy = True
        try:
            return work(task, tell, cls.interruption)
        except (WtrecError, OSError) as error:
            return error
        except Exception as error:
            error.add_note(traceback.format_exc())
            return error
        finally:
            cls.is_busy = False
            if os.getppid() != cls.parent:
                os._exit(1)
