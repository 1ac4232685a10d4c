"""Looks for everything that is wrong with a dataset, and lists all of it, not the first.

Nothing is written, no link is followed, and nothing is opened that is no regular file. Every file
is hashed; those of runs are read through, too, and what is found in them is compared with what
``dataset.json`` says. A file whose size is not what is said of it is not read at all.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from ...errors import FormatError, WtrecError
from ..members import to_rfc3339
from ..parts import open_regular
from ..run import Run
from .agree import contradictions, disagreements
from .bag import (
    DECLARATION,
    MANIFEST,
    MOST_LISTED,
    TAG_MANIFEST,
    Found,
    parse_info,
    parse_manifest,
    read_small,
    scan,
)
from .dataset import MOST_BYTES, PATH, Dataset, DatasetFile, DatasetRun, parse
from .examine import Contents, examine
from .holes import FETCH, parse_holes
from .names import clashes
from .verdict import Verdict

_CHUNK = 1 << 20
_MOST_TAG = 1 << 20  # bytes of a tag file
_MOST_CARD = 64 << 20
WORKERS = 2


class _Verifier:
    def __init__(self, folder: Path, on_bytes: Callable[[int], None]) -> None:
        self.folder = folder
        self.verdict = Verdict(folder)
        self.found: Found = scan(folder)
        self.listed: dict[str, str] = {}
        self._has_its_size = False
        self._on_bytes = on_bytes

    def problem(self, path: str, what: str) -> None:
        """Note a problem."""
        self.verdict.problem(path, what)

    def small(self, path: str, most: int) -> bytes | None:
        """The content of a file that every dataset has; None, and a problem, without it."""
        if path not in self.found.files:
            if path not in self.found.others:
                self.problem(path, "missing")
            return None
        try:
            return read_small(self.folder / path, most)
        except FormatError as error:
            self.problem(path, error.what)
        except OSError as error:
            self.problem(path, error.strerror or str(error))
        return None

    def bag(self) -> None:
        """The form of the bag: its tag files, and whether its files are those that are listed."""
        for path, why in self.found.others.items():
            self.problem(path, why)
        for one, other in clashes(self.found.files):
            self.problem(other, f"some systems take it for {one}")
        declaration = self.small("bagit.txt", _MOST_TAG)
        if declaration is not None and declaration != DECLARATION:
            self.problem("bagit.txt", "not the declaration of BagIt 1.0 in UTF-8")
        for name, is_payload in ((MANIFEST, True), (TAG_MANIFEST, False)):
            content = self.small(name, MOST_LISTED)
            if content is None:
                continue
            if name == TAG_MANIFEST:
                self.verdict.digest = hashlib.sha256(content).hexdigest()
            lines = parse_manifest(content, lambda what, name=name: self.problem(name, what))  # type: ignore[misc]
            for path, digest in lines.items():
                if path.startswith("data/") is not is_payload or path == TAG_MANIFEST:
                    self.problem(name, f"{path} does not belong into this list")
                    continue
                self.listed[path] = digest
        self._holes()
        for path in self.listed:
            if not self._is_here(path):
                name = MANIFEST if path.startswith("data/") else TAG_MANIFEST
                self.problem(path, f"missing, {name} lists it")
        for path in self.found.files:
            if path not in self.listed and path not in {TAG_MANIFEST, FETCH}:
                self.problem(path, "no manifest lists it")
        self._has_its_size = self._oxum()

    def _holes(self) -> None:
        """What is not here on purpose; of a run, and nothing else."""
        if FETCH not in self.found.files:
            return
        content = self.small(FETCH, MOST_LISTED) or b""
        for path, size in parse_holes(content, lambda what: self.problem(FETCH, what)).items():
            if path not in self.listed or not path.startswith("data/runs/"):
                self.problem(FETCH, f"{path} does not belong into this list")
            elif path not in self.found.files and path not in self.found.others:
                self.verdict.absent[path] = size

    def _is_here(self, path: str) -> bool:
        places = (self.found.files, self.found.others, self.verdict.absent)
        return any(path in place for place in places)

    def _oxum(self) -> bool:
        """Whether the payload has as many bytes and files as ``bag-info.txt`` says."""
        content = self.small("bag-info.txt", _MOST_TAG)
        if content is None:
            return False
        info = parse_info(content, lambda what: self.problem("bag-info.txt", what))
        sizes = [size for path, size in self.found.files.items() if path.startswith("data/")]
        sizes += self.verdict.absent.values()
        found, said = f"{sum(sizes)}.{len(sizes)}", info.get("Payload-Oxum")
        if said != found:
            self.problem("bag-info.txt", f"Payload-Oxum is {said}, found {found} (bytes.files)")
        return said == found

    def dataset(self) -> Dataset | None:
        """What ``dataset.json`` says."""
        content = self.small(PATH, MOST_BYTES)
        if content is None:
            return None
        dataset, problems = parse(content)
        for what in problems:
            self.problem(PATH, what)
        self.verdict.dataset = dataset
        return None if problems else dataset

    def sizes(self, dataset: Dataset | None) -> set[str]:
        """The files that are worth reading: of the others, the size says that they are wrong."""
        wrong = {
            path
            for path, size in self.found.files.items()
            if size > _MOST_CARD and not path.startswith("data/runs/")
        }
        for path in wrong:
            self.problem(path, f"{self.found.files[path]:,} bytes, which it never needs")
        if dataset is not None:
            wrong |= self._wrong_sizes(dataset)
        elif not self._has_its_size:  # holes of any size would be read
            unread = {path for path in self.found.files if path.startswith("data/runs/")}
            for path in unread:
                self.problem(path, "not read: nobody says how large it should be")
            wrong |= unread
        return self.found.files.keys() - wrong

    def _wrong_sizes(self, dataset: Dataset) -> set[str]:
        wrong: set[str] = set()
        expected = {PATH}
        sizes = self.verdict.absent | self.found.files
        for run in dataset.runs:
            for file in run.files:
                pieces = [f"{run.folder}/{piece}" for piece in file.pieces]
                expected.update(pieces)
                for piece in pieces:
                    if not self._is_here(piece):
                        self.problem(piece, f"missing, {PATH} has it")
                size = sum(sizes.get(piece, 0) for piece in pieces)
                if size != file.bytes:
                    what = f"{size:,} bytes, wanted {file.bytes:,}"
                    self.problem(f"{run.folder}/{file.name}", what)
                    wrong.update(pieces)
        for path in self.found.files:
            if path.startswith("data/") and path not in expected:
                self.problem(path, f"{PATH} does not have it")
        return wrong

    def files(self, dataset: Dataset | None, readable: set[str]) -> None:
        """Hash all files, and read those of runs through, the large ones first."""
        with ThreadPoolExecutor(WORKERS) as pool:
            files = [
                (run, file)
                for run in (dataset.runs if dataset else ())
                for file in run.files
                if all(f"{run.folder}/{piece}" in readable for piece in file.pieces)
            ]
            files.sort(key=lambda each: -each[1].bytes)
            rest = readable.copy()
            hashes: list[tuple[list[str], str | None, Future[list[str]]]] = []
            reads: list[tuple[DatasetRun, DatasetFile, Future[Contents]]] = []
            for run, file in files:
                pieces = [f"{run.folder}/{piece}" for piece in file.pieces]
                rest.difference_update(pieces)
                hashes.append((pieces, file.sha256, pool.submit(self._hashes, pieces)))
                reading = pool.submit(
                    examine,
                    file.kind,
                    [self.folder / piece for piece in pieces],
                    f"{run.folder}/{file.name}",
                )
                reads.append((run, file, reading))
            hashes += [([path], None, pool.submit(self._hashes, [path])) for path in sorted(rest)]
            try:
                for paths, said, hashing in hashes:
                    self._compare_hashes(paths, said, hashing)
                sound = [run_file for run_file in reads if self._compare(*run_file)]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        if dataset is not None:
            contents = [(file, reading.result()) for _, file, reading in sound]
            runs = {id(file): each.run for file, each in contents if each.run is not None}
            self._compare_runs(dataset, runs)
            self._compare_span(dataset, [each for _, each in contents])

    def _hashes(self, paths: list[str]) -> list[str]:
        """SHA-256 of each piece, and behind them that of all together."""
        whole = hashlib.sha256()
        found = []
        buffer = bytearray(_CHUNK)
        view = memoryview(buffer)
        for path in paths:
            digest = hashlib.sha256() if len(paths) > 1 else whole
            with os.fdopen(open_regular(self.folder / path), "rb", buffering=0) as file:
                while count := file.readinto(buffer):
                    digest.update(view[:count])
                    if digest is not whole:
                        whole.update(view[:count])
                    self._on_bytes(count)
            found.append(digest.hexdigest())
        return [*found, whole.hexdigest()]

    def _compare_hashes(
        self, paths: list[str], said: str | None, hashing: Future[list[str]]
    ) -> None:
        try:
            *digests, whole = hashing.result()
        except (OSError, FormatError) as error:
            self.problem(paths[0], f"cannot be read ({error})")
            return
        self.verdict.files += len(paths)
        self.verdict.bytes += sum(self.found.files[path] for path in paths)
        for path, digest in zip(paths, digests, strict=True):
            wanted = self.listed.get(path)
            if wanted is not None and digest != wanted:
                self.problem(path, f"SHA-256 is {digest[:16]}…, wanted {wanted[:16]}…")
        if said is not None and said != whole:
            self.problem(paths[0], f"SHA-256 is {whole[:16]}…, {PATH} says {said[:16]}…")

    def _compare(self, run: DatasetRun, file: DatasetFile, reading: Future[Contents]) -> bool:
        """Whether a file could be read; what is in it otherwise than said is a problem."""
        path = f"{run.folder}/{file.name}"
        try:
            contents = reading.result()
        except FormatError as error:
            where = "" if error.offset is None else f"offset {error.offset}: "
            self.problem(path, f"{where}{error.what}")
            return False
        except (WtrecError, OSError, MemoryError) as error:
            self.problem(path, f"cannot be read ({error})")
            return False
        for name in dict.fromkeys([*file.counts, *contents.counts]):
            said, count = file.counts.get(name), contents.counts.get(name)
            if said != count:
                self.problem(path, f"{name}: found {count}, {PATH} says {said}")
        for name in dict.fromkeys([*file.facts, *contents.facts]):
            if file.facts.get(name) != contents.facts.get(name):
                self.problem(path, f"{name} is not what {PATH} says")
        if list(file.losses) != contents.losses:
            lost = "; ".join(contents.losses) or "nothing"
            self.problem(path, f"what cannot be read of it is not what {PATH} says: {lost[:200]}")
        else:
            self.verdict.notes += [f"{path}: {loss}" for loss in contents.losses]
        return True

    def _compare_runs(self, dataset: Dataset, recorded: dict[int, Run]) -> None:
        for run in dataset.runs:
            for file, why in contradictions(run):
                self.problem(f"{run.folder}/{file.name}", why)
            for file in run.of_kind("run"):
                said = recorded.get(id(file))
                if said is None:
                    continue
                path = f"{run.folder}/{file.name}"
                if said.run_id != run.run_id:
                    self.problem(path, f"run id {said.run_id[:40]}, {PATH} says {run.run_id}")
                self.verdict.notes += [f"{path}: {text}" for text in disagreements(run, said)]

    def _compare_span(self, dataset: Dataset, contents: list[Contents]) -> None:
        if len(contents) < sum(len(run.files) for run in dataset.runs):
            return
        first = min((each.first for each in contents if each.first is not None), default=None)
        last = max((each.last for each in contents if each.last is not None), default=None)
        for name, said, time in (("start", dataset.start, first), ("end", dataset.end, last)):
            found = None if time is None else to_rfc3339(time)
            if said != found:
                self.problem(PATH, f"{name} is {said}, its frames say {found}")


def verify(
    folder: Path,
    *,
    on_start: Callable[[int], None] = lambda _: None,
    on_bytes: Callable[[int], None] = lambda _: None,
) -> Verdict:
    """Verify a dataset.

    Args:
        folder: Of the dataset.
        on_start: Called with the number of bytes that will be hashed.
        on_bytes: Called with the number of bytes that were hashed since; from several threads.

    Raises:
        OSError: The folder cannot be listed.
    """
    verifier = _Verifier(folder, on_bytes)
    verifier.bag()
    dataset = verifier.dataset()
    readable = verifier.sizes(dataset)
    on_start(sum(verifier.found.files[path] for path in readable))
    verifier.files(dataset, readable)
    verifier.verdict.close()
    return verifier.verdict
