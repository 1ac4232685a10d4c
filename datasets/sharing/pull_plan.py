"""What a pull may write: no more than ``dataset.json`` has.

A list of a few lines can name one large object a thousand times. So ``dataset.json`` comes first,
and a file that it does not have, or has in another size, ends the pull before it takes room.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from ...errors import DatasetError
from .dataset import PATH, Dataset

MOST_TAGS = 256 << 20
"""Bytes of all files that are not of runs, but for ``dataset.json``."""


def pieces_of(dataset: Dataset) -> list[tuple[list[str], int]]:
    """The paths in which each file of each run stands, and its bytes."""
    return [
        ([f"{run.folder}/{piece}" for piece in file.pieces], file.bytes)
        for run in dataset.runs
        for file in run.files
    ]


def contradiction(dataset: Dataset, listed: Mapping[str, str]) -> str:
    """What a list has otherwise than the dataset; empty if nothing.

    Args:
        dataset: What ``dataset.json`` says.
        listed: SHA-256 by path.
    """
    said = {f"{run.folder}/{file.name}": file for run in dataset.runs for file in run.files}
    wanted = {path for paths, _ in pieces_of(dataset) for path in paths} | {PATH}
    for path in listed:
        if path.startswith("data/") and path not in wanted:
            return f"{path}: {PATH} does not have it"
        file = said.get(path)
        if file is not None and not file.parts and file.sha256 != listed[path]:
            return f"{path}: {PATH} has another SHA-256"
    missing = next((path for path in sorted(wanted) if path not in listed), None)
    return "" if missing is None else f"{missing}: not in its list"


def bytes_of(dataset: Dataset, coming: Collection[str], size_here: Callable[[str], int]) -> int:
    """The bytes that paths will take, in all places.

    Args:
        dataset: What ``dataset.json`` says.
        coming: The paths.
        size_here: Bytes of another piece of their files, which is here.
    """
    paths_of = set(coming)
    return sum(
        size - sum(size_here(path) for path in paths if path not in paths_of)
        for paths, size in pieces_of(dataset)
        if not paths_of.isdisjoint(paths)
    )


def refuse_other_sizes(
    dataset: Dataset, coming: Mapping[str, int], size_here: Callable[[str], int], where: str
) -> None:
    """Refuse files that are larger or smaller at a remote than they should be.

    Args:
        dataset: What ``dataset.json`` says.
        coming: Bytes of each path, as the remote says.
        size_here: Bytes of another piece of their files, which is here.
        where: The remote, for messages.

    Raises:
        DatasetError: One is.
    """
    for paths, size in pieces_of(dataset):
        if coming.keys().isdisjoint(paths):
            continue
        found = sum(coming[path] if path in coming else size_here(path) for path in paths)
        if found != size:
            raise DatasetError(
                f"{where}: {paths[0]}: {found:,} bytes, {PATH} says {size:,}; push the dataset "
                "again"
            )


def unasked(dataset: Dataset, only: Collection[str]) -> set[str]:
    """The files of runs that are of other kinds.

    Raises:
        DatasetError: There is nothing of the kinds asked for.
    """
    kinds = {file.kind for run in dataset.runs for file in run.files}
    if not kinds & set(only):
        raise DatasetError(
            f"{dataset.name} {dataset.version} has no {' or '.join(sorted(only))}; "
            f"it has {', '.join(sorted(kinds))}"
        )
    return {
        f"{run.folder}/{piece}"
        for run in dataset.runs
        for file in run.files
        if file.kind not in only
        for piece in file.pieces
    }
