"""The FCS and its algebra, against a CRC that is computed one bit after the other."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.dot11 import fcs
from wtrec.errors import FormatError


def serial_crc(data: bytes) -> int:
    """CRC-32 as a shift register in hardware computes it, from the unreflected polynomial."""
    register = 0xFFFFFFFF
    for byte in data:
        for i in range(8):
            feedback = (register >> 31) ^ (byte >> i & 1)
            register = (register << 1 & 0xFFFFFFFF) ^ (0x04C11DB7 if feedback else 0)
    return int(f"{register ^ 0xFFFFFFFF:032b}"[::-1], 2)


@st.composite
def frames_and_bits(draw: st.DrawFn) -> tuple[bytes, list[int]]:
    """A good frame, and some bit positions in it."""
    frame = fcs.append(draw(st.binary(max_size=64)))
    return frame, draw(st.lists(st.integers(0, 8 * len(frame) - 1), max_size=6))


class TestFcs:
    """Good frames."""

    def test_check_value(self) -> None:
        """The FCS of "123456789" is the check value that every list of CRCs has."""
        assert fcs.fcs(b"123456789") == 0xCBF43926

    def test_known_frame(self) -> None:
        """An ACK frame ends with the FCS that the shift register says, lowest byte first."""
        ack = bytes.fromhex("d4000000 001122334455")
        assert fcs.append(ack) == ack + serial_crc(ack).to_bytes(4, "little")

    @given(st.binary(max_size=64))
    def test_serial(self, data: bytes) -> None:
        """The FCS is that of the bit-serial register."""
        assert fcs.fcs(data) == serial_crc(data)

    @given(st.binary(max_size=64))
    def test_good_frame(self, data: bytes) -> None:
        """A frame with its FCS has no syndrome, and the residue."""
        frame = fcs.append(data)
        assert fcs.syndrome(frame) == 0
        assert fcs.syndrome(memoryview(frame)) == 0
        assert zlib.crc32(frame) == fcs.RESIDUE

    @pytest.mark.parametrize("length", range(4))
    def test_too_short(self, length: int) -> None:
        """What is shorter than an FCS is no frame."""
        with pytest.raises(FormatError):
            fcs.syndrome(bytes(length))


class TestAlgebra:
    """Flipped bits."""

    @given(frames_and_bits())
    def test_syndrome_depends_on_the_flips_alone(self, case: tuple[bytes, list[int]]) -> None:
        """The syndrome of a bad frame is the effect of its flips, whatever its data."""
        frame, bits = case
        assert fcs.syndrome(fcs.flip(frame, bits)) == fcs.flip_effect(bits, len(frame))

    @given(frames_and_bits())
    def test_linear(self, case: tuple[bytes, list[int]]) -> None:
        """The effect of several flips is the xor of theirs; that of two on one bit is none."""
        frame, bits = case
        expected = 0
        for bit in bits:
            expected ^= fcs.bit_syndrome(bit, len(frame))
        assert fcs.flip_effect(bits, len(frame)) == expected
        assert fcs.flip_effect(bits + bits, len(frame)) == 0

    @given(frames_and_bits())
    def test_serial(self, case: tuple[bytes, list[int]]) -> None:
        """A flipped bit's syndrome is what the bit-serial register finds."""
        frame, bits = case
        for bit in bits:
            bad = fcs.flip(frame, [bit])
            found = serial_crc(bad[:-4]) ^ int.from_bytes(bad[-4:], "little")
            assert found == fcs.bit_syndrome(bit, len(frame))

    @given(frames_and_bits())
    def test_flip_twice(self, case: tuple[bytes, list[int]]) -> None:
        """Flipping the same bits again restores the frame."""
        frame, bits = case
        assert fcs.flip(fcs.flip(frame, bits), bits) == frame

    def test_bit_order(self) -> None:
        """Bit position 0 is the least significant bit of the first byte."""
        assert fcs.flip(bytes(5), [0, 15]) == b"\x01\x80\0\0\0"

    @pytest.mark.parametrize("bit", [-1, 40])
    def test_outside(self, bit: int) -> None:
        """A bit outside of the frame is refused, before the first byte too."""
        with pytest.raises(IndexError):
            fcs.flip(bytes(5), [bit])


class TestTable:
    """The table of syndromes by exponent."""

    def test_every_bit(self) -> None:
        """Index m holds the bit with m bits after it, those of the FCS included."""
        length = 40
        table = fcs.bit_syndromes(8 * length)
        assert table.dtype == "uint32"
        assert table.shape == (8 * length,)
        for bit in range(8 * length):
            assert table[8 * length - 1 - bit] == fcs.bit_syndrome(bit, length)

    def test_fcs_bits_stand_for_themselves(self) -> None:
        """A flip in the FCS shows as that bit: the last bit of the frame is the highest."""
        assert fcs.bit_syndromes(32).tolist() == [0x80000000 >> m for m in range(32)]

    def test_single_flips_are_told_apart(self) -> None:
        """No two bits of the longest MPDU share a syndrome."""
        n_bits = 8 * 11_454
        assert len(set(fcs.bit_syndromes(n_bits).tolist())) == n_bits
