"""The pcapng blocks that describe a capture, one class each: bytes in, bytes out.

``write(order)`` gives the whole block, ``read(body, order)`` takes the body alone (``pcapng``'s
``read_block`` finds it), and ``make`` builds a block with its options by name. Bodies are drawn in
the classes below, a line of 32 bits each (sections are of draft-ietf-opsawg-pcapng). Blocks with
packets are in ``pcapng_packets``.

Reading what was written gives an equal block. Writing what was read gives the same bytes if the
padding was zero, the option list ended in one ``opt_endofopt`` (or was empty), and reserved fields
were zero. ``read`` raises ``FormatError`` for a body that contradicts itself, without an offset.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from typing import ClassVar, Self, Unpack

from ..errors import FormatError
from . import pcapng_values as values
from .pcapng_layout import (
    BYTE_ORDER_MAGIC,
    BlockType,
    Buffer,
    ByteOrder,
    halves,
    pad,
    read_data,
    read_head,
    read_items,
    write_block,
    write_items,
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

    hardware = Single(2, values.TEXT)
    os = Single(3, values.TEXT)
    userappl = Single(4, values.TEXT)

    @classmethod
    def make(cls, **options: Unpack[SectionOptions]) -> Self:
        """A header of version 1.0 for a section of unknown length."""
        return cls(options=pack_options(cls, options))

    @classmethod
    def read(cls, body: Buffer, order: ByteOrder) -> Self:
        """Read a body; ``order`` is what its magic says."""
        magic, major, minor, section_length = read_head("IHHq", body, order)
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

    name = Single(2, values.TEXT)
    description = Single(3, values.TEXT)
    ipv4 = Repeated(4, values.IPV4)
    ipv6 = Repeated(5, values.IPV6)
    mac = Single(6, values.MAC)
    eui = Single(7, values.EUI)
    speed = Single(8, values.U64)
    tsresol = Single(9, values.U8)
    tzone = Single(10, values.I32)
    filter_text = Single(11, values.TEXT, tag=b"\0")
    filter_program = Single(11, values.PROGRAM, tag=b"\1")
    os = Single(12, values.TEXT)
    fcslen_bits = Single(13, values.U8)
    tsoffset = Single(14, values.I64)
    hardware = Single(15, values.TEXT)
    txspeed = Single(16, values.U64)
    rxspeed = Single(17, values.U64)
    tzname = Single(18, values.TEXT)

    @classmethod
    def make(cls, linktype: int, snaplen: int = 0, **options: Unpack[InterfaceOptions]) -> Self:
        """An interface; without ``tsresol`` its clock ticks in microseconds."""
        return cls(linktype, snaplen, pack_options(cls, options))

    def to_ns(self, ticks: int) -> int:
        """Nanoseconds since 1970 UTC of a timestamp of this interface."""
        tsresol = self.tsresol
        if tsresol is None:
            tsresol = values.MICROSECONDS
        return values.to_ns(ticks, tsresol, self.tsoffset or 0)

    @classmethod
    def read(cls, body: Buffer, order: ByteOrder) -> Self:
        """Read a body."""
        linktype, _, snaplen = read_head("HHI", body, order)
        return cls(linktype, snaplen, read_options(cls, body, 8, order))

    def write(self, order: ByteOrder) -> bytes:
        """The whole block."""
        head = struct.pack(f"{order}HHI", self.linktype, 0, self.snaplen)
        return write_block(BlockType.IDB, head + write_options(self, order), order)


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
        ended = b"".join(values.encode_text(name) + b"\0" for name in names)
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
        return tuple(values.decode_text(name) for name in names if name)


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

    dnsname = Single(2, values.TEXT)
    dnsipv4 = Single(3, values.IPV4_ADDRESS)
    dnsipv6 = Single(4, values.IPV6_ADDRESS)

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

    starttime = Single(2, values.TIMESTAMP)
    endtime = Single(3, values.TIMESTAMP)
    ifrecv = Single(4, values.U64)
    ifdrop = Single(5, values.U64)
    filteraccept = Single(6, values.U64)
    osdrop = Single(7, values.U64)
    usrdeliv = Single(8, values.U64)

    @classmethod
    def make(cls, interface: int, timestamp: int, **options: Unpack[StatisticsOptions]) -> Self:
        """The counts of an interface at a time."""
        return cls(interface, timestamp, pack_options(cls, options))

    @classmethod
    def read(cls, body: Buffer, order: ByteOrder) -> Self:
        """Read a body."""
        interface, high, low = read_head("3I", body, order)
        return cls(interface, high << 32 | low, read_options(cls, body, 12, order))

    def write(self, order: ByteOrder) -> bytes:
        """The whole block."""
        head = struct.pack(f"{order}3I", self.interface, *halves(self.timestamp))
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
        secrets_type, length = read_head("II", body, order)
        secrets, end = read_data(body, 8, length, "secrets length")
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
        (enterprise,) = read_head("I", body, order)
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
