"""Writing files so that a crash leaves the old one or the new one, never half of one."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

_STATUS = "/proc/thread-self/status"  # proc(5)
_UMASK_LOCK = threading.Lock()


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file that takes the place of ``path`` when the body has written it.

    It is made durable first (fsync of the file, rename, fsync of the folder). A new file gets
    the permissions that ``open`` would give it, an old one keeps its own.

    Yields:
        The name to write to, in the same folder.

    Raises:
        OSError: It cannot be written, or is no regular file; ``path`` is as it was.
    """
    check_replaceable(path)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:  # name the file that was asked for
        raise OSError(error.errno, error.strerror, str(path)) from None
    temporary = Path(name)
    try:
        try:
            os.fchmod(handle, _permissions(path))
            yield temporary
            os.fsync(handle)
        finally:
            os.close(handle)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def check_replaceable(path: Path) -> None:
    """Refuse what is there and no regular file: root would replace /dev/null.

    Raises:
        OSError: It is none.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "not a regular file, which could be replaced", str(path))


def atomic_write(path: Path, content: bytes) -> None:
    """Replace ``path`` by ``content``, see :func:`replacing`."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def sync_folder(folder: Path) -> None:
    """Make names that were created or renamed in ``folder`` durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content, lower-case hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _permissions(path: Path) -> int:
    try:
        return path.stat().st_mode & 0o7777
    except FileNotFoundError:
        return new_file_permissions()


def new_file_permissions() -> int:
    """The permissions that ``open`` gives to a new file."""
    return 0o666 & ~_umask()


def _umask() -> int:
    """The mask of the process: read, because to set it for a moment is a race of threads.

    Without /proc, it is set all the same, by one of ours at a time.
    """
    try:
        status = Path(_STATUS).read_bytes()
    except OSError:
        status = b""
    if found := re.search(rb"^Umask:\s*([0-7]+)$", status, re.MULTILINE):
        return int(found[1], 8)
    with _UMASK_LOCK:
        umask = os.umask(0o077)  # what others make meanwhile is theirs alone
        os.umask(umask)
        return umask
