"""The model of independent bit errors, against published figures and against drawn bits."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.analysis.dcf import Exchange, Phy
from wtrec.analysis.goodput import Ack
from wtrec.analysis.model import (
    CURVE_BERS,
    curve,
    error_rate,
    frame_error_rate,
    point,
    share_of_bad,
)

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "throughput.md"

# BER; PER; P(<= 1, 2, 3 | bad); 54 Mbit/s none, flip1, flip2; 6 Mbit/s none, flip2. The digits
# are as printed, but for one that was rounded twice (30.247, 30.25, 30.3); 1,500 bytes over
# 802.11g without protection.
PUBLISHED = """
1e-6 | .012 | .994 1 1 | 30.1 30.5 30.5 | 5.31 5.37
1e-5 | .116 | .940 .998 1 | 26.3 30.25 30.5 | 4.73 5.37
3e-5 | .308 | .827 .979 .998 | 18.6 28.6 30.3 | 3.64 5.34
1e-4 | .707 | .508 .821 .949 | 3.9 16.9 25.9 | 1.29 4.67
2e-4 | .914 | .230 .513 .745 | .74 4.0 12.7 | .32 2.83
5e-4 | .998 | .013 .054 .137 | .02 .12 .45 | .01 .20
"""


def same(printed: str, value: float) -> bool:
    """Whether a value has these digits; the last one may be off by half of it."""
    digits = len(printed.partition(".")[2])
    return abs(float(printed) - value) <= 0.5000001 / 10.0**digits


def figures(ber: float) -> list[float]:
    """A row of the table."""
    fast, slow = (point(Exchange(Phy.G, rate, 1500), Ack.IDEAL, ber) for rate in (54.0, 6.0))
    none, flip1, flip2, _ = fast.goodputs
    return [fast.per, *fast.shares, none, flip1, flip2, slow.goodputs[0], slow.goodputs[2]]


class TestPublished:
    """The table of goodput against uniform bit errors."""

    @pytest.mark.parametrize("row", PUBLISHED.strip().splitlines())
    def test_to_the_printed_digits(self, row: str) -> None:
        """PER, shares of bad frames within reach, and goodputs."""
        ber, *printed = row.replace("|", " ").split()
        found = figures(float(ber))
        assert len(printed) == len(found)
        for digits, value in zip(printed, found, strict=True):
            if digits == "1":  # printed so from .9995 on
                assert value > 0.9994
            else:
                assert same(digits, value), (digits, value)

    def test_the_documents_table(self) -> None:
        """The table in docs/throughput.md is what the code gives."""
        found = 0
        for line in DOCUMENT.read_text().splitlines():
            cells = [cell.strip() for cell in line.split("|")[1:-1]]
            if len(cells) != 10 or not cells[0].startswith(("1e", "2e", "3e", "5e")):
                continue
            per, one, two, three, *goodputs = figures(float(cells[0]))
            assert cells[1:5] == [f"{value:.3f}" for value in (per, one, two, three)]
            assert cells[5:] == [f"{value:.2f}" for value in goodputs]
            found += 1
        assert found == 6

    def test_twelve_mbit_at_three_db(self) -> None:
        """At a PER of 0.60, uniform errors would leave 89 % of bad frames within two flips."""
        ber = error_rate(0.6, 8 * 1536)
        assert ber is not None
        assert f"{ber:.1e}" == "7.5e-05"
        assert share_of_bad(ber, 8 * 1536, 2) == pytest.approx(0.89, abs=0.005)


class TestModel:
    """The formulas."""

    def test_against_drawn_bits(self) -> None:
        """Numbers of errors drawn for each frame give PER and shares within their noise."""
        bits, ber, frames = 2000, 7e-4, 200_000
        errors = np.random.default_rng(3).binomial(bits, ber, frames)
        bad = errors[errors > 0]
        assert frame_error_rate(ber, bits) == pytest.approx(len(bad) / frames, abs=0.005)
        for flips in (1, 2, 3):
            assert share_of_bad(ber, bits, flips) == pytest.approx(
                np.count_nonzero(bad <= flips) / len(bad), abs=0.005
            )

    @given(st.floats(1e-9, 0.999), st.integers(100, 20_000))
    def test_there_and_back(self, per: float, bits: int) -> None:
        """The bit error rate of a PER has that PER; shares rise with flips."""
        ber = error_rate(per, bits)
        assert ber is not None
        assert frame_error_rate(ber, bits) == pytest.approx(per, rel=1e-9)
        shares = [share_of_bad(ber, bits, flips) or 0 for flips in (1, 2, 3)]
        assert 0 <= shares[0] <= shares[1] <= shares[2] <= 1

    def test_the_ends(self) -> None:
        """If every frame is bad no uniform rate is implied; if none is, there are no shares."""
        assert error_rate(1.0, 100) is None
        assert error_rate(0.0, 100) == 0
        assert share_of_bad(0.0, 100, 2) is None

    def test_curve(self) -> None:
        """A point for each bit error rate; goodput falls along it and rises with flips."""
        points = curve(Exchange(Phy.G, 54.0, 1500), Ack.IDEAL)
        assert [each.ber for each in points] == list(CURVE_BERS)
        for before, after in itertools.pairwise(points):
            assert after.goodputs[0] <= before.goodputs[0]
            assert list(after.goodputs) == sorted(after.goodputs)
