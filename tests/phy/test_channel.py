"""Bit-level channels: reproducible, independent of batching, and as bad as they say."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.phy.channel import BinarySymmetricChannel, GilbertElliott

SEEDS = st.integers(0, 2**64 - 1)


class TestBinarySymmetricChannel:
    """Each bit flips with one probability."""

    @given(SEEDS, st.floats(0, 1), st.integers(0, 5000), st.integers(0, 200), st.integers(0, 10**9))
    def test_errors_are_sorted_distinct_positions(
        self, seed: int, rate: float, bits: int, stream: int, frame: int
    ) -> None:
        """Positions lie in the frame, each at most once, in order, and are the same again."""
        errors = BinarySymmetricChannel(rate, seed).errors(bits, stream, frame)
        assert (np.diff(errors) > 0).all()
        assert ((errors >= 0) & (errors < bits)).all()
        again = BinarySymmetricChannel(rate, seed).errors(bits, stream, frame)
        assert errors.tolist() == again.tolist()

    def test_a_frame_does_not_depend_on_the_frames_before_it(self) -> None:
        """Drawn alone or after others, a frame has the same errors."""
        channel = BinarySymmetricChannel(0.01, 7)
        in_order = [channel.errors(8000, 12, frame).tolist() for frame in range(20)]
        assert BinarySymmetricChannel(0.01, 7).errors(8000, 12, 19).tolist() == in_order[19]

    def test_frames_streams_and_seeds_differ(self) -> None:
        """No two draws are the same by construction."""
        draws = {
            tuple(BinarySymmetricChannel(0.5, seed).errors(256, stream, frame))
            for seed in (1, 2)
            for stream in (1, 2)
            for frame in (1, 2)
        }
        assert len(draws) == 8

    @pytest.mark.parametrize("rate", [1e-4, 1e-2, 0.3])
    def test_the_share_of_flipped_bits_is_the_error_rate(self, rate: float) -> None:
        """Over many bits, within five standard deviations; and evenly over the frame."""
        channel = BinarySymmetricChannel(rate, 3)
        frames, bits = 400, 4000
        errors = np.concatenate([channel.errors(bits, 0, frame) for frame in range(frames)])
        total = frames * bits
        assert abs(len(errors) - rate * total) < 5 * math.sqrt(total * rate * (1 - rate))
        first_half = np.count_nonzero(errors < bits // 2)
        assert abs(first_half - len(errors) / 2) < 5 * math.sqrt(len(errors)) / 2 + 1

    @pytest.mark.parametrize("rate", [-0.1, 1.1, math.nan])
    def test_impossible_rates_are_refused(self, rate: float) -> None:
        """An error rate is a probability."""
        with pytest.raises(ValueError, match="wanted 0 to 1"):
            BinarySymmetricChannel(rate, 1)


class TestGilbertElliott:
    """Errors come in bursts, as long and as dense as the parameters say."""

    @given(
        SEEDS,
        st.floats(1e-9, 0.5),
        st.floats(1e-9, 0.5),
        st.floats(0, 1),
        st.floats(0, 1),
        st.integers(0, 2000),
        st.integers(0, 10**9),
    )
    def test_errors_are_sorted_distinct_positions(
        self, seed: int, p: float, q: float, good: float, bad: float, bits: int, frame: int
    ) -> None:
        """Positions lie in the frame, each at most once, in order, and are the same again."""
        channel = GilbertElliott(p, q, error_rate_good=good, error_rate_bad=bad, seed=seed)
        errors = channel.errors(bits, 12, frame)
        assert errors.dtype == np.int64
        assert (np.diff(errors) > 0).all()
        assert ((errors >= 0) & (errors < bits)).all()
        assert errors.tolist() == channel.errors(bits, 12, frame).tolist()

    def test_frames_streams_and_seeds_differ_and_stand_alone(self) -> None:
        """A frame's errors follow from seed, stream and number, whatever was drawn before."""
        draws = {}
        for seed in (1, 2):
            channel = GilbertElliott(0.3, 0.3, error_rate_bad=0.5, seed=seed)
            for stream in (1, 2):
                for frame in (1, 2):
                    draws[seed, stream, frame] = tuple(channel.errors(256, stream, frame))
        assert len(set(draws.values())) == 8
        alone = GilbertElliott(0.3, 0.3, error_rate_bad=0.5, seed=2)
        assert tuple(alone.errors(256, 2, 2)) == draws[2, 2, 2]

    @pytest.mark.parametrize(("p", "q"), [(0.01, 0.1), (0.2, 0.3), (0.5, 0.5), (0.002, 0.9)])
    def test_sojourns_are_geometric_with_the_means_asked(self, p: float, q: float) -> None:
        """With every bad bit wrong, runs of errors are the bad state's sojourns.

        The gaps are the good state's. Runs cut by an end of the frame are left out.
        """
        channel = GilbertElliott(p, q, error_rate_bad=1, seed=5)
        runs: dict[bool, list[int]] = {False: [], True: []}
        bits = 40_000
        for frame in range(10):
            state = np.zeros(bits, bool)
            state[channel.errors(bits, 0, frame)] = True
            edges = np.flatnonzero(np.diff(state)) + 1
            for start, stop in itertools.pairwise(edges.tolist()):
                runs[bool(state[start])].append(stop - start)
        for is_bad, leave in ((True, q), (False, p)):
            lengths = np.array(runs[is_bad])
            deviation = math.sqrt(1 - leave) / leave / math.sqrt(len(lengths))
            assert abs(lengths.mean() - 1 / leave) < 5 * deviation
            single = np.count_nonzero(lengths == 1) / len(lengths)
            assert abs(single - leave) < 5 * math.sqrt(leave * (1 - leave) / len(lengths))

    def test_a_frame_begins_in_equilibrium(self) -> None:
        """The first bit is as often bad as every other."""
        channel = GilbertElliott(0.01, 0.03, error_rate_bad=1, seed=6)
        frames, bits = 4000, 64
        counts = np.zeros(bits)
        for frame in range(frames):
            counts[channel.errors(bits, 0, frame)] += 1
        bound = 5 * math.sqrt(frames * 0.25 * 0.75)
        assert (abs(counts - frames * 0.25) < bound).all()

    def test_each_state_has_its_error_rate(self) -> None:
        """The share of errors is the mean of both rates, weighted by the time in each state.

        Neighbours say the rest: two errors in a row need two bits in the same state or a change.
        """
        p, q, good, bad = 0.02, 0.08, 0.05, 0.6
        channel = GilbertElliott(p, q, error_rate_good=good, error_rate_bad=bad, seed=7)
        bits = 400_000
        wrong = np.zeros(bits, bool)
        wrong[channel.errors(bits, 0, 0)] = True
        in_bad = p / (p + q)
        assert wrong.mean() == pytest.approx((1 - in_bad) * good + in_bad * bad, rel=0.03)
        pairs = (1 - in_bad) * good * ((1 - p) * good + p * bad)
        pairs += in_bad * bad * ((1 - q) * bad + q * good)
        assert (wrong[1:] & wrong[:-1]).mean() == pytest.approx(pairs, rel=0.05)

    @pytest.mark.parametrize(("code_rate", "mean"), [("1/2", 9), ("2/3", 11), ("3/4", 14)])
    def test_ofdm_events_break_the_share_of_frames_asked(self, code_rate: str, mean: int) -> None:
        """Broken frames are as many as asked for, and their errors are clusters of that length."""
        asked, bits, frames = 0.3, 8000, 3000
        channel = GilbertElliott.ofdm_events(asked, bits, code_rate=code_rate, seed=8)
        masks = [channel.errors(bits, 0, frame) for frame in range(frames)]
        broken = [mask for mask in masks if len(mask)]
        deviation = math.sqrt(asked * (1 - asked) / frames)
        assert abs(len(broken) / frames - asked) < 5 * deviation
        events = -math.log(1 - asked) * frames / (1 - 0.45 / mean / (1 - 0.45 * (1 - 1 / mean)))
        flips = sum(map(len, broken))
        assert flips == pytest.approx(events * mean * 0.55, rel=0.15)

    @pytest.mark.parametrize("code_rate", ["1/2", "2/3", "3/4"])
    def test_events_make_the_error_rate_asked(self, code_rate: str) -> None:
        """On average over many bits."""
        asked, bits, frames = 2e-3, 8000, 1500
        channel = GilbertElliott.of_error_rate(asked, code_rate=code_rate, seed=9)
        flips = sum(len(channel.errors(bits, 0, frame)) for frame in range(frames))
        assert flips / (bits * frames) == pytest.approx(asked, rel=0.1)

    @pytest.mark.parametrize(("p", "q"), [(0, 0.5), (0.5, 0), (0.6, 0.6), (math.nan, 0.1)])
    def test_impossible_chains_are_refused(self, p: float, q: float) -> None:
        """States are entered, left and persist."""
        with pytest.raises(ValueError, match="sum at most 1"):
            GilbertElliott(p, q, error_rate_bad=0.5, seed=1)

    def test_impossible_rates_are_refused(self) -> None:
        """Error rates are probabilities, and the preset knows three code rates."""
        with pytest.raises(ValueError, match=r"error_rate_bad=1.5, wanted 0 to 1"):
            GilbertElliott(0.1, 0.1, error_rate_bad=1.5, seed=1)
        with pytest.raises(ValueError, match="error_rate_good=nan"):
            GilbertElliott(0.1, 0.1, error_rate_good=math.nan, error_rate_bad=1, seed=1)
        with pytest.raises(ValueError, match="wanted one of 1/2, 2/3, 3/4"):
            GilbertElliott.ofdm_events(0.1, 8000, code_rate="5/6", seed=1)
        with pytest.raises(ValueError, match="wanted one of 1/2, 2/3, 3/4"):
            GilbertElliott.of_error_rate(1e-3, code_rate="5/6", seed=1)
        with pytest.raises(ValueError, match=r"wanted above 0 and at most 0\.275"):
            GilbertElliott.of_error_rate(0.3, code_rate="1/2", seed=1)
        with pytest.raises(ValueError, match="above 0 and below 1"):
            GilbertElliott.ofdm_events(1, 8000, code_rate="1/2", seed=1)
