"""Fetches a dataset from a remote, all of it or some kinds of files.

```text
.NAME-VERSION.pulling/    its name until it is whole and verified
.NAME-VERSION.arriving/   objects on their way, by SHA-256; they go on where they broke off
```

``dataset.json`` comes first: it says what else may come (:mod:`pull_plan`). A file that is in
another dataset beside the new one does not travel: it is copied from there. What
was not asked for is listed in ``fetch.txt`` (:mod:`holes`), so that a part can be verified, and
completed later where it stands.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

from ...errors import DatasetError, FormatError, WtrecError
from ..files import sync_folder
from ..parts import open_regular
from .bag import MANIFEST, MOST_LISTED, TAG_MANIFEST, parse_manifest, read_small, scan, seal
from .dataset import MOST_BYTES, PATH, Dataset, load
from .holes import FETCH, write_holes
from .pull_plan import MOST_TAGS, bytes_of, contradiction, refuse_other_sizes, unasked
from .remote import CHUNK, OnBytes, Remote, in_parallel, not_it
from .store import Store, alone, object_path, parse_listing
from .verify import verify


def pull(
    store: Store,
    name: str,
    version: str,
    target: Path,
    *,
    only: Collection[str] = (),
    on_start: Callable[[int], None] = lambda _: None,
    on_bytes: OnBytes = lambda _: None,
) -> int:
    """Fetch a dataset; it gets its name when it has arrived, and was verified.

    Args:
        store: Where it is.
        name: Its name.
        version: Its version.
        target: The folder to make; or a part of this dataset, to which is added what is missing.
        only: Kinds of files of runs to fetch; none: all of them.
        on_start: Called with the number of bytes that must come.
        on_bytes: Called with the number of bytes that came since; from several threads.

    Returns:
        The number of bytes that came: less after a pull that broke off, or where another dataset
        beside it has the same files.

    Raises:
        DatasetError: There is none, there is something else at ``target``, somebody else pulls it
            there, an object is not what its name says, or the dataset is not sound.
        OSError: It cannot be read or written.
    """
    if target.is_symlink() or (target.exists() and not (target / FETCH).is_file()):
        raise DatasetError(f"{target} exists, as a whole: see wtrec dataset verify {target}")
    content = store.listing(name, version)
    if content is None:
        there = ", ".join(store.versions(name)) or "none"
        raise DatasetError(f"{store.remote.name}: no {name} {version}; versions there: {there}")
    listed = parse_listing(content, f"{store.remote.name}/datasets/{name}/{version}")
    if target.exists():
        own = hashlib.sha256(read_small(target / TAG_MANIFEST, MOST_LISTED)).hexdigest()
        if own != listed.get(TAG_MANIFEST):
            raise DatasetError(f"{target} exists, and is a part of another dataset")
        folder = target
    else:
        folder = target.with_name(f".{target.name}.pulling")
        folder.mkdir(exist_ok=True)
    with alone(folder, "pulling into it"):
        arriving = target.with_name(f".{target.name}.arriving")
        is_new = folder != target
        where = f"{store.remote.name}: {name} {version}"
        fetching = _Pull(store.remote, where, folder, listed, arriving, on_bytes, is_new=is_new)
        came = fetching.run(only, on_start, beside=target.parent)
        verdict = verify(folder)
        said = verdict.dataset
        if verdict.problems or said is None or (said.name, said.version) != (name, version):
            why = str(verdict.problems[0]) if verdict.problems else f"{PATH}: another dataset"
            raise fetching.unsound(why)
        if is_new:
            seal(folder)
            folder.rename(target)
        else:
            for path, _, _ in os.walk(folder):
                sync_folder(Path(path))
    sync_folder(target.parent)
    return came


class _Pull:
    """One dataset on its way into a folder."""

    def __init__(
        self,
        remote: Remote,
        where: str,
        folder: Path,
        listed: dict[str, str],
        arriving: Path,
        on_bytes: OnBytes,
        *,
        is_new: bool,
    ) -> None:
        self._remote = remote
        self._where = where
        self._folder = folder
        self._is_new = is_new
        self._arriving = arriving
        self._listed = listed
        self._on_bytes = on_bytes
        self._ended = threading.Event()
        self._came: list[int] = []

    def run(self, only: Collection[str], on_start: Callable[[int], None], beside: Path) -> int:
        """Fetch what is missing; the small files first, which say what the others are."""
        here = self._keep()
        self._arriving.mkdir(exist_ok=True)
        dataset, size = self._described(here)
        tags = [path for path in self._listed if not path.startswith("data/") and path not in here]
        sizes = self._sizes(tags)
        wanted = sum(sizes[self._listed[path]] for path in tags)
        if wanted > MOST_TAGS:
            raise self.unsound(f"{wanted:,} bytes beside its runs, which it never needs")
        self._refuse_more_than_fits(wanted, tags)
        self._fetch(tags, sizes)
        left = unasked(dataset, only) if only else set()
        missing = [
            path
            for path in self._listed
            if path.startswith("data/runs/") and path not in left | here
        ]
        self._refuse_more_than_fits(bytes_of(dataset, missing, self._size_here), missing)
        here |= self._found_beside(missing, beside)
        missing = [path for path in missing if path not in here]
        more = self._sizes(missing)
        coming = {path: more[self._listed[path]] for path in missing}
        refuse_other_sizes(dataset, coming, self._size_here, self._remote.name)
        on_start(size + sum((sizes | more).values()))
        self._fetch(missing, more)
        shutil.rmtree(self._arriving)
        absent = [path for path in left if not (self._folder / path).exists()]
        holes = self._sizes(absent)
        digests = {path: self._listed[path] for path in absent}
        write_holes(
            self._folder,
            {
                path: (holes[digest], self._remote.url(object_path(digest)))
                for path, digest in digests.items()
            },
        )
        return sum(self._came)

    def unsound(self, why: str) -> DatasetError:
        """The error for a dataset that is none; nothing is left of it."""
        if self._is_new:
            for folder in (self._folder, self._arriving):
                shutil.rmtree(folder, ignore_errors=True)
        return DatasetError(f"{self._where} is not sound: {why}")

    def _described(self, here: Collection[str]) -> tuple[Dataset, int]:
        """What ``dataset.json`` says, as its list does; and how many bytes of it had to come."""
        size = 0
        if PATH in self._listed and PATH not in here:
            sizes = self._sizes([PATH])
            size = sum(sizes.values())
            if size > MOST_BYTES:
                raise self.unsound(f"{PATH}: {size:,} bytes, which it never needs")
            self._refuse_more_than_fits(size, [PATH])
            self._fetch([PATH], sizes)
        elif PATH not in self._listed:
            raise self.unsound(f"{PATH}: not in its list")
        try:
            dataset = load(read_small(self._folder / PATH, MOST_BYTES), PATH)
        except FormatError as error:
            raise self.unsound(str(error)) from None
        if why := contradiction(dataset, self._listed):
            raise self.unsound(why)
        return dataset, size

    def _keep(self) -> set[str]:
        """Of what came before, keep only files that are what they should be."""
        found = scan(self._folder)
        for path, why in found.others.items():
            if not self._is_new:
                raise DatasetError(f"{self._folder}/{path}: {why}; move it away")
            odd = self._folder / path
            if odd.is_dir() and not odd.is_symlink():
                shutil.rmtree(odd)
            else:
                odd.unlink()
        kept = set()
        for path in found.files:
            if path not in self._listed and not self._is_new:
                continue  # verify says what it is
            with os.fdopen(open_regular(self._folder / path), "rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if digest == self._listed.get(path):
                kept.add(path)
            else:
                (self._folder / path).unlink()
        return kept

    def _sizes(self, paths: Iterable[str]) -> dict[str, int]:
        """The size of each object that the paths need, by its SHA-256."""
        digests = list(dict.fromkeys(self._listed[path] for path in paths))
        sizes = in_parallel(
            lambda digest: self._remote.size(object_path(digest)), digests, self._remote.workers
        )
        found: dict[str, int] = {}
        for digest, size in zip(digests, sizes, strict=True):
            if size is None:
                raise DatasetError(
                    f"{self._remote.name}/{object_path(digest)}: not there, or not a regular file; "
                    "push the dataset again"
                )
            found[digest] = size
        return found

    def _size_here(self, path: str) -> int:
        return (self._folder / path).stat().st_size

    def _refuse_more_than_fits(self, wanted: int, paths: Iterable[str]) -> None:
        """Refuse what finds no room beside what has arrived of it."""
        for digest in {self._listed[path] for path in paths}:
            with contextlib.suppress(FileNotFoundError):
                wanted -= (self._arriving / digest).stat().st_size
        free = shutil.disk_usage(self._folder).free
        if wanted > free:
            raise DatasetError(f"{self._folder}: {wanted:,} bytes wanted, {free:,} are free")

    def _fetch(self, wanted: Iterable[str], sizes: dict[str, int]) -> None:
        """Bring objects here, and put each where it belongs."""
        paths: dict[str, list[str]] = {digest: [] for digest in sizes}
        for path in wanted:
            paths[self._listed[path]].append(path)

        def fetch(digest: str) -> None:
            arrived = self._arriving / digest
            self._bring(digest, sizes[digest], arrived)
            self._place(arrived, paths[digest])

        in_parallel(fetch, sizes, self._remote.workers, self._ended)

    def _place(self, arrived: Path, paths: Sequence[str]) -> None:
        """Put an object that is on the disk to all its places, durably."""
        *others, last = (self._folder / path for path in paths)
        for place in (*others, last):
            place.parent.mkdir(parents=True, exist_ok=True)
        for place in others:
            with arrived.open("rb") as file, place.open("wb") as out:
                shutil.copyfileobj(file, out, CHUNK)
                out.flush()
                os.fsync(out.fileno())
        arrived.replace(last)

    def _bring(self, digest: str, size: int, arrived: Path) -> None:
        """Fetch an object behind what there is of it; again, should that have been wrong."""
        for is_last in (False, True):
            had, found = self._continued(digest, size, arrived)
            if found == digest:
                return
            arrived.unlink()
            if is_last or not had:
                error = not_it(f"{self._remote.name}/{object_path(digest)}", found, digest)
                raise DatasetError(f"{error}; whoever has it mends it: wtrec dataset push --check")

    def _continued(self, digest: str, size: int, arrived: Path) -> tuple[int, str]:
        """Fetch the rest of an object; how many bytes there were before, and its SHA-256."""
        where = f"{self._remote.name}/{object_path(digest)}"
        found = hashlib.sha256()
        with arrived.open("a+b", buffering=0) as file:
            had = file.seek(0, os.SEEK_END)
            if had > size:
                file.truncate(0)
                had = 0
            file.seek(0)
            while chunk := file.read(CHUNK):
                found.update(chunk)
            left = size - had

            def sink(chunk: bytes) -> None:
                nonlocal left
                if self._ended.is_set():  # another file has failed
                    raise InterruptedError
                left -= len(chunk)
                if left < 0:
                    raise DatasetError(f"{where}: more than the {size:,} bytes that it has")
                view = memoryview(chunk)
                while view:
                    view = view[file.write(view) :]
                found.update(chunk)
                self._came.append(len(chunk))
                self._on_bytes(len(chunk))

            if left:
                self._remote.read(object_path(digest), sink, had)
            os.fsync(file.fileno())
        if left:
            raise DatasetError(f"{where}: {left:,} bytes are missing; run the command again")
        return had, found.hexdigest()

    def _found_beside(self, paths: Collection[str], beside: Path) -> set[str]:
        """Copy what other datasets have; what cannot be read there, or is wrong, travels."""
        wanted: dict[str, list[str]] = {}
        for path in paths:
            wanted.setdefault(self._listed[path], []).append(path)
        copied: set[str] = set()
        for other in sorted(beside.iterdir()) if wanted else ():
            if other.name.startswith(".") or other == self._folder or other.is_symlink():
                continue
            with contextlib.suppress(OSError, WtrecError):
                content = read_small(other / MANIFEST, MOST_LISTED)
                for path, digest in parse_manifest(content, lambda _: None).items():
                    if digest in wanted and self._copy(other / path, digest):
                        places = wanted.pop(digest)
                        self._place(self._arriving / digest, places)
                        copied.update(places)
        return copied

    def _copy(self, source: Path, digest: str) -> bool:
        """Copy a file to where objects arrive; whether it is what it should be."""
        temporary = self._arriving / f"{digest}.copy"
        try:
            found = hashlib.sha256()
            with os.fdopen(open_regular(source), "rb") as file, temporary.open("wb") as out:
                while chunk := file.read(CHUNK):
                    found.update(chunk)
                    out.write(chunk)
                out.flush()
                os.fsync(out.fileno())
            if found.hexdigest() != digest:
                return False
            temporary.replace(self._arriving / digest)
        except (OSError, WtrecError):
            return False
        finally:
            temporary.unlink(missing_ok=True)
        return True
