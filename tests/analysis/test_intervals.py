"""Wilson's interval and McNemar's test against their definitions."""

from __future__ import annotations

from fractions import Fraction
from math import comb, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.analysis.intervals import mcnemar, wilson


class TestWilson:
    """The score interval."""

    @given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
    def test_bounds_are_where_the_score_test_turns(self, counts: tuple[int, int]) -> None:
        """At a bound inside (0, 1) the observed share is z standard errors away."""
        k, n = counts
        for bound in wilson(k, n):
            assert 0 <= bound <= 1
            if 0 < bound < 1:
                score = abs(k / n - bound) / sqrt(bound * (1 - bound) / n)
                assert score == pytest.approx(1.959964, rel=1e-5)

    def test_without_trials(self) -> None:
        """Nothing is known."""
        assert wilson(0, 0) == (0.0, 1.0)


class TestMcNemar:
    """The exact test."""

    @given(st.integers(0, 200), st.integers(0, 200))
    def test_against_the_binomial_sum(self, b: int, c: int) -> None:
        """Twice the smaller tail of a fair coin, at most one."""
        tail = sum(comb(b + c, k) for k in range(min(b, c) + 1))
        expected = min(Fraction(1), Fraction(2 * tail, 2 ** (b + c)))
        assert mcnemar(b, c) == pytest.approx(float(expected), rel=1e-9)

    def test_many_pairs(self) -> None:
        """A million discordant pairs neither overflow nor take long."""
        assert mcnemar(500_000, 501_000) == pytest.approx(0.3178, abs=1e-3)
        assert mcnemar(1_000_000, 0) == 0
