"""pcapng capture files: finding and reading a block in a buffer.

A file is a row of blocks; each section header sets the byte order of the blocks that follow, its
own included (draft-ietf-opsawg-pcapng 3 and 4). ``read_block`` reads the block at an offset and
says where the next one starts. It tells two kinds of damage apart:

* ``TruncatedError``: the buffer ends before the block does. More bytes may help.
* ``FormatError``: the bytes contradict the format. Nothing will help but to look further on.

What stands in a block is in ``pcapng_blocks`` and ``pcapng_packets``, how options work in
``pcapng_options``, what timestamps, flags and option values mean in ``pcapng_values``. The names
that readers and writers need are all here.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable, Mapping

from ..errors import FormatError
from .pcapng_blocks import (
    Custom,
    DecryptionSecrets,
    InterfaceDescription,
    InterfaceStatistics,
    NameRecord,
    NameResolution,
    SectionHeader,
    UnknownBlock,
)
from .pcapng_layout import BYTE_ORDER_MAGIC, BlockType, Buffer, ByteOrder
from .pcapng_options import Option
from .pcapng_packets import EnhancedPacket, ObsoletePacket, SimplePacket
from .pcapng_values import (
    BAD_FRAME_FLAGS,
    GOOD_FRAME_FLAGS,
    Direction,
    LinkError,
    PacketFlags,
    Reception,
    from_ns,
    ticks_per_second,
    to_ns,
)

__all__ = [
    "BAD_FRAME_FLAGS",
    "BYTE_ORDER_MAGIC",
    "GOOD_FRAME_FLAGS",
    "MAX_BLOCK_LENGTH",
    "MIN_BLOCK_LENGTH",
    "Block",
    "BlockType",
    "Buffer",
    "ByteOrder",
    "Custom",
    "DecryptionSecrets",
    "Direction",
    "EnhancedPacket",
    "InterfaceDescription",
    "InterfaceStatistics",
    "LinkError",
    "NameRecord",
    "NameResolution",
    "ObsoletePacket",
    "Option",
    "PacketFlags",
    "Reception",
    "SectionHeader",
    "SimplePacket",
    "TruncatedError",
    "UnknownBlock",
    "from_ns",
    "read_block",
    "read_byte_order",
    "ticks_per_second",
    "to_ns",
]

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

MIN_BLOCK_LENGTH = 12
MAX_BLOCK_LENGTH = 256 * 1024 * 1024


class TruncatedError(FormatError):
    """The data ends inside a record.

    Args:
        what: The record that is cut off.
        wanted: How many bytes it has, as far as is known.
        found: How many of them are there.
        offset: Where it starts.
    """

    def __init__(self, what: str, wanted: int, found: int, offset: int) -> None:
        self.wanted = wanted
        self.found = found
        super().__init__(f"{what} is cut off: {wanted} bytes wanted, {found} found", offset=offset)


_READERS: Mapping[int, Callable[[Buffer, ByteOrder], Block]] = {
    BlockType.SHB: SectionHeader.read,
    BlockType.IDB: InterfaceDescription.read,
    BlockType.PB: ObsoletePacket.read,
    BlockType.NRB: NameResolution.read,
    BlockType.ISB: InterfaceStatistics.read,
    BlockType.EPB: EnhancedPacket.read,
    BlockType.DSB: DecryptionSecrets.read,
    BlockType.CB: Custom.read,
    BlockType.DCB: functools.partial(Custom.read, copyable=False),
}
_NAMES = {int(block_type): block_type.name for block_type in BlockType}


def read_byte_order(data: Buffer, offset: int) -> ByteOrder:
    """The byte order of the section whose header starts at ``offset``, of which 12 bytes are there.

    Raises:
        FormatError: The magic reads as 0x1A2B3C4D in neither order.
    """
    magic = bytes(data[offset + 8 : offset + 12])
    orders: tuple[ByteOrder, ...] = ("<", ">")
    for order in orders:
        if magic == struct.pack(f"{order}I", BYTE_ORDER_MAGIC):
            return order
    raise FormatError(f"SHB with magic {magic.hex()}, 1a2b3c4d or 4d3c2b1a wanted", offset=offset)


def read_block(
    data: Buffer, offset: int, order: ByteOrder | None = None, snaplen: int = 0
) -> tuple[Block, ByteOrder, int]:
    """Read the block at ``offset``.

    Args:
        data: A file, or a part of one.
        offset: Where the block starts.
        order: The section's byte order; None at the start of a file, where a section header
            must stand. A section header sets its own.
        snaplen: Snap length of the section's interface 0, which simple packets depend on;
            0 if there is no limit.

    Returns:
        The block, the byte order from here on, and the offset of the next block.

    Raises:
        TruncatedError: ``data`` ends before the block does.
        FormatError: The block contradicts the format.
    """
    found = len(data) - offset
    if found < 8:
        raise TruncatedError("block", MIN_BLOCK_LENGTH, max(found, 0), offset)
    (block_type,) = struct.unpack_from(f"{order or '<'}I", data, offset)
    name = _NAMES.get(block_type, f"block of type {block_type:#x}")
    if block_type == BlockType.SHB:
        if found < 12:
            raise TruncatedError(name, MIN_BLOCK_LENGTH, found, offset)
        order = read_byte_order(data, offset)
    elif order is None:
        raise FormatError(f"{name} where a section header must stand", offset=offset)

    (length,) = struct.unpack_from(f"{order}I", data, offset + 4)
    if length < MIN_BLOCK_LENGTH:
        raise FormatError(f"{name} length {length} is less than 12", offset=offset)
    if length % 4:
        raise FormatError(f"{name} length {length} is not a multiple of 4", offset=offset)
    if length > MAX_BLOCK_LENGTH:
        raise FormatError(f"{name} length {length} is more than {MAX_BLOCK_LENGTH}", offset=offset)
    if length > found:
        raise TruncatedError(name, length, found, offset)
    (again,) = struct.unpack_from(f"{order}I", data, offset + length - 4)
    if again != length:
        raise FormatError(f"{name} length {length} ends as {again}", offset=offset)

    body = memoryview(data)[offset + 8 : offset + length - 4]
    try:
        if block_type == BlockType.SPB:
            block: Block = SimplePacket.read(body, order, snaplen)
        elif block_type in _READERS:
            block = _READERS[block_type](body, order)
        else:
            block = UnknownBlock(block_type, bytes(body))
    except FormatError as error:
        raise FormatError(f"{name}: {error.what}", offset=offset) from None
    return block, order, offset + length
