"""Fits of Gilbert's channel to simulations whose parameters are known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from wtrec.analysis.gilbert import fit, predicted, survival
from wtrec.analysis.masks import ErrorMasks
from wtrec.analysis.patterns import Patterns
from wtrec.analysis.patterns_kernel import BINS, EXACT
from wtrec.phy.channel import BinarySymmetricChannel, GilbertElliott

BITS = 4000


def collected(masks: list[NDArray[np.int64]]) -> tuple[float, Patterns]:
    """BER over all frames, and the patterns of the bad ones, as of a run."""
    bad = [mask for mask in masks if len(mask)]
    offsets = np.concatenate([[0], np.cumsum([len(mask) for mask in bad])]).astype(np.int64)
    batch = ErrorMasks(
        np.arange(len(bad)),
        np.zeros(len(bad), np.int64),
        np.full(len(bad), BITS, np.int64),
        offsets,
        np.concatenate(bad).astype(np.int32),
    )
    patterns = Patterns()
    patterns.add(batch, np.arange(len(bad)), np.zeros(len(bad), np.int64))
    return int(offsets[-1]) / (BITS * len(masks)), patterns


@pytest.mark.parametrize(
    ("into", "out", "bad"), [(1e-4, 0.1, 0.55), (2e-3, 0.02, 0.3), (5e-4, 0.3, 0.8)]
)
def test_recovers_parameters(into: float, out: float, bad: float) -> None:
    """From 4,000 frames each parameter is within 12 %, whether most are bad or few."""
    channel = GilbertElliott(into, out, error_rate_bad=bad, seed=5)
    rate, patterns = collected([channel.errors(BITS, 0, i) for i in range(4000)])
    found = fit(rate, patterns.lags, patterns.sums.gaps, patterns.sums.ends)
    assert found is not None
    assert found.p_good_to_bad == pytest.approx(into, rel=0.12)
    assert found.p_bad_to_good == pytest.approx(out, rel=0.12)
    assert found.error_rate_bad == pytest.approx(bad, rel=0.12)
    assert found.fits
    assert found.to_json()["distance"] < 0.03


def test_refuses_what_is_not_geometric() -> None:
    """Events of exactly 20 wrong bits, and frames of two kinds, are no Gilbert channel."""
    draw = np.random.default_rng(3)
    events = [np.arange(20) + draw.integers(0, BITS - 20) for _ in range(500)]
    light, heavy = (BinarySymmetricChannel(rate, 1) for rate in (1e-3, 0.2))
    mixed = [(heavy if i % 20 == 0 else light).errors(BITS, 0, i) for i in range(500)]
    for masks in (mixed, [*events, *mixed]):
        rate, patterns = collected(masks)
        found = fit(rate, patterns.lags, patterns.sums.gaps, patterns.sums.ends)
        assert found is not None
        assert not found.fits


def test_needs_errors() -> None:
    """A handful of wrong bits, or none, is no ground for a fit."""
    rate, patterns = collected([np.array([5, 6, 9])])
    for error_rate in (None, 0.0, rate):
        assert fit(error_rate, patterns.lags, patterns.sums.gaps, patterns.sums.ends) is None


def test_prediction_by_steps() -> None:
    """The survival of gaps is that of the chain, stepped bit by bit."""
    into, out, bad = 0.01, 0.1, 0.4
    good, in_bad = 0.0, 1.0
    expected = []
    for _ in range(EXACT * 8):
        good, in_bad = (
            good * (1 - into) + in_bad * out,
            (good * into + in_bad * (1 - out)) * (1 - bad),
        )
        expected.append(good + in_bad)
    # A gap of more than g bits: g + 1 right ones at least. Entering the bad state, the bit may
    # be wrong; leaving it, it is right.
    found = predicted(into, out, bad)
    assert len(found) == BINS
    tops = [*range(EXACT + 1), 2 * EXACT, 4 * EXACT]
    assert found[: len(tops)].tolist() == pytest.approx([expected[top] for top in tops])


def test_survival_of_cut_off_gaps() -> None:
    """The product-limit estimate, by hand: a gap that is cut off is longer than was seen."""
    gaps, ends = np.zeros(BINS, np.int64), np.zeros(BINS, np.int64)
    gaps[[0, 1, 3]] = 4, 2, 1
    ends[[1, 2]] = 1, 2
    # at risk: 10, then 6 less the one cut off at 1, then 3, then 1
    found = survival(gaps, ends)[:4]
    assert found.tolist() == pytest.approx([0.6, 0.6 * 3 / 5, 0.6 * 3 / 5, 0.0])
