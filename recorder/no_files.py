"""A capture that is not recorded: in place of :class:`~.capture_files.CaptureFiles`."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ..closing import Closing
from ..datasets.run import Counters, Run


class NoFiles(Closing):
    """Takes blocks and forgets them; see ``CaptureFiles`` for its methods and attributes.

    Args:
        run: What is known of the run.
    """

    def __init__(self, run: Run) -> None:
        self.number = 1
        self.run = run
        self.failure: OSError | None = None
        self.flush_at = float("inf")
        self.path = Path("not recorded")
        self.size = 0
        self.notes: list[str] = []
        self._alarm = os.eventfd(0, os.EFD_CLOEXEC)

    def write(self, blocks: memoryview) -> None:
        """Count the bytes."""
        self.size += len(blocks)

    def flush_when_due(self, now: float) -> None:
        """There is nothing to make durable."""

    def next(self, trailer: bytes, *, start: int, counters: Counters) -> None:
        """Nothing is divided."""
        del trailer, start, counters
        self.number += 1

    def end(self, trailer: bytes) -> None:
        """There is no file to end."""

    def complete(self, run: Run, skip_hash: Callable[[], bool]) -> None:
        """Keep the description for the summary."""
        del skip_hash
        self.run = run

    def fileno(self) -> int:
        """A file descriptor that never is readable: nothing can fail."""
        return self._alarm

    def close(self) -> None:
        """Close that."""
        os.close(self._alarm)
