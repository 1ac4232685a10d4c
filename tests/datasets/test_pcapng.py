from __future__ import annotations

import dataclasses
import gzip
import io
import re
import shutil
import struct
import subprocess
from collections import Counter
from pathlib import Path

import dpkt
import pcapng as python_pcapng
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.datasets.pcapng import (
    BAD_FRAME_FLAGS,
    MAX_BLOCK_LENGTH,
    Block,
    BlockType,
    ByteOrder,
    Custom,
    DecryptionSecrets,
    EnhancedPacket,
    InterfaceDescription,
    InterfaceStatistics,
    NameRecord,
    NameResolution,
    ObsoletePacket,
    SectionHeader,
    SimplePacket,
    TruncatedError,
    UnknownBlock,
    read_block,
)
from wtrec.datasets.pcapng_options import WithOptions
from wtrec.errors import FormatError

CUSTOM_OPTIONS = (2988, 2989, 19372, 19373)
ORDERS: tuple[ByteOrder, ...] = ("<", ">")
HEADER = SectionHeader()
FRAME = bytes.fromhex("0000080000000000") + b"\xd4\0\0\0" + b"\2\0\0\0\0\1" + b"\x12\x34\x56\x78"


def walk(data: bytes) -> list[tuple[Block, ByteOrder, bytes]]:
    """Every block of a file, with its byte order and its bytes."""
    blocks: list[tuple[Block, ByteOrder, bytes]] = []
    offset, snaplen, interfaces = 0, 0, 0
    order: ByteOrder | None = None
    while offset < len(data):
        block, order, end = read_block(data, offset, order, snaplen)
        if isinstance(block, SectionHeader):
            snaplen = interfaces = 0
        elif isinstance(block, InterfaceDescription):
            snaplen = snaplen if interfaces else block.snaplen
            interfaces += 1
        blocks.append((block, order, data[offset:end]))
        offset = end
    return blocks


class TestReadBlock:
    """Finding a block in a buffer."""

    @pytest.mark.parametrize("order", ORDERS)
    def test_a_section_header_sets_the_byte_order(self, order: ByteOrder) -> None:
        """Its magic counts, whatever the order was before."""
        wire = HEADER.write(order)
        for before in (None, *ORDERS):
            assert read_block(wire, 0, before) == (HEADER, order, 28)

    def test_sections_of_both_orders_may_follow_each_other(self) -> None:
        """A file is read across a change of byte order."""
        packet = EnhancedPacket.make(0, 7, b"abc", dropcount=3)
        blocks: list[Block] = [HEADER, InterfaceDescription.make(127, tsresol=9), packet]
        data = b"".join(block.write(order) for order in ORDERS for block in blocks)
        assert [block for block, _, _ in walk(data)] == blocks * 2

    def test_a_file_must_start_with_a_section_header(self) -> None:
        """Nothing is readable before a byte order is known."""
        with pytest.raises(FormatError, match="IDB where a section header must stand"):
            read_block(InterfaceDescription(127).write("<"), 0)

    def test_any_buffer_will_do(self) -> None:
        """Memory views and offsets are taken."""
        data = b"junk" + HEADER.write("<")
        assert read_block(memoryview(data), 4) == (HEADER, "<", 32)

    def test_a_simple_packet_has_the_snap_length_of_interface_0(self) -> None:
        """It is passed in: blocks do not know each other."""
        wire = SimplePacket(b"abcdefgh", 99).write("<")
        block, _, _ = read_block(wire, 0, "<", snaplen=5)
        assert block == SimplePacket(b"abcde", 99)


class TestTruncation:
    """Data that ends inside a block."""

    @pytest.mark.parametrize("order", ORDERS)
    def test_at_every_byte(self, order: ByteOrder) -> None:
        """Wherever a block is cut, the error says how many bytes are there."""
        wire = EnhancedPacket.make(0, 0, FRAME, comments=["x"]).write(order)
        for found in range(len(wire)):
            with pytest.raises(TruncatedError) as caught:
                read_block(wire[:found], 0, order)
            assert caught.value.found == found
            assert caught.value.wanted == (len(wire) if found >= 8 else 12)

    def test_the_error_says_what_and_where(self) -> None:
        """One line has the block, the offset and both lengths."""
        data = HEADER.write("<") + InterfaceDescription(127).write("<")[:-1]
        with pytest.raises(TruncatedError) as caught:
            read_block(data, 28, "<")
        assert str(caught.value) == "offset 28: IDB is cut off: 20 bytes wanted, 19 found"

    def test_a_section_header_without_its_magic(self) -> None:
        """Its length cannot be read before its byte order is known."""
        with pytest.raises(TruncatedError, match="12 bytes wanted, 11 found"):
            read_block(HEADER.write("<")[:11], 0)

    def test_an_offset_past_the_end(self) -> None:
        """A reader that skips too far is told that nothing is there."""
        with pytest.raises(TruncatedError, match="12 bytes wanted, 0 found"):
            read_block(b"", 99, "<")


class TestCorruption:
    """Bytes that contradict the format."""

    @pytest.mark.parametrize(
        ("length", "message"),
        [
            (8, "IDB length 8 is less than 12"),
            (13, "IDB length 13 is not a multiple of 4"),
            (MAX_BLOCK_LENGTH + 4, f"IDB length 268435460 is more than {MAX_BLOCK_LENGTH}"),
        ],
    )
    def test_impossible_lengths(self, length: int, message: str) -> None:
        """They are refused before anything is looked for there."""
        with pytest.raises(FormatError, match=message) as caught:
            read_block(struct.pack("<II", 1, length) + bytes(99), 0, "<")
        assert not isinstance(caught.value, TruncatedError)
        assert caught.value.offset == 0

    def test_lengths_that_differ(self) -> None:
        """Both ends of a block must agree."""
        wire = InterfaceDescription(127).write("<")[:-4] + struct.pack("<I", 24)
        with pytest.raises(FormatError, match="IDB length 20 ends as 24"):
            read_block(wire, 0, "<")

    def test_a_bad_magic(self) -> None:
        """A section header in neither byte order is none."""
        wire = HEADER.write("<").replace(b"\x4d\x3c", b"\x4d\x3d")
        with pytest.raises(FormatError, match="SHB with magic 4d3d2b1a"):
            read_block(wire, 0)

    @pytest.mark.parametrize(
        ("major", "minor", "fine"), [(1, 0, True), (1, 2, True), (1, 1, False), (2, 0, False)]
    )
    def test_versions(self, major: int, minor: int, fine: bool) -> None:
        """1.0 is read, and 1.2, which some writers wrote for it; nothing else is."""
        wire = bytearray(HEADER.write("<"))
        wire[12:16] = struct.pack("<HH", major, minor)
        if fine:
            assert read_block(bytes(wire), 0)[0] == SectionHeader(minor)
        else:
            with pytest.raises(FormatError, match=rf"SHB: version {major}\.{minor}, 1.0 wanted"):
                read_block(bytes(wire), 0)

    @pytest.mark.parametrize("block_type", sorted(set(BlockType) - {BlockType.NRB}))
    def test_a_body_that_is_too_short(self, block_type: BlockType) -> None:
        """Every type with fixed fields wants them."""
        body = HEADER.write("<")[8:12] if block_type == BlockType.SHB else b""
        length = 12 + len(body)
        wire = struct.pack("<II", block_type, length) + body + struct.pack("<I", length)
        with pytest.raises(FormatError, match=rf"{block_type.name}: body of \d bytes, at least"):
            read_block(wire, 0, "<")

    def test_what_is_wrong_inside_has_the_block_and_its_offset(self) -> None:
        """An error from a body says where it stands."""
        good = HEADER.write(">")
        packet = bytearray(EnhancedPacket.make(0, 0, b"abcd").write(">"))
        packet[20:24] = struct.pack(">I", 400)
        with pytest.raises(FormatError) as caught:
            read_block(good + packet, len(good), ">")
        assert str(caught.value) == "offset 28: EPB: captured length 400 is past the 4 bytes left"


class TestArbitraryBytes:
    """Nothing but FormatError comes out, and what is read can be written."""

    @given(st.binary(max_size=200), st.sampled_from([None, *ORDERS]), st.integers(0, 50))
    def test_anywhere(self, data: bytes, order: ByteOrder | None, snaplen: int) -> None:
        """Noise is refused, or is a block that ends inside the data."""
        try:
            _, _, end = read_block(data, 0, order, snaplen)
        except FormatError as error:
            assert error.offset == 0  # noqa: PT017 (some noise is a block)
        else:
            assert 12 <= end <= len(data)

    @given(
        st.sampled_from([*BlockType, 77]),
        st.integers(0, 40).flatmap(lambda n: st.binary(min_size=4 * n, max_size=4 * n)),
        st.sampled_from(ORDERS),
    )
    def test_in_a_good_frame(self, block_type: int, body: bytes, order: ByteOrder) -> None:
        """A noisy body is refused, or gives a block that means the same when written again."""
        if block_type == BlockType.SHB:
            body = HEADER.write(order)[8:16] + body
        length = struct.pack(f"{order}I", 12 + len(body))
        wire = struct.pack(f"{order}I", block_type) + length + body + length
        try:
            block, _, end = read_block(wire, 0, order)
        except TruncatedError:
            raise
        except FormatError as error:
            assert error.offset == 0  # noqa: PT017 (some noise is a block)
        else:
            assert end == len(wire)
            assert read_block(block.write(order), 0, order)[0] == block


NAMES: dict[str, tuple[type[Block], ...]] = {
    "SHB": (SectionHeader,),
    "IDB": (InterfaceDescription,),
    "EPB": (EnhancedPacket,),
    "SPB": (SimplePacket,),
    "PB": (ObsoletePacket,),
    "NRB": (NameResolution,),
    "ISB": (InterfaceStatistics,),
    "DSB": (DecryptionSecrets,),
}


def name_of(block: Block) -> str:
    if isinstance(block, Custom):
        return "CB" if block.copyable else "DCB"
    return next((name for name, kinds in NAMES.items() if isinstance(block, kinds)), "?")


def without_custom_options(block: Block) -> Block:
    if not isinstance(block, WithOptions):
        return block
    kept = tuple(option for option in block.options if option.code not in CUSTOM_OPTIONS)
    return dataclasses.replace(block, options=kept)


@pytest.mark.real
class TestRealCaptures:
    """Public files, made by others."""

    def test_the_test_generators_files_hold_what_they_say(self, captures: Path) -> None:
        """Counts and order of blocks are those of the text beside each file."""
        files = sorted((captures / "pcapng-test-generator").rglob("*.pcapng"))
        assert len(files) == 42
        for file in files:
            names = [name_of(block) for block, _, _ in walk(file.read_bytes())]
            text = file.with_suffix(".txt").read_text()
            said = re.search(r"Block sequence: (.*)", text)
            assert said is not None
            assert names == said[1].split(", "), file
            assert Counter(names) == {
                name: int(count) for name, count in re.findall(r"\t(\w+): (\d+)", text)
            }, file

    def test_both_byte_orders_mean_the_same(self, captures: Path) -> None:
        """The generator's big- and little-endian files are the same blocks.

        Custom blocks and options are left aside: the former hold integers that only their owner
        could turn round, and the generator wrote the latter without their enterprise number.
        """
        folder = captures / "pcapng-test-generator"
        for big in sorted((folder / "output_be").rglob("*.pcapng")):
            little = folder / "output_le" / big.relative_to(folder / "output_be")
            pairs = zip(walk(big.read_bytes()), walk(little.read_bytes()), strict=True)
            for (of_big, big_order, _), (of_little, little_order, _) in pairs:
                assert (big_order, little_order) == (">", "<")
                if not isinstance(of_big, Custom):
                    assert without_custom_options(of_big) == without_custom_options(of_little)

    def test_every_block_is_written_as_it_was(self, captures: Path) -> None:
        """Reading and writing gives each file's bytes again.

        Two blocks are no canonical ones: an enhanced packet of 342 bytes in either test102, whose
        captured length says 96, so that its options start, and end, in the middle of the frame.
        """
        packed = captures / "wireshark" / "wpa-test-decode-tdls.pcap.gz"  # pcapng by another name
        files = [(file.name, file.read_bytes()) for file in captures.rglob("*.pcapng*")]
        files.append((packed.name, gzip.decompress(packed.read_bytes())))
        others = [
            (name, name_of(block))
            for name, data in files
            for block, order, wire in walk(data)
            if block.write(order) != wire
        ]
        assert others == [("test102.pcapng", "EPB")] * 2

    @pytest.mark.filterwarnings("ignore::DeprecationWarning")
    def test_python_pcapng_finds_the_same_packets(self, captures: Path) -> None:
        """Interfaces, times, flags, lengths and bytes are those that another parser reads."""
        for file in captures.rglob("*.pcapng*"):
            if file.name == "test008.pcapng":  # its MAC addresses have one byte: too few for them
                continue
            data = file.read_bytes()
            theirs = list(python_pcapng.FileScanner(io.BytesIO(data)))
            for (block, _, _), other in zip(walk(data), theirs, strict=True):
                if isinstance(block, InterfaceDescription):
                    assert (other.link_type, other.snaplen) == (block.linktype, block.snaplen)
                elif isinstance(block, EnhancedPacket):
                    time = other.timestamp_high << 32 | other.timestamp_low
                    assert (other.interface_id, time) == (block.interface, block.timestamp)
                    flags = other.options.get("epb_flags")
                    assert (None if flags is None else int(flags)) == block.flags
                if isinstance(block, EnhancedPacket | SimplePacket):
                    assert other.packet_data == block.data
                    assert other.packet_len == block.original_length


def everything(order: ByteOrder) -> bytes:
    """A file with every option that other tools can show."""
    blocks: list[Block] = [
        SectionHeader.make(
            hardware="a radio", os="an OS", userappl="wtrec", comments=["run 1", "zwölf"]
        ),
        InterfaceDescription.make(
            127,
            name="mon0",
            description="upstairs",
            hardware="ath9k",
            speed=54_000_000,
            tsresol=9,
            tsoffset=-7,
            filter_text="udp port 5005",
            os="Linux",
            fcslen_bits=32,
        ),
        InterfaceDescription.make(
            127, name="mon1", filter_program=struct.pack("<HBBI", 6, 0, 0, 262144)
        ),
        NameResolution.make([NameRecord.make(bytes([10, 0, 0, 1]), "ten")]),
        EnhancedPacket.make(
            0,
            1_700_000_000_123_456_789,
            FRAME,
            99,
            flags=BAD_FRAME_FLAGS,
            hashes=[(2, b"abcd")],
            dropcount=7,
            packetid=2**40,
            queue=3,
            comments=["odd one"],
        ),
        EnhancedPacket.make(1, 1_700_000_000_000_001, FRAME, tc_verdicts=[2]),
        InterfaceStatistics.make(
            0, 5 << 32 | 6, starttime=1, endtime=5 << 32 | 6, ifrecv=5, osdrop=8, usrdeliv=2
        ),
        UnknownBlock(0x80000001, b"mine"),
    ]
    return b"".join(block.write(order) for block in blocks)


def output(*command: str | Path) -> str:
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout


needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
needs_capinfos = pytest.mark.skipif(
    shutil.which("capinfos") is None, reason="capinfos is not installed"
)


@pytest.mark.parametrize("order", ORDERS)
class TestOtherReaders:
    """What is written is what others read."""

    @needs_tshark
    def test_tshark_shows_every_packet_option(self, order: ByteOrder, tmp_path: Path) -> None:
        """Times, lengths, flags, drops, ids, queues, comments and verdicts are all there."""
        file = tmp_path / "all.pcapng"
        file.write_bytes(everything(order))
        shown = {
            "frame.time_epoch": ("1699999993.123456789", "1700000000.000001000"),
            "frame.cap_len": ("22", "22"),
            "frame.len": ("99", "22"),
            "frame.interface_name": ("mon0", "mon1"),
            "frame.packet_flags": ("0x01000081", ""),
            "frame.packet_flags_crc_error": ("1", ""),
            "frame.packet_flags_fcs_length": ("4", ""),
            "frame.drop_count": ("7", ""),
            "frame.packet_id": ("1099511627776", ""),
            "frame.interface_queue": ("3", ""),
            "frame.comment": ("odd one", ""),
            "frame.verdict.ebpf_tc": ("", "2"),
        }
        fields = [word for name in shown for word in ("-e", name)]
        said = output("tshark", "-r", file, "-T", "fields", *fields).splitlines()
        rows = [tuple(line.split("\t")) for line in said]
        assert rows == list(zip(*shown.values(), strict=True))

    @needs_capinfos
    def test_capinfos_shows_the_section_and_its_interfaces(
        self, order: ByteOrder, tmp_path: Path
    ) -> None:
        """Hardware, system, program, comments, and every interface option it knows."""
        file = tmp_path / "all.pcapng"
        file.write_bytes(everything(order))
        lines = [line.strip() for line in output("capinfos", file).splitlines()]
        pairs = [re.split(r"\s*(?:[:=])\s+", line, maxsplit=1) for line in lines]
        said = {(pair[0], pair[-1]) for pair in pairs}
        assert said >= {
            ("Capture hardware", "a radio"),
            ("Capture oper-sys", "an OS"),
            ("Capture application", "wtrec"),
            ("Capture comment", "run 1"),
            ("Capture comment", "zwölf"),
            ("Name", "mon0"),
            ("Description", "upstairs"),
            ("Hardware", "ath9k"),
            ("Speed", "54000000"),
            ("FCS length", "32"),
            ("Time precision", "nanoseconds (9)"),
            ("Timestamp offset", "-7"),
            ("Filter string", "udp port 5005"),
            ("BPF filter length", "1"),
            ("Operating system", "Linux"),
            ("Number of stat entries", "1"),
        }

    def test_dpkt_reads_a_simple_file(self, order: ByteOrder) -> None:
        """Its reader knows one interface, and floats for times."""
        blocks: list[Block] = [
            SectionHeader.make(os="an OS"),
            InterfaceDescription.make(127, 65_535, tsresol=6),
            EnhancedPacket.make(0, 1_500_000, b"one", flags=BAD_FRAME_FLAGS),
            EnhancedPacket.make(0, 2_500_000, b"four"),
        ]
        reader = dpkt.pcapng.Reader(io.BytesIO(b"".join(block.write(order) for block in blocks)))
        assert list(reader) == [(1.5, b"one"), (2.5, b"four")]
        assert reader.datalink() == 127

    @pytest.mark.filterwarnings("ignore:Field type should not be:DeprecationWarning")
    def test_python_pcapng_reads_the_same(self, order: ByteOrder) -> None:
        """Every block with its options, but for the times of statistics, which it gets wrong."""
        blocks = list(python_pcapng.FileScanner(io.BytesIO(everything(order))))
        section, first, second, names, packet, _, statistics = blocks[:7]
        assert section.options["shb_userappl"] == "wtrec"
        assert section.options.get_all("opt_comment") == ["run 1", "zwölf"]
        assert (first.link_type, first.snaplen) == (127, 0)
        assert first.options["if_name"] == "mon0"
        assert first.options["if_speed"] == 54_000_000
        assert first.options["if_tsoffset"] == -7
        assert second.options["if_filter"][0] == 1
        assert names.records[0]["address"] == "10.0.0.1"
        assert packet.packet_data == FRAME
        assert packet.packet_len == 99
        assert packet.timestamp_high << 32 | packet.timestamp_low == 1_700_000_000_123_456_789
        assert packet.options["epb_dropcount"] == 7
        flags = packet.options["epb_flags"]
        assert (flags.inout, flags.fcslen, flags.err_crc) == ("inbound", 4, True)
        assert statistics.options["isb_ifrecv"] == 5
        assert statistics.options["isb_osdrop"] == 8
