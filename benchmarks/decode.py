"""Decoding speed: all columns of frames with the FCS checked, beside tshark, dpkt and scapy."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from wtrec.datasets.reader import CaptureReader

from .corpus import repeat, source

WTREC = str(Path(sys.executable).with_name("wtrec"))
FIELDS = [
    "frame.number",
    "frame.time_epoch",
    "radiotap.datarate",
    "radiotap.dbm_antsignal",
    "radiotap.channel.freq",
    "wlan.fc.retry",
    "wlan.seq",
    "wlan.ta",
    "wlan.fcs.status",
]


@dataclass(frozen=True, slots=True)
class Row:
    """One reader: seconds of wall clock for so many frames, the best of its runs."""

    reader: str
    frames: int
    seconds: float

    @property
    def us_per_frame(self) -> float:
        """Microseconds a frame."""
        return self.seconds / self.frames * 1e6


def _best(job: Callable[[], None], runs: int) -> float:
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        job()
        times.append(time.perf_counter() - started)
    return min(times)


def _command(*words: str) -> Callable[[], None]:
    def job() -> None:
        subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)

    return job


def _wtrec(path: Path) -> None:
    with CaptureReader(path) as reader:
        for _ in reader:
            pass


def _dpkt(path: Path) -> None:
    """Radiotap and MAC header of each frame, and its FCS."""
    import dpkt

    with path.open("rb") as file:
        for _, packet in dpkt.pcapng.Reader(file):
            frame = packet[int.from_bytes(packet[2:4], "little") :]
            _ = zlib.crc32(frame[:-4]) == int.from_bytes(frame[-4:], "little")
            try:
                dpkt.radiotap.Radiotap(packet)
            except dpkt.Error:  # damaged frames are more than it takes
                continue


def _scapy(path: Path) -> None:
    from scapy.utils import PcapNgReader  # pyright: ignore[reportMissingImports] - ./dev bench has it

    with PcapNgReader(str(path)) as reader:
        for packet in reader:
            frame = bytes(packet)
            zlib.crc32(frame[:-4])


def run(quick: bool) -> list[Row]:
    """Measure each reader; ``quick`` reads a tenth."""
    many, few = (100_000, 5_000) if quick else (1_000_000, 50_000)
    runs = 3
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        capture = source(folder)
        big, small = folder / "big.pcapng", folder / "small.pcapng"
        repeat(capture, big, frames=many)
        repeat(capture, small, frames=few)
        _wtrec(small)  # kernels are loaded, files are in the page cache
        columns = [word for field in FIELDS for word in ("-e", field)]
        check = ("-o", "wlan.check_checksum:TRUE")
        tshark = _command("tshark", "-r", str(big), *check, "-T", "fields", *columns)
        return [
            Row("wtrec, in process", many, _best(lambda: _wtrec(big), runs)),
            Row("wtrec info, whole command", many, _best(_command(WTREC, "info", str(big)), runs)),
            Row("tshark -T fields", many, _best(tshark, 1)),
            Row("dpkt", few, _best(lambda: _dpkt(small), 1)),
            Row("scapy", few, _best(lambda: _scapy(small), 1)),
        ]


def report(rows: list[Row]) -> None:
    """Print the table and the ratios."""
    print(f"{'':28}{'frames':>10}{'seconds':>10}{'us/frame':>10}")
    for row in rows:
        print(f"{row.reader:28}{row.frames:>10,}{row.seconds:>10.3f}{row.us_per_frame:>10.3f}")
    ours, command, *peers = rows
    for peer in peers:
        ratio = peer.us_per_frame / ours.us_per_frame
        print(f"wtrec in process is {ratio:,.0f} times as fast as {peer.reader}")
    ratio = peers[0].us_per_frame / command.us_per_frame
    print(f"wtrec info, start-up included, is {ratio:,.1f} times as fast as {peers[0].reader}")


if __name__ == "__main__":
    report(run("--quick" in sys.argv))
