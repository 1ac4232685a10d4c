"""Capture speed: ``wtrec capture`` beside tcpdump and dumpcap, on the same interface.

Frames of 1000 bytes come from a Python sender on one core into a simulated monitor interface in a
network namespace of its own, at an offered rate or as fast as it goes; one receiver at a time
runs on another core and writes to memory (/dev/shm). For each: frames lost, and CPU seconds
(user and system, start-up included for nobody) per million frames written.

Needs root and two cores: ``sudo .venv/bin/python -m wtrec.benchmarks.capture [--quick]``
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

from wtrec.recorder.tun import MonitorTun

BUFFER_MIB = 64
FRAME = bytes.fromhex("00000900020000001000") + bytes(990)
RATES = (100_000, 200_000, 300_000, None)
WTREC = str(Path(sys.executable).with_name("wtrec"))
RECEIVERS = {
    "wtrec capture": [WTREC, "capture", "mon0", "-q", "-B", f"{BUFFER_MIB}", "-w"],
    "tcpdump": ["tcpdump", "-i", "mon0", "-B", f"{BUFFER_MIB * 1024}", "-w"],
    "dumpcap": ["dumpcap", "-i", "mon0", "-B", f"{BUFFER_MIB}", "-q", "-w"],
}
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Row:
    """One receiver at one offered rate.

    Attributes:
        receiver: Its name.
        wanted: Offered frames/s that were asked for, None for as many as possible.
        offered: Frames/s that the sender reached.
        sent: Frames sent.
        written: Frames in the capture.
        cpu: CPU seconds of the receiver while frames flowed.
    """

    receiver: str
    wanted: int | None
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


def run(quick: bool) -> list[Row]:
    """Measure every receiver that is installed; ``quick`` sends less, at two rates."""
    unshare_network()
    os.sched_setaffinity(0, {0})
    rates, seconds = ((100_000, None), 1.0) if quick else (RATES, 4.0)
    with MonitorTun("mon0") as tun, tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        touch_memory(Path(folder) / "touched", 800 * int(seconds))
        return [
            measure(tun, receiver, rate, seconds, Path(folder) / "run.pcapng")
            for rate in rates
            for receiver in RECEIVERS
            if shutil.which(RECEIVERS[receiver][0])
        ]


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


def measure(tun: MonitorTun, receiver: str, rate: int | None, seconds: float, path: Path) -> Row:
    """Let one receiver run while frames are sent."""
    process = subprocess.Popen(
        ["taskset", "-c", "1", *RECEIVERS[receiver], str(path)], stderr=subprocess.DEVNULL
    )
    try:
        while not path.exists() and process.poll() is None:
            time.sleep(0.01)
        time.sleep(1.0)  # tcpdump keeps its header back, dumpcap opens its socket after its file
        before = cpu_seconds(process.pid)
        sent, took = send(tun, rate, seconds)
        settle(path)
        cpu = cpu_seconds(process.pid) - before
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()
    written = count_packets(path)
    for left in path.parent.iterdir():
        left.unlink()
    return Row(receiver, rate, sent / took, sent, written, cpu)


def send(tun: MonitorTun, rate: int | None, seconds: float) -> tuple[int, float]:
    """Send for so long, in bursts of a millisecond; frames sent and seconds taken."""
    burst = [FRAME] * (rate // 1000 if rate else 500)
    start = time.perf_counter()
    sent = 0
    while (now := time.perf_counter() - start) < seconds:
        if rate is None or sent <= now * rate:
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


def report(rows: list[Row]) -> None:
    """Print the table."""
    print(f"{'receiver':15}{'wanted/s':>10}{'offered/s':>11}{'sent':>10}{'lost':>9}{'CPU s/M':>9}")
    for row in rows:
        wanted = "full" if row.wanted is None else f"{row.wanted:,}"
        print(
            f"{row.receiver:15}{wanted:>10}{row.offered:>11,.0f}{row.sent:>10,}"
            f"{row.loss:>9.2%}{row.cpu_per_million:>9.2f}"
        )


if __name__ == "__main__":
    report(run("--quick" in sys.argv))
