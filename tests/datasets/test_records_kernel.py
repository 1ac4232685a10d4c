"""Kernels that move and find records, against the codecs."""

from __future__ import annotations

import struct

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wtrec.datasets.pcap import PcapHeader, PcapRecord
from wtrec.datasets.pcapng import (
    Block,
    EnhancedPacket,
    InterfaceDescription,
    InterfaceStatistics,
    SectionHeader,
    read_block,
)
from wtrec.datasets.records_kernel import (
    ANY,
    AT_END,
    BROKEN,
    HEADERS,
    MORE,
    SECTIONS,
    YEAR_S,
    block_begins,
    blocks_of_records,
    find_block,
    place_blocks,
    records_of_packets,
    sound_records,
)
from wtrec.errors import FormatError

CONTENTS = st.lists(st.binary(max_size=20), min_size=1, max_size=8)
ORDERS = st.sampled_from(["<", ">"])


def array(data: bytes) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    """Bytes as kernels take them."""
    return np.frombuffer(bytearray(data), np.uint8)


@given(CONTENTS, ORDERS, st.booleans())
def test_records_and_blocks(contents: list[bytes], order: str, nanoseconds: bool) -> None:
    """Records become the blocks that the codec writes, and packets become its records."""
    header = PcapHeader(127, nanoseconds=nanoseconds, order=order)  # type: ignore[arg-type]
    tick = header.tick_ns
    records = [PcapRecord(k * 123_456_789_000, data, 99) for k, data in enumerate(contents)]
    wires = [record.write(header) for record in records]
    data = array(b"".join(wires))
    sizes = np.array([len(content) for content in contents])
    starts = np.cumsum(sizes + 16) - sizes
    out = np.empty(int(((sizes + 3) & ~3).sum()) + 32 * len(sizes), np.uint8)
    begins = np.empty(len(sizes) + 1, np.int64)
    for kernel in (blocks_of_records, getattr(blocks_of_records, "py_func", blocks_of_records)):
        size = kernel(data, starts, sizes, order == ">", 10**9 // tick, out, begins)
        assert size == len(out)
        assert out.tobytes() == b"".join(
            EnhancedPacket.make(0, record.time_ns // tick, record.data, 99).write("<")
            for record in records
        )
    again = np.empty_like(begins)
    block_begins(out, 0, len(sizes), False, again)
    assert (again == begins).all()
    back = np.empty(len(data), np.uint8)
    times = np.array([record.time_ns for record in records])
    originals = np.full(len(sizes), 99)
    assert records_of_packets(data, starts, sizes, originals, times, tick, back) == len(back)
    little = PcapHeader(127, nanoseconds=nanoseconds)
    assert back.tobytes() == b"".join(record.write(little) for record in records)


@given(CONTENTS, st.randoms(use_true_random=False))
def test_place_blocks(contents: list[bytes], random: st.DataObject) -> None:
    """Blocks in another order, each whole, with their interfaces renumbered."""
    blocks = [
        EnhancedPacket.make(k % 2, k, data, comments=["c" * k]) for k, data in enumerate(contents)
    ]
    wires = [block.write("<") for block in blocks]
    begins = np.cumsum([0, *map(len, wires)])
    order = list(range(len(wires)))
    random.shuffle(order)  # type: ignore[attr-defined]
    targets = np.empty(len(wires), np.int64)
    at = 0
    for k in order:
        targets[k] = at
        at += len(wires[k])
    out = np.empty(at, np.uint8)
    data = array(b"".join(wires))
    place_blocks(data, begins, 0, len(wires), np.array([7, 300]), targets, out)
    expected = b"".join(
        EnhancedPacket(
            [7, 300][k % 2], k, blocks[k].data, blocks[k].original_length, blocks[k].options
        ).write("<")
        for k in order
    )
    assert out.tobytes() == expected


@given(st.binary(max_size=40), st.sampled_from(["<", ">"]), st.integers(0, 3), st.data())
def test_find_block(junk: bytes, order: str, which: int, data: st.DataObject) -> None:
    """It is the first offset at which the codec reads a block of a known type."""
    blocks: list[Block] = [
        SectionHeader.make(os="x"),
        InterfaceDescription.make(127),
        EnhancedPacket.make(0, 1, b"abc"),
        InterfaceStatistics.make(0, 1, ifrecv=3),
    ]
    whole = blocks[which].write(order)  # type: ignore[arg-type]
    cut = data.draw(st.integers(0, 3))
    buffer = junk + whole[: len(whole) - cut]
    for wanted, kinds in ((ANY, range(4)), (HEADERS, (0, 1)), (SECTIONS, (0,))):
        found = find_block(array(buffer), 0, len(buffer), order == ">", wanted)
        assert found == (len(junk) if not cut and which in kinds else -1)
    if not cut:
        assert read_block(buffer, len(junk), order)[2] == len(buffer)  # type: ignore[arg-type]
        for at in range(len(junk)):
            try:
                read_block(buffer, at, order)  # type: ignore[arg-type]
            except FormatError:
                continue
            assert struct.unpack_from(f"{order}I", buffer, at)[0] not in range(1, 7)


def test_sound_records() -> None:
    """What ends a row of records, and what does not."""
    header = PcapHeader(127)
    records = [PcapRecord(10**18 + k, b"12345", 5).write(header) for k in range(4)]
    layout = False, 10**9, 262_144
    data = b"".join(records)

    def sound(data: bytes, most: int = 99, *, at_end: bool = True) -> tuple[int, int, int, int]:
        return sound_records(array(data), 0, most, *layout, at_end, YEAR_S, True)

    assert sound(data) == (4, 63, 84, AT_END)
    assert sound(data, 2) == (2, 21, 42, MORE)
    assert sound(data[:-1], at_end=False) == (3, 42, 63, MORE)
    assert sound(data[:-1]) == (3, 42, 63, AT_END)
    for wrong in (
        bytes(16),
        PcapRecord(3 * 10**18, b"", 0).write(header),
        PcapRecord(10**18, b"xy", 1).write(header),
        struct.pack("<4I", 10**9, 10**9, 0, 0),
        struct.pack("<4I", 10**9, 0, 262_145, 262_145),
        struct.pack("<4I", 10**9, 0, 5, 262_145),
    ):
        assert sound(data + wrong + data) == (4, 63, 84, BROKEN)
