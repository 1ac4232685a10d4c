"""The sender's pace: asked and achieved rates of ``wtrec send``, and whether its log has it all.

UDP datagrams of 1000 bytes go through a veth pair, frames into a simulated monitor interface, both
in a network namespace of their own. Sender and reader have the highest priority (nice) in their
session, and their session of all. Rates are computed from the tx log: packets but one, over the
time from the first to the last. *Arrived* is counted by the kernel at the other end of the pair, or
read from /dev/net/tun. Late is how long after its deadline a packet was given to the kernel.

Needs root: ``sudo .venv/bin/python -m wtrec.benchmarks.send [--quick]``. A whole run writes its
table into docs/send.md.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from wtrec.recorder.tun import MonitorTun

from .capture import WTREC, unshare_network
from .documents import put, table

RATES = (1_000, 20_000)
LENGTH = 1000
ADDRESS = "198.51.100.2"  # RFC 5737
ARRIVES = "v1"


@dataclass(frozen=True, slots=True)
class Row:
    """One run.

    Attributes:
        mode: Of the sender.
        asked: Packets/s.
        achieved: Packets/s.
        sent: Rows of the tx log.
        arrived: Packets at the other end.
        late_us: How late packets were: half, 99 of 100, all were no later.
        cpu: CPU seconds of the sender per second.
    """

    mode: str
    asked: int
    achieved: float
    sent: int
    arrived: int
    late_us: tuple[float, float, float]
    cpu: float


def run(quick: bool) -> list[Row]:
    """Measure; ``quick`` sends for a second only."""
    unshare_network()
    # the sender, and who reads its frames, come before what other sessions run here
    os.nice(-20)
    Path("/proc/self/autogroup").write_text("-20", encoding="ascii")
    Path("/proc/sys/net/ipv6/conf/default/disable_ipv6").write_text("1")  # nothing but ours
    for command in (
        f"ip link add v0 type veth peer name {ARRIVES}",
        "ip addr add 198.51.100.1/24 dev v0",
        "ip link set v0 up",
        f"ip link set {ARRIVES} up",
        f"ip neigh add {ADDRESS} lladdr 02:00:00:00:00:02 dev v0 nud permanent",
    ):
        subprocess.run(command.split(), check=True)
    seconds = 1 if quick else 10
    rows = [udp(rate, rate * seconds) for rate in RATES]
    rows += [inject(rate, rate * seconds) for rate in RATES]
    if not quick:
        put("send.md", "send.py", _markdown(rows))
    return rows


def udp(rate: int, count: int) -> Row:
    """Through a veth pair."""
    before = _arrived()
    sent = _send(rate, count, "-m", "udp")
    return _row("udp", rate, sent, _arrived() - before)


def inject(rate: int, count: int) -> Row:
    """Into a monitor interface."""
    with MonitorTun("mon0") as tun:
        subprocess.run(["ip", "link", "set", "mon0", "txqueuelen", "10000"], check=True)
        arrived = 0

        def drain() -> None:
            nonlocal arrived
            while arrived < count and tun.read(10) is not None:
                arrived += 1

        reader = threading.Thread(target=drain)
        reader.start()
        sent = _send(rate, count, "-m", "inject", "-i", "mon0")
        reader.join()
    return _row("inject", rate, sent, arrived)


def _send(rate: int, count: int, *options: str) -> tuple[np.ndarray, float]:
    """Times of the log in ns, and CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        log = Path(folder) / "run.tx.parquet"
        done = subprocess.run(
            [
                *[WTREC, "send", ADDRESS, "--pps", f"{rate}", "-c", f"{count}", "-w", str(log)],
                *["-q", "--length", f"{LENGTH}", *options],
            ],
            check=False,
        )
        assert done.returncode in {0, 3}  # 3: not all frames were read in time
        times = pq.read_table(log, columns=["time"])["time"].cast("int64").to_numpy()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return times, cpu


def _row(mode: str, rate: int, sent: tuple[np.ndarray, float], arrived: int) -> Row:
    times, cpu = sent
    seconds = (times[-1] - times[0]) / 1e9
    due = np.arange(len(times)) * 1e9 / rate
    late = (times - times[0] - due) / 1e3
    late -= min(late.min(), 0)  # the first may have been late itself
    half, most, latest = np.quantile(late, [0.5, 0.99, 1])
    return Row(
        mode,
        rate,
        (len(times) - 1) / seconds,
        len(times),
        arrived,
        (float(half), float(most), float(latest)),
        cpu / seconds,
    )


def _arrived() -> int:
    """Packets that came to the other end of the pair; none but ours go to its address."""
    for line in Path("/proc/self/net/dev").read_text(encoding="ascii").splitlines():
        name, _, numbers = line.partition(":")
        if name.strip() == ARRIVES:
            return int(numbers.split()[1])
    raise LookupError(ARRIVES)


def _cells(row: Row) -> list[str]:
    half, most, latest = row.late_us
    return [
        row.mode,
        f"{row.asked:,}",
        f"{row.achieved:,.2f}",
        f"{row.achieved / row.asked - 1:+.4%}",
        f"{row.sent:,}",
        f"{row.arrived:,}",
        f"{half:,.0f} / {most:,.0f} / {latest:,.0f}",
        f"{row.cpu:.2f}",
    ]


HEAD = [
    "mode",
    "asked/s",
    "achieved/s",
    "error",
    "in the log",
    "arrived",
    "late us: median / 99 % / most",
    "CPU s/s",
]


def _markdown(rows: list[Row]) -> str:
    load = os.getloadavg()[0]
    cores = os.cpu_count()
    text = (
        f"With the highest priority, on {cores} cores at a load of {load:.1f}, for 10 s each:\n\n"
    )
    return text + table(HEAD, [_cells(row) for row in rows])


def report(rows: list[Row]) -> None:
    """Print the table."""
    for cells in [HEAD, *map(_cells, rows)]:
        print("  ".join(f"{cell:>12}" for cell in cells))


if __name__ == "__main__":
    report(run("--quick" in sys.argv))
