"""A folder in which a team keeps its datasets: a disk, an NFS mount.

```text
objects/ab/ab12...      the content of a file, under its SHA-256
datasets/NAME/VERSION   the files of a dataset: <64 hex digits>  PATH, a line each
```

A file that several datasets share is there once. Objects come first, whole and on the disk, and the
list last, by a hard link that fails if there is one: so a dataset is there completely or not at
all, it never changes, and of two who push at once one is told. What was pushed or pulled before
something broke stays, and is not moved again.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from ...errors import DatasetError
from ..files import new_file_permissions, sync_folder
from ..parts import open_regular
from .bag import MOST_LISTED, TAG_MANIFEST, parse_manifest, read_small, scan
from .dataset import PATH
from .names import check_name, clashes
from .verify import verify

_CHUNK = 1 << 20
OnBytes = Callable[[int], None]


class Store:
    """Such a folder.

    Args:
        folder: It must exist; what it needs in there is made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def versions(self, name: str) -> list[str]:
        """The versions of a dataset that there are, the oldest number first."""
        _refuse_name(name)
        folder = self.folder / "datasets" / name
        if not folder.is_dir():
            return []
        found = [each.name for each in folder.iterdir() if re.fullmatch(r"[0-9.]+", each.name)]
        return sorted(found, key=lambda text: [int(part or 0) for part in text.split(".")])

    def push(
        self,
        dataset: Path,
        *,
        on_start: Callable[[int], None] = lambda _: None,
        on_bytes: OnBytes = lambda _: None,
    ) -> int:
        """Publish a dataset, after it was verified.

        Args:
            dataset: Its folder.
            on_start: Called with the number of bytes that must be copied.
            on_bytes: Called with the number of bytes that were copied since.

        Returns:
            The number of bytes that had to be copied.

        Raises:
            DatasetError: It is not sound, or another one of that name and version is there.
            OSError: It cannot be read or written.
        """
        verdict = verify(dataset)
        if verdict.problems or verdict.dataset is None:
            raise DatasetError(
                f"{dataset}: {verdict.problems[0]}; {len(verdict.problems)} problem(s): see "
                "wtrec dataset verify"
            )
        said = verdict.dataset
        content = _listing(dataset)
        self._refuse_other(said.name, said.version, content)
        digests = {digest: path for path, digest in _parse(content, str(dataset)).items()}
        missing = {
            digest: dataset / path
            for digest, path in digests.items()
            if not self._has(digest, (dataset / path).stat().st_size)
        }
        sizes = sum(path.stat().st_size for path in missing.values())
        on_start(sizes)
        for digest, path in missing.items():
            target = self._object(digest)
            target.parent.mkdir(parents=True, exist_ok=True)
            with _arriving(target) as temporary:
                _copy(path, temporary, digest, on_bytes)
        index = self.folder / "datasets" / said.name / said.version
        index.parent.mkdir(parents=True, exist_ok=True)
        with _arriving(index, replace=False) as temporary:
            temporary.write_bytes(content)
        self._refuse_other(said.name, said.version, content)  # somebody else was faster
        return sizes

    def pull(
        self,
        name: str,
        version: str,
        target: Path,
        *,
        on_start: Callable[[int], None] = lambda _: None,
        on_bytes: OnBytes = lambda _: None,
    ) -> int:
        """Fetch a dataset; it gets its name when it has arrived whole, and was verified.

        Args:
            name: Its name.
            version: Its version.
            target: The folder to make.
            on_start: Called with the number of bytes that must be copied.
            on_bytes: Called with the number of bytes that were copied since.

        Returns:
            The number of bytes that had to be copied: less after a pull that broke off.

        Raises:
            DatasetError: There is none, there is something at ``target``, somebody else pulls it
                there, an object is not what its name says, or the dataset is not sound.
            OSError: It cannot be read or written.
        """
        if target.exists() or target.is_symlink():
            raise DatasetError(f"{target} exists")
        _refuse_name(name)
        _refuse_name(version)
        index = self.folder / "datasets" / name / version
        if not index.exists():
            there = ", ".join(self.versions(name)) or "none"
            raise DatasetError(f"{self.folder}: no {name} {version}; versions there: {there}")
        listed = _parse(read_small(index, MOST_LISTED), str(index))
        partial = target.with_name(f".{target.name}.pulling")
        partial.mkdir(exist_ok=True)
        with _alone(partial):
            _forget(partial, listed)
            missing = {
                path: digest for path, digest in listed.items() if not (partial / path).exists()
            }
            sizes = sum(self._object(digest).stat().st_size for digest in missing.values())
            free = shutil.disk_usage(partial).free
            if sizes > free:
                raise DatasetError(f"{target}: {sizes:,} bytes wanted, {free:,} are free")
            on_start(sizes)
            for path, digest in missing.items():
                (partial / path).parent.mkdir(parents=True, exist_ok=True)
                with _arriving(partial / path) as temporary:
                    _copy(self._object(digest), temporary, digest, on_bytes)
            verdict = verify(partial)
            said = verdict.dataset
            if verdict.problems or said is None or (said.name, said.version) != (name, version):
                why = verdict.problems[0] if verdict.problems else f"{PATH}: another dataset"
                shutil.rmtree(partial)
                raise DatasetError(f"{self.folder}: {name} {version} is not sound: {why}")
            partial.rename(target)
        sync_folder(target.parent)
        return sizes

    def _object(self, digest: str) -> Path:
        return self.folder / "objects" / digest[:2] / digest

    def _has(self, digest: str, size: int) -> bool:
        path = self._object(digest)
        return path.is_file() and path.stat().st_size == size

    def _refuse_other(self, name: str, version: str, content: bytes) -> None:
        index = self.folder / "datasets" / name / version
        if index.exists() and read_small(index, MOST_LISTED) != content:
            raise DatasetError(
                f"{self.folder}: there is another {name} {version}; versions do not change: make "
                "a new one with wtrec dataset create --version"
            )


def _refuse_name(name: str) -> None:
    try:
        check_name(name)
    except ValueError as error:
        raise DatasetError(f"{name!a}: {error}") from None


def _listing(dataset: Path) -> bytes:
    """All files of a verified bag with their hashes, the tag manifest's own, too."""
    content = (dataset / TAG_MANIFEST).read_bytes()
    own = f"{hashlib.sha256(content).hexdigest()}  {TAG_MANIFEST}\n".encode()
    return (dataset / "manifest-sha256.txt").read_bytes() + content + own


def _parse(content: bytes, where: str) -> dict[str, str]:
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


def _forget(partial: Path, listed: dict[str, str]) -> None:
    """Of what came before, keep only files that are what they should be."""
    found = scan(partial)
    for path in found.others:
        odd = partial / path
        if odd.is_dir() and not odd.is_symlink():
            shutil.rmtree(odd)
        else:
            odd.unlink()
    for path in found.files:
        with os.fdopen(open_regular(partial / path), "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != listed.get(path):
            (partial / path).unlink()


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else is in there who asks."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DatasetError(f"{folder}: somebody else is pulling into it") from None
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def _arriving(path: Path, *, replace: bool = True) -> Iterator[Path]:
    """A temporary file that gets its name when it is written; or, without ``replace``, if free."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:40]}.", dir=path.parent)
    temporary = Path(name)
    try:
        os.fchmod(handle, new_file_permissions())
        yield temporary
        os.fsync(handle)
        if replace:
            temporary.replace(path)
        else:
            with contextlib.suppress(FileExistsError):
                path.hardlink_to(temporary)
    finally:
        os.close(handle)
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def _copy(source: Path, target: Path, digest: str, on_bytes: OnBytes) -> None:
    """Copy a regular file into one that is there, and see that it is what it should be."""
    found = hashlib.sha256()
    with os.fdopen(open_regular(source), "rb", buffering=0) as file, target.open("r+b") as out:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
            out.write(chunk)
            on_bytes(len(chunk))
    if found.hexdigest() != digest:
        raise DatasetError(f"{source}: SHA-256 is {found.hexdigest()[:16]}…, wanted {digest[:16]}…")
