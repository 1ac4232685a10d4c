"""Bit-level channels: reproducible, independent of batching, and as bad as they say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.phy.channel import BinarySymmetricChannel

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
