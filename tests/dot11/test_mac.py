"""MAC headers of every frame type, UDP datagrams in them, and the builders."""

from __future__ import annotations

from typing import Any

import dpkt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.dot11 import mac
from wtrec.dot11.mac import MacHeader

A1, A2, A3, A4 = (bytes([0x02, 0, 0, 0, 0, n]) for n in range(1, 5))
ADDRESSES = A1 + A2 + A3
FLAGS = [
    "to_ds",
    "from_ds",
    "more_fragments",
    "retry",
    "power_management",
    "more_data",
    "protected",
    "order",
]


def header(control: int, rest: bytes) -> MacHeader:
    """The header of a frame with this frame control, duration 0x0123, and the rest."""
    return mac.parse(control.to_bytes(2, "little") + b"\x23\x01" + rest)


class TestParse:
    """Frames laid out by hand."""

    def test_beacon(self) -> None:
        """A management frame has three addresses and a sequence control."""
        read = header(0x0080, ADDRESSES + b"\xb5\xfe" + b"body")
        assert (read.version, read.type, read.subtype) == (0, mac.MANAGEMENT, 8)
        assert (read.addr1, read.addr2, read.addr3, read.addr4) == (A1, A2, A3, None)
        assert (read.sequence, read.fragment) == (0xFEB, 5)
        assert (read.duration, read.header_length) == (0x0123, 24)
        assert (read.qos_control, read.ht_control) == (None, None)

    @pytest.mark.parametrize("name", FLAGS)
    def test_flags(self, name: str) -> None:
        """Each flag is one bit of the second byte."""
        read = header(0x0008 | 0x100 << FLAGS.index(name), ADDRESSES)
        assert [other for other in FLAGS if getattr(read, other)] == [name]

    @pytest.mark.parametrize(
        ("control", "length"),
        [
            (0x0000, 24),  # association request
            (0x8080, 28),  # beacon with HT control
            (0x0008, 24),  # data
            (0x8008, 24),  # data, strictly ordered
            (0x0308, 30),  # data between APs
            (0x0088, 26),  # QoS data
            (0x8088, 30),  # QoS data with HT control
            (0x0388, 32),  # QoS data between APs
            (0x8388, 36),  # QoS data between APs with HT control
            (0x00C8, 26),  # QoS null
            (0x0024, 16),  # trigger
            (0x0054, 16),  # NDP announcement
            (0x0364, 16),  # control frame extension: these are no DS bits
            (0x0074, 16),  # control wrapper
            (0x0084, 16),  # block ack request
            (0x0094, 16),  # block ack
            (0x00A4, 16),  # PS-Poll
            (0x00B4, 16),  # RTS
            (0x00C4, 10),  # CTS
            (0x00D4, 10),  # ACK
            (0x00E4, 16),  # CF-End
            (0x0004, 10),  # reserved control
            (0x000C, 10),  # DMG beacon
            (0x001C, 15),  # S1G beacon
            (0x071C, 23),  # S1G beacon with all optional fields
        ],
    )
    def test_header_length(self, control: int, length: int) -> None:
        """The frame control alone tells how long the header is."""
        assert mac.header_length(control) == length
        assert header(control, b"").header_length == length

    def test_four_addresses_qos_and_ht_control(self) -> None:
        """The optional fields follow each other in this order."""
        read = header(0x8388, ADDRESSES + b"\x10\x00" + A4 + b"\x05\x00" + b"\x01\x02\x03\x04")
        assert (read.sequence, read.addr4, read.qos_control) == (1, A4, 5)
        assert read.ht_control == 0x04030201

    def test_control_frames(self) -> None:
        """ACK has one address, RTS two, and a wrapper carries HT control instead of the second."""
        rest = A1 + A2
        assert (header(0x00D4, rest).addr1, header(0x00D4, rest).addr2) == (A1, None)
        assert (header(0x00B4, rest).addr1, header(0x00B4, rest).addr2) == (A1, A2)
        assert header(0x00B4, rest + bytes(20)).sequence is None
        wrapper = header(0x0074, A1 + b"\xb4\x00" + b"\x01\x02\x03\x04" + A2)
        assert (wrapper.addr2, wrapper.ht_control) == (None, 0x04030201)

    def test_reused_flags(self) -> None:
        """Where the upper bits mean something else, they are not read as flags."""
        extension = header(0xFF64, A1 + A2)
        assert (extension.to_ds, extension.retry, extension.protected) == (None, None, True)
        s1g = header(0xFF1C, A2)
        assert (s1g.to_ds, s1g.retry, s1g.protected, s1g.addr1) == (None, None, None, A2)

    def test_other_version(self) -> None:
        """A flipped version bit is reported, and the rest is read all the same."""
        read = header(0x0081, ADDRESSES)
        assert (read.version, read.type, read.addr3) == (1, mac.MANAGEMENT, A3)

    def test_cut_short(self) -> None:
        """A field is there from its last byte on."""
        whole = b"\x88\x03\x23\x01" + ADDRESSES + b"\x10\x00" + A4 + b"\x05\x00"
        ends = {
            "version": 1, "retry": 2, "duration": 4, "addr1": 10, "addr2": 16, "addr3": 22,
            "sequence": 24, "fragment": 24, "addr4": 30, "qos_control": 32,
        }  # fmt: skip
        for length in range(len(whole) + 1):
            read = mac.parse(whole[:length])
            for name, end in ends.items():
                assert (getattr(read, name) is not None) == (length >= end), (name, length)

    @given(st.binary(max_size=48))
    def test_any_bytes(self, data: bytes) -> None:
        """Any bytes are read, and more bytes never change what fewer told."""
        read = mac.parse(data)
        assert mac.parse(memoryview(data)) == read
        shorter = mac.parse(data[:-1])
        for name in MacHeader.__dataclass_fields__:
            assert getattr(shorter, name) in {None, getattr(read, name)}


def datagram(payload: bytes = b"payload") -> bytes:
    """A UDP datagram between two fixed hosts."""
    return mac.udp_datagram("10.0.0.1", "10.0.0.2", 4000, 53524, payload, 77)


def frame(packet: bytes) -> bytes:
    """A data frame to the AP around a packet."""
    return mac.data_frame(packet, addr1=A1, addr2=A2, addr3=A3, to_ds=True)


class TestBuilders:
    """What a sender makes."""

    @given(
        st.binary(max_size=40),
        st.integers(0, 65535),
        st.integers(0, 65535),
        st.integers(0, 65535),
        st.ip_addresses(v=4),
    )
    def test_datagram(
        self, payload: bytes, sport: int, dport: int, number: int, ip: object
    ) -> None:
        """Headers and checksums are those that another implementation computes."""
        packet = mac.udp_datagram(str(ip), "192.168.0.255", sport, dport, payload, number)
        other: Any = dpkt.ip.IP(packet)
        assert (other.id, other.udp.sport, other.udp.dport) == (number, sport, dport)
        assert bytes(other.udp.data) == payload
        other.sum = other.udp.sum = 0  # recomputed by dpkt, as it is by no means where set
        assert bytes(other) == packet

    def test_checksum_zero_is_sent_as_its_equal(self) -> None:
        """A UDP checksum of 0 would say that there is none."""
        packet = next(
            packet
            for packet in (datagram(n.to_bytes(2, "big")) for n in range(65536))
            if packet[26:28] == b"\xff\xff"
        )
        pseudo_header = packet[12:20] + b"\0\x11" + packet[24:26]
        assert mac.internet_checksum(pseudo_header + packet[20:]) == 0

    @pytest.mark.parametrize(
        "wrong",
        [
            ("10.0.0", "10.0.0.2", 1, 2, b"", 0),
            ("10.0.0.1", "10.0.0.2", 65536, 2, b"", 0),
            ("10.0.0.1", "10.0.0.2", 1, -1, b"", 0),
            ("10.0.0.1", "10.0.0.2", 1, 2, bytes(65535 - 27), 0),
            ("10.0.0.1", "10.0.0.2", 1, 2, b"", 65536),
        ],
    )
    def test_datagram_refused(self, wrong: tuple[str, str, int, int, bytes, int]) -> None:
        """What does not fit an IPv4 packet is refused."""
        with pytest.raises(ValueError, match=r"IPv4|octets"):
            mac.udp_datagram(*wrong)

    @given(
        st.booleans(),
        st.booleans(),
        st.booleans(),
        st.integers(0, 4095),
        st.integers(0, 65535),
        st.none() | st.integers(0, 15),
    )
    def test_frame(
        self, to_ds: bool, from_ds: bool, retry: bool, sequence: int, duration: int, tid: int | None
    ) -> None:
        """A built frame's header says what it was built from, and its payload is found."""
        built = mac.data_frame(
            datagram(),
            addr1=A1,
            addr2=A2,
            addr3=A3,
            addr4=A4 if to_ds and from_ds else None,
            to_ds=to_ds,
            from_ds=from_ds,
            retry=retry,
            duration=duration,
            sequence=sequence,
            tid=tid,
        )
        read = mac.parse(built)
        assert (read.to_ds, read.from_ds, read.retry) == (to_ds, from_ds, retry)
        assert (read.addr1, read.addr2, read.addr3) == (A1, A2, A3)
        assert read.addr4 == (A4 if to_ds and from_ds else None)
        assert (read.duration, read.sequence, read.fragment) == (duration, sequence, 0)
        assert read.qos_control == tid
        assert (read.protected, read.more_fragments, read.order) == (False, False, False)
        found = mac.udp_payload(built)
        assert found is not None
        assert built[found[0] : sum(found)] == b"payload"

    @pytest.mark.parametrize(
        "wrong",
        [
            {"addr1": b"short"},
            {"addr4": A4},
            {"to_ds": True, "from_ds": True},
            {"sequence": 4096},
            {"duration": -1},
            {"tid": 16},
        ],
    )
    def test_frame_refused(self, wrong: dict[str, object]) -> None:
        """Addresses and numbers that do not fit are refused."""
        arguments: dict[str, object] = {"addr1": A1, "addr2": A2, "addr3": A3, **wrong}
        with pytest.raises(ValueError, match=r"address|does not fit"):
            mac.data_frame(b"", **arguments)  # type: ignore[arg-type]


class TestUdpPayload:
    """Where a UDP payload is, and when there is none."""

    def test_empty_payload(self) -> None:
        """A datagram without payload is found too, at its end."""
        built = frame(datagram(b""))
        assert mac.udp_payload(built) == (len(built), 0)

    def test_ip_options_and_padding(self) -> None:
        """IP options move the payload, and bytes after the packet do not count."""
        packet = bytearray(datagram())
        packet[0] = 0x46
        packet[20:20] = b"\x01\x01\x01\x00"
        packet[3] += 4
        assert mac.udp_payload(frame(bytes(packet)) + b"padding") == (24 + 8 + 24 + 8, 7)

    def test_last_byte_missing(self) -> None:
        """A frame that ends before its lengths say is not taken, wherever it ends."""
        built = frame(datagram())
        for length in range(len(built)):
            assert mac.udp_payload(built[:length]) is None

    @pytest.mark.parametrize(
        ("offset", "byte"),
        [
            (0, 0x09),  # version 1
            (0, 0x80),  # beacon
            (0, 0x48),  # null data
            (1, 0x41),  # protected
            (1, 0x05),  # more fragments
            (22, 0x01),  # second fragment
            (24, 0xAB),  # other LLC
            (31, 0x06),  # ARP
            (32, 0x65),  # IPv6
            (32, 0x44),  # IP header too short
            (35, 0xFF),  # IP total length too long
            (35, 34),  # lengths disagree
            (38, 0x20),  # more IP fragments
            (39, 0x01),  # IP fragment offset
            (41, 6),  # TCP
            (57, 14),  # lengths disagree
        ],
    )
    def test_not_plain(self, offset: int, byte: int) -> None:
        """Each condition counts by itself."""
        built = bytearray(frame(datagram()))
        assert mac.udp_payload(bytes(built)) is not None
        built[offset] = byte
        assert mac.udp_payload(bytes(built)) is None

    def test_shorter_than_its_header(self) -> None:
        """Lengths that agree on less than a UDP header are no datagram."""
        packet = bytearray(datagram())
        packet[3], packet[25] = 20 + 7, 7
        assert mac.udp_payload(frame(bytes(packet))) is None

    def test_a_msdu(self) -> None:
        """An aggregate of several MSDUs is not taken for one."""
        built = bytearray(mac.data_frame(datagram(), addr1=A1, addr2=A2, addr3=A3, tid=0))
        assert mac.udp_payload(bytes(built)) == (26 + 8 + 20 + 8, 7)
        built[24] |= 0x80
        assert mac.udp_payload(bytes(built)) is None

    @given(st.binary(max_size=20), st.data())
    def test_any_damage(self, payload: bytes, data: st.DataObject) -> None:
        """Whatever bytes are damaged, a payload that is found lies inside of the frame."""
        built = bytearray(frame(datagram(payload)))
        for _ in range(data.draw(st.integers(0, 4))):
            offset = data.draw(st.integers(0, len(built) - 1))
            built[offset] = data.draw(st.integers(0, 255))
        found = mac.udp_payload(bytes(built))
        if found is not None:
            assert 60 <= found[0] <= sum(found) <= len(built)
