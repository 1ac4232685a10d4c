"""Second checks: a plain reading of frames, and the verdicts on what candidates make of them."""

from __future__ import annotations

import functools
import math
import random
import struct
from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from wtrec.datasets.frames import FcsStatus, FrameBatch
from wtrec.dot11 import fcs, mac
from wtrec.phy.error_events import Code
from wtrec.phy.ofdm import SERVICE
from wtrec.replay.algorithms import checks_kernel, crc_burst, crc_dsss, crc_event
from wtrec.replay.algorithms.candidates import Bad, Candidates
from wtrec.replay.algorithms.checks import ALL, NAMES, NONE, Checks, Evidence
from wtrec.replay.algorithms.checks_kernel import (
    BROKEN,
    CONFIRMED,
    IP,
    NEUTRAL,
    OPEN,
    OTHER,
    RARE,
    REJECTED,
    SOUND,
    TRANSPORT,
    WRONG,
)
from wtrec.replay.algorithms.crc_burst import bursts
from wtrec.replay.algorithms.shapes import Ladder, spelled
from wtrec.replay.algorithms.sums import ANY, BESIDE, BY_CHANCE, Errors, Sums, of_bursts

Batch = Callable[..., FrameBatch]
BadFrames = Callable[[Sequence[bytes]], Bad]
UdpFrame = Callable[..., bytes]

LLC_SNAP = bytes.fromhex("aaaa03000000")
TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58


def plain(mpdu: bytes, checks: int) -> tuple[int, int, int]:
    """What a frame with FCS is, by the layouts of its headers; see ``checks_kernel.examine``.

    Without the sum.
    """
    body = mpdu[:-4]
    header = mac.parse(body)
    if (
        len(body) < 24 + 8 + 20
        or header.version
        or header.type != mac.DATA
        or (header.subtype or 0) & 4
        or header.protected
    ):
        return OTHER, 0, 0
    if header.more_fragments or header.fragment:
        return RARE, 0, 0
    qos, at = header.qos_control or 0, (header.header_length or 0) + 8
    if qos & 0x80:
        return OTHER, 0, 0
    if qos & 0x100 and body[at - 8 : at - 4] != LLC_SNAP[:4]:
        at += 18 if body[at - 8] & 2 else 12 if body[at - 8] & 1 else 6  # mesh control
    if len(body) < at + 20 or body[at - 8 : at - 2] != LLC_SNAP:
        return OTHER, 0, 0
    ether_type = body[at - 2 : at]
    if ether_type == b"\x08\x00":
        return _plain_ipv4(body, at, checks)
    return _plain_ipv6(body, at, checks) if ether_type == b"\x86\xdd" else (OTHER, 0, 0)


def _plain_ipv4(body: bytes, at: int, checks: int) -> tuple[int, int, int]:
    header_length, length = 4 * (body[at] & 15), int.from_bytes(body[at + 2 : at + 4], "big")
    if body[at] >> 4 != 4 or header_length < 20 or length < header_length:
        return BROKEN, 0, 0
    packet = body[at : at + length]
    if len(packet) < length:
        return BROKEN, 0, 0
    if checks & IP and mac.internet_checksum(packet[:header_length]):
        return BROKEN, 0, 0
    fragment = int.from_bytes(packet[6:8], "big") & 0x3FFF
    state = _plain_transport(packet[9], packet[12:20], packet[header_length:], checks, v6=False)
    return _with_place(OPEN if fragment else state, at, length)


def _plain_ipv6(body: bytes, at: int, checks: int) -> tuple[int, int, int]:
    if len(body) < at + 40 or body[at] >> 4 != 6:
        return BROKEN, 0, 0
    length = int.from_bytes(body[at + 4 : at + 6], "big")
    payload = body[at + 40 : at + 40 + length]
    if len(payload) < length:
        return BROKEN, 0, 0
    state = _plain_transport(body[at + 6], body[at + 8 : at + 40], payload, checks, v6=True)
    return _with_place(state, at, 40 + length)


def _with_place(state: int, at: int, length: int) -> tuple[int, int, int]:
    return (state, 0, 0) if state in {BROKEN, RARE} else (state, at, at + length)


def _plain_transport(
    protocol: int, addresses: bytes, payload: bytes, checks: int, *, v6: bool
) -> int:
    if not checks & TRANSPORT or protocol not in {TCP, UDP, ICMP} | ({ICMPV6} if v6 else set()):
        return OPEN
    if protocol == UDP:
        covered = int.from_bytes(payload[4:6], "big")
        if not 8 <= covered <= len(payload):
            return BROKEN
        if covered < len(payload):
            return RARE
        if payload[6:8] == b"\0\0":
            return OPEN
    if protocol in {TCP, ICMPV6} and len(payload) < 4:
        return BROKEN
    pseudo = addresses + struct.pack(">IHBB", len(payload), 0, 0, protocol)
    summed = payload if protocol == ICMP else pseudo + payload
    zero = not any(summed)  # sums to 0, and not to its equal in ones' complement
    return WRONG if mac.internet_checksum(summed) or zero else SOUND


@st.composite
def packets(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """EtherType, and an IP packet whose checksums are right, or missing where they may be."""
    v6 = draw(st.booleans())
    protocol = draw(st.sampled_from([UDP, UDP, TCP, ICMPV6 if v6 else ICMP, 47]))
    addresses = draw(st.binary(min_size=32 if v6 else 8, max_size=32 if v6 else 8))
    payload = bytearray(draw(st.binary(min_size=20, max_size=80)))
    place = {UDP: 6, TCP: 16, ICMP: 2, ICMPV6: 2}.get(protocol)
    if protocol == UDP:
        payload[4:6] = len(payload).to_bytes(2, "big")
    if place is not None:
        payload[place : place + 2] = bytes(2)
        pseudo = addresses + struct.pack(">IHBB", len(payload), 0, 0, protocol)
        right = mac.internet_checksum(bytes(payload if protocol == ICMP else pseudo + payload))
        if protocol == UDP:
            right = draw(st.sampled_from([right or 0xFFFF, 0]))
        payload[place : place + 2] = right.to_bytes(2, "big")
    if v6:
        return b"\x86\xdd", struct.pack(
            ">IHBB", 6 << 28, len(payload), protocol, 64
        ) + addresses + bytes(payload)
    options = draw(st.binary(max_size=40).map(lambda data: data[: len(data) // 4 * 4]))
    fragment = draw(st.sampled_from([0, 0, 0, 0x4000, 0x2000, 3]))
    words = struct.pack(
        ">BBHHHBB",
        0x45 + len(options) // 4,
        0,
        20 + len(options) + len(payload),
        7,
        fragment,
        64,
        protocol,
    )
    checksum = mac.internet_checksum(words + bytes(2) + addresses + options)
    header = words + checksum.to_bytes(2, "big") + addresses + options
    return b"\x08\x00", header + bytes(payload)


@st.composite
def mpdus(draw: st.DrawFn) -> bytes:
    """A data frame with FCS field around a packet, of any kind, now and then damaged or cut."""
    qos, four, order = draw(st.booleans()), draw(st.booleans()), draw(st.sampled_from([0, 0, 1]))
    flags = draw(st.sampled_from([0] * 6 + [mac.PROTECTED, mac.MORE_FRAGMENTS, mac.RETRY]))
    control = (
        mac.DATA << 2
        | (0x80 if qos else 0)
        | ((mac.TO_DS | mac.FROM_DS) if four else draw(st.sampled_from([0, mac.TO_DS])))
        | flags
        | mac.ORDER * order
    )
    fragment = draw(st.sampled_from([0] * 6 + [1]))
    header = struct.pack("<HH", control, 44) + bytes(range(18)) + struct.pack("<H", 16 | fragment)
    header += b"\7" * 6 if four else b""
    priority = draw(st.sampled_from([0, 5, 0x80, 0x100]))
    header += struct.pack("<H", priority) if qos else b""
    header += b"\0\0\0\0" if qos and order else b""
    if qos and priority == 0x100:  # the mesh control of a mesh, or none
        header += draw(st.sampled_from([b"", b"\0" * 6, b"\1" + bytes(11), b"\2" + bytes(17)]))
    ether_type, packet = draw(packets())
    ether_type = draw(st.sampled_from([ether_type] * 8 + [b"\x08\x06"]))
    padding = bytes(draw(st.sampled_from([0, 0, 1, 7])))
    frame = bytearray(header + LLC_SNAP + ether_type + packet + padding + bytes(4))
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        frame[draw(st.integers(0, len(frame) - 1))] ^= 1 << draw(st.integers(0, 7))
    cut = draw(st.sampled_from([0, 0, 0, 1, 9, 40, 70]))
    return bytes(frame[: max(4, len(frame) - cut)])


def examined(mpdu: bytes, checks: int) -> tuple[int, int, int]:
    """The kernel's answer, between other bytes."""
    data = np.frombuffer(b"\xaa" * 3 + mpdu + b"\xaa" * 3, np.uint8)
    state, first, end, total = checks_kernel.examine(data, 3, 3 + len(mpdu), checks)
    assert (total == 0xFFFF) == (state == SOUND)
    return int(state), int(first), int(end)


class Strict:
    """Bytes of a frame, and an error for any other."""

    def __init__(self, mpdu: bytes, start: int) -> None:
        self._mpdu, self._start = mpdu, start

    def __getitem__(self, at: int) -> np.uint8:
        assert 0 <= at - self._start < len(self._mpdu)
        return np.uint8(self._mpdu[at - self._start])


@pytest.fixture
def uncompiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernels of checks_kernel as Python runs them."""
    for name in (
        "_summed",
        "_folded",
        "_wrong_bits",
        "carries_ip",
        "examine",
        "signature",
        "header_length",
        "load16",
        "load32",
    ):
        kernel = getattr(checks_kernel, name)
        monkeypatch.setattr(checks_kernel, name, kernel.py_func)


class TestExamine:
    """What a frame is."""

    @settings(max_examples=400)
    @given(mpdus(), st.integers(0, 15))
    def test_made_frames(self, mpdu: bytes, checks: int) -> None:
        """The kernel and the plain reading agree on every kind of frame, damaged or not."""
        assert examined(mpdu, checks) == plain(mpdu, checks)

    @given(st.binary(min_size=4, max_size=120), st.integers(0, 15))
    def test_arbitrary_bytes(self, mpdu: bytes, checks: int) -> None:
        """Likewise on any bytes at all."""
        assert examined(mpdu, checks) == plain(mpdu, checks)

    def test_every_state(self) -> None:
        """Each state is one that frames have: the cases above are no empty ones."""
        seen = set()

        @settings(max_examples=600, database=None, derandomize=True)
        @given(mpdus())
        def look(mpdu: bytes) -> None:
            seen.add(plain(mpdu, 15)[0])

        look()
        assert seen == {OTHER, BROKEN, OPEN, SOUND, WRONG, RARE}

    @pytest.mark.usefixtures("uncompiled")
    @pytest.mark.parametrize("length", range(4, 81))
    def test_no_byte_outside(self, length: int) -> None:
        """Short frames of any kind are read inside of their bounds only."""
        draw = random.Random(length)
        for start in (0, 5):
            for _ in range(40):
                control = draw.choice(
                    [0x0008, 0x0088, 0x0308, 0x0388, 0x8388, draw.getrandbits(16)]
                )
                ip = draw.choice(
                    [
                        b"\x08\x00\x45" + draw.randbytes(1) + b"\0" + bytes([draw.randrange(64)]),
                        b"\x08\x00" + bytes([0x40 | draw.getrandbits(4), 0, 0, draw.randrange(80)]),
                        b"\x86\xdd\x60\0\0\0\0"
                        + bytes([draw.randrange(50), draw.choice([6, 17, 58])]),
                        b"\x08\x06",
                    ]
                )
                head = control.to_bytes(2, "little") + draw.randbytes(20) + bytes(2)
                head += bytes(mac.header_length(control) - 24) if control & 12 == 8 else b""
                frame = (head + LLC_SNAP + ip + draw.randbytes(80))[:length]
                if len(frame) > 60:
                    at = draw.choice([41, 43])  # the protocol of IPv4
                    frame = frame[:at] + bytes([draw.choice([1, 6, 17])]) + frame[at + 1 :]
                data = Strict(frame, start)
                with np.errstate(over="ignore"):
                    for checks in (TRANSPORT, 15):
                        given_state = checks_kernel.examine(data, start, start + length, checks)  # type: ignore[arg-type]
                        assert tuple(map(int, given_state[:3])) == plain(frame, checks)
                    checks_kernel.carries_ip(data, start, start + length)  # type: ignore[arg-type]
                    checks_kernel.signature(data, start, start + length)  # type: ignore[arg-type]


class TestCarriesIp:
    """An LLC/SNAP header that is recognised."""

    @pytest.mark.parametrize("control", [0x0008, 0x0088, 0x0308, 0x0388, 0x8088, 0x8388])
    @pytest.mark.parametrize("ether_type", [b"\x08\x00", b"\x86\xdd"])
    def test_damage(self, control: int, ether_type: bytes) -> None:
        """Up to eight of its bits may be wrong, whatever the MAC header before it."""
        length = mac.header_length(control)
        header = control.to_bytes(2, "little") + b"\x11" * (length - 2)
        draw = random.Random(control)
        for wrong, known in ((0, True), (1, True), (8, True), (9, False), (30, False)):
            flips = draw.sample(range(48), wrong)
            llc = fcs.flip(LLC_SNAP + ether_type, flips)
            data = np.frombuffer(header + llc + b"\x11" * 30, np.uint8)
            assert checks_kernel.carries_ip(data, 0, len(data)) == known

    @pytest.mark.parametrize("ether_type", ["0806", "888e", "88c7", "890d", "8100"])
    def test_other_types(self, ether_type: str) -> None:
        """ARP, EAPOL and their like differ in few bits from IP, and are no damaged IP for that."""
        other = LLC_SNAP + bytes.fromhex(ether_type)
        for flips in ([], [1], [3, 9, 40]):
            data = np.frombuffer(bytes(24) + fcs.flip(other, flips) + bytes(30), np.uint8)
            assert not checks_kernel.carries_ip(data, 0, len(data))

    def test_in_between(self) -> None:
        """An EtherType that is as close to ARP as to IP is not taken for IP."""
        for ether_type, known in (("0802", False), ("0804", False), ("0801", True), ("0c00", True)):
            llc = LLC_SNAP + bytes.fromhex(ether_type)
            data = np.frombuffer(bytes(24) + llc + bytes(30), np.uint8)
            assert checks_kernel.carries_ip(data, 0, len(data)) == known

    def test_other_bodies(self) -> None:
        """Zeros are no LLC/SNAP header."""
        data = np.frombuffer(bytes(24) + bytes(38), np.uint8)
        assert not checks_kernel.carries_ip(data, 0, len(data))


def judged(evidence: Evidence, every: Sequence[Sequence[int]], row: int = 0) -> list[int]:
    """The verdicts on sets of flips in one frame."""
    candidates = Candidates(
        np.full(len(every), row),
        np.ones(len(every), np.int64),
        np.cumsum([0, *map(len, every)]),
        np.array([bit for flips in every for bit in sorted(flips)], np.int64),
    )
    verdicts: list[int] = evidence.judge(candidates).tolist()
    return verdicts


PAYLOAD = 8 * 60  # its first bit in a frame of the fixture ``udp_frame``
IN_IP = 8 * 40  # time to live
IN_LLC = 8 * 24
CHECKSUM = [*range(8 * 58, 8 * 60)]  # of UDP


class TestVerdicts:
    """Confirmed, neutral and rejected."""

    @pytest.fixture
    def good(self, udp_frame: UdpFrame) -> bytes:
        """A UDP frame with right checksums."""
        return udp_frame(b"some payload that is long enough")

    def evidence(self, mpdu: bytes, bad_frames: BadFrames, checks: str = ALL) -> Evidence:
        """That for one frame."""
        return Checks(checks).evidence(bad_frames([mpdu]))

    def test_wrong_checksum(self, good: bytes, bad_frames: BadFrames) -> None:
        """Damage under a checksum: what mends it is confirmed, all else is rejected."""
        flips = [PAYLOAD + 3, PAYLOAD + 50]
        evidence = self.evidence(fcs.flip(good, flips), bad_frames)
        assert (evidence.confirms[0], evidence.sure[0]) == (True, True)
        inside = (len(good) - 24 - 4) / len(good)
        assert evidence.chance(ANY) == pytest.approx(inside * BY_CHANCE)
        assert evidence.chance(Errors(1)) == 0  # what two flips have done
        assert evidence.chance(Errors(2)) > 16 * BY_CHANCE
        every = [flips, [PAYLOAD], [8], flips[:1], [IN_IP], [IN_LLC], [*flips, 8]]
        assert judged(evidence, every) == [
            CONFIRMED,
            REJECTED,
            REJECTED,
            REJECTED,
            REJECTED,
            REJECTED,
            CONFIRMED,  # the MAC header is under no checksum
        ]

    def test_right_checksum(self, good: bytes, bad_frames: BadFrames) -> None:
        """Damage outside of the packet: what touches the packet is rejected, all else confirmed.

        So a false candidate is confirmed with the share that the outside has of the frame.
        """
        evidence = self.evidence(fcs.flip(good, [8 * 10]), bad_frames)
        outside = 24 + 4
        share = outside / len(good)
        assert evidence.chance(ANY) == pytest.approx((1 - share) * BY_CHANCE + share)
        assert evidence.chance(BESIDE) == 1
        assert evidence.sure[0]
        last = 8 * len(good) - 1
        every = [[8 * 10], [PAYLOAD], [IN_IP], [IN_LLC], [last], [PAYLOAD, 8 * 10]]
        assert judged(evidence, every) == [
            CONFIRMED,
            REJECTED,
            REJECTED,
            REJECTED,
            CONFIRMED,
            REJECTED,
        ]

    @pytest.mark.parametrize("damage", [[IN_IP], [IN_LLC, IN_LLC + 7], [8 * 34 + 1]])
    def test_broken_header(self, damage: list[int], good: bytes, bad_frames: BadFrames) -> None:
        """A damaged IP or LLC header: only what mends it is admitted."""
        evidence = self.evidence(fcs.flip(good, damage), bad_frames)
        assert (evidence.confirms[0], evidence.sure[0]) == (True, False)
        assert evidence.chance(Errors(3)) == BY_CHANCE  # the sum cannot be read
        assert judged(evidence, [damage, [8], [PAYLOAD]]) == [CONFIRMED, REJECTED, REJECTED]

    def test_no_checksum(self, good: bytes, bad_frames: BadFrames) -> None:
        """UDP without a checksum: nothing confirms, the IP header still rejects."""
        without = bytearray(good)
        without[58:60] = bytes(2)
        evidence = self.evidence(bytes(without), bad_frames)
        assert (evidence.confirms[0], evidence.sure[0]) == (False, False)
        assert evidence.chance(ANY) == 1
        assert judged(evidence, [[PAYLOAD], [IN_IP], [IN_LLC], [8], [CHECKSUM[0]]]) == [
            NEUTRAL,
            REJECTED,
            REJECTED,
            NEUTRAL,
            REJECTED,
        ]

    def test_a_fragment(self, good: bytes, bad_frames: BadFrames) -> None:
        """The first fragment of a packet: nothing confirms and nothing is rejected.

        But the mark may be what is damaged, and then all else is confirmed.
        """
        fragment = fcs.append(fcs.flip(good, [8 * 1 + 2])[:70])
        evidence = self.evidence(fcs.flip(fragment, [PAYLOAD + 5]), bad_frames)
        assert (evidence.confirms[0], evidence.sure[0]) == (True, False)
        assert judged(evidence, [[PAYLOAD + 5], [PAYLOAD], [8]]) == [NEUTRAL] * 3
        evidence = self.evidence(fcs.flip(good, [8 * 1 + 2]), bad_frames)
        assert judged(evidence, [[8 * 1 + 2], [PAYLOAD]]) == [CONFIRMED, NEUTRAL]

    def test_udp_that_ends_before_its_packet(self, good: bytes, bad_frames: BadFrames) -> None:
        """What UDP's length leaves out: neither for it nor against it; likewise if it is damage."""
        packet = bytearray(good[32:-4] + b"more")
        packet[2:4] = len(packet).to_bytes(2, "big")
        packet[10:12] = bytes(2)
        packet[10:12] = mac.internet_checksum(bytes(packet[:20])).to_bytes(2, "big")
        longer = fcs.append(good[:32] + packet)
        evidence = self.evidence(fcs.flip(longer, [PAYLOAD]), bad_frames)
        assert (evidence.confirms[0], evidence.sure[0]) == (True, False)
        assert judged(evidence, [[PAYLOAD], [PAYLOAD + 9], [IN_IP]]) == [NEUTRAL, NEUTRAL, REJECTED]
        ones = [bit for bit in range(8 * 57, 8 * 58) if good[57] >> bit % 8 & 1]
        evidence = self.evidence(fcs.flip(good, ones[:1]), bad_frames)
        assert judged(evidence, [ones[:1], [PAYLOAD]]) == [CONFIRMED, NEUTRAL]

    def test_a_mesh(self, good: bytes, bad_frames: BadFrames) -> None:
        """Behind the mesh control a packet is found, too."""
        header = b"\x88\x02" + good[2:24] + b"\0\1" + b"\0\x1f" + bytes(4)
        mesh = fcs.append(header + good[24:-4])
        evidence = self.evidence(fcs.flip(mesh, [PAYLOAD + 64]), bad_frames)
        assert (evidence.confirms[0], evidence.sure[0]) == (True, True)
        assert judged(evidence, [[PAYLOAD + 64], [PAYLOAD], [8]]) == [CONFIRMED, REJECTED, REJECTED]

    @pytest.mark.parametrize("body", [b"\x11" * 60, LLC_SNAP + b"\x08\x06" + bytes(60)])
    def test_nothing_to_check(self, body: bytes, bad_frames: BadFrames, good: bytes) -> None:
        """Bodies that do not look like IP, ARP among them: nothing is confirmed nor rejected."""
        evidence = self.evidence(fcs.append(good[:24] + body), bad_frames)
        assert (evidence.confirms[0], evidence.sure[0]) == (False, False)
        assert evidence.chance(ANY) == 1
        assert judged(evidence, [[PAYLOAD], [8]]) == [NEUTRAL] * 2

    def test_encrypted(self, good: bytes, bad_frames: BadFrames) -> None:
        """A protected frame cannot be read, be its body what it may."""
        protected = bytearray(good)
        protected[1] |= mac.PROTECTED >> 8
        protected[24:32] = b"\x11" * 8
        evidence = self.evidence(bytes(protected), bad_frames)
        assert judged(evidence, [[PAYLOAD], [IN_IP]]) == [NEUTRAL, NEUTRAL]

    def test_a_checksum_that_goes(self, good: bytes, bad_frames: BadFrames) -> None:
        """Flips that turn the checksum off do not confirm, and are not admitted."""
        bad = fcs.flip(good, [PAYLOAD])
        off = [bit for bit in CHECKSUM if bad[bit // 8] >> bit % 8 & 1]
        evidence = self.evidence(bad, bad_frames)
        assert judged(evidence, [off]) == [NEUTRAL]
        assert evidence.sure[0]  # and so not claimed: see search.py

    def test_frames_are_left_as_they_are(self, good: bytes, bad_frames: BadFrames) -> None:
        """Verdicts of several candidates of several frames do not depend on each other."""
        damage = [[PAYLOAD + k] for k in range(5)]
        bad = bad_frames([fcs.flip(good, flips) for flips in damage])
        evidence = Checks().evidence(bad)
        row = np.repeat(np.arange(5), 5)
        flips = np.array([PAYLOAD + k for _ in range(5) for k in range(5)], np.int64)
        every = Candidates(row, np.ones(25, np.int64), np.arange(26), flips)
        order = np.random.default_rng(1).permutation(25)
        verdicts = evidence.judge(every.taken(order))
        right = row[order] == flips[order] - PAYLOAD
        np.testing.assert_array_equal(verdicts, np.where(right, CONFIRMED, REJECTED))
        only = evidence.only(np.array([3]))
        assert judged(only, damage) == [CONFIRMED if k == 3 else REJECTED for k in range(5)]


class TestSwitches:
    """Each check can be left out."""

    def test_unknown_names(self) -> None:
        """A name that there is not, or twice, is refused, with those that there are."""
        for names in ("udp", "llc+llc", "llc+udp", "", "llc+", "none+llc", "LLC"):
            with pytest.raises(ValueError, match=r"wanted some of llc\+ip\+transport\+known, or"):
                Checks(names)

    def test_none(self, udp_frame: UdpFrame, bad_frames: BadFrames) -> None:
        """Without checks everything is neutral and worth itself."""
        evidence = Checks(NONE).evidence(bad_frames([fcs.flip(udp_frame(bytes(50)), [PAYLOAD])]))
        assert (evidence.confirms[0], evidence.sure[0]) == (False, False)
        assert evidence.chance(ANY) == 1
        assert judged(evidence, [[PAYLOAD], [IN_IP], [IN_LLC], [8]]) == [NEUTRAL] * 4

    @pytest.mark.parametrize(
        ("checks", "verdicts"),
        [  # LLC, time to live, IP version, payload, UDP length, addresses
            ("llc", [REJECTED, NEUTRAL, NEUTRAL, NEUTRAL, NEUTRAL, NEUTRAL]),
            ("ip", [NEUTRAL, REJECTED, REJECTED, NEUTRAL, NEUTRAL, NEUTRAL]),
            ("transport", [NEUTRAL, CONFIRMED, REJECTED, REJECTED, REJECTED, CONFIRMED]),
            ("known", [NEUTRAL, NEUTRAL, NEUTRAL, NEUTRAL, NEUTRAL, REJECTED]),
            ("llc+ip", [REJECTED, REJECTED, REJECTED, NEUTRAL, NEUTRAL, NEUTRAL]),
            (ALL, [REJECTED, REJECTED, REJECTED, REJECTED, REJECTED, REJECTED]),
        ],
    )
    def test_each(
        self, checks: str, verdicts: list[int], udp_frame: UdpFrame, bad_batch: Batch
    ) -> None:
        """What a check is named for is all that it rejects."""
        good = udp_frame(b"some payload that is long enough")
        bad = fcs.flip(good, [8 * len(good) - 1])
        batch = bad_batch([good, bad], status=[FcsStatus.GOOD, FcsStatus.BAD])
        some = Checks(checks)
        some.learn(batch)
        every = [[IN_LLC], [IN_IP], [8 * 32 + 4], [PAYLOAD], [8 * 56], [8 * 12]]
        assert judged(some.evidence(Bad.of(batch)), every) == verdicts

    def test_names(self) -> None:
        """All of them are the default."""
        assert ALL.split("+") == list(NAMES)


class TestKnown:
    """Kinds of frames that are known."""

    FLIP = 8 * 12  # in address 2

    def verdicts(
        self, batch: FrameBatch, flips: Sequence[Sequence[int]], row: int = 0, size: int = 1 << 17
    ) -> list[int]:
        """On one bad frame, with a table of so many slots."""
        checks = Checks("known")
        checks._keys = np.zeros(size, np.uint64)
        checks._since = np.zeros(size, np.int64)
        checks.learn(batch)
        return judged(checks.evidence(Bad.of(batch)), flips, row)

    def frames(self, udp_frame: UdpFrame) -> tuple[bytes, bytes, bytes]:
        """One, one with another address, and one with other data and sequence number."""
        good = udp_frame(bytes(50))
        return good, fcs.append(fcs.flip(good, [self.FLIP])[:-4]), udp_frame(b"\1" * 50, 9)

    def test_from_known_to_unknown(self, udp_frame: UdpFrame, bad_batch: Batch) -> None:
        """A known kind stays what it is; an unknown one may be changed as it likes."""
        good, other, same_kind = self.frames(udp_frame)
        flips = [[self.FLIP], [PAYLOAD], [8 * 23], [11], [self.FLIP, PAYLOAD]]
        expected = [REJECTED, NEUTRAL, NEUTRAL, NEUTRAL, REJECTED]  # sequence, Retry: not a kind's
        status = [FcsStatus.GOOD, FcsStatus.BAD]
        assert self.verdicts(bad_batch([good, same_kind], status=status), flips) == expected
        unknown = bad_batch([good, other], status=status)
        assert self.verdicts(unknown, [[self.FLIP], [self.FLIP + 1]]) == [NEUTRAL, NEUTRAL]

    def test_from_known_to_known(self, udp_frame: UdpFrame, bad_batch: Batch) -> None:
        """A known kind may become another that is known."""
        good, other, same_kind = self.frames(udp_frame)
        status = [FcsStatus.GOOD, FcsStatus.GOOD, FcsStatus.BAD]
        batch = bad_batch([good, other, same_kind], status=status)
        assert self.verdicts(batch, [[self.FLIP], [self.FLIP + 1]]) == [NEUTRAL, REJECTED]

    def test_only_from_frames_before(self, udp_frame: UdpFrame, bad_batch: Batch) -> None:
        """Of intact frames only those with smaller numbers teach, also in the same batch."""
        good, other, same_kind = self.frames(udp_frame)
        late = [FcsStatus.BAD, FcsStatus.GOOD, FcsStatus.BAD]
        batch = bad_batch([same_kind, good, same_kind], status=late)
        assert self.verdicts(batch, [[self.FLIP]], 0) == [NEUTRAL]
        assert self.verdicts(batch, [[self.FLIP]], 1) == [REJECTED]
        between = [FcsStatus.GOOD, FcsStatus.BAD, FcsStatus.GOOD, FcsStatus.BAD]
        batch = bad_batch([good, same_kind, other, same_kind], status=between)
        assert self.verdicts(batch, [[self.FLIP]], 0) == [REJECTED]
        assert self.verdicts(batch, [[self.FLIP]], 1) == [NEUTRAL]

    def test_a_frame_seen_again(self, udp_frame: UdpFrame, bad_batch: Batch) -> None:
        """The first frame of a kind counts, not the last."""
        good, _, same_kind = self.frames(udp_frame)
        status = [FcsStatus.GOOD, FcsStatus.BAD, FcsStatus.GOOD]
        batch = bad_batch([good, same_kind, good], status=status)
        assert self.verdicts(batch, [[self.FLIP]]) == [REJECTED]

    def test_full_table(self, udp_frame: UdpFrame, bad_batch: Batch) -> None:
        """When half of the slots are taken nothing new is learnt, and what is known stays."""
        good = udp_frame(bytes(50))
        kinds = [fcs.append(good[:10] + i.to_bytes(6, "little") + good[16:-4]) for i in range(20)]
        status = [FcsStatus.GOOD] * 20 + [FcsStatus.BAD] * 20
        batch = bad_batch([*kinds, *kinds], status=status)
        learnt = [
            self.verdicts(batch, [[8 * 12 + 3]], row, size=16) == [REJECTED] for row in range(20)
        ]
        assert learnt == [True] * 8 + [False] * 12

    def test_control_frames(self, bad_batch: Batch) -> None:
        """Control frames and stubs are of no kind."""
        ack = fcs.append(b"\xd4\0\0\0" + b"\2" * 20)
        batch = bad_batch([ack, ack], status=[FcsStatus.GOOD, FcsStatus.BAD])
        assert self.verdicts(batch, [[40]]) == [NEUTRAL]


class Chances(NamedTuple):
    """Candidates that fit an FCS by chance.

    Attributes:
        weights: Shape (n,).
        offsets: Shape (n + 1,).
        flips: Their bits, each candidate's from its offset on.
    """

    weights: NDArray[np.int64]
    offsets: NDArray[np.int64]
    flips: NDArray[np.int64]


Draw = Callable[[int, np.random.Generator, int], Chances]


def random_shapes(
    ladder: Ladder, weight: int, lead: int, number: int, draw: np.random.Generator, bits: int
) -> Chances:
    """So many shapes of a ladder at random places."""
    dictionary = ladder.up_to(weight)
    shape = draw.integers(0, len(dictionary.masks), number)
    last = draw.integers(127, bits - 3, number)
    if ladder.classes > 1:
        last += (dictionary.index.classes[shape] - (lead + last)) % ladder.classes
    weights = dictionary.index.weights[shape].astype(np.int64)
    return Chances(weights, *spelled(dictionary.masks[shape], last))


def short_bursts(number: int, draw: np.random.Generator, bits: int) -> Chances:
    """So many bursts, each span equally often."""
    spans = draw.integers(1, 9, number)
    masks = draw.integers(0, 1 << 62, number, dtype=np.uint64) >> (62 - spans).astype(np.uint64)
    masks |= np.uint64(1) | np.uint64(1) << (spans - 1).astype(np.uint64)
    return Chances(spans, *spelled(masks[:, None], draw.integers(127, bits, number)))


def _of(ladder: Ladder, weight: int, lead: int = SERVICE) -> tuple[Draw, Sums]:
    return functools.partial(random_shapes, ladder, weight, lead), ANY


CHANCE: dict[str, tuple[Draw, Sums]] = {
    "short bursts": (short_bursts, of_bursts(8)),
    "bursts": (
        functools.partial(random_shapes, Ladder(crc_burst.census(20), 1, bursts), 20, 0),
        of_bursts(20),
    ),
    "channel bursts": _of(Ladder(crc_dsss.census(20), 1, crc_dsss.channel_bursts), 20, 0),
    "events 1/2": _of(crc_event.ladder(Code((1, 2))), 16),
    "events 2/3": _of(crc_event.ladder(Code((2, 3))), 11),
    "events 3/4": _of(crc_event.ladder(Code((3, 4))), 9),
    "events 5/6": _of(crc_event.ladder(Code((5, 6))), 7),
}


class TestByChance:
    """How often a candidate that is false is confirmed, beside what is stated."""

    TEXT: ClassVar[bytes] = b"It was the best of times, it was the worst of times. " * 8
    PAYLOADS: ClassVar[dict[str, bytes | None]] = {
        "random": None,
        "zeros": bytes(400),
        "ramp": bytes(range(200)) * 2,
        "stripes": b"\xaa" * 400,
        "digits": b"0123456789" * 40,
        "text": TEXT[:400],
    }

    def damaged(
        self,
        payload: bytes | None,
        length: int,
        wrong_bits: int,
        udp_frame: UdpFrame,
        bad_frames: BadFrames,
    ) -> Evidence:
        """That for 2000 frames with so many wrong bits in their payloads, which are seen."""
        draw = np.random.default_rng(wrong_bits)
        frames = []
        for i in range(2000):
            good = udp_frame(draw.bytes(length) if payload is None else payload[:length], i)
            wrong = draw.choice(np.arange(8 * 60, 8 * len(good) - 32), wrong_bits, replace=False)
            frames.append(fcs.flip(good, wrong.tolist()))
        evidence = Checks("llc+ip+transport").evidence(bad_frames(frames))
        sure = np.flatnonzero(evidence.sure & (evidence.packets.lacking > 0))
        assert len(sure) > 1500
        return evidence.only(sure)

    @pytest.mark.parametrize("wrong_bits", [4, 6, pytest.param(12, marks=pytest.mark.slow)])
    @pytest.mark.parametrize("taps", [(0,), pytest.param((0, 4, 7), marks=pytest.mark.slow)])
    @pytest.mark.parametrize("payload", PAYLOADS)
    def test_three_errors(
        self,
        payload: str,
        taps: tuple[int, ...],
        wrong_bits: int,
        udp_frame: UdpFrame,
        bad_frames: BadFrames,
    ) -> None:
        """In any payload, three errors are confirmed as often as its bits say: no more, no less."""
        evidence = self.damaged(self.PAYLOADS[payload], 400, wrong_bits, udp_frame, bad_frames)
        draw = np.random.default_rng(1)
        number, places = 400_000, np.arange(8 * 60, 8 * 460 - taps[-1])
        errors = np.sort(draw.choice(places, (number, 3)), axis=1)
        errors = errors[(np.diff(errors, axis=1) > taps[-1]).all(axis=1)]  # no flip is made twice
        flips = (errors[:, :, None] + np.array(taps)).reshape(len(errors), -1)
        row = np.sort(draw.integers(0, len(evidence.packets.lacking), len(errors)))
        ends = np.arange(len(errors) + 1) * flips.shape[1]
        candidates = Candidates(row, np.ones(len(row), np.int64), ends, np.sort(flips).reshape(-1))
        found = np.count_nonzero(evidence.judge(candidates) == CONFIRMED)
        packets = evidence.packets
        payloads = packets._replace(begin=packets.begin + 36, inside=np.ones(len(packets.begin)))
        expected = Errors(3, taps).chance(payloads)[row].sum()
        # Two errors of three are never at one place: of 25 in each column and way that is 4 %.
        assert 0.93 * expected - 4 * math.sqrt(expected) <= found
        assert found <= 1.02 * expected + 4 * math.sqrt(expected)

    @pytest.mark.slow
    @pytest.mark.parametrize("wrong_bits", [4, 100])
    @pytest.mark.parametrize("payload", ["random", "zeros", "ramp"])
    @pytest.mark.parametrize("name", CHANCE)
    def test_as_stated(
        self,
        name: str,
        payload: str,
        wrong_bits: int,
        udp_frame: UdpFrame,
        bad_frames: BadFrames,
    ) -> None:
        """As often as is stated for each frame, be few of its bits wrong or many; not more often.

        A fifth of the candidates reach into headers, which contradict them.
        """
        evidence = self.damaged(self.PAYLOADS[payload], 72, wrong_bits, udp_frame, bad_frames)
        make, sums = CHANCE[name]
        draw = np.random.default_rng(1)
        chance = evidence.chance(sums)
        found, expected, number = 0, 0.0, 500_000
        while number > 0:
            weights, offsets, every = make(250_000, draw, 8 * 132)
            row = np.sort(draw.integers(0, len(chance), len(weights)))
            verdicts = evidence.judge(Candidates(row, weights, offsets, every))
            found += int(np.count_nonzero(verdicts == CONFIRMED))
            expected += float(chance[row, weights if chance.shape[1] > 1 else 0].sum())
            number -= len(weights)
        low = 0.6 if payload == "random" else 0
        assert low * expected - 4 * math.sqrt(low * expected) <= found
        assert found < expected + 4 * math.sqrt(expected)

    def test_a_few_wrong_bits(self, udp_frame: UdpFrame, bad_frames: BadFrames) -> None:
        """Three flips cancel a few others in the checksum much more often than 2^-16.

        A flip changes the sum by a power of two, up or down, so two are opposite in one case of 32.
        """
        for wrong_bits, low, high in ((4, 10, 60), (8, 2, 15)):
            evidence = self.damaged(None, 72, wrong_bits, udp_frame, bad_frames)
            assert low < evidence.chance(Errors(3)).mean() / BY_CHANCE < high
