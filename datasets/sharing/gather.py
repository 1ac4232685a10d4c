"""The files of runs, found by their names beside the captures."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import DatasetError
from ..run import (
    Run,
    analysis_path,
    frames_path,
    masks_path,
    results_beside,
    run_json_path,
    run_stem,
)
from ..txlog import tx_log_beside
from .names import check_name, is_name, part_names, unique


@dataclass(frozen=True, slots=True)
class Gathered:
    """One run.

    Attributes:
        id: What its folder in the dataset is called: its stem.
        run: Its ``run.json``; None without one.
        files: Its files, and the kind of each.
    """

    id: str
    run: Run | None
    files: tuple[tuple[Path, str], ...]


def gather(captures: Sequence[Path], part_bytes: int = sys.maxsize) -> list[Gathered]:
    """The runs of captures, each with all of its files that there are.

    A capture in several files brings the others that its ``run.json`` names.

    Args:
        captures: One of each run.
        part_bytes: Larger files will be split; none if not given.

    Raises:
        DatasetError: A name cannot be in a dataset, as that of a file, of a part of it or of a run;
            or a file would be in too many parts.
        FormatError: ``run.json`` cannot be read.
    """
    runs: list[Gathered] = []
    taken: set[str] = set()
    seen: set[Path] = set()
    for capture in captures:
        if capture.resolve() in seen:
            continue
        sidecar = run_json_path(capture)
        run = Run.load(sidecar) if sidecar.exists() else None
        own = _captures_of(capture, run)
        seen |= {path.resolve() for path in own}
        files = [(sidecar, "run")] if run is not None else []
        files += [(path, "capture") for path in own]
        log = tx_log_beside(capture)
        files += [(log, "tx")] if log is not None else []
        for path in own:
            files += [(masks_path(path), "masks")] if masks_path(path).exists() else []
            files += [(frames_path(path), "frames")] if frames_path(path).exists() else []
            files += [(results, "results") for results in results_beside(path)]
            files += [(analysis_path(path), "analysis")] if analysis_path(path).exists() else []
        name = unique(run_stem(capture), taken)
        runs.append(Gathered(name, run, tuple(dict(files).items())))
        check_run(runs[-1], part_bytes)
    return runs


def check_run(run: Gathered, part_bytes: int) -> None:
    """Refuse what cannot be in a dataset; see :func:`gather`."""
    for path, _ in run.files:
        _check(path, part_bytes)
    capture = next(path for path, kind in run.files if kind == "capture")
    try:
        check_name(run.id)
    except ValueError as error:
        raise DatasetError(f"{capture}: its run would be {run.id!a}: {error}; rename it") from None


def _captures_of(capture: Path, run: Run | None) -> list[Path]:
    names = [] if run is None else [file.name for file in run.files]
    if capture.name not in names:  # a converted or recovered copy
        return [capture]
    beside = [capture.with_name(name) for name in names if is_name(name)]
    return [path for path in beside if path.is_file()]


def _check(path: Path, part_bytes: int) -> None:
    try:
        parts = part_names(path.name, path.stat().st_size, part_bytes)
    except ValueError as error:
        raise DatasetError(f"{path}: {error}") from None
    try:
        check_name(parts[-1] if parts else path.name)
    except ValueError as error:
        what = f"its parts, {parts[-1]!a}: {error}" if parts else str(error)
        raise DatasetError(f"{path}: {what}; rename it, and all files of its run") from None
