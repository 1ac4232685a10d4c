"""Classic pcap capture files: the file header and the packet records.

draft-ietf-opsawg-pcap 4 and 5. All fields have the byte order that the magic shows:

    0               2               4               6               8 byte
    +---------------+---------------+---------------+---------------+
    |             magic             |   major 2     |   minor 4     |
    |           thiszone            |            sigfigs            |
    |          snap length          | F |0|P|   0   |   link type   |
    +---------------+---------------+---------------+---------------+

    |            seconds            |    micro- or nanoseconds      |
    |        captured length        |        original length        |
    |   data, not padded ...

The magic is 0xA1B2C3D4 for microseconds and 0xA1B23C4D for nanoseconds. In the last word of the
header, bit 26 (P) says that bits 28 to 31 (F) hold the FCS length, in units of 16 bits.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from ..errors import FormatError
from .pcapng import MAX_BLOCK_LENGTH, BlockType, Buffer, ByteOrder, TruncatedError

MAGIC_MICROSECONDS = 0xA1B2C3D4
MAGIC_NANOSECONDS = 0xA1B23C4D
HEADER_LENGTH = 24
RECORD_HEADER_LENGTH = 16
MAX_SNAPLEN = 262_144  # libpcap's: a longer record needs a header that announces it

_VERSION = (2, 4)
_FCS_PRESENT = 1 << 26
_FCS_UNIT_BITS = 16
_NS_PER_S = 1_000_000_000
_OTHER_FORMATS = {
    BlockType.SHB: "pcapng",
    0xA1B2CD34: "Kuznetsov's modified pcap",
    0xA1B234CD: "Mesquita's modified pcap",
    0xA12B3C4D: "Navtel's modified pcap",
    0x1C0001AC: "Ixia's lcap, hardware",
    0x1C0001AB: "Ixia's lcap, software",
}


@dataclass(frozen=True, slots=True)
class PcapHeader:
    """The header of a file.

    Attributes:
        linktype: Link type of all packets.
        snaplen: No packet holds more bytes than this.
        nanoseconds: Whether timestamps count nanoseconds, not microseconds.
        fcs_bits: Length in bits of the FCS at the end of each packet; None says nothing.
        order: Byte order of the file.
        thiszone: Seconds that local time was ahead; always 0 in practice, and not applied.
        sigfigs: Accuracy of timestamps; always 0 in practice.
    """

    linktype: int
    snaplen: int = MAX_SNAPLEN
    nanoseconds: bool = True
    fcs_bits: int | None = None
    order: ByteOrder = "<"
    thiszone: int = 0
    sigfigs: int = 0

    @property
    def tick_ns(self) -> int:
        """Nanoseconds of one unit of a timestamp's fraction."""
        return 1 if self.nanoseconds else 1000

    @property
    def longest_record(self) -> int:
        """Most bytes that a record may hold; a header can announce more than anybody should."""
        return min(max(self.snaplen, MAX_SNAPLEN), MAX_BLOCK_LENGTH)

    def write(self) -> bytes:
        """The bytes of the header.

        Raises:
            ValueError: The length of the FCS is not a multiple of 16 bits, or too long to store.
        """
        magic = MAGIC_NANOSECONDS if self.nanoseconds else MAGIC_MICROSECONDS
        word = self.linktype
        if self.fcs_bits is not None:
            units, rest = divmod(self.fcs_bits, _FCS_UNIT_BITS)
            if rest or not 0 <= units <= 15:
                raise ValueError(f"an FCS of {self.fcs_bits} bits is not 0, 16, 32 … or 240 bits")
            word |= _FCS_PRESENT | units << 28
        zone = self.thiszone, self.sigfigs
        return struct.pack(f"{self.order}IHHiIII", magic, *_VERSION, *zone, self.snaplen, word)


@dataclass(frozen=True, slots=True)
class PcapRecord:
    """A packet: its time in nanoseconds since 1970 UTC, its bytes, and how many there once were."""

    time_ns: int
    data: bytes
    original_length: int

    def write(self, header: PcapHeader) -> bytes:
        """The bytes of the record in a file with this header; time is rounded down to its unit."""
        seconds, fraction = divmod(self.time_ns, _NS_PER_S)
        times = seconds, fraction // header.tick_ns
        lengths = len(self.data), self.original_length
        return struct.pack(f"{header.order}4I", *times, *lengths) + self.data


def _read_magic(data: Buffer) -> tuple[ByteOrder, bool]:
    """The file's byte order, and whether it counts nanoseconds."""
    orders: tuple[ByteOrder, ...] = ("<", ">")
    for order in orders:
        (magic,) = struct.unpack_from(f"{order}I", data)
        if magic in {MAGIC_MICROSECONDS, MAGIC_NANOSECONDS}:
            return order, magic == MAGIC_NANOSECONDS
        if magic in _OTHER_FORMATS:
            raise FormatError(f"this is {_OTHER_FORMATS[magic]}, not classic pcap", offset=0)
    found = bytes(data[:4]).hex()
    raise FormatError(f"magic {found}, one of a1b2c3d4, a1b23c4d or their reverse wanted", offset=0)


def read_header(data: Buffer) -> PcapHeader:
    """Read the header at the start of a file; records follow at ``HEADER_LENGTH``.

    Raises:
        TruncatedError: There are fewer than 24 bytes.
        FormatError: This is no pcap file, or one of a version or kind that is not read here.
    """
    if len(data) < HEADER_LENGTH:
        raise TruncatedError("pcap header", HEADER_LENGTH, len(data), 0)
    order, nanoseconds = _read_magic(data)
    *version, thiszone, sigfigs, snaplen, word = struct.unpack_from(f"{order}HHiIII", data, 4)
    if tuple(version) != _VERSION:
        raise FormatError(f"pcap version {version[0]}.{version[1]}, 2.4 wanted", offset=4)
    fcs_bits = (word >> 28) * _FCS_UNIT_BITS if word & _FCS_PRESENT else None
    return PcapHeader(word & 0xFFFF, snaplen, nanoseconds, fcs_bits, order, thiszone, sigfigs)


def read_record(data: Buffer, offset: int, header: PcapHeader) -> tuple[PcapRecord, int]:
    """Read the record at ``offset``.

    Returns:
        The record, and the offset of the next one.

    Raises:
        TruncatedError: ``data`` ends before the record does.
        FormatError: The captured length is more than any packet of this file can have.
    """
    found = len(data) - offset
    if found < RECORD_HEADER_LENGTH:
        raise TruncatedError("pcap record", RECORD_HEADER_LENGTH, max(found, 0), offset)
    seconds, fraction, length, original = struct.unpack_from(f"{header.order}4I", data, offset)
    if length > header.longest_record:
        limit = header.longest_record
        raise FormatError(f"captured length {length} is more than {limit}", offset=offset)
    end = offset + RECORD_HEADER_LENGTH + length
    if end > len(data):
        raise TruncatedError("pcap record", RECORD_HEADER_LENGTH + length, found, offset)
    time_ns = seconds * _NS_PER_S + fraction * header.tick_ns
    return PcapRecord(time_ns, bytes(data[end - length : end]), original), end
