from __future__ import annotations

import gzip
import io
import shutil
import struct
import subprocess
from pathlib import Path

import dpkt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.datasets.pcap import (
    HEADER_LENGTH,
    MAX_SNAPLEN,
    PcapHeader,
    PcapRecord,
    read_header,
    read_record,
)
from wtrec.datasets.pcapng import ByteOrder, SectionHeader, TruncatedError
from wtrec.errors import FormatError

ORDERS: tuple[ByteOrder, ...] = ("<", ">")
U32 = st.integers(0, 2**32 - 1)
HEADERS = st.builds(
    PcapHeader,
    linktype=st.integers(0, 2**16 - 1),
    snaplen=U32,
    nanoseconds=st.booleans(),
    fcs_bits=st.one_of(st.none(), st.integers(0, 15).map(lambda units: 16 * units)),
    order=st.sampled_from(ORDERS),
    thiszone=st.integers(-(2**31), 2**31 - 1),
    sigfigs=U32,
)
RECORDS = st.builds(PcapRecord, st.integers(0, 2**32 * 10**9 - 1), st.binary(max_size=100), U32)


def walk(data: bytes) -> tuple[PcapHeader, list[PcapRecord]]:
    """The header and every record of a file."""
    header = read_header(data)
    records, offset = [], HEADER_LENGTH
    while offset < len(data):
        record, offset = read_record(data, offset, header)
        records.append(record)
    return header, records


class TestHeader:
    """The header of a file."""

    @given(HEADERS)
    def test_what_is_written_is_read(self, header: PcapHeader) -> None:
        """Every header survives, in both byte orders and both units."""
        wire = header.write()
        assert len(wire) == HEADER_LENGTH
        assert read_header(wire) == header

    @pytest.mark.parametrize(
        ("order", "nanoseconds", "magic"),
        [
            ("<", False, "d4c3b2a1"),
            (">", False, "a1b2c3d4"),
            ("<", True, "4d3cb2a1"),
            (">", True, "a1b23c4d"),
        ],
    )
    def test_magic(self, order: ByteOrder, nanoseconds: bool, magic: str) -> None:
        """It shows the byte order and the unit of time."""
        header = PcapHeader(127, nanoseconds=nanoseconds, order=order)
        assert header.write()[:4].hex() == magic

    def test_the_fcs_length_stands_above_the_link_type(self) -> None:
        """It is stored in units of 16 bits, with a bit that says it is there."""
        assert PcapHeader(127, fcs_bits=32).write()[20:].hex() == "7f000024"

    def test_a_length_without_its_bit_says_nothing(self) -> None:
        """Only bit 26 makes the upper four bits an FCS length."""
        wire = PcapHeader(127).write()[:20] + struct.pack("<I", 0x2000007F)
        assert read_header(wire) == PcapHeader(127)

    @pytest.mark.parametrize("bits", [8, -16, 256])
    def test_an_fcs_that_cannot_be_stored_is_refused(self, bits: int) -> None:
        """Lengths are multiples of 16 bits, up to 240."""
        with pytest.raises(ValueError, match=f"an FCS of {bits} bits"):
            PcapHeader(127, fcs_bits=bits).write()

    @pytest.mark.parametrize("order", ORDERS)
    @pytest.mark.parametrize(
        ("magic", "name"),
        [
            (0xA1B2CD34, "Kuznetsov's modified pcap"),
            (0xA1B234CD, "Mesquita's modified pcap"),
            (0xA12B3C4D, "Navtel's modified pcap"),
            (0x1C0001AC, "Ixia's lcap, hardware"),
            (0x1C0001AB, "Ixia's lcap, software"),
            (0x0A0D0D0A, "pcapng"),
        ],
    )
    def test_formats_that_look_alike_are_named(
        self, order: ByteOrder, magic: int, name: str
    ) -> None:
        """Their records differ: reading them as pcap would give noise."""
        with pytest.raises(FormatError, match=f"this is {name}, not classic pcap"):
            read_header(struct.pack(f"{order}I", magic) + bytes(20))

    def test_anything_else_is_refused(self) -> None:
        """The error shows what was found."""
        with pytest.raises(FormatError, match="magic 47494638, one of"):
            read_header(b"GIF89a" + bytes(20))

    def test_another_version_is_refused(self) -> None:
        """Before 2.4, lengths stood the other way round in some writers' files."""
        wire = bytearray(PcapHeader(127).write())
        wire[6:8] = struct.pack("<H", 2)
        with pytest.raises(FormatError, match=r"pcap version 2\.2, 2\.4 wanted"):
            read_header(bytes(wire))

    def test_a_cut_header_is_truncated(self) -> None:
        """More bytes may help."""
        with pytest.raises(TruncatedError, match="24 bytes wanted, 23 found"):
            read_header(PcapHeader(127).write()[:23])


class TestRecord:
    """A packet."""

    @given(HEADERS, RECORDS)
    def test_what_is_written_is_read(self, header: PcapHeader, record: PcapRecord) -> None:
        """Every record survives; its time is rounded down to the file's unit."""
        wire = record.write(header)
        kept = record.time_ns - record.time_ns % header.tick_ns
        expected = PcapRecord(kept, record.data, record.original_length)
        assert read_record(b"12345" + wire, 5, header) == (expected, 5 + len(wire))

    def test_a_cut_record_is_truncated_at_every_byte(self) -> None:
        """The error says how much of the record is there."""
        header = PcapHeader(127)
        wire = PcapRecord(0, b"abcde", 5).write(header)
        for found in range(len(wire)):
            with pytest.raises(TruncatedError) as caught:
                read_record(wire[:found], 0, header)
            assert caught.value.found == found
            assert caught.value.wanted == (21 if found >= 16 else 16)

    @pytest.mark.parametrize(
        ("snaplen", "limit"), [(0, MAX_SNAPLEN), (96, MAX_SNAPLEN), (10**6, 10**6)]
    )
    def test_an_impossible_length_is_refused(self, snaplen: int, limit: int) -> None:
        """Noise as a length is corruption, not a file that is still to grow."""
        header = PcapHeader(127, snaplen)
        with pytest.raises(FormatError, match=f"{limit + 1} is more than {limit}") as caught:
            read_record(struct.pack("<4I", 0, 0, limit + 1, 0), 0, header)
        assert not isinstance(caught.value, TruncatedError)

    def test_a_packet_may_be_longer_than_the_snap_length(self) -> None:
        """Some writers do not keep what their header says."""
        header = PcapHeader(127, snaplen=2)
        record = PcapRecord(0, b"abcde", 5)
        assert read_record(record.write(header), 0, header)[0] == record


@given(st.binary(max_size=80), st.sampled_from([b"", PcapHeader(127).write()]))
def test_arbitrary_bytes_raise_only_format_errors(data: bytes, start: bytes) -> None:
    """Noise is refused, or gives records that end inside the data."""
    try:
        _, records = walk(start + data)
    except FormatError:
        return
    assert sum(16 + len(record.data) for record in records) == len(start + data) - HEADER_LENGTH


@pytest.mark.real
def test_public_captures_are_written_as_they_were(captures: Path) -> None:
    """Reading and writing every public pcap file gives its bytes again.

    The upper half of the link type's word is left aside: one file has an FCS length there without
    the bit that says so.
    """
    files = [*captures.rglob("*.pcap"), captures / "wireshark" / "wpa-test-decode.pcap.gz"]
    for file in files:
        data = file.read_bytes()
        if file.suffix == ".gz":
            data = gzip.decompress(data)
        header, records = walk(data)
        again = header.write() + b"".join(record.write(header) for record in records)
        assert header.order == "<"
        assert again[:22] == data[:22], file
        assert again[HEADER_LENGTH:] == data[HEADER_LENGTH:], file


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("nanoseconds", [False, True])
class TestOtherReaders:
    """What is written is what others read."""

    @staticmethod
    def file(order: ByteOrder, nanoseconds: bool) -> bytes:
        header = PcapHeader(127, 65_535, nanoseconds=nanoseconds, order=order)
        records = PcapRecord(1_500_000_000, b"one", 3), PcapRecord(2_500_000_000, b"four", 99)
        return header.write() + b"".join(record.write(header) for record in records)

    def test_dpkt(self, order: ByteOrder, nanoseconds: bool) -> None:
        """Its reader gives the same packets."""
        reader = dpkt.pcap.Reader(io.BytesIO(self.file(order, nanoseconds)))
        assert reader.datalink() == 127
        assert [(float(time), data) for time, data in reader] == [(1.5, b"one"), (2.5, b"four")]

    @pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
    def test_tshark(self, order: ByteOrder, nanoseconds: bool, tmp_path: Path) -> None:
        """It shows the same times and lengths."""
        file = tmp_path / "x.pcap"
        file.write_bytes(self.file(order, nanoseconds))
        names = ("frame.time_epoch", "frame.cap_len", "frame.len")
        fields = [word for name in names for word in ("-e", name)]
        command = ["tshark", "-r", str(file), "-T", "fields", *fields]
        said = subprocess.run(command, capture_output=True, check=True, text=True).stdout
        rows = [line.split("\t") for line in said.splitlines()]
        assert [(float(row[0]), *row[1:]) for row in rows] == [(1.5, "3", "3"), (2.5, "4", "99")]


@pytest.mark.skipif(shutil.which("editcap") is None, reason="editcap is not installed")
@pytest.mark.parametrize(("kind", "read"), [("nsecpcap", True), ("modlibpcap", False)])
def test_what_editcap_writes(kind: str, read: bool, tmp_path: Path) -> None:
    """Its nanosecond pcap is read, its modified pcap is refused by name."""
    (tmp_path / "in").write_bytes(TestOtherReaders.file("<", nanoseconds=False))
    command = ["editcap", "-F", kind, str(tmp_path / "in"), str(tmp_path / "out")]
    subprocess.run(command, capture_output=True, check=True)
    data = (tmp_path / "out").read_bytes()
    if read:
        header, records = walk(data)
        assert header.nanoseconds
        assert [record.time_ns for record in records] == [1_500_000_000, 2_500_000_000]
    else:
        with pytest.raises(FormatError, match="Kuznetsov's modified pcap"):
            read_header(data)


def test_a_pcapng_file_is_told_apart() -> None:
    """A user who takes one for the other is told so."""
    with pytest.raises(FormatError, match="this is pcapng"):
        read_header(SectionHeader().write("<"))
