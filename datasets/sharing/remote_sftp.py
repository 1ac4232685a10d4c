"""A folder of another machine as a remote, by SSH File Transfer Protocol, version 3 (asyncssh).

```text
incoming/SHA256.PUSHER  an object on its way; PUSHER is one dataset of one user on one machine
```

What ``ssh`` would do is done: ``~/.ssh/config`` (jump hosts, too), ssh-agent, keys without a
passphrase, ``known_hosts``. A host whose key is not known is refused. fsspec's own ``sftp`` and
``sshfs`` trust any host key, so this one speaks to asyncssh itself.

A file that broke off goes on behind the last chunk that was acknowledged, if the chunk before it is
what it should be. A name that must be new is given by ``SSH_FXP_RENAME``, which fails if there is
such a file (draft-ietf-secsh-filexfer-02, 6.5; OpenSSH makes a link); one that replaces another by
``posix-rename@openssh.com``.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import posixpath
import secrets
import socket
import stat
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from ...errors import DatasetError
from .remote import OnBytes, RemoteError, Sink, blocks_of
from .remote_loop import AGAIN, optional, waited

Result = TypeVar("Result")
_INCOMING = "incoming"


class Sftp:
    """A folder behind SSH.

    Args:
        host: Its name, also one that only ``~/.ssh/config`` knows.
        folder: Path; one that begins with ``/~/`` is in the home.
        user: User there; none: as ssh does it.
        port: Port; none: as ssh does it.
        password: For servers that take no key.

    Raises:
        RemoteError: No connection, or no such folder.
    """

    workers = 4
    lists = True
    chunk = 1 << 20
    """Bytes that are acknowledged together: no more travels again after a break."""

    def __init__(
        self,
        host: str,
        folder: str,
        *,
        user: str | None = None,
        port: int | None = None,
        password: str | None = None,
    ) -> None:
        self._ssh = optional("asyncssh")
        self._host = host
        self._folder = folder.removeprefix("/~/")
        self._made: set[str] = set()
        self.name = f"sftp://{host}{f':{port}' if port else ''}{folder}".rstrip("/")
        options: dict[str, Any] = {"keepalive_interval": 15, "connect_timeout": 30}
        if user:
            options["username"] = user
        if port:
            options["port"] = port
        if password:
            options["password"] = password
        self._connection, self._sftp = self._done(self._connect, options)
        if not self._done(self._is_folder, self._folder):
            self.close()
            raise RemoteError(f"{self.name} is not there: make it on {host}, or check its path")

    def size(self, path: str) -> int | None:
        """See :class:`~.remote.Remote`."""
        return self._done(self._size, self._at(path))

    def read(self, path: str, sink: Sink, start: int = 0) -> None:
        """See :class:`~.remote.Remote`."""
        self._done(self._read, path, sink, start)

    def names(self, folder: str) -> list[str]:
        """See :class:`~.remote.Remote`."""
        return self._done(self._names, folder)

    def send(self, source: Path, path: str, digest: str, on_bytes: OnBytes) -> None:
        """See :class:`~.remote.Remote`."""
        self._done(self._send, source, path, digest, on_bytes)

    def create(self, path: str, content: bytes) -> bool:
        """See :class:`~.remote.Remote`."""
        return self._done(self._create, path, content)

    def replace(self, path: str, content: bytes) -> None:
        """See :class:`~.remote.Remote`."""
        self._done(self._replace, path, content)

    def tidy(self, age_s: float) -> None:
        """See :class:`~.remote.Remote`."""
        with contextlib.suppress(OSError, RemoteError):
            self._done(self._tidy, age_s)

    def url(self, path: str) -> str:
        """See :class:`~.remote.Remote`."""
        return f"{self.name}/{quote(path)}"

    def close(self) -> None:
        """See :class:`~.remote.Remote`."""
        self._connection.abort()

    def _at(self, path: str) -> str:
        return posixpath.join(self._folder, path)

    def _done(self, function: Callable[..., Coroutine[Any, Any, Result]], *words: Any) -> Result:
        """What a coroutine function makes; its errors as people understand them."""
        ssh = self._ssh
        try:
            return waited(function, *words)
        except ssh.HostKeyNotVerifiable as error:
            raise RemoteError(
                f"{self.name}: the key of this host is not in known_hosts, or another one "
                f"({error.reason}): connect once with ssh, compare the fingerprint, try again"
            ) from None
        except ssh.PermissionDenied as error:
            raise RemoteError(
                f"{self.name}: the server takes no key of yours ({error.reason}): ssh-add it, or "
                "see what ssh -v says"
            ) from None
        except ssh.SFTPNoSuchFile as error:
            raise FileNotFoundError(2, error.reason, self.name) from None
        except ssh.SFTPPermissionDenied as error:
            raise RemoteError(
                f"{self.name}: {error.reason}: the folder must be writable for you"
            ) from None
        except (ssh.SFTPConnectionLost, ssh.SFTPNoConnection) as error:
            raise RemoteError(f"{self.name}: connection lost ({error.reason}): {AGAIN}") from None
        except ssh.SFTPError as error:
            raise RemoteError(f"{self.name}: {error.reason}{self._room()}") from None
        except (ssh.Error, ssh.KeyImportError) as error:
            raise RemoteError(f"{self.name}: {error}: {AGAIN}") from None
        except ConnectionError as error:
            raise RemoteError(f"{self.name}: {error.strerror or error}: {AGAIN}") from None
        except (socket.gaierror, TimeoutError) as error:
            raise RemoteError(f"{self.name}: cannot be reached ({error})") from None

    def _room(self) -> str:
        """Servers say "Failure" when their disk is full: whether it is."""
        with contextlib.suppress(Exception):
            found = waited(self._sftp.statvfs, self._folder)
            free = found.bavail * found.frsize
            if free < 2 * self.chunk:
                return f": {free:,} bytes are free there: make room and run the command again"
        return ""

    async def _connect(self, options: dict[str, Any]) -> tuple[Any, Any]:
        connection = await self._ssh.connect(self._host, **options)
        try:
            return connection, await connection.start_sftp_client()
        except BaseException:
            connection.abort()
            raise

    async def _is_folder(self, path: str) -> bool:
        return bool(await self._sftp.isdir(path))

    async def _size(self, path: str) -> int | None:
        try:
            found = await self._sftp.lstat(path)
        except self._ssh.SFTPNoSuchFile:
            return None
        return int(found.size) if stat.S_ISREG(found.permissions) else None

    async def _read(self, path: str, sink: Sink, start: int) -> None:
        async with self._sftp.open(self._at(path), "rb") as file:
            while chunk := await file.read(self.chunk, start):
                sink(chunk)
                start += len(chunk)

    async def _names(self, folder: str) -> list[str]:
        try:
            found = await self._sftp.listdir(self._at(folder))
        except self._ssh.SFTPNoSuchFile:
            return []
        return sorted(name for name in found if name not in {".", ".."})

    async def _send(self, source: Path, path: str, digest: str, on_bytes: OnBytes) -> None:
        await self._folder_of(path)
        name = f"{_INCOMING}/{digest}.{_pusher(source)}"
        await self._folder_of(name)
        partial = self._at(name)
        start = await self._resume(partial, source)
        at = 0
        # What goes on must be there still: one that was tidied away would begin with a hole.
        flags = self._ssh.FXF_WRITE | (0 if start else self._ssh.FXF_CREAT)
        async with self._sftp.open(partial, flags, encoding=None) as file:
            try:
                for block in blocks_of(source, digest, self.chunk):
                    if at >= start:
                        await file.write(block, at)
                        on_bytes(len(block))
                    at += len(block)
            except DatasetError:  # it has changed: nothing may go on with what is there
                await self._sftp.remove(partial)
                raise
            await self._truncate(file, at)
            with contextlib.suppress(self._ssh.SFTPOpUnsupported):
                await file.fsync()
        if await self._size(partial) != at:
            raise RemoteError(f"{self.name}: {name} did not arrive whole: {AGAIN}")
        await self._give_permissions(partial)
        await self._sftp.posix_rename(partial, self._at(path))

    async def _truncate(self, file: Any, size: int) -> None:
        if (await file.stat()).size > size:
            await file.truncate(size)

    async def _resume(self, partial: str, source: Path) -> int:
        """Where to go on: whole chunks are there, the last of which is what it should be."""
        have = min(await self._size(partial) or 0, os.stat(source).st_size)  # noqa: PTH116
        start = max(0, have - 1) // self.chunk * self.chunk  # the last one may have holes
        if start:
            async with self._sftp.open(partial, "rb") as file:
                there = await file.read(self.chunk, start - self.chunk)
            if _piece(source, start - self.chunk, self.chunk) != there:
                return 0
        return start

    async def _tidy(self, age_s: float) -> None:
        new = await self._temporary(_INCOMING, b"")
        oldest = (await self._sftp.lstat(new)).mtime - age_s
        await self._sftp.remove(new)
        for entry in await self._sftp.readdir(self._at(_INCOMING)):
            if stat.S_ISREG(entry.attrs.permissions) and entry.attrs.mtime < oldest:
                with contextlib.suppress(self._ssh.SFTPError):  # somebody else's, or gone
                    await self._sftp.remove(self._at(f"{_INCOMING}/{entry.filename}"))

    async def _create(self, path: str, content: bytes) -> bool:
        temporary = await self._temporary(path, content)
        try:
            await self._sftp.rename(temporary, self._at(path))
        except (self._ssh.SFTPFailure, self._ssh.SFTPFileAlreadyExists):
            if await self._size(self._at(path)) is None:
                raise
            await self._sftp.remove(temporary)
            return False
        return True

    async def _replace(self, path: str, content: bytes) -> None:
        await self._sftp.posix_rename(await self._temporary(path, content), self._at(path))

    async def _temporary(self, path: str, content: bytes) -> str:
        await self._folder_of(path)
        name = f"{_INCOMING}/{secrets.token_hex(8)}"
        await self._folder_of(name)
        async with self._sftp.open(self._at(name), "wb") as file:
            await file.write(content, 0)
            with contextlib.suppress(self._ssh.SFTPOpUnsupported):
                await file.fsync()
        await self._give_permissions(self._at(name))
        return self._at(name)

    async def _give_permissions(self, path: str) -> None:
        """Those of the root but for execution, whatever the umask there."""
        mode = (await self._sftp.stat(self._folder)).permissions & 0o666
        with contextlib.suppress(self._ssh.SFTPError):
            await self._sftp.chmod(path, mode)

    async def _folder_of(self, path: str) -> None:
        """Make the folders of a file, with the permissions of those that they are in."""
        above = self._folder
        for part in path.split("/")[:-1]:
            folder = posixpath.join(above, part)
            if folder not in self._made:
                try:
                    await self._sftp.mkdir(folder)
                except (self._ssh.SFTPFailure, self._ssh.SFTPFileAlreadyExists):
                    if not await self._sftp.isdir(folder):
                        raise
                else:
                    mode = (await self._sftp.stat(above)).permissions & 0o7777
                    with contextlib.suppress(self._ssh.SFTPError):
                        await self._sftp.chmod(folder, mode)
                self._made.add(folder)
            above = folder


def _piece(source: Path, start: int, size: int) -> bytes:
    with source.open("rb") as file:
        file.seek(start)
        return file.read(size)


def _pusher(source: Path) -> str:
    """The same for the same file of the same user, so that two pushers never share a file."""
    said = f"{socket.gethostname()}\0{os.getuid()}\0{source.resolve()}"
    return hashlib.sha256(said.encode(errors="surrogateescape")).hexdigest()[:16]
