"""What a place must be able to do, so that a team can keep its datasets there.

Paths are relative to the place's root, with ``/`` between. Each kind of place is a module of its
own: :mod:`remote_folder`, :mod:`remote_sftp`, :mod:`remote_s3`, :mod:`remote_http`. All that they
share about datasets is in :mod:`store`; here are bytes alone.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Protocol, TypeVar

from ...errors import DatasetError, FormatError
from ..parts import open_regular

CHUNK = 1 << 20
Item = TypeVar("Item")
Result = TypeVar("Result")
OnBytes = Callable[[int], None]
Sink = Callable[[bytes], None]


class RemoteError(DatasetError):
    """A remote that cannot be reached, refuses, or breaks off; says what to do next."""


class Remote(Protocol):
    """A place that holds files.

    Every method raises ``OSError`` or :class:`RemoteError` where the place does not do it.
    """

    name: str
    """For messages; holds no secret."""
    workers: int
    """How many files are worth being on their way at the same time."""
    lists: bool
    """Whether it can say what is in a folder, and takes files."""

    def size(self, path: str) -> int | None:
        """Bytes of a regular file; None if there is none."""
        ...

    def read(self, path: str, sink: Sink, start: int = 0) -> None:
        """Give a file's bytes from ``start`` on to ``sink``, in order."""
        ...

    def names(self, folder: str) -> list[str]:
        """What is in a folder; nothing if there is none."""
        ...

    def send(self, source: Path, path: str, digest: str, on_bytes: OnBytes) -> None:
        """Put a file there, under its name when all of it is there.

        What broke off goes on if the place allows it: only bytes that travel are counted.

        Raises:
            DatasetError: The file is not what its SHA-256 says; there is nothing of it then.
        """
        ...

    def create(self, path: str, content: bytes) -> bool:
        """Make a small file at once, unless there is one: of two who try, one gets True."""
        ...

    def replace(self, path: str, content: bytes) -> None:
        """Make or replace a small file at once: readers see the old one or the new one."""
        ...

    def tidy(self, age_s: float) -> None:
        """Remove what pushes that broke off left, to which nobody has written for so long.

        By the clock of the place. Whoever goes on with such a file at that moment is told to run
        the command again.
        """
        ...

    def url(self, path: str) -> str:
        """Where a file is, for people and other programs."""
        ...

    def close(self) -> None:
        """End the connection."""
        ...


def read_bounded(remote: Remote, path: str, most: int) -> bytes | None:
    """The content of a file of at most ``most`` bytes; None if there is none.

    Raises:
        FormatError: It is larger.
    """
    where = f"{remote.name}/{path}"
    found = bytearray()

    def sink(chunk: bytes) -> None:
        found.extend(chunk)
        if len(found) > most:
            raise FormatError(f"more than {most:,} bytes, which it never needs", path=where)

    try:
        remote.read(path, sink)
    except FileNotFoundError:
        return None
    return bytes(found)


def digest_of(remote: Remote, path: str) -> str:
    """The SHA-256 of a file that is there, read from its beginning to its end."""
    found = hashlib.sha256()
    remote.read(path, found.update)
    return found.hexdigest()


def chunks_of(source: Path, digest: str) -> Iterator[bytes]:
    """The content of a regular file, which at its end must be what its SHA-256 says.

    Raises:
        DatasetError: It is not; all bytes have been given then.
    """
    found = hashlib.sha256()
    with os.fdopen(open_regular(source), "rb", buffering=0) as file:
        while chunk := file.read(CHUNK):
            found.update(chunk)
            yield chunk
    if found.hexdigest() != digest:
        raise not_it(str(source), found.hexdigest(), digest)


def blocks_of(source: Path, digest: str, size: int) -> Iterator[bytes]:
    """The same in blocks that begin at multiples of ``size``."""
    kept = bytearray()
    for chunk in chunks_of(source, digest):
        kept += chunk
        while len(kept) >= size:
            yield bytes(kept[:size])
            del kept[:size]
    if kept:
        yield bytes(kept)


def not_it(where: str, found: str, wanted: str) -> DatasetError:
    """The error for content that is other than its SHA-256 says."""
    return DatasetError(f"{where}: SHA-256 is {found[:16]}…, wanted {wanted[:16]}…")


def in_parallel(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    workers: int,
    ended: threading.Event | None = None,
) -> list[Result]:
    """The results of a function, in order.

    Args:
        function: What is done with an item.
        items: The items.
        workers: How many threads do it.
        ended: Is set on the first error: nothing is begun then, and what runs may look at it.
    """
    if workers == 1:
        return [function(item) for item in items]
    with ThreadPoolExecutor(workers) as pool:
        jobs = [pool.submit(function, item) for item in items]
        try:
            for job in as_completed(jobs):
                job.result()
            return [job.result() for job in jobs]
        except BaseException:
            if ended is not None:
                ended.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
