"""Departures of ``wtrec replay --to`` beside tcpreplay: achieved rates, and how late frames leave.

Both replay frames of the same lengths and times into a simulated monitor interface in a network
namespace of its own: at constant rates, and at recorded times, whose gaps are exponential.
tcpreplay 4.4 takes no Radiotap: it gets its packets as Ethernet. tcpdump records the interface
with the kernel's time stamps, which is what is judged, of both: the error of the rate is that of
the time from the first frame to the last; late is how long after its due time a frame was seen,
counted from the one that was the most in time. Rounds alternate between the tools, and the frames
of all rounds are judged together. All processes have the highest priority (nice) in
their session, and their session of all.

Needs root, tcpdump and tcpreplay (apt install tcpreplay; without it, wtrec is measured alone):
``sudo .venv/bin/python -m wtrec.benchmarks.departures [--quick]``. A whole run writes its table
into docs/replay.md.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wtrec.datasets import pcapng
from wtrec.datasets.walk import Records, Walk
from wtrec.dot11 import fcs, radiotap
from wtrec.recorder.interface import has_listener
from wtrec.recorder.tun import MonitorTun

from .capture import WTREC, unshare_network
from .documents import put, table

RATES = (1_000, 10_000, 50_000)
RECORDED_FPS = 2_000  # on average
SPEEDS = (1, 10)
LENGTH = 500
NAME = "mon9"
ROUNDS = 2
START = 1_700_000_000_000_000_000


@dataclass(frozen=True, slots=True)
class Seen:
    """One run.

    Attributes:
        frames: Frames that tcpdump saw.
        due_ns: From when the first was due to when the last was.
        took_ns: From the first to the last.
        late_us: How late each was.
        cpu_s: CPU time of all processes.
    """

    frames: int
    due_ns: int
    took_ns: int
    late_us: NDArray[np.float64]
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Row:
    """All runs of a tool at a pace.

    Attributes:
        tool: What replayed.
        pace: As it was asked.
        asked: Frames/s.
        achieved: Frames/s.
        sent: Frames of the capture, in all runs.
        seen: Frames that tcpdump saw.
        late_us: How late frames were: half, 99 of 100, all were no later.
        cpu: CPU seconds per second.
    """

    tool: str
    pace: str
    asked: float
    achieved: float
    sent: int
    seen: int
    late_us: tuple[float, float, float]
    cpu: float


def run(quick: bool) -> list[Row]:
    """Measure; ``quick`` takes a second for each only."""
    unshare_network()
    os.nice(-20)
    Path("/proc/self/autogroup").write_text("-20", encoding="ascii")
    Path("/proc/sys/net/ipv6/conf/default/disable_ipv6").write_text("1")  # nothing but ours
    if shutil.which("tcpdump") is None:
        raise SystemExit("benchmarks/departures.py: tcpdump is missing: apt install tcpdump")
    tools = ["wtrec"]
    if shutil.which("tcpreplay") is None:
        print("tcpreplay is missing, wtrec is measured alone: apt install tcpreplay")
    else:
        tools.append("tcpreplay")
    seconds, rounds = (1, 1) if quick else (10, ROUNDS)
    rows = []
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        capture = Path(folder) / "run.pcapng"
        for rate in RATES:
            due = (np.arange(rate * seconds) * 1e9 / rate).astype(np.int64)
            options = {"wtrec": ["--pps", str(rate)], "tcpreplay": ["--pps", str(rate)]}
            rows += _rows(tools, f"{rate} frames/s", options, due, due, capture, rounds)
        for speed in SPEEDS:
            gaps = np.random.default_rng(1).exponential(
                1e9 / RECORDED_FPS, RECORDED_FPS * seconds * speed
            )
            recorded = np.cumsum(gaps).astype(np.int64)
            due = (recorded - recorded[0]) // speed
            options = {"wtrec": ["--rate", str(speed)], "tcpreplay": ["--multiplier", str(speed)]}
            rows += _rows(tools, f"recorded x{speed}", options, recorded, due, capture, rounds)
    if not quick:
        put("replay.md", "departures.py", _markdown(rows))
    return rows


def _write(path: Path, times: NDArray[np.int64], tool: str) -> None:
    """A capture of frames at these times, of the link type that a tool takes."""
    head = radiotap.build(flags=radiotap.Flags.FCS, rate=108)
    packet = head + fcs.append(bytes.fromhex("08020000") + bytes(LENGTH - 8))
    linktype = 127
    if tool == "tcpreplay":
        packet, linktype = bytes(12) + b"\x88\xb5" + bytes(len(packet) - 14), 1
    with path.open("wb") as file:
        file.write(pcapng.SectionHeader.make().write("<"))
        file.write(pcapng.InterfaceDescription.make(linktype, tsresol=9).write("<"))
        for time_ns in (START + times).tolist():
            file.write(pcapng.EnhancedPacket.make(0, time_ns, packet).write("<"))


def _rows(
    tools: list[str],
    pace: str,
    options: dict[str, list[str]],
    recorded: NDArray[np.int64],
    due: NDArray[np.int64],
    capture: Path,
    rounds: int,
) -> list[Row]:
    """A row for each tool, of so many rounds of each in turn."""
    seen: dict[str, list[Seen]] = {tool: [] for tool in tools}
    for _ in range(rounds):
        for tool, runs in seen.items():
            runs.append(_measure(tool, options[tool], recorded, due, capture))
    return [_row(tool, pace, runs, len(due) * rounds) for tool, runs in seen.items()]


def _row(tool: str, pace: str, runs: list[Seen], sent: int) -> Row:
    gaps = sum(run.frames - 1 for run in runs) * 1e9
    due_ns, took_ns = sum(run.due_ns for run in runs), sum(run.took_ns for run in runs)
    half, most, latest = np.quantile(np.concatenate([run.late_us for run in runs]), [0.5, 0.99, 1])
    return Row(
        tool,
        pace,
        asked=gaps / due_ns,
        achieved=gaps / took_ns,
        sent=sent,
        seen=sum(run.frames for run in runs),
        late_us=(float(half), float(most), float(latest)),
        cpu=sum(run.cpu_s for run in runs) * 1e9 / due_ns,
    )


def _measure(
    tool: str,
    options: list[str],
    recorded: NDArray[np.int64],
    due: NDArray[np.int64],
    capture: Path,
) -> Seen:
    """Replay it once."""
    _write(capture, recorded, tool)
    seen_at = capture.with_name("seen.pcap")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    if tool == "wtrec":
        with subprocess.Popen(
            [WTREC, "replay", str(capture), "--to", NAME, *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as replaying:
            while not _is_there():
                time.sleep(0.01)
            with _recorded(seen_at):
                _wait_for(seen_at, len(due))
            replaying.wait()
    else:
        with MonitorTun(NAME) as tun, _drained(tun), _recorded(seen_at):
            subprocess.run(["ip", "link", "set", NAME, "txqueuelen", "10000"], check=True)
            subprocess.run(
                ["tcpreplay", "-q", "-i", NAME, *options, str(capture)],
                check=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            _wait_for(seen_at, len(due))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    times = _times(seen_at)
    count = min(len(times), len(due))
    late = ((times[:count] - times[0]) - due[:count]) / 1e3
    late -= late.min()
    return Seen(count, int(due[count - 1] - due[0]), int(times[count - 1] - times[0]), late, cpu)


def _is_there() -> bool:
    return f"{NAME}:" in Path("/proc/self/net/dev").read_text(encoding="ascii")


@contextmanager
def _recorded(path: Path) -> Iterator[None]:
    """Tcpdump on the interface; its share of the CPU time is in everybody's."""
    with subprocess.Popen(
        [
            *["tcpdump", "-i", NAME, "-B", "65536", "-s", "64", "-w", str(path), "-Z", "root"],
            *["--time-stamp-precision", "nano"],
        ],
        stderr=subprocess.DEVNULL,
    ) as tcpdump:
        while not has_listener(NAME):
            time.sleep(0.01)
        try:
            yield
        finally:
            time.sleep(0.5)
            tcpdump.terminate()
            tcpdump.wait()


def _wait_for(path: Path, frames: int) -> None:
    """Until tcpdump has so many frames, or no more come."""
    size = -1
    record = 16 + 64
    while True:
        time.sleep(1.5)
        now = path.stat().st_size
        if now >= frames * record or now == size > 1000:
            return
        size = now


@contextmanager
def _drained(tun: MonitorTun) -> Iterator[None]:
    """Take what is injected into the interface away, or its queue would be full."""
    done = threading.Event()

    def drain() -> None:
        while not done.is_set():
            tun.read(0.05)

    reader = threading.Thread(target=drain)
    reader.start()
    try:
        yield
    finally:
        done.set()
        reader.join()


def _times(path: Path) -> NDArray[np.int64]:
    """When the kernel saw each frame."""
    with Walk(path) as walk:
        return np.concatenate(
            [event.where.time.copy() for event in walk if isinstance(event, Records)]
        )


HEAD = [
    "replayed by",
    "pace",
    "asked/s",
    "achieved/s",
    "error",
    "frames",
    "seen",
    "late us: median / 99 % / most",
    "CPU s/s",
]


def _cells(row: Row) -> list[str]:
    half, most, latest = row.late_us
    return [
        row.tool,
        row.pace,
        f"{row.asked:,.1f}",
        f"{row.achieved:,.1f}",
        f"{row.achieved / row.asked - 1:+.4%}",
        f"{row.sent:,}",
        f"{row.seen:,}",
        f"{half:,.0f} / {most:,.0f} / {latest:,.0f}",
        f"{row.cpu:.2f}",
    ]


def _markdown(rows: list[Row]) -> str:
    load = os.getloadavg()[0]
    text = f"On {os.cpu_count()} cores at a load of {load:.1f}, {ROUNDS} times 10 s each:\n\n"
    return text + table(HEAD, [_cells(row) for row in rows])


def report(rows: list[Row]) -> None:
    """Print the table."""
    for cells in [HEAD, *map(_cells, rows)]:
        print("  ".join(f"{cell:>12}" for cell in cells))


if __name__ == "__main__":
    report(run("--quick" in sys.argv))
