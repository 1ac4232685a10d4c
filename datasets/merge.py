"""Several captures as one, by time: the frames of several receivers.

Always the earliest of the packets that stand at the heads of their files comes next; of packets of
the same time, that of the file that was named first. So files that are sorted in themselves give a
file that is sorted. A packet that is earlier than one before it in its own file comes right behind
that one, and is counted; so does one without a time. (With the highest time so far of its file for
a packet's own time, this is a stable merge of sorted rows.)

Each interface stays one of its own, with all that was said of it, its clock's resolution too: no
time is converted. Packet blocks are copied with their options; only the number of the interface
changes. Statistics stand at the end, with the new numbers.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..closing import Closing
from . import pcap, pcapng
from .copying import Blocks, blocks_of, interface_of_pcap, with_comment
from .merged_run import Input, merged_run
from .run import Run, RunFile, run_json_path
from .sidecar import embedded, run_of
from .sink import Sink, new_capture
from .walk import Between, Records, Walk

_ROOM = 65_536  # packets, and bytes, of all files together
_LEAST_ROOM = 64
_BYTES = 32 << 20
_TIMELESS = (
    "packets have no time (Simple Packet Blocks); now they have the zero of their clock: 1970, or "
    "if_tsoffset"
)


@dataclass
class Merged:
    """What was merged.

    Attributes:
        packets: Packets of each file.
        interfaces: Interfaces of the new file.
        losses: What could not be read, one sentence each.
        notes: What else is to be known.
    """

    packets: list[int] = field(default_factory=list)
    interfaces: int = 0
    losses: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class _Writer:
    """The new file: gives numbers to interfaces, and keeps what stands at its end."""

    def __init__(self, write: Sink) -> None:
        self.write = write
        self.described: list[pcapng.InterfaceDescription] = []
        self.statistics: list[pcapng.InterfaceStatistics] = []

    def add(self, block: pcapng.InterfaceDescription) -> int:
        self.described.append(block)
        self.write(block.write("<"))
        return len(self.described) - 1


class _File(Closing):
    """One input: the packets that come next, and what is between them."""

    def __init__(self, path: Path, room: int, max_bytes: int) -> None:
        self.path = path
        self.walk = Walk(path, room, max_bytes)
        self.sections: list[pcapng.SectionHeader] = []
        self._waiting: list[Between] = []  # until there is a file to write
        self._room = max_bytes  # for these
        self.keys = np.empty(0, np.int64)
        self.at = 0
        self.packets = self.unsorted = self.timeless = self.left_out = self.late_comments = 0
        self.loss = ""
        self._blocks: Blocks | None = None
        self._numbers: list[int] = []  # that interfaces of the section have in the new file
        self._interfaces = np.empty(0, np.int64)  # the same, for kernels
        self._latest = np.iinfo(np.int64).min
        self._records: Records | None = None

    def close(self) -> None:
        self.walk.close()

    def __len__(self) -> int:
        return len(self.keys) - self.at

    def find(self, writer: _Writer | None = None) -> None:
        """Read up to the next packets, or to the end; write what stands before them.

        Without a writer it is kept: if it becomes too much, packets are left for the next time.
        """
        for event in self.walk:
            if isinstance(event, Records):
                self._records = event
                times = event.where.time
                self.keys = np.maximum.accumulate(np.maximum(times, self._latest))
                before = np.concatenate([[self._latest], self.keys[:-1]])
                has_time = times != np.iinfo(np.int64).min
                self.unsorted += int(np.count_nonzero((times < before) & has_time))
                self._latest = self.keys[-1]
                self.at = 0
                self.packets += event.packets
                return
            if isinstance(event, Between):
                if writer is not None:
                    self._between(event, writer)
                    continue
                self._waiting.append(event)
                self._room -= len(event.wire)
                if self._room < 0:
                    return
            else:
                self.loss = self.walk.loss(event)
        if self.walk.source.damage:
            self.loss = f"{self.path}: {self.walk.source.damage}"

    def load(self, writer: _Writer) -> None:
        """Write what was kept from before the next packets, and make these ready."""
        for event in self._waiting:
            self._between(event, writer)
        self._waiting.clear()
        if self._records is not None:
            if len(self._interfaces) != len(self._numbers):
                self._interfaces = np.array(self._numbers, np.int64)
            keeps = bool(self._numbers) and self._numbers[0] == 0
            is_pcap = self.walk.format == "pcap"
            self._blocks = blocks_of(self._records, is_pcap=is_pcap, keep_simple=keeps)
            self.timeless += self._blocks.timeless
            self._records = None

    def _between(self, event: Between, writer: _Writer) -> None:
        block = event.block
        if isinstance(block, pcap.PcapHeader):
            self._describe(interface_of_pcap(block), writer)
        elif isinstance(block, pcapng.SectionHeader):
            self._numbers, self._interfaces = [], np.empty(0, np.int64)
            if self.sections and block not in self.sections:
                self.late_comments += len(block.comments)
        elif isinstance(block, pcapng.InterfaceDescription):
            self._describe(block, writer)
        elif isinstance(block, pcapng.InterfaceStatistics):
            number = self._numbers[block.interface]
            writer.statistics.append(replace(block, interface=number))
        elif isinstance(block, pcapng.UnknownBlock) and event.section.order == ">":
            self.left_out += 1  # its integers cannot be turned round
        elif isinstance(block, pcapng.Custom) and not block.copyable:
            self.left_out += 1
        else:
            writer.write(block.write("<"))

    def _describe(self, block: pcapng.InterfaceDescription, writer: _Writer) -> None:
        self._numbers.append(writer.add(with_comment(block, f"from {self.path.name}")))

    def ready(self, limit: int, *, first: bool) -> int:
        """How many packets can be given: those before ``limit``, and those at it if ``first``."""
        return int(np.searchsorted(self.keys[self.at :], limit, "right" if first else "left"))

    def lengths(self, count: int) -> NDArray[np.int64]:
        """Of the next ``count`` blocks."""
        assert self._blocks is not None  # noqa: S101 - they were loaded
        return np.diff(self._blocks.begins[self.at : self.at + count + 1])

    def give(self, count: int, targets: NDArray[np.int64], out: NDArray[np.uint8]) -> None:
        """Put the next ``count`` blocks where they belong."""
        assert self._blocks is not None  # noqa: S101 - they were loaded
        self._blocks.place(self.at, count, self._interfaces, targets, out)
        self.at += count


def merge(
    paths: Sequence[Path], output: Path, *, on_progress: Callable[[Walk], None] = lambda _: None
) -> Merged:
    """Write the packets of all ``paths`` into one pcapng file, by time, and ``run.json`` beside it.

    Args:
        paths: Captures, pcapng or pcap, plain or packed; an earlier one goes first where times are
            the same.
        output: The file to make or to replace; packed as its name says.
        on_progress: Called now and then with the walk of one of them.

    Raises:
        FormatError: Not a capture, or damage in its middle.
        OSError: A file cannot be opened or written.
    """
    room = max(_ROOM // len(paths), _LEAST_ROOM), max(_BYTES // len(paths), 1 << 16)
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(_File(path, *room)) for path in paths]
        for file in files:
            file.find()
            file.sections = list(file.walk.sections)
        measure = ThreadPoolExecutor(1)
        stack.callback(measure.shutdown, cancel_futures=True)
        sizes = [measure.submit(RunFile.of, path) for path in paths]
        known = [_known(file) for file in files]
        merged = Merged(notes=[item.note for item in known if item.note])
        run = merged_run(known, _first(files))
        if run.counters is None and any(item.run and item.run.counters for item in known):
            merged.notes.append(
                "no counters of all: a file of a run is not here, or a run has none"
            )
        with new_capture(output) as write:
            write(_header(files, run).write("<"))
            writer = _Writer(write)
            for file in files:
                file.load(writer)
            _write_packets(files, writer, on_progress)
            for block in writer.statistics:
                write(block.write("<"))
        _say(merged, files, writer)
        sources = [one.result() for one in sizes]
    merged_from = tuple(item.source(size) for item, size in zip(known, sources, strict=True))
    ended = replace(run, files=(RunFile.of(output),), merged_from=merged_from)
    ended.save(run_json_path(output))
    return merged


def _write_packets(
    files: Sequence[_File], writer: _Writer, on_progress: Callable[[Walk], None]
) -> None:
    while True:
        for file in files:
            if not len(file):
                file.find(writer)
                file.load(writer)
        alive = [file for file in files if len(file)]
        if not alive:
            return
        # No packet still unread comes before the end of what was read of its file.
        ends = [int(file.keys[-1]) for file in alive]
        limit = min(ends)
        last = ends.index(limit)
        counts = [file.ready(limit, first=at <= last) for at, file in enumerate(alive)]
        keys = [f.keys[f.at : f.at + n] for f, n in zip(alive, counts, strict=True)]
        lengths = np.concatenate([f.lengths(n) for f, n in zip(alive, counts, strict=True)])
        order = np.argsort(np.concatenate(keys), kind="stable")
        behind = np.cumsum(lengths[order])
        targets = np.empty_like(behind)
        targets[order] = behind - lengths[order]
        out = np.empty(int(behind[-1]), np.uint8)
        at = 0
        for file, count in zip(alive, counts, strict=True):
            file.give(count, targets[at : at + count], out)
            at += count
        writer.write(out.data)
        on_progress(alive[last].walk)


def _known(file: _File) -> Input:
    comments = [text for header in file.sections for text in header.comments]
    run, note = run_of(file.path, comments)
    return Input(file.path, run, tuple(file.walk.interfaces), note)


def _first(files: Sequence[_File]) -> int:
    """The earliest time, ns since 1970; 0 if there is none."""
    firsts = [int(file.keys[0]) for file in files if len(file)]
    return min((first for first in firsts if first >= 0), default=0)


def _header(files: Sequence[_File], run: Run) -> pcapng.SectionHeader:
    sections = [section for file in files for section in file.sections]
    hardware = {section.hardware for section in sections}
    systems = {section.os for section in sections}
    comments = dict.fromkeys(text for section in sections for text in section.comments)
    return pcapng.SectionHeader.make(
        hardware=hardware.pop() if len(hardware) == 1 else None,
        os=systems.pop() if len(systems) == 1 else None,
        userappl=f"wtrec {run.wtrec_version}",
        comments=[*([text] if (text := embedded(run)) else []), *comments],
    )


def _say(merged: Merged, files: Sequence[_File], writer: _Writer) -> None:
    merged.packets = [file.packets for file in files]
    merged.interfaces = len(writer.described)
    merged.losses = [file.loss for file in files if file.loss]
    for file in files:
        for count, what in (
            (file.unsorted, "packets are earlier than one before them, and stay behind it"),
            (file.timeless, _TIMELESS),
            (file.left_out, "blocks are left out: they must not be copied, or cannot be"),
            (file.late_comments, "comments of later sections are left out"),
        ):
            if count:
                merged.notes.append(f"{file.path}: {count:,} {what}")
    kinds = {(block.linktype, block.snaplen) for block in writer.described}
    if len(kinds) > 1:
        merged.notes.append(
            "interfaces differ in link type or snap length: Wireshark reads that, "
            "libpcap (tcpdump) does not"
        )
