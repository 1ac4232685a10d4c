"""Read capture files, pcapng or classic pcap, as frame batches.

The kernels of :mod:`wtrec.datasets.walk_kernel` index the packets of a file window
and :mod:`wtrec.datasets.decode_kernel` turns them into columns; this module handles
what is rare (section headers, interfaces, statistics, damage) with the codecs of
:mod:`wtrec.datasets.pcapng` and :mod:`wtrec.datasets.pcap`, and counts everything.

What a damaged file gives: all whole frames before the damage. If the file merely
ends inside a record, that is a loss (``CaptureReader.losses``) and iteration ends;
if a record contradicts itself, :class:`FormatError` follows the last whole frame.
"""

from __future__ import annotations

import struct
import warnings
from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..closing import Closing
from ..errors import FormatError, LossWarning
from . import pcap, pcapng
from .decode_kernel import LINKTYPE_IEEE802_11, LINKTYPE_RADIOTAP, Decoded, decode
from .frames import FRAMES, MAX_BYTES, MAX_FRAMES, FrameBatch, arrow_batch
from .source import Source, open_source
from .walk_kernel import FULL, GLOBAL_ID, LINKTYPE, PacketIndex, walk_pcap, walk_pcapng

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


class Packets(NamedTuple):
    """Whole packets, Radiotap headers and all, as they lie in the file."""

    data: NDArray[np.uint8]  # a window of the file
    start: NDArray[np.int64]  # offset of each packet in it
    captured: NDArray[np.int64]  # its bytes there
    original: NDArray[np.int64]  # its bytes before the capture cut it
    linktype: NDArray[np.int64]
    first_number: int  # of the first of them in the file, from 1


class _Section:
    """The interfaces of one section, and the table of them that the kernels take."""

    def __init__(self) -> None:
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


class CaptureReader(Closing):
    """The frames of one capture, as batches of :class:`FrameBatch`; a context manager.

    Counters and lists grow while it is iterated; iterating again goes on where it stopped.

    Attributes:
        path: The file.
        format: ``pcapng`` or ``pcap``.
        interfaces: Every interface so far.
        sections: Every pcapng section header so far.
        statistics: Every Interface Statistics Block so far, with the interface's global id.
        blocks: Number of blocks of each type (of records, for pcap).
        packets: All packets, 802.11 or not.
        frames: Those that became rows.
        other_linktypes: Those that did not, for their link type.
        malformed: Frames whose Radiotap header is not sound; their row has no MPDU.
        drops: Packets that the file itself says were lost between its packets.
        losses: What of the file could not be read, one sentence each.
        packets_at_hand: What the batch given last was made from, and what is between its frames;
            only until the next one. None before the first.

    Raises:
        FormatError: Not a capture, or (while iterating) a record that contradicts itself.
        OSError: The file cannot be opened.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        self.interfaces: list[Interface] = []
        self.sections: list[pcapng.SectionHeader] = []
        self.statistics: list[tuple[int, pcapng.InterfaceStatistics]] = []
        self.blocks: Counter[str] = Counter()
        self.packets = 0
        self.frames = 0
        self.other_linktypes = 0
        self.malformed = 0
        self.drops = 0
        self.losses: list[str] = []
        self.packets_at_hand: Packets | None = None
        self._source: Source = open_source(path)
        self._index = PacketIndex.empty(MAX_FRAMES)
        self._section = _Section()  # the one at hand
        magic = self._source.view(0, 4)[:4].tobytes()
        self.format = "pcapng" if magic == _PCAPNG_MAGIC else "pcap"
        if self.format == "pcap" and magic not in _PCAP_MAGICS:
            self._source.close()
            raise FormatError(
                f"neither pcapng nor pcap: it begins with {magic.hex(' ') or 'nothing'}",
                path=self.path,
                offset=0,
                hint=self._source.damage,
            )
        self._batches = self._read()

    def close(self) -> None:
        """Close the file; iteration ends."""
        self._batches.close()
        self._source.close()

    def progress(self) -> tuple[int, int]:
        """Bytes of the file used so far, and its size."""
        return self._source.progress()

    def __iter__(self) -> Iterator[FrameBatch]:
        return self._batches

    def _read(self) -> Generator[FrameBatch]:
        try:
            yield from self._pcapng() if self.format == "pcapng" else self._pcap()
        except FormatError as error:
            hint = f"the {self.packets} packets before it are whole"
            raise FormatError(error.what, path=self.path, offset=error.offset, hint=hint) from None
        if self._source.damage:
            self.losses.append(f"{self.path}: {self._source.damage}")

    def _pcapng(self) -> Iterator[FrameBatch]:
        order: pcapng.ByteOrder | None = None
        kinds = np.zeros(7, np.int64)
        base = 0  # offset of the view in the file
        at = 0  # offset in the view of the next block
        view = self._source.view(0)
        while True:
            if order is not None:
                kinds[:] = 0
                count, at, reason = walk_pcapng(
                    view,
                    at,
                    order == ">",
                    self._section.table,
                    self._index,
                    MAX_FRAMES,
                    MAX_BYTES,
                    kinds,
                )
                for kind in np.flatnonzero(kinds):
                    self.blocks[pcapng.BlockType(int(kind)).name] += int(kinds[kind])
                yield from self._batch(view, count)
                if reason == FULL:
                    continue
            try:
                block, order, end = pcapng.read_block(view.data, at, order)
                self._take(block)
            except pcapng.TruncatedError as error:
                base += at
                at = 0
                view = self._source.view(base, error.wanted)
                if len(view) == 0:
                    return
                if len(view) < error.wanted:
                    self._lose_tail(base, len(view), error.wanted)
                    return
                continue
            except FormatError as error:
                error.offset = base + at
                raise
            self.blocks[_block_name(view, at, order)] += 1
            at = end

    def _take(self, block: pcapng.Block) -> None:
        """Account for a block that holds no packet."""
        if isinstance(block, pcapng.SectionHeader):
            self.sections.append(block)
            self._section = _Section()
        elif isinstance(block, pcapng.InterfaceDescription):
            self._add(Interface.from_block(block, len(self.interfaces)))
        elif isinstance(block, pcapng.InterfaceStatistics):
            self._check("statistics", block.interface)
            self.statistics.append((int(self._section.table[block.interface, GLOBAL_ID]), block))
        elif isinstance(block, pcapng.EnhancedPacket | pcapng.ObsoletePacket):
            # The block is sound by itself: what the kernel stopped at is its interface.
            self._check("a packet", block.interface)
        elif isinstance(block, pcapng.SimplePacket):
            self._check("a packet", 0)

    def _add(self, interface: Interface) -> None:
        self.interfaces.append(interface)
        self._section.add(interface)

    def _check(self, what: str, interface: int) -> None:
        if interface >= len(self._section):
            raise FormatError(
                f"{what} of interface {interface}, "
                f"the section describes {len(self._section)} before it"
            )

    def _pcap(self) -> Iterator[FrameBatch]:
        base = 0
        at = pcap.HEADER_LENGTH
        view = self._source.view(0)
        try:
            header = pcap.read_header(view.data)
        except pcapng.TruncatedError as error:
            self._lose_tail(0, len(view), error.wanted)
            return
        self._add(
            Interface(
                0,
                header.linktype,
                header.snaplen,
                tsresol=9 if header.nanoseconds else 6,
                fcs_bits=header.fcs_bits,
            )
        )
        while True:
            count, at, reason = walk_pcap(
                view,
                at,
                header.order == ">",
                header.tick_ns,
                header.longest_record,
                self._index,
                MAX_FRAMES,
                MAX_BYTES,
            )
            self.blocks["record"] += count
            yield from self._batch(view, count)
            if reason == FULL:
                continue
            try:
                pcap.read_record(view.data, at, header)
            except pcapng.TruncatedError as error:
                base += at
                at = 0
                view = self._source.view(base, error.wanted)
                if len(view) == 0:
                    return
                if len(view) < error.wanted:
                    self._lose_tail(base, len(view), error.wanted)
                    return
            except FormatError as error:
                error.offset = base + at
                raise

    def _batch(self, view: NDArray[np.uint8], count: int) -> Iterator[FrameBatch]:
        """Decode the indexed packets and count them."""
        if not count:
            return
        decoded = Decoded.empty(count, int(self._index.captured[:count].sum()))
        table = self._section.table
        rows, others, malformed = decode(view, self._index, count, table, self.packets + 1, decoded)
        index = self._index
        self.packets_at_hand = Packets(
            view,
            index.start[:count],
            index.captured[:count],
            index.original[:count],
            table[index.interface[:count], LINKTYPE],
            self.packets + 1,
        )
        drops = index.drops[:count]
        self.packets += count
        self.frames += rows
        self.other_linktypes += others
        self.malformed += malformed
        self.drops += sum(drops[drops != 0].tolist())  # each may be near int64's limit
        if rows:
            yield FrameBatch(arrow_batch(decoded, rows))

    def _lose_tail(self, offset: int, found: int, wanted: int) -> None:
        self.losses.append(
            f"{self.path}, offset {offset}: the file ends inside a record "
            f"({found} of {wanted} bytes); the {self.packets} packets before it are whole"
        )


def _block_name(view: NDArray[np.uint8], at: int, order: pcapng.ByteOrder) -> str:
    kind = int.from_bytes(view[at : at + 4].tobytes(), "little" if order == "<" else "big")
    try:
        return pcapng.BlockType(kind).name
    except ValueError:
        return f"{kind:#x}"


def read_frames(path: str | Path) -> Any:
    """The 802.11 frames of a capture as an Arrow stream.

    Args:
        path: A pcapng or pcap file, plain or packed with gzip or zstd.

    Returns:
        A ``pyarrow.RecordBatchReader`` with the columns of
        :data:`wtrec.datasets.frames.FRAMES`, read as it is consumed, in bounded memory.
        polars and DuckDB take it as it is, pandas by ``DataFrame.from_arrow``.

    Raises:
        FormatError: Not a capture, or damage in its middle.
        OSError: The file cannot be opened.

    Warns:
        LossWarning: The file ends inside a record; all frames before it were given.
    """
    import pyarrow as pa

    reader = CaptureReader(path)

    def batches() -> Iterator[Any]:
        with reader:
            for batch in reader:
                yield batch.arrow
        for loss in reader.losses:
            warnings.warn(loss, LossWarning, stacklevel=2)

    return pa.RecordBatchReader.from_batches(FRAMES.schema, batches())
