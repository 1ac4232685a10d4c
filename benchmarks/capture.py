"""Capture speed: ``wtrec capture`` beside tcpdump and dumpcap, on the same interface.

Frames of 1000 bytes come from a Python sender on one core into a simulated monitor interface in a
network namespace of its own, at an offered rate; one receiver at a time runs on another core and
writes to memory (/dev/shm). For each: frames lost in all rounds, and the least CPU seconds of a
round (user and system, start-up included for nobody) per million frames written.

Then how long after its command a receiver has its first frame, while a frame comes every
millisecond: the kernel's time of that frame. "new" has no compiled kernels yet.

Needs root and two cores: ``sudo .venv/bin/python -m wtrec.benchmarks.capture [--quick]``. A whole
run writes its tables into docs/capture.md.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from wtrec.clock import NS
from wtrec.datasets.reader import CaptureReader
from wtrec.recorder.tun import MonitorTun

from .documents import put, table

BUFFER_MIB = 64
FRAME = bytes.fromhex("00000900020000001000") + bytes(990)
RATES = (50_000, 100_000, 200_000, 300_000)
ROUNDS = 3
WTREC = str(Path(sys.executable).with_name("wtrec"))
RECEIVERS = {  # -w FILE follows
    "wtrec capture": [WTREC, "capture", "mon0", "-q", "-B", f"{BUFFER_MIB}"],
    "tcpdump": ["tcpdump", "-i", "mon0", "-B", f"{BUFFER_MIB * 1024}"],
    "dumpcap": ["dumpcap", "-i", "mon0", "-B", f"{BUFFER_MIB}", "-q"],
}
FILTER = ["-f", "not wlan type ctl"]
FIRSTS: list[tuple[str, str, list[str], bool]] = [
    ("wtrec capture", "wtrec capture", [], False),
    ("wtrec capture -f", "wtrec capture", FILTER, False),
    ("wtrec capture, new", "wtrec capture", [], True),
    ("wtrec capture -f, new", "wtrec capture", FILTER, True),
    ("tcpdump", "tcpdump", [], False),
    ("dumpcap", "dumpcap", [], False),
]
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Row:
    """One receiver at one offered rate.

    Attributes:
        receiver: Its name.
        wanted: Offered frames/s that were asked for.
        offered: Frames/s that the sender reached.
        sent: Frames sent.
        written: Frames in the capture.
        cpu: CPU seconds of the receiver while frames flowed.
    """

    receiver: str
    wanted: int
    offered: float
    sent: int
    written: int
    cpu: float

    @property
    def loss(self) -> float:
        """Share of the frames that was lost."""
        return 1 - self.written / self.sent

    @property
    def cpu_per_million(self) -> float:
        """CPU seconds per million frames written."""
        return self.cpu / self.written * 1e6 if self.written else float("nan")


@dataclass(frozen=True, slots=True)
class First:
    """When a receiver has its first frame.

    Attributes:
        receiver: Its name.
        least: Seconds after the command, of the quickest round.
        most: Of the slowest.
    """

    receiver: str
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What came out.

    Attributes:
        rows: Of each receiver, rate and round.
        firsts: Of each receiver.
        whole: Whether this was a whole run.
    """

    rows: list[Row]
    firsts: list[First]
    whole: bool


def run(quick: bool) -> Figures:
    """Measure every receiver that is installed; ``quick`` sends less, at one rate."""
    unshare_network()
    os.sched_setaffinity(0, {0})
    rates, rounds, seconds = ((100_000,), 1, 1.0) if quick else (RATES, ROUNDS, 3.0)
    installed = [name for name in RECEIVERS if shutil.which(RECEIVERS[name][0])]
    with MonitorTun("mon0") as tun, tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        path = Path(folder) / "run.pcapng"
        touch_memory(Path(folder) / "touched", 400 * int(seconds))
        rows = [
            measure(tun, receiver, rate, seconds, path)
            for rate in rates
            for _ in range(rounds)
            for receiver in installed
        ]
        firsts = [
            first_frame(tun, name, RECEIVERS[receiver] + words, path, rounds, new=new)
            for name, receiver, words, new in FIRSTS
            if receiver in installed
        ]
    return Figures(rows, firsts, whole=not quick)


def unshare_network() -> None:
    """A network of this process's own."""
    if ctypes.CDLL(None, use_errno=True).unshare(0x40000000):
        raise OSError(ctypes.get_errno(), "a network namespace needs root")


def touch_memory(path: Path, mib: int) -> None:
    """Use as much memory once as the largest capture will take.

    In a virtual machine, memory that was never used is several times slower to write, which
    would fall on the receiver that comes first.
    """
    with path.open("wb") as file:
        for _ in range(mib):
            file.write(bytes(1 << 20))
    path.unlink()


def measure(tun: MonitorTun, receiver: str, rate: int, seconds: float, path: Path) -> Row:
    """Let one receiver run while frames are sent."""
    process = subprocess.Popen(
        ["taskset", "-c", "1", *RECEIVERS[receiver], "-w", str(path)], stderr=subprocess.DEVNULL
    )
    try:
        while not path.exists() and process.poll() is None:
            time.sleep(0.01)
        time.sleep(1.0)  # tcpdump keeps its header back, dumpcap opens its socket after its file
        before = -1.0
        while before != (before := cpu_seconds(process.pid)):  # it has begun when it is at rest
            time.sleep(0.5)
        sent, took = send(tun, rate, seconds)
        settle(path)
        cpu = cpu_seconds(process.pid) - before
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()
    written = count_packets(path)
    clear(path.parent)
    return Row(receiver, rate, sent / took, sent, written, cpu)


def first_frame(
    tun: MonitorTun, name: str, command: list[str], path: Path, rounds: int, *, new: bool
) -> First:
    """Start a receiver while frames come, and look at the time of the first one it has."""
    found = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as empty:
            start = time.time_ns()
            process = subprocess.Popen(
                [*command, "-w", str(path)],
                stderr=subprocess.DEVNULL,
                env=os.environ | ({"XDG_CACHE_HOME": empty} if new else {}),
            )
            try:
                while not (path.exists() and path.stat().st_size > 3 * len(FRAME)):
                    tun.write_many([FRAME])
                    time.sleep(0.001)
                    if process.poll() is not None:
                        raise RuntimeError(f"{name} ended")
            finally:
                process.send_signal(signal.SIGINT)
                process.wait()
        with CaptureReader(path) as reader:
            frames = next(iter(reader))
        found.append((frames.column("time").cast("int64")[0].as_py() - start) / NS)
        clear(path.parent)
    return First(name, min(found), max(found))


def clear(folder: Path) -> None:
    """Delete all files there."""
    for left in folder.iterdir():
        left.unlink()


def send(tun: MonitorTun, rate: int, seconds: float) -> tuple[int, float]:
    """Send for so long, in bursts of a millisecond; frames sent and seconds taken."""
    burst = [FRAME] * (rate // 1000)
    start = time.perf_counter()
    sent = 0
    while (now := time.perf_counter() - start) < seconds:
        if sent <= now * rate:
            sent += tun.write_many(burst)
    return sent, time.perf_counter() - start


def settle(path: Path) -> None:
    """Wait until the file does not grow any more."""
    size = -1
    while size != path.stat().st_size:
        size = path.stat().st_size
        time.sleep(0.5)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def count_packets(path: Path) -> int:
    """Frames in a pcap or pcapng file."""
    if not path.exists() or not path.stat().st_size:
        return 0
    count = 0
    with path.open("rb") as file:
        is_pcapng = file.read(4) == b"\x0a\x0d\x0d\x0a"
        file.seek(0 if is_pcapng else 24)
        head_size, length_at = (8, 4) if is_pcapng else (16, 8)
        while len(head := file.read(head_size)) == head_size:
            (length,) = struct.unpack_from("<I", head, length_at)
            count += not is_pcapng or head[:4] == b"\6\0\0\0"
            file.seek(length - 8 if is_pcapng else length, os.SEEK_CUR)
    return count


def report(figures: Figures) -> None:
    """Print the tables; put those of a whole run into the documents."""
    groups: dict[tuple[int, str], list[Row]] = {}
    for row in figures.rows:
        groups.setdefault((row.wanted, row.receiver), []).append(row)
    peer = {
        rate: min(row.cpu_per_million for row in rows)
        for (rate, receiver), rows in groups.items()
        if receiver == "tcpdump"
    }
    lines = []
    for (rate, receiver), rows in groups.items():
        sent, cpu = sum(row.sent for row in rows), min(row.cpu_per_million for row in rows)
        lines.append(
            [
                f"{rate:,}",
                receiver,
                f"{sum(row.offered for row in rows) / len(rows):,.0f}",
                f"{sent:,}",
                f"{sent - sum(row.written for row in rows):,}",
                f"{cpu:.2f}",
                f"{cpu / peer[rate]:.2f}" if rate in peer else "",
            ]
        )
    head = ["asked/s", "receiver", "offered/s", "sent", "lost", "CPU s/M", "x tcpdump"]
    text = table(head, lines)
    times = [[each.receiver, f"{each.least:.2f}", f"{each.most:.2f}"] for each in figures.firsts]
    text += "\n" + table(["first frame", "s, least", "s, most"], times)
    print(text)
    if figures.whole:
        put("capture.md", "capture.py", text)


if __name__ == "__main__":
    report(run("--quick" in sys.argv))
