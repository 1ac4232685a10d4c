from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.datasets.pcapng import (
    Block,
    ByteOrder,
    Custom,
    DecryptionSecrets,
    EnhancedPacket,
    InterfaceDescription,
    InterfaceStatistics,
    NameRecord,
    NameResolution,
    ObsoletePacket,
    Option,
    SectionHeader,
    SimplePacket,
    UnknownBlock,
    read_block,
)
from wtrec.errors import FormatError

ORDERS: tuple[ByteOrder, ...] = ("<", ">")

U16 = st.integers(0, 2**16 - 1)
U32 = st.integers(0, 2**32 - 1)
U64 = st.integers(0, 2**64 - 1)
DATA = st.binary(max_size=50)
WORDS = st.integers(0, 5).flatmap(lambda n: st.binary(min_size=4 * n, max_size=4 * n))
CODES = st.one_of(
    st.integers(1, 19), st.sampled_from([2988, 2989, 19372, 19373]), st.integers(1, 2**16 - 1)
)
OPTIONS = st.lists(st.builds(Option, CODES, DATA), max_size=5).map(tuple)
OWN_TYPES = st.integers(0x80000000, 0xFFFFFFFF)
BLOCKS: st.SearchStrategy[Block] = st.one_of(
    st.builds(SectionHeader, st.sampled_from([0, 2]), st.integers(-1, 2**63 - 1), OPTIONS),
    st.builds(InterfaceDescription, U16, U32, OPTIONS),
    st.builds(EnhancedPacket, U32, U64, DATA, U32, OPTIONS),
    DATA.map(lambda data: SimplePacket(data, len(data))),
    st.builds(ObsoletePacket, U16, U16, U64, DATA, U32, OPTIONS),
    st.builds(
        NameResolution,
        st.lists(st.builds(NameRecord, st.integers(1, 9), DATA), max_size=4).map(tuple),
        OPTIONS,
    ),
    st.builds(InterfaceStatistics, U32, U64, OPTIONS),
    st.builds(DecryptionSecrets, U32, DATA, OPTIONS),
    st.builds(Custom, U32, WORDS, st.booleans()),
    st.builds(UnknownBlock, OWN_TYPES, WORDS),
)


@given(BLOCKS, st.sampled_from(ORDERS))
def test_what_is_written_is_read(block: Block, order: ByteOrder) -> None:
    """Every block survives writing and reading, in both byte orders."""
    wire = block.write(order)
    assert read_block(wire, 0, order) == (block, order, len(wire))
    assert len(wire) % 4 == 0


@given(BLOCKS)
def test_a_block_can_change_its_byte_order(block: Block) -> None:
    """A block that was read from one section means the same in a section of the other order."""
    there, _, _ = read_block(block.write("<"), 0, "<")
    back, _, _ = read_block(there.write(">"), 0, ">")
    assert back == block


class TestSectionHeader:
    """What a section starts with."""

    def test_bytes(self) -> None:
        """A header is written as the draft draws it: version 1.0, length unknown."""
        assert SectionHeader().write("<").hex(" ", 4) == (
            "0a0d0d0a 1c000000 4d3c2b1a 01000000 ffffffff ffffffff 1c000000"
        )
        assert SectionHeader().write(">").hex(" ", 4) == (
            "0a0d0d0a 0000001c 1a2b3c4d 00010000 ffffffff ffffffff 0000001c"
        )

    def test_options(self) -> None:
        """All options go in and come out by name."""
        header = SectionHeader.make(
            hardware="a radio", os="an OS", userappl="wtrec 1", comments=['{"run": 1}', "two"]
        )
        assert header.hardware == "a radio"
        assert header.os == "an OS"
        assert header.userappl == "wtrec 1"
        assert header.comments == ('{"run": 1}', "two")
        assert header.section_length == -1


class TestInterfaceDescription:
    """What an interface is."""

    @pytest.mark.parametrize("order", ORDERS)
    def test_options(self, order: ByteOrder) -> None:
        """All options go in and come out by name, whatever the byte order."""
        program = struct.pack("<HBBIHBBI", 0x28, 0, 0, 12, 6, 0, 0, 0x40000)
        said = {
            "name": "mon0",
            "description": "upstairs",
            "ipv4": (IPv4Interface("10.0.0.1/8"), IPv4Interface("192.168.1.2/24")),
            "ipv6": (IPv6Interface("fe80::1/64"),),
            "mac": bytes.fromhex("020000000001"),
            "eui": bytes(range(8)),
            "speed": 2**64 - 1,
            "tsresol": 9,
            "tzone": -3600,
            "filter_program": program,
            "os": "Linux",
            "fcslen_bits": 32,
            "tsoffset": -(2**40),
            "hardware": "ath9k",
            "txspeed": 6_000_000,
            "rxspeed": 12_000_000,
            "tzname": "Europe/Berlin",
            "comments": ("here",),
            "custom_text": ((32473, "text"),),
            "custom_octets": ((32473, b"\1\2"),),
            "custom_text_not_copied": ((32473, "ours"),),
            "custom_octets_not_copied": ((2**32 - 1, b""),),
        }
        made = InterfaceDescription.make(127, 1500, **said)  # type: ignore[arg-type]
        block, _, _ = read_block(made.write(order), 0, order)
        assert {name: getattr(block, name) for name in said} == said

    def test_time(self) -> None:
        """Its clock has the resolution and offset of its options, microseconds without any."""
        assert InterfaceDescription.make(127).to_ns(7) == 7_000
        assert InterfaceDescription.make(127, tsresol=9).to_ns(7) == 7
        assert InterfaceDescription.make(127, tsresol=0, tsoffset=-2).to_ns(7) == 5_000_000_000


class TestNames:
    """Name resolution."""

    @pytest.mark.parametrize(
        ("kind", "address"), [(1, bytes(4)), (2, bytes(16)), (3, b"sta001"), (4, bytes(8))]
    )
    def test_a_record_is_an_address_and_its_names(self, kind: int, address: bytes) -> None:
        """The kind follows from the length of the address."""
        record = NameRecord.make(address, "one", "zwölf")
        assert record.kind == kind
        assert record.address == address
        assert record.names == ("one", "zwölf")
        assert record.value == address + b"one\0zw\xc3\xb6lf\0"

    def test_records_of_another_kind_are_kept(self) -> None:
        """They have neither address nor names that anyone could know."""
        record = NameRecord(9, b"whatever")
        assert record.address == b""
        assert record.names == ()

    @pytest.mark.parametrize("order", ORDERS)
    def test_options(self, order: ByteOrder) -> None:
        """The name server that was asked goes in and comes out."""
        made = NameResolution.make(
            [NameRecord.make(bytes(6), "station")],
            dnsname="ns",
            dnsipv4=IPv4Address("9.9.9.9"),
            dnsipv6=IPv6Address("2620:fe::fe"),
        )
        block, _, _ = read_block(made.write(order), 0, order)
        assert isinstance(block, NameResolution)
        assert block.records[0].names == ("station",)
        assert (block.dnsname, block.dnsipv4) == ("ns", IPv4Address("9.9.9.9"))
        assert block.dnsipv6 == IPv6Address("2620:fe::fe")

    def test_records_need_no_end(self) -> None:
        """A block may stop behind its last record."""
        assert NameResolution.read(b"\3\0\6\0\1\2\3\4\5\6\0\0", "<").records == (
            NameRecord(3, b"\1\2\3\4\5\6"),
        )

    def test_a_record_that_runs_out_of_its_block_is_refused(self) -> None:
        """The error calls it a name record."""
        with pytest.raises(FormatError, match="name record 1 has 9 bytes, its block has 0 left"):
            NameResolution.read(b"\1\0\x09\0", "<")


class TestStatistics:
    """Counts of an interface."""

    @pytest.mark.parametrize("order", ORDERS)
    def test_options(self, order: ByteOrder) -> None:
        """All counts and times go in and come out by name, whatever the byte order."""
        said = {
            "starttime": 1 << 32 | 2,
            "endtime": 2**64 - 1,
            "ifrecv": 5,
            "ifdrop": 6,
            "filteraccept": 7,
            "osdrop": 8,
            "usrdeliv": 2**64 - 1,
        }
        made = InterfaceStatistics.make(3, 4 << 32 | 5, **said)  # type: ignore[arg-type]
        block, _, _ = read_block(made.write(order), 0, order)
        assert {name: getattr(block, name) for name in said} == said


class TestOthers:
    """Blocks that are carried along."""

    def test_secrets_longer_than_their_block_are_refused(self) -> None:
        """A length cannot be more than there is."""
        with pytest.raises(FormatError, match="secrets length 5 is past the 4 bytes left"):
            DecryptionSecrets.read(struct.pack("<II", 1, 5) + bytes(4), "<")

    def test_custom_data_is_padded(self) -> None:
        """Only the owner of a custom block can tell its data from its padding."""
        block, _, _ = read_block(Custom(32473, b"abc").write("<"), 0, "<")
        assert block == Custom(32473, b"abc\0")

    @pytest.mark.parametrize(("copyable", "block_type"), [(True, 0xBAD), (False, 0x40000BAD)])
    def test_a_custom_block_says_whether_it_may_be_copied(
        self, copyable: bool, block_type: int
    ) -> None:
        """Its type does."""
        wire = Custom(1, b"", copyable).write(">")
        assert wire[:4] == struct.pack(">I", block_type)
