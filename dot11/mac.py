"""MAC headers of 802.11, and where a UDP datagram lies in a data frame.

Source: IEEE 802.11-2020, 9.2.4 and 9.3; all numbers are little-endian.

    offset  0               2          4           10        16        22
           +---------------+----------+-----------+---------+---------+----------+
           | frame control | duration | address 1 | 2       | 3       | sequence | ...
           +---------------+----------+-----------+---------+---------+----------+
                    ... address 4, if ToDS and FromDS | QoS control | HT control

    frame control, from its least significant bit:
    version 2 bits, type 2, subtype 4, ToDS, FromDS, more fragments, retry,
    power management, more data, protected, order (HT control follows)

Received frames may be cut short or have errors anywhere. ``parse`` takes whatever
there is: what the bytes do not reach is ``None``, and a version other than 0 is
reported and otherwise ignored, since it is most often a flipped bit.
"""

from __future__ import annotations

import functools
import struct
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address

MANAGEMENT, CONTROL, DATA, EXTENSION = range(4)
"""The frame types."""


class ControlSubtype(IntEnum):
    """Subtypes of control frames."""

    TRIGGER = 2
    TACK = 3
    BEAMFORMING_REPORT_POLL = 4
    NDP_ANNOUNCEMENT = 5
    EXTENSION = 6
    WRAPPER = 7
    BLOCK_ACK_REQUEST = 8
    BLOCK_ACK = 9
    PS_POLL = 10
    RTS = 11
    CTS = 12
    ACK = 13
    CF_END = 14
    CF_END_ACK = 15


DMG_BEACON, S1G_BEACON = range(2)
"""Subtypes of extension frames."""

TO_DS = 0x0100
FROM_DS = 0x0200
MORE_FRAGMENTS = 0x0400
RETRY = 0x0800
POWER_MANAGEMENT = 0x1000
MORE_DATA = 0x2000
PROTECTED = 0x4000
ORDER = 0x8000

_NO_BODY = 4  # bit of a data frame's subtype: Null, CF-Ack and their like
_QOS = 8  # bit of a data frame's subtype
_A_MSDU = 0x80  # bit of the QoS control field

_ONE_ADDRESS = {0, 1, ControlSubtype.CTS, ControlSubtype.ACK}
# Frames that use the upper bits of the frame control for something else, and which they keep.
_REUSED_FLAGS = {(CONTROL, ControlSubtype.EXTENSION): 0xF000, (EXTENSION, S1G_BEACON): 0}

LLC_SNAP_IPV4 = bytes.fromhex("aaaa030000000800")
"""What stands between a MAC header and an IPv4 packet."""

_PROTOCOL_UDP = 17
_TTL = 64


@dataclass(frozen=True, slots=True)
class MacHeader:
    """What a MAC header says; ``None`` is what the frame does not have, or lost its bytes of.

    Attributes:
        version: Protocol version; 0 but for 802.11ah's short frames and for errors.
        type: ``MANAGEMENT``, ``CONTROL``, ``DATA`` or ``EXTENSION``.
        subtype: 0 to 15.
        to_ds: For the AP. This and the flags after it are ``None`` in frames that use
            their bits for something else (control frame extensions, S1G beacons).
        from_ds: From the AP.
        more_fragments: Another fragment of the same MSDU follows.
        retry: Sent before.
        power_management: The sender sleeps after this exchange.
        more_data: The AP has more for a sleeping station.
        protected: The body is encrypted.
        order: In QoS data and management frames: an HT control field is there.
        duration: The 16 bits of Duration/ID: us below 32768, in PS-Poll the association identifier.
        addr1: Receiver, 6 bytes.
        addr2: Transmitter, 6 bytes.
        addr3: Third address of data and management frames, 6 bytes.
        addr4: Fourth address of data frames between APs, 6 bytes.
        sequence: Sequence number, 0 to 4095.
        fragment: Fragment number, 0 to 15.
        qos_control: QoS control field of QoS data frames.
        ht_control: HT control field.
        header_length: Bytes before the body that the frame control asks for, be they
            there or not; ``None`` without a frame control.
    """

    version: int | None = None
    type: int | None = None
    subtype: int | None = None
    to_ds: bool | None = None
    from_ds: bool | None = None
    more_fragments: bool | None = None
    retry: bool | None = None
    power_management: bool | None = None
    more_data: bool | None = None
    protected: bool | None = None
    order: bool | None = None
    duration: int | None = None
    addr1: bytes | None = None
    addr2: bytes | None = None
    addr3: bytes | None = None
    addr4: bytes | None = None
    sequence: int | None = None
    fragment: int | None = None
    qos_control: int | None = None
    ht_control: int | None = None
    header_length: int | None = None


def frame_type(frame_control: int) -> int:
    """``MANAGEMENT``, ``CONTROL``, ``DATA`` or ``EXTENSION``."""
    return frame_control >> 2 & 3


def frame_subtype(frame_control: int) -> int:
    """Subtype, 0 to 15."""
    return frame_control >> 4 & 15


def _has_four_addresses(frame_control: int) -> bool:
    both = TO_DS | FROM_DS
    return frame_type(frame_control) == DATA and frame_control & both == both


def _has_qos_control(frame_control: int) -> bool:
    return frame_type(frame_control) == DATA and bool(frame_subtype(frame_control) & _QOS)


def _has_ht_control(frame_control: int) -> bool:
    """Order in a data frame without QoS is what its name says, and nothing follows."""
    carries = frame_type(frame_control) == MANAGEMENT or _has_qos_control(frame_control)
    return carries and bool(frame_control & ORDER)


def header_length(frame_control: int) -> int:
    """Bytes before the body (and the FCS), from the first two bytes alone.

    Control frames end where their fixed part does: at the addresses, or in a control
    wrapper after the HT control field. Reserved ones count as the shortest, up to address 1.
    """
    subtype = frame_subtype(frame_control)
    match frame_type(frame_control):
        case 1:  # CONTROL
            return 10 if subtype in _ONE_ADDRESS else 16
        case 3 if subtype == S1G_BEACON:  # source, timestamp, change sequence, optional fields
            optional = ((0x0100, 3), (0x0200, 4), (0x0400, 1))
            return 15 + sum(size for bit, size in optional if frame_control & bit)
        case 3:  # EXTENSION
            return 10
    return (
        24
        + 6 * _has_four_addresses(frame_control)
        + 2 * _has_qos_control(frame_control)
        + 4 * _has_ht_control(frame_control)
    )


def parse(mpdu: bytes | memoryview) -> MacHeader:
    """Read the MAC header of a frame, as far as it goes; any bytes will do."""
    if len(mpdu) < 2:
        if not mpdu:
            return MacHeader()
        return MacHeader(version=mpdu[0] & 3, type=mpdu[0] >> 2 & 3, subtype=mpdu[0] >> 4)

    def number(offset: int, size: int, *, there: bool = True) -> int | None:
        if not there or offset + size > len(mpdu):
            return None
        return int.from_bytes(mpdu[offset : offset + size], "little")

    def address(offset: int, *, there: bool = True) -> bytes | None:
        return bytes(mpdu[offset : offset + 6]) if there and offset + 6 <= len(mpdu) else None

    def flag(mask: int) -> bool | None:
        return bool(control & mask) if flags & mask else None

    control = int.from_bytes(mpdu[:2], "little")
    kind, subtype = frame_type(control), frame_subtype(control)
    flags = _REUSED_FLAGS.get((kind, subtype), 0xFF00)
    length = header_length(control)
    long = kind in {MANAGEMENT, DATA}
    wrapper = (kind, subtype) == (CONTROL, ControlSubtype.WRAPPER)
    sequence = number(22, 2, there=long)
    qos_offset = 30 if _has_four_addresses(control) else 24
    return MacHeader(
        version=control & 3,
        type=kind,
        subtype=subtype,
        to_ds=flag(TO_DS),
        from_ds=flag(FROM_DS),
        more_fragments=flag(MORE_FRAGMENTS),
        retry=flag(RETRY),
        power_management=flag(POWER_MANAGEMENT),
        more_data=flag(MORE_DATA),
        protected=flag(PROTECTED),
        order=flag(ORDER),
        duration=number(2, 2),
        addr1=address(4),
        addr2=address(10, there=long or (kind == CONTROL and length == 16 and not wrapper)),
        addr3=address(16, there=long),
        addr4=address(24, there=_has_four_addresses(control)),
        sequence=None if sequence is None else sequence >> 4,
        fragment=None if sequence is None else sequence & 15,
        qos_control=number(qos_offset, 2, there=_has_qos_control(control)),
        ht_control=number(length - 4, 4, there=wrapper or _has_ht_control(control)),
        header_length=length,
    )


def udp_payload(mpdu: bytes | memoryview) -> tuple[int, int] | None:
    """Find the UDP payload of a data frame.

        header | AA AA 03 00 00 00 | 08 00 | IPv4 header | UDP header | payload
                 LLC/SNAP            EtherType             8 bytes

    Args:
        mpdu: The frame without its FCS.

    Returns:
        Offset in the frame and length of the payload; ``None`` unless the frame is plain
        (version 0, not encrypted, neither a fragment nor an A-MSDU), holds one unfragmented
        UDP datagram over IPv4, and all lengths agree and fit.
    """
    if len(mpdu) < 2:
        return None
    control = int.from_bytes(mpdu[:2], "little")
    if (
        control & 3
        or frame_type(control) != DATA
        or frame_subtype(control) & _NO_BODY
        or control & (MORE_FRAGMENTS | PROTECTED)
    ):
        return None
    ip = header_length(control) + len(LLC_SNAP_IPV4)
    if len(mpdu) < ip + 28 or mpdu[ip - len(LLC_SNAP_IPV4) : ip] != LLC_SNAP_IPV4:
        return None
    if mpdu[22] & 15:  # a later fragment
        return None
    if _has_qos_control(control) and mpdu[30 if _has_four_addresses(control) else 24] & _A_MSDU:
        return None
    udp = ip + 4 * (mpdu[ip] & 15)
    ip_length = int.from_bytes(mpdu[ip + 2 : ip + 4], "big")
    ip_fragment = int.from_bytes(mpdu[ip + 6 : ip + 8], "big") & 0x3FFF
    if (
        mpdu[ip] >> 4 != 4
        or udp < ip + 20
        or ip_fragment
        or mpdu[ip + 9] != _PROTOCOL_UDP
        or ip + ip_length > len(mpdu)
        or udp + 8 > ip + ip_length
        or int.from_bytes(mpdu[udp + 4 : udp + 6], "big") != ip + ip_length - udp
    ):
        return None
    return udp + 8, ip + ip_length - udp - 8


def internet_checksum(data: bytes) -> int:
    """The checksum of RFC 1071; 0 over data that holds its own right checksum."""
    # 2^16 is 1 modulo 2^16 - 1, so the remainder of all bytes as one number is their words' sum
    number = int.from_bytes(data + bytes(len(data) % 2), "big")
    total = number % 0xFFFF or (0xFFFF if number else 0)
    return total ^ 0xFFFF


@functools.lru_cache(maxsize=256)  # who makes many packets uses the same few
def _packed(address: str) -> bytes:
    return IPv4Address(address).packed


def udp_datagram(
    src_ip: str, dst_ip: str, sport: int, dport: int, payload: bytes, identification: int = 0
) -> bytes:
    """An IPv4 packet with one UDP datagram, all checksums set.

    Raises:
        ValueError: An address is none, or a number or the payload is too large.
    """
    addresses = _packed(src_ip) + _packed(dst_ip)
    udp_length = 8 + len(payload)
    try:
        pseudo_header = addresses + struct.pack(">BBH", 0, _PROTOCOL_UDP, udp_length)
        ports = struct.pack(">HHH", sport, dport, udp_length)
        ip = struct.pack(
            ">BBHHHBB", 0x45, 0, 20 + udp_length, identification, 0, _TTL, _PROTOCOL_UDP
        )
    except struct.error as error:
        raise ValueError(f"this does not fit an IPv4 packet: {error}") from error
    ip_checksum = internet_checksum(ip + addresses)
    # 0 says "no checksum": the sum that would be 0 is sent as its equal in ones' complement
    checksum = internet_checksum(pseudo_header + ports + payload) or 0xFFFF
    return (
        ip
        + ip_checksum.to_bytes(2, "big")
        + addresses
        + ports
        + checksum.to_bytes(2, "big")
        + payload
    )


def data_frame(
    packet: bytes,
    *,
    addr1: bytes,
    addr2: bytes,
    addr3: bytes,
    addr4: bytes | None = None,
    to_ds: bool = False,
    from_ds: bool = False,
    retry: bool = False,
    duration: int = 0,
    sequence: int = 0,
    tid: int | None = None,
) -> bytes:
    """A data frame around an IPv4 packet, without its FCS (see ``fcs.append``).

    Args:
        packet: IPv4 packet; LLC/SNAP goes in front of it.
        addr1: Receiver, 6 bytes.
        addr2: Transmitter, 6 bytes.
        addr3: BSSID, destination or source, as ToDS and FromDS say.
        addr4: Source; with ToDS and FromDS, and only then.
        to_ds: For the AP.
        from_ds: From the AP.
        retry: Sent before.
        duration: In us.
        sequence: Sequence number, 0 to 4095.
        tid: Traffic identifier, 0 to 15, which makes it a QoS data frame.

    Raises:
        ValueError: An address is not six bytes, is missing or in excess, or a number
            does not fit.
    """
    addresses = [addr1, addr2, addr3] + ([] if addr4 is None else [addr4])
    if any(len(address) != 6 for address in addresses):
        raise ValueError("a MAC address has 6 bytes")
    if (to_ds and from_ds) != (addr4 is not None):
        raise ValueError("address 4 goes with ToDS and FromDS, and with nothing else")
    if not (0 <= sequence <= 0xFFF and 0 <= duration <= 0xFFFF and 0 <= (tid or 0) <= 15):
        raise ValueError(f"{sequence=}, {duration=} or {tid=} does not fit its field")
    control = (
        DATA << 2
        | (0 if tid is None else _QOS << 4)
        | TO_DS * to_ds
        | FROM_DS * from_ds
        | RETRY * retry
    )
    return b"".join(
        [
            struct.pack("<HH", control, duration),
            *addresses[:3],
            struct.pack("<H", sequence << 4),
            *addresses[3:],
            b"" if tid is None else struct.pack("<H", tid),
            LLC_SNAP_IPV4,
            packet,
        ]
    )
