"""Writes an anonymised capture: every packet in its place, with its length, time and errors.

Always pcapng. Kept are packets, their flags, drop counts and ids, interfaces without their names,
and statistics. Comments, names, keys, hashes, and blocks that nobody here can read are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import TYPE_CHECKING

from ...dot11 import fcs, mac
from ...errors import FormatError
from .. import pcap, pcapng
from ..copying import Blocks, blocks_of, interface_of_pcap
from ..decode_kernel import LINKTYPE_RADIOTAP, Decoded, decode
from ..frames import FrameBatch, arrow_batch
from ..pcapng_options import Option
from ..walk import Between, Damage, Records, Walk
from ..walk_kernel import LINKTYPE, RESOLUTION
from .frames import Frames
from .lay import laid
from .originals import Original, Originals, Source, State
from .radiotap import scrubbed

if TYPE_CHECKING:
    from pathlib import Path

    from ..parts import Parts
    from ..sink import Sink

_AT_ONCE, _BYTES_AT_ONCE = 8192, 8 << 20  # packets that are held as objects
_US_PER_S = 1_000_000
_TICKS = 1 << 64
_HEADER_ALONE = 4  # bytes of a Radiotap header that is not sound which say so
_FLAG = "wtrec: original unknown, header and content masked"
_OF_PACKET = (
    pcapng.EnhancedPacket.flags,
    pcapng.EnhancedPacket.dropcount,
    pcapng.EnhancedPacket.packetid,
    pcapng.EnhancedPacket.queue,
)
_OF_INTERFACE = (
    pcapng.InterfaceDescription.speed,
    pcapng.InterfaceDescription.tsresol,
    pcapng.InterfaceDescription.tsoffset,
    pcapng.InterfaceDescription.fcslen_bits,
    pcapng.InterfaceDescription.txspeed,
    pcapng.InterfaceDescription.rxspeed,
)
_OF_STATISTICS = (
    pcapng.InterfaceStatistics.ifrecv,
    pcapng.InterfaceStatistics.ifdrop,
    pcapng.InterfaceStatistics.filteraccept,
    pcapng.InterfaceStatistics.osdrop,
    pcapng.InterfaceStatistics.usrdeliv,
)


@dataclass
class Done:
    """What became of a capture.

    Attributes:
        states: Frames by how much of their original is known.
        without_frame: Packets that are no 802.11 frame, or whose Radiotap header is not sound:
            their bytes are zero.
        blocks: Blocks that were left out.
        dropped: Numbers of the frames that were left out, rising.
        losses: What could not be read.
    """

    states: Counter[State] = field(default_factory=Counter)
    without_frame: int = 0
    blocks: int = 0
    dropped: list[int] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)


def write_capture(
    capture: Path | Parts,
    write: Sink,
    frames: Frames,
    sources: Sequence[Source],
    *,
    comment: str | None = None,
    shift_s: int = 0,
    drop_unmatched: bool = False,
    on_progress: Callable[[Walk], None] = lambda _: None,
) -> Done:
    """Write a capture's packets, with other frames in them.

    Args:
        capture: The capture.
        write: Takes the new one.
        frames: What replaces frames.
        sources: Where originals come from; they have seen all of the capture.
        comment: Of each section header.
        shift_s: What is added to times.
        drop_unmatched: Leave out bad frames of unknown original.
        on_progress: Called from time to time.

    Raises:
        FormatError: Not a capture, damage in its middle, or a time that cannot be shifted so far.
        OSError: It cannot be opened.
    """
    with Walk(capture, _AT_ONCE, _BYTES_AT_ONCE) as walk:
        writer = _Writer(walk, write, frames, Originals(sources), comment, shift_s)
        writer.drops_unmatched = drop_unmatched
        for event in walk:
            if isinstance(event, Records):
                writer.records(event)
                on_progress(walk)
            elif isinstance(event, Damage):
                writer.done.losses.append(walk.loss(event).removeprefix(walk.path).lstrip(":, "))
            else:
                writer.between(event)
        if walk.source.damage:
            writer.done.losses.append(str(walk.source.damage))
    return writer.done


class _Writer:
    """Writes events of a walk, anonymised."""

    def __init__(
        self,
        walk: Walk,
        write: Sink,
        frames: Frames,
        originals: Originals,
        comment: str | None,
        shift_s: int,
    ) -> None:
        self.done = Done()
        self.drops_unmatched = False
        self._walk = walk
        self._write = write
        self._frames = frames
        self._originals = originals
        self._comment = comment
        self._shift_s = shift_s
        self._is_pcap = walk.format == "pcap"
        self._interfaces = 0
        if self._is_pcap:
            self._section("")

    def between(self, event: Between) -> None:
        """A block without a packet."""
        block = event.block
        if isinstance(block, pcap.PcapHeader):
            self._interface(interface_of_pcap(block))
        elif isinstance(block, pcapng.SectionHeader):
            self._section(block.os or "")
        elif isinstance(block, pcapng.InterfaceDescription):
            self._interface(block)
        elif isinstance(block, pcapng.InterfaceStatistics):
            self._write(self._statistics(event, block).write("<"))
        else:
            self.done.blocks += 1

    def _section(self, system: str) -> None:
        header = pcapng.SectionHeader.make(
            os=system.partition(" ")[0] or None,
            userappl=f"wtrec {version('wtrec')}",
            comments=None if self._comment is None else [self._comment],
        )
        self._write(header.write("<"))

    def _interface(self, block: pcapng.InterfaceDescription) -> None:
        named = pcapng.InterfaceDescription.make(0, name=interface_name(self._interfaces))
        options = (*named.options, *_kept(block.options, _OF_INTERFACE))
        self._interfaces += 1
        self._write(replace(block, options=options).write("<"))

    def _statistics(
        self, event: Between, block: pcapng.InterfaceStatistics
    ) -> pcapng.InterfaceStatistics:
        def shifted(ticks: int | None) -> int | None:
            if ticks is None:
                return None
            return self._shifted(event.section.table[block.interface, RESOLUTION], ticks)

        times = pcapng.InterfaceStatistics.make(
            block.interface,
            shifted(block.timestamp) or 0,
            starttime=shifted(block.starttime),
            endtime=shifted(block.endtime),
        )
        return replace(times, options=(*times.options, *_kept(block.options, _OF_STATISTICS)))

    def _shifted(self, resolution: int, ticks: int) -> int:
        moved = ticks + self._shift_s * pcapng.ticks_per_second(int(resolution))
        if not 0 <= moved < _TICKS:
            raise FormatError(
                f"a time of the capture cannot be shifted by {self._shift_s} s",
                path=self._walk.path,
                hint="shift by less",
            )
        return moved

    def records(self, records: Records) -> None:
        """Packets that follow each other."""
        first = self._walk.packets - records.packets + 1
        batch = _decoded(records, first)
        rows = {} if batch is None else {n: k for k, n in enumerate(batch.number.tolist())}
        originals = [] if batch is None else self._originals.of(batch)
        blocks = blocks_of(records, is_pcap=self._is_pcap)
        out = []
        for k in range(records.packets):
            row = rows.get(first + k)
            block = self._block(blocks, k, int(records.where.captured[k]))
            linktype = int(records.section.table[records.where.interface[k], LINKTYPE])
            flag = False
            if row is None or batch is None:
                packet = bytes(len(block.data))
                self.done.without_frame += 1
            else:
                original = originals[row]
                flag = original.state == State.UNKNOWN
                if flag and self.drops_unmatched:
                    self.done.dropped.append(first + k)
                    continue
                packet = self._packet(block.data, batch, row, original, linktype)
            out.append(self._written(records, block, packet, is_flagged=flag))
        self._write(b"".join(out))

    @staticmethod
    def _block(blocks: Blocks, k: int, size: int) -> pcapng.EnhancedPacket | pcapng.SimplePacket:
        block, _, _ = pcapng.read_block(blocks.data.data, int(blocks.begins[k]), "<")
        if isinstance(block, pcapng.SimplePacket):
            return pcapng.SimplePacket(block.data[:size], block.original_length)
        assert isinstance(block, pcapng.EnhancedPacket)  # noqa: S101 - blocks_of makes no others
        return block

    def _written(
        self,
        records: Records,
        block: pcapng.EnhancedPacket | pcapng.SimplePacket,
        packet: bytes,
        *,
        is_flagged: bool,
    ) -> bytes:
        if isinstance(block, pcapng.SimplePacket):
            return pcapng.SimplePacket(packet, block.original_length).write("<")
        options = _kept(block.options, _OF_PACKET)
        if is_flagged:
            options += pcapng.EnhancedPacket.make(0, 0, b"", comments=[_FLAG]).options
        time = block.timestamp
        if self._shift_s:
            time = self._shifted(records.section.table[block.interface, RESOLUTION], time)
        return replace(block, timestamp=time, data=packet, options=options).write("<")

    def _packet(
        self, packet: bytes, batch: FrameBatch, row: int, original: Original, linktype: int
    ) -> bytes:
        mpdu = batch.mpdu(row)
        header = b""
        if linktype == LINKTYPE_RADIOTAP:
            length = int.from_bytes(packet[2:4], "little")
            if not mpdu and (len(packet) < 8 or packet[0] or not 8 <= length <= len(packet)):
                self.done.without_frame += 1
                return packet[:_HEADER_ALONE].ljust(len(packet), b"\0")
            header = scrubbed(packet[:length], self._shift_s * _US_PER_S)
        self.done.states[original.state] += 1
        frame = self._frame(mpdu, original)
        padding = len(packet) - len(header) - len(mpdu)
        if padding and mpdu:  # that some hardware puts behind the MAC header
            head = mac.header_length(int.from_bytes(mpdu[:2], "little"))
            frame = frame[:head] + bytes(padding) + frame[head:]
        return (header + frame).ljust(len(packet), b"\0")

    def _frame(self, mpdu: bytes, original: Original) -> bytes:
        replaced = self._replaced(original)
        if original.fixed is not None:
            begin, known = original.fixed
            new = self._frames.contents.payload(known)
            replaced = replaced[:begin] + new + replaced[begin + len(known) :]
        if original.stale is not None:
            behind = fcs.fcs(self._frames.replace(original.stale))
            return replaced + behind.to_bytes(fcs.LENGTH, "little")
        return laid(mpdu, original.frame, replaced)

    def _replaced(self, original: Original) -> bytes:
        """Of a frame that may be anything, only what is known of all frames is read."""
        control = int.from_bytes(original.frame[:2], "little")
        is_packet = original.fixed is not None and mac.frame_type(control) == mac.DATA
        if original.state != State.UNKNOWN or is_packet:
            return self._frames.replace(original.frame)
        return self._frames.masked(original.frame)


def interface_name(number: int) -> str:
    """What an interface is called afterwards, by its place in the capture."""
    return f"if{number}"


def _decoded(records: Records, first: int) -> FrameBatch | None:
    """The frames among packets."""
    decoded = Decoded.empty(records.packets, int(records.where.captured.sum()))
    table = records.section.table
    rows, _, _ = decode(records.data, records.where, records.packets, table, first, decoded)
    return FrameBatch(arrow_batch(decoded, rows)) if rows else None


def _kept(options: Sequence[Option], fields: Sequence[object]) -> tuple[Option, ...]:
    """The options that are among these."""
    return tuple(
        option
        for option in options
        if any(each.means(option) for each in fields)  # type: ignore[attr-defined]
    )
