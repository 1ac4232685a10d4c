"""A capture that is not recorded: in place of :class:`~.capture_files.CaptureFiles`."""

from __future__ import annotations

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

    def save(self, run: Run) -> None:
        """Keep the description for the summary."""
        self.run = run

    def close(self) -> None:
        """Nothing is held."""
