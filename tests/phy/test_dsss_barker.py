"""Barker spreading with DBPSK and DQPSK: the standard's tables, and what one wrong phase does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.phy import dsss_barker_kernel
from wtrec.phy.dsss_barker import (
    BARKER,
    QUARTER_TURNS,
    demodulate,
    despread,
    modulate,
    nearest_turns,
)


def test_the_sequence_has_the_autocorrelation_of_barker() -> None:
    """11 in place, and at most 1 in magnitude at every shift."""
    full = np.correlate(BARKER, BARKER, "full")
    assert full[10] == 11
    assert abs(np.delete(full, 10)).max() == 1
    assert BARKER.tolist() == [1, -1, 1, 1, -1, 1, 1, 1, -1, -1, -1]


@pytest.mark.parametrize(("bits", "turns"), [([0, 0], 0), ([0, 1], 1), ([1, 1], 2), ([1, 0], 3)])
def test_dqpsk_turns_as_the_table_says(bits: list[int], turns: int) -> None:
    """15.4.6.5: the phase change for two bits, the first one on the air first."""
    chips = modulate(np.array(bits + bits, np.uint8), 2)
    assert chips[:11].tolist() == (QUARTER_TURNS[turns] * BARKER).tolist()
    assert chips[11:].tolist() == (QUARTER_TURNS[2 * turns % 4] * BARKER).tolist()


def test_dbpsk_turns_by_half_for_a_one() -> None:
    """15.4.6.5: no change for 0, pi for 1."""
    symbols = despread(modulate(np.array([0, 1, 1, 0, 1], np.uint8), 1))
    assert symbols.tolist() == [11, -11, 11, 11, -11]


@given(st.binary(max_size=100), st.sampled_from([1, 2]))
def test_bits_come_back_and_the_kernels_agree(data: bytes, width: int) -> None:
    """Without noise, from plain and compiled halves in any combination."""
    bits = np.unpackbits(np.frombuffer(data, np.uint8))
    chips = modulate(bits, width)
    compiled = np.empty_like(chips)
    dsss_barker_kernel.modulate_barker(bits, width, compiled)
    assert compiled.tolist() == chips.tolist()
    received = np.empty_like(bits)
    dsss_barker_kernel.demodulate_barker(chips, width, 11, received)
    assert received.tolist() == bits.tolist() == demodulate(chips, width, 11).tolist()


@given(st.complex_numbers(min_magnitude=1e-6, max_magnitude=1e6))
def test_the_nearest_turn_is_nearest(value: complex) -> None:
    """No other quarter turn has a larger inner product with the value."""
    rounded = complex(np.complex64(value))
    turn = int(nearest_turns(np.array([rounded], np.complex64))[0])
    products = [(rounded * complex(turned).conjugate()).real for turned in QUARTER_TURNS]
    assert products[turn] == max(products)
    assert dsss_barker_kernel.nearest_turn(rounded) == turn


def test_a_wrong_symbol_makes_two_wrong_bits_and_a_lasting_turn_makes_one() -> None:
    """Bits are in the differences: both neighbours of a wrong phase suffer, at its end only one."""
    bits = np.zeros(20, np.uint8)
    chips = modulate(bits, 1)
    chips[5 * 11 : 6 * 11] *= -1
    assert np.flatnonzero(demodulate(chips, 1, 11)).tolist() == [5, 6]
    chips[6 * 11 :] *= -1
    assert np.flatnonzero(demodulate(chips, 1, 11)).tolist() == [5]
