"""Intervals of bit error rates: against formulas, and how often they hold."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from wtrec.analysis.bootstrap import _POISSON, Resampled
from wtrec.analysis.bootstrap_kernel import add_drawn
from wtrec.phy.link import ChannelName, Link

LENGTH = 100
BITS = 8 * LENGTH
RUNS = 400
MANY_RUNS = 1600  # coverage is known to within half a percent then; of 400 runs to within one
Counts = NDArray[np.int64]


@cache
def pool(channel: ChannelName, rate: float, snr_db: float, frames: int = 4000) -> Counts:
    """Bit errors of received frames: what runs are drawn from, so its BER is the true one."""
    sent = [np.random.default_rng(i).bytes(LENGTH) for i in range(frames)]
    received = Link(rate, channel=channel, snr_db=snr_db, seed=3).receive(sent)
    return np.array(
        [
            (int.from_bytes(one) ^ int.from_bytes(other)).bit_count()
            for one, other in zip(sent, received, strict=True)
        ]
    )


def interval(errors: Counts, seed: int, *, block: int = 1) -> tuple[float, float]:
    """Of the BER of a run of frames, good ones among them."""
    bad = errors[errors > 0]
    found = Resampled(seed, block=block)
    if block > 1:
        found.add(np.full(len(errors), BITS), errors)
        found.close()
    else:
        found.add(np.full(len(bad), BITS), bad)
        found.add_alike(BITS, len(errors) - len(bad))
    return found.interval() or (1.0, 0.0)


def coverage(errors: Counts, frames: int, *, bad_only: bool = False, runs: int = RUNS) -> float:
    """Share of runs whose interval holds the true rate."""
    errors = errors[errors > 0] if bad_only else errors
    true = errors.mean() / BITS
    draw = np.random.default_rng(11)
    held = 0
    for run in range(runs):
        low, high = interval(draw.choice(errors, frames), run)
        held += low <= true <= high
    return held / runs


def naive_coverage(errors: Counts, frames: int) -> float:
    """The same with the interval of the binomial of all bits."""
    true = errors.mean() / BITS
    draw = np.random.default_rng(11)
    held = 0
    for _ in range(RUNS):
        rate = draw.choice(errors, frames).mean() / BITS
        held += abs(rate - true) <= 1.96 * (rate * (1 - rate) / (frames * BITS)) ** 0.5
    return held / RUNS


CASES: list[tuple[ChannelName, float, float]] = [
    ("awgn", 24, 6.5),
    ("rayleigh", 24, 12.0),
    ("rayleigh", 54, 22.0),
]


@pytest.mark.slow
@pytest.mark.parametrize(("channel", "rate", "snr_db"), CASES)
def test_coverage(channel: ChannelName, rate: float, snr_db: float) -> None:
    """95 +- 2 % of runs hold the true BER: of 500 frames, and of 200 bad ones."""
    errors = pool(channel, rate, snr_db)
    assert coverage(errors, 500, runs=MANY_RUNS) == pytest.approx(0.95, abs=0.02)
    assert coverage(errors, 200, bad_only=True, runs=MANY_RUNS) == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize(("channel", "rate", "snr_db"), CASES)
def test_the_binomial_of_bits_fails(channel: ChannelName, rate: float, snr_db: float) -> None:
    """An interval that takes bits for independent holds less often than in 70 % of runs."""
    assert naive_coverage(pool(channel, rate, snr_db), 500) < (0.7 if channel == "awgn" else 0.2)


def test_where_it_fails() -> None:
    """With a dozen bad frames coverage is too low, and so it is if few frames have all errors."""
    fading = pool("rayleigh", 54, 22.0)
    assert coverage(fading, round(8 / (fading > 0).mean())) < 0.93
    rare = np.concatenate([np.full(999, 5), [400]])  # a misread scrambler seed in a thousand
    assert coverage(rare, 500) < 0.8


def test_the_kernel_against_numpy() -> None:
    """Each unit counts as often as its draw says, in every replicate."""
    draw = np.random.default_rng(2)
    rows = np.column_stack([draw.integers(0, 20_000, 700), draw.integers(0, 300, 700)]).astype(
        float
    )
    draws = draw.integers(0, 1 << 16, (700, 50), np.uint16)
    sums = np.ones((2, 50))
    add_drawn(rows, draws, _POISSON, sums)
    assert np.array_equal(sums, 1 + rows.T @ _POISSON[draws])


class TestResampled:
    """The replicates."""

    def test_against_the_delta_method(self) -> None:
        """For many frames the interval is that of the ratio's linearised variance."""
        draw = np.random.default_rng(2)
        bits = draw.choice([800.0, 2400.0, 12_000.0], 4000)
        errors = draw.poisson(bits * draw.gamma(1, 0.01, 4000)).astype(float)
        rate = errors.sum() / bits.sum()
        half = 1.96 * np.sqrt(((errors - rate * bits) ** 2).sum()) / bits.sum()
        found = Resampled(1)
        found.add(bits, errors)
        assert found.rate == pytest.approx(rate)
        low, high = found.interval() or (0, 0)
        assert low == pytest.approx(rate - half, abs=0.15 * half)
        assert high == pytest.approx(rate + half, abs=0.15 * half)

    def test_batches_do_not_matter(self) -> None:
        """Frames in pieces are frames at once; another seed is another draw, a little off."""
        errors = pool("awgn", 24, 6.5)[:700]
        for block in (1, 7):
            whole, pieces, other = (Resampled(seed, block=block) for seed in (1, 1, 2))
            whole.add(np.full(700, BITS), errors)
            other.add(np.full(700, BITS), errors)
            for part in np.split(errors, [3, 3, 500]):
                pieces.add(np.full(len(part), BITS), part)
            for found in (whole, pieces, other):
                found.close()
            assert whole.interval() == pytest.approx(pieces.interval())
            assert whole.interval() != other.interval()
            assert whole.interval() == pytest.approx(other.interval(), rel=0.1)

    def test_good_frames_at_once(self) -> None:
        """Frames without errors that are added by number count as those added one by one."""
        errors = pool("rayleigh", 54, 22.0)[:2000]
        at_once, each = interval(errors, 1), Resampled(1)
        each.add(np.full(2000, BITS), errors)
        assert at_once == pytest.approx(each.interval(), rel=0.1)

    def test_blocks_for_neighbours_that_are_alike(self) -> None:
        """Where 20 frames in a row share their fade, blocks widen the interval as they should."""
        fades = pool("rayleigh", 24, 12.0)[:200]
        errors = np.repeat(fades, 20)
        low, high = interval(errors, 1)
        block_low, block_high = interval(errors, 1, block=20)
        assert (block_high - block_low) / (high - low) == pytest.approx(20**0.5, rel=0.1)

    def test_too_little(self) -> None:
        """No interval from nothing, from no error, or from one frame that is wrong."""
        for bits, errors in ([], []), ([800, 800], [0, 0]), ([800, 800], [0, 3]):
            found = Resampled(1)
            found.add(np.array(bits), np.array(errors))
            assert found.interval() is None
        assert Resampled(1).rate is None

    def test_frames_that_are_all_wrong_alike(self) -> None:
        """Without any spread the interval is the rate itself."""
        found = Resampled(1)
        found.add(np.full(50, 800), np.full(50, 8))
        assert found.interval() == (0.01, 0.01)

    def test_weights(self) -> None:
        """Weights are Poisson with mean one."""
        assert _POISSON.mean() == pytest.approx(1, abs=1e-4)
        assert _POISSON.var() == pytest.approx(1, abs=2e-4)
