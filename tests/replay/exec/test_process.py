"""Bytes to and from programs that behave in every way."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from wtrec.replay.exec.process import Process

Start = Callable[[str], Process]


@pytest.fixture
def sh() -> Iterator[Start]:
    """``sh(script)``: it runs, with 20 s until its deadline; killed behind the test."""
    started = []

    def start(script: str) -> Process:
        process = Process(["/bin/sh", "-c", script])
        process.deadline = time.monotonic() + 20
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()


@pytest.fixture
def children_ignored() -> Iterator[None]:
    """SIGCHLD is ignored, as a program's parent may leave it."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGCHLD, before)


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not Path(f"/proc/{pid}/stat").read_text().split(")")[1].startswith(" Z")


class TestBytes:
    """What goes in and out."""

    def test_both_ways_at_once(self, sh: Start) -> None:
        """More than all pipes hold goes through a program that gives back at once."""
        process = sh("cat")
        data = os.urandom(1 << 20) * 20
        process.send(data)
        assert process.read(len(data)) == data
        process.flush()

    def test_the_end(self, sh: Start) -> None:
        """Its input ends behind what was sent; its output may be shorter than wanted."""
        process = sh("wc -c")
        process.send(b"abc")
        process.send(b"def")
        process.end_input()
        assert process.read(100).split() == [b"6"]
        assert process.read(100) == b""
        assert process.exit_status() == "exit code 0"

    def test_peek(self, sh: Start) -> None:
        """What is looked at is not taken."""
        process = sh("printf abcdef")
        assert process.peek(3) == b"abc"
        assert process.peek_now(100) == b"abcdef"
        assert process.read(4) == b"abcd"
        assert process.read(4) == b"ef"

    def test_stderr(self, sh: Start) -> None:
        """A flood of it blocks nothing; the last lines are kept, within bounds."""
        process = sh("yes oh no | head -c 6000000 >&2; echo ' last ' >&2; printf x")
        assert process.read(1) == b"x"
        assert process.last_words() == "oh no | oh no | last"
        assert sh("printf x; head -c 1000000 /dev/zero >&2").read(2) == b"x"
        late = sh("exec >&-; head -c 1000000 /dev/zero >&2; exit 4")
        assert late.read(1) == b""
        assert late.exit_status() == "exit code 4"

    def test_stderr_without_end(self, sh: Start) -> None:
        """The last words of a program that does not stop are those of now."""
        process = sh("printf x; exec yes >&2")
        assert process.read(1) == b"x"
        assert set(process.last_words()) <= set("y| ")

    def test_a_reader_that_does_not_read(self, sh: Start) -> None:
        """Once it has closed its stdin, what is sent is dropped, and that is said."""
        process = sh("exec <&-; printf x; exec sleep 100")
        for _ in range(2):
            process.send(bytes(1 << 20))
            with pytest.raises(BrokenPipeError):
                process.flush()
        assert process.read(1) == b"x"

    @pytest.mark.parametrize("step", ["read", "flush", "exit"])
    def test_deadline(self, sh: Start, step: str) -> None:
        """Nothing is waited for beyond it."""
        process = sh("exec sleep 100")
        process.deadline = time.monotonic() + 0.05
        process.send(bytes(1 << 20))
        if step == "exit":
            assert process.exit_status() == ""
        else:
            with pytest.raises(TimeoutError):
                process.read(1) if step == "read" else process.flush()
        assert time.monotonic() < process.deadline + 5

    def test_a_flood_is_not_taken(self, sh: Start) -> None:
        """What is not wanted stays in the pipe."""
        process = sh("exec yes")
        process.send(bytes(1 << 20))
        assert process.read(2) == b"y\n"
        process.deadline = time.monotonic() + 0.05
        with pytest.raises(TimeoutError):
            process.flush()
        assert len(process.peek_now(1 << 30)) <= 1 << 16

    def test_much_is_taken_without_a_copy(self, sh: Start) -> None:
        """What is read at once takes its size in memory, and not twice."""
        size = 32 << 20
        process = sh(f"head -c {size + 3} /dev/zero")
        tracemalloc.start()
        try:
            assert len(process.read(size)) == size
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 1.5 * size
        assert process.read(100) == bytes(3)


class TestEnd:
    """How programs end, and that nothing of them stays."""

    @pytest.mark.parametrize(
        ("script", "status"),
        [
            ("exit 0", "exit code 0"),
            ("exit 3", "exit code 3"),
            ("kill -9 $$", "signal 9 (SIGKILL)"),
            ("kill -40 $$", "signal 40"),
        ],
    )
    def test_status(self, sh: Start, script: str, status: str) -> None:
        """In words."""
        assert sh(script).exit_status() == status

    @pytest.mark.parametrize("script", ["sleep 100 & echo $!; wait", "sleep 100 & echo $!"])
    def test_kill_ends_its_children(self, sh: Start, script: str) -> None:
        """Those that outlive their parent, too; once is enough."""
        process = sh(script)
        line = b""
        while not line.endswith(b"\n"):
            line += process.read(1)
        child = int(line)
        assert _alive(child)
        process.kill()
        process.kill()
        end = time.monotonic() + 10
        while _alive(child) and time.monotonic() < end:
            time.sleep(0.01)
        assert not _alive(child)

    def test_status_where_children_are_ignored(self, sh: Start, children_ignored: None) -> None:
        """It is known all the same."""
        del children_ignored
        assert sh("exit 3").exit_status() == "exit code 3"

    def test_a_reaped_program(
        self, children_ignored: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A thread cannot have children kept: the status is unknown, and no group is killed."""
        del children_ignored
        groups: list[int] = []
        monkeypatch.setattr("os.killpg", lambda group, _: groups.append(group))
        started: list[Process] = []
        thread = threading.Thread(target=lambda: started.append(Process(["/bin/true"])))
        thread.start()
        thread.join()
        (process,) = started
        process.deadline = time.monotonic() + 20
        wanted = "an exit code that is unknown, since SIGCHLD is ignored"
        assert process.exit_status() == wanted
        process.kill()
        assert groups == []

    def test_nothing_is_left(self) -> None:
        """Two hundred starts leave neither descriptor nor zombie, killed or forgotten."""
        descriptors = _descriptors()
        for i in range(200):
            process = Process(["/bin/cat"])
            if i % 2:
                process.kill()
            del process
        gc.collect()
        assert _descriptors() == descriptors

    def test_not_startable(self) -> None:
        """The error is the system's, and nothing stays open."""
        descriptors = _descriptors()
        with pytest.raises(FileNotFoundError):
            Process(["/no/such/program"])
        assert _descriptors() == descriptors

    def test_the_interpreter_takes_it_along(self) -> None:
        """At exit, also by an error, a program that was not killed is."""
        code = (
            "from wtrec.replay.exec.process import Process\n"
            "process = Process(['/bin/sleep', '100'])\n"
            "print(process._child.pid)\n"
            "raise KeyboardInterrupt"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False
        )
        assert "KeyboardInterrupt" in done.stderr
        assert not _alive(int(done.stdout))


def test_none_is_started_at_the_exit(tmp_path: Path) -> None:
    """A thread that nobody waits for may see its program killed, and starts no other one."""
    program, script = tmp_path / "program", tmp_path / "script.py"
    program.write_text("#!/bin/sh\nwhile sleep 1; do :; done\n")
    program.chmod(0o755)
    script.write_text(
        "import atexit, threading, time\n"
        "atexit.register(time.sleep, 0.5)  # the exit takes its time, behind the finalizers\n"
        "from wtrec.replay.exec.process import Process\n"
        "begun, processes = threading.Event(), []\n"
        "def work():\n"
        "    while True:\n"
        f"        processes.append(Process([{str(program)!r}]))\n"
        "        begun.set()\n"
        "        processes[-1]._child.wait()\n"
        "        time.sleep(0.2)\n"
        "threading.excepthook = lambda _: None\n"
        "threading.Thread(target=work, daemon=True).start()\n"
        "begun.wait()\n"
    )
    subprocess.run([sys.executable, script], check=True, timeout=60)
    left = subprocess.run(["pgrep", "-f", program], check=False, capture_output=True, text=True)
    assert not left.stdout
