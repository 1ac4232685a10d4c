"""What a team keeps at a remote: datasets, and how one is published.

```text
objects/ab/ab12...      the content of a file, under its SHA-256
datasets/NAME/VERSION   the files of a dataset: <64 hex digits>  PATH, a line each
index.html              the catalogue, for people; catalogue.json: the same for programs
```

A file that several datasets share is there once. Objects come first, whole and on the disk, and the
list last, by what the remote does at once and only if there is none: so a dataset is there
completely or not at all, it never changes, and of two who push at once one is told. What was pushed
before something broke stays, and is not moved again.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ...errors import DatasetError
from . import catalogue
from .bag import MANIFEST, MOST_LISTED, TAG_MANIFEST, parse_manifest
from .names import check_name, clashes, is_name, is_version
from .remote import OnBytes, Remote, RemoteError, digest_of, in_parallel, read_bounded
from .verify import verify

LEFT_S = 7 * 86_400
"""Seconds after which what a push left that broke off is removed by another."""
_MOST_TRIES = 6
_PAUSE_S = 0.2


class Store:
    """The datasets at a remote.

    Args:
        remote: The place.
    """

    def __init__(self, remote: Remote) -> None:
        self.remote = remote

    def names(self) -> list[str]:
        """The names of all datasets."""
        return [name for name in self.remote.names("datasets") if is_name(name)]

    def versions(self, name: str) -> list[str]:
        """The versions of a dataset that there are, the oldest number first."""
        refuse_name(name)
        if self.remote.lists:
            found = self.remote.names(f"datasets/{name}")
        else:
            entries = catalogue.read(self.remote)
            found = [each.version for each in entries if each.name == name]
        return sorted((each for each in found if is_version(each)), key=number)

    def listing(self, name: str, version: str) -> bytes | None:
        """The list of a dataset, as it is there; None if there is none."""
        refuse_name(name)
        refuse_name(version)
        return read_bounded(self.remote, f"datasets/{name}/{version}", MOST_LISTED)

    def push(
        self,
        dataset: Path,
        *,
        check: bool = False,
        on_start: Callable[[int], None] = lambda _: None,
        on_bytes: OnBytes = lambda _: None,
    ) -> int:
        """Publish a dataset, after it was verified.

        Args:
            dataset: Its folder.
            check: Read back what is there, and what was sent, and send again what is damaged.
            on_start: Called with the number of bytes that must be copied.
            on_bytes: Called with the number of bytes that were copied since; from several threads.

        Returns:
            The number of bytes that had to be copied.

        Raises:
            DatasetError: It is not sound or not whole, another one of that name and version is
                there, or the remote does not take it.
            OSError: It cannot be read or written.
        """
        if not self.remote.lists:
            raise DatasetError(
                f"{self.remote.name} is read-only: push to it by SSH, S3 or a folder"
            )
        with alone(dataset, "pushing it"):
            verdict = verify(dataset)
            if verdict.problems or verdict.dataset is None:
                raise DatasetError(
                    f"{dataset}: {verdict.problems[0]}; {len(verdict.problems)} problem(s): see "
                    "wtrec dataset verify"
                )
            if verdict.absent:
                raise DatasetError(
                    f"{dataset}: {len(verdict.absent):,} file(s) of it are not there; pull it whole"
                )
            said = verdict.dataset
            content = _listing(dataset)
            self._refuse_other(said.name, said.version, content)
            copied = self._send(dataset, content, on_start, on_bytes, check=check)
            self._publish(said.name, said.version, content)
        self.refresh()
        self.remote.tidy(LEFT_S)
        return copied

    def refresh(self) -> None:
        """Make the catalogue say what is there."""
        catalogue.refresh(self.remote, self._listings, self.listing)

    def entries(self) -> list[catalogue.Entry]:
        """What the catalogue should say: the datasets that are there, where they can be listed."""
        if not self.remote.lists:
            return catalogue.read(self.remote)
        return catalogue.current(self.remote, self._listings(), self.listing)

    def _listings(self) -> list[tuple[str, str]]:
        names = self.names()
        versions = in_parallel(self.versions, names, self.remote.workers)
        return [(name, each) for name, found in zip(names, versions, strict=True) for each in found]

    def _send(
        self,
        dataset: Path,
        content: bytes,
        on_start: Callable[[int], None],
        on_bytes: OnBytes,
        *,
        check: bool,
    ) -> int:
        """Bring the objects there that are missing, or damaged as far as one looks."""
        remote = self.remote
        digests = {digest: path for path, digest in parse_listing(content, str(dataset)).items()}
        sizes = {digest: (dataset / path).stat().st_size for digest, path in digests.items()}

        def is_there(digest: str) -> bool:
            path = object_path(digest)
            is_whole = remote.size(path) == sizes[digest]
            return is_whole and not (check and digest_of(remote, path) != digest)

        there = in_parallel(is_there, sizes, remote.workers)
        missing = [digest for digest, found in zip(sizes, there, strict=True) if not found]
        on_start(sum(sizes[digest] for digest in missing))
        ended = threading.Event()
        counts: list[int] = []

        def count(size: int) -> None:
            if ended.is_set():  # another file has failed: large ones are not sent to their end
                raise InterruptedError
            counts.append(size)
            on_bytes(size)

        def send(digest: str) -> None:
            remote.send(dataset / digests[digest], object_path(digest), digest, count)
            if not is_there(digest):
                raise RemoteError(
                    f"{remote.name}/{object_path(digest)}: it did not arrive as it was sent: run "
                    "the command again with --check"
                )

        in_parallel(send, missing, remote.workers, ended)
        return sum(counts)

    def _publish(self, name: str, version: str, content: bytes) -> None:
        """Make the list, or see that somebody has made the same.

        A place may say "taken" while another one only tries (of S3, 409): nothing is there then.
        """
        path = f"datasets/{name}/{version}"
        for attempt in range(_MOST_TRIES):
            time.sleep(_PAUSE_S * attempt)
            if self.remote.create(path, content) or self._refuse_other(name, version, content):
                return
        raise RemoteError(
            f"{self.remote.name}/{path}: not there, and the remote does not take it: run the same "
            "command again"
        )

    def _refuse_other(self, name: str, version: str, content: bytes) -> bool:
        """Whether it is there already; another one is refused."""
        found = self.listing(name, version)
        if found is not None and found != content:
            raise DatasetError(
                f"{self.remote.name}: there is another {name} {version}; versions do not change: "
                "make a new one with wtrec dataset create --version"
            )
        return found is not None


def object_path(digest: str) -> str:
    """Where the content of a file is."""
    return f"objects/{digest[:2]}/{digest}"


def number(version: str) -> list[int]:
    """What versions are sorted by."""
    return [int(part) for part in version.split(".")]


def refuse_name(name: str) -> None:
    """Refuse what is no name.

    Raises:
        DatasetError: It is none.
    """
    try:
        check_name(name)
    except ValueError as error:
        raise DatasetError(f"{name!a}: {error}") from None


def _listing(dataset: Path) -> bytes:
    """All files of a verified bag with their hashes, the tag manifest's own, too."""
    content = (dataset / TAG_MANIFEST).read_bytes()
    own = f"{hashlib.sha256(content).hexdigest()}  {TAG_MANIFEST}\n".encode()
    return (dataset / MANIFEST).read_bytes() + content + own


def parse_listing(content: bytes, where: str) -> dict[str, str]:
    """The files of a list from elsewhere, in the order of their arrival.

    Raises:
        DatasetError: A line is none, or names lead elsewhere or clash.
    """
    problems: list[str] = []
    listed = parse_manifest(content, problems.append)
    problems += [f"{other} clashes with {one}" for one, other in clashes(listed)]
    if problems:
        raise DatasetError(f"{where}: {problems[0]}")
    return listed


@contextlib.contextmanager
def alone(folder: Path, what: str) -> Iterator[None]:
    """Nobody else on this machine is in there who asks."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DatasetError(f"{folder}: somebody else is {what}") from None
        yield
    finally:
        os.close(handle)
