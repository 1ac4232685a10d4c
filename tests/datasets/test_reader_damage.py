"""Damaged captures: every whole frame, what was lost, and nothing but FormatError."""

from __future__ import annotations

import gzip
import struct
import tracemalloc
import zlib
from itertools import accumulate
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from wtrec.datasets.pcap import PcapHeader, PcapRecord
from wtrec.datasets.pcapng import (
    Block,
    ByteOrder,
    Custom,
    EnhancedPacket,
    InterfaceDescription,
    InterfaceStatistics,
    NameRecord,
    NameResolution,
    ObsoletePacket,
    SectionHeader,
    SimplePacket,
)
from wtrec.datasets.reader import CaptureReader
from wtrec.dot11 import fcs, radiotap
from wtrec.errors import FormatError

RADIOTAP = radiotap.build(flags=radiotap.Flags.FCS)
HINT = "wtrec recover saves what is sound behind it"
PACKETS = (EnhancedPacket, SimplePacket, ObsoletePacket)


def frame(number: int) -> bytes:
    """A good frame; its number is in it."""
    return RADIOTAP + fcs.append(b"\x08\x02" + bytes(22) + bytes([number]))


BLOCKS: list[Block] = [
    SectionHeader.make(os="an OS", comments=["a comment"]),
    InterfaceDescription.make(127, name="mon0", tsresol=9),
    EnhancedPacket.make(0, 10**9, frame(0), flags=0x81),
    NameResolution.make([NameRecord.make(bytes(6), "nobody")]),
    SimplePacket(frame(1), len(frame(1))),
    InterfaceDescription.make(127),
    Custom(7, b"anything"),
    EnhancedPacket.make(1, 5, frame(2), comments=["odd one"], dropcount=1),
    ObsoletePacket(1, 0, 6, frame(3), len(frame(3))),
    InterfaceStatistics.make(1, 7, ifrecv=4),
    EnhancedPacket.make(0, 8, frame(4)),
]


def read(path: Path) -> tuple[list[int], list[str]]:
    """The numbers of the frames, and the losses."""
    with CaptureReader(path) as reader:
        found = [mpdu[24] for batch in reader for mpdu in batch.column("mpdu").to_pylist()]
        assert reader.frames == len(found)
        return found, reader.losses


class TestCut:
    """Files that end too early, at every byte."""

    @pytest.mark.parametrize("order", ["<", ">"])
    def test_pcapng(self, order: ByteOrder, tmp_path: Path) -> None:
        """The packets before the cut are there; a cut inside a block is a loss at its offset."""
        wires = [block.write(order) for block in BLOCKS]
        ends = list(accumulate(len(wire) for wire in wires))
        data, path = b"".join(wires), tmp_path / "cut.pcapng"
        for cut in range(len(data) + 1):
            path.write_bytes(data[:cut])
            if cut < 4:
                with pytest.raises(FormatError, match=r"cut\.pcapng.*wanted|neither"):
                    read(path)
                continue
            numbers, losses = read(path)
            whole = sum(end <= cut for end in ends)
            packets = sum(isinstance(block, PACKETS) for block in BLOCKS[:whole])
            assert numbers == list(range(packets))
            if cut in ends:
                assert losses == []
            else:
                start = ends[whole - 1] if whole else 0
                (loss,) = losses
                assert loss.startswith(f"{path}, offset {start}: the file ends inside a record")
                assert f"({cut - start} of " in loss
                assert loss.endswith(f"the {packets} packets before it are whole")

    @pytest.mark.parametrize("order", ["<", ">"])
    def test_pcap(self, order: ByteOrder, tmp_path: Path) -> None:
        """The same for records, and for the file's header."""
        header = PcapHeader(127, order=order)
        wires = [header.write()]
        wires += [PcapRecord(k, frame(k), len(frame(k))).write(header) for k in range(4)]
        ends = list(accumulate(len(wire) for wire in wires))
        data, path = b"".join(wires), tmp_path / "cut.pcap"
        for cut in range(4, len(data) + 1):
            path.write_bytes(data[:cut])
            numbers, losses = read(path)
            whole = sum(end <= cut for end in ends)
            assert numbers == list(range(max(whole - 1, 0)))
            start = ends[whole - 1] if whole else 0
            assert [f"offset {start}:" in loss for loss in losses] == [True] * (cut not in ends)

    def test_a_length_far_beyond_the_file(self, tmp_path: Path) -> None:
        """A block of 200 MB in a file of 200 bytes is a loss, and takes no memory."""
        length = 200 << 20
        data = b"".join(block.write("<") for block in BLOCKS[:3])
        for head in (struct.pack("<II", 6, length), struct.pack("<II", 0xBAD, length)):
            path = tmp_path / "short.pcapng"
            for packed in (False, True):
                whole = data + head + bytes(50)
                path.write_bytes(gzip.compress(whole) if packed else whole)
                read(path)  # compiled and loaded
                tracemalloc.start()
                numbers, losses = read(path)
                peak = tracemalloc.get_traced_memory()[1]
                tracemalloc.stop()
                assert numbers == [0]
                assert f"offset {len(data)}: " in losses[0]
                assert f"(58 of {length} bytes)" in losses[0]
                assert peak < 20 << 20


class TestCompressed:
    """Truncated and damaged compressed captures."""

    DATA = b"".join(
        block.write("<")
        for block in [*BLOCKS[:2], *(EnhancedPacket.make(0, k, frame(k % 256)) for k in range(900))]
    )
    HEAD = sum(len(block.write("<")) for block in BLOCKS[:2])
    EACH = (len(DATA) - HEAD) // 900

    def expected(self, unpacked: int) -> list[int]:
        """The numbers of the frames that are whole in so many bytes."""
        return [k % 256 for k in range((unpacked - self.HEAD) // self.EACH)]

    def test_whole(self, tmp_path: Path) -> None:
        """Packed files are read as they are."""
        path = tmp_path / "a"
        for packed in (gzip.compress(self.DATA), pa.compress(self.DATA, "zstd", asbytes=True)):
            path.write_bytes(packed)
            assert read(path) == (self.expected(len(self.DATA)), [])

    def test_gzip(self, tmp_path: Path) -> None:
        """All frames that can be unpacked, and the loss of the rest."""
        path = tmp_path / "a.gz"
        packed = gzip.compress(self.DATA, 1)
        for cut in range(len(packed) // 4, len(packed), 97):
            path.write_bytes(packed[:cut])
            unpacked = zlib.decompressobj(31).decompress(packed[:cut])
            numbers, losses = read(path)
            assert numbers == self.expected(len(unpacked))
            assert "the compressed stream ends early" in losses[-1]

    def test_zstd(self, tmp_path: Path) -> None:
        """All frames of whole Zstandard blocks, and the loss of the rest."""
        path = tmp_path / "a.zst"
        first, second = self.DATA[:20_000], self.DATA[20_000:]
        whole = pa.compress(first, "zstd", asbytes=True)
        packed = whole + pa.compress(second, "zstd", asbytes=True)
        for cut in range(len(whole) + 1, len(packed), 97):
            path.write_bytes(packed[:cut])
            numbers, losses = read(path)
            assert numbers == self.expected(20_000)
            assert "the compressed stream ends early" in losses[-1]

    def test_nothing_can_be_unpacked(self, tmp_path: Path) -> None:
        """Refused, with the reason."""
        path = tmp_path / "a.gz"
        path.write_bytes(gzip.compress(self.DATA)[:12])
        with pytest.raises(FormatError, match="begins with nothing; the compressed stream ends"):
            read(path)


class TestCorrupt:
    """Records that contradict themselves."""

    @pytest.mark.parametrize(
        "record",
        [
            struct.pack("<II", 6, 13) + bytes(60),
            struct.pack("<II", 6, 8) + bytes(60),
            struct.pack("<II", 6, 1 << 30) + bytes(60),
            struct.pack("<II", 6, 64) + bytes(56) + struct.pack("<I", 60),
            EnhancedPacket.make(9, 0, frame(0)).write("<"),
            ObsoletePacket(9, 0, 0, frame(0), 1).write("<"),
            InterfaceStatistics.make(9, 0).write("<"),
            EnhancedPacket.make(0, 0, b"", queue=0).write("<").replace(b"\6\0\4\0", b"\6\0\xff\0"),
            SectionHeader().write("<").replace(b"\x4d\x3c", b"\0\0"),
        ],
    )  # fmt: skip
    def test_pcapng(self, record: bytes, tmp_path: Path) -> None:
        """The packets before it come, then an error with file, offset and their number."""
        before = b"".join(block.write("<") for block in BLOCKS)
        path = tmp_path / "corrupt.pcapng"
        path.write_bytes(before + record + EnhancedPacket.make(0, 0, frame(5)).write("<"))
        numbers: list[int] = []
        with CaptureReader(path) as reader, pytest.raises(FormatError) as caught:  # noqa: PT012
            for batch in reader:
                numbers += [mpdu[24] for mpdu in batch.column("mpdu").to_pylist()]
        assert numbers == [0, 1, 2, 3, 4]
        assert caught.value.offset == len(before)
        assert str(caught.value).startswith(f"{path}, offset {len(before)}: ")
        assert str(caught.value).endswith(f"; the 5 packets before it are whole, {HINT}")

    def test_a_simple_packet_without_an_interface(self, tmp_path: Path) -> None:
        """There is none that it could belong to."""
        path = tmp_path / "a"
        path.write_bytes(SectionHeader().write("<") + SimplePacket(b"abc", 3).write("<"))
        with pytest.raises(FormatError, match="offset 28: a packet of interface 0, the section"):
            read(path)

    def test_pcap(self, tmp_path: Path) -> None:
        """The same for a record that claims more than any may hold."""
        header = PcapHeader(127, snaplen=2**32 - 1)
        before = header.write() + PcapRecord(0, frame(0), 99).write(header)
        path = tmp_path / "corrupt.pcap"
        path.write_bytes(before + struct.pack("<4I", 0, 0, 2**31, 2**31) + bytes(99))
        with CaptureReader(path) as reader, pytest.raises(FormatError) as caught:
            list(reader)
        assert (reader.frames, caught.value.offset) == (1, len(before))
        assert str(caught.value).endswith(f"; the 1 packets before it are whole, {HINT}")

    def test_wanting_more_in_the_middle_does_not_lose_the_offset(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Offsets count from the file's start, whatever the window."""
        monkeypatch.setattr("wtrec.datasets.source.WINDOW", 100)
        before = b"".join(block.write("<") for block in BLOCKS)
        path = tmp_path / "a"
        path.write_bytes(before * 3 + struct.pack("<II", 6, 13) + bytes(60))
        with pytest.raises(FormatError) as caught:
            read(path)
        assert caught.value.offset == 3 * len(before)


LE = SectionHeader().write("<") + InterfaceDescription(127).write("<")
BE = SectionHeader().write(">") + InterfaceDescription(127).write(">")
PREFIXES = st.sampled_from(
    [
        b"",
        LE[:4],
        LE,
        BE,
        LE + struct.pack("<II", 6, 44) + bytes(4),
        LE + EnhancedPacket.make(0, 0, frame(0)).write("<"),
        PcapHeader(127).write(),
        PcapHeader(105, order=">", fcs_bits=32).write(),
        b"\x1f\x8b\x08\0",
        b"\x28\xb5\x2f\xfd",
    ]
)


class TestArbitraryBytes:
    """Nothing else than FormatError comes out of a file."""

    @given(PREFIXES, st.binary(max_size=200))
    @example(gzip.compress(LE), gzip.compress(b"\0" * 99))
    @settings(
        deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    def test_any(self, tmp_path: Path, prefix: bytes, data: bytes) -> None:
        """Behind the start of any kind of file."""
        path = tmp_path / "any"
        path.write_bytes(prefix + data)
        try:
            with CaptureReader(path) as reader:
                frames = sum(len(batch) for batch in reader)
        except FormatError as error:
            assert str(error).startswith(str(path))  # noqa: PT017 (some bytes are a capture)
        else:
            assert frames == reader.frames <= len(data) // 12 + 1

    @given(st.data())
    @settings(
        deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    def test_a_changed_byte(self, tmp_path: Path, data: st.DataObject) -> None:
        """The packets before the block that was hit are there."""
        order: ByteOrder = data.draw(st.sampled_from(["<", ">"]))
        wires = [block.write(order) for block in BLOCKS]
        hit = data.draw(st.integers(0, len(wires) - 1))
        changed = bytearray(wires[hit])
        at = data.draw(st.integers(4 if hit == 0 else 0, len(changed) - 1))
        changed[at] ^= data.draw(st.integers(1, 255))
        path = tmp_path / "changed"
        path.write_bytes(b"".join([*wires[:hit], bytes(changed), *wires[hit + 1 :]]))
        numbers = []
        try:
            with CaptureReader(path) as reader:
                for batch in reader:
                    numbers += [
                        m[24] if len(m) > 24 else 0 for m in batch.column("mpdu").to_pylist()
                    ]
        except FormatError as error:  # some changes do no harm
            assert (error.offset or 0) >= sum(map(len, wires[:hit]))  # noqa: PT017
        before = sum(isinstance(block, PACKETS) for block in BLOCKS[:hit])
        assert numbers[:before] == list(range(before))
