"""BagIt bags (RFC 8493): a folder of files, and a list of their SHA-256.

```text
bagit.txt                   BagIt-Version: 1.0, Tag-File-Character-Encoding: UTF-8
bag-info.txt                what it is, for people; Payload-Oxum: <bytes>.<files> below data/
manifest-sha256.txt         <64 hex digits>  data/...         one line for each file below data/
tagmanifest-sha256.txt      <64 hex digits>  bagit.txt        one for each other file but itself
data/                       the payload
```

``sha256sum -c manifest-sha256.txt tagmanifest-sha256.txt`` checks all of it. Bags are written
in exactly this form, and read in no other: so no byte of a manifest can change unnoticed.

A file too large for one is split into parts, ``run.pcapng.part001`` and so on, which ``cat`` alone
puts together: all their numbers have as many digits as the last one needs, three at least. A bag
has a temporary name until it is whole and on the disk.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from ...errors import DatasetError, FormatError
from ..files import new_file_permissions, sync_folder
from ..parts import open_regular
from .names import check_path, part_names

DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
MANIFEST = "manifest-sha256.txt"
TAG_MANIFEST = "tagmanifest-sha256.txt"
MOST_LISTED = 64 << 20  # bytes of a manifest
_CHUNK = 1 << 20
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")

OnBytes = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Copied:
    """A file that was put into a bag.

    Attributes:
        bytes: Its size.
        sha256: Of the whole file.
        parts: Names of its parts beside it; empty if it is in one piece.
    """

    bytes: int
    sha256: str
    parts: tuple[str, ...] = ()


class BagWriter:
    """A new bag: files are hashed while they are written, and nothing is read twice.

    Use it as a context manager: without :meth:`finish`, nothing is left. Files may be added by
    several threads.

    Args:
        target: The folder to make.
        part_bytes: Most bytes of one file.

    Raises:
        DatasetError: There is something of that name.
        OSError: It cannot be made.
    """

    def __init__(self, target: Path, *, part_bytes: int) -> None:
        if target.exists() or target.is_symlink():
            raise DatasetError(f"{target} exists: datasets do not change, make a new version")
        self.target = target
        self._part_bytes = part_bytes
        self._listed: dict[str, tuple[str, int]] = {}
        self._folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        self._finished = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._finished:
            shutil.rmtree(self._folder, ignore_errors=True)

    def write(self, name: str, content: bytes) -> Copied:
        """Add a file of a few bytes."""
        path = self._place(name)
        with path.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        digest = hashlib.sha256(content).hexdigest()
        self._listed[name] = digest, len(content)
        return Copied(len(content), digest)

    def copy(self, name: str, source: Path, on_bytes: OnBytes = lambda _: None) -> Copied:
        """Add a copy of a file.

        Args:
            name: Its path in the bag.
            source: The file.
            on_bytes: Called with the number of bytes that were copied since.

        Raises:
            DatasetError: The file changed while it was copied, would be in too many parts, or has
                a name that a dataset cannot have.
            OSError: It cannot be read, or the copy cannot be written.
        """
        with source.open("rb", buffering=0) as file, ThreadPoolExecutor(1) as hasher:
            before = os.fstat(file.fileno())
            if not stat.S_ISREG(before.st_mode):
                raise DatasetError(f"{source}: not a regular file, which could be copied")
            try:
                parts = part_names(name, before.st_size, self._part_bytes)
            except ValueError as error:
                raise DatasetError(f"{source}: {error}") from None
            whole = hashlib.sha256()
            copied, digest = 0, ""
            for part in parts or [name]:
                limit = min(self._part_bytes, before.st_size - copied)
                done, digest = self._copy_part(
                    file.read, part, limit, hasher, whole if parts else None, on_bytes
                )
                self._listed[part] = digest, done
                copied += done
                if done < limit:
                    break
            after = os.fstat(file.fileno())
        if copied != before.st_size or _state(before) != _state(after):
            raise DatasetError(
                f"{source}: it changed while it was copied; wait until its recorder has ended"
            )
        if not parts:
            return Copied(copied, digest)
        return Copied(copied, whole.hexdigest(), tuple(part.rpartition("/")[2] for part in parts))

    def _copy_part(
        self,
        read: Callable[[int], bytes | None],
        name: str,
        limit: int,
        hasher: ThreadPoolExecutor,
        whole: hashlib._Hash | None,
        on_bytes: OnBytes,
    ) -> tuple[int, str]:
        """Copy up to ``limit`` bytes; one thread hashes a chunk while another writes it."""
        digest = hashlib.sha256()

        def update(chunk: bytes) -> None:
            digest.update(chunk)
            if whole is not None:
                whole.update(chunk)

        left = limit
        with self._place(name).open("xb", buffering=0) as out:
            while left and (chunk := read(min(_CHUNK, left))):
                hashed = hasher.submit(update, chunk)
                view = memoryview(chunk)
                while view:
                    view = view[out.write(view) :]
                hashed.result()
                left -= len(chunk)
                on_bytes(len(chunk))
            os.fsync(out.fileno())
        return limit - left, digest.hexdigest()

    def _place(self, name: str) -> Path:
        try:
            check_path(name)
        except ValueError as error:
            raise DatasetError(f"{name}: {error}") from None
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def finish(self, info: Mapping[str, str]) -> None:
        """Write the manifests, make all durable, and give the bag its name.

        Args:
            info: Of ``bag-info.txt``: labels and values.

        Raises:
            DatasetError: Somebody made something of that name meanwhile.
            OSError: It cannot be written.
        """
        payload = [size for name, (_, size) in self._listed.items() if name.startswith("data/")]
        labels = {
            **info,
            "Bagging-Date": f"{datetime.now(UTC):%Y-%m-%d}",
            "Payload-Oxum": f"{sum(payload)}.{len(payload)}",
        }
        lines = [f"{label}: {' '.join(text.split())}\n" for label, text in labels.items() if text]
        self.write("bagit.txt", DECLARATION)
        self.write("bag-info.txt", "".join(lines).encode(errors="replace"))
        self.write(MANIFEST, self._manifest(lambda name: name.startswith("data/")))
        self.write(TAG_MANIFEST, self._manifest(lambda name: not name.startswith("data/")))
        seal(self._folder)
        if self.target.exists():
            raise DatasetError(f"{self.target} exists: somebody has made it meanwhile")
        self._folder.rename(self.target)
        self._finished = True
        sync_folder(self.target.parent)

    def _manifest(self, belongs: Callable[[str], bool]) -> bytes:
        return "".join(
            f"{digest}  {name}\n"
            for name, (digest, _) in sorted(self._listed.items())
            if belongs(name)
        ).encode()


def seal(folder: Path) -> None:
    """Make a folder with a temporary name durable, and readable for those who would read it."""
    mode = new_file_permissions() | 0o111
    for path, folders, _ in os.walk(folder, topdown=False):
        for each in folders:
            (Path(path) / each).chmod(mode)
        sync_folder(Path(path))
    folder.chmod(mode)


def _state(status: os.stat_result) -> tuple[int, int]:
    return status.st_size, status.st_mtime_ns


@dataclass(frozen=True, slots=True)
class Found:
    """What stands in a folder.

    Attributes:
        files: Regular files, and their sizes in bytes.
        others: What is none, and why it may not be there.
    """

    files: dict[str, int]
    others: dict[str, str]


def scan(folder: Path) -> Found:
    """List a folder to its bottom, following no link and opening no file."""
    found = Found({}, {})
    waiting = [("", str(folder))]
    while waiting:
        prefix, path = waiting.pop()
        with os.scandir(path) as entries:
            for entry in sorted(entries, key=lambda each: each.name):
                name = prefix + entry.name
                status = entry.stat(follow_symlinks=False)
                try:
                    check_path(name)
                except ValueError as error:
                    found.others[name] = str(error)
                    continue
                if stat.S_ISDIR(status.st_mode):
                    waiting.append((f"{name}/", entry.path))
                elif stat.S_ISREG(status.st_mode):
                    found.files[name] = status.st_size
                else:
                    kind = "a link" if stat.S_ISLNK(status.st_mode) else "a device, pipe or socket"
                    found.others[name] = f"{kind}, wanted regular files alone"
    return found


def read_small(path: Path, most: int) -> bytes:
    """The content of a file of at most ``most`` bytes.

    Raises:
        FormatError: It is larger, or no regular file.
        OSError: It cannot be read.
    """
    with os.fdopen(open_regular(path), "rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise FormatError(f"more than {most:,} bytes, which it never needs", path=str(path))
    return content


def parse_manifest(content: bytes, problem: Callable[[str], None]) -> dict[str, str]:
    """The SHA-256 of each path that a manifest lists.

    Args:
        content: Of the file.
        problem: Called with each line that is wrong, and why; the others are taken.
    """
    listed: dict[str, str] = {}
    for number, line in enumerate(_lines(content, problem), 1):
        match = _LINE.fullmatch(line)
        if match is None:
            problem(f"line {number}: wanted 64 hex digits in lower case, two blanks and a path")
            continue
        digest, path = match.groups()
        try:
            check_path(path)
        except ValueError as error:
            problem(f"line {number}: {path[:80]!a}: {error}")
            continue
        if path in listed:
            problem(f"line {number}: {path} for the second time")
            continue
        listed[path] = digest
    return listed


def parse_info(content: bytes, problem: Callable[[str], None]) -> dict[str, str]:
    """Labels and values of ``bag-info.txt``; of a label that is repeated, the first value."""
    labels: dict[str, str] = {}
    for number, line in enumerate(_lines(content, problem), 1):
        label, colon, value = line.partition(": ")
        if not colon:
            problem(f"line {number}: wanted LABEL: VALUE")
            continue
        labels.setdefault(label, value)
    return labels


def _lines(content: bytes, problem: Callable[[str], None]) -> Iterator[str]:
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        problem(f"offset {error.start}: not UTF-8")
        return
    if text and not text.endswith("\n"):
        problem("the last line has no end")
    yield from text.removesuffix("\n").split("\n") if text else ()
