"""Ask something that sleeps in poll() to finish: from a signal handler or another thread."""

from __future__ import annotations

import os

from ..closing import Closing


class Stop(Closing):
    """A request to finish, with its reason.

    Attributes:
        reason: Why, for example ``SIGINT``; None until somebody asks.
    """

    def __init__(self) -> None:
        self.reason: str | None = None
        self._fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def ask(self, reason: str) -> None:
        """Ask to finish; only the first reason counts."""
        if self.reason is None:
            self.reason = reason
            os.eventfd_write(self._fd, 1)

    def fileno(self) -> int:
        """A file descriptor that is readable once somebody has asked."""
        return self._fd

    def close(self) -> None:
        """Give the file descriptor back."""
        os.close(self._fd)
