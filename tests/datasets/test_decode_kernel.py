"""Decoded columns against a plain decoder made of wtrec.dot11 alone."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wtrec.datasets.decode_kernel import Decoded, decode
from wtrec.datasets.frames import FRAMES, arrow_batch
from wtrec.datasets.walk_kernel import NO_FLAGS, NO_TIME, PacketIndex
from wtrec.dot11 import fcs, mac, radiotap, rates
from wtrec.dot11.radiotap import Flags
from wtrec.errors import FormatError

RADIOTAP, DOT11, ETHERNET = 127, 105, 1
LLC_SNAP = bytes.fromhex("aaaa0300 0000")


@dataclass(frozen=True)
class Interface:
    """What decoding needs of an interface."""

    id: int
    linktype: int
    fcs_bits: int | None = None


@dataclass(frozen=True)
class Packet:
    """One packet of a capture."""

    data: bytes
    interface: int = 0
    missing: int = 0  # bytes that the capture cut off
    flags: int = NO_FLAGS
    time: int = NO_TIME

    @property
    def original(self) -> int:
        """Bytes on the wire."""
        return len(self.data) + self.missing


def run(
    packets: list[Packet], interfaces: list[Interface], first: int = 1, *, source: bool = False
) -> tuple[list[dict[str, Any]], int, int]:
    """Rows as dictionaries, packets of other link types, malformed headers."""
    data = b"\xee" * 5 + b"".join(packet.data + b"\xee" * 3 for packet in packets) + b"\xee" * 70
    index = PacketIndex.empty(len(packets))
    at = 5
    for k, packet in enumerate(packets):
        index.start[k], index.captured[k], index.original[k] = at, len(packet.data), packet.original
        index.interface[k], index.time[k] = packet.interface, packet.time
        index.flags[k] = packet.flags
        at += len(packet.data) + 3
    table = np.array(
        [(0, 9, 0, i.linktype, -1 if i.fcs_bits is None else i.fcs_bits, i.id) for i in interfaces],
        np.int64,
    )
    out = Decoded.empty(len(packets), sum(len(packet.data) for packet in packets))
    kernel = decode
    if source:  # uncompiled, only record arrays have fields as attributes
        kernel = decode.py_func  # type: ignore[attr-defined]
        out = out._replace(rows=out.rows.view(np.recarray))
    buffer = np.frombuffer(bytearray(data), np.uint8)
    rows, others, malformed = kernel(buffer, index, len(packets), table, first, out)
    batch = arrow_batch(out, rows)
    batch.validate(full=True)
    times = batch.column("time").cast("int64")
    batch = batch.set_column(1, "time", times)  # as integers: Python's datetime has no ns
    return batch.to_pylist(), others, malformed


def newest(*values: Any) -> Any:
    """The last value that is known."""
    return next((value for value in reversed(values) if value is not None), None)


def plain_radiotap(header: radiotap.Radiotap) -> dict[str, Any]:
    """The columns that Radiotap fills."""
    ht, vht, he = (header.get(name) for name in ("mcs", "vht", "he"))
    channel, xchannel = header.get("channel"), header.get("xchannel")
    flags = header.get("flags")
    rate = rates.from_radiotap(replace(header, tlvs=()))
    row: dict[str, Any] = {
        "tsft_us": header.get("tsft"),
        "signal_dbm": header.get("dbm_antenna_signal"),
        "noise_dbm": header.get("dbm_antenna_noise"),
        "antenna": header.get("antenna"),
        "channel_mhz": (channel or xchannel).frequency_mhz or None if channel or xchannel else None,
        "fcs_present": None if flags is None else bool(flags & Flags.FCS),
        "bad_fcs": None if flags is None else bool(flags & Flags.BAD_FCS),
        "rate_mbps": rate.mbps if rate else None,
    }
    ht_mcs = ht.mcs if ht and ht.mcs is not None and ht.mcs <= 76 else None
    users = vht.users if vht else ()
    user = next((user for user in users if user and user.mcs is not None), None)
    streams = he.nsts if he else None
    if streams is not None and he.stbc:
        streams = streams // 2 or None
    code = he.bandwidth_or_ru if he else None
    row["mcs"] = newest(ht_mcs, user and user.mcs, he and he.mcs)
    row["nss"] = newest(
        None if ht_mcs is None else rates.ht(ht_mcs, 40, short_gi=False).nss,
        user and user.nss,
        streams,
    )
    row["bandwidth_mhz"] = newest(
        ht and ht.bandwidth_mhz,
        vht and vht.bandwidth_mhz,
        20 << code if code is not None and code < 4 else None,
    )
    row["short_gi"] = newest(ht and ht.short_gi, vht and vht.short_gi)
    row["ldpc"] = newest(ht and ht.ldpc, user and user.ldpc, he and he.ldpc)
    return row


def plain_claims(packet: Packet, interface: Interface) -> dict[str, Any]:
    """What a file says about the FCS of a packet without Radiotap."""
    octets = None if interface.fcs_bits is None else interface.fcs_bits // 8
    bad = False
    if packet.flags != NO_FLAGS:
        octets = packet.flags >> 5 & 15 or octets
        bad = bool(packet.flags >> 24 & 1)
    if octets is None and not bad:
        return {}
    return {"fcs_present": octets == 4, "bad_fcs": bad}


def plain_status(mpdu: bytes, row: dict[str, Any], *, snapped: bool) -> str:
    """The rules of decode_kernel's opening comment, one after the other."""
    if len(mpdu) < 4:
        return "absent"
    if not snapped and fcs.syndrome(mpdu) == 0:
        return "good"
    if not row["fcs_present"]:
        return "absent"
    if snapped:
        return "unverifiable"
    if mpdu[1] & 0x40 and not row["bad_fcs"]:
        body = mac.header_length(int.from_bytes(mpdu[:2], "little"))
        if any(mpdu[body + skip :].startswith(LLC_SNAP[:5]) for skip in (0, 4, 8)):
            return "unverifiable"
    return "bad"


def plain(
    packets: list[Packet], interfaces: list[Interface], first: int = 1
) -> tuple[list[dict[str, Any]], int, int]:
    """What ``run`` is to give."""
    rows: list[dict[str, Any]] = []
    others = malformed = 0
    for number, packet in enumerate(packets, first):
        interface = interfaces[packet.interface]
        if interface.linktype not in {RADIOTAP, DOT11}:
            others += 1
            continue
        row = dict.fromkeys(column.name for column in FRAMES.columns)
        row |= {"number": number, "interface": interface.id}
        row["time"] = None if packet.time == NO_TIME else packet.time
        mpdu, original, flags = packet.data, packet.original, 0
        if interface.linktype == DOT11:
            row |= plain_claims(packet, interface)
        else:
            try:
                header = radiotap.parse(packet.data)
            except FormatError:
                malformed += 1
                mpdu, original = b"", 0
            else:
                row |= plain_radiotap(header)
                flags = header.get("flags") or 0
                mpdu, original = mpdu[header.length :], original - header.length
                if header.get("zero_length_psdu") is not None:
                    mpdu, original = b"", 0
        snapped = packet.missing > 0
        trailer = 4 if row["fcs_present"] and not snapped else 0
        if flags & Flags.DATAPAD and len(mpdu) >= 2:
            head = mac.header_length(int.from_bytes(mpdu[:2], "little"))
            pad = -head % 4
            if head + pad + trailer <= len(mpdu):
                mpdu, original = mpdu[:head] + mpdu[head + pad :], original - pad
        status = plain_status(mpdu, row, snapped=snapped)
        fields = mpdu[: max(len(mpdu) - (4 if status == "good" else trailer), 0)]
        if len(fields) >= 2:
            read = mac.parse(fields)
            names = ["type", "subtype", "sequence", "fragment", "addr1", "addr2", "addr3", "addr4"]
            row |= {name: getattr(read, name) for name in names}
            for name in ("to_ds", "from_ds", "retry", "protected"):
                row[name] = bool(getattr(read, name))
        rows.append(row | {"fcs_status": status, "original_length": original, "mpdu": mpdu})
    return rows, others, malformed


U8, U16 = st.integers(0, 255), st.integers(0, 0xFFFF)
HT = st.tuples(U8, U8, st.integers(0, 80) | U8)
VHT = st.tuples(U16, U8, st.integers(0, 31), st.binary(min_size=4, max_size=4), U8, U8, U16)
HE = st.tuples(U16, U16, U16, U16, st.integers(0, 0x3F), st.integers(0, 15))
FLAGS = st.sampled_from([0, Flags.FCS, Flags.FCS, Flags.FCS | Flags.BAD_FCS, Flags.BAD_FCS])
FLAGS |= FLAGS.map(lambda flags: flags | Flags.DATAPAD)
VALUES: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "tsft": st.integers(0, 2**64 - 1),
        "flags": FLAGS,
        "rate": U8,
        "channel": st.tuples(st.sampled_from([0, 2412, 5955]), U16),
        "dbm_antenna_signal": st.integers(-128, 127),
        "dbm_antenna_noise": st.integers(-128, 127),
        "antenna": U8,
        "xchannel": st.tuples(st.just(0), st.sampled_from([0, 5180]), U8, U8),
        "mcs": HT,
        "vht": VHT,
        "he": HE,
        "l_sig": st.tuples(U16, U16),
    },
)
HEADERS = VALUES.map(lambda values: radiotap.build(**values))
ZERO_LENGTH = st.just(radiotap.build(flags=Flags.FCS, zero_length_psdu=1))
SECOND_ANTENNA = st.builds(
    lambda flags, signals: struct.pack(
        "<BBHIIBBBB", 0, 0, 16, 0xA000_0022, 0x0000_0820, flags, *signals
    ),
    FLAGS,
    st.tuples(U8, U8, U8),
)
MALFORMED = st.sampled_from([b"", bytes(7), b"\1" + bytes(9), b"\0\0\xff\0" + bytes(9), bytes(9)])


@st.composite
def mpdus(draw: st.DrawFn) -> bytes:
    """Frames of any type with a body, the FCS right, wrong or missing; and noise."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=40))
    control = draw(U16 | st.sampled_from([0x0008, 0x0088, 0x4188, 0x0308, 0x4088, 0x00D4]))
    head = mac.header_length(control)
    header = struct.pack("<H", control) + draw(st.binary(min_size=head - 2, max_size=head - 2))
    pad = draw(st.sampled_from([b"", b"", bytes(-head % 4)]))
    skip = draw(st.sampled_from([b"", bytes(4), bytes(8)]))
    body = draw(st.sampled_from([b"", skip + LLC_SNAP]) | st.binary(max_size=20))
    frame = header + body
    match draw(st.sampled_from(["good", "bad", "none"])):
        case "good":
            trailer = fcs.append(frame)[-4:]
        case "bad":
            trailer = draw(st.binary(min_size=4, max_size=4))
        case _:
            trailer = b""
    return header + pad + body + trailer


INTERFACES = [
    Interface(3, RADIOTAP),
    Interface(4, DOT11),
    Interface(5, DOT11, 32),
    Interface(7, DOT11, 0),
    Interface(8, DOT11, 16),
    Interface(9, ETHERNET),
]
EPB_FLAGS = st.sampled_from([NO_FLAGS, 0, 1, 0x81, 0x0100_0081, 0x0100_0001, 0x41])
TIMES = st.just(NO_TIME) | st.integers(-(2**62), 2**62)


@st.composite
def captures(draw: st.DrawFn) -> list[Packet]:
    """Packets whose headers are mostly of a few shapes, as a driver's are."""
    shapes = draw(st.lists(HEADERS | SECOND_ANTENNA | ZERO_LENGTH, min_size=1, max_size=3))
    packets = []
    for _ in range(draw(st.integers(1, 6))):
        interface = draw(st.sampled_from([0, 0, 0, 1, 2, 3, 4, 5]))
        front = draw(st.sampled_from(shapes) | MALFORMED) if interface == 0 else b""
        data = front + draw(mpdus())
        kept = draw(st.sampled_from([len(data)] * 4 + [len(data) * 3 // 4, len(data) // 4]))
        cut = len(data) - kept
        packets.append(Packet(data[:kept], interface, cut, draw(EPB_FLAGS), draw(TIMES)))
    return packets


DATA = mac.data_frame(b"a packet", addr1=bytes(6), addr2=bytes(6), addr3=bytes(6), to_ds=True)
GOOD = fcs.append(DATA)
BAD = fcs.flip(GOOD, [300])
WITH_FCS = radiotap.build(flags=Flags.FCS)


class TestAgainstThePlainDecoder:
    """All columns, null or not."""

    @given(captures(), st.integers(1, 2**40))
    @settings(deadline=None, max_examples=250)
    @pytest.mark.slow
    def test_rows(self, packets: list[Packet], first: int) -> None:
        """Every column of every frame, the order, and what is counted."""
        assert run(packets, INTERFACES, first) == plain(packets, INTERFACES, first)

    @given(HEADERS, HEADERS, mpdus())
    @settings(deadline=None)
    def test_a_header_of_another_shape_is_located_again(
        self, one: bytes, other: bytes, mpdu: bytes
    ) -> None:
        """Field positions are reused for the same shape only."""
        packets = [Packet(header + mpdu) for header in (one, one, other, other, one)]
        assert run(packets, INTERFACES) == plain(packets, INTERFACES)

    def test_headers_of_one_length_and_different_present_words(self) -> None:
        """The shape is the length and every present word, the last one too."""
        names = ["flags", "rate", "dbm_antenna_signal", "dbm_antenna_noise", "antenna"]
        headers = [radiotap.build(**{name: 17}) for name in names]
        headers += [
            struct.pack("<BBHIIB", 0, 0, 13, 0xA000_0000, 1 << bit, 17) for bit in (1, 2, 5, 6, 11)
        ]
        packets = [Packet(header + GOOD) for header in headers]
        assert len({header[2:4] for header in headers}) == 2
        assert run(packets, INTERFACES) == plain(packets, INTERFACES)

    @given(st.lists(st.binary(max_size=60), min_size=1, max_size=4), st.sampled_from([0, 1, 2]))
    @settings(deadline=None)
    def test_noise(self, noise: list[bytes], interface: int) -> None:
        """Any bytes make rows; what parse refuses for a field has no more columns than it."""
        packets = [Packet(data, interface) for data in noise]
        rows, _, malformed = run(packets, INTERFACES)
        expected, _, refused = plain(packets, INTERFACES)
        assert len(rows) == len(packets)
        assert malformed <= refused
        if malformed == refused:
            assert rows == expected

    def test_the_source_is_the_same(self) -> None:
        """Uncompiled, a plain frame gives the same row."""
        header = radiotap.build(flags=Flags.FCS, rate=12, dbm_antenna_signal=-50)
        packets = [Packet(header + fcs.append(b"\x08\x01" + bytes(30)))]
        assert run(packets, INTERFACES, source=True) == run(packets, INTERFACES)


def verdict(packet: Packet) -> str:
    """fcs_status of one packet of interface 0."""
    rows, _, _ = run([packet], INTERFACES)
    status: str = rows[0]["fcs_status"]
    return status


class TestFcsStatus:
    """The verdict, by example."""

    @pytest.mark.parametrize("flags", [0, Flags.FCS, Flags.FCS | Flags.BAD_FCS])
    def test_good_whatever_the_driver_says(self, flags: int) -> None:
        """The CRC counts, not the claim."""
        assert verdict(Packet(radiotap.build(flags=flags) + GOOD)) == "good"
        assert verdict(Packet(radiotap.build() + GOOD)) == "good"

    def test_bad(self) -> None:
        """One flipped bit, flagged by the driver or not."""
        assert verdict(Packet(WITH_FCS + BAD)) == "bad"
        flagged = radiotap.build(flags=Flags.FCS | Flags.BAD_FCS)
        assert verdict(Packet(flagged + BAD)) == "bad"

    def test_absent(self) -> None:
        """The driver does not say that there is an FCS, and there seems to be none."""
        assert verdict(Packet(radiotap.build(flags=0) + DATA)) == "absent"
        assert verdict(Packet(radiotap.build() + DATA)) == "absent"
        assert verdict(Packet(WITH_FCS + b"\xd4\0\0")) == "absent"

    def test_snapped(self) -> None:
        """The FCS of a cut frame cannot be checked, even if the rest looks like a good frame."""
        assert verdict(Packet(WITH_FCS + GOOD, missing=1)) == "unverifiable"
        assert verdict(Packet(radiotap.build() + GOOD, missing=1)) == "absent"

    @pytest.mark.parametrize("skip", [0, 4, 8])
    def test_decrypted_by_the_hardware(self, skip: int) -> None:
        """Protected, called good, and clear text: the FCS covered other bytes."""
        frame = b"\x08\x41" + bytes(22) + bytes(skip) + LLC_SNAP + b"\x08\0" + b"\xff" * 30
        assert verdict(Packet(WITH_FCS + frame)) == "unverifiable"
        flagged = radiotap.build(flags=Flags.FCS | Flags.BAD_FCS)
        assert verdict(Packet(flagged + frame)) == "bad"
        cipher = frame.replace(LLC_SNAP, b"\x5a" * 6)
        assert verdict(Packet(WITH_FCS + cipher)) == "bad"

    def test_the_frame_of_the_seed_report(self) -> None:
        """WPA2 data that the hardware decrypted, as an access point's monitor delivered it."""
        packet = bytes.fromhex(
            "00002700 2b4008a0 20080000 00000000 2228b0ee 19000000 10008009 8004bd00 00002704"
            "07bd0088422c00 647002b5 47bbc80e 1449fc94 0024d7b3 dbd0d076 00007148 00200000 0000"
            "aaaa0300 00000800 45000020 7ad24000 4011da57 c0a8b226 c0a8b22b d702138d 000c4b03"
            "706b7434 8f80cc4d c1b93b ba9da81bf3"
        )
        rows, _, malformed = run([Packet(packet)], INTERFACES)
        (row,) = rows
        assert malformed == 0
        assert (row["fcs_present"], row["bad_fcs"]) == (True, False)
        assert row["fcs_status"] == "unverifiable"
        assert (row["type"], row["subtype"], row["from_ds"], row["protected"]) == (2, 8, True, True)
        assert (row["channel_mhz"], row["signal_dbm"]) == (2432, -67)


class TestLayout:
    """Where the frame begins and ends."""

    def test_data_pad_is_taken_out(self) -> None:
        """Between header and body of a QoS frame: the FCS does not cover it."""
        frame = fcs.append(b"\x88\x01" + bytes(range(24)) + b"body")
        padded = frame[:26] + b"\xaa\xbb" + frame[26:]
        header = radiotap.build(flags=Flags.FCS | Flags.DATAPAD)
        rows, _, _ = run([Packet(header + padded)], INTERFACES)
        assert rows[0]["mpdu"] == frame
        assert rows[0]["fcs_status"] == "good"
        assert rows[0]["original_length"] == len(frame)

    @pytest.mark.parametrize("head", [b"\xd4\0" + bytes(8), b"\xc8\x01" + bytes(24)])
    def test_frames_without_a_body_have_no_pad(self, head: bytes) -> None:
        """Drivers set the flag on acknowledgements and Null frames as well."""
        header = radiotap.build(flags=Flags.FCS | Flags.DATAPAD)
        rows, _, _ = run([Packet(header + fcs.append(head))], INTERFACES)
        assert rows[0]["mpdu"] == fcs.append(head)
        assert rows[0]["fcs_status"] == "good"

    def test_zero_length_psdu(self) -> None:
        """What follows the header is no frame."""
        header = radiotap.build(flags=Flags.FCS, zero_length_psdu=0)
        rows, _, malformed = run([Packet(header + GOOD, missing=3)], INTERFACES)
        assert (rows[0]["mpdu"], rows[0]["original_length"]) == (b"", 0)
        assert (rows[0]["fcs_status"], rows[0]["type"], malformed) == ("absent", None, 0)

    def test_the_length_of_a_frame_that_was_cut_to_its_radiotap_header(self) -> None:
        """A capture without any byte of the frame still says how long it was."""
        rows, _, _ = run([Packet(WITH_FCS, missing=100)], INTERFACES)
        assert (rows[0]["mpdu"], rows[0]["original_length"]) == (b"", 100)

    def test_a_record_that_says_it_was_shorter_than_it_is(self) -> None:
        """The frame is as long as its bytes."""
        rows, _, _ = run([Packet(WITH_FCS + GOOD, missing=-50)], INTERFACES)
        assert rows[0]["original_length"] == len(GOOD)

    def test_an_fcs_is_no_address(self) -> None:
        """A frame that ends inside its header does not go on with the FCS."""
        frame = fcs.append(b"\x08\x01" + bytes(16))
        rows, _, _ = run([Packet(WITH_FCS + frame)], INTERFACES)
        assert rows[0]["addr2"] == bytes(6)
        assert rows[0]["addr3"] is None

    def test_other_link_types_make_no_rows(self) -> None:
        """But their numbers are taken."""
        packets = [Packet(b"ethernet", interface=5), Packet(GOOD, interface=1)]
        rows, others, _ = run(packets, INTERFACES, first=7)
        assert ([row["number"] for row in rows], others) == ([8], 1)
        assert rows[0]["interface"] == 4


class TestWithoutRadiotap:
    """Link type 105: what the file says of the FCS."""

    @pytest.mark.parametrize(
        ("interface", "flags", "present", "bad"),
        [
            (1, NO_FLAGS, None, None),
            (1, 0x01, None, None),
            (1, 0x81, True, False),
            (1, 0x0100_0081, True, True),
            (1, 0x0100_0001, False, True),
            (2, NO_FLAGS, True, False),
            (2, 0x41, False, False),
            (3, NO_FLAGS, False, False),
            (3, 0x81, True, False),
        ],
    )
    def test_claims(
        self, interface: int, flags: int, present: bool | None, bad: bool | None
    ) -> None:
        """The packet's own flags come before the interface's length of the FCS."""
        rows, _, _ = run([Packet(BAD, interface, flags=flags)], INTERFACES)
        assert (rows[0]["fcs_present"], rows[0]["bad_fcs"]) == (present, bad)
        assert rows[0]["fcs_status"] == ("bad" if present else "absent")


class TestModulation:
    """Headers that tell of more than one format."""

    def test_the_newest_counts(self) -> None:
        """VHT's long guard interval is not mixed with HT's short one."""
        header = radiotap.build(
            rate=2, mcs=(0x17, 0x15, 7), vht=(0x44, 0, 4, bytes([0x92, 0, 0, 0]), 0, 0, 0)
        )
        rows, _, _ = run([Packet(header + GOOD)], INTERFACES)
        (row,) = rows
        assert (row["mcs"], row["nss"], row["bandwidth_mhz"]) == (9, 2, 80)
        assert (row["short_gi"], row["ldpc"], row["rate_mbps"]) == (False, False, 780.0)
