"""Radiotap headers: what is read, what is refused, and that both directions agree."""

from __future__ import annotations

import dataclasses
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.dot11 import radiotap
from wtrec.dot11.radiotap import (
    FIELDS,
    Field,
    FieldSpec,
    Flags,
    McsKnown,
    Radiotap,
    Tlv,
    VendorNamespace,
)
from wtrec.errors import FormatError

EXT = 1 << 31
VENDOR = 1 << 30
OURS = 1 << 29
TLVS = 1 << 28


def header(words: list[int], body: bytes = b"", *, length: int | None = None) -> bytes:
    """A header around a body that is laid out by hand."""
    present = struct.pack(f"<{len(words)}I", *words)
    size = 4 + len(present) + len(body) if length is None else length
    return struct.pack("<BBH", 0, 0, size) + present + body


def part(code: str) -> st.SearchStrategy[Any]:
    """Any value of a struct format."""
    if code == "4s":
        return st.binary(min_size=4, max_size=4)
    size = struct.calcsize("<" + code) * 8
    return st.integers(-128, 127) if code == "b" else st.integers(0, 2**size - 1)


def field_value(spec: FieldSpec) -> st.SearchStrategy[Any]:
    """Any value of a field."""
    parts = [part(code) for _, code in spec.parts]
    return st.tuples(*parts).map(spec.kind._make) if spec.kind else parts[0]  # type: ignore[attr-defined]


FIELD_VALUES = [field_value(spec) for spec in FIELDS]
BITS = st.sets(st.integers(0, 27)).map(sorted)


@st.composite
def headers(draw: st.DrawFn) -> Radiotap:
    """Any header: several antennas, vendors, TLVs, fields from the future."""
    kinds = [False, *draw(st.lists(st.booleans(), max_size=3))]  # is it a vendor's?
    words: list[int] = []
    fields: list[Field] = []
    vendors: list[VendorNamespace] = []
    for namespace, is_vendor in enumerate(kinds):
        if namespace:
            words[-1] |= EXT | (VENDOR if is_vendor else OURS)
        if is_vendor:
            oui = draw(st.binary(min_size=3, max_size=3))
            sub_namespace = draw(st.integers(0, 255))
            data = draw(st.binary(max_size=9))
            vendors.append(VendorNamespace(namespace, oui, sub_namespace, data))
            words.append(draw(st.integers(0, OURS - 1)))
        else:
            bits = draw(BITS)
            for bit in bits:
                value = draw(FIELD_VALUES[bit])
                fields.append(Field(namespace, bit, FIELDS[bit].name, value))
            words.append(sum(1 << bit for bit in bits))
    tlvs: list[Tlv] = []
    rest = draw(st.binary(max_size=3))
    complete = True
    if not kinds[-1]:
        ending = draw(st.sampled_from(["plain", "tlvs", "unknown"]))
        if ending == "tlvs":
            words[-1] |= TLVS
            item = st.builds(Tlv, st.integers(0, 65535), st.binary(max_size=48))
            tlvs = draw(st.lists(item, max_size=3))
        elif ending == "unknown":
            words[-1] |= EXT
            words.append(draw(st.integers(1, OURS - 1)))
            complete = False
    built = Radiotap(0, tuple(words), tuple(fields), tuple(vendors), tuple(tlvs), rest, complete)
    return dataclasses.replace(built, length=len(radiotap.encode(built)))


class TestTable:
    """The table of fields."""

    def test_rows_stand_at_their_bits(self) -> None:
        """A field's bit is its index, from 0 to 27, and its name is its own."""
        assert [spec.bit for spec in FIELDS] == list(range(28))
        assert len({spec.name for spec in FIELDS}) == 28

    def test_alignments_and_sizes(self) -> None:
        """Alignment and size of every field are those of radiotap.org."""
        assert [(spec.align, spec.size) for spec in FIELDS] == [
            (8, 8), (1, 1), (1, 1), (2, 4), (2, 2), (1, 1), (1, 1), (2, 2), (2, 2), (2, 2),
            (1, 1), (1, 1), (1, 1), (1, 1), (2, 2), (2, 2), (1, 1), (1, 1), (4, 8), (1, 3),
            (4, 8), (2, 12), (8, 12), (2, 12), (2, 12), (2, 6), (1, 1), (2, 4),
        ]  # fmt: skip


class TestParse:
    """Headers laid out by hand."""

    def test_fields_are_aligned_from_the_header(self) -> None:
        """Padding goes before a field, to a multiple of its alignment from the first byte."""
        body = struct.pack("<BBHH b", 0x10, 12, 2437, 0x00A0, -52)
        read = radiotap.parse(header([0b101110], body))
        assert [(field.name, field.value) for field in read.fields] == [
            ("flags", 0x10),
            ("rate", 12),
            ("channel", (2437, 0x00A0)),
            ("dbm_antenna_signal", -52),
        ]
        assert radiotap.parse(header([0b1001], bytes(12))).get("tsft") == 0
        padded = radiotap.parse(header([0b1010], b"\x10\xff" + struct.pack("<HH", 5180, 0x0140)))
        assert padded.get("channel").frequency_mhz == 5180

    def test_the_frame_behind_the_header_is_left_alone(self) -> None:
        """Only ``it_len`` bytes are read, of whatever kind of buffer."""
        data = header([0b10], b"\x10") + b"frame"
        assert radiotap.parse(memoryview(data)) == radiotap.parse(data[:9])

    def test_one_namespace_an_antenna(self) -> None:
        """Bit 29 starts again at bit 0, so that each antenna has its signal."""
        antenna = 1 << 5 | 1 << 11
        words = [0b100000 | OURS | EXT, antenna | OURS | EXT, antenna]
        body = struct.pack("bbBbB", -50, -52, 0, -60, 1)
        read = radiotap.parse(header(words, body))
        assert read.get("dbm_antenna_signal") == -50
        assert read.get_all("dbm_antenna_signal") == [-50, -52, -60]
        assert [(field.namespace, field.value) for field in read.fields if field.bit == 11] == [
            (1, 0),
            (2, 1),
        ]
        assert read.complete

    def test_vendor_namespaces_are_skipped(self) -> None:
        """A vendor's data is kept as it is, and Radiotap fields go on after it."""
        body = b"\x10\0" + struct.pack("<3sBH", b"\x00\x0d\x97", 7, 3) + b"abc" + b"\xc4"
        read = radiotap.parse(
            header([0b10 | VENDOR | EXT, 0x1FFF | OURS | EXT, 1 << 5], body[0:1] + body[1:])
        )
        assert read.vendors == (VendorNamespace(1, b"\x00\x0d\x97", 7, b"abc"),)
        assert read.get("flags") == 0x10
        assert read.get("dbm_antenna_signal") == -60
        assert read.fields[-1].namespace == 2

    def test_both_namespace_bits_mean_a_vendor(self) -> None:
        """A word with bits 29 and 30, which is undefined, is read as a vendor's."""
        vendor = struct.pack("<3sBH", b"abc", 1, 0)
        read = radiotap.parse(header([OURS | VENDOR | EXT, 0b10], vendor))
        assert read.vendors == (VendorNamespace(1, b"abc", 1, b""),)
        assert read.fields == ()

    def test_a_word_without_reset_goes_on_at_bit_32(self) -> None:
        """Fields of unknown size end the reading, and the header is still skipped right."""
        read = radiotap.parse(header([0b10 | EXT, 0b10], b"\x10rest"))
        assert read.get_all("flags") == [0x10]
        assert not read.complete
        assert read.rest == b"rest"
        assert read.length == 17

    def test_an_empty_second_word_hides_nothing(self) -> None:
        """A word that announces nothing leaves the header complete."""
        assert radiotap.parse(header([0b10 | EXT, 0], b"\x10")).complete

    @pytest.mark.parametrize(
        ("data", "offset"),
        [
            (b"", 0),
            (bytes(7), 0),
            (b"\x01" + header([0])[1:], 0),
            (header([0], length=7), 2),
            (header([0], length=9), 2),
            (header([EXT]), 8),
            (header([1], bytes(7)), 8),
            (header([0b1000], bytes(3)), 8),
            (header([VENDOR], bytes(5)), 8),
            (header([VENDOR], b"abc\0\x05\0" + bytes(4)), 14),
            (header([TLVS], b"\x21\0\x0c\0" + bytes(11)), 12),
        ],
        ids=[
            "empty", "short", "version", "length-under-8", "length-over-all", "present-word",
            "field-missing", "field-cut", "vendor-cut", "vendor-data-cut", "tlv-cut",
        ],
    )  # fmt: skip
    def test_refused(self, data: bytes, offset: int) -> None:
        """What does not fit is a format error that names where."""
        with pytest.raises(FormatError) as caught:
            radiotap.parse(data)
        assert caught.value.offset == offset


class TestTlv:
    """Type-length-value items."""

    def test_known_items(self) -> None:
        """U-SIG, EHT and S1G are decoded, and a classic field may come as an item too."""
        u_sig = struct.pack("<III", 0x0002 | 4 << 15, 0, 0)
        user = 0x80 | 0x02 | 0x04 | 0x10 | 1 << 19 | 13 << 20 | 1 << 24
        eht = struct.pack("<11I", 0x0004 | 0x00400000, 1 << 7, 11, *[0] * 7, user)
        s1g = struct.pack("<HHH", 0x0030, 0x7200 | 0x0040, 0)
        items = [Tlv(33, u_sig), Tlv(34, eht), Tlv(32, s1g), Tlv(1, b"\x40")]
        built = radiotap.encode(Radiotap(0, (TLVS,), tlvs=tuple(items)))
        read = radiotap.parse(built)
        assert read.tlvs == tuple(items)
        u_sig_value = read.get("u_sig")
        assert (u_sig_value.bandwidth_mhz, u_sig_value.uplink) == (320, None)
        assert u_sig_value._replace(common=0x0002 | 5 << 15).bandwidth_mhz == 320
        eht_value = read.get("eht")
        assert (eht_value.gi_ns, eht_value.ru_tones) == (1600, (996, 484))
        assert (eht_value.user.mcs, eht_value.user.nss, eht_value.user.ldpc) == (13, 2, True)
        s1g_value = read.get("s1g")
        assert (s1g_value.mcs, s1g_value.bandwidth_mhz, s1g_value.nss) == (7, 4, None)
        assert read.get("flags") == Flags.BAD_FCS

    def test_omitted_bytes_are_zero(self) -> None:
        """An item may end early, even in the middle of a number."""
        assert Tlv(33, b"\x02\x80\x01").value == (0x018002, 0, 0)
        assert Tlv(34, b"").value == (0, (0,) * 9, ())
        assert Tlv(34, bytes(40) + b"\x80").value.user is not None  # type: ignore[union-attr]

    def test_unknown_items_keep_their_bytes(self) -> None:
        """A type that is not known has no name, and its bytes for a value."""
        assert (Tlv(77, b"x").name, Tlv(77, b"x").value) == (None, b"x")

    def test_last_padding_may_be_missing(self) -> None:
        """A header that ends with the last item's data is whole."""
        read = radiotap.parse(header([TLVS], struct.pack("<HH", 77, 1) + b"x"))
        assert read.tlvs == (Tlv(77, b"x"),)
        assert read.rest == b""

    def test_nothing_comes_after_the_list(self) -> None:
        """What is announced behind the list cannot be there."""
        assert not radiotap.parse(header([TLVS | OURS | EXT, 0b10])).complete


class TestValues:
    """Bit fields in values."""

    def test_unknown_is_none(self) -> None:
        """Nothing is told where the header does not know it."""
        read = radiotap.parse(radiotap.build(mcs=(0, 0xFF, 7), vht=(0, 255, 4, bytes(4), 0, 0, 0)))
        mcs = read.get("mcs")
        assert {
            mcs.mcs,
            mcs.bandwidth_mhz,
            mcs.short_gi,
            mcs.greenfield,
            mcs.ldpc,
            mcs.stbc_streams,
            mcs.extension_streams,
            read.get("vht").bandwidth_mhz,
            read.get("vht").short_gi,
        } == {None}
        assert read.get("vht").users == (None,) * 4
        assert read.get("rate") is None

    def test_mcs(self) -> None:
        """The MCS field's bits are where radiotap.org has them."""
        mcs = radiotap.parse(radiotap.build(mcs=(0xFF, 0x01 | 0x04 | 0x10 | 0x40, 15))).get("mcs")
        assert (mcs.mcs, mcs.bandwidth_mhz, mcs.short_gi, mcs.ldpc) == (15, 40, True, True)
        assert (mcs.greenfield, mcs.stbc_streams, mcs.extension_streams) == (False, 2, 2)
        lower_half = mcs._replace(known=McsKnown.BANDWIDTH, flags=2)
        assert lower_half.bandwidth_mhz == 20

    @pytest.mark.parametrize(
        ("code", "mhz"),
        [(0, 20), (1, 40), (3, 40), (4, 80), (10, 80), (11, 160), (25, 160), (26, None)],
    )
    def test_vht_bandwidth(self, code: int, mhz: int | None) -> None:
        """A part of a channel counts as the whole."""
        vht = radiotap.build(vht=(0x40, 0, code, bytes(4), 0, 0, 0))
        assert radiotap.parse(vht).get("vht").bandwidth_mhz == mhz

    def test_vht_users(self) -> None:
        """Each user has streams, and an MCS unless it is 15."""
        vht = radiotap.build(vht=(0, 0, 0, b"\x92\xf1\x00\x00", 0b01, 0, 0))
        first, second, *others = radiotap.parse(vht).get("vht").users
        assert first == (9, 2, True)
        assert second == (None, 1, False)
        assert others == [None, None]

    def test_he(self) -> None:
        """The HE field's bits are where radiotap.org has them."""
        words = (
            0x4000 | 0x0200 | 0x0080 | 0x0040 | 0x0020 | 0x0010 | 0x0004 | 2,
            0x0002,
            0x8000 | 0x2000 | 0x1000 | 11 << 8 | 0x0080 | 33,
            0,
            0x0020 | 9,
            4,
        )
        he = radiotap.parse(radiotap.build(he=words)).get("he")
        assert (he.ppdu_format, he.bss_color, he.uplink, he.mcs) == (2, 33, True, 11)
        assert (he.dcm, he.ldpc, he.stbc) == (True, True, True)
        assert (he.bandwidth_or_ru, he.gi_ns, he.nsts) == (9, 3200, 4)

    def test_he_mu_and_l_sig(self) -> None:
        """HE-MU and L-SIG tell what they know."""
        built = radiotap.build(
            he_mu=(0x0010 | 5, 0x0004 | 2, b"\x01\x02\x03\x04", bytes(4)), l_sig=(3, 0xABCD)
        )
        he_mu, l_sig = (radiotap.parse(built).get(name) for name in ("he_mu", "l_sig"))
        assert (he_mu.sig_b_mcs, he_mu.sig_b_dcm, he_mu.bandwidth_mhz) == (5, None, 80)
        assert he_mu.ru_channel1[3] == 4
        assert (l_sig.rate, l_sig.length) == (13, 0xABC)

    def test_a_mpdu(self) -> None:
        """Whether a subframe is the last one is told only where it is known."""
        last = radiotap.parse(radiotap.build(a_mpdu=(7, 0x000C, 0, 0))).get("a_mpdu")
        assert (last.reference, last.is_last, last.eof) == (7, True, None)

    @pytest.mark.parametrize(
        ("unit", "ns"), [(0, 5_000_000), (1, 5_000), (2, 5), (3, 5), (4, None)]
    )
    def test_timestamp(self, unit: int, ns: int | None) -> None:
        """Units 2 and 3 are both nanoseconds."""
        stamp = radiotap.parse(radiotap.build(timestamp=(5, 0, 0x30 | unit, 0))).get("timestamp")
        assert stamp.nanoseconds == ns
        assert stamp.sampling_position == 3


class TestEncode:
    """Headers written."""

    def test_build(self) -> None:
        """A built header has its fields at their aligned places, in the order of the bits."""
        built = radiotap.build(channel=(2437, 0x00A0), flags=Flags.FCS, dbm_antenna_signal=-40)
        assert built.hex(" ") == "00 00 0f 00 2a 00 00 00 10 00 85 09 a0 00 d8"

    @pytest.mark.parametrize(
        "values",
        [{"speed": 1}, {"flags": 256}, {"channel": 1}, {"rate": (1, 2)}, {"he_mu": (1, 2, 3, 4)}],
    )
    def test_refused(self, values: dict[str, Any]) -> None:
        """Unknown names and values that do not fit are refused."""
        with pytest.raises(ValueError, match="Radiotap"):
            radiotap.build(**values)

    @pytest.mark.parametrize(
        "wrong",
        [
            Radiotap(0, (0b10,)),
            Radiotap(0, (VENDOR,)),
            Radiotap(0, (0,), (Field(0, 1, "flags", 0),)),
            Radiotap(0, (0,), vendors=(VendorNamespace(1, b"abc", 0, b""),)),
            Radiotap(0, (0,), rest=bytes(65536)),
        ],
    )
    def test_what_is_announced_is_there(self, wrong: Radiotap) -> None:
        """Present words and content must agree, and fit a 16-bit length."""
        with pytest.raises(ValueError, match="Radiotap"):
            radiotap.encode(wrong)

    @given(headers())
    def test_round_trip(self, built: Radiotap) -> None:
        """What is written is read back the same, and written again the same."""
        data = radiotap.encode(built)
        assert radiotap.parse(data) == built
        assert radiotap.encode(radiotap.parse(data)) == data

    @given(
        st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=3),
        st.binary(max_size=160),
        st.binary(max_size=4),
    )
    def test_any_header(self, words: list[int], body: bytes, frame: bytes) -> None:
        """Any present words and body are read or refused; what is read survives writing."""
        words[:-1] = [word | EXT for word in words[:-1]]
        words[-1] &= ~EXT
        try:
            read = radiotap.parse(header(words, body) + frame)
        except FormatError:
            return
        again = radiotap.parse(radiotap.encode(read))
        assert dataclasses.replace(again, length=read.length) == read
        for value in [field.value for field in read.fields] + [tlv.value for tlv in read.tlvs]:
            for name, kind in vars(type(value)).items():
                if isinstance(kind, property):
                    getattr(value, name)

    @given(st.binary(max_size=80))
    def test_any_bytes(self, data: bytes) -> None:
        """Arbitrary bytes are read or refused with a format error."""
        try:
            read = radiotap.parse(data)
        except FormatError:
            return
        assert read.length <= len(data)
