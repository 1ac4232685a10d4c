"""Lays the errors of a received frame over another original.

Received r = o + m (exclusive or), with the FCS of the original in it. With an original o' of the
same length, r' = r + o + o' has the mask m, and its FCS field changes by c(o) + c(o'). CRC-32 is
affine: c(x) + c(y) depends on x + y alone, so the syndrome of r' is that of r, whatever o was.
"""

from __future__ import annotations

import zlib

from ...dot11 import fcs


def laid(received: bytes, original: bytes, replaced: bytes) -> bytes:
    """The received frame over another original.

    Args:
        received: With its FCS; or without, then only what it covers changes.
        original: Without FCS.
        replaced: What stands for it, as long.
    """
    size = len(original)
    body = xor(received[:size], xor(original, replaced))
    if len(received) == size:
        return body
    change = zlib.crc32(original) ^ zlib.crc32(replaced)
    behind = int.from_bytes(received[size:], "little") ^ change
    return body + behind.to_bytes(fcs.LENGTH, "little")


def xor(one: bytes, other: bytes) -> bytes:
    """Both, added bit by bit; they are equally long."""
    number = int.from_bytes(one, "little") ^ int.from_bytes(other, "little")
    return number.to_bytes(len(one), "little")
