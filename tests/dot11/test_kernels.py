"""The compiled half of dot11 against its plain half, on bytes that need not make sense."""

from __future__ import annotations

import random
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wtrec.dot11 import fcs, kernels, mac, radiotap
from wtrec.dot11.radiotap import FIELDS, Radiotap
from wtrec.errors import FormatError

TLV = 1 << 28
RESET = 1 << 29
VENDOR = 1 << 30
MORE = 1 << 31

compiles = settings(deadline=None)  # the first call does


def array(data: bytes) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Bytes as kernels take them."""
    return np.frombuffer(bytearray(data), np.uint8)


class TestCrc32:
    """CRC-32 of a part of a buffer."""

    @given(st.binary(max_size=100), st.data())
    @compiles
    def test_as_zlib(self, data: bytes, draw: st.DataObject) -> None:
        """Any part of any bytes, at any alignment, compiled and as source."""
        start = draw.draw(st.integers(0, len(data)))
        stop = draw.draw(st.integers(start, len(data)))
        expected = zlib.crc32(data[start:stop])
        assert kernels.crc32(array(data), start, stop) == expected
        source = kernels.crc32.py_func  # type: ignore[attr-defined]
        assert source(array(data), start, stop) == expected

    def test_a_good_frame_leaves_the_residue(self) -> None:
        """The constant of the standard, over a frame of the longest MPDU."""
        frame = fcs.append(random.Random(1).randbytes(11_450))
        assert kernels.crc32(array(frame), 0, len(frame)) == fcs.RESIDUE


def header_bytes(version: int, words: list[int], size: int, seed: int, length: int | None) -> bytes:
    """A header whose parts need not fit: each byte of its fields tells where it stands."""
    fields = random.Random(seed).randbytes(size)
    whole = 4 + 4 * len(words) + size
    it_len = whole if length is None else length
    return struct.pack(f"<BBH{len(words)}I", version, 0, it_len, *words) + fields


def find(packet: bytes) -> tuple[int, dict[int, int]]:
    """What the kernel returns, and the positions that it found."""
    out = np.full(kernels.N_FIELDS, 99, np.int32)
    # Bytes around the packet must not matter.
    length = kernels.find_fields(array(b"\xff" * 3 + packet + b"\xff" * 9), 3, 3 + len(packet), out)
    return length, {bit: int(at) for bit, at in enumerate(out) if at >= 0}


def as_far_as_it_fits(packet: bytes) -> Radiotap | None:
    """What ``parse`` reads when bits are cleared from the last one on until all fields fit.

    The number of present words stays, and so do the places of the fields before.
    """
    header = bytearray(packet)
    words = 1
    while 4 * words + 4 <= len(header) and header[4 * words + 3] & 0x80:
        words += 1
    bits = [(word, bit) for word in range(words) for bit in [*range(29), 30]]
    while True:
        try:
            return radiotap.parse(bytes(header))
        except FormatError:
            if not bits:
                return None
            word, bit = bits.pop()
            if 4 * word + 8 <= len(header):
                header[4 + 4 * word + bit // 8] &= ~(1 << bit % 8)


SENSIBLE = st.sampled_from(
    [
        [0x0000_482F],
        [0x2000_0000 | MORE | 0x2F, 0x20 | 0x800],
        [0x0400_482F, 0],
        [VENDOR | MORE | 3, RESET | MORE | 7, 0x0800_0001],
        [MORE | 0x23, 0x20],
        [MORE | 0x2, RESET | MORE, 0x22],
        [TLV | 0x2, 0],
        [0x0FFF_FFFF],
    ]
)
HEADERS = st.builds(
    header_bytes,
    st.sampled_from([0] * 9 + [1]),
    SENSIBLE | st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=4),
    st.integers(0, 200),
    st.integers(),
    st.none() | st.integers(0, 250),
)


class TestFindFields:
    """Positions of Radiotap fields."""

    @given(HEADERS | st.binary(max_size=40))
    @example(b"")
    @example(header_bytes(0, [MORE], 0, 0, None))
    @example(header_bytes(0, [MORE | 0x2, RESET | MORE, 0x22], 9, 0, None))
    @compiles
    def test_as_parse(self, packet: bytes) -> None:
        """The first field of each kind is where ``parse`` reads it; what does not fit is absent."""
        length, places = find(packet)
        it_len = int.from_bytes(packet[2:4], "little")
        if len(packet) < 8 or packet[0] or not 8 <= it_len <= len(packet):
            assert (length, places) == (-1, {})
            with pytest.raises(FormatError):
                radiotap.parse(packet)
            return
        assert length == it_len
        header = as_far_as_it_fits(packet[:it_len])
        fields = header.fields if header else ()
        assert places.keys() == {field.bit for field in fields}
        for bit, at in places.items():
            spec = FIELDS[bit]
            assert at % spec.align == 0
            first = next(field.value for field in fields if field.bit == bit)
            assert spec.unpack(packet[at : at + spec.size]) == first

    def test_every_field(self) -> None:
        """A header with all 28 fields has each at its place."""
        header = header_bytes(0, [0x0FFF_FFFF], 200, 7, None)
        _, places = find(header)
        assert len(places) == kernels.N_FIELDS == 28
        assert places[0] == 8
        assert places[27] == max(places.values())

    def test_the_source_is_the_same(self) -> None:
        """Uncompiled, it finds the same."""
        header = header_bytes(0, [VENDOR | MORE | 3, RESET | MORE | 7, 0x0800_0001], 99, 5, None)
        length, places = find(header)
        out = np.empty(kernels.N_FIELDS, np.int32)
        source = kernels.find_fields.py_func  # type: ignore[attr-defined]
        assert source(array(header), 0, len(header), out) == length
        assert {bit: int(at) for bit, at in enumerate(out) if at >= 0} == places

    def test_a_chain_of_present_words_is_walked_once(self) -> None:
        """64 KiB of present words are no work, and nothing is found behind them."""
        words = [MORE | 0xFFF] * 16_000 + [0xFFF]
        length, places = find(header_bytes(0, words, 0, 0, None))
        assert length == 4 + 4 * len(words)
        assert places == {}


def test_header_length() -> None:
    """For each of the 65,536 frame controls, as the plain function."""
    controls = range(0x10000)
    assert [kernels.header_length(c) for c in controls] == [mac.header_length(c) for c in controls]


DATAGRAMS = st.builds(
    lambda payload, four, tid, sequence, tail: mac.data_frame(
        mac.udp_datagram("10.0.0.1", "10.0.0.2", 5, 6, payload) + tail,
        addr1=bytes(6),
        addr2=bytes(6),
        addr3=bytes(6),
        addr4=bytes(6) if four else None,
        to_ds=True,
        from_ds=four,
        sequence=sequence,
        tid=tid,
    ),
    st.binary(max_size=20),
    st.booleans(),
    st.none() | st.integers(0, 15),
    st.integers(0, 4095),
    st.binary(max_size=3),
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A datagram with a few bits flipped, mostly in its headers, and perhaps cut."""
    frame = draw(DATAGRAMS)
    flips = draw(st.lists(st.integers(0, 8 * min(len(frame), 64) - 1), max_size=3, unique=True))
    return fcs.flip(frame, flips)[: draw(st.integers(20, len(frame)) | st.none())]


class TestUdpPayload:
    """Where a datagram's payload lies."""

    @given(DATAGRAMS | damaged() | st.binary(max_size=99))
    @settings(deadline=None, max_examples=300)
    def test_as_the_plain_function(self, mpdu: bytes) -> None:
        """Whole and damaged datagrams, and noise: both find the same place, or none."""
        buffer = array(b"\xaa" * 5 + mpdu + b"\xaa" * 70)
        expected = mac.udp_payload(mpdu) or (0, 0)
        assert kernels.udp_payload(buffer, 5, 5 + len(mpdu)) == expected

    @given(DATAGRAMS)
    @compiles
    def test_whole_datagrams_are_found(self, mpdu: bytes) -> None:
        """No sound one is missed, so the test above compares more than zeros."""
        at, _ = kernels.udp_payload(array(mpdu), 0, len(mpdu))
        assert at > 0
