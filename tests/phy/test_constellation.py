"""Constellations: energy, Gray mapping, soft bits."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from wtrec.phy.constellation import K_MOD, LEVELS, axes, levels, log_likelihood_ratios

BITS = [1, 2, 4, 6]


def all_points(width: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """The bits of every point."""
    return np.array(list(itertools.product((0, 1), repeat=width)), np.uint8)


@pytest.mark.parametrize("width", BITS)
def test_mean_energy_is_one(width: int) -> None:
    """Over all points, after normalisation."""
    energy = (levels(all_points(width).reshape(-1), width) * K_MOD[width]) ** 2
    assert energy.sum() / 2**width == pytest.approx(1)


@pytest.mark.parametrize("width", [1, 2, 3])
def test_neighbours_differ_in_one_bit(width: int) -> None:
    """Gray mapping, with levels two apart."""
    by_level = sorted((int(level), number) for number, level in enumerate(LEVELS[width]))
    for (low, a), (high, b) in itertools.pairwise(by_level):
        assert high - low == 2
        assert (a ^ b).bit_count() == 1


@pytest.mark.parametrize("width", BITS)
def test_points_give_their_bits_back(width: int) -> None:
    """Each ratio's sign is the bit that was sent, and its size the distance to the other."""
    bits = all_points(width)
    sent = levels(bits.reshape(-1), width).astype(float)
    ratios = log_likelihood_ratios(sent, np.ones(len(sent)), width).reshape(bits.shape)
    assert ((ratios > 0) == bits).all()
    assert np.abs(ratios).min() == 1
    assert len(sent) == axes(width) * len(bits)


def test_ratios_are_those_of_gaussian_noise() -> None:
    """Of BPSK, log of the densities' ratio: with 4 / N0 a level, at variance N0 / 2."""
    received, n0 = np.linspace(-3, 3, 25), 0.7
    exact = ((received + 1) ** 2 - (received - 1) ** 2) / n0
    assert log_likelihood_ratios(received, np.full(25, 4 / n0), 1) == pytest.approx(exact)
