"""Complementary code keying: the standard's formulas, distances, and the fast correlator."""

from __future__ import annotations

import cmath
import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.phy import cck_kernel
from wtrec.phy.cck import codewords, demodulate, modulate
from wtrec.phy.dsss_barker import QUARTER_TURNS


def _by_formula(p1: float, p2: float, p3: float, p4: float) -> list[complex]:
    """Equation 16-1 of the standard."""
    return [
        cmath.exp(1j * (p1 + p2 + p3 + p4)),
        cmath.exp(1j * (p1 + p3 + p4)),
        cmath.exp(1j * (p1 + p2 + p4)),
        -cmath.exp(1j * (p1 + p4)),
        cmath.exp(1j * (p1 + p2 + p3)),
        cmath.exp(1j * (p1 + p3)),
        -cmath.exp(1j * (p1 + p2)),
        cmath.exp(1j * p1),
    ]


_QPSK: dict[tuple[int, ...], float] = {
    (0, 0): 0.0,
    (0, 1): math.pi / 2,
    (1, 0): math.pi,
    (1, 1): 3 * math.pi / 2,
}
_DQPSK: dict[tuple[int, ...], float] = {
    (0, 0): 0.0,
    (0, 1): math.pi / 2,
    (1, 1): math.pi,
    (1, 0): 3 * math.pi / 2,
}


def test_the_symbols_of_5_5() -> None:
    """16.4.6.6.3: d0 and d1 turn, phi2 = d2 pi + pi/2, phi3 = 0, phi4 = d3 pi."""
    for d in itertools.product((0, 1), repeat=4):
        wanted = _by_formula(_DQPSK[d[:2]], d[2] * math.pi + math.pi / 2, 0, d[3] * math.pi)
        assert modulate(np.array(d, np.uint8), 4) == pytest.approx(np.array(wanted), abs=1e-6)


def test_the_symbols_of_11() -> None:
    """16.4.6.6.4: d0 and d1 turn, the three dibits behind them are the phases."""
    for d in itertools.product((0, 1), repeat=8):
        wanted = _by_formula(_DQPSK[d[:2]], _QPSK[d[2:4]], _QPSK[d[4:6]], _QPSK[d[6:]])
        assert modulate(np.array(d, np.uint8), 8) == pytest.approx(np.array(wanted), abs=1e-6)


@pytest.mark.parametrize("width", [4, 8])
def test_odd_symbols_turn_by_half_more(width: int) -> None:
    """16.4.6.6.2: the PSDU's first symbol is number 0; phases add up."""
    chips = modulate(np.zeros(5 * width, np.uint8), width)
    assert chips[7::8].tolist() == [1, -1, -1, 1, 1]


def test_code_words_are_distinct_and_as_far_apart_as_published() -> None:
    """At 11 Mbit/s a squared distance of 8 between all 256 symbols; at 5.5, 4 orthogonal words.

    The energy of a symbol is 8, so its minimum distance is the square root of its energy.
    """
    words = codewords(8)
    assert len({tuple(word) for word in words.tolist()}) == 64
    symbols = (QUARTER_TURNS[:, np.newaxis, np.newaxis] * words).reshape(-1, 8)
    distances = (abs(symbols[:, np.newaxis] - symbols) ** 2).sum(axis=2)
    assert np.unique(distances.round(4))[:2].tolist() == [0, 8]
    assert np.count_nonzero(distances.round(4) == 0) == 256
    few = codewords(4)
    assert (few @ few.conj().T).tolist() == (8 * np.eye(4)).tolist()
    assert {tuple(word) for word in few.tolist()} <= {tuple(word) for word in words.tolist()}


def test_code_words_are_complementary() -> None:
    """Chips at even and odd places: their aperiodic autocorrelations cancel at every shift."""
    for word in codewords(8):
        total = sum(np.correlate(part, part, "full") for part in (word[::2], word[1::2]))
        assert total == pytest.approx([0, 0, 0, 8, 0, 0, 0], abs=1e-5)


@given(st.binary(max_size=50), st.sampled_from([4, 8]), st.integers(0, 3))
def test_bits_come_back_and_the_kernels_agree(data: bytes, width: int, turned: int) -> None:
    """Without noise, behind any phase of the channel, from plain and compiled halves."""
    bits = np.unpackbits(np.frombuffer(data, np.uint8))
    chips = modulate(bits, width)
    compiled = np.empty_like(chips)
    cck_kernel.modulate_cck(bits, width, compiled)
    assert compiled.tolist() == chips.tolist()
    chips *= QUARTER_TURNS[turned]
    before = complex(QUARTER_TURNS[turned])
    received = np.empty_like(bits)
    cck_kernel.demodulate_cck(chips, width, before, received)
    assert received.tolist() == bits.tolist() == demodulate(chips, width, before).tolist()


@pytest.mark.parametrize("width", [4, 8])
def test_the_fast_correlator_finds_what_all_correlations_find(width: int) -> None:
    """On noise alone, where nothing is clear, it decides as the whole table does."""
    draw = np.random.default_rng(9)
    chips = draw.normal(size=(8 * 4000, 2)).astype(np.float32).view(np.complex64).ravel()
    received = np.empty(width * 4000, np.uint8)
    cck_kernel.demodulate_cck(chips, width, 1, received)
    assert received.tolist() == demodulate(chips, width, 1).tolist()
