"""The convolutional code: published spectra, and a decoder that finds the nearest word."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.phy import convolutional
from wtrec.phy.convolutional import OUTPUTS, PUNCTURING, STATES, TAIL, decode, encode, sent


def spectrum(code_rate: tuple[int, int], most: int) -> list[int]:
    """How many ways of each weight up to ``most`` leave state zero and come back to it.

    Counted over one period of the puncturing, as published tables do.
    """
    pattern = PUNCTURING[code_rate]
    period = len(pattern) // 2
    found = np.zeros(most + 1, np.int64)
    for start in range(period):
        ways = np.zeros((STATES, most + 1), np.int64)
        ways[0, 0] = 1
        for step in itertools.count():
            phase = 2 * ((start + step) % period)
            after = np.zeros_like(ways)
            for register in range(2 * STATES):
                if register == 0 or (step == 0) != (register == 1):
                    continue  # the first bit is a one, and zeros in state zero are no event
                weight = int(OUTPUTS[register] @ pattern[phase : phase + 2])
                after[register % STATES, weight:] += ways[register // 2, : most + 1 - weight]
            found += after[0]
            after[0] = 0
            ways = after
            if not ways.any():
                break
    return found.tolist()


class TestSpectrum:
    """Number of error events by weight: the code's fingerprint."""

    @pytest.mark.parametrize(
        ("code_rate", "free", "published"),
        [
            ((1, 2), 10, [11, 0, 38, 0, 193, 0, 1331, 0, 7275]),
            ((2, 3), 6, [1, 16, 48, 158, 642, 2435, 9174]),
            ((3, 4), 5, [8, 31, 160, 892, 4512]),
        ],
    )
    def test_as_published(
        self, code_rate: tuple[int, int], free: int, published: list[int]
    ) -> None:
        """Free distance and spectra, e. g. of Haccoun and Begin, IEEE Trans. Comm. 37 (1989)."""
        counts = spectrum(code_rate, free + len(published) - 1)
        assert counts == [0] * free + published


class TestEncode:
    """Sums of shifted data."""

    @given(st.lists(st.integers(0, 1), min_size=1, max_size=60))
    def test_as_polynomials(self, data: list[int]) -> None:
        """A and B are the data times 133 and 171, modulo two, the current bit leftmost."""
        coded = encode(np.array(data, np.uint8)).reshape(-1, 2)
        for column, taps in ((0, [1, 0, 1, 1, 0, 1, 1]), (1, [1, 1, 1, 1, 0, 0, 1])):
            product = np.convolve(data, taps)[: len(data)] % 2
            assert coded[:, column].tolist() == product.tolist()

    @pytest.mark.parametrize("code_rate", PUNCTURING)
    def test_the_share_sent_is_the_code_rate(self, code_rate: tuple[int, int]) -> None:
        """Of the 2 * 60 bits for 60 bits of data, 60 / R are sent."""
        numerator, denominator = code_rate
        assert sent(code_rate, 120).sum() * numerator == 60 * denominator


class TestDecode:
    """The plain Viterbi decoder."""

    @given(st.lists(st.integers(0, 1), max_size=40), st.sampled_from(list(PUNCTURING)))
    def test_undoes_the_encoder(self, data: list[int], code_rate: tuple[int, int]) -> None:
        """Without noise, at every code rate."""
        bits = np.array([*data, *[0] * TAIL], np.uint8)
        coded = encode(bits)
        soft = np.where(sent(code_rate, len(coded)), 2.0 * coded - 1, 0.0)
        assert decode(soft, len(bits)).tolist() == bits.tolist()

    def test_finds_the_nearest_word(self) -> None:
        """Of all words of six bits and tail, the one of largest correlation, whatever arrives."""
        words = np.array([[*bits, *[0] * TAIL] for bits in itertools.product((0, 1), repeat=6)])
        codewords = 2.0 * np.array([encode(word) for word in words]) - 1
        draw = np.random.default_rng(1)
        for _ in range(50):
            soft = draw.normal(size=(codewords.shape[1],))
            assert decode(soft, 12).tolist() == words[np.argmax(codewords @ soft)].tolist()

    def test_corrects_what_the_free_distance_promises(self) -> None:
        """Any four wrong bits, however close together, at rate 1/2: the distance is 10."""
        bits = np.array([*np.random.default_rng(2).integers(0, 2, 30), *[0] * TAIL], np.uint8)
        soft = np.where(encode(bits), 1.0, -1.0)
        for wrong in itertools.combinations(range(20, 32), 4):
            damaged = soft.copy()
            damaged[list(wrong)] *= -1
            assert decode(damaged, len(bits)).tolist() == bits.tolist()


def test_a_butterfly_has_one_metric() -> None:
    """Generators with first and last tap: what the compiled decoder is built on."""
    assert convolutional.TAIL == 6
    for state in range(STATES // 2):
        low, high = 2 * state, 2 * (state + STATES // 2)
        assert (OUTPUTS[low] == 1 - OUTPUTS[low + 1]).all()
        assert (OUTPUTS[low] == 1 - OUTPUTS[high]).all()
        assert (OUTPUTS[low] == OUTPUTS[high + 1]).all()
