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

from ..errors import NO_ROOM

_MOST_CHARACTERS = 50  # of a file's name in that of its temporary one: 200 bytes
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
_STATUS = "/proc/thread-self/status"  # proc(5)
_UMASK_LOCK = threading.Lock()


@contextlib.contextmanager
def naming_full_disk(path: Path) -> Iterator[None]:
    """Whoever finds no room in the body says for what, which a write to a descriptor does not."""
    try:
        yield
    except OSError as error:
        if error.errno in NO_ROOM and error.filename is None:
            error.filename = str(path)
        raise


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file that takes the place of ``path`` when the body has written it.

    It is made durable first (fsync of the file, rename, fsync of the folder). A new file gets
    the permissions that ``open`` would give it, an old one keeps its own. Where there was no file
    at first, one that somebody makes meanwhile stays.

    Yields:
        The name to write to, in the same folder.

    Raises:
        OSError: It cannot be written, is no regular file, or was made meanwhile; ``path`` is as it
            was.
    """
    check_replaceable(path)
    is_new = not os.path.lexists(path)
    try:
        prefix = f".{path.name[:_MOST_CHARACTERS]}."  # with more, the name may be too long
        handle, name = tempfile.mkstemp(prefix=prefix, dir=path.parent)
    except OSError as error:  # name the file that was asked for
        raise OSError(error.errno, error.strerror, str(path)) from None
    temporary = Path(name)
    try:
        try:
            os.fchmod(handle, _permissions(path))
            with naming_full_disk(path):
                yield temporary
                os.fsync(handle)
        finally:
            os.close(handle)
        give_name(temporary, path, is_new=is_new)
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


def give_name(temporary: Path, path: Path, *, is_new: bool) -> None:
    """Rename a file, at once.

    Args:
        temporary: The file.
        path: Its name, in the same folder.
        is_new: Nobody else's file may have that name, not even one that was made just now.

    Raises:
        FileExistsError: It is another's.
        OSError: It cannot be done.
    """
    if not is_new:
        temporary.replace(path)
        return
    try:
        path.hardlink_to(temporary)
    except OSError as error:
        is_there = error.errno == errno.EEXIST
        if not is_there and error.errno not in _NO_LINKS:
            raise
        if is_there or os.path.lexists(path):  # without links, somebody may be faster than we are
            raise FileExistsError(errno.EEXIST, "made by another meanwhile", str(path)) from None
        temporary.rename(path)
    else:
        temporary.unlink()


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
