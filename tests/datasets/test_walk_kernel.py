"""The packet walk against the plain codecs of pcapng and pcap."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wtrec.datasets import pcap, pcapng
from wtrec.datasets.pcapng import (
    BlockType,
    ByteOrder,
    EnhancedPacket,
    InterfaceDescription,
    ObsoletePacket,
    SimplePacket,
    TruncatedError,
    to_ns,
)
from wtrec.datasets.walk_kernel import (
    CORRUPT,
    FULL,
    MORE,
    NO_FLAGS,
    NO_TIME,
    OTHER,
    PacketIndex,
    timestamp_ns,
    walk_pcap,
    walk_pcapng,
)
from wtrec.errors import FormatError

INT64_MAX = 2**63 - 1
ORDERS = st.sampled_from(["<", ">"])
U32 = st.integers(0, 2**32 - 1)
compiles = settings(deadline=None)  # the first call does


class TestTimestamp:
    """Timestamps in exact integers."""

    @given(
        st.integers(0, 2**64 - 1) | st.integers(0, 2**62),
        st.integers(0, 19) | st.integers(0x80, 0xBF),
        st.just(0) | st.integers(-(2**34), 2**34) | st.integers(-(2**63), INT64_MAX),
    )
    @settings(deadline=None, max_examples=500)
    def test_as_the_plain_function(self, ticks: int, resolution: int, offset: int) -> None:
        """Rounded down as ``to_ns`` does; no time only where 64 bits (but a second) end."""
        found = timestamp_ns(ticks >> 32, ticks & 0xFFFFFFFF, resolution, offset)
        exact = to_ns(ticks, resolution, offset)
        if found == NO_TIME:
            assert abs(exact) > INT64_MAX - 2 * 10**9
        else:
            assert found == exact

    @pytest.mark.parametrize(
        ("ticks", "resolution", "offset", "ns"),
        [
            (1_700_000_000_123_456_789, 9, 0, 1_700_000_000_123_456_789),
            (1_700_000_000_123_456_789, 9, -3_600, 1_699_996_400_123_456_789),
            (1_700_000_000_123_456, 6, 0, 1_700_000_000_123_456_000),
            (1_700_000_000 << 20 | 1, 0x94, 0, 1_700_000_000_000_000_953),
            (1_700_000_000 << 20 | 0xFFFFF, 0x94, 7, 1_700_000_007_999_999_046),
            (1 << 63 | 1, 0xBF, 0, 1_000_000_000),
            (1_700_000_000, 0, 0, 1_700_000_000_000_000_000),
            (12_345_678_901, 10, 0, 1_234_567_890),
            (0, 6, -5, -5_000_000_000),
        ],
    )
    def test_known_values(self, ticks: int, resolution: int, offset: int, ns: int) -> None:
        """Nanoseconds, microseconds, powers of two, seconds, and an offset."""
        assert timestamp_ns(ticks >> 32, ticks & 0xFFFFFFFF, resolution, offset) == ns

    @pytest.mark.parametrize("resolution", [20, 127, 0xC0, 0xFF])
    def test_clocks_that_are_too_fine(self, resolution: int) -> None:
        """Beyond 10^-19 s and 2^-63 s there is no time."""
        assert timestamp_ns(1, 1, resolution, 0) == NO_TIME


@dataclass(frozen=True)
class Packet:
    """What the index has for one packet."""

    data: bytes
    original: int
    interface: int
    time: int
    flags: int = NO_FLAGS
    drops: int = 0


def first(block: Any, code: int, size: int) -> int | None:
    """The first option of this code whose value has the right size."""
    values = (o.value for o in block.options if o.code == code and len(o.value) == size)
    value = next(values, None)
    return None if value is None else int.from_bytes(value, "little")


def in_range(ns: int) -> int:
    """A time as the index has it."""
    return ns if abs(ns) < INT64_MAX - 10**9 else NO_TIME


def plain_pcapng(
    data: bytes, order: ByteOrder, interfaces: list[InterfaceDescription], room: int
) -> tuple[list[Packet], int, int]:
    """What ``walk_pcapng`` is to do, with the codec: packets, next position, reason."""
    packets: list[Packet] = []
    at = 0
    while len(packets) < room:
        if len(data) - at < pcapng.MIN_BLOCK_LENGTH:
            return packets, at, MORE
        kinds = (BlockType.EPB, BlockType.SPB, BlockType.PB)
        if struct.unpack_from(f"{order}I", data, at)[0] not in kinds:
            return packets, at, OTHER
        try:
            snaplen = interfaces[0].snaplen if interfaces else 0
            block, _, end = pcapng.read_block(data, at, order, snaplen)
        except TruncatedError:
            return packets, at, MORE
        except FormatError:
            return packets, at, CORRUPT
        assert isinstance(block, EnhancedPacket | SimplePacket | ObsoletePacket)
        interface = 0 if isinstance(block, SimplePacket) else block.interface
        if interface >= len(interfaces):
            return packets, at, CORRUPT
        packet = Packet(block.data, block.original_length, interface, NO_TIME)
        if not isinstance(block, SimplePacket):
            flags = first(block, 2, 4)
            drops = first(block, 4, 8) or 0
            drops = drops if drops <= INT64_MAX else 0
            if isinstance(block, ObsoletePacket):
                drops = block.drops if block.drops != 0xFFFF else 0
            packet = replace(
                packet,
                time=in_range(interfaces[interface].to_ns(block.timestamp)),
                flags=NO_FLAGS if flags is None else flags,
                drops=drops,
            )
        packets.append(packet)
        at = end
    return packets, at, FULL


def table(interfaces: list[InterfaceDescription]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The interface table of the kernels; the walk uses three of its columns."""
    rows = [
        (i.snaplen, 6 if i.tsresol is None else i.tsresol, i.tsoffset or 0, i.linktype, -1, n)
        for n, i in enumerate(interfaces)
    ]
    return np.array(rows, np.int64).reshape(-1, 6)


def walk(
    data: bytes,
    order: ByteOrder,
    interfaces: list[InterfaceDescription],
    room: int = 50,
    max_bytes: int = 1 << 20,
) -> tuple[list[Packet], int, int, dict[str, int]]:
    """What ``walk_pcapng`` does."""
    buffer = np.frombuffer(bytearray(data), np.uint8)
    index = PacketIndex.empty(room)
    kinds = np.zeros(7, np.int64)
    count, at, reason = walk_pcapng(
        buffer, 0, order == ">", table(interfaces), index, room, max_bytes, kinds
    )
    found = {BlockType(int(kind)).name: int(kinds[kind]) for kind in np.flatnonzero(kinds)}
    return listed(data, index, count), at, reason, found


def listed(data: bytes, index: PacketIndex, count: int) -> list[Packet]:
    """The packets of an index."""
    columns = [column[:count].tolist() for column in index]
    return [
        Packet(data[start : start + captured], *others)
        for start, captured, *others in zip(*columns, strict=True)
    ]


INTERFACES = st.builds(
    lambda snaplen, tsresol, tsoffset: InterfaceDescription.make(
        127, snaplen, tsresol=tsresol, tsoffset=tsoffset
    ),
    st.sampled_from([0, 0, 7, 65_535]),
    st.sampled_from([None, 3, 6, 9, 12, 0x94, 0xA0]),
    st.sampled_from([None, 0, -7, 1_000_000]),
)
ENHANCED = st.builds(
    lambda interface, timestamp, data, more, flags, drops, comments, queue: EnhancedPacket.make(
        interface,
        timestamp,
        data,
        len(data) + more,
        comments=comments,
        flags=flags,
        dropcount=drops,
        queue=queue,
    ),
    st.integers(0, 3),
    st.integers(0, 2**64 - 1) | st.integers(0, 2**61),
    st.binary(max_size=20),
    st.integers(0, 9),
    st.none() | st.integers(0, 2**32 - 2),
    st.none() | st.integers(0, 2**64 - 1),
    st.none() | st.just(["a comment"]),
    st.none() | U32,
)
SIMPLE = st.builds(
    lambda data, more: SimplePacket(data, len(data) + more),
    st.binary(max_size=20),
    st.integers(0, 9),
)
OBSOLETE = st.builds(
    lambda interface, drops, timestamp, data: ObsoletePacket(
        interface, drops, timestamp, data, len(data), (pcapng.Option(2, b"\1\0\0\0"),)
    ),
    st.integers(0, 3),
    st.sampled_from([0, 3, 0xFFFF]),
    st.integers(0, 2**64 - 1),
    st.binary(max_size=20),
)
BLOCKS = st.lists(ENHANCED | SIMPLE | OBSOLETE, max_size=8)


class TestPcapng:
    """Packet blocks of pcapng."""

    @given(BLOCKS, st.lists(INTERFACES, max_size=4), ORDERS, st.integers(1, 9))
    @compiles
    def test_as_the_codec(
        self,
        blocks: list[EnhancedPacket | SimplePacket | ObsoletePacket],
        interfaces: list[InterfaceDescription],
        order: ByteOrder,
        room: int,
    ) -> None:
        """Every kind of packet, in both byte orders, on interfaces with clocks of their own."""
        data = b"".join(block.write(order) for block in blocks)
        packets, at, reason, kinds = walk(data, order, interfaces, room)
        assert (packets, at, reason) == plain_pcapng(data, order, interfaces, room)
        assert sum(kinds.values()) == len(packets)

    @given(BLOCKS, ORDERS, st.data())
    @settings(deadline=None, max_examples=300)
    def test_damage_as_the_codec(
        self, blocks: list[Any], order: ByteOrder, draw: st.DataObject
    ) -> None:
        """With bytes changed or missing, both stop at the same place for the same reason."""
        wire = bytearray(b"".join(block.write(order) for block in blocks))
        for _ in range(draw.draw(st.integers(0, 3)) if wire else 0):
            place = draw.draw(st.integers(0, len(wire) - 1))
            wire[place] = draw.draw(st.sampled_from([0, 1, 2, 4, 0x10, 0xFF]))
        data = bytes(wire[: draw.draw(st.integers(0, len(wire)))])
        interfaces = [InterfaceDescription(127)] * 3
        assert walk(data, order, interfaces)[:3] == plain_pcapng(data, order, interfaces, 50)

    @given(st.binary(max_size=80), ORDERS)
    @compiles
    def test_noise_as_the_codec(self, noise: bytes, order: ByteOrder) -> None:
        """Whatever follows a packet block's type."""
        data = struct.pack(f"{order}I", BlockType.EPB) + noise
        interfaces = [InterfaceDescription(127)]
        assert walk(data, order, interfaces)[:3] == plain_pcapng(data, order, interfaces, 50)

    def test_kinds(self) -> None:
        """Blocks are counted by their type."""
        packet, simple = EnhancedPacket.make(0, 0, b"x"), SimplePacket(b"y", 1)
        old = ObsoletePacket(0, 0, 0, b"z", 1)
        data = b"".join(b.write("<") for b in (packet, simple, simple, old, packet, packet))
        *_, kinds = walk(data, "<", [InterfaceDescription(127)])
        assert kinds == {"PB": 1, "SPB": 2, "EPB": 3}

    def test_bytes_fill_the_index(self) -> None:
        """The walk ends with the packet that reaches the limit of bytes, and goes on behind it."""
        data = EnhancedPacket.make(0, 0, bytes(40)).write("<") * 9
        packets, at, reason, _ = walk(data, "<", [InterfaceDescription(127)], max_bytes=100)
        assert (len(packets), at, reason) == (3, len(data) // 3, FULL)

    def test_the_source_is_the_same(self) -> None:
        """Uncompiled, it gives the same index."""
        block = EnhancedPacket.make(0, 5, b"abc", flags=0x81, dropcount=2).write(">")
        index = PacketIndex.empty(4)
        kinds = np.zeros(7, np.int64)
        source = walk_pcapng.py_func  # type: ignore[attr-defined]
        buffer = np.frombuffer(bytearray(block), np.uint8)
        interfaces = [InterfaceDescription.make(127, tsresol=9)]
        result = source(buffer, 0, True, table(interfaces), index, 4, 99, kinds)
        assert result == (1, len(block), MORE)
        assert listed(block, index, 1) == walk(block, ">", interfaces)[0]


HEADERS = st.builds(
    lambda snaplen, nanoseconds, order: pcap.PcapHeader(127, snaplen, nanoseconds, None, order),
    st.sampled_from([0, 65_535, 2**32 - 1]),
    st.booleans(),
    ORDERS,
)
RECORDS = st.builds(
    lambda seconds, fraction, data, more: (seconds, fraction, data, len(data) + more),
    U32,
    st.integers(0, 999_999) | U32,
    st.binary(max_size=20),
    st.integers(0, 9),
)


class TestPcap:
    """Records of classic pcap."""

    @given(HEADERS, st.lists(RECORDS, max_size=6), st.integers(1, 8), st.data())
    @compiles
    def test_as_the_codec(
        self,
        header: pcap.PcapHeader,
        records: list[tuple[int, int, bytes, int]],
        room: int,
        draw: st.DataObject,
    ) -> None:
        """Whole, changed and cut files: the same packets, place and reason."""
        wire = bytearray()
        for seconds, fraction, content, original in records:
            head = seconds, fraction, len(content), original
            wire += struct.pack(f"{header.order}4I", *head) + content
        if wire and draw.draw(st.booleans()):
            wire[draw.draw(st.integers(0, len(wire) - 1))] = draw.draw(st.integers(0, 255))
        data = bytes(wire[: draw.draw(st.integers(0, len(wire)))])

        expected: list[Packet] = []
        at, reason = 0, FULL
        while reason == FULL and len(expected) < room:
            try:
                record, at = pcap.read_record(data, at, header)
            except TruncatedError:
                reason = MORE
            except FormatError:
                reason = CORRUPT
            else:
                packet = Packet(record.data, record.original_length, 0, record.time_ns)
                expected.append(packet)

        index = PacketIndex.empty(room)
        found = walk_pcap(
            np.frombuffer(bytearray(data), np.uint8),
            0,
            header.order == ">",
            header.tick_ns,
            header.longest_record,
            index,
            room,
            1 << 20,
        )
        assert found == (len(expected), at, reason)
        assert listed(data, index, found[0]) == expected

    def test_bytes_fill_the_index(self) -> None:
        """As for pcapng."""
        data = (struct.pack("<4I", 1, 2, 40, 40) + bytes(40)) * 9
        buffer = np.frombuffer(bytearray(data), np.uint8)
        found = walk_pcap(buffer, 0, False, 1, 65_535, PacketIndex.empty(9), 9, 100)
        assert found == (3, len(data) // 3, FULL)
