"""Checksums of RFC 1071 that follow a change: one that was wrong stays wrong by the same.

Source: RFC 1624, in the integers modulo 2^16 - 1, in which a checksum and what it covers sum to 0.
"""

from __future__ import annotations

MODULUS = 0xFFFF


def total(data: bytes | bytearray) -> int:
    """The sum of 16-bit words, big-endian; an odd byte at the end is the upper half of one."""
    return int.from_bytes(data + bytes(len(data) % 2), "big") % MODULUS


def follow(checksum: int, change: int) -> int:
    """A checksum after what it covers has changed by ``change``; not 0, its equal, if it does."""
    if change % MODULUS == 0:
        return checksum
    return MODULUS - (MODULUS - checksum + change) % MODULUS


def follow_at(data: bytearray, at: int, change: int) -> None:
    """The same in place, for the checksum at an offset."""
    checksum = follow(int.from_bytes(data[at : at + 2], "big"), change)
    data[at : at + 2] = checksum.to_bytes(2, "big")
