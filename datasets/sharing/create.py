"""Makes a dataset of runs: copies, hashes and reads through each file, and writes the bag."""

from __future__ import annotations

import dataclasses
import errno
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

from ...errors import DatasetError, WtrecError
from ..files import naming_full_disk
from ..members import to_rfc3339
from .agree import contradictions, disagreements
from .bag import BagWriter, Copied, OnBytes
from .card import card
from .citation import NAME as CITATION
from .citation import citation_file
from .dataset import PATH, REQUIRED, SCHEMA_VERSION, Dataset, DatasetFile, DatasetRun, parse
from .examine import Contents, examine
from .gather import Gathered, check_run, gather

PART_BYTES = 4 << 30
WORKERS = 2
_MOST_SAID = 5


@dataclass(slots=True)
class Created:
    """A new dataset.

    Attributes:
        path: Its folder.
        dataset: What is in it.
        notes: What people should know of it, a sentence each.
        losses: What of its files cannot be read.
    """

    path: Path
    dataset: Dataset
    notes: list[str] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)


def check_metadata(name: str, version: str, metadata: Mapping[str, Any]) -> None:
    """Refuse metadata before anything is copied.

    Raises:
        DatasetError: What is missing, or what the schema does not allow.
    """
    missing = [each for each in REQUIRED if not metadata.get(each)]
    if missing:
        raise DatasetError(f"nothing is said of: {', '.join(missing)}; see wtrec dataset create -h")
    file = {"name": "x", "kind": "capture", "bytes": 0, "sha256": "0" * 64}
    runs = [{"id": "x", "files": [file]}]
    _, problems = parse(json.dumps(_value(name, version, metadata, runs)).encode())
    if problems:
        raise DatasetError(f"metadata: {_all(problems)}")


def create(
    target: Path,
    captures: Sequence[Path] = (),
    *,
    runs: Sequence[Gathered] = (),
    name: str,
    version: str,
    metadata: Mapping[str, Any],
    part_bytes: int = PART_BYTES,
    on_start: Callable[[int], None] = lambda _: None,
    on_bytes: OnBytes = lambda _: None,
) -> Created:
    """Make a dataset.

    Args:
        target: Its folder, which must not exist.
        captures: Runs by one capture of each; files that belong to them are found.
        runs: Runs with just these files, and ids that no other has.
        name: Short name.
        version: Version.
        metadata: Other members of ``dataset.json``, as JSON has them.
        part_bytes: Larger files are split.
        on_start: Called with the number of bytes that will be copied.
        on_bytes: Called with the number of bytes that were copied since; from several threads.

    Raises:
        DatasetError: Metadata are missing, files contradict each other or change, or there is such
            a folder. Nothing is left of the new one then.
        FormatError: A file cannot be read.
        OSError: A file cannot be opened, or the new one cannot be written.
    """
    check_metadata(name, version, metadata)
    for run in runs:
        check_run(run, part_bytes)
    gathered = [*gather(captures, part_bytes), *runs]
    on_start(sum(path.stat().st_size for run in gathered for path, _ in run.files))
    with naming_full_disk(target), BagWriter(target, part_bytes=part_bytes) as bag:
        filled, span = _fill(bag, gathered, on_bytes)
        values = _value(name, version, metadata, [])
        values |= {"start": span[0], "end": span[1]}
        dataset = _dataset(values, filled)
        bag.write(PATH, dataset.to_bytes())
        bag.write("README.md", card(dataset).encode(errors="replace"))
        bag.write(CITATION, citation_file(dataset))
        bag.finish(_info(dataset))
    return Created(target, dataset, _notes(dataset, gathered), _losses(dataset))


def _value(
    name: str, version: str, metadata: Mapping[str, Any], runs: Sequence[Any]
) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        **metadata,
        "name": name,
        "version": version,
        "created": to_rfc3339(time.time_ns()),
        "wtrec_version": version_of("wtrec"),
        "runs": list(runs),
    }


def _dataset(values: dict[str, Any], runs: Sequence[DatasetRun]) -> Dataset:
    """The whole, through the schema: what is written can be read."""
    whole = values | {"runs": [dataclasses.asdict(run) for run in runs]}
    dataset, problems = parse(json.dumps(whole).encode())
    if dataset is None or problems:
        raise DatasetError(_all(problems))
    return dataset


def _fill(
    bag: BagWriter, gathered: Sequence[Gathered], on_bytes: OnBytes
) -> tuple[list[DatasetRun], tuple[str | None, str | None]]:
    """Copy all files, and read them beside that: one core hashes, the other one decodes."""
    problems: list[str] = []
    ended = threading.Event()

    def copied(count: int) -> None:
        if ended.is_set():  # somebody has pressed Ctrl-C: large files are not copied to their end
            raise InterruptedError(errno.EINTR, "interrupted")
        on_bytes(count)

    with ThreadPoolExecutor(WORKERS) as pool:
        jobs: list[list[tuple[Path, str, Future[Copied], Future[Contents]]]] = [
            [
                (
                    path,
                    kind,
                    pool.submit(bag.copy, f"data/runs/{run.id}/{path.name}", path, copied),
                    pool.submit(examine, kind, [path], str(path)),
                )
                for path, kind in run.files
            ]
            for run in gathered
        ]
        try:
            runs, times = [], []
            for run, files in zip(gathered, jobs, strict=True):
                made = []
                for path, kind, copying, reading in files:
                    try:
                        contents = reading.result()
                        made.append(_file(path, kind, copying.result(), contents))
                        times += [t for t in (contents.first, contents.last) if t is not None]
                    except WtrecError as error:
                        problems.append(str(error))
                run_id = None if run.run is None else run.run.run_id
                runs.append(DatasetRun(id=run.id, run_id=run_id, files=tuple(made)))
        except BaseException:
            ended.set()
            pool.shutdown(cancel_futures=True)
            raise
    if not problems:
        problems = [
            f"{run.id}/{file.name}: {why}" for run in runs for file, why in contradictions(run)
        ]
    if problems:
        raise DatasetError(_all(problems))
    span = (to_rfc3339(min(times)), to_rfc3339(max(times))) if times else (None, None)
    return runs, span


def _file(path: Path, kind: str, copied: Copied, contents: Contents) -> DatasetFile:
    return DatasetFile(
        name=path.name,
        kind=kind,
        bytes=copied.bytes,
        sha256=copied.sha256,
        parts=copied.parts,
        counts=contents.counts,
        facts=contents.facts,
        losses=tuple(contents.losses),
    )


def _info(dataset: Dataset) -> dict[str, str]:
    contact = dataset.authors[0]
    return {
        "Contact-Name": contact.name,
        "Contact-Email": contact.email,
        "External-Description": dataset.title,
        "External-Identifier": f"doi:{dataset.doi}" if dataset.doi else "",
        "Internal-Sender-Identifier": f"{dataset.name} {dataset.version}",
        "Bag-Software-Agent": f"wtrec {dataset.wtrec_version}",
    }


def _notes(dataset: Dataset, gathered: Sequence[Gathered]) -> list[str]:
    notes = []
    for run, source in zip(dataset.runs, gathered, strict=True):
        if source.run is None:
            notes.append(f"{run.id}: it has no run.json")
        else:
            notes += [f"{run.id}: {text}" for text in disagreements(run, source.run)]
    if dataset.unsaid:
        notes.append(f"nothing is said of: {', '.join(dataset.unsaid)}")
    return notes


def _losses(dataset: Dataset) -> list[str]:
    return [
        f"{run.id}/{file.name}: {loss}"
        for run in dataset.runs
        for file in run.files
        for loss in file.losses
    ]


def _all(problems: Sequence[str]) -> str:
    more = len(problems) - _MOST_SAID
    said = "; ".join(problems[:_MOST_SAID])
    return f"{said}; and {more} more" if more > 0 else said
