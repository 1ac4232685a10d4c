"""Frames that filters are tried on: every kind of MPDU, behind Radiotap headers of every shape.

A data frame is one of the ``SHAPES`` around one of the ``CONTENTS``. A content is kept as an
Ethernet frame, as the packet was before an AP or a station put it on the air: what a filter says
of IP is known from there, where it does not depend on how 802.11 wraps it.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable
from dataclasses import dataclass

from ...dot11 import fcs, mac
from ...dot11.mac import internet_checksum, udp_datagram
from ...dot11.radiotap import Field, Flags, Radiotap, build, encode
from ...dot11.radiotap_flags import ChannelFlags

STATION = bytes.fromhex("020000000001")
AP = bytes.fromhex("020000000002")
RELAY = bytes.fromhex("020000000003")
BROADCAST = bytes.fromhex("ffffffffffff")
_SOURCE, _DESTINATION = "192.0.2.1", "192.0.2.2"
_IPV4, _IPV6, _ARP = 0x0800, 0x86DD, 0x0806
_EXPERIMENTAL = 0x88B5  # IEEE 802, local experimental EtherType 1
_QOS_CONTROL, _HT_CONTROL = b"\x05\x00", b"\x00\x00\x00\x00"
_BODY = bytes(range(24))


@dataclass(frozen=True, slots=True)
class Sample:
    """A packet as a monitor interface gives it.

    Attributes:
        kind: What it is, for people.
        packet: Radiotap header, MPDU, FCS.
        header: What it is behind, for people.
        changed: What was changed in it: offset and new bytes.
    """

    kind: str
    packet: bytes
    header: str = ""
    changed: tuple[tuple[int, bytes], ...] = ()

    @property
    def name(self) -> str:
        """All that it is, for people."""
        changes = "".join(f", byte {at} set to {value.hex()}" for at, value in self.changed)
        return self.kind + (f", behind {self.header}" if self.header else "") + changes

    @property
    def start(self) -> int:
        """Where the MPDU begins."""
        return int.from_bytes(self.packet[2:4], "little")

    @property
    def mpdu(self) -> bytes:
        """The frame behind the Radiotap header, with its FCS."""
        return self.packet[self.start :]

    def patched(self, offset: int, value: bytes) -> Sample:
        """The same with other bytes at an offset; its FCS no longer holds."""
        packet = self.packet[:offset] + value + self.packet[offset + len(value) :]
        return Sample(self.kind, packet, self.header, (*self.changed, (offset, value)))


def ethernet(destination: bytes, source: bytes, ethertype: int, packet: bytes) -> bytes:
    """An Ethernet frame without its FCS."""
    return destination + source + struct.pack(">H", ethertype) + packet


def _ipv4(protocol: int, body: bytes, *, fragment: int = 0, options: bytes = b"") -> bytes:
    words = 5 + len(options) // 4
    plain = udp_datagram(_SOURCE, _DESTINATION, 0, 0, b"")
    header = bytearray(plain[:20] + options)
    header[0] = 0x40 | words
    struct.pack_into(">H4xH", header, 2, 4 * words + len(body), protocol)
    header[8:10] = 64, protocol
    struct.pack_into(">H", header, 6, fragment)
    struct.pack_into(">H", header, 10, 0)
    struct.pack_into(">H", header, 10, internet_checksum(bytes(header)))
    return bytes(header) + body


def _ipv6(next_header: int, body: bytes) -> bytes:
    prefix = bytes.fromhex("20010db8000000000000000000000000")
    addresses = prefix[:15] + b"\1" + prefix[:15] + b"\2"
    return struct.pack(">IHBB", 6 << 28, len(body), next_header, 64) + addresses + body


_UDP = struct.pack(">HHHH", 5005, 5005, 8 + len(_BODY), 0) + _BODY
_TCP = struct.pack(">HHIIBBHHH", 40000, 80, 1, 1, 0x50, 0x18, 8192, 0, 0) + _BODY
_ARP_REQUEST = struct.pack(">HHBBH", 1, _IPV4, 6, 4, 1) + AP + bytes(16)

CONTENTS: dict[str, bytes] = {
    "UDP": ethernet(STATION, AP, _IPV4, udp_datagram(_SOURCE, _DESTINATION, 5005, 5005, _BODY)),
    "UDP behind IPv4 options": ethernet(STATION, AP, _IPV4, _ipv4(17, _UDP, options=b"\1" * 4)),
    "a later IPv4 fragment": ethernet(STATION, AP, _IPV4, _ipv4(17, _UDP, fragment=3)),
    "TCP": ethernet(AP, STATION, _IPV4, _ipv4(6, _TCP)),
    "ICMP": ethernet(AP, STATION, _IPV4, _ipv4(1, b"\x08\0\0\0" + _BODY)),
    "UDP over IPv6": ethernet(STATION, AP, _IPV6, _ipv6(17, _UDP)),
    "TCP over IPv6": ethernet(STATION, AP, _IPV6, _ipv6(6, _TCP)),
    "ARP": ethernet(BROADCAST, AP, _ARP, _ARP_REQUEST),
    "an unknown EtherType": ethernet(STATION, AP, _EXPERIMENTAL, _BODY),
}
"""Ethernet frames, by what is in them."""


def _wrap(frame: bytes, control: int, addresses: str, extra: bytes = b"") -> bytes:
    """A data frame around what an Ethernet frame carries.

    Args:
        frame: The Ethernet frame.
        control: Frame control beside the type.
        addresses: For each address ``d`` the destination, ``s`` the source, ``r`` a relay.
        extra: QoS and HT control.
    """
    places = {"d": frame[:6], "s": frame[6:12], "r": RELAY}
    first = b"".join(places[letter] for letter in addresses[:3])
    fourth = b"".join(places[letter] for letter in addresses[3:])
    header = struct.pack("<HH", control | mac.DATA << 2, 44) + first + b"\x10\x00" + fourth
    return fcs.append(header + extra + mac.LLC_SNAP_IPV4[:6] + frame[12:])


_QOS = 0x0080
SHAPES: dict[str, Callable[[bytes], bytes]] = {
    "data to the AP": lambda f: _wrap(f, mac.TO_DS, "rsd"),
    "data from the AP": lambda f: _wrap(f, mac.FROM_DS, "drs"),
    "data between stations": lambda f: _wrap(f, 0, "dsr"),
    "QoS data to the AP, a retry": lambda f: _wrap(
        f, _QOS | mac.TO_DS | mac.RETRY, "rsd", _QOS_CONTROL
    ),
    "QoS data from the AP": lambda f: _wrap(f, _QOS | mac.FROM_DS, "drs", _QOS_CONTROL),
    "data with four addresses": lambda f: _wrap(f, mac.TO_DS | mac.FROM_DS, "rrds"),
    "QoS data with four addresses": lambda f: _wrap(
        f, _QOS | mac.TO_DS | mac.FROM_DS, "rrds", _QOS_CONTROL
    ),
    "QoS data with HT Control": lambda f: _wrap(
        f, _QOS | mac.FROM_DS | mac.ORDER, "drs", _QOS_CONTROL + _HT_CONTROL
    ),
}
"""Ways to put an Ethernet frame on the air."""


def _plain(control: int, *addresses: bytes, body: bytes = b"") -> bytes:
    return fcs.append(struct.pack("<HH", control, 44) + b"".join(addresses) + body)


_BEACON_BODY = struct.pack("<QHH", 1, 100, 0x0421) + b"\x00\x03lab\x01\x04\x82\x84\x8b\x96"
OTHERS: dict[str, bytes] = {
    "a beacon": _plain(0x0080, BROADCAST, AP, AP, body=b"\x20\x00" + _BEACON_BODY),
    "a probe request": _plain(0x0040, BROADCAST, STATION, BROADCAST, body=b"\x30\x00\x00\x00"),
    "a deauthentication": _plain(0x00C0, STATION, AP, AP, body=b"\x40\x00\x07\x00"),
    "RTS": _plain(0x00B4, AP, STATION),
    "CTS": _plain(0x00C4, STATION),
    "ACK": _plain(0x00D4, STATION),
    "PS-Poll": _plain(0x00A4, AP, STATION),
    "a block ack": _plain(0x0094, STATION, AP, body=b"\x05\x00" + bytes(10)),
    "a null frame": _plain(0x0148, AP, STATION, AP, body=b"\x50\x00"),
    "a QoS null frame": _plain(0x01C8, AP, STATION, AP, body=b"\x60\x00\x05\x00"),
    "encrypted QoS data": _plain(
        0x4188, AP, STATION, AP, body=b"\x70\x00\x05\x00" + bytes(range(40, 104))
    ),
}
"""MPDUs that carry no packet in the clear."""


@functools.cache
def headers() -> dict[str, bytes]:
    """Radiotap headers, by how long they are."""
    channel = (2437, ChannelFlags.OFDM | ChannelFlags.BAND_2_GHZ)
    typical = build(
        tsft=1_000_000,
        flags=Flags.FCS | Flags.BAD_FCS,
        rate=108,
        channel=channel,
        dbm_antenna_signal=-60,
        antenna=1,
        rx_flags=0,
    )
    two_words = encode(
        Radiotap(
            0,
            (0xA000_002F, 0x0000_0820),
            (
                Field(0, 0, "tsft", 1_000_000),
                Field(0, 1, "flags", int(Flags.FCS)),
                Field(0, 2, "rate", 12),
                Field(0, 3, "channel", channel),
                Field(0, 5, "dbm_antenna_signal", -60),
                Field(1, 5, "dbm_antenna_signal", -62),
                Field(1, 11, "antenna", 1),
            ),
        )
    )
    found = (build(), build(flags=Flags.FCS, rate=12), typical, two_words)
    return {f"{len(header)} bytes of Radiotap": header for header in found}


def behind(header: str, kind: str, mpdu: bytes) -> Sample:
    """An MPDU behind one of the :func:`headers`."""
    return Sample(kind, headers()[header] + mpdu, header)


@functools.cache
def samples() -> tuple[Sample, ...]:
    """Every kind of MPDU; all shapes around UDP, all contents in one shape; headers in turn."""
    mpdus = {f"{shape}, UDP": wrap(CONTENTS["UDP"]) for shape, wrap in SHAPES.items()}
    wrap = SHAPES["QoS data from the AP"]
    mpdus |= {f"QoS data from the AP, {name}": wrap(frame) for name, frame in CONTENTS.items()}
    mpdus |= OTHERS
    names = list(headers())
    turns = [(i, step) for i in range(len(mpdus)) for step in (0, 2)]
    each = list(mpdus.items())
    return tuple(behind(names[(i + step) % len(names)], *each[i]) for i, step in turns)
