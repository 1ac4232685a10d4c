"""The blocks of a pcapng file, one class each: bytes in, bytes out.

Each block (draft-ietf-opsawg-pcapng 3.1 and 4) stands between two copies of its length:

    0         4          8                       length - 4
    +---------+----------+-------------------------+----------+
    |  type   |  length  |  body, padded to 32 bit |  length  |
    +---------+----------+-------------------------+----------+

``write(order)`` gives the whole block, ``read(body, order)`` takes the body alone (``pcapng``'s
``read_block`` finds it), and ``make`` builds a block with its options by name. Bodies are drawn in
the classes below, a line of 32 bits. Reading what was written gives an equal block. Writing what
was read gives the same bytes if the padding was zero, the option list ended in one ``opt_endofopt``
(or was empty), and reserved fields were zero.

``read`` raises ``FormatError`` for a body that contradicts itself; its message has no offset.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from typing import ClassVar, Self, TypedDict, Unpack

from ..errors import FormatError
from . import pcapng_options as opt
from .pcapng_options import (
    Buffer,
    ByteOrder,
    Option,
    Repeated,
    Single,
    WithOptions,
    pack_options,
    pad,
    read_items,
    read_options,
    write_items,
    write_options,
)
from .pcapng_values import MICROSECONDS, to_ns

BYTE_ORDER_MAGIC = 0x1A2B3C4D


class BlockType(IntEnum):
    """The block types that have a class here."""

    SHB = 0x0A0D0D0A
    IDB = 0x00000001
    PB = 0x00000002
    SPB = 0x00000003
    NRB = 0x00000004
    ISB = 0x00000005
    EPB = 0x00000006
    DSB = 0x0000000A
    CB = 0x00000BAD
    DCB = 0x40000BAD


def write_block(block_type: int, body: bytes, order: ByteOrder) -> bytes:
    """A whole block around ``body``, which is padded."""
    body = pad(body)
    length = 12 + len(body)
    head = struct.pack(f"{order}II", block_type, length)
    return b"".join((head, body, struct.pack(f"{order}I", length)))


def _head(layout: str, body: Buffer, order: ByteOrder) -> tuple[int, ...]:
    """The fixed fields at the start of a body."""
    size = struct.calcsize(order + layout)
    if len(body) < size:
        raise FormatError(f"body of {len(body)} bytes, at least {size} wanted")
    return struct.unpack_from(order + layout, body)


def _data(body: Buffer, offset: int, length: int, what: str) -> tuple[bytes, int]:
    """Padded data inside a body, and the offset behind its padding."""
    if length > len(body) - offset:
        raise FormatError(f"{what} {length} is past the {len(body) - offset} bytes left")
    return bytes(body[offset : offset + length]), offset + length + -length % 4


def _halves(ticks: int) -> tuple[int, int]:
    """A timestamp as stored: the high 32 bits stand first in either byte order."""
    return ticks >> 32, ticks & 0xFFFFFFFF


class CommonOptions(TypedDict, total=False):
    """Options of every block; custom ones are (private enterprise number, data)."""

    comments: Sequence[str] | None
    custom_text: Sequence[tuple[int, str]] | None
    custom_octets: Sequence[tuple[int, bytes]] | None
    custom_text_not_copied: Sequence[tuple[int, str]] | None
    custom_octets_not_copied: Sequence[tuple[int, bytes]] | None


class SectionOptions(CommonOptions, total=False):
    """Options of a section header."""

    hardware: str | None
    os: str | None
    userappl: str | None


@dataclass(frozen=True, slots=True)
class SectionHeader(WithOptions):
    """Section Header Block (4.1): starts a section and sets its byte order.

    magic 0x1A2B3C4D
    u16 major version 1, u16 minor version 0
    i64 length of the section behind this block, -1 if unknown
    options
    """

    minor: int = 0
    section_length: int = -1
    options: tuple[Option, ...] = ()

    hardware = Single(2, opt.TEXT)
    os = Single(3, opt.TEXT)
    userappl = Single(4, opt.TEXT)

    @classmethod
    def make(cls, **options: Unpack[SectionOptions]) -> Self:
        """A header of version 1.0 for a section of unknown length."""
        return cls(options=pack_options(cls, options))

    @classmethod
    def read(cls, body: Buffer, order: ByteOrder) -> Self:
        """Read a body; ``order`` is what its magic says."""
        magic, major, minor, section_length = _head("IHHq", body, order)
        if magic != BYTE_ORDER_MAGIC:
            raise FormatError(f"magic {magic:#010x}, {BYTE_ORDER_MAGIC:#010x} wanted")
        if major != 1 or minor not in {0, 2}:  # some writers said 1.2 and meant 1.0
            raise FormatError(f"version {major}.{minor}, 1.0 wanted")
        return cls(minor, section_length, read_options(cls, body, 16, order))

    def write(self, order: ByteOrder) -> bytes:
        """The whole block."""
        head = struct.pack(f"{order}IHHq", BYTE_ORDER_MAGIC, 1, self.minor, self.section_length)
        return write_block(BlockType.SHB, head + write_options(self, order), order)


class InterfaceOptions(CommonOptions, total=False):
    """Options of an interface description."""

    name: str | None
    description: str | None
    ipv4: Sequence[IPv4Interface] | None
    ipv6: Sequence[IPv6Interface] | None
    mac: bytes | None
    eui: bytes | None
    speed: int | None
    tsresol: int | None
    tzone: int | None
    filter_text: str | None
    filter_program: bytes | None
    os: str | None
    fcslen_bits: int | None
    tsoffset: int | None
    hardware: str | None
    txspeed: int | None
    rxspeed: int | None
    tzname: str | None


@dataclass(frozen=True, slots=True)
class InterfaceDescription(WithOptions):
    """Interface Description Block (4.2): numbered from 0 in the order of their section.

        u16 link type, u16 reserved
        u32 snap length, 0 if there is no limit
        options

    Speeds are in bit/s, ``tsoffset`` in seconds, ``mac`` and ``eui`` 6 and 8 bytes.
    ``filter_program`` is a list of BPF instructions (u16 code, u8 jt, u8 jf, u32 k), little-endian.
    """

    linktype: int
    snaplen: int = 0
    options: tuple[Option, ...] = ()

    name = Single(2, opt.TEXT)
    description = Single(3, opt.TEXT)
    ipv4 = Repeated(4, opt.IPV4)
    ipv6 = Repeated(5, opt.IPV6)
    mac = Single(6, opt.MAC)
    eui = Single(7, opt.EUI)
    speed = Single(8, opt.U64)
    tsresol = Single(9, opt.U8)
    tzone = Single(10, opt.I32)
    filter_text = Single(11, opt.TEXT, tag=b"\0")
    filter_program = Single(11, opt.PROGRAM, tag=b"\1")
    os = Single(12, opt.TEXT)
    fcslen_bits = Single(13, opt.U8)
    tsoffset = Single(14, opt.I64)
    hardware = Single(15, opt.TEXT)
    txspeed = Single(16, opt.U64)
    rxspeed = Single(17, opt.U64)
    tzname = Single(18, opt.TEXT)

    @classmethod
    def make(cls, linktype: int, snaplen: int = 0, **options: Unpack[InterfaceOptions]) -> Self:
        """An interface; without ``tsresol`` its clock ticks in microseconds."""
        return cls(linktype, snaplen, pack_options(cls, options))

    def to_ns(self, ticks: int) -> int:
        """Nanoseconds since 1970 UTC of a timestamp of this interface."""
        tsresol = self.tsresol
        return to_ns(ticks, MICROSECONDS if tsresol is None else tsresol, self.tsoffset or 0)

    @classmethod
    def read(cls, body: Buffer, order: ByteOrder) -> Self:
        """Read a body."""
        linktype, _, snaplen = _head("HHI", body, order)
        return cls(linktype, snaplen, read_options(cls, body, 8, order))

    def write(self, order: ByteOrder) -> bytes:
        """The whole block."""
        head = struct.pack(f"{order}HHI", self.linktype, 0, self.snaplen)
        return write_block(BlockType.IDB, head + write_options(self, order), order)


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

    flags = Single(2, opt.FLAGS)
    hashes = Repeated(3, opt.HASH)
    dropcount = Single(4, opt.U64)
    packetid = Single(5, opt.U64)
    queue = Single(6, opt.U32)
    hardware_verdicts = Repeated(7, opt.OCTETS, tag=b"\0")
    tc_verdicts = Repeated(7, opt.U64, tag=b"\1")
    xdp_verdicts = Repeated(7, opt.U64, tag=b"\2")
    processid_threadid = Single(8, opt.PAIR)

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
        interface, high, low, length, original_length = _head("5I", body, order)
        data, end = _data(body, 20, length, "captured length")
        options = read_options(cls, body, end, order)
        return cls(interface, high << 32 | low, data, original_length, options)

    def write(self, order: ByteOrder) -> bytes:
        """The whole block."""
        ticks = _halves(self.timestamp)
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
        (original_length,) = _head("I", body, order)
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

    flags = Single(2, opt.FLAGS)
    hashes = Repeated(3, opt.HASH)

    @classmethod
    def read(cls, body: Buffer, order: ByteOrder) -> Self:
        """Read a body."""
        interface, drops, high, low, length, original_length = _head("HH4I", body, order)
        data, end = _data(body, 20, length, "captured length")
        options = read_options(cls, body, end, order)
        return cls(interface, drops, high << 32 | low, data, original_length, options)

    def write(self, order: ByteOrder) -> bytes:
        """The whole block."""
        ticks = _halves(self.timestamp)
        lengths = len(self.data), self.original_length
        head = struct.pack(f"{order}HH4I", self.interface, self.drops, *ticks, *lengths)
        body = head + pad(self.data) + write_options(self, order)
        return write_block(BlockType.PB, body, order)


@dataclass(frozen=True, slots=True)
class NameRecord:
    """One record of a name resolution block: an address, and its names, each ended by a NUL."""

    kind: int
    value: bytes

    ADDRESS_SIZES: ClassVar = {1: 4, 2: 16, 3: 6, 4: 8}  # nrb_record_ipv4, ipv6, eui48, eui64

    @classmethod
    def make(cls, address: bytes, *names: str) -> Self:
        """A record for an address of 4 (IPv4), 16 (IPv6), 6 (EUI-48) or 8 (EUI-64) bytes."""
        kinds = {size: kind for kind, size in cls.ADDRESS_SIZES.items()}
        ended = b"".join(opt.encode_text(name) + b"\0" for name in names)
        return cls(kinds[len(address)], address + ended)

    @property
    def address(self) -> bytes:
        """The address; empty for a kind of record that is not known."""
        return self.value[: self.ADDRESS_SIZES.get(self.kind, 0)]

    @property
    def names(self) -> tuple[str, ...]:
        """The names; none for a kind of record that is not known."""
        if self.kind not in self.ADDRESS_SIZES:
            return ()
        names = self.value[self.ADDRESS_SIZES[self.kind] :].split(b"\0")
        return tuple(opt.decode_text(name) for name in names if name)


class NameOptions(CommonOptions, total=False):
    """Options of a name resolution block: the server that was asked."""

    dnsname: str | None
    dnsipv4: IPv4Address | None
    dnsipv6: IPv6Address | None


@dataclass(frozen=True, slots=True)
class NameResolution(WithOptions):
    """Name Resolution Block (4.5): names of addresses, stations among them.

    u16 record type, u16 length, value, padded      repeated
    u16 0, u16 0
    options
    """

    records: tuple[NameRecord, ...]
    options: tuple[Option, ...] = ()

    dnsname = Single(2, opt.TEXT)
    dnsipv4 = Single(3, opt.IPV4_ADDRESS)
    dnsipv6 = Single(4, opt.IPV6_ADDRESS)

    @classmethod
    def make(cls, records: Sequence[NameRecord], **options: Unpack[NameOptions]) -> Self:
        """A block of records."""
        return cls(tuple(records), pack_options(cls, options))

    @classmethod
    def read(cls, body: Buffer, order: ByteOrder) -> Self:
        """Read a body."""
        items, end = read_items(body, 0, order, "name record")
        records = tuple(NameRecord(kind, value) for kind, value in items)
        return cls(records, read_options(cls, body, end, order))

    def write(self, order: ByteOrder) -> bytes:
        """The whole block."""
        items = ((record.kind, record.value) for record in self.records)
        body = write_items(items, order, "name record") + bytes(4) + write_options(self, order)
        return write_block(BlockType.NRB, body, order)


class StatisticsOptions(CommonOptions, total=False):
    """Options of interface statistics."""

    starttime: int | None
    endtime: int | None
    ifrecv: int | None
    ifdrop: int | None
    filteraccept: int | None
    osdrop: int | None
    usrdeliv: int | None


@dataclass(frozen=True, slots=True)
class InterfaceStatistics(WithOptions):
    """Interface Statistics Block (4.6): counts since the start of the capture.

        u32 interface
        u32 timestamp, high half
        u32 timestamp, low half
        options

    All three times are in ticks of the interface.
    """

    interface: int
    timestamp: int
    options: tuple[Option, ...] = ()

    starttime = Single(2, opt.TIMESTAMP)
    endtime = Single(3, opt.TIMESTAMP)
    ifrecv = Single(4, opt.U64)
    ifdrop = Single(5, opt.U64)
    filteraccept = Single(6, opt.U64)
    osdrop = Single(7, opt.U64)
    usrdeliv = Single(8, opt.U64)

    @classmethod
    def make(cls, interface: int, timestamp: int, **options: Unpack[StatisticsOptions]) -> Self:
        """The counts of an interface at a time."""
        return cls(interface, timestamp, pack_options(cls, options))

    @classmethod
    def read(cls, body: Buffer, order: ByteOrder) -> Self:
        """Read a body."""
        interface, high, low = _head("3I", body, order)
        return cls(interface, high << 32 | low, read_options(cls, body, 12, order))

    def write(self, order: ByteOrder) -> bytes:
        """The whole block."""
        head = struct.pack(f"{order}3I", self.interface, *_halves(self.timestamp))
        return write_block(BlockType.ISB, head + write_options(self, order), order)


@dataclass(frozen=True, slots=True)
class DecryptionSecrets(WithOptions):
    """Decryption Secrets Block (4.7): keys, carried along unread.

    u32 secrets type
    u32 length of the secrets
    secrets, padded
    options
    """

    secrets_type: int
    secrets: bytes
    options: tuple[Option, ...] = ()

    @classmethod
    def read(cls, body: Buffer, order: ByteOrder) -> Self:
        """Read a body."""
        secrets_type, length = _head("II", body, order)
        secrets, end = _data(body, 8, length, "secrets length")
        return cls(secrets_type, secrets, read_options(cls, body, end, order))

    def write(self, order: ByteOrder) -> bytes:
        """The whole block."""
        head = struct.pack(f"{order}II", self.secrets_type, len(self.secrets))
        body = head + pad(self.secrets) + write_options(self, order)
        return write_block(BlockType.DSB, body, order)


@dataclass(frozen=True, slots=True)
class Custom:
    """Custom Block (4.8): somebody's own.

        u32 private enterprise number
        data and options: only their owner can tell them apart

    Data is padded when written, and read with its padding. ``copyable`` says whether a tool that
    changes the file may keep the block.
    """

    enterprise: int
    data: bytes
    copyable: bool = True

    @classmethod
    def read(cls, body: Buffer, order: ByteOrder, *, copyable: bool = True) -> Self:
        """Read a body."""
        (enterprise,) = _head("I", body, order)
        return cls(enterprise, bytes(body[4:]), copyable)

    def write(self, order: ByteOrder) -> bytes:
        """The whole block."""
        block_type = BlockType.CB if self.copyable else BlockType.DCB
        return write_block(block_type, struct.pack(f"{order}I", self.enterprise) + self.data, order)


@dataclass(frozen=True, slots=True)
class UnknownBlock:
    """A block of another type: its body is kept as it is, in the byte order of its section."""

    block_type: int
    body: bytes

    def write(self, order: ByteOrder) -> bytes:
        """The whole block; ``order`` must be that of the section it was read from."""
        return write_block(self.block_type, self.body, order)


Block = (
    SectionHeader
    | InterfaceDescription
    | EnhancedPacket
    | SimplePacket
    | ObsoletePacket
    | NameResolution
    | InterfaceStatistics
    | DecryptionSecrets
    | Custom
    | UnknownBlock
)
