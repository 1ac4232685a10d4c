"""What the numbers inside pcapng blocks mean: clock ticks, and the flags of a packet.

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

from enum import IntEnum, IntFlag
from typing import Self

MICROSECONDS = 6
NANOSECONDS = 9
_NS_PER_S = 1_000_000_000


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
