"""A dataset as one file, for mail, a web page or an archive: a plain tar of its folder.

The same dataset gives the same bytes, wherever it is packed: files in order, without owners, with
the time at which the dataset was made. It is not compressed: tables and packed captures are
already, and so no small file grows to a large one.

What comes from elsewhere is unpacked into a folder with a temporary name, which the dataset gives
up for its own when all of it has been verified. Nothing is taken from the archive but regular
files and their names; these must be such as a dataset can have. One that is a link or a device, is
sparse, leads elsewhere or clashes with another ends it, and nothing is left.
"""

from __future__ import annotations

import calendar
import os
import shutil
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, NoReturn

from ...errors import DatasetError
from ..files import replacing, sync_folder
from ..parts import open_regular
from .bag import OnBytes, scan, seal
from .dataset import Dataset
from .names import check_path, fold
from .verdict import Verdict
from .verify import verify

_CHUNK: Final = 1 << 20
_MOST_HEADER: Final = 64 << 10  # bytes of the headers of a member; a path takes a kilobyte
_MOST_MEMBERS: Final = 1_000_000
_PACKED: Final = {
    b"\x1f\x8b": "gunzip",
    b"\x28\xb5\x2f\xfd": "unzstd",
    b"\xfd7zXZ": "unxz",
    b"BZh": "bunzip2",
    b"PK\x03\x04": "unzip",
}


def pack(
    folder: Path,
    output: Path | None = None,
    *,
    on_start: Callable[[int], None] = lambda _: None,
    on_bytes: OnBytes = lambda _: None,
) -> Path:
    """Pack a dataset, after it was verified.

    Args:
        folder: Of the dataset.
        output: The file to make; ``NAME-VERSION.tar`` here if not given.
        on_start: Called with the number of bytes that will be packed.
        on_bytes: Called with the number of bytes that were packed since.

    Returns:
        The file.

    Raises:
        DatasetError: The dataset is not sound, or there is such a file.
        OSError: Something cannot be read or written.
    """
    dataset = _sound(verify(folder), folder)
    name = f"{dataset.name}-{dataset.version}"
    output = output or Path(f"{name}.tar")
    _refuse_there(output)
    files = scan(folder).files
    on_start(sum(files.values()))
    made = calendar.timegm(time.strptime(dataset.created[:19], "%Y-%m-%dT%H:%M:%S"))
    with (
        replacing(output) as temporary,
        tarfile.TarFile(temporary, "w", format=tarfile.PAX_FORMAT, copybufsize=_CHUNK) as archive,
    ):
        for path in sorted(files, key=lambda each: (each.startswith("data/"), each)):
            member = tarfile.TarInfo(f"{name}/{path}")
            member.size, member.mtime, member.mode = files[path], made, 0o644
            with os.fdopen(open_regular(folder / path), "rb") as file:
                archive.addfile(member, file)
            on_bytes(member.size)
    return output


def unpack(
    archive: Path,
    directory: Path,
    *,
    on_start: Callable[[int], None] = lambda _: None,
    on_bytes: OnBytes = lambda _: None,
) -> Path:
    """Unpack a dataset from a file that somebody else may have made.

    Args:
        archive: The tar.
        directory: Where its folder ``NAME-VERSION`` is made.
        on_start: Called with the number of bytes of the archive.
        on_bytes: Called with the number of bytes that were unpacked since.

    Returns:
        The folder.

    Raises:
        DatasetError: It is no such archive, has what no dataset has, is not sound, or there is a
            folder of that name. Nothing is left of it then.
        OSError: It cannot be read, or the folder cannot be written.
    """
    there = Path(os.path.realpath(archive))  # the user's own word may be a link
    with os.fdopen(open_regular(there), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        free = shutil.disk_usage(directory).free
        if size > free:
            raise DatasetError(
                f"{archive}: {size:,} bytes wanted in {directory}, {free:,} are free"
            )
        on_start(size)
        place = Path(tempfile.mkdtemp(prefix=f".{archive.stem[:40]}.", dir=directory))
        try:
            for path, offset, count in _members(archive, file, size):
                _extract(archive, file, offset, count, place / path)
                on_bytes(count)
            dataset = _sound(verify(place), archive)
            target = directory / f"{dataset.name}-{dataset.version}"
            _refuse_there(target)
            seal(place)
            place.rename(target)
            sync_folder(directory)
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
    return target


def _refuse_there(path: Path) -> None:
    if path.exists() or path.is_symlink():
        raise DatasetError(f"{path} exists; name another place")


def _sound(verdict: Verdict, where: Path) -> Dataset:
    if verdict.problems or verdict.dataset is None:
        raise DatasetError(
            f"{where}: not a sound dataset: {verdict.problems[0]}; {len(verdict.problems)} "
            "problem(s) in all"
        )
    if verdict.absent:
        raise DatasetError(f"{where}: {len(verdict.absent):,} file(s) are not here: pull it whole")
    return verdict.dataset


class _Headers:
    """What tarfile reads a file by: no more at once than headers need, however large they say."""

    def __init__(self, archive: Path, file: BinaryIO) -> None:
        self.left = _MOST_HEADER
        self._archive = archive
        self._file = file

    def read(self, size: int) -> bytes:
        """The next bytes."""
        if not 0 <= size <= self.left:
            _refuse(self._archive, self._file.tell(), "headers of a member that no file needs")
        self.left -= size
        return self._file.read(size)

    def seek(self, offset: int) -> int:
        """Go elsewhere."""
        return self._file.seek(offset)

    def tell(self) -> int:
        """Where the next byte comes from."""
        return self._file.tell()


def _members(archive: Path, file: BinaryIO, size: int) -> Iterator[tuple[str, int, int]]:
    """Path below the archive's one folder, offset and size of each regular file.

    Raises:
        DatasetError: There is something else in it, or it is no tar.
    """
    seen: set[str] = set()
    top = None
    with _as_refusal(archive, file):
        begin = file.read(8)
        file.seek(0)
        packed = next((tool for magic, tool in _PACKED.items() if begin.startswith(magic)), None)
        if packed is not None:
            raise DatasetError(f"{archive}: compressed, wanted a plain tar; {packed} it first")
        source: Any = _Headers(archive, file)
        tar: Any = tarfile.TarFile(fileobj=source, mode="r", encoding="utf-8")
    while True:
        source.left = _MOST_HEADER
        with _as_refusal(archive, file):
            member = tar.next()
        if member is None:
            return
        tar.members.clear()  # or it would keep all
        at = member.offset
        if len(seen) > _MOST_MEMBERS:
            _refuse(archive, at, f"more than {_MOST_MEMBERS:,} members")
        folder, _, path = member.name.partition("/")
        try:
            check_path(member.name)
        except ValueError as error:
            _refuse(archive, at, f"{member.name[:80]!a}: {error}")
        if folder != (top or folder):
            _refuse(archive, at, f"a second folder, {folder!a}, wanted all files in {top!a}")
        top = folder
        is_sparse = member.issparse() or any("sparse" in key for key in member.pax_headers)
        if member.isdir() and not member.size:
            continue
        if member.type not in {tarfile.REGTYPE, tarfile.AREGTYPE} or is_sparse:
            _refuse(archive, at, f"{member.name!a} is no regular file, wanted these alone")
        if not path:
            _refuse(archive, at, f"{folder!a} is a file, wanted the dataset's folder")
        if not 0 <= member.size <= size - member.offset_data:
            _refuse(archive, at, f"{member.name!a}: {member.size:,} bytes, the archive has less")
        if fold(path) in seen:
            _refuse(archive, at, f"{member.name!a}: some systems take it for one before")
        seen.add(fold(path))
        yield path, member.offset_data, member.size


def _extract(archive: Path, file: BinaryIO, offset: int, count: int, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        out = target.open("xb")
    except (FileExistsError, NotADirectoryError):
        _refuse(archive, offset, f"{target.name!a} is a file and a folder")
    with out:
        file.seek(offset)
        while count:
            chunk = file.read(min(count, _CHUNK))
            if not chunk:
                _refuse(archive, offset, "it has become shorter")
            out.write(chunk)
            count -= len(chunk)
        out.flush()
        os.fsync(out.fileno())


@contextmanager
def _as_refusal(archive: Path, file: BinaryIO) -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, ValueError, LookupError, ArithmeticError, RecursionError) as error:
        _refuse(archive, file.tell(), f"no tar ({str(error)[:100]})")


def _refuse(archive: Path, offset: int, why: str) -> NoReturn:
    raise DatasetError(f"{archive}, offset {offset}: {why}")
