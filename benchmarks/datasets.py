"""Making and verifying datasets, beside sha256sum of the same bytes.

Whole commands are timed, start-up included, with the files in memory. ``create`` waits until its
copy is on the disk, which ``sha256sum`` does not need: so the rate of ``dd conv=fsync`` stands
beside. Both decode each capture as well, and check the FCS of every frame.

Then it is shared in a folder, and a second version of it, with the same captures: the push of that
and its pull beside the first find nearly all bytes where they go.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from .corpus import repeat, source
from .tidy import WTREC, timed

RUNS = 3
_SAID = ("--title", "T", "--author", "A", "--licence", "CC0-1.0", "-q")


@dataclass(frozen=True, slots=True)
class Row:
    """One command: MB/s, the best of its runs; MB resident at most; share of bytes moved."""

    job: str
    tool: str
    rate: float
    megabytes: float | None
    moved: float | None = None


def run(quick: bool) -> list[Row]:
    """Measure one capture, and four of the same size together."""
    size = (200 if quick else 1000) << 20
    rows = []
    for count in (1, 4):
        with tempfile.TemporaryDirectory() as name:
            rows += _of(Path(name), count, size // count)
    return rows


def _of(folder: Path, count: int, size: int) -> list[Row]:
    corpus = source(folder)
    frames = 20_000
    repeat(corpus, folder / "probe.pcapng", frames=frames)
    frames = int(frames * size / (folder / "probe.pcapng").stat().st_size)
    captures = [folder / f"run{k}.pcapng" for k in range(count)]
    for capture in captures:
        repeat(corpus, capture, frames=frames)
    words = [str(capture) for capture in captures]
    total = sum(capture.stat().st_size for capture in captures)
    job = f"{count} of {size >> 20} MiB"
    rows = []

    def add(tool: str, *command: str) -> None:
        seconds, _, memory = timed(list(command), 1)
        rows.append(Row(job, tool, total / seconds / 1e6, memory))

    for _ in range(RUNS):  # in turn: machines are busy now and then
        shutil.rmtree(folder / "bench-1", ignore_errors=True)
        add("sha256sum", "sha256sum", *words)
        add(
            "dd conv=fsync",
            "sh",
            "-c",
            'cat "$@" | dd bs=1M conv=fsync of=$0',
            str(folder / "copy"),
            *words,
        )
        (folder / "copy").unlink()
        add("create", WTREC, "dataset", "create", "bench", *words, "-d", str(folder), *_SAID)
        add("verify", WTREC, "dataset", "verify", str(folder / "bench-1"), "-q")
    rows += _shared(folder, words, job, total)
    tools = list(dict.fromkeys(row.tool for row in rows))
    return [
        max((row for row in rows if row.tool == tool), key=lambda row: row.rate) for tool in tools
    ]


def _shared(folder: Path, captures: list[str], job: str, total: int) -> list[Row]:
    """A push, and push and pull of a second version beside the first."""
    remote, made = folder / "remote", folder / "second"
    remote.mkdir()
    made.mkdir()
    first, second = str(folder / "bench-1"), str(made / "bench-2")
    version = ("--version", "2", "-d", str(made))
    subprocess.run(
        [WTREC, "dataset", "create", "bench", *captures, *version, *_SAID],
        check=True,
        capture_output=True,
    )
    rows = []
    for tool, *words in (
        ("push", "push", first, str(remote)),
        ("push version 2", "push", second, str(remote)),
        ("pull version 2", "pull", str(remote), "bench@2", "-d", str(folder)),
    ):
        started = time.perf_counter()
        done = subprocess.run(
            [WTREC, "dataset", *words, "-q"], check=True, capture_output=True, text=True
        )
        seconds = time.perf_counter() - started
        found = re.search(r"([\d,]+) bytes copied", done.stdout)
        assert found, done.stdout
        moved = int(found[1].replace(",", "")) / total
        rows.append(Row(job, tool, total / seconds / 1e6, None, moved))
    return rows


def report(rows: list[Row]) -> None:
    """A table, with the ratio to sha256sum."""
    print(
        f"{'captures':>14}  {'tool':<14} {'MB/s':>7} {'of sha256sum':>13} {'MB resident':>12} "
        f"{'bytes moved':>12}"
    )
    base = 0.0
    for row in rows:
        base = row.rate if row.tool == "sha256sum" else base
        resident = "" if row.megabytes is None else f"{row.megabytes:.0f}"
        moved = "" if row.moved is None else f"{row.moved:.4%}"
        print(
            f"{row.job:>14}  {row.tool:<14} {row.rate:7.0f} {row.rate / base:13.0%} "
            f"{resident:>12} {moved:>12}"
        )
