"""Tests for patterns along the frame: their level without any, and that they find some."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.analysis.han import EqualBits, PatternTest, _tail
from wtrec.analysis.han_kernel import add_scores, new_scores
from wtrec.analysis.masks import ErrorMasks
from wtrec.phy.link import ChannelName, Link

LENGTH = 300
BITS = 8 * LENGTH


def packed(masks: list[list[int]]) -> ErrorMasks:
    counts = [len(mask) for mask in masks]
    return ErrorMasks(
        np.arange(len(masks)),
        np.zeros(len(masks), np.int64),
        np.full(len(masks), BITS, np.int64),
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        np.array([flip for mask in masks for flip in mask], np.int32),
    )


def scores_of(masks: list[list[int]], symbol: int) -> tuple[PatternTest, PatternTest, PatternTest]:
    """Slope, saw and finger of some frames."""
    found = EqualBits()
    symbols = np.full(len(masks), symbol, np.int64)
    found.add(packed(masks), np.arange(len(masks)), symbols, symbols // 6)
    slope, saw, finger = found.slope(), found.saw(), found.finger()
    assert slope
    assert saw
    assert finger
    return slope, saw, finger


def over_the_air(channel: ChannelName, rate: int, snr_db: float, frames: int) -> list[list[int]]:
    """Masks of received frames that are bad."""
    sent = [np.random.default_rng(i).bytes(LENGTH) for i in range(frames)]
    received = Link(rate, channel=channel, snr_db=snr_db, seed=9).receive(sent)
    masks = []
    for one, other in zip(sent, received, strict=True):
        wrong = np.frombuffer(one, np.uint8) ^ np.frombuffer(other, np.uint8)
        mask = np.flatnonzero(np.unpackbits(wrong, bitorder="little")).tolist()
        if mask:
            masks.append(mask)
    return masks


@pytest.mark.slow
@pytest.mark.parametrize(
    ("channel", "rate", "snr_db"),
    [("awgn", 54, 16.5), ("awgn", 24, 7.5), ("rayleigh", 54, 20.0)],
)
def test_level_without_pattern(channel: ChannelName, rate: int, snr_db: float) -> None:
    """In white noise and in fading p-values are small no more often than they may be."""
    masks = over_the_air(channel, rate, snr_db, 5000)
    size = 60
    runs = [masks[i : i + size] for i in range(0, len(masks) - size, size)]
    assert len(runs) >= 25
    p = np.array([[test.p for test in scores_of(run, 4 * rate)] for run in runs])
    for values in p.T:
        at_most = 0.05 * len(runs) + 3 * math.sqrt(0.05 * 0.95 * len(runs))
        assert np.count_nonzero(values < 0.05) <= at_most
    assert min(test.p for test in scores_of(masks, 4 * rate)) > 1e-3


class TestPlantedEffects:
    """Patterns that are there."""

    @pytest.fixture
    def masks(self) -> list[list[int]]:
        """Events of six wrong bits at even chances, in some frames many."""
        draw = np.random.default_rng(4)
        found = []
        for _ in range(300):
            starts = 40 * draw.choice(BITS // 40, 1 + draw.poisson(draw.gamma(0.5, 4)), False)
            starts += draw.integers(0, 20)
            found.append(sorted({int(s) + i for s in starts for i in range(6)} & {*range(BITS)}))
        return found

    def thinned(self, masks: list[list[int]], chance: list[float]) -> list[list[int]]:
        """Keep events by the chance at their start, modulo the list's length."""
        draw = np.random.default_rng(5)
        found = []
        for mask in masks:
            starts = [bit for bit in mask if bit - 1 not in mask]
            kept = [s for s in starts if draw.random() < chance[s % len(chance)]]
            found.append([bit for bit in mask if max(s for s in starts if s <= bit) in kept])
        return [mask for mask in found if mask]

    def test_slope(self, masks: list[list[int]]) -> None:
        """Events that grow denser along the frame, and only that test."""
        chance = [0.3 + 0.7 * i / BITS for i in range(BITS)]
        slope, _, _ = scores_of(self.thinned(masks, chance), 96)
        assert slope.p < 1e-4
        assert slope.effect > 0.03
        slope, _, _ = scores_of(self.thinned(masks, chance[::-1]), 96)
        assert slope.effect < -0.03

    def test_saw(self, masks: list[list[int]]) -> None:
        """Events that prefer the second half of an OFDM symbol."""
        thinned = self.thinned(masks, [0.4] * 32 + [1.0] * 48 + [0.4] * 16)
        slope, saw, _ = scores_of(thinned, 96)
        assert saw.p < 1e-4
        assert saw.effect > 0.1
        assert slope.p > 1e-3

    def test_finger(self, masks: list[list[int]]) -> None:
        """Events that prefer a residue modulo 7, found with its period."""
        slope, saw, finger = scores_of(self.thinned(masks, [1.0] + [0.25] * 6), 96)
        assert finger.period == 7
        assert finger.p < 1e-3
        assert min(slope.p, saw.p) > 1e-3

    def test_one_frame_proves_nothing(self, masks: list[list[int]]) -> None:
        """A frame with many events late in it is one frame, not many events."""
        slope, _, _ = scores_of([*masks, list(range(BITS // 2 + 20, BITS, 20))], 96)
        assert slope.p > 0.01


class TestDistributions:
    """Tails without a library for them."""

    @pytest.mark.parametrize("dimensions", [1, 2, 6])
    @pytest.mark.parametrize("frames", [30, 200])
    def test_hotelling_by_simulation(self, dimensions: int, frames: int) -> None:
        """For normal scores p-values are even: a tenth below a tenth."""
        draw = np.random.default_rng(8)
        values = []
        for _ in range(2000):
            z = draw.standard_normal((frames, dimensions))
            total, products = z.sum(axis=0), z.T @ z
            values.append(_tail(dimensions, frames, total @ np.linalg.solve(products, total)))
        for level in (0.01, 0.1, 0.5):
            spread = 4 * math.sqrt(level * (1 - level) / 2000)
            assert np.mean(np.array(values) < level) == pytest.approx(level, abs=spread)


@given(st.lists(st.sets(st.integers(0, BITS - 1), max_size=30).map(sorted), max_size=5))
def test_kernel_is_its_source(masks: list[list[int]]) -> None:
    """Compiled and interpreted, the loop adds up the same."""
    compiled, interpreted = new_scores(), new_scores()
    batch, chosen = packed(masks), np.arange(len(masks))
    symbols = np.resize([216, 0, 24], len(masks))
    own = np.resize([36, 8, 0], len(masks))
    arguments = (chosen, batch.begin, batch.end, batch.offsets, batch.flips, symbols, own)
    add_scores(*arguments, compiled)
    add_scores.py_func(*arguments, interpreted)  # type: ignore[attr-defined]
    for one, other in zip(compiled, interpreted, strict=True):
        assert one == pytest.approx(other, abs=1e-9)


def test_needs_frames() -> None:
    """With fewer than 30 frames nothing is said."""
    assert EqualBits().to_json() == {"slope": None, "saw": None, "finger": None}
