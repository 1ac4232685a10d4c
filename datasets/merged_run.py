"""``run.json`` of a merged capture: what is known of all of its parts."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeVar

from .run import Counters, MergedFrom, Run, RunFile, RunInterface
from .sidecar import has_all_files, without_counters
from .walk import Interface

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Input:
    """One capture.

    Attributes:
        path: Its file.
        run: Its metadata; None if it has none.
        interfaces: Those known so far.
        note: Why what is beside it are no metadata; "" mostly.
    """

    path: Path
    run: Run | None
    interfaces: tuple[Interface, ...]
    note: str = ""

    def source(self, file: RunFile) -> MergedFrom:
        """What the merged run says of it."""
        run_id = None if self.run is None else self.run.run_id
        return MergedFrom(name=file.name, bytes=file.bytes, sha256=file.sha256, run_id=run_id)


def merged_run(inputs: Sequence[Input], first: int) -> Run:
    """One object for all.

    A value that all share stays; texts that differ stand side by side. Counters are summed, each
    run's once, if all are known, and all files of each run are there. The run's id stays if all
    files are of that run.

    Args:
        inputs: The captures, in their order.
        first: Time of the earliest packet, ns since 1970.
    """
    runs = _counted(inputs)
    snaps = [interface.snaplen for item in inputs for interface in item.interfaces]
    names = [
        item.run.interface if item.run else _texts(each.name for each in item.interfaces)
        for item in inputs
    ]
    start = min((run.start for run in runs), default=first)
    run = Run.begin(
        interface=_texts(names),
        start=start,
        snap_length=max([run.snap_length for run in runs] or snaps, default=0),
        ended_by="merge",
    )
    if not runs:
        return run
    ends = [run.end for run in runs if run.end is not None]
    ids = {run.run_id for run in runs}
    is_one = len(ids) == 1 and len(runs) == len(inputs)
    facts = {item.name: getattr(run, item.name) for item in fields(Run)}
    facts.update(
        run_id=runs[0].run_id if is_one else run.run_id,
        end=max(ends) if len(ends) == len(runs) == len(inputs) else None,
        host=_texts(run.host for run in runs),
        os=_texts(run.os for run in runs),
        driver=_texts(run.driver for run in runs),
        channel=_texts(run.channel or "" for run in runs) or None,
        time_stamp_type=_common(run.time_stamp_type for run in runs),
        filter=_common(run.filter for run in runs),
        monitor_flags=_common(run.monitor_flags for run in runs),
        meta={
            key: _texts(run.meta[key] for run in runs if key in run.meta)
            for key in dict.fromkeys(key for run in runs for key in run.meta)
        },
        comment=_texts(run.comment for run in runs),
        interfaces=_interfaces(runs) if len(runs) == len(inputs) else (),
        counters=_sum(runs) if len(runs) == len(inputs) else None,
    )
    return Run(**facts)


def _counted(inputs: Sequence[Input]) -> list[Run]:
    """Their runs, without counters where these also are of frames in files that are not there."""
    files: dict[str, list[Path]] = {}
    runs = []
    for item in inputs:
        if item.run is not None:
            files.setdefault(item.run.run_id, []).append(item.path)
            runs.append(item.run)
    each = {run.run_id: run for run in runs}
    whole = {run_id for run_id, run in each.items() if has_all_files(run, files[run_id])}
    return [run if run.run_id in whole else without_counters(run) for run in runs]


def _common(values: Iterable[T]) -> T | None:
    """The value that all have; None if they differ."""
    first, *others = values
    return first if all(other == first for other in others) else None


def _interfaces(runs: Sequence[Run]) -> tuple[RunInterface, ...]:
    """Those of all runs, each run's once; none if they are not known of one."""
    each = {run.run_id: run.interfaces for run in runs}
    return tuple(itertools.chain(*each.values())) if all(each.values()) else ()


def _texts(texts: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(text for text in texts if text))


def _sum(runs: Iterable[Run]) -> Counters | None:
    each = {run.run_id: run.counters for run in runs}
    known = [counters for counters in each.values() if counters is not None]
    if len(known) < len(each):
        return None
    return Counters.sum(known)
