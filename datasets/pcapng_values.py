"""What values inside pcapng blocks mean: clock ticks, packet flags, and option values.

Timestamps (draft-ietf-opsawg-pcapng 4.2, ``if_tsresol`` and ``if_tsoffset``) count ticks of the
interface's clock. The resolution octet is ``n`` for ticks of 10^-n seconds, or ``0x80 | n`` for
2^-n; without it, ticks are microseconds. The offset, in seconds, is added to every timestamp.

Packet flags (4.3.1, ``epb_flags``; bit 0 is the least significant):

    31          24 23            16 15   12 11 10 9  8     5 4   2 1 0
    +-------------+----------------+-------+--+--+--+-------+-----+---+
    | link errors |       0        |   0   |SO|CV|CN| FCS B | rec |dir|
    +-------------+----------------+-------+--+--+--+-------+-----+---+
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from typing import Generic, Self, TypeVar

MICROSECONDS = 6
NANOSECONDS = 9
_NS_PER_S = 1_000_000_000

T = TypeVar("T")


def ticks_per_second(tsresol: int) -> int:
    """How many ticks of an ``if_tsresol`` octet make a second."""
    return int((2 if tsresol & 0x80 else 10) ** (tsresol & 0x7F))


def to_ns(ticks: int, tsresol: int = MICROSECONDS, tsoffset: int = 0) -> int:
    """Nanoseconds since 1970-01-01 UTC of a timestamp, rounded down; exact integers throughout.

    Args:
        ticks: The timestamp as stored, 64 bits.
        tsresol: The interface's ``if_tsresol`` octet.
        tsoffset: The interface's ``if_tsoffset`` in seconds.
    """
    return tsoffset * _NS_PER_S + ticks * _NS_PER_S // ticks_per_second(tsresol)


def from_ns(ns: int, tsresol: int = MICROSECONDS, tsoffset: int = 0) -> int:
    """Ticks of a time: the first tick at or after ``ns``.

    Rounding up here and down in ``to_ns`` makes ``from_ns(to_ns(ticks))`` the same ticks for every
    clock that is no finer than a nanosecond.
    """
    return -((tsoffset * _NS_PER_S - ns) * ticks_per_second(tsresol) // _NS_PER_S)


class Direction(IntEnum):
    """Which way a packet went."""

    UNKNOWN = 0
    IN = 1
    OUT = 2


class Reception(IntEnum):
    """Whom a received packet was for."""

    UNKNOWN = 0
    UNICAST = 1
    MULTICAST = 2
    BROADCAST = 3
    PROMISCUOUS = 4


class LinkError(IntFlag):
    """What the link layer found wrong with a packet."""

    CRC = 1 << 24
    TOO_LONG = 1 << 25
    TOO_SHORT = 1 << 26
    WRONG_GAP = 1 << 27
    UNALIGNED = 1 << 28
    START_DELIMITER = 1 << 29
    PREAMBLE = 1 << 30  # for 802.11: the PLCP header's own check failed
    SYMBOL = 1 << 31


class PacketFlags(int):
    """The 32 bits of ``epb_flags``, with names."""

    __slots__ = ()

    @classmethod
    def make(
        cls,
        direction: Direction = Direction.UNKNOWN,
        reception: Reception = Reception.UNKNOWN,
        fcs_octets: int = 0,
        errors: int = 0,
    ) -> Self:
        """Put flags together; ``fcs_octets`` in bytes, ``errors`` of ``LinkError``."""
        if not 0 <= fcs_octets <= 15:
            raise ValueError(f"an FCS of {fcs_octets} octets does not fit in four bits")
        return cls(direction | reception << 2 | fcs_octets << 5 | errors)

    @property
    def direction(self) -> int:
        """A ``Direction``, or the undefined 3."""
        return self & 0b11

    @property
    def reception(self) -> int:
        """A ``Reception``, or one of the undefined 5 to 7."""
        return self >> 2 & 0b111

    @property
    def fcs_octets(self) -> int:
        """Length of the FCS at the packet's end in bytes; 0 says nothing."""
        return self >> 5 & 0b1111

    @property
    def errors(self) -> LinkError:
        """What the link layer found wrong."""
        return LinkError(self & 0xFF000000)


GOOD_FRAME_FLAGS = PacketFlags.make(Direction.IN, fcs_octets=4)
BAD_FRAME_FLAGS = PacketFlags.make(Direction.IN, fcs_octets=4, errors=LinkError.CRC)


@dataclass(frozen=True, slots=True)
class Codec(Generic[T]):
    """How a value is written and read, little-endian, and how its integers are turned round.

    ``decode`` raises ValueError for bytes that it cannot take. ``swap`` undoes itself, whatever
    the bytes.
    """

    encode: Callable[[T], bytes]
    decode: Callable[[bytes], T]
    swap: Callable[[bytes], bytes] = bytes


def _sized(value: bytes, size: int) -> bytes:
    if len(value) != size:
        raise ValueError(f"{size} bytes wanted, {len(value)} found")
    return value


def _integer(size: int, *, signed: bool = False) -> Codec[int]:
    return Codec(
        lambda value: value.to_bytes(size, "little", signed=signed),
        lambda value: int.from_bytes(_sized(value, size), "little", signed=signed),
        lambda value: value[::-1],
    )


def _octets(size: int) -> Codec[bytes]:
    return Codec(lambda value: _sized(value, size), lambda value: _sized(value, size))


def encode_text(text: str) -> bytes:
    """Valid UTF-8, whatever the text (file names may hold lone surrogates)."""
    return text.encode("utf-8", "replace")


def decode_text(value: bytes) -> str:
    """The text up to the first NUL; bytes that are not UTF-8 become U+FFFD."""
    return value.split(b"\0", 1)[0].decode("utf-8", "replace")


def _swap_words(value: bytes) -> bytes:
    return b"".join(value[at : at + 4][::-1] for at in range(0, len(value), 4))


def _decode_pair(value: bytes) -> tuple[int, int]:
    first, second = struct.unpack("<II", _sized(value, 8))
    return first, second


def _decode_timestamp(value: bytes) -> int:
    high, low = _decode_pair(value)
    return high << 32 | low


def _decode_ipv4(value: bytes) -> IPv4Interface:
    mask = int.from_bytes(_sized(value, 8)[4:], "big")
    prefix = mask.bit_count()
    if mask != (0xFFFFFFFF << 32 - prefix) & 0xFFFFFFFF:
        raise ValueError(f"{IPv4Address(mask)} is no network mask")
    return IPv4Interface((value[:4], prefix))


def _decode_ipv6(value: bytes) -> IPv6Interface:
    return IPv6Interface((_sized(value, 17)[:16], value[16]))


def _swap_program(value: bytes) -> bytes:
    """Turn round BPF instructions: u16 code, u8 jt, u8 jf, u32 k."""
    steps = (value[at : at + 8] for at in range(0, len(value), 8))
    return b"".join(step[1::-1] + step[2:4] + step[:3:-1] for step in steps)


def _swap_number(value: bytes) -> bytes:
    return value[3::-1] + value[4:]


def _split_number(value: bytes) -> tuple[int, bytes]:
    if len(value) < 4:
        raise ValueError(f"an enterprise number of 4 bytes wanted, {len(value)} found")
    return int.from_bytes(value[:4], "little"), value[4:]


def _decode_custom_text(value: bytes) -> tuple[int, str]:
    number, data = _split_number(value)
    return number, decode_text(data)


def _decode_hash(value: bytes) -> tuple[int, bytes]:
    if not value:
        raise ValueError("an algorithm octet wanted, nothing found")
    return value[0], value[1:]


TEXT = Codec(encode_text, decode_text)
OCTETS = Codec(bytes, bytes)
U8 = _integer(1)
U32 = _integer(4)
U64 = _integer(8)
I32 = _integer(4, signed=True)
I64 = _integer(8, signed=True)
MAC = _octets(6)
EUI = _octets(8)
FLAGS = Codec(U32.encode, lambda value: PacketFlags(U32.decode(value)), U32.swap)
PAIR = Codec(lambda pair: struct.pack("<II", *pair), _decode_pair, _swap_words)
TIMESTAMP = Codec(  # two u32, the high one first, in either byte order
    lambda ticks: struct.pack("<II", ticks >> 32, ticks & 0xFFFFFFFF),
    _decode_timestamp,
    _swap_words,
)
IPV4 = Codec(lambda value: value.ip.packed + value.netmask.packed, _decode_ipv4)
IPV6 = Codec(lambda value: value.ip.packed + bytes([value.network.prefixlen]), _decode_ipv6)
IPV4_ADDRESS = Codec(lambda value: value.packed, lambda value: IPv4Address(_sized(value, 4)))
IPV6_ADDRESS = Codec(lambda value: value.packed, lambda value: IPv6Address(_sized(value, 16)))
PROGRAM = Codec(bytes, bytes, _swap_program)
HASH = Codec(lambda value: bytes([value[0]]) + value[1], _decode_hash)
CUSTOM_OCTETS = Codec(
    lambda value: struct.pack("<I", value[0]) + value[1], _split_number, _swap_number
)
CUSTOM_TEXT = Codec(
    lambda value: struct.pack("<I", value[0]) + encode_text(value[1]),
    _decode_custom_text,
    _swap_number,
)
