"""The interleaver against the standard's formulas for its inverse."""

from __future__ import annotations

import itertools

import pytest

from wtrec.phy.interleaver import permutation


@pytest.mark.parametrize("width", [1, 2, 4, 6])
def test_the_inverse_of_the_standard_undoes_it(width: int) -> None:
    """17.3.5.7 gives both directions by formulas of their own."""
    size = 48 * width
    s = max(width // 2, 1)
    places = permutation(size, width).tolist()
    assert sorted(places) == list(range(size))
    for k, j in enumerate(places):
        i = s * (j // s) + (j + 16 * j // size) % s
        assert 16 * i - (size - 1) * (16 * i // size) == k


@pytest.mark.parametrize("width", [1, 2, 4, 6])
def test_neighbours_are_three_subcarriers_apart(width: int) -> None:
    """Coded bits that follow each other do not share a fade, but at the end of a row."""
    carriers = permutation(48 * width, width) // width
    steps = {int(b - a) for a, b in itertools.pairwise(carriers)}
    assert {step for step in steps if step > 0} == {3}
