"""A ``wtrec capture`` that runs, for the tests of what it does."""

from __future__ import annotations

import itertools
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from wtrec.datasets.run import Run
from wtrec.recorder.tun import MonitorTun

from .. import forked


class Capturing:
    """A running ``wtrec capture``, its files and what it said."""

    def __init__(
        self, path: Path, *arguments: str, ready: bool = True, interfaces: Sequence[str] = ("mon0",)
    ) -> None:
        self.path = path
        words = ["capture", *interfaces, "-w", path, *arguments]
        self.process = forked.popen(words, stderr=subprocess.PIPE, text=True)
        while ready and not path.with_suffix(".json").exists() and self.process.poll() is None:
            time.sleep(0.005)

    def send_paced(self, tun: MonitorTun, frames: Iterable[bytes]) -> None:
        """Send frames no faster than they reach the file, so that none needs to be dropped."""
        sent = 0
        iterator = iter(frames)
        while some := list(itertools.islice(iterator, 1000)):
            sent += sum(map(len, some))
            while sent - self.path.stat().st_size > 16 << 20 and self.process.poll() is None:
                time.sleep(0.001)
            tun.write_many(some)

    def wait_for_bytes(self, size: int) -> None:
        """Wait until the file has so many bytes."""
        while self.path.stat().st_size < size and self.process.poll() is None:
            time.sleep(0.005)

    def end(self, signal_number: int | None = None) -> int:
        """Let it end, or make it; its exit code."""
        if signal_number is not None:
            self.process.send_signal(signal_number)
        _, self.said = self.process.communicate(timeout=60)
        return self.process.returncode

    @property
    def run(self) -> Run:
        """Its ``run.json``."""
        return Run.load(self.path.with_suffix(".json"))


@contextmanager
def capturing(
    path: Path, *arguments: str, ready: bool = True, interfaces: Sequence[str] = ("mon0",)
) -> Iterator[Capturing]:
    """Start a capture; frames that are sent from now on are received, if it is ready."""
    running = Capturing(path, *arguments, ready=ready, interfaces=interfaces)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.wait()
        assert running.process.stderr is not None
        running.process.stderr.close()


@pytest.fixture(name="capturing")
def _capturing() -> Callable[..., AbstractContextManager[Capturing]]:
    """Starts captures, see :func:`capturing`."""
    return capturing
