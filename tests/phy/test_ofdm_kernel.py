"""Each compiled stage against the plain function that says what it does."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wtrec.phy import (
    constellation,
    fading,
    ofdm,
    ofdm_kernel,
    scrambler,
)
from wtrec.phy.constellation import K_MOD, log_likelihood_ratios
from wtrec.phy.ofdm import MODES
from wtrec.phy.random_kernel import FADING, GROUP, NOISE, identify, normals
from wtrec.phy.viterbi_kernel import BUTTERFLIES, MAX_SOFT

RATES = st.sampled_from(list(MODES))
compiles = settings(deadline=None)


def identity(frame: int) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """Of a frame."""
    name = np.empty(4, np.uint64)
    identify(1, 2, frame, name)
    return name


@given(st.binary(min_size=1, max_size=300), RATES, st.integers(1, 127))
@compiles
def test_transmit(psdu: bytes, rate: int, state: int) -> None:
    """The same levels on all axes."""
    expected = ofdm.transmit(psdu, MODES[rate], state)
    levels = np.empty(expected.size, np.float32)
    data = np.frombuffer(bytearray(psdu), np.uint8)
    ofdm_kernel.transmit(data, state, MODES[rate].tables(), levels)
    assert (levels == expected.reshape(-1)).all()


@pytest.mark.parametrize("bits", [1, 2, 4, 6])
@pytest.mark.parametrize("soft", [True, False])
def test_soft_bits(bits: int, *, soft: bool) -> None:
    """Soft bits are the ratios, cut to whole numbers and to the limit; hard ones their signs."""
    draw = np.random.default_rng(bits)
    axes = 48 * constellation.axes(bits)
    width = 48 * bits // axes
    received = draw.uniform(-12, 12, axes).astype(np.float32)
    weights = draw.exponential(50, axes).astype(np.float32)
    expected = log_likelihood_ratios(received.astype(float), weights.astype(float), bits)
    ratios = np.zeros(48 * bits, np.int16)
    ofdm_kernel.soft_bits(received, weights, width, soft, ratios)
    if soft:
        assert np.abs(ratios - np.clip(expected, -MAX_SOFT, MAX_SOFT)).max() < 1.001
        assert np.abs(ratios).max() == MAX_SOFT
    else:
        assert (ratios == np.sign(expected)).all()


def test_gains() -> None:
    """|H|^2 of the subcarriers, from the same draws."""
    draws, gains = np.empty(GROUP, np.float32), np.empty(48, np.float32)
    for frame in range(20):
        ofdm_kernel.draw_gains(identity(frame), draws, gains)
        normals(identity(frame), FADING, 0, draws)
        assert gains == pytest.approx(fading.gains(draws), rel=1e-4, abs=1e-6)


@given(st.integers(0, 2**32 - 1), st.integers(1, 200))
@compiles
def test_psdu_of(seed: int, length: int) -> None:
    """Descrambled with the state that the first seven bits are, even if that is zero."""
    bits = np.random.default_rng(seed).integers(0, 2, 16 + 8 * length).astype(np.uint8)
    if seed % 10 == 0:
        bits[:7] = 0
        assert not scrambler.state_after(bits[:7])
    psdu = np.empty(length, np.uint8)
    ofdm_kernel.psdu_of(bits, psdu)
    assert psdu.tobytes() == ofdm.psdu_of(bits)


@pytest.mark.parametrize(("bits", "snr_db"), [(1, 0.0), (2, 3.0), (4, 11.0), (6, 17.0)])
def test_symbol_error_rate(bits: int, snr_db: float) -> None:
    """Uncoded points in noise are taken for others as often as closed forms say, within 3 %.

    Per axis of L levels 2 (1 - 1 / L) Q(K_MOD sqrt(2 E_s/N_0)); a point is wrong if an axis is.
    """
    axes = constellation.axes(bits)
    levels = np.sort(constellation.LEVELS[bits // axes])
    snr = 10 ** (snr_db / 10)
    per_axis = 2 * (1 - 1 / len(levels)) * NormalDist().cdf(-K_MOD[bits] * math.sqrt(2 * snr))
    expected = 1 - (1 - per_axis) ** axes

    points = 48 * 6400
    draw = np.random.default_rng(bits)
    sent = draw.choice(levels, points * axes).astype(np.float32)
    draws, received = np.empty(len(sent), np.float32), sent.copy()
    normals(identity(0), NOISE, 0, draws)
    noise = math.sqrt(1 / snr / 2) / K_MOD[bits]
    ofdm_kernel.add(received, draws, np.ones(48 * axes, np.float32), noise)
    edges = (levels[:-1] + levels[1:]) / 2
    decided = levels[np.searchsorted(edges, received)]
    wrong = (decided != sent).reshape(points, axes).any(axis=1)
    assert wrong.mean() == pytest.approx(expected, rel=0.03)


def test_noise_is_louder_where_the_gain_is_small() -> None:
    """After equalisation each axis has its own deviation, in every symbol."""
    draws = np.empty(96 * 2000, np.float32)
    normals(identity(1), NOISE, 0, draws)
    deviations = np.linspace(0.5, 2, 96).astype(np.float32)
    received = np.zeros(len(draws), np.float32)
    ofdm_kernel.add(received, draws, deviations, 0.5)
    found = received.reshape(-1, 96).std(axis=0)
    assert found == pytest.approx(0.5 * deviations, rel=0.1)


@given(st.binary(min_size=1, max_size=60), RATES)
@settings(max_examples=30, deadline=None)
def test_a_whole_frame(psdu: bytes, rate: int) -> None:
    """The chain of plain functions, on the same noise, receives the same bytes."""
    mode = MODES[rate]
    tables = mode.tables()
    symbols, name = mode.symbols(len(psdu)), identity(len(psdu))
    levels = np.empty(symbols * mode.axes, np.float32)
    data = np.frombuffer(bytearray(psdu), np.uint8)
    ofdm_kernel.transmit(data, 5, tables, levels)
    draws = np.empty(-(-len(levels) // GROUP) * GROUP, np.float32)
    normals(name, NOISE, 0, draws)
    ofdm_kernel.add(levels, draws, np.ones(mode.axes, np.float32), 0.8)

    ratios = np.zeros((symbols, mode.coded_bits), np.int16)
    weights = np.full(mode.axes, 40, np.float32)
    for symbol, received in enumerate(levels.reshape(symbols, -1)):
        ofdm_kernel.soft_bits(received, weights, tables.width, True, ratios[symbol])
    plain = ofdm.receive(ratios.astype(float), mode, len(psdu))

    arrived = np.empty(len(psdu), np.uint8)
    survivors = np.empty((ofdm.SERVICE + 8 * len(psdu) + 6, BUTTERFLIES), np.uint8)
    ofdm_kernel.receive(levels, weights, tables, True, survivors, arrived)
    assert arrived.tobytes() == plain
