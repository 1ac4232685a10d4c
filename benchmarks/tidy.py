"""Merging, converting and recovering large captures, beside Wireshark's mergecap and editcap.

Whole commands are timed, start-up included. wtrec waits until its file is on the disk, and compares
what it has recovered; the others do not. Memory is the highest resident set, mapped parts of the
input included.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wtrec.datasets.walk import Records, Walk

from .analysis import peak_of
from .corpus import repeat, source

WTREC = str(Path(sys.executable).with_name("wtrec"))
_STEP_NS = 100_000


@dataclass(frozen=True, slots=True)
class Row:
    """One command: seconds of wall clock and of processors, the best of its runs; memory."""

    job: str
    tool: str
    frames: int
    seconds: float
    busy: float
    megabytes: float


def timed(words: list[str], runs: int) -> tuple[float, float, float]:
    """Seconds, busy ones, and MB resident at most, of a command that ends well or with loss."""
    best, busy, memory = float("inf"), float("inf"), 0.0
    for _ in range(runs):
        started = time.perf_counter()
        child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while True:
            time.sleep(0.005)
            memory = max(memory, peak_of(child.pid))
            ended, status, usage = os.wait4(child.pid, os.WNOHANG)
            if ended:
                break
        child.returncode = os.waitstatus_to_exitcode(status)
        assert child.returncode in {0, 3}, words
        best = min(best, time.perf_counter() - started)
        busy = min(busy, usage.ru_utime + usage.ru_stime)
    return best, busy, memory


def _spread(path: Path, offset: int) -> None:
    """Give the packets of a little-endian capture rising times, a step apart."""
    data = bytearray(path.read_bytes())
    with Walk(path) as walk:
        number = 0
        for event in walk:
            if not isinstance(event, Records):
                continue
            starts = event.where.start + event.offset
            for start in starts.tolist():
                ticks = 10**15 + (number * _STEP_NS + offset) // 1000
                at = start - 16
                data[at : at + 8] = (ticks >> 32).to_bytes(4, "little") + (
                    ticks & 0xFFFFFFFF
                ).to_bytes(4, "little")
                number += 1
    path.write_bytes(data)


def run(quick: bool) -> list[Row]:
    """Measure each; ``quick`` takes a tenth."""
    frames = 50_000 if quick else 500_000
    runs = 3
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parts = []
        for k in range(4):
            part = folder / f"part{k}.pcapng"
            repeat(source(folder), part, frames=frames)
            _spread(part, k * 31_000)
            parts.append(str(part))
        ours, theirs = str(folder / "ours.pcapng"), str(folder / "theirs.pcapng")
        old = str(folder / "old.pcap")
        damaged = folder / "damaged.pcapng"
        rows = []

        def add(job: str, tool: str, count: int, *words: str) -> None:
            rows.append(Row(job, tool, count, *timed(list(words), runs)))

        for many in (2, 4):
            count = many * frames
            chosen = parts[:many]
            job = f"merge {many}"
            add(job, "wtrec", count, WTREC, "merge", "-q", "--force", *chosen, "-o", ours)
            add(job, "mergecap", count, "mergecap", "-w", theirs, *chosen)
            assert _times(Path(ours)) == _times(Path(theirs))
        count = 4 * frames
        convert = [WTREC, "convert", "-q", "--force"]
        add("to pcap", "wtrec", count, *convert, ours, "-o", old)
        add("to pcap", "editcap", count, "editcap", "-F", "pcap", ours, str(folder / "t.pcap"))
        add("to pcapng", "wtrec", count, *convert, old, "-o", str(folder / "back.pcapng"))
        add("to pcapng", "editcap", count, "editcap", "-F", "pcapng", old, theirs)
        add("to frames", "wtrec", count, *convert, ours, "-o", str(folder / "f.parquet"))
        damaged.write_bytes(Path(ours).read_bytes())
        with damaged.open("r+b") as file:
            for at in np.linspace(10_000, damaged.stat().st_size - 10_000, 50).astype(int):
                file.seek(int(at))
                file.write(bytes(100))
        fixed = str(folder / "fixed.pcapng")
        add("recover", "wtrec", count, WTREC, "recover", "-q", "--force", str(damaged), "-o", fixed)
        return rows


def _times(path: Path) -> int:
    """A hash of the times of all packets, in their order."""
    with Walk(path) as walk:
        return hash(
            b"".join(event.where.time.tobytes() for event in walk if isinstance(event, Records))
        )


def report(rows: list[Row]) -> None:
    """Print the table and the ratios."""
    print(f"{'':12}{'tool':12}{'frames':>12}{'seconds':>10}{'busy':>8}{'MB':>8}")
    for row in rows:
        times = f"{row.seconds:>10.2f}{row.busy:>8.2f}"
        print(f"{row.job:12}{row.tool:12}{row.frames:>12,}{times}{row.megabytes:>8.0f}")
    peers = {row.job: row for row in rows if row.tool != "wtrec"}
    for row in rows:
        if row.tool == "wtrec" and row.job in peers:
            peer = peers[row.job]
            ratio, busy = peer.seconds / row.seconds, peer.busy / row.busy
            print(
                f"{row.job}: wtrec is {ratio:.1f} times as fast as {peer.tool} "
                f"({busy:.1f} times by processor time)"
            )


if __name__ == "__main__":
    report(run("--quick" in sys.argv))
