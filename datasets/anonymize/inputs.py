"""The files of runs that are to be anonymised: those of a dataset, or those beside captures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import FormatError
from ..files import sha256_of
from ..parts import Parts
from ..run import Run
from ..sharing.bag import read_small
from ..sharing.create import PART_BYTES
from ..sharing.dataset import MOST_BYTES, PATH, REQUIRED, TEXTS, Dataset, load
from ..sharing.gather import gather

Readable = Path | Parts
_MOST_RUN = 16 << 20


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file: its name, what it is, where it is read, and of captures the SHA-256."""

    name: str
    kind: str
    path: Readable
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class InputRun:
    """A run: its id, ``run.json`` if it has one, and its files."""

    id: str
    run: Run | None
    files: tuple[InputFile, ...]

    def of_kind(self, *kinds: str) -> list[InputFile]:
        """Its files of these kinds."""
        return [file for file in self.files if file.kind in kinds]


def of_captures(captures: Sequence[Path]) -> list[InputRun]:
    """Runs by a capture of each, with what stands beside it.

    Raises:
        DatasetError: A name cannot be in a dataset.
        FormatError: ``run.json`` cannot be read.
        OSError: A capture cannot be read.
    """
    return [
        InputRun(
            run.id,
            run.run,
            tuple(
                InputFile(path.name, kind, path, sha256_of(path) if kind == "capture" else "")
                for path, kind in run.files
            ),
        )
        for run in gather(captures, PART_BYTES)
    ]


def of_dataset(folder: Path) -> tuple[list[InputRun], dict[str, Any]]:
    """The runs of a dataset, and its metadata but for what names this dataset alone.

    Raises:
        FormatError: ``dataset.json`` or a ``run.json`` cannot be read, or a file is a link.
        OSError: A file cannot be opened.
    """
    dataset = load(read_small(folder / PATH, MOST_BYTES), str(folder / PATH))
    runs = []
    for run in dataset.runs:
        files = []
        recorded = None
        for file in run.files:
            pieces = tuple(folder / run.folder / piece for piece in file.pieces)
            for piece in pieces:
                if piece.is_symlink() or not piece.is_file():
                    raise FormatError("not a regular file", path=str(piece))
            path: Readable = pieces[0] if len(pieces) == 1 else Parts(pieces)
            files.append(InputFile(file.name, file.kind, path, file.sha256))
            if file.kind == "run":
                content = b"".join(read_small(piece, _MOST_RUN) for piece in pieces)
                recorded = Run.from_json(content, path=str(pieces[0]))
        runs.append(InputRun(run.id, recorded, tuple(files)))
    return runs, _metadata(dataset)


def _metadata(dataset: Dataset) -> dict[str, Any]:
    value = dataset.to_json()
    return {name: value[name] for name in (*REQUIRED, *TEXTS, "keywords") if value[name]}
