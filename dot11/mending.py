"""A packet as its driver would have delivered it, had the frame come without its bit errors.

Radiotap's Flags are byte 1 of the fields, behind TSFT (bit 0, eight bytes, aligned to eight) where
that is there. Bad FCS (0x40) is cleared. So is Datapad (0x20), together with the padding: where it
stood followed from a frame control that may have been hit.

Source: radiotap.org, "Flags".
"""

from __future__ import annotations

from collections.abc import Iterable

from . import fcs
from .mac import header_length
from .radiotap_flags import Flags

_TSFT, _FLAGS, _MORE = 1, 2, 1 << 31


def flags_offset(header: bytes | memoryview) -> int | None:
    """Where the Flags are in a sound Radiotap header; None if it has none."""
    present = int.from_bytes(header[4:8], "little")
    if not present & _FLAGS:
        return None
    word, offset = present, 8
    while word & _MORE:
        word = int.from_bytes(header[offset : offset + 4], "little")
        offset += 4
    return (offset + 7 & ~7) + 8 if present & _TSFT else offset


def mended(
    packet: bytes | memoryview, flips: Iterable[int], *, has_radiotap: bool = True
) -> tuple[bytes, bool]:
    """The packet of a bad frame, with bits flipped back, and flags that say that it is good.

    Args:
        packet: A whole packet with FCS, behind a sound Radiotap header if it has one.
        flips: Bit positions in its MPDU.
        has_radiotap: Its link type is 127, and not 105.

    Returns:
        The packet, and whether its FCS held after the flips. If it did not, it has been replaced
        by one that does.

    Raises:
        IndexError: A bit position is outside of the MPDU.
    """
    header, body = b"", bytes(packet)
    if has_radiotap:
        length = int.from_bytes(body[2:4], "little")
        header, body = body[:length], body[length:]
        at = flags_offset(header)
        if at is not None:
            flags = header[at]
            if flags & Flags.DATAPAD and len(body) >= 2:
                body = _unpadded(body, fcs.LENGTH if flags & Flags.FCS else 0)
            cleared = flags & ~(Flags.BAD_FCS | Flags.DATAPAD)
            header = header[:at] + bytes([cleared]) + header[at + 1 :]
    body = fcs.flip(body, flips)
    holds = len(body) >= fcs.LENGTH and fcs.syndrome(body) == 0
    if not holds:
        body = fcs.append(body[: -fcs.LENGTH])
    return header + body, holds


def _unpadded(body: bytes, behind: int) -> bytes:
    """The MPDU without the padding between its header and its body."""
    head = header_length(int.from_bytes(body[:2], "little"))
    pad = -head & 3
    return body if head + pad + behind > len(body) else body[:head] + body[head + pad :]
