"""The pcapng blocks that hold packets: enhanced, simple, and the obsolete one.

As in ``pcapng_blocks``: ``write(order)`` gives the whole block, ``read(body, order)`` takes the
body alone, ``make`` builds a block with its options by name. Bodies are drawn a line of 32 bits
each.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, Unpack

from . import pcapng_values as values
from .pcapng_layout import (
    BlockType,
    Buffer,
    ByteOrder,
    halves,
    pad,
    read_data,
    read_head,
    write_block,
)
from .pcapng_options import (
    CommonOptions,
    Option,
    Repeated,
    Single,
    WithOptions,
    pack_options,
    read_options,
    write_options,
)


class PacketOptions(CommonOptions, total=False):
    """Options of an enhanced packet; a hash is (algorithm, digest)."""

    flags: int | None
    hashes: Sequence[tuple[int, bytes]] | None
    dropcount: int | None
    packetid: int | None
    queue: int | None
    hardware_verdicts: Sequence[bytes] | None
    tc_verdicts: Sequence[int] | None
    xdp_verdicts: Sequence[int] | None
    processid_threadid: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class EnhancedPacket(WithOptions):
    """Enhanced Packet Block (4.3): a packet, and when and where it was seen.

        u32 interface
        u32 timestamp, high half
        u32 timestamp, low half
        u32 captured length
        u32 original length
        data, padded
        options

    ``timestamp`` is in ticks of its interface, see ``InterfaceDescription.to_ns``.
    """

    interface: int
    timestamp: int
    data: bytes
    original_length: int
    options: tuple[Option, ...] = ()

    flags = Single(2, values.FLAGS)
    hashes = Repeated(3, values.HASH)
    dropcount = Single(4, values.U64)
    packetid = Single(5, values.U64)
    queue = Single(6, values.U32)
    hardware_verdicts = Repeated(7, values.OCTETS, tag=b"\0")
    tc_verdicts = Repeated(7, values.U64, tag=b"\1")
    xdp_verdicts = Repeated(7, values.U64, tag=b"\2")
    processid_threadid = Single(8, values.PAIR)

    @classmethod
    def make(
        cls,
        interface: int,
        timestamp: int,
        data: bytes,
        original_length: int | None = None,
        **options: Unpack[PacketOptions],
    ) -> Self:
        """A packet; without ``original_length`` the data is all there was."""
        original = len(data) if original_length is None else original_length
        return cls(interface, timestamp, data, original, pack_options(cls, options))

    @classmethod
    def read(cls, body: Buffer, order: ByteOrder) -> Self:
        """Read a body."""
        interface, high, low, length, original_length = read_head("5I", body, order)
        data, end = read_data(body, 20, length, "captured length")
        options = read_options(cls, body, end, order)
        return cls(interface, high << 32 | low, data, original_length, options)

    def write(self, order: ByteOrder) -> bytes:
        """The whole block."""
        ticks = halves(self.timestamp)
        lengths = len(self.data), self.original_length
        head = struct.pack(f"{order}5I", self.interface, *ticks, *lengths)
        body = head + pad(self.data) + write_options(self, order)
        return write_block(BlockType.EPB, body, order)


@dataclass(frozen=True, slots=True)
class SimplePacket:
    """Simple Packet Block (4.4): a packet of interface 0 without a time.

    u32 original length
    data, padded
    """

    data: bytes
    original_length: int

    @classmethod
    def read(cls, body: Buffer, order: ByteOrder, snaplen: int = 0) -> Self:
        """Read a body; the captured length is not stored, but follows from ``snaplen``.

        Args:
            body: The block's body.
            order: The section's byte order.
            snaplen: Snap length of the section's interface 0; 0 if there is no limit.
        """
        (original_length,) = read_head("I", body, order)
        length = min(original_length, snaplen or original_length, len(body) - 4)
        return cls(bytes(body[4 : 4 + length]), original_length)

    def write(self, order: ByteOrder) -> bytes:
        """The whole block."""
        head = struct.pack(f"{order}I", self.original_length)
        return write_block(BlockType.SPB, head + self.data, order)


@dataclass(frozen=True, slots=True)
class ObsoletePacket(WithOptions):
    """Packet Block (appendix A): what the enhanced packet block replaced.

    u16 interface, u16 drops since the last packet, 0xFFFF if unknown
    u32 timestamp, high half
    u32 timestamp, low half
    u32 captured length
    u32 original length
    data, padded
    options
    """

    interface: int
    drops: int
    timestamp: int
    data: bytes
    original_length: int
    options: tuple[Option, ...] = ()

    flags = Single(2, values.FLAGS)
    hashes = Repeated(3, values.HASH)

    @classmethod
    def read(cls, body: Buffer, order: ByteOrder) -> Self:
        """Read a body."""
        interface, drops, high, low, length, original_length = read_head("HH4I", body, order)
        data, end = read_data(body, 20, length, "captured length")
        options = read_options(cls, body, end, order)
        return cls(interface, drops, high << 32 | low, data, original_length, options)

    def write(self, order: ByteOrder) -> bytes:
        """The whole block."""
        ticks = halves(self.timestamp)
        lengths = len(self.data), self.original_length
        head = struct.pack(f"{order}HH4I", self.interface, self.drops, *ticks, *lengths)
        body = head + pad(self.data) + write_options(self, order)
        return write_block(BlockType.PB, body, order)
