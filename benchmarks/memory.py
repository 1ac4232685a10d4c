"""Peak memory of ``wtrec analyze``: it must not grow with the capture."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from .corpus import PAYLOAD, repeat, source

WTREC = str(Path(sys.executable).with_name("wtrec"))


@dataclass(frozen=True, slots=True)
class Row:
    """One capture: its size and frames, the command's peak resident memory, its time."""

    size: int
    frames: int
    peak_mb: float
    seconds: float


def run(quick: bool) -> list[Row]:
    """Analyze captures of 1 and 2 GB; ``quick``: of 100 and 200 MB."""
    unit = 100_000_000 if quick else 1_000_000_000
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        capture = source(folder)
        for factor in (1, 2):
            path = folder / "big.pcapng"
            frames = repeat(capture, path, size=factor * unit)
            started = time.perf_counter()
            process = subprocess.Popen(
                [WTREC, "analyze", path, "--payload", PAYLOAD, "-q"], stdout=subprocess.DEVNULL
            )
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - started
            process.returncode = os.waitstatus_to_exitcode(status)
            assert process.returncode == 0
            rows.append(Row(path.stat().st_size, frames, usage.ru_maxrss * 1024 / 1e6, seconds))
            path.unlink()
    return rows


def report(rows: list[Row]) -> None:
    """Print the table."""
    print(f"{'capture MB':>12}{'frames':>14}{'peak MB':>10}{'seconds':>10}")
    for row in rows:
        print(f"{row.size / 1e6:>12,.0f}{row.frames:>14,}{row.peak_mb:>10,.0f}{row.seconds:>10.1f}")


if __name__ == "__main__":
    report(run("--quick" in sys.argv))
