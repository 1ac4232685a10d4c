"""What pcapng blocks are built of: the frame around a body, padded data, lists of items.

Each block (draft-ietf-opsawg-pcapng 3.1) stands between two copies of its length:

    0         4          8                       length - 4
    +---------+----------+-------------------------+----------+
    |  type   |  length  |  body, padded to 32 bit |  length  |
    +---------+----------+-------------------------+----------+

Options, and the records of a name resolution block, are lists of items:

    0               2               4                       4 + length
    +---------------+---------------+-----------------------+-------+
    |     code      |    length     |         value         | pad 0 |   ...   end mark (0, 0)
    +---------------+---------------+-----------------------+-------+

All integers have the byte order of their section. Readers here raise ``FormatError`` without an
offset: they know bodies, not files.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from enum import IntEnum
from typing import Literal

from ..errors import FormatError

ByteOrder = Literal["<", ">"]
Buffer = bytes | memoryview

BYTE_ORDER_MAGIC = 0x1A2B3C4D
END = 0
MAX_LENGTH = 0xFFFF
MAX_ITEMS = 65_536  # no writer comes near; it bounds the objects that a hostile block becomes


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


def pad(data: bytes) -> bytes:
    """``data`` filled up with zeros to a multiple of four bytes."""
    return data + bytes(-len(data) % 4)


def write_block(block_type: int, body: bytes, order: ByteOrder) -> bytes:
    """A whole block around ``body``, which is padded."""
    body = pad(body)
    length = 12 + len(body)
    head = struct.pack(f"{order}II", block_type, length)
    return b"".join((head, body, struct.pack(f"{order}I", length)))


def read_head(layout: str, body: Buffer, order: ByteOrder) -> tuple[int, ...]:
    """The fixed fields at the start of a body."""
    size = struct.calcsize(order + layout)
    if len(body) < size:
        raise FormatError(f"body of {len(body)} bytes, at least {size} wanted")
    return struct.unpack_from(order + layout, body)


def read_data(body: Buffer, offset: int, length: int, what: str) -> tuple[bytes, int]:
    """Padded data inside a body, and the offset behind its padding."""
    if length > len(body) - offset:
        raise FormatError(f"{what} {length} is past the {len(body) - offset} bytes left")
    return bytes(body[offset : offset + length]), offset + length + -length % 4


def halves(ticks: int) -> tuple[int, int]:
    """A timestamp as stored: the high 32 bits stand first in either byte order."""
    return ticks >> 32, ticks & 0xFFFFFFFF


def read_items(
    body: Buffer, offset: int, order: ByteOrder, what: str = "option"
) -> tuple[list[tuple[int, bytes]], int]:
    """Walk a list up to its end mark or the end of ``body``.

    Args:
        body: A block's body.
        offset: Where the list starts.
        order: The section's byte order.
        what: What an item is called in an error.

    Returns:
        The items as (code, value), and the offset behind the list.

    Raises:
        FormatError: An item runs past the body, or there are more than ``MAX_ITEMS``.
    """
    items: list[tuple[int, bytes]] = []
    while len(body) - offset >= 4:
        code, length = struct.unpack_from(f"{order}HH", body, offset)
        offset += 4
        if code == END:
            break
        if length > len(body) - offset:
            room = len(body) - offset
            raise FormatError(f"{what} {code} has {length} bytes, its block has {room} left")
        if len(items) == MAX_ITEMS:
            raise FormatError(f"more than {MAX_ITEMS} {what}s in one block")
        items.append((code, bytes(body[offset : offset + length])))
        offset += length + -length % 4
    return items, offset


def write_items(
    items: Iterable[tuple[int, bytes]], order: ByteOrder, what: str = "option"
) -> bytes:
    """The bytes of a list, without an end mark.

    Raises:
        FormatError: A value is longer than its 16-bit length can say.
    """
    parts = []
    for code, value in items:
        if len(value) > MAX_LENGTH:
            raise FormatError(f"{what} {code} has {len(value)} bytes, at most {MAX_LENGTH} fit")
        parts.append(struct.pack(f"{order}HH", code, len(value)) + pad(value))
    return b"".join(parts)
