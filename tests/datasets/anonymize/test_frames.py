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


def _windows(data: bytes) -> set[bytes]:
    return {data[at : at + 6] for at in range(len(data) - 5)}


@given(st.integers(0, 0xFFFF), st.binary(min_size=1, max_size=300))
def test_of_a_masked_frame_nothing_behind_its_header_stays(control: int, body: bytes) -> None:
    """Whatever its frame control says: no six bytes, but for zeros; the rest is as it was."""
    elements = b"\1\x0csecret rates" + b"\x2d\x1asecret capabilities of it"
    frame = struct.pack("<HH", control, 44) + A + B + C + b"\x30\x12" + elements + body
    new = FRAMES.masked(frame)
    assert len(new) == len(frame)
    assert not _windows(frame[24:]) & _windows(new)
    assert (new[:4], new[22:24]) == (frame[:4], frame[22:24])
    assert new[4:22] == b"".join(map(FRAMES.macs.replace, (A, B, C)))


@given(st.binary(max_size=30))
def test_any_short_frame_can_be_masked(frame: bytes) -> None:
    """An address that is cut is content."""
    new = FRAMES.masked(frame)
    assert len(new) == len(frame)
    assert new[:4] == frame[:4]


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


def test_a_beacon_is_never_encrypted() -> None:
    """One that says so keeps nothing of its clock, which would tell how far times were shifted."""
    body = struct.pack("<QHH", 0x0123456789ABCDEF, 100, 4) + b"\0\6MyHome"
    beacon = struct.pack("<HH", 0x4080, 0) + b"\xff" * 6 + B + B + b"\0\0" + body
    new = Frames(KEY, [], clock_shift=5).replace(beacon)
    assert not {body[:4], body[4:8]} & {new[at : at + 4] for at in range(24, len(new))}
    _absent(new, b"MyHome")


def test_of_an_authentication_with_fields_of_its_own_only_what_is_fixed_stays() -> None:
    """SAE: a scalar and a point are no elements, even where they look like some."""
    for algorithm, stays in ((3, False), (4, False), (0, True)):
        body = struct.pack("<HHH", algorithm, 1, 0) + b"\1\x40" + bytes(range(64))
        frame = struct.pack("<HH", 0x00B0, 0) + A + B + B + b"\0\0" + body
        new = FRAMES.replace(frame)
        assert new[24:30] == frame[24:30]
        assert bool(_windows(frame[32:]) & _windows(new)) == stays


def test_block_acks_say_which_frames_came_and_no_more() -> None:
    """Of the usual kinds the bitmap stays; an address, and what does not belong there, go."""

    def made(control: int, kind: int, body: bytes) -> tuple[bytes, bytes]:
        frame = struct.pack("<HH", control, 0) + A + B + struct.pack("<H", kind << 1) + body
        return frame, FRAMES.replace(frame)

    bitmap = bytes(range(1, 9))
    for kind, body in ((2, b"\x10\x20" + bitmap), (0, b"\x10\x20" + 16 * bitmap)):
        frame, new = made(0x0094, kind, body)
        assert new[16:] == frame[16:]
        frame, new = made(0x0094, kind, body + SECRET)
        assert not _windows(frame[18:]) & _windows(new)
    frame, new = made(0x0094, 2, b"\x14\x20" + 4 * bitmap)
    assert new[16:] == frame[16:]
    frame, new = made(0x0094, 3 | 1 << 11, 2 * (b"\0\x10\x10\x20" + bitmap))
    assert new[16:] == frame[16:]
    frame, new = made(0x0084, 2, b"\x10\x20")
    assert new[16:] == frame[16:]
    frame, new = made(0x0084, 2, b"\x10\x20" + SECRET)
    _absent(new, SECRET)
    frame, new = made(0x0084, 6, b"\x10\x20" + C)
    assert new[18:] == b"\x10\x20" + FRAMES.macs.replace(C)
    several = b"\xfd\x07" + bytes(4) + C  # association identifier 2045: an address follows
    frame, new = made(0x0094, 11, several)
    assert new[16:18] == frame[16:18]
    _absent(new, C)


def test_extension_frames_keep_only_what_kind_they_are() -> None:
    """A short beacon holds a compressed SSID and its network's options in its header."""
    beacon = struct.pack("<HH", 0x071C, 0) + B + b"time" + b"\1" + b"nxt" + b"SSID" + b"a" + SECRET
    new = FRAMES.replace(beacon)
    assert new[:4] == beacon[:4]
    assert new[4:10] == FRAMES.macs.replace(B)
    _absent(new, b"time", b"SSID", SECRET)


def test_the_clocks_of_tcp_are_replaced() -> None:
    """Timestamps tell how long a host has been up; what belongs to segments stays."""
    options = (
        b"\x02\x04\x05\xb4\x03\x03\x07\x01\x08\x0a" + b"\x12\x34\x56\x78\x9a\xbc\xde\xf0" + b"\0\0"
    )
    segment = struct.pack(">HHIIHHHH", 1, 2, 3, 4, 10 << 12, 9, 0, 0) + options
    header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(segment), 0, 0, 64, 6, 0) + bytes(8)
    new = FRAMES.replace(_data(mac.LLC_SNAP_IPV4 + header + segment))
    assert new[-len(options) : -10] == options[:-10]
    _absent(new, options[-10:-6], options[-6:-2])


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
