"""A program behind three pipes, driven by one thread, which never waits on one of them alone.

While bytes are wanted from its stdout, what is queued for its stdin goes out and its stderr is
drained, so that neither side can block the other for good; nothing is waited for beyond the
deadline. Stdout is read only while something is wanted from it: a program that writes without end
is stopped by its full pipe, and not by our memory.

Where SIGCHLD is ignored, as a shell's ``trap '' CHLD`` leaves it, the kernel reaps children itself
and forgets how they ended. So a start sets it to its default first, which only the main thread may.

The program leads a process group of its own. The group is killed and the program reaped by
:meth:`Process.kill`, when the object is collected, and at the exit of the interpreter.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import math
import os
import select
import signal
import subprocess
import threading
import time
import weakref
from collections.abc import Sequence
from typing import IO, Final

_CHUNK: Final = 1 << 16  # bytes: what a pipe holds
_STDERR_KEPT: Final = 4096  # bytes: its last ones
_POLL: Final = 0.005  # s between two looks at whether it has exited
_FORGOTTEN: Final = "an exit code that is unknown, since SIGCHLD is ignored"


class Process:
    """A running program.

    Args:
        argv: The program's path and its arguments.

    Attributes:
        deadline: When to stop waiting, as ``time.monotonic`` counts; set it before each step.

    Raises:
        OSError: It cannot be started, or the interpreter is at its exit: nobody would end it.
    """

    _is_at_exit = False

    def __init__(self, argv: Sequence[str]) -> None:
        if self._is_at_exit:  # a thread that nobody waits for saw its program killed
            raise OSError(errno.ECANCELED, os.strerror(errno.ECANCELED), argv[0])
        _heed_children()
        pipe = subprocess.PIPE
        self._child = subprocess.Popen(
            argv, bufsize=0, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
        )
        self.kill = weakref.finalize(self, _end, self._child)  # which runs once, called or not
        atexit.unregister(_refuse)
        atexit.register(_refuse)  # behind the first finalizer's, so it runs before them
        self._stdin, self._stdout, self._stderr = map(_not_blocking, _pipes(self._child))
        self._outgoing = memoryview(b"")
        self._incoming = bytearray()
        self._said = b""
        self._input_ends = False
        self._refused = False
        self._closed: set[int] = set()
        self.deadline = math.inf

    def send(self, data: bytes) -> None:
        """Queue bytes for its stdin; they go out while something is waited for."""
        if self._stdin not in self._closed:
            self._outgoing = memoryview(bytes(self._outgoing) + data)

    def end_input(self) -> None:
        """Close its stdin behind what is queued."""
        self._input_ends = True

    def peek(self, size: int) -> bytes:
        """The next bytes of its stdout, fewer only where it ends.

        Raises:
            TimeoutError: They had not come at the deadline.
        """
        self._fill(size)
        return self.peek_now(size)

    def peek_now(self, size: int) -> bytes:
        """Up to so many of the next bytes, as far as they are here."""
        return bytes(self._incoming[:size])

    def read(self, size: int) -> bytearray:
        """As :meth:`peek`, and they are taken: only what is behind them, a chunk, is copied."""
        self._fill(size)
        data, self._incoming = self._incoming, self._incoming[size:]
        del data[size:]
        return data

    def flush(self) -> None:
        """Wait until its stdin has taken what was sent.

        Raises:
            BrokenPipeError: It has closed its stdin before.
            TimeoutError: That had not happened at the deadline.
        """
        while self._outgoing:
            self._move(0)
        if self._refused:
            raise BrokenPipeError
        if self._input_ends:
            self._close_stdin()

    def last_words(self) -> str:
        """The end of what it wrote to stderr: up to three lines, joined."""
        self._drain_stderr()
        lines = self._said.decode(errors="replace").splitlines()
        return " | ".join([line.strip() for line in lines if line.strip()][-3:])

    def exit_status(self) -> str:
        """How it ended, ``exit code 3`` or ``signal 9 (SIGKILL)``; empty if it is still running.

        Waits for that until the deadline, and looks once behind it. The program stays a zombie
        until :meth:`kill`, so that the number of its process group is nobody else's.
        """
        try:
            while (found := _ended(self._child)) is None:
                if time.monotonic() >= self.deadline:
                    return ""
                self._drain_stderr()  # or it might wait for that
                time.sleep(_POLL)
        except ChildProcessError:
            return _FORGOTTEN
        if found.si_code == os.CLD_EXITED:
            return f"exit code {found.si_status}"
        with contextlib.suppress(ValueError):  # a real-time signal has no name
            return f"signal {found.si_status} ({signal.Signals(found.si_status).name})"
        return f"signal {found.si_status}"

    def _fill(self, wanted: int) -> None:
        """Wait until so many bytes are here, or its stdout has ended."""
        while len(self._incoming) < wanted and self._stdout not in self._closed:
            self._move(wanted)

    def _move(self, wanted: int) -> None:
        """Wait until one of the pipes is ready, and move what it takes or gives."""
        poll = select.poll()
        if self._stdin not in self._closed and self._outgoing:
            poll.register(self._stdin, select.POLLOUT)
        if self._stdout not in self._closed and len(self._incoming) < wanted:
            poll.register(self._stdout, select.POLLIN)
        if self._stderr not in self._closed:
            poll.register(self._stderr, select.POLLIN)
        if self._input_ends and not self._outgoing:
            self._close_stdin()
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        for descriptor, _ in poll.poll(None if math.isinf(left) else 1000 * left):
            if descriptor == self._stdin:
                self._give()
            elif descriptor == self._stderr:
                self._take_stderr()
            else:
                data = os.read(self._stdout, _CHUNK)
                self._incoming += data
                if not data:
                    self._closed.add(self._stdout)

    def _give(self) -> None:
        try:
            written = os.write(self._stdin, self._outgoing[:_CHUNK])
        except BrokenPipeError:  # why it reads no more, its stdout will tell, or its exit
            self._refused = True
            self._close_stdin()
        else:
            self._outgoing = self._outgoing[written:]

    def _drain_stderr(self) -> None:
        """Take what its pipe holds, once: it may be written faster than it is read."""
        if self._stderr not in self._closed and _ready(self._stderr):
            self._take_stderr()

    def _take_stderr(self) -> None:
        data = os.read(self._stderr, _CHUNK)
        self._said = (self._said + data)[-_STDERR_KEPT:]
        if not data:
            self._closed.add(self._stderr)

    def _close_stdin(self) -> None:
        if self._stdin not in self._closed:
            self._closed.add(self._stdin)
            _pipes(self._child)[0].close()
        self._outgoing = memoryview(b"")


def _pipes(child: subprocess.Popen[bytes]) -> list[IO[bytes]]:
    return [pipe for pipe in (child.stdin, child.stdout, child.stderr) if pipe is not None]


def _not_blocking(pipe: IO[bytes]) -> int:
    os.set_blocking(pipe.fileno(), False)
    return pipe.fileno()


def _ready(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def _heed_children() -> None:
    """Have ended children kept until they are waited for."""
    if (
        signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN
        and threading.current_thread() is threading.main_thread()
    ):
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def _ended(child: subprocess.Popen[bytes]) -> os.waitid_result | None:
    """How it ended, None while it runs; it is not reaped.

    Raises:
        ChildProcessError: The kernel has reaped it.
    """
    return os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)


def _refuse() -> None:
    """No program is started any more."""
    Process._is_at_exit = True  # noqa: SLF001 - it is ours


def _end(child: subprocess.Popen[bytes]) -> None:
    """Kill the process group, which is there as long as its leader is not reaped; reap that."""
    with contextlib.suppress(ChildProcessError, ProcessLookupError, PermissionError):
        _ended(child)  # raises where the kernel has reaped it: the group may be another's
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    for pipe in _pipes(child):
        pipe.close()
