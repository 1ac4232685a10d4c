"""Two datasets side by side: what is said of them, their runs, their files, and numbers in these.

What differs in a file is found by its SHA-256 alone; of captures and tables that differ, the rows
are compared, too, by number of frame or id of packet. Nothing else is hashed: whether files are
what ``dataset.json`` says is for :mod:`.verify` to find.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ...errors import WtrecError
from ..parts import Parts
from .dataset import Dataset, DatasetFile, DatasetRun

if TYPE_CHECKING:
    from ..row_diff import RowDiff

_OF_THE_MAKING: Final = frozenset({"schema_version", "runs", "created", "wtrec_version"})
KEYS: Final = {
    "capture": ("number",),
    "results": ("loop", "number"),
    "masks": ("number",),
    "frames": ("number",),
    "tx": ("packet_id",),
}
"""What tells the rows of a table apart."""


@dataclass(slots=True)
class Changed:
    """A file that both have, with another content.

    Attributes:
        path: Run and name.
        sizes: Bytes of each.
        counts: Numbers of ``dataset.json`` that differ: of the first, of the second.
        facts: Names of what differs of how it was made.
        rows: What differs in its rows; None where they were not compared.
        why_not: Why they were not.
    """

    path: str
    sizes: tuple[int, int]
    counts: dict[str, tuple[int | None, int | None]] = field(default_factory=dict)
    facts: list[str] = field(default_factory=list)
    rows: RowDiff | None = None
    why_not: str = ""

    def to_json(self) -> dict[str, Any]:
        """Stable keys; see docs/reproduce.md."""
        return {
            "path": self.path,
            "bytes": list(self.sizes),
            "counts": {name: list(pair) for name, pair in self.counts.items()},
            "facts": self.facts,
            "rows": None if self.rows is None else self.rows.to_json(),
            "why_not": self.why_not or None,
        }


@dataclass(slots=True)
class DatasetDiff:
    """What differs between two datasets.

    Attributes:
        metadata: Members of ``dataset.json`` that differ: of the first, of the second. When and by
            which version it was made does not count.
        runs: Runs that one alone has.
        files: Files that one alone has, of runs that both have.
        changed: Files that both have, with another content.
        same: Number of files that are the same.
    """

    metadata: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    runs: tuple[list[str], list[str]] = field(default_factory=lambda: ([], []))
    files: tuple[list[str], list[str]] = field(default_factory=lambda: ([], []))
    changed: list[Changed] = field(default_factory=list)
    same: int = 0

    @property
    def is_same(self) -> bool:
        """Whether nothing differs."""
        return not (self.metadata or any(self.runs) or any(self.files) or self.changed)

    def to_json(self) -> dict[str, Any]:
        """Stable keys; see docs/reproduce.md."""
        return {
            "same": self.is_same,
            "metadata": {name: list(pair) for name, pair in self.metadata.items()},
            "runs": list(self.runs),
            "files": list(self.files),
            "changed": [each.to_json() for each in self.changed],
            "files_same": self.same,
        }


def diff(folders: tuple[Path, Path], datasets: tuple[Dataset, Dataset]) -> DatasetDiff:
    """Compare two datasets.

    Args:
        folders: Of both.
        datasets: What they hold.

    Raises:
        OSError: A file cannot be read.
    """
    found = DatasetDiff(metadata=_metadata(*datasets))
    first, second = ({run.id: run for run in each.runs} for each in datasets)
    found.runs = _alone(first, second)
    for name in first.keys() & second.keys():
        _runs(found, folders, (first[name], second[name]))
    for names in found.files:
        names.sort()
    found.changed.sort(key=lambda each: each.path)
    return found


def _metadata(one: Dataset, other: Dataset) -> dict[str, tuple[Any, Any]]:
    values = one.to_json(), other.to_json()
    return {
        name: (values[0][name], values[1][name])
        for name in values[0]
        if name not in _OF_THE_MAKING and values[0][name] != values[1][name]
    }


def _alone(one: dict[str, Any], other: dict[str, Any]) -> tuple[list[str], list[str]]:
    return [each for each in one if each not in other], [each for each in other if each not in one]


def _runs(
    found: DatasetDiff, folders: tuple[Path, Path], runs: tuple[DatasetRun, DatasetRun]
) -> None:
    one, other = ({file.name: file for file in run.files} for run in runs)
    name = runs[0].id
    for names, alone in zip(found.files, _alone(one, other), strict=True):
        names += [f"{name}/{each}" for each in alone]
    for each in one.keys() & other.keys():
        pair = one[each], other[each]
        if pair[0].sha256 == pair[1].sha256:
            found.same += 1
            continue
        where = tuple(folder / run.folder for folder, run in zip(folders, runs, strict=True))
        found.changed.append(_changed(f"{name}/{each}", where, pair))


def _changed(
    path: str, folders: tuple[Path, ...], files: tuple[DatasetFile, DatasetFile]
) -> Changed:
    one, other = files
    changed = Changed(path, (one.bytes, other.bytes))
    for name in dict.fromkeys([*one.counts, *other.counts]):
        pair = one.counts.get(name), other.counts.get(name)
        if pair[0] != pair[1]:
            changed.counts[name] = pair
    changed.facts = [
        name
        for name in dict.fromkeys([*one.facts, *other.facts])
        if one.facts.get(name) != other.facts.get(name)
    ]
    if one.kind != other.kind or one.kind not in KEYS:
        changed.why_not = "not of rows"
        return changed
    sources = [_source(folder, file) for folder, file in zip(folders, files, strict=True)]
    if not all(_is_here(source) for source in sources):
        changed.why_not = "not here: it was fetched in part"
        return changed
    from ..row_diff import compare_rows

    try:
        with ExitStack() as stack:
            batches = [
                _batches(stack, file.kind, source)
                for file, source in zip(files, sources, strict=True)
            ]
            changed.rows = compare_rows(*batches, keys=KEYS[one.kind])
    except WtrecError as error:
        changed.why_not = str(error)
    return changed


def _source(folder: Path, file: DatasetFile) -> Path | Parts:
    return Parts(tuple(folder / part for part in file.parts)) if file.parts else folder / file.name


def _is_here(source: Path | Parts) -> bool:
    paths = source.paths if isinstance(source, Parts) else (source,)
    return all(path.is_file() for path in paths)


def _batches(stack: ExitStack, kind: str, source: Path | Parts) -> Iterator[Any]:
    if kind == "capture":
        from ..reader import CaptureReader

        reader = stack.enter_context(CaptureReader(source))
        return (frames.arrow for frames in reader)
    if kind == "tx":
        from ..txlog import open_tx_log

        return iter(stack.enter_context(open_tx_log(source)).batches())
    from ..frames import FRAMES
    from ..masks import MASKS
    from ..parquet import TableFile
    from ..results import RESULTS

    table = {"results": RESULTS, "masks": MASKS, "frames": FRAMES}[kind]
    return iter(stack.enter_context(TableFile(source, table)).batches())
