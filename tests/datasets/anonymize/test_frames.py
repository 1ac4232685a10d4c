from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from wtrec.datasets.anonymize.contents import rule_of
from wtrec.datasets.anonymize.frames import Frames
from wtrec.datasets.anonymize.key import Key
from wtrec.datasets.payload import message, self_describing
from wtrec.dot11 import mac

KEY = Key(bytes(32))
FRAMES = Frames(KEY, [])
A, B, C = b"\x02\0\0\0\0\x01", b"\x02\0\0\0\0\x02", b"\x00\x12\x34\0\0\x03"
SECRET = b"somebody's secret"


def _data(body: bytes, control: int = 0x0108) -> bytes:
    head = struct.pack("<HH", control, 44) + A + B + C + struct.pack("<H", 0x1230)
    return head + body


def _udp(payload: bytes) -> bytes:
    return mac.data_frame(
        mac.udp_datagram("192.0.2.1", "192.0.2.200", 5005, 53, payload, 77),
        addr1=A,
        addr2=B,
        addr3=C,
        to_ds=True,
        sequence=291,
    )


@given(st.binary(max_size=300))
def test_any_bytes_keep_their_length_their_frame_control_and_their_sequence(frame: bytes) -> None:
    """The same bytes become the same."""
    new = FRAMES.replace(frame)
    assert len(new) == len(frame)
    assert FRAMES.replace(frame) == new
    if len(frame) >= 2:
        assert new[:2] == frame[:2]
        control = int.from_bytes(frame[:2], "little")
        if mac.frame_type(control) in {mac.DATA, mac.MANAGEMENT}:
            assert new[22:24] == frame[22:24] or len(frame) < 24
            assert new[2:4] == frame[2:4] or len(frame) < 10


@given(st.binary(max_size=60), st.integers(0, 0xFFFF), st.integers(0, 0xFFFF))
def test_checksums_are_right_where_they_were_and_wrong_by_the_same(
    payload: bytes, ip_wrong: int, udp_wrong: int
) -> None:
    """Of IPv4 and UDP: what is lacking of each is the same as before."""
    frame = bytearray(_udp(payload))
    frame[42:44] = ((int.from_bytes(frame[42:44], "big") + ip_wrong) & 0xFFFF).to_bytes(2, "big")
    frame[58:60] = (max(1, int.from_bytes(frame[58:60], "big") + udp_wrong & 0xFFFF)).to_bytes(
        2, "big"
    )
    new = FRAMES.replace(bytes(frame))

    def lacking(of: bytes) -> tuple[int, int]:
        pseudo = of[44:52] + struct.pack(">HH", 17, len(of) - 52)
        return mac.internet_checksum(of[32:52]) % 0xFFFF, mac.internet_checksum(
            pseudo + of[52:]
        ) % 0xFFFF

    assert lacking(new) == lacking(bytes(frame))
    assert mac.udp_payload(new) == mac.udp_payload(bytes(frame))
    assert new[52:58] == frame[52:58]  # ports and length
    assert new[44:47] == FRAMES.ips.replace(b"\xc0\0\2\1")[:3]
    assert new[48:51] == new[44:47]  # one network before, one now


def test_a_rules_payloads_stay_if_they_may() -> None:
    """Self-describing ones, messages, patterns; nothing if nothing is to be kept."""
    messages, zeros = rule_of("msgN"), rule_of("zeros")
    assert messages is not None
    assert zeros is not None
    keeping, replacing = Frames(KEY, [messages, zeros]), Frames(KEY, None)
    for payload in (self_describing(bytes(8), 5, 90), message(5, 22), bytes(50)):
        frame = _udp(payload)
        assert keeping.replace(frame)[60:] == payload
        assert replacing.replace(frame)[60:] != payload
        assert FRAMES.replace(frame)[60:] != payload or payload[:3] == b"wtr"
    assert keeping.replace(_udp(b"msg5 is what it is"))[60:] != b"msg5 is what it is"
    assert rule_of("no rule") is None


def test_copies_of_a_packet_stay_copies() -> None:
    """Over another hop, and with the Retry bit: the same body."""
    packet = mac.udp_datagram("192.0.2.1", "192.0.2.2", 1, 2, SECRET)
    up = mac.data_frame(packet, addr1=A, addr2=B, addr3=C, to_ds=True)
    down = mac.data_frame(packet, addr1=C, addr2=A, addr3=B, from_ds=True, retry=True, sequence=9)
    up_new, down_new = FRAMES.replace(up), FRAMES.replace(down)
    assert up_new[24:] == down_new[24:]
    assert up_new[4:10] == down_new[10:16]
    assert SECRET not in up_new + down_new


def _absent(new: bytes, *secrets: bytes) -> None:
    for secret in secrets:
        assert secret not in new


def test_arp_ipv6_tcp_and_icmp_lose_their_addresses_and_contents() -> None:
    """Their checksums hold afterwards."""
    snap = b"\xaa\xaa\x03\0\0\0"
    ip = bytes([192, 0, 2, 9])
    arp = _data(snap + b"\x08\x06" + b"\0\1\x08\0\6\4\0\1" + B + ip + bytes(6) + ip)
    new = FRAMES.replace(arp)
    _absent(new, B, ip)
    assert new[40:46] == FRAMES.macs.replace(B)
    assert new[46:50] == FRAMES.ips.replace(ip)
    six = bytes.fromhex("20010db8000000000211 22fffe334455".replace(" ", ""))
    for protocol, at, made in (
        (6, 16, struct.pack(">HHIIHHHH", 1, 2, 3, 4, 6 << 12, 9, 0, 0) + b"\xfe\x04me" + SECRET),
        (58, 2, b"\x87\0\0\0" + bytes(4) + six + SECRET),
        (17, 6, struct.pack(">HHHH", 1, 2, 8 + len(SECRET), 0) + SECRET),
    ):
        pseudo = six + six + struct.pack(">II", len(made), protocol)
        right = mac.internet_checksum(pseudo + made).to_bytes(2, "big")
        segment = made[:at] + right + made[at + 2 :]
        header = struct.pack(">IHBB", 6 << 28, len(segment), protocol, 64) + six + six
        frame = _data(snap + b"\x86\xdd" + header + segment)
        new = FRAMES.replace(frame)
        _absent(new, SECRET, six, six[8:], b"\xfe\x04me")
        packet = new[32:]
        pseudo = packet[8:40] + struct.pack(">II", len(segment), protocol)
        assert mac.internet_checksum(pseudo + packet[40:]) == 0


def test_networks_get_other_names_and_radios_keep_what_they_can() -> None:
    """Rates stay; the country, vendors' elements and what follows a broken one go."""
    elements = (
        b"\0\6MyHome" + b"\1\4\x82\x84\x8b\x96" + b"\7\3DE " + b"\xdd\5\0\x50\xf2" + b"id" + b"\xff"
    )
    beacon = struct.pack("<HH", 0x0080, 0) + b"\xff" * 6 + B + B + b"\0\0" + bytes(12) + elements
    new = FRAMES.replace(beacon)
    _absent(new, b"MyHome", b"DE ", b"id", B)
    assert new[4:10] == b"\xff" * 6
    assert b"\1\4\x82\x84\x8b\x96" in new
    assert new[36:38] == b"\0\6"
    assert new[38:44].isalnum()
    later = Frames(KEY, [], clock_shift=5).replace(beacon)
    assert int.from_bytes(later[24:32], "little") == 5


def test_encrypted_bodies_keep_their_counter_alone() -> None:
    """And one that the radio has decrypted is read as what it is."""
    cipher = b"\1\0\0\x20\0\0\0\0"
    new = FRAMES.replace(_data(cipher + SECRET, 0x4108))
    assert new[24:32] == cipher
    _absent(new, SECRET)
    clear = _udp(SECRET)
    body = clear[24:]
    new = FRAMES.replace(_data(cipher + body, 0x4108))
    assert new[32:40] == mac.LLC_SNAP_IPV4
    _absent(new, SECRET, bytes([192, 0, 2, 1]))


def test_each_part_of_an_aggregate_is_replaced() -> None:
    """Addresses and packets of an A-MSDU, which stays one."""
    msdu = _udp(SECRET)[24:]
    part = C + B + len(msdu).to_bytes(2, "big") + msdu
    body = part + bytes(-len(part) % 4) + part
    frame = _data(b"\x80\0" + body, 0x0188)
    new = FRAMES.replace(frame)
    _absent(new, SECRET, A, B, C)
    assert new[26:32] == FRAMES.macs.replace(C)
    assert new[26 : 26 + len(part)] == new[26 + len(part) + -len(part) % 4 :]
