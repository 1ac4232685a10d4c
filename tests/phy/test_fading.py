"""The fading profile and the gains that it makes."""

from __future__ import annotations

import numpy as np
import pytest

from wtrec.phy import fading


def test_the_profile_decays_by_e_a_tap() -> None:
    """50 ns a tap, 50 ns of decay, power 1 in all."""
    powers = fading.profile()
    assert powers.sum() == pytest.approx(1)
    assert powers[:-1] / powers[1:] == pytest.approx(np.full(7, np.e))


def test_each_tap_turns_over_the_band_as_its_delay_says() -> None:
    """A lone first tap has a flat response; a lone second one turns by 1/64 a subcarrier."""
    response = fading.response()
    assert np.ptp(np.abs(response), axis=0) == pytest.approx(np.zeros(fading.TAPS))
    assert np.ptp(np.angle(response[:, 0])) == 0
    turns = np.diff(np.unwrap(np.angle(response[:, 1]))) / (2 * np.pi / -64)
    assert sorted(set(np.round(turns, 9))) == [1, 2]  # 2: over a pilot, or the middle


def test_gains_are_exponential_with_mean_one() -> None:
    """|H|^2 of a complex normal H, on every subcarrier; correlated as the profile's transform."""
    draws = np.random.default_rng(1).normal(size=(20_000, 2 * fading.TAPS)).astype(np.float32)
    gains = np.array([fading.gains(draw) for draw in draws])
    assert gains.mean(axis=0) == pytest.approx(np.ones(48), abs=0.04)
    assert gains.var(axis=0) == pytest.approx(np.ones(48), abs=0.12)
    apart = 26 + 26  # the outermost subcarriers
    turns = np.exp(2j * np.pi * np.arange(fading.TAPS) * apart / 64)
    expected = abs(turns @ fading.profile()) ** 2
    assert np.corrcoef(gains[:, 0], gains[:, -1])[0, 1] == pytest.approx(expected, abs=0.04)
