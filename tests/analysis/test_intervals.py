"""Intervals and tests for frames, against closed forms and exact sums."""

from __future__ import annotations

from math import comb

import pytest

from wtrec.analysis.intervals import ends, mcnemar, wilson


class TestWilson:
    """The score interval of a share."""

    def test_published_values(self) -> None:
        """81 of 263, the example of Newcombe (1998), method 3; and the edges' closed form."""
        low, high = wilson(81, 263) or (0, 0)
        assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
        z2 = 1.959963984540054**2
        assert ends(0, 30) == [0.0, pytest.approx(z2 / (30 + z2))]
        assert ends(30, 30) == [pytest.approx(30 / (30 + z2)), 1.0]

    def test_solves_its_equation(self) -> None:
        """At both ends the score statistic is what the level says."""
        for events, frames in [(1, 7), (50, 100), (3, 4000)]:
            for end in wilson(events, frames) or ():
                z = (events / frames - end) / (end * (1 - end) / frames) ** 0.5
                assert abs(z) == pytest.approx(1.959963984540054)

    def test_nothing(self) -> None:
        """Without frames nothing is said."""
        assert wilson(0, 0) is None
        assert ends(0, 0) is None


class TestMcNemar:
    """The exact test of paired algorithms."""

    @pytest.mark.parametrize("n", [0, 1, 2, 9, 40, 333])
    def test_against_exact_sums(self, n: int) -> None:
        """Twice the tail of fair coin tosses, in integers, and at most one."""
        for k in range(n + 1):
            tail = sum(comb(n, i) for i in range(min(k, n - k) + 1))
            assert mcnemar(k, n - k) == pytest.approx(min(1.0, 2 * tail / 2**n), rel=1e-9)

    def test_many_frames(self) -> None:
        """A million discordant frames are no trouble; what is certain is zero."""
        assert mcnemar(499_000, 501_000) == pytest.approx(0.0456, abs=2e-4)
        assert mcnemar(0, 1_000_000) == 0
