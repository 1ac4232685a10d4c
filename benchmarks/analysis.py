"""``wtrec analyze`` of large captures: time, cores and memory, beside tshark and pyshark.

Short frames against a payload rule, and a run of long ones against its tx log, with a report: each
of 1 and of 2 GB, since memory must not grow. tshark prints the same columns and counts nothing;
pyshark does what a notebook does with it, see :mod:`.notebook`. Theirs are pieces of the capture:
what counts is the time for each frame, that of the clock and that which processors were busy.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from wtrec.recorder.simulate import Simulation
from wtrec.recorder.simulated_run import write_run

from .corpus import PAYLOAD, repeat, repeat_run, source
from .decode import FIELDS, WTREC
from .documents import put, table

# 54 Mbit/s near the edge: a third of the frames is bad. They take five seconds on the air, more
# than the analysis looks back in a tx log, so that copies are as good as new packets.
LINK = Simulation(points=((54.0, 17.5),), channel="awgn", frames=12_500, length=1500)
MOST_REPORT = 2_000_000  # bytes


@dataclass(frozen=True, slots=True)
class Row:
    """One command over one capture.

    Attributes:
        what: The command, and of which capture.
        size: Bytes of the capture.
        frames: In it.
        seconds: On the clock.
        busy: Seconds of processors, the command's and those of what it starts.
        peak_mb: Resident memory.
    """

    what: str
    size: int
    frames: int
    seconds: float
    busy: float
    peak_mb: float


@dataclass(frozen=True, slots=True)
class Runs:
    """What came out.

    Attributes:
        ours: By payload rule, then by tx log, of the smaller and the larger capture each.
        peers: tshark, pyshark.
        report: Bytes of the report of the last of ours.
        whole: Whether this was a whole run.
    """

    ours: list[Row]
    peers: list[Row]
    report: int
    whole: bool


def _measured(what: str, capture: Path, frames: int, *words: str | Path) -> Row:
    started = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak_mb = 0.0
    while True:
        time.sleep(0.02)
        peak_mb = max(peak_mb, peak_of(process.pid))
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        if ended:
            break
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, words
    busy = usage.ru_utime + usage.ru_stime
    return Row(what, capture.stat().st_size, frames, seconds, busy, peak_mb)


def peak_of(process: int) -> float:
    """Most memory so far; what the system says at the end counts our own, before the exec."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def run(quick: bool) -> Runs:
    """Measure; ``quick``: a tenth."""
    part = 10 if quick else 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _by_rule(folder, 1)  # kernels are compiled
        ours = [_by_rule(folder, factor * 1_000_000_000 // part) for factor in (1, 2)]
        link = folder / "link.pcapng"
        write_run(LINK, link)
        report = folder / "report.html"
        _by_tx_log(folder, link, 1, report)
        ours += [_by_tx_log(folder, link, factor * 50 // part, report) for factor in (1, 2)]
        peers = [_tshark(folder, 200_000 // part), _pyshark(folder, 20_000 // part)]
        return Runs(ours, peers, report.stat().st_size, not quick)


def _by_rule(folder: Path, size: int) -> Row:
    path = folder / "short.pcapng"
    frames = repeat(source(folder), path, size=size)
    words = (WTREC, "analyze", path, "--payload", PAYLOAD, "-q")
    row = _measured("wtrec analyze, payload rule", path, frames, *words)
    path.unlink()
    return row


def _by_tx_log(folder: Path, link: Path, copies: int, report: Path) -> Row:
    path = folder / "long.pcapng"
    frames = repeat_run(link, path, copies)
    words = (WTREC, "analyze", path, "--report", report, "-q")
    return _measured("wtrec analyze, tx log, with report", path, frames, *words)


def _tshark(folder: Path, frames: int) -> Row:
    path = folder / "piece.pcapng"
    repeat(source(folder), path, frames=frames)
    columns = [word for field in FIELDS for word in ("-e", field)]
    check = ("-o", "wlan.check_checksum:TRUE")
    words = ["tshark", "-r", str(path), *check, "-T", "fields", *columns]
    return _measured("tshark -T fields", path, frames, *words)


def _pyshark(folder: Path, frames: int) -> Row:
    path = folder / "piece.pcapng"
    repeat(source(folder), path, frames=frames)
    words = (sys.executable, "-m", "wtrec.benchmarks.notebook", path)
    return _measured("pyshark, as in a notebook", path, frames, *words)


def report(runs: Runs) -> None:
    """Print the table, and put that of a whole run into the documents."""
    lines = "".join(f"{line}\n" for line in _summary(runs))
    text = f"{_table(runs)}\n{lines}"
    print(text, end="")
    if runs.whole:
        put("analyze.md", "analysis.py", f"\n{text}\n")
    assert runs.report < MOST_REPORT


def _table(runs: Runs) -> str:
    head = ["", "MB", "frames", "s", "cores busy", "peak MB", "us/frame"]
    return table(
        head,
        [
            [
                row.what,
                f"{row.size / 1e6:,.0f}",
                f"{row.frames:,}",
                f"{row.seconds:,.1f}",
                f"{row.busy / row.seconds:.2f}",
                f"{row.peak_mb:,.0f}",
                f"{1e6 * row.seconds / row.frames:,.1f}",
            ]
            for row in runs.ours + runs.peers
        ],
    )


def _summary(runs: Runs) -> list[str]:
    ours = runs.ours[1]

    def slower(peer: Row) -> str:
        clock = peer.seconds / peer.frames / (ours.seconds / ours.frames)
        busy = peer.busy / peer.frames / (ours.busy / ours.frames)
        return (
            f"{clock:,.0f} times as long as `{ours.what}` ({busy:,.0f} times the processor's time)"
        )

    return [
        *(f"- {peer.what}: a frame takes {slower(peer)}." for peer in runs.peers),
        f"- The report on {runs.ours[-1].frames:,} frames has {runs.report / 1e6:.2f} MB.",
    ]


if __name__ == "__main__":
    report(run("--quick" in sys.argv))
