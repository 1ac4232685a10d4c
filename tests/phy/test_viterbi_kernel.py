"""The compiled decoder against the plain one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from wtrec.phy import convolutional
from wtrec.phy.viterbi_kernel import BUTTERFLIES, MAX_SOFT, decode, step

compiles = settings(deadline=None)


def decoded(soft: NDArray[np.int16]) -> NDArray[np.uint8]:
    """By the kernel."""
    data = np.empty(len(soft) // 2, np.uint8)
    decode(soft, np.empty((len(data), BUTTERFLIES), np.uint8), data)
    return data


class TestDecode:
    """The same decisions, ties included."""

    @given(
        st.integers(0, 2**32 - 1),
        st.integers(convolutional.TAIL, 200),
        st.sampled_from([1, 3, MAX_SOFT]),
    )
    @compiles
    def test_on_pure_noise(self, seed: int, bits: int, limit: int) -> None:
        """Where nothing was sent, every decision is a close one; small numbers make ties."""
        draw = np.random.default_rng(seed)
        soft = draw.integers(-limit, limit + 1, 2 * bits).astype(np.int16)
        assert (decoded(soft) == convolutional.decode(soft.astype(float), bits)).all()

    @given(st.integers(0, 2**32 - 1), st.integers(20, 300))
    @compiles
    def test_at_the_limits_of_16_bits(self, seed: int, bits: int) -> None:
        """Extreme soft bits, half of them wrong: metrics wrap, and differences stay right."""
        draw = np.random.default_rng(seed)
        soft = np.where(draw.random(2 * bits) < 0.5, MAX_SOFT, -MAX_SOFT).astype(np.int16)
        assert (decoded(soft) == convolutional.decode(soft.astype(float), bits)).all()

    @pytest.mark.parametrize("code_rate", convolutional.PUNCTURING)
    def test_long_words_with_noise(self, code_rate: tuple[int, int]) -> None:
        """12,000 bits near the code's limit: all errors are the plain decoder's."""
        draw = np.random.default_rng(1)
        bits = draw.integers(0, 2, 12_000).astype(np.uint8)
        bits[-convolutional.TAIL :] = 0
        coded = convolutional.encode(bits)
        soft = (2.0 * coded - 1) * 80 + draw.normal(0, 66, len(coded))
        soft[~convolutional.sent(code_rate, len(coded))] = 0
        whole = np.clip(soft, -MAX_SOFT, MAX_SOFT).astype(np.int16)
        found = decoded(whole)
        assert (found != bits).any()
        assert (found == convolutional.decode(whole.astype(float), len(bits))).all()


def test_a_step_uncompiled() -> None:
    """The source means the same to Python: numbers of 16 bits that wrap."""
    draw = np.random.default_rng(2)
    metric = draw.integers(-12_000, 0, 64).astype(np.int16) + np.int16(-26_000)
    results = []
    for function in (step, step.py_func):  # type: ignore[attr-defined]
        after, survivors = np.empty(64, np.int16), np.empty(BUTTERFLIES, np.uint8)
        with np.errstate(over="ignore"):
            function(metric, after, survivors, np.int16(-MAX_SOFT), np.int16(100))
        results.append([*after.tolist(), *survivors.tolist()])
    assert results[0] == results[1]
