"""What a capture file holds, in numbers: what ``wtrec info`` prints."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .census import Census
from .drops import Account, Accounts, disagreements
from .files import sha256_of
from .members import to_rfc3339
from .reader import CaptureReader, Interface
from .run import Counters
from .sidecar import has_all_files, run_of


@dataclass
class CaptureInfo:
    """Facts of one capture.

    Attributes:
        path: The file.
        format: ``pcapng`` or ``pcap``.
        size: Its bytes.
        sha256: Of the file as it is.
        packets: All packets.
        frames: The 802.11 frames by the state of their FCS.
        other_linktypes: Packets that are no 802.11 frames.
        malformed: Frames whose Radiotap header is not sound.
        drops: Packets that the file itself says were lost between its packets.
        accounts: What became of the frames of each interface.
        run: Counters of ``run.json``; None without one, or where it does not have them.
        disagreements: Where counters contradict each other, one sentence each.
        unsorted: Packets that are earlier than one before them.
        first: Earliest time, ns since 1970, UTC; None without frames that have one.
        last: Latest time.
        rates: Frames by rate in Mbit/s; key None: no rate known.
        interfaces: The interfaces described.
        statistics: What the recorder counted, per interface: name of the counter, number.
        hardware: Of the (first) section header.
        os: Of the section header.
        application: Of the section header.
        comments: Of all section headers.
        blocks: Number of blocks of each type.
        losses: What could not be read.
    """

    path: str
    format: str = ""
    size: int = 0
    sha256: str = ""
    packets: int = 0
    frames: Census = field(default_factory=Census)
    other_linktypes: int = 0
    malformed: int = 0
    drops: int = 0
    accounts: list[Account] = field(default_factory=list)
    run: Counters | None = None
    disagreements: list[str] = field(default_factory=list)
    unsorted: int = 0
    first: int | None = None
    last: int | None = None
    rates: dict[float | None, int] = field(default_factory=dict)
    interfaces: list[Interface] = field(default_factory=list)
    statistics: list[dict[str, int]] = field(default_factory=list)
    hardware: str = ""
    os: str = ""
    application: str = ""
    comments: list[str] = field(default_factory=list)
    blocks: dict[str, int] = field(default_factory=dict)
    losses: list[str] = field(default_factory=list)

    @property
    def in_order(self) -> bool:
        """Whether times never fall."""
        return not self.unsorted

    def to_json(self) -> dict[str, Any]:
        """Stable keys; see docs/info.md."""
        return {
            "path": self.path,
            "format": self.format,
            "size": self.size,
            "sha256": self.sha256,
            "packets": self.packets,
            "frames": self.frames.to_json(),
            "other_linktypes": self.other_linktypes,
            "malformed": self.malformed,
            "drops": self.drops,
            "accounts": [account.to_json() for account in self.accounts],
            "run": None if self.run is None else asdict(self.run),
            "disagreements": self.disagreements,
            "unsorted": self.unsorted,
            "first": None if self.first is None else to_rfc3339(self.first),
            "last": None if self.last is None else to_rfc3339(self.last),
            "in_order": self.in_order,
            "rates": [
                {"rate_mbps": rate, "frames": self.rates[rate]} for rate in _sorted(self.rates)
            ],
            "interfaces": [asdict(interface) for interface in self.interfaces],
            "statistics": self.statistics,
            "hardware": self.hardware,
            "os": self.os,
            "application": self.application,
            "comments": self.comments,
            "blocks": self.blocks,
            "warnings": self.frames.doubts,
            "losses": self.losses,
        }


def _sorted(rates: dict[float | None, int]) -> list[float | None]:
    return sorted(rates, key=lambda rate: -1.0 if rate is None else rate)


def read_info(
    path: Path, *, on_progress: Callable[[CaptureReader], None] = lambda _: None
) -> CaptureInfo:
    """Read a capture through and sum it up.

    Args:
        path: The capture.
        on_progress: Called after each batch.

    Raises:
        FormatError: Not a capture, or damage in its middle.
    """
    info = CaptureInfo(str(path), size=path.stat().st_size)
    accounts = Accounts()
    with ThreadPoolExecutor(1) as hasher, CaptureReader(path, watch=accounts.watch) as reader:
        digest = hasher.submit(sha256_of, path)
        for frames in reader:
            info.frames.add(frames)
            _add_times(info, frames.column("time"))
            for item in frames.column("rate_mbps").value_counts().to_pylist():
                rate = item["values"]
                info.rates[rate] = info.rates.get(rate, 0) + item["counts"]
            on_progress(reader)
        info.sha256 = digest.result()
    info.format = reader.format
    info.packets = reader.packets
    info.other_linktypes = reader.other_linktypes
    info.malformed = reader.malformed
    info.drops = reader.drops
    info.interfaces = reader.interfaces
    info.blocks = dict(reader.blocks)
    info.losses = reader.losses
    info.rates = {rate: info.rates[rate] for rate in _sorted(info.rates)}
    if reader.sections:
        info.hardware = reader.sections[0].hardware or ""
        info.os = reader.sections[0].os or ""
        info.application = reader.sections[0].userappl or ""
        info.comments = [text for section in reader.sections for text in section.comments]
    counters = ("ifrecv", "ifdrop", "filteraccept", "osdrop", "usrdeliv")
    for interface, block in reader.statistics:
        counts = {name: getattr(block, name) for name in counters}
        known = {name: count for name, count in counts.items() if count is not None}
        info.statistics.append({"interface": interface, **known})
        accounts.of(interface).count(block)
    info.accounts = [accounts.of(interface.id) for interface in reader.interfaces]
    info.unsorted = accounts.unsorted
    _compare(info, path)
    return info


def _compare(info: CaptureInfo, path: Path) -> None:
    """See whether those who counted agree; ``run.json`` counts for all of its files."""
    run, note = run_of(path, info.comments)
    info.disagreements = [note] if note else []
    info.run = None if run is None else run.counters
    is_all = run is not None and has_all_files(run, [path])
    info.disagreements += disagreements(info.accounts, info.run if is_all else None)


def _add_times(info: CaptureInfo, times: Any) -> None:
    """Widen the span by a batch's times."""
    numbers = times.cast("int64").drop_null().to_numpy()
    if not len(numbers):
        return
    first, last = int(numbers.min()), int(numbers.max())
    info.first = first if info.first is None else min(info.first, first)
    info.last = last if info.last is None else max(info.last, last)
