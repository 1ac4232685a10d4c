"""Whether the files of a run say the same of each other, by what was found in each."""

from __future__ import annotations

from collections.abc import Iterator

from ..run import Run
from .dataset import DatasetFile, DatasetRun

_OF_A_CAPTURE = ("results", "masks", "frames", "analysis")


def contradictions(run: DatasetRun) -> Iterator[tuple[DatasetFile, str]]:
    """Files that cannot be of one run, and why.

    Tables and analyses must be of one of its captures, by SHA-256, and have no more rows than it
    has frames; the tx log must have its run id.
    """
    captures = {file.sha256: file for file in run.of_kind("capture")}
    for kind in _OF_A_CAPTURE:
        for file in run.of_kind(kind):
            digest = file.facts.get("capture_sha256", "")
            if digest not in captures:
                said = f"SHA-256 {digest[:12]}…" if digest else "nobody knows which"
                yield file, f"of another capture ({said}), wanted one of its run; make it again"
                continue
            rows, frames = file.counts.get("rows", 0), captures[digest].counts.get("frames", 0)
            most = frames * max(1, file.counts.get("loops", 1))
            if rows > most or (kind == "frames" and rows != frames):
                yield file, f"{rows:,} rows, its capture has {frames:,} frames"
    for file in run.of_kind("tx"):
        run_id = file.facts.get("run_id")
        if run_id is not None and run.run_id is not None and run_id != run.run_id:
            yield file, f"of run {run_id[:40]}, wanted {run.run_id}"


def disagreements(run: DatasetRun, recorded: Run) -> Iterator[str]:
    """What ``run.json`` says otherwise than the captures do; a sentence each."""
    captures = {file.name: file for file in run.of_kind("capture")}
    for said in recorded.files:
        file = captures.get(said.name)
        if file is not None and said.sha256 is not None and said.sha256 != file.sha256:
            yield f"{file.name} is not as it was when its recorder ended, says run.json"
    tables = (".parquet", ".arrows")  # a run's tx log stands among its files, too
    names = {said.name for said in recorded.files if not said.name.endswith(tables)}
    is_all = names in (set(), set(captures))
    packets = sum(file.counts.get("packets", 0) for file in captures.values())
    if is_all and recorded.counters is not None and recorded.counters.written != packets:
        yield f"{packets:,} packets, run.json says that {recorded.counters.written:,} were written"
