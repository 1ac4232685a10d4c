"""Walks a capture file from record to record, and says what lies where, undecoded.

A :class:`Walk` is an iterator of three kinds of events, in the order of the file:

* :class:`Records`: packets that follow each other, found by :mod:`wtrec.datasets.walk_kernel`;
* :class:`Between`: a block without a packet, or the file header of classic pcap;
* :class:`Damage`: a record that is cut off or contradicts itself. The walk ends here, unless its
  user knows where to go on (:meth:`Walk.resume`).

Readers decode the packets, the tools that copy captures take the bytes as they are.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..closing import Closing
from ..errors import FormatError
from . import pcap, pcapng
from .decode_kernel import LINKTYPE_IEEE802_11, LINKTYPE_RADIOTAP
from .parts import Parts
from .source import Source, open_source
from .walk_kernel import FULL, GLOBAL_ID, PacketIndex, walk_pcap, walk_pcapng

_PCAPNG_MAGIC = b"\x0a\x0d\x0d\x0a"
_PCAP_MAGICS = {
    struct.pack(f"{order}I", magic)
    for order in "<>"
    for magic in (pcap.MAGIC_MICROSECONDS, pcap.MAGIC_NANOSECONDS)
}


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface that a capture describes."""

    id: int  # counted from 0 over all sections
    linktype: int
    snaplen: int = 0
    name: str = ""
    description: str = ""
    filter: str = ""
    os: str = ""
    hardware: str = ""
    tsresol: int = 6
    tsoffset: int = 0
    fcs_bits: int | None = None  # length of the FCS, where the file says it

    @property
    def is_80211(self) -> bool:
        """Whether its packets are 802.11 frames that wtrec reads."""
        return self.linktype in (LINKTYPE_RADIOTAP, LINKTYPE_IEEE802_11)

    @classmethod
    def from_block(cls, block: pcapng.InterfaceDescription, number: int) -> Interface:
        """What an Interface Description Block says; absent options at their defaults."""
        return cls(
            id=number,
            linktype=block.linktype,
            snaplen=block.snaplen,
            name=block.name or "",
            description=block.description or "",
            filter=block.filter_text or "",
            os=block.os or "",
            hardware=block.hardware or "",
            tsresol=6 if block.tsresol is None else block.tsresol,
            tsoffset=block.tsoffset or 0,
            fcs_bits=block.fcslen_bits,
        )


class Section:
    """The interfaces of one section, and the table of them that the kernels take."""

    def __init__(self, order: pcapng.ByteOrder = "<") -> None:
        self.order: pcapng.ByteOrder = order
        self._rows = np.empty((4, 6), np.int64)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def table(self) -> NDArray[np.int64]:
        """Shape (n, 6), see :mod:`wtrec.datasets.walk_kernel`."""
        return self._rows[: self._count]

    def add(self, interface: Interface) -> None:
        """Append an interface; doubling the room keeps many of them from taking quadratic time."""
        if self._count == len(self._rows):
            self._rows = np.concatenate([self._rows, self._rows])
        self._rows[self._count] = (
            interface.snaplen,
            interface.tsresol,
            interface.tsoffset,
            interface.linktype,
            -1 if interface.fcs_bits is None else interface.fcs_bits,
            interface.id,
        )
        self._count += 1


class Records(NamedTuple):
    """Packets whose records follow each other; valid until the next event."""

    data: NDArray[np.uint8]  # a window of the file
    offset: int  # of the window in the file
    begin: int  # of the first record in the window
    end: int  # behind the last one
    where: PacketIndex  # packets lie in the window, one element a packet
    section: Section

    @property
    def packets(self) -> int:
        """How many there are."""
        return len(self.where.start)

    @property
    def interfaces(self) -> NDArray[np.int64]:
        """The interface of each packet, counted over all sections."""
        ids: NDArray[np.int64] = self.section.table[self.where.interface, GLOBAL_ID]
        return ids

    @property
    def wire(self) -> memoryview:
        """The records as they are."""
        return self.data.data[self.begin : self.end]


class Between(NamedTuple):
    """What is no packet: a block of pcapng, or the header of a pcap file."""

    block: pcapng.Block | pcap.PcapHeader
    wire: bytes
    offset: int
    section: Section  # a section header's is the one that it starts


class Damage(NamedTuple):
    """Where the file cannot be read on."""

    offset: int
    error: FormatError  # a TruncatedError if the file ends inside a record


Event = Records | Between | Damage


class Walk(Closing):
    """The records of one capture; an iterator and a context manager.

    Counters and lists grow while it is iterated.

    Args:
        path: A pcapng or pcap file, plain or packed with gzip or zstd.
        room: Most packets of a :class:`Records`.
        max_bytes: Packet bytes after which it ends, too.
        start: Where a section of pcapng begins; pcap is read from its header alone.

    Attributes:
        path: The file.
        format: ``pcapng`` or ``pcap``.
        source: Its bytes.
        section: The section at hand.
        interfaces: Every interface so far.
        sections: Every pcapng section header so far.
        statistics: Every Interface Statistics Block so far, with the interface's global id.
        blocks: Number of blocks of each type (of records, for pcap).
        packets: Packets so far.

    Raises:
        FormatError: Not a capture.
        OSError: The file cannot be opened.
        ValueError: A start in pcap.
    """

    def __init__(
        self,
        path: str | Path | Parts,
        room: int = 65_536,
        max_bytes: int = 64 << 20,
        *,
        start: int = 0,
    ) -> None:
        self.path = str(path)
        self.section = Section()
        self.interfaces: list[Interface] = []
        self.sections: list[pcapng.SectionHeader] = []
        self.statistics: list[tuple[int, pcapng.InterfaceStatistics]] = []
        self.blocks: Counter[str] = Counter()
        self.packets = 0
        self.source: Source = open_source(path)
        self._index = PacketIndex.empty(room)
        self._limits = room, max_bytes
        self._start = start
        self._resume: int | None = None
        magic = self.source.view(start, 4)[:4].tobytes()
        self.format = "pcapng" if magic == _PCAPNG_MAGIC else "pcap"
        if self.format == "pcap" and magic not in _PCAP_MAGICS:
            self.source.close()
            raise FormatError(
                f"neither pcapng nor pcap: it begins with {magic.hex(' ') or 'nothing'}",
                path=self.path,
                offset=0,
                hint=self.source.damage,
            )
        if self.format == "pcap" and start:
            self.source.close()
            raise ValueError(f"{path}: pcap is read from its header on, not from offset {start}")
        self._events = self._pcapng() if self.format == "pcapng" else self._pcap()

    def close(self) -> None:
        """Close the file; iteration ends."""
        self._events.close()
        self.source.close()

    def __iter__(self) -> Iterator[Event]:
        return self._events

    def resume(self, offset: int) -> None:
        """Go on at ``offset``, at or behind the :class:`Damage` that was given last."""
        self._resume = offset

    def loss(self, damage: Damage) -> str:
        """What is lost where the file ends inside a record, in a sentence.

        Raises:
            FormatError: The record contradicts itself.
        """
        error = damage.error
        whole = f"the {self.packets} packets before it are whole"
        if not isinstance(error, pcapng.TruncatedError):
            hint = f"{whole}, wtrec recover saves what is sound behind it"
            raise FormatError(error.what, path=self.path, offset=damage.offset, hint=hint)
        return (
            f"{self.path}, offset {damage.offset}: the file ends inside a record "
            f"({error.found} of {error.wanted} bytes); {whole}"
        )

    def _pcapng(self) -> Generator[Event]:
        order: pcapng.ByteOrder | None = None
        kinds = np.zeros(7, np.int64)
        base = self._start  # offset of the view in the file
        at = 0  # offset in the view of the next block
        view = self.source.view(base)
        while True:
            if order is not None:
                kinds[:] = 0
                begin = at
                count, at, reason = walk_pcapng(
                    view,
                    at,
                    order == ">",
                    self.section.table,
                    self._index,
                    *self._limits,
                    kinds,
                )
                for kind in np.flatnonzero(kinds):
                    self.blocks[pcapng.BlockType(int(kind)).name] += int(kinds[kind])
                if count:
                    yield self._records(view, base, begin, at, count)
                if reason == FULL:
                    continue
            damage: FormatError
            try:
                block, found_order, end = pcapng.read_block(view.data, at, order)
                if isinstance(block, pcapng.SectionHeader):
                    self.section = Section(found_order)
                self._take(block)
            except pcapng.TruncatedError as error:
                base += at
                at = 0
                view = self.source.view(base, error.wanted)
                if len(view) == 0:
                    return
                if len(view) >= error.wanted:
                    continue
                damage = pcapng.TruncatedError("record", error.wanted, len(view), base)
            except FormatError as error:
                error.offset = base + at
                damage = error
            else:
                order = found_order
                self.blocks[_block_name(view, at, order)] += 1
                yield Between(block, view[at:end].tobytes(), base + at, self.section)
                at = end
                continue
            yield Damage(base + at, damage)
            if self._resume is None:
                return
            base, at, self._resume = self._resume, 0, None
            view = self.source.view(base)

    def _take(self, block: pcapng.Block) -> None:
        """Account for a block that holds no packet."""
        if isinstance(block, pcapng.SectionHeader):
            self.sections.append(block)
        elif isinstance(block, pcapng.InterfaceDescription):
            self._add(Interface.from_block(block, len(self.interfaces)))
        elif isinstance(block, pcapng.InterfaceStatistics):
            self._check("statistics", block.interface)
            self.statistics.append((int(self.section.table[block.interface, GLOBAL_ID]), block))
        elif isinstance(block, pcapng.EnhancedPacket | pcapng.ObsoletePacket):
            # The block is sound by itself: what the kernel stopped at is its interface.
            self._check("a packet", block.interface)
        elif isinstance(block, pcapng.SimplePacket):
            self._check("a packet", 0)

    def _add(self, interface: Interface) -> None:
        self.interfaces.append(interface)
        self.section.add(interface)

    def _check(self, what: str, interface: int) -> None:
        if interface >= len(self.section):
            raise FormatError(
                f"{what} of interface {interface}, "
                f"the section describes {len(self.section)} before it"
            )

    def _pcap(self) -> Generator[Event]:
        base = 0
        at = pcap.HEADER_LENGTH
        view = self.source.view(0)
        try:
            header = pcap.read_header(view.data)
        except pcapng.TruncatedError as error:
            yield Damage(0, pcapng.TruncatedError("record", error.wanted, len(view), 0))
            return
        except FormatError as error:
            yield Damage(0, error)
            return
        self.section.order = header.order
        self._add(
            Interface(
                0,
                header.linktype,
                header.snaplen,
                tsresol=9 if header.nanoseconds else 6,
                fcs_bits=header.fcs_bits,
            )
        )
        yield Between(header, view[:at].tobytes(), 0, self.section)
        while True:
            begin = at
            count, at, reason = walk_pcap(
                view,
                at,
                header.order == ">",
                header.tick_ns,
                header.longest_record,
                self._index,
                *self._limits,
            )
            self.blocks["record"] += count
            if count:
                yield self._records(view, base, begin, at, count)
            if reason == FULL:
                continue
            try:
                pcap.read_record(view.data, at, header)
            except pcapng.TruncatedError as error:
                base += at
                at = 0
                view = self.source.view(base, error.wanted)
                if len(view) == 0:
                    return
                if len(view) < error.wanted:
                    cut = pcapng.TruncatedError("record", error.wanted, len(view), base)
                    yield Damage(base, cut)
                    return
            except FormatError as error:
                error.offset = base + at
                yield Damage(base + at, error)
                return

    def _records(
        self, view: NDArray[np.uint8], base: int, begin: int, end: int, count: int
    ) -> Records:
        self.packets += count
        index = PacketIndex._make(column[:count] for column in self._index)
        return Records(view, base, begin, end, index, self.section)


def _block_name(view: NDArray[np.uint8], at: int, order: pcapng.ByteOrder) -> str:
    kind = int.from_bytes(view[at : at + 4].tobytes(), "little" if order == "<" else "big")
    try:
        return pcapng.BlockType(kind).name
    except ValueError:
        return f"{kind:#x}"
