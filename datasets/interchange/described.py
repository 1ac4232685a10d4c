"""What the vocabularies have in common: a dataset in a few sentences, and its files with URLs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import quote

from ...errors import FormatError
from ..sharing.bag import MANIFEST, MOST_LISTED, parse_manifest, read_small
from ..sharing.citation import LICENCES
from ..sharing.dataset import PATH, TEXTS, Dataset, DatasetFile, DatasetRun

SPDX: Final = "https://spdx.org/licenses/"
ORCID: Final = "https://orcid.org/"
DOI: Final = "https://doi.org/"
PARQUET: Final = "application/vnd.apache.parquet"
_TYPES: Final = {
    ".parquet": PARQUET,
    ".json": "application/json",
    ".pcap": "application/vnd.tcpdump.pcap",
    ".cap": "application/vnd.tcpdump.pcap",
    ".pcapng": "application/x-pcapng",
    ".gz": "application/gzip",
    ".zst": "application/zstd",
    ".arrows": "application/vnd.apache.arrow.stream",
}
"""Media types by suffix, as registered with IANA; pcapng has none there."""
_ANY: Final = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Stored:
    """A file of the dataset as it is stored.

    Attributes:
        path: In the dataset.
        bytes: Its size; None where it is not here.
        sha256: Its own, also where it is a part.
        media_type: What it is.
        run: Whose it is; None for ``dataset.json``.
        file: What it is, or is a part of.
    """

    path: PurePosixPath
    bytes: int | None
    sha256: str
    media_type: str
    run: DatasetRun | None = None
    file: DatasetFile | None = None

    def url(self, base: str) -> str:
        """Where it is: its path behind ``base``."""
        return base + quote(str(self.path))

    @property
    def says(self) -> str:
        """What it is, in a few words."""
        if self.file is None or self.run is None:
            return "What the dataset is, and what it holds."
        rows = self.file.counts.get("rows", self.file.counts.get("frames"))
        amount = "" if rows is None else f", {rows:,} rows"
        algorithm = self.file.facts.get("algorithm")
        made = f" of {algorithm}" if self.file.kind == "results" and algorithm else ""
        part = ", a part" if self.file.parts else ""
        return f"{self.file.kind}{made} of run {self.run.id}{amount}{part}"


def stored(folder: Path, dataset: Dataset) -> list[Stored]:
    """All payload files of a dataset.

    Args:
        folder: Of the dataset.
        dataset: What it holds.

    Raises:
        FormatError: A file has no hash in the manifest.
        OSError: There is no manifest.
    """
    path = folder / MANIFEST
    problems: list[str] = []
    hashes = parse_manifest(read_small(path, MOST_LISTED), problems.append)
    if problems:
        raise FormatError(problems[0], path=str(path))

    def one(name: PurePosixPath, run: DatasetRun | None, file: DatasetFile | None) -> Stored:
        if str(name) not in hashes:
            raise FormatError(f"{name} is not in it", path=str(path))
        here = folder / name
        in_parts = file is not None and bool(file.parts)
        return Stored(
            name,
            here.stat().st_size if here.is_file() else None,
            hashes[str(name)],
            _ANY if in_parts else _TYPES.get(name.suffix, _ANY),
            run,
            file,
        )

    return [
        one(PurePosixPath(PATH), None, None),
        *(
            one(run.folder / piece, run, file)
            for run in dataset.runs
            for file in run.files
            for piece in file.pieces
        ),
    ]


def description(dataset: Dataset) -> str:
    """A paragraph: title, what was said of it, what it holds."""
    return " ".join([*_sentences(dataset)])


def _sentences(dataset: Dataset) -> Iterator[str]:
    yield f"{dataset.title.rstrip('.')}."
    for name in TEXTS:
        if name != "citation" and (text := " ".join(getattr(dataset, name).split())):
            yield f"{name.replace('_', ' ').capitalize()}: {text.rstrip('.')}."
    frames, bad = dataset.count("frames"), dataset.count("bad")
    yield (
        f"{len(dataset.runs):,} runs with {frames:,} IEEE 802.11 frames, "
        f"{bad:,} of them with a bad FCS."
    )


def licence_url(licence: str) -> str:
    """The page of a well-known SPDX identifier; the text itself where it is none."""
    return SPDX + licence if licence in LICENCES else licence


def citation(dataset: Dataset) -> str:
    """How to cite it: as its authors say, or as DataCite would."""
    if dataset.citation:
        return " ".join(dataset.citation.split())
    names = ", ".join(author.name for author in dataset.authors)
    where = f" {DOI}{dataset.doi}" if dataset.doi else ""
    return f"{names} ({dataset.created[:4]}): {dataset.title}. Version {dataset.version}.{where}"
