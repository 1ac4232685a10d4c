"""``run.json`` beside captures: whose it is, and what of it holds for what is made of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from ..errors import FormatError
from .pcapng_layout import MAX_LENGTH
from .pcapng_values import encode_text
from .run import Run, RunFile, run_json_path, run_stem, stem


def run_of(capture: Path, comments: Iterable[str]) -> tuple[Run | None, str]:
    """A capture's metadata: ``run.json`` beside it, or else a comment of its section header.

    Returns:
        The metadata if there are some, and why the file beside it was passed over; "" if it was
        not.
    """
    sidecar, why = run_json_path(capture), ""
    if sidecar.exists():
        try:
            return Run.load(sidecar), ""
        except (FormatError, OSError) as error:
            why = f"run.json cannot be read, and is passed over: {error}"
    for comment in comments:
        try:
            return Run.from_json(comment), why
        except FormatError:
            continue
    return None, why


def has_all_files(run: Run, captures: Iterable[Path]) -> bool:
    """Whether these are all files that the run ever had: what it counted is in them.

    A run in several files begins with number 1; the oldest may be gone.
    """
    captures = list(captures)
    if all(stem(path) == run_stem(path) for path in captures):
        return len(run.files) <= 1
    names = {file.name for file in run.files}
    is_from_first = any(re.search(r"_00001_\d{14}\.", name) for name in names)
    return is_from_first and names <= {path.name for path in captures}


def without_counters(run: Run) -> Run:
    """What holds for some files of a run, too: it counted frames of all of them."""
    interfaces = tuple(replace(each, counters=None) for each in run.interfaces)
    return replace(run, counters=None, interfaces=interfaces)


def copied_run_path(capture: Path, output: Path) -> Path | None:
    """Where :func:`copy_run` will write; None if there is nothing to copy."""
    sidecar, target = run_json_path(capture), run_json_path(output)
    is_own = target.exists() and sidecar.exists() and target.samefile(sidecar)
    return target if sidecar.exists() and not is_own else None


def copy_run(capture: Path, output: Path) -> list[str]:
    """Give a new file the metadata of the capture that it was made of: it is of the same run.

    Nothing is done if there are none, or if both files have the same.

    Args:
        capture: The capture, which may have ``run.json`` beside it.
        output: The new file, which is whole.

    Returns:
        What is to be known, a sentence each.
    """
    target = copied_run_path(capture, output)
    if target is None:
        return []
    run, why = run_of(capture, [])
    if run is None:
        return [why]
    notes = []
    if run.counters is not None and not has_all_files(run, [capture]):
        run = without_counters(run)
        notes.append(f"{target}: no counters: those of the run are of further files, too")
    replace(run, files=(RunFile.of(output),)).save(target)
    return notes


def embedded(run: Run, *, even: Sequence[tuple[str, object]] = ()) -> str | None:
    """The metadata as a comment of a section header, without what makes them too long for one.

    What is left out, in this order: the filter's program, the interfaces, what it was merged from,
    the user's keys and values. None if the rest is still too long; ``run.json`` has it all.

    Args:
        run: The metadata.
        even: Members that may be left out after these, each with what stands in its place.
    """
    shorter = [run]
    if run.filter is not None:
        shorter.append(replace(run, filter=replace(run.filter, program="")))
    for member, nothing in (("interfaces", ()), ("merged_from", ()), ("meta", {}), *even):
        shorter.append(replace(shorter[-1], **{member: nothing}))  # type: ignore[arg-type]
    for each in shorter:
        text = each.to_json(indent=None)
        if len(encode_text(text)) <= MAX_LENGTH:
            return text
    return None
