"""The scrambler of 802.11b: inverse of the descrambler, in step after seven bits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from wtrec.phy import dsss_kernel
from wtrec.phy.dsss_scrambler import HISTORY, LONG_PREAMBLE_SEED, descramble, scramble

Bits = NDArray[np.uint8]


def _bits(low: int, high: int) -> st.SearchStrategy[Bits]:
    bit = st.integers(0, 1)
    return st.lists(bit, min_size=low, max_size=high).map(lambda bits: np.array(bits, np.uint8))


BITS = _bits(0, 300)
STATES = _bits(HISTORY, HISTORY)


@given(BITS, STATES)
def test_descrambling_undoes_scrambling(bits: Bits, history: Bits) -> None:
    """From the same history, what was meant is what arrives."""
    assert descramble(scramble(bits, history), history).tolist() == bits.tolist()


@given(BITS, STATES, STATES)
def test_the_descrambler_is_in_step_after_seven_bits(
    bits: Bits, sender: Bits, receiver: Bits
) -> None:
    """Whatever it started with, bits from the eighth on are right."""
    heard = descramble(scramble(bits, sender), receiver)
    assert heard[HISTORY:].tolist() == bits[HISTORY:].tolist()


@given(BITS.filter(len), STATES, st.data())
def test_one_wrong_bit_on_the_air_makes_three(
    bits: Bits, history: Bits, data: st.DataObject
) -> None:
    """They are i, i + 4 and i + 7, as far as the frame goes."""
    i = data.draw(st.integers(0, len(bits) - 1))
    air = scramble(bits, history)
    air[i] ^= 1
    wrong = np.flatnonzero(descramble(air, history) ^ bits)
    assert wrong.tolist() == [k for k in (i, i + 4, i + 7) if k < len(bits)]


def test_the_preamble_begins_as_the_block_diagram_says() -> None:
    """The seed's Z1 to Z7 are 1101100, so ones are sent as 1 + Z4 + Z7 = 0, 1 + Z3 + Z6 = 1, ..."""
    ones = np.ones(128, np.uint8)
    sent = scramble(ones, LONG_PREAMBLE_SEED).tolist()
    assert sent[:4] == [0, 1, 1, 1]
    assert sent == _by_registers(ones, [1, 1, 0, 1, 1, 0, 0])


def _by_registers(bits: Bits, z: list[int]) -> list[int]:
    """The block diagram of the standard: seven delays, taps at the fourth and the seventh."""
    sent = []
    for bit in bits.tolist():
        sent.append(bit ^ z[3] ^ z[6])
        z = [sent[-1], *z[:6]]
    return sent


def test_a_single_one_starts_the_longest_sequence() -> None:
    """1 + z^-4 + z^-7 is primitive: the response to one bit repeats after 127, 64 of them ones."""
    one = np.zeros(3 * 127, np.uint8)
    one[0] = 1
    sent = scramble(one, np.zeros(HISTORY, np.uint8))
    assert sent[:254].tolist() == sent[127:].tolist()
    assert sent[:127].sum() == 64


@pytest.mark.parametrize("compiled", [True, False])
@given(bits=BITS, history=STATES)
def test_the_kernels_do_the_same(compiled: bool, bits: Bits, history: Bits) -> None:
    """In place, behind the history, compiled or not."""
    kernels = dsss_kernel.scramble, dsss_kernel.descramble
    forth, back = kernels if compiled else tuple(kernel.py_func for kernel in kernels)  # type: ignore[attr-defined]
    air = np.concatenate([history, bits])
    forth(air)
    assert air[:HISTORY].tolist() == history.tolist()
    assert air[HISTORY:].tolist() == scramble(bits, history).tolist()
    back(air)
    assert air[HISTORY:].tolist() == bits.tolist()
