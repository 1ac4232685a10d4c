"""The file that a capture is written into: valid after every write, even the one that fails.

Each write is one or more whole pcapng blocks. One that fails half way (disk full, quota,
file size limit) is cut off again, so the file ends where its last good write ended. It gets its
name when it has its head, so there is no moment at which it is empty.
Room for what is written after that, statistics and ``run.json``, is set aside at the start
in an unnamed file of the same file system, and given back when a write fails.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import pwd
import tempfile
from collections.abc import Callable
from pathlib import Path

from ..closing import Closing
from ..datasets.files import new_file_permissions
from ..errors import CaptureError

_RESERVE = 64 * 1024
_PART = 1 << 20  # bytes that are hashed at a time


class CaptureFile(Closing):
    """A new file for pcapng blocks.

    Args:
        path: Where.
        force: Overwrite what is there.
        head: Blocks that it begins with.

    Attributes:
        size: Bytes written.

    Raises:
        CaptureError: It exists, or cannot be made.
    """

    def __init__(self, path: Path, *, force: bool, head: bytes = b"") -> None:
        self.path = path
        self.size = 0
        self._reserve: int | None = None
        try:
            self._fd, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        except OSError as error:
            raise cannot_write(path, error) from error
        temporary = Path(name)
        try:
            os.fchmod(self._fd, new_file_permissions())
            self.write(head)
            self._reserve = _set_aside(path.parent)
            _name(temporary, path, force=force)
        except FileExistsError as error:
            self._abandon(temporary)
            raise CaptureError(
                f"{path} exists; name another file with -w, or overwrite it with --force"
            ) from error
        except OSError as error:
            self._abandon(temporary)
            raise cannot_write(path, error) from error

    def _abandon(self, temporary: Path) -> None:
        self.close()
        temporary.unlink(missing_ok=True)

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

    def sha256(self, skip: Callable[[], bool]) -> str | None:
        """SHA-256 of what was written, lower-case hexadecimal; wherever it was moved.

        Args:
            skip: Asked for each part: give up, and return None?
        """
        digest, at = hashlib.sha256(), 0
        while at < self.size:
            if skip():
                return None
            part = os.pread(self._fd, min(_PART, self.size - at), at)
            if not part:
                raise OSError(errno.EIO, f"it was cut off at {at} bytes", str(self.path))
            digest.update(part)
            at += len(part)
        return digest.hexdigest()

    def has_its_name(self) -> bool:
        """Whether the file of this name is this one."""
        try:
            return os.path.samestat(os.fstat(self._fd), self.path.stat())
        except OSError:
            return False

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
        advice = f" for {_name_of(uid)}"
        if uid == 0:
            advice += ", who has no capabilities here"
        with contextlib.suppress(OSError):
            owner = path.parent.stat().st_uid
            if owner != uid:
                advice += f", the folder belongs to {_name_of(owner)}"
        advice += "; choose another folder with -w, or another user with -Z"
    return CaptureError(f"{path}: cannot write there: {error.strerror}{advice}")


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _name(temporary: Path, path: Path, *, force: bool) -> None:
    """Give a file its name, at once.

    Raises:
        FileExistsError: It is another's.
        OSError: It cannot be done.
    """
    if force:
        if path.exists() and not path.is_file():  # root would replace /dev/null
            raise OSError(errno.EINVAL, "it is there, and no regular file")
        temporary.replace(path)
        return
    try:
        path.hardlink_to(temporary)
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}:
            raise
        if path.exists():  # a file system without links: somebody may be faster than we are
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None
        temporary.rename(path)
    else:
        temporary.unlink()


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
