"""Ask something that sleeps in poll(): from a signal handler or another thread."""

from __future__ import annotations

import os

from ..closing import Closing


class Stop(Closing):
    """A request to finish, with its reason, or to begin a new file.

    Attributes:
        reason: Why to finish, for example ``SIGINT``; None until somebody asks.
        asked: How often somebody asked to finish.
    """

    def __init__(self) -> None:
        self.reason: str | None = None
        self.asked = 0
        self._rotate = False
        self._fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def ask(self, reason: str) -> None:
        """Ask to finish; only the first reason counts."""
        self.asked += 1
        if self.reason is None:
            self.reason = reason
            os.eventfd_write(self._fd, 1)

    def ask_for_new_file(self) -> None:
        """Ask to end the file at hand and to go on in a new one."""
        os.eventfd_write(self._fd, 1)  # first: the flag says that there is something to read
        self._rotate = True

    def wants_new_file(self) -> bool:
        """Whether a new file was asked for since the last call."""
        wanted, self._rotate = self._rotate, False
        if wanted and self.reason is None:
            os.eventfd_read(self._fd)
            if self.reason is not None:  # asked while we read
                os.eventfd_write(self._fd, 1)
        return wanted

    def fileno(self) -> int:
        """A file descriptor that is readable once somebody has asked."""
        return self._fd

    def close(self) -> None:
        """Give the file descriptor back."""
        os.close(self._fd)
