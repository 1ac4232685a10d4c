from __future__ import annotations

import struct

import pytest

from wtrec.datasets.pcapng import (
    BAD_FRAME_FLAGS,
    ByteOrder,
    EnhancedPacket,
    LinkError,
    ObsoletePacket,
    SimplePacket,
    read_block,
)
from wtrec.errors import FormatError

ORDERS: tuple[ByteOrder, ...] = ("<", ">")


def test_bytes() -> None:
    """The timestamp's high half stands first, data is padded with zeros."""
    packet = EnhancedPacket.make(1, 2 << 32 | 3, b"abcde", 9, flags=BAD_FRAME_FLAGS)
    assert packet.write("<").hex(" ", 4) == (
        "06000000 34000000 01000000 02000000 03000000 05000000 09000000 61626364 65000000"
        " 02000400 81000001 00000000 34000000"
    )


@pytest.mark.parametrize("order", ORDERS)
def test_options(order: ByteOrder) -> None:
    """All options go in and come out by name, whatever the byte order."""
    said = {
        "flags": BAD_FRAME_FLAGS,
        "hashes": ((2, b"abcd"), (3, bytes(16))),
        "dropcount": 7,
        "packetid": 2**64 - 1,
        "queue": 3,
        "hardware_verdicts": (b"\1\2\3",),
        "tc_verdicts": (2, 3),
        "xdp_verdicts": (1,),
        "processid_threadid": (10, 11),
        "comments": ("odd one",),
    }
    made = EnhancedPacket.make(0, 2**64 - 1, b"data", **said)  # type: ignore[arg-type]
    block, _, _ = read_block(made.write(order), 0, order)
    assert isinstance(block, EnhancedPacket)
    assert {name: getattr(block, name) for name in said} == said
    assert block.timestamp == 2**64 - 1
    assert block.flags is not None
    assert block.flags.errors == LinkError.CRC


def test_a_packet_is_whole_unless_said_otherwise() -> None:
    """Without an original length the data is all there was."""
    assert EnhancedPacket.make(0, 0, b"abc").original_length == 3


@pytest.mark.parametrize(
    ("original_length", "snaplen", "captured"),
    [(6, 0, 6), (6, 4, 4), (6, 100, 6), (99, 0, 8), (99, 100, 8), (0, 0, 0)],
)
def test_a_simple_packet_has_what_its_snaplen_leaves(
    original_length: int, snaplen: int, captured: int
) -> None:
    """The captured length is the least of original length, snap length and room."""
    body = struct.pack("<I", original_length) + b"abcdefgh"
    packet = SimplePacket.read(body, "<", snaplen)
    assert packet == SimplePacket(b"abcdefgh"[:captured], original_length)


@pytest.mark.parametrize("block_class", [EnhancedPacket, ObsoletePacket])
def test_a_captured_length_past_the_block_is_refused(
    block_class: type[EnhancedPacket | ObsoletePacket],
) -> None:
    """A packet cannot have more bytes than its block."""
    body = struct.pack("<5I", 0, 0, 0, 9, 9) + bytes(8)
    with pytest.raises(FormatError, match="captured length 9 is past the 8 bytes left"):
        block_class.read(body, "<")
