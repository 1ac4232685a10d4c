"""Packets of any capture as little-endian Enhanced Packet Blocks: what new captures are made of.

Blocks of a little-endian section are taken as they are, options and all. What is rare (other byte
orders, obsolete and simple packet blocks) goes through the codecs of :mod:`wtrec.datasets.pcapng`;
records of pcap through a kernel. Simple Packet Blocks have no time, and belong to the first
interface of their section: where they cannot stay what they are, their time becomes the zero of its
clock (1970, or ``if_tsoffset``).
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import pcap, pcapng
from .pcapng_options import Option
from .records_kernel import block_begins, blocks_of_records, place_blocks
from .walk import Records
from .walk_kernel import RESOLUTION

MICROSECONDS, NANOSECONDS = 6, 9  # if_tsresol


class Blocks(NamedTuple):
    """Packet blocks, one behind the other.

    Attributes:
        data: Bytes with them.
        begins: Where each begins, and the last one ends: shape (packets + 1,).
        timeless: Packets that had no time, and have the zero of their clock now.
    """

    data: NDArray[np.uint8]
    begins: NDArray[np.int64]
    timeless: int = 0

    def __len__(self) -> int:
        return len(self.begins) - 1

    @property
    def wire(self) -> memoryview:
        """The blocks as they are."""
        return self.data.data[self.begins[0] : self.begins[-1]]

    def place(
        self,
        first: int,
        count: int,
        interfaces: NDArray[np.int64],
        targets: NDArray[np.int64],
        out: NDArray[np.uint8],
    ) -> None:
        """Copy ``count`` of them, with new numbers for their interfaces, to offsets of ``out``."""
        place_blocks(self.data, self.begins, first, count, interfaces, targets, out)


def interface_of_pcap(header: pcap.PcapHeader, **options: str) -> pcapng.InterfaceDescription:
    """The interface of a pcap file: the link type, and the resolution of its times."""
    resolution = NANOSECONDS if header.nanoseconds else MICROSECONDS
    fcs = header.fcs_bits if header.fcs_bits is None or header.fcs_bits < 256 else None
    return pcapng.InterfaceDescription.make(
        header.linktype,
        header.snaplen,
        tsresol=resolution,
        fcslen_bits=fcs,
        **options,  # type: ignore[arg-type]
    )


def blocks_of(records: Records, *, is_pcap: bool, keep_simple: bool = True) -> Blocks:
    """The packets of ``records`` as blocks.

    Args:
        records: As a walk gives them.
        is_pcap: They are records of pcap.
        keep_simple: Simple Packet Blocks may stay: their interface is the first of the new file.
    """
    index, count = records.where, records.packets
    begins = np.empty(count + 1, np.int64)
    is_big = records.section.order == ">"
    if is_pcap:
        out = np.empty(int((index.captured + 3 & ~3).sum()) + 32 * count, np.uint8)
        resolution = int(records.section.table[0, RESOLUTION])
        data = records.data
        blocks_of_records(data, index.start, index.captured, is_big, 10**resolution, out, begins)
        return Blocks(out, begins)
    block_begins(records.data, records.begin, count, is_big, begins)
    kinds = records.data[begins[:-1] + (3 if is_big else 0)]
    if not is_big and _may_stay(kinds, keep_simple=keep_simple):
        return Blocks(records.data, begins)
    return _rewritten(records, begins, keep_simple=keep_simple)


def _may_stay(kinds: NDArray[np.uint8], *, keep_simple: bool) -> bool:
    stays = kinds == pcapng.BlockType.EPB
    if keep_simple:
        stays |= kinds == pcapng.BlockType.SPB
    return bool(stays.all())


def _rewritten(records: Records, begins: NDArray[np.int64], *, keep_simple: bool) -> Blocks:
    """One by one."""
    parts, timeless = [], 0
    order, data = records.section.order, records.data.data
    sizes = records.where.captured.tolist()
    for at, size in zip(begins[:-1].tolist(), sizes, strict=True):
        block, _, _ = pcapng.read_block(data, at, order)
        if isinstance(block, pcapng.SimplePacket):
            packet = block.data[:size]
            if keep_simple:
                block = pcapng.SimplePacket(packet, block.original_length)
            else:
                timeless += 1
                block = pcapng.EnhancedPacket(0, 0, packet, block.original_length)
        elif isinstance(block, pcapng.ObsoletePacket):
            block = enhanced(block)
        parts.append(block.write("<"))
    ends = np.cumsum([0, *map(len, parts)])
    return Blocks(np.frombuffer(b"".join(parts), np.uint8).copy(), ends, timeless)


def enhanced(block: pcapng.ObsoletePacket) -> pcapng.EnhancedPacket:
    """What an obsolete packet block says, in the block that replaced it."""
    options = block.options
    if block.drops not in {0, 0xFFFF}:
        options += (
            Option(pcapng.EnhancedPacket.dropcount.code, block.drops.to_bytes(8, "little")),
        )
    return pcapng.EnhancedPacket(
        block.interface, block.timestamp, block.data, block.original_length, options
    )


def with_comment(block: pcapng.InterfaceDescription, comment: str) -> pcapng.InterfaceDescription:
    """The interface, with one comment more."""
    extra = pcapng.InterfaceDescription.make(0, comments=[comment]).options
    return replace(block, options=(*block.options, *extra))


def without_length(section_header: bytes) -> bytes:
    """The block, which says no longer how long its section is: right whatever becomes of that."""
    return section_header[:16] + b"\xff" * 8 + section_header[24:]
