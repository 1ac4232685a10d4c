"""The scrambler of the DATA field."""

from __future__ import annotations

import pytest

from wtrec.phy.scrambler import PERIOD, sequence, sequences, state_after

# IEEE 802.11-2020, 17.3.5.5: the sequence from the state of all ones.
STANDARD = (
    "00001110 11110010 11001001 00000010 00100110 00101110 10110110 00001100"
    "11010100 11100111 10110100 00101010 11111010 01010001 10111000 1111111"
).replace(" ", "")


def test_the_sequence_of_the_standard() -> None:
    """127 bits from the state of all ones, and then the same again."""
    bits = "".join(map(str, sequence(127, 2 * PERIOD)))
    assert bits == 2 * STANDARD


@pytest.mark.parametrize("state", range(1, 128))
def test_any_state_is_a_phase_of_it(state: int) -> None:
    """There is one cycle of all states but zero; the kernels' table holds one round of it."""
    bits = "".join(map(str, sequence(state, PERIOD)))
    assert bits in 2 * STANDARD
    assert "".join(map(str, sequences()[state])) == bits


@pytest.mark.parametrize("state", range(128))
def test_seven_bits_tell_the_state(state: int) -> None:
    """What a receiver takes from the SERVICE field continues the sequence; so do later bits."""
    bits = sequence(state, 40)
    for seen in (7, 20):
        assert (sequence(state_after(bits[:seen]), 40 - seen) == bits[seen:]).all()
