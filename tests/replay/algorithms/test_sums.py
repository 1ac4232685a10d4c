"""How likely candidates make up for what a checksum lacks."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from wtrec.replay.algorithms.sums import (
    ANY,
    BESIDE,
    BY_CHANCE,
    MODULUS,
    TWO,
    Sums,
    of_bursts,
    of_errors,
)

EVERY = np.arange(MODULUS)


def under(sums: Sums) -> NDArray[np.float64]:
    """Probability of each change by what is all under the checksum, shape (MODULUS, weights)."""
    return sums.chance(EVERY, np.ones(MODULUS))


def counted(changes: list[int]) -> NDArray[np.float64]:
    """Shares of changes that are equally likely."""
    return np.bincount(np.array(changes) % MODULUS, minlength=MODULUS) / len(changes)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_flips(number: int) -> None:
    """Flips add or subtract a power of two each: as all ways to choose them do."""
    single = [sign << k for k in range(16) for sign in (1, -1)]
    every = [sum(ways) for ways in itertools.product(single, repeat=number)]
    np.testing.assert_allclose(under(of_errors(number))[:, 0], counted(every), atol=1e-13)


def test_taps() -> None:
    """An error with taps adds or subtracts one for each, wherever the first stands."""
    every = [
        (a + (b << 4) + (c << 7)) << k
        for a, b, c in itertools.product((1, -1), repeat=3)
        for k in range(16)
    ]
    np.testing.assert_allclose(under(of_errors(1, (0, 4, 7)))[:, 0], counted(every), atol=1e-13)


@pytest.mark.parametrize("span", range(1, 8))
def test_bursts(span: int) -> None:
    """A burst replaces some bits by others, the first and the last by their opposites."""
    ends = 1 | 1 << span - 1
    every = [
        (now - before) << k
        for before, now in itertools.product(range(1 << span), repeat=2)
        if (before ^ now) & ends == ends
        for k in range(16)
    ]
    np.testing.assert_allclose(under(of_bursts(8))[:, span], counted(every), atol=1e-13)


@pytest.mark.parametrize("sums", [ANY, TWO, of_errors(3), of_errors(4, (0, 4, 7)), of_bursts(20)])
def test_one_in_all(sums: Sums) -> None:
    """Over everything that may be lacking, chances add up to one, none is negative."""
    chances = under(sums)
    assert (chances >= 0).all()
    np.testing.assert_allclose(chances.sum(axis=0), 1, rtol=1e-4)  # 2^-16 is not 1 / (2^16 - 1)


def test_long_bursts_are_any() -> None:
    """Bursts longer than a word change the sum as if at random."""
    np.testing.assert_allclose(under(of_bursts(20))[:, 20], BY_CHANCE, rtol=1e-3)


def test_beside() -> None:
    """What is not under the checksum leaves it right, or wrong."""
    lacking, inside = np.array([0, 5]), np.array([0.5, 0.5])
    assert BESIDE.chance(lacking, inside).tolist() == [[1], [0]]
    assert of_errors(1).chance(np.array([0, 1]), inside).tolist() == [
        [0.5],
        [pytest.approx(1 / 64)],
    ]
    opposite = 0.25 + 0.25 / 32  # both beside it, or both under it and in one column
    assert of_errors(2).chance(np.array([0]), inside[:1]) == pytest.approx(opposite)
