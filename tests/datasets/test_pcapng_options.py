from __future__ import annotations

import dataclasses
import struct
from ipaddress import IPv4Interface, IPv6Interface

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.datasets.pcapng import (
    ByteOrder,
    EnhancedPacket,
    InterfaceDescription,
    InterfaceStatistics,
    Option,
    SectionHeader,
)
from wtrec.datasets.pcapng_options import WithOptions, pack_options, read_options, write_options
from wtrec.errors import FormatError

ORDERS: tuple[ByteOrder, ...] = ("<", ">")
BLOCKS = (
    SectionHeader(),
    InterfaceDescription(127),
    EnhancedPacket(0, 0, b"", 0),
    InterfaceStatistics(0, 0),
)


def interface(*options: Option) -> InterfaceDescription:
    return InterfaceDescription(127, options=options)


class TestOnTheWire:
    """The bytes of option lists."""

    def test_a_list_is_padded_and_ended(self) -> None:
        """Values are padded with zeros, and opt_endofopt stands last."""
        block = interface(Option(2, b"mon0"), Option(12, b"Linux"))
        assert write_options(block, "<") == (
            b"\x02\0\x04\0mon0"
            b"\x0c\0\x05\0Linux\0\0\0"
            b"\0\0\0\0"
        )  # fmt: skip

    def test_no_options_are_no_bytes(self) -> None:
        """An empty list needs no end."""
        assert write_options(interface(), "<") == b""

    def test_a_list_needs_no_end(self) -> None:
        """Readers must not require opt_endofopt."""
        assert read_options(SectionHeader, b"\0\x01\0\x02ab\0\0", 0, ">") == (Option(1, b"ab"),)

    def test_nothing_counts_behind_the_end(self) -> None:
        """What follows opt_endofopt is not read, whatever it is."""
        assert read_options(SectionHeader, bytes(4) + b"\xff" * 8, 0, "<") == ()
        assert read_options(SectionHeader, b"\0\0\xff\xff" + bytes(4), 0, "<") == ()

    def test_an_option_that_runs_out_of_its_block_is_refused(self) -> None:
        """The error says what the option asks for and what there is."""
        good = b"\x01\0\x04\0abcd"
        with pytest.raises(FormatError, match="option 2 has 9 bytes, its block has 4 left"):
            read_options(SectionHeader, good + b"\x02\0\x09\0abcd", 0, "<")

    def test_a_value_that_does_not_fit_is_refused(self) -> None:
        """A length has 16 bits."""
        block = SectionHeader.make(comments=["x" * 65_536])
        with pytest.raises(FormatError, match="option 1 has 65536 bytes, at most 65535 fit"):
            block.write("<")


class TestByteOrder:
    """Options hold integers little-endian, and turn them round for big-endian sections."""

    @pytest.mark.parametrize(
        ("options", "value"),
        [
            ({"speed": 0x0102030405060708}, "0102030405060708"),
            ({"tzone": -2}, "fffffffe"),
            ({"tsoffset": -2}, "fffffffffffffffe"),
            ({"tsresol": 9}, "09"),
            ({"eui": bytes(range(8))}, "0001020304050607"),
            ({"ipv4": [IPv4Interface("10.1.2.3/8")]}, "0a010203ff000000"),
            ({"ipv6": [IPv6Interface("::1/64")]}, "0000000000000000000000000000000140"),
            ({"filter_text": "udp"}, "00756470"),
            ({"filter_program": struct.pack("<HBBI", 0x15, 1, 2, 0x800)}, "010015010200000800"),
            ({"custom_text": [(0x01020304, "abc")]}, "01020304616263"),
            ({"custom_octets": [(0x01020304, b"\x05\x06")]}, "010203040506"),
        ],
    )
    def test_of_an_interface(self, options: dict[str, object], value: str) -> None:
        """Integers are big-endian, text, addresses and octets are in their own order."""
        block = interface(*pack_options(InterfaceDescription, options))
        assert write_options(block, ">")[4:-4].hex().startswith(value)

    @pytest.mark.parametrize(
        ("options", "value"),
        [
            ({"flags": 0x01000081}, "01000081"),
            ({"hashes": [(2, b"\x01\x02\x03\x04")]}, "0201020304"),
            ({"tc_verdicts": [2]}, "010000000000000002"),
            ({"hardware_verdicts": [bytes(range(8))]}, "000001020304050607"),
            ({"processid_threadid": (1, 2)}, "0000000100000002"),
        ],
    )
    def test_of_a_packet(self, options: dict[str, object], value: str) -> None:
        """A verdict's octets stay, its numbers turn."""
        packet = EnhancedPacket(0, 0, b"", 0, pack_options(EnhancedPacket, options))
        assert write_options(packet, ">")[4:-4].hex().startswith(value)

    @pytest.mark.parametrize(
        ("order", "value"), [("<", "0100000002000000"), (">", "0000000100000002")]
    )
    def test_times_of_statistics_are_two_words(self, order: ByteOrder, value: str) -> None:
        """The high half stands first in both orders: it is no native 64-bit integer."""
        block = InterfaceStatistics.make(0, 0, starttime=1 << 32 | 2)
        assert write_options(block, order)[4:12].hex() == value

    @given(
        st.sampled_from(BLOCKS),
        st.binary(max_size=80),
        st.sampled_from([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 2988, 2989, 19372, 19373, 40000]),
    )
    def test_any_value_is_carried_unharmed(
        self, block: SectionHeader, value: bytes, code: int
    ) -> None:
        """Reading and writing a list gives its bytes, malformed values included."""
        wire = struct.pack(">HH", code, len(value)) + value + bytes(-len(value) % 4) + bytes(4)
        options = read_options(type(block), wire, 0, ">")
        assert write_options(dataclasses.replace(block, options=options), ">") == wire


class TestNames:
    """Options by name."""

    def test_repeated_options_keep_their_order(self) -> None:
        """Comments are all there, the first one first."""
        block = SectionHeader.make(comments=["one", "two"], os="Linux")
        assert block.comments == ("one", "two")
        assert [option.code for option in block.options] == [1, 1, 3]

    def test_what_is_not_there_is_none_or_empty(self) -> None:
        """Absent options need no test for their code."""
        block = interface()
        assert block.name is None
        assert block.ipv4 == ()

    def test_none_is_left_out(self) -> None:
        """A caller can pass what it has, None for what it has not."""
        assert SectionHeader.make(os=None, comments=None).options == ()

    def test_the_first_of_two_single_options_counts(self) -> None:
        """A second if_name is against the draft; it is carried, but not believed."""
        assert interface(Option(2, b"a"), Option(2, b"b")).name == "a"

    def test_an_option_of_another_block_is_refused(self) -> None:
        """A misspelt name is a programmer's error."""
        with pytest.raises(TypeError, match="SectionHeader has no option 'packetid'"):
            pack_options(SectionHeader, {"packetid": 1})

    @pytest.mark.parametrize(
        ("block", "name", "message"),
        [
            (interface(Option(9, b"")), "tsresol", "1 bytes wanted, 0 found"),
            (interface(Option(14, b"1234")), "tsoffset", "8 bytes wanted, 4 found"),
            (interface(Option(6, b"1234")), "mac", "6 bytes wanted, 4 found"),
            (interface(Option(4, b"\x0a\0\0\1\xff\0\xff\0")), "ipv4", "255.0.255.0 is no network"),
            (interface(Option(5, bytes(16) + b"\x81")), "ipv6", "129"),
            (interface(Option(2988, b"abc")), "custom_text", "4 bytes wanted, 3 found"),
            (EnhancedPacket(0, 0, b"", 0, (Option(3, b""),)), "hashes", "algorithm octet wanted"),
            (InterfaceStatistics(0, 0, (Option(2, b"1"),)), "starttime", "8 bytes wanted, 1 found"),
        ],
    )
    def test_a_malformed_value_is_an_error_when_asked_for(
        self, block: WithOptions, name: str, message: str
    ) -> None:
        """The error names the option, what it wants, and what is there."""
        with pytest.raises(FormatError, match=rf"{name} \(option \d+\): .*{message}"):
            getattr(block, name)

    @given(st.sampled_from(BLOCKS), st.integers(1, 19), st.binary(max_size=40))
    def test_no_value_raises_anything_but_a_format_error(
        self, block: WithOptions, code: int, value: bytes
    ) -> None:
        """Every field can be asked for, whatever stands in the option."""
        for field in block.fields.values():
            try:
                list(field.decode([Option(code, value)]))
            except FormatError as error:
                assert f"option {code}" in str(error)  # noqa: PT017 (most values are fine)


class TestText:
    """Strings in options."""

    def test_bytes_that_are_not_utf8_are_replaced(self) -> None:
        """A vendor's Latin-1 does not stop a reader."""
        assert interface(Option(2, b"caf\xe9")).name == "caf�"

    def test_text_ends_at_a_nul(self) -> None:
        """Some writers end their strings."""
        assert interface(Option(2, b"mon0\0\xff")).name == "mon0"

    def test_what_is_written_is_utf8(self) -> None:
        """A file name with undecodable bytes becomes valid text."""
        assert interface(*pack_options(InterfaceDescription, {"name": "ü\udcff"})).name == "ü?"

    def test_a_filter_is_text_or_a_program(self) -> None:
        """The first octet of if_filter decides which."""
        text = InterfaceDescription.make(127, filter_text="udp port 5005")
        assert text.options == (Option(11, b"\0udp port 5005"),)
        assert (text.filter_text, text.filter_program) == ("udp port 5005", None)
        program = InterfaceDescription.make(127, filter_program=struct.pack("<HBBI", 6, 0, 0, 99))
        assert program.options == (Option(11, b"\x01\x06\0\0\0\x63\0\0\0"),)
        assert program.filter_text is None
