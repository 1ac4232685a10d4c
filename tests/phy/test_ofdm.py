"""The OFDM PHY against the standard's own example, and against itself without noise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wtrec.phy import convolutional, interleaver
from wtrec.phy.constellation import K_MOD, log_likelihood_ratios
from wtrec.phy.ofdm import MODES, data_field, psdu_of, receive, transmit

# IEEE 802.11-2020, Annex I.1: a PSDU of 100 bytes at 36 Mbit/s. Bits stand in the order in which
# they are sent, eight to a byte, the first of them highest.
STATE = 0b1011101
PSDU = bytes.fromhex("0402002e006008cd37a60020d6013cf1006008ad3baf0000") + (
    b"Joy, bright spark of divinity,\nDaughter of Elysium,\nFire-insired we trea"
    + bytes.fromhex("da5799ed")
)
SCRAMBLED_START = "6c19898f6821f4a5614fd7ae240cf33ae4bc"  # the first 144 bits
SCRAMBLED_END = "7d8a27173915a0ec28308cca00dc7f0ef2c9"  # the last 144
CODED = "2b08a1f09db59a1d4afbe8c28fc0c873c043e019e0d3ebb2"  # of the first symbol
INTERLEAVED = "77f0efc47300bf11109a1d126e38f5691b6b9843000db36d"
# The first symbol's points on the subcarriers 1 to 6 and 8 to 11, I and Q.
POINTS = [
    (-0.316, 0.949),
    (0.316, 0.949),
    (-0.949, 0.316),
    (0.949, -0.949),
    (0.316, 0.316),
    (-0.316, -0.316),
    (-0.316, 0.949),
    (0.949, -0.316),
    (-0.949, -0.316),
    (0.949, 0.316),
]


class TestExample:
    """Each stage of the standard's example."""

    mode = MODES[36]

    def test_sizes(self) -> None:
        """Six symbols of 144 bits of data, 192 coded."""
        assert len(PSDU) == 100
        assert self.mode.symbols(len(PSDU)) == 6
        assert (self.mode.data_bits, self.mode.coded_bits) == (144, 192)

    def test_scrambled_bits(self) -> None:
        """SERVICE, PSDU, tail and pad, scrambled, with the tail zero again."""
        packed = np.packbits(data_field(PSDU, self.mode, STATE)).tobytes().hex()
        assert packed[:36] == SCRAMBLED_START
        assert packed[-36:] == SCRAMBLED_END

    def test_coded_bits(self) -> None:
        """Punctured to rate 3/4."""
        coded = convolutional.encode(data_field(PSDU, self.mode, STATE)[:144])
        assert np.packbits(coded[convolutional.sent((3, 4), 288)]).tobytes().hex() == CODED

    def test_interleaved_bits(self) -> None:
        """Of the first symbol."""
        bits = np.unpackbits(np.frombuffer(bytes.fromhex(CODED), np.uint8))
        interleaved = np.empty_like(bits)
        interleaved[interleaver.permutation(192, 4)] = bits
        assert np.packbits(interleaved).tobytes().hex() == INTERLEAVED

    def test_points(self) -> None:
        """On the upper half of the band: the second 24 of the 48 subcarriers."""
        points = transmit(PSDU, self.mode, STATE)[0].reshape(48, 2)[24:] * K_MOD[4]
        assert points[:10] == pytest.approx(np.array(POINTS), abs=5e-4)


class TestRates:
    """The eight modes."""

    @pytest.mark.parametrize("rate", MODES)
    def test_a_symbol_of_four_microseconds_carries_the_rate(self, rate: int) -> None:
        """N_DBPS / 4 us."""
        assert MODES[rate].data_bits == 4 * rate

    @pytest.mark.parametrize("rate", MODES)
    def test_tables_say_what_the_functions_do(self, rate: int) -> None:
        """Sent bits go to their places, and the places know their sources."""
        mode = MODES[rate]
        tables = mode.tables()
        bits = np.random.default_rng(rate).integers(0, 2, 2 * mode.data_bits).astype(float)
        arrived = bits[tables.source]
        back = np.append(arrived, 0.0)[tables.place]
        sent = convolutional.sent(mode.code_rate, len(bits))
        assert (back == np.where(sent, bits, 0)).all()


@given(st.binary(min_size=1, max_size=40), st.sampled_from(list(MODES)), st.integers(1, 127))
@settings(max_examples=40, deadline=None)
def test_receivers_undo_transmitters(psdu: bytes, rate: int, state: int) -> None:
    """Without noise, at every rate, with every scrambler state."""
    mode = MODES[rate]
    levels = transmit(psdu, mode, state)
    flat = levels.reshape(-1).astype(float)
    ratios = log_likelihood_ratios(flat, np.ones(flat.size), mode.bits_per_subcarrier)
    assert receive(ratios.reshape(len(levels), -1), mode, len(psdu)) == psdu


def test_a_wrong_service_bit_garbles_the_whole_frame() -> None:
    """The scrambler's state is taken from seven received bits: half of all bits are wrong then."""
    bits = data_field(PSDU, MODES[36], STATE)[: 16 + 8 * len(PSDU)]
    assert psdu_of(bits) == PSDU
    for wrong in range(7):
        damaged = bits.copy()
        damaged[wrong] ^= 1
        both = np.frombuffer(psdu_of(damaged), np.uint8) ^ np.frombuffer(PSDU, np.uint8)
        assert 0.45 < np.unpackbits(both).mean() < 0.55
    bits[7] ^= 1  # reserved: it is nobody's
    assert psdu_of(bits) == PSDU
