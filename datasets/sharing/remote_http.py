"""A web server as a remote to read from (fsspec's http, aiohttp).

What is there is said by ``catalogue.json``, since web servers do not list folders. A file goes on
where it broke off if the server takes ranges; from one that does not, it comes again, and the bytes
that are here are skipped. Proxies and ``~/.netrc`` are used as the environment says.

A password goes to the server that the URL names, and to no other to which it redirects; without
encryption, only to this machine.
"""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

from .remote import CHUNK, OnBytes, RemoteError, Sink
from .remote_loop import AGAIN, optional, waited

_NOT_THERE = {404, 410}
_PARTIAL = 206
_PORTS = {"http": 80, "https": 443}
_NO_METHOD = {405, 501}


class Http:
    """A folder on a web server.

    Args:
        url: Of the folder.
        user: For servers that ask for one.
        password: Of that user.

    Raises:
        RemoteError: The password would go over a network unencrypted.
    """

    workers = 4
    lists = False

    def __init__(self, url: str, *, user: str | None = None, password: str | None = None) -> None:
        self._aiohttp = optional("aiohttp")
        parts = urlsplit(url)
        self.name = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])).rstrip("/")
        timeout = self._aiohttp.ClientTimeout(total=None, sock_connect=20, sock_read=60)
        options: dict[str, Any] = {"timeout": timeout, "trust_env": True}
        if user and password:
            if parts.scheme == "http" and not _is_here(parts.hostname or ""):
                raise RemoteError(
                    f"{self.name}: no password goes over http, where others can read it: use https"
                )
            options["middlewares"] = (_signing(parts, user, password),)
        http = optional("fsspec.implementations.http")
        self._fs = http.HTTPFileSystem(client_kwargs=options, skip_instance_cache=True)

    def size(self, path: str) -> int | None:
        """See :class:`~.remote.Remote`."""
        found: int | None = self._done(self._size, path)
        return found

    def read(self, path: str, sink: Sink, start: int = 0) -> None:
        """See :class:`~.remote.Remote`."""
        self._done(self._read, path, sink, start)

    def names(self, folder: str) -> list[str]:
        """It cannot say."""
        self._refuse(folder)

    def send(self, source: Path, path: str, digest: str, on_bytes: OnBytes) -> None:
        """It takes none."""
        del source, digest, on_bytes
        self._refuse(path)

    def create(self, path: str, content: bytes) -> bool:
        """It takes none."""
        del content
        self._refuse(path)

    def replace(self, path: str, content: bytes) -> None:
        """It takes none."""
        del content
        self._refuse(path)

    def tidy(self, age_s: float) -> None:
        """Nobody pushes to a web server."""

    def url(self, path: str) -> str:
        """See :class:`~.remote.Remote`."""
        return f"{self.name}/{quote(path)}"

    def close(self) -> None:
        """See :class:`~.remote.Remote`."""
        self._done(self._close)

    def _refuse(self, path: str) -> NoReturn:
        raise RemoteError(f"{self.name}/{path}: a web server is read-only")

    def _done(self, function: Any, *words: Any) -> Any:
        """What a coroutine function makes; its errors as people understand them."""
        try:
            return waited(function, *words)
        except self._aiohttp.ClientResponseError as error:
            if error.status in _NOT_THERE:
                raise FileNotFoundError(2, error.message, self.name) from None
            hint = ": name the user in the URL, see docs/remotes.md" if error.status == 401 else ""
            raise RemoteError(f"{self.name}: {error.status} {error.message}{hint}") from None
        except (self._aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            said = " ".join(str(error).split())[:200] or type(error).__name__
            raise RemoteError(f"{self.name}: {said}: {AGAIN}") from None

    async def _close(self) -> None:
        await (await self._fs.set_session()).close()

    async def _size(self, path: str) -> int | None:
        session = await self._fs.set_session()
        plain = {"Accept-Encoding": "identity"}
        for method in ("HEAD", "GET"):
            async with session.request(
                method, self.url(path), headers=plain, allow_redirects=True
            ) as answer:
                if answer.status in _NOT_THERE:
                    return None
                if answer.status in _NO_METHOD and method == "HEAD":
                    continue
                answer.raise_for_status()
                if answer.content_length is None:
                    raise RemoteError(f"{self.url(path)}: the server does not say how large it is")
                return int(answer.content_length)
        return None

    async def _read(self, path: str, sink: Sink, start: int) -> None:
        session = await self._fs.set_session()
        words = {"Accept-Encoding": "identity"}
        if start:
            words["Range"] = f"bytes={start}-"
        async with session.get(self.url(path), headers=words) as answer:
            answer.raise_for_status()
            skip = start
            if start and answer.status == _PARTIAL:
                said = answer.headers.get("Content-Range", "")
                if not said.startswith(f"bytes {start}-"):
                    raise RemoteError(f"{self.url(path)}: asked for {start}-, it sent {said[:80]}")
                skip = 0
            async for chunk in answer.content.iter_chunked(CHUNK):
                if skip >= len(chunk):
                    skip -= len(chunk)
                    continue
                sink(chunk[skip:])
                skip = 0


def _signing(
    parts: SplitResult, user: str, password: str
) -> Callable[[Any, Callable[[Any], Awaitable[Any]]], Awaitable[Any]]:
    """What gives user and password (RFC 7617) to the server of a URL.

    That of a session would go to each server to which one redirects.
    """
    value = f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"
    server = parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme]

    async def sign(request: Any, send: Callable[[Any], Awaitable[Any]]) -> Any:
        if (request.url.scheme, request.url.host, request.url.port) == server:
            request.headers["Authorization"] = value
        return await send(request)

    return sign


def _is_here(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
