"""The file that a capture is written into: valid after every write, even the one that fails.

Each write is one or more whole pcapng blocks. One that fails half way (disk full, quota,
file size limit) is cut off again, so the file ends where its last good write ended.
Room for what is written after that, statistics and ``run.json``, is set aside at the start
in an unnamed file of the same file system, and given back when a write fails.
"""

from __future__ import annotations

import errno
import os
import pwd
from pathlib import Path

from ..closing import Closing
from ..errors import CaptureError

_RESERVE = 64 * 1024


class CaptureFile(Closing):
    """A new file for pcapng blocks.

    Args:
        path: Where.
        force: Overwrite what is there.

    Attributes:
        size: Bytes written.

    Raises:
        CaptureError: It exists, or cannot be made.
    """

    def __init__(self, path: Path, *, force: bool) -> None:
        self.path = path
        self.size = 0
        self._reserve: int | None = None
        exists = os.O_TRUNC if force else os.O_EXCL
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | exists, 0o666)
        except FileExistsError as error:
            raise CaptureError(
                f"{path} exists; name another file with -w, or overwrite it with --force"
            ) from error
        except OSError as error:
            raise cannot_write(path, error) from error
        try:
            self._reserve = _set_aside(path.parent)
        except OSError as error:
            self.discard()
            raise cannot_write(path, error) from error

    def write(self, blocks: bytes | memoryview) -> None:
        """Append whole blocks.

        Raises:
            OSError: They could not be written; the file is as it was.
        """
        left = memoryview(blocks)
        try:
            while left:
                left = left[os.write(self._fd, left) :]
        except OSError:
            os.ftruncate(self._fd, self.size)
            os.lseek(self._fd, self.size, os.SEEK_SET)
            self.give_back_reserve()
            raise
        self.size += len(blocks)

    def flush(self) -> None:
        """Make what was written durable; not when the file was last changed."""
        os.fdatasync(self._fd)

    def sync(self) -> None:
        """Make what was written durable."""
        os.fsync(self._fd)

    def discard(self) -> None:
        """Close and delete it."""
        self.close()
        self.path.unlink()

    def close(self) -> None:
        """Close it."""
        self.give_back_reserve()
        os.close(self._fd)

    def give_back_reserve(self) -> None:
        """Free the room that was set aside: nothing else will be written."""
        if self._reserve is not None:
            os.close(self._reserve)
            self._reserve = None


def cannot_write(path: Path, error: OSError) -> CaptureError:
    """Why there is no file, and what to do: rights are those of the user that we have become."""
    advice = ""
    if error.errno == errno.EACCES:
        uid = os.geteuid()
        try:
            name = pwd.getpwuid(uid).pw_name
        except KeyError:
            name = str(uid)
        advice = f" for {name}; choose another folder with -w, or another user with -Z"
    return CaptureError(f"{path}: cannot write there: {error.strerror}{advice}")


def _set_aside(folder: Path) -> int | None:
    """Hold some disk space in a file without a name; None where the file system has no such files.

    Raises:
        OSError: There is not even that much space.
    """
    try:
        reserve = os.open(folder, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except OSError:
        return None
    try:
        os.posix_fallocate(reserve, 0, _RESERVE)
    except OSError as error:
        os.close(reserve)
        if error.errno in {errno.EOPNOTSUPP, errno.EINVAL}:
            return None
        raise
    return reserve
