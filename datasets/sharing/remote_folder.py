"""A folder as a remote: a disk, or an NFS mount.

Files get their names by rename, and those that must be new by a hard link, which fails if there is
one already; both after fsync. Folders made in it have the permissions of the root, and files those
but for execution, whatever the umask of who makes them: a team whose root is group-writable
(``chmod 2775``) can go on in what one of them made.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ..files import sync_folder
from ..parts import open_regular
from .remote import CHUNK, OnBytes, Sink, chunks_of

_TEMPORARY = "."  # what names of files begin with that are on their way


class Folder:
    """A folder, which must exist.

    Args:
        path: The folder.
    """

    workers = 1
    lists = True

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path)

    def size(self, path: str) -> int | None:
        """See :class:`~.remote.Remote`."""
        try:
            status = (self.path / path).lstat()
        except FileNotFoundError:
            return None
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    def read(self, path: str, sink: Sink, start: int = 0) -> None:
        """See :class:`~.remote.Remote`."""
        with os.fdopen(open_regular(self.path / path), "rb", buffering=0) as file:
            file.seek(start)
            while chunk := file.read(CHUNK):
                sink(chunk)

    def names(self, folder: str) -> list[str]:
        """See :class:`~.remote.Remote`."""
        try:
            return sorted(each.name for each in (self.path / folder).iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []

    def send(self, source: Path, path: str, digest: str, on_bytes: OnBytes) -> None:
        """See :class:`~.remote.Remote`."""
        target = self._place(path)
        with self._arriving(target) as temporary, temporary.open("r+b", buffering=0) as out:
            for chunk in chunks_of(source, digest):
                view = memoryview(chunk)
                while view:
                    view = view[out.write(view) :]
                on_bytes(len(chunk))

    def create(self, path: str, content: bytes) -> bool:
        """See :class:`~.remote.Remote`."""
        target = self._place(path)
        try:
            with self._arriving(target, replace=False) as temporary:
                temporary.write_bytes(content)
        except FileExistsError:
            return False
        return True

    def replace(self, path: str, content: bytes) -> None:
        """See :class:`~.remote.Remote`."""
        with self._arriving(self._place(path)) as temporary:
            temporary.write_bytes(content)

    def tidy(self, age_s: float) -> None:
        """See :class:`~.remote.Remote`."""
        with contextlib.suppress(OSError):
            with tempfile.TemporaryFile(dir=self.path) as new:
                oldest = os.fstat(new.fileno()).st_mtime - age_s
            for path in (self.path / "objects").glob(f"*/{_TEMPORARY}*"):
                with contextlib.suppress(OSError):  # somebody else's, or gone
                    status = path.lstat()
                    if stat.S_ISREG(status.st_mode) and status.st_mtime < oldest:
                        path.unlink()

    def url(self, path: str) -> str:
        """See :class:`~.remote.Remote`."""
        return (self.path.absolute() / path).as_uri()

    def close(self) -> None:
        """There is no connection."""

    def _place(self, path: str) -> Path:
        target = self.path / path
        folder = self.path
        for part in Path(path).parent.parts:
            folder, above = folder / part, folder
            try:
                folder.mkdir()
            except FileExistsError:
                continue
            with contextlib.suppress(PermissionError, FileNotFoundError):
                folder.chmod(above.stat().st_mode & 0o7777)
            sync_folder(above)
        return target

    @contextlib.contextmanager
    def _arriving(self, path: Path, *, replace: bool = True) -> Iterator[Path]:
        """A temporary file that gets its name when it is written; without ``replace``, if free."""
        handle, name = tempfile.mkstemp(prefix=f"{_TEMPORARY}{path.name[:40]}.", dir=path.parent)
        temporary = Path(name)
        try:
            os.fchmod(handle, self.path.stat().st_mode & 0o666)
            yield temporary
            os.fsync(handle)
            if replace:
                temporary.replace(path)
            else:
                path.hardlink_to(temporary)
        finally:
            os.close(handle)
            temporary.unlink(missing_ok=True)
        sync_folder(path.parent)
