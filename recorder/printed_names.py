"""The names of complete files, one a line, for a program that goes on with them.

A reader that is slow, or gone, costs its names and never the capture: nothing here waits, and what
was not printed is counted.
"""

from __future__ import annotations

import errno
import os
import select
import stat
from pathlib import Path

from ..closing import Closing
from ..errors import CaptureError
from .capture_file import cannot_write

_STANDARD = {"-": 1, "stdout": 1, "stderr": 2}


class PrintedNames(Closing):
    """Where names are printed.

    Args:
        target: A file, or ``-``, ``stdout``, ``stderr``.

    Attributes:
        missing: Names that could not be printed.

    Raises:
        CaptureError: It cannot be written, or is a pipe that nobody reads.
    """

    def __init__(self, target: str) -> None:
        self.missing = 0
        self._target = target
        self._reason = "nobody read them in time"
        self._ours = target not in _STANDARD
        if not self._ours:
            self._fd = _STANDARD[target]
            return
        path = Path(target)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NONBLOCK
        try:
            self._fd = os.open(path, flags, 0o666)
        except OSError as error:
            if error.errno == errno.ENXIO and stat.S_ISFIFO(path.stat().st_mode):
                raise CaptureError(
                    f"{path}: nobody reads this pipe; start its reader before the capture"
                ) from error
            raise cannot_write(path, error) from error

    @property
    def note(self) -> str | None:
        """What is to be said in the end."""
        if not self.missing:
            return None
        return f"{self.missing} names were not printed to {self._target}: {self._reason}"

    def print(self, path: Path) -> None:
        """Print a name, if that is possible at once."""
        line = os.fsencode(path) + b"\n"
        waiting = select.poll()
        waiting.register(self._fd, select.POLLOUT)  # of a pipe: there is room for a whole line
        try:
            ready = waiting.poll(0)
            if ready and os.write(self._fd, line) == len(line):
                return
        except OSError as error:
            self._reason = error.strerror or str(error)
        self.missing += 1

    def close(self) -> None:
        """Close it, if it is not a standard stream."""
        if self._ours:
            os.close(self._fd)
