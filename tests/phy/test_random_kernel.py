"""Counter-based draws: the published generator, the distributions, and draws one by one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wtrec.phy import random_kernel as rk

WORD = st.integers(0, 2**32 - 1)
LONG = st.integers(0, 2**64 - 1)
compiles = settings(deadline=None)


def identity(seed: int, stream: int, frame: int) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """A frame's, as kernels take it."""
    words = np.zeros(4, np.uint64)
    rk.identify(np.uint64(seed), np.uint64(stream), np.uint64(frame), words)  # type: ignore[arg-type]
    return words


def block(*words: int) -> list[int]:
    """Of the compiled generator."""
    return [int(word) for word in rk.philox(*map(np.uint64, words))]  # type: ignore[arg-type]


class TestPhilox:
    """The generator itself."""

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            ([0] * 6, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
            ([0xFFFFFFFF] * 6, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
            (
                [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344, 0xA4093822, 0x299F31D0],
                "d16cfe09 94fdcceb 5001e420 24126ea1",
            ),
        ],
    )
    def test_known_answers(self, words: list[int], expected: str) -> None:
        """Those that its authors publish for Philox4x32-10 (Random123, kat_vectors)."""
        assert [f"{word:08x}" for word in block(*words)] == expected.split()

    @given(st.tuples(*[WORD] * 6))
    @compiles
    def test_as_written_with_whole_numbers(self, words: tuple[int, ...]) -> None:
        """The ten rounds in plain Python, where nothing wraps by itself."""
        c0, c1, c2, c3, k0, k1 = words
        for _ in range(10):
            high_0, low_0 = divmod(0xD2511F53 * c0, 2**32)
            high_1, low_1 = divmod(0xCD9E8D57 * c2, 2**32)
            c0, c1, c2, c3 = high_1 ^ c1 ^ k0, low_1, high_0 ^ c3 ^ k1, low_0
            k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
        assert block(*words) == [c0, c1, c2, c3]


class TestFrames:
    """Draws of a frame depend on what names it, and on nothing else."""

    def test_seed_stream_and_frame_all_count(self) -> None:
        """Frames that differ in any bit of any of the three share nothing."""
        names = [
            tuple(1 << bit if place == i else 0 for i in range(3))
            for place in range(3)
            for bit in range(64)
        ]
        assert len({tuple(identity(*name).tolist()) for name in [*names, (0, 0, 0)]}) == 193

    @given(LONG, LONG, LONG, st.integers(0, 3), st.integers(0, 9), st.integers(1, 5))
    @compiles
    def test_any_group_can_be_drawn_alone(
        self, seed: int, stream: int, frame: int, purpose: int, first: int, groups: int
    ) -> None:
        """Groups from ``first`` on are those of a longer draw."""
        name = identity(seed, stream, frame)
        words = np.zeros(rk.GROUP * (first + groups), np.uint32)
        part = np.zeros(rk.GROUP * groups, np.uint32)
        rk.random_words(name, purpose, 0, words)
        rk.random_words(name, purpose, first, part)
        assert part.tolist() == words[rk.GROUP * first :].tolist()
        values = np.zeros(len(words), np.float32)
        some = np.zeros(len(part), np.float32)
        rk.normals(name, purpose, 0, values)
        rk.normals(name, purpose, first, some)
        assert some.tolist() == values[rk.GROUP * first :].tolist()

    def test_a_group_is_sixteen_blocks(self) -> None:
        """Word w of block b is the group's number 16 w + b."""
        name = identity(1, 2, 3)
        words = np.zeros(2 * rk.GROUP, np.uint32)
        rk.random_words(name, rk.FADING, 0, words)
        k0, k1, i2, i3 = name.tolist()
        for number in range(32):
            group, lane = divmod(number, 16)
            at = 64 * group + lane
            assert words[at : at + 64 : 16].tolist() == block(number, rk.FADING, i2, i3, k0, k1)

    def test_purposes_differ(self) -> None:
        """What is drawn for noise says nothing about the scrambler's seed."""
        name = identity(1, 2, 3)
        words = np.zeros((4, 64), np.uint32)
        for purpose in (rk.SCRAMBLER, rk.NOISE, rk.FADING, rk.INTERFERENCE):
            rk.random_words(name, purpose, 0, words[purpose])
        assert len(np.unique(words)) == words.size

    def test_bits_are_even(self) -> None:
        """Each of the 32 bits is set in half of the words, within five standard deviations."""
        words = np.zeros(1 << 18, np.uint32)
        rk.random_words(identity(1, 2, 3), rk.NOISE, 0, words)
        for bit in range(32):
            ones = np.count_nonzero(words >> np.uint32(bit) & 1)
            assert abs(ones - len(words) / 2) < 2.5 * math.sqrt(len(words))


class TestGaussian:
    """Box-Muller in single precision."""

    @given(st.floats(2.0**-33, 1.0, width=32))
    @compiles
    def test_logarithm(self, x: float) -> None:
        """Within 2e-7, relative where that is more."""
        expected = math.log(x)
        error = abs(float(rk.natural_log(np.float32(x))) - expected)  # type: ignore[arg-type]
        assert error < 2e-7 * max(1, abs(expected))

    @given(WORD)
    @compiles
    def test_cosine_and_sine(self, angle: int) -> None:
        """All round the circle, within 5e-7."""
        cosine, sine = rk.cosine_sine(np.uint32(angle))  # type: ignore[arg-type]
        turns = 2 * math.pi * angle / 2**32
        assert abs(cosine - math.cos(turns)) < 5e-7
        assert abs(sine - math.sin(turns)) < 5e-7

    def test_the_distribution(self) -> None:
        """Moments and tails of the normal distribution, pairs that are independent."""
        values = np.zeros(1 << 20, np.float32)
        rk.normals(identity(4, 5, 6), rk.NOISE, 0, values)
        x = values.astype(float)
        n = len(x)
        for power, expected, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
            assert abs((x**power).mean() - expected) < 5 * math.sqrt(variance / n)
        for limit in (0.5, 1.0, 2.0, 3.0, 4.0):
            tail = math.erfc(limit / math.sqrt(2))
            outside = np.count_nonzero(np.abs(x) > limit)
            assert abs(outside - n * tail) < 5 * math.sqrt(n * tail)
        for lag in (1, 16, 32, 48, 64):
            assert abs((x[:-lag] * x[lag:]).mean()) < 5 / math.sqrt(n)

    def test_the_same_uncompiled(self) -> None:
        """Bit for bit: the numbers do not depend on the machine's vector instructions."""
        name = identity(7, 8, 9)
        compiled, plain = np.zeros(256, np.float32), np.zeros(256, np.float32)
        rk.normals(name, rk.NOISE, 0, compiled)
        with np.errstate(over="ignore"):  # angles wrap on purpose
            rk.normals.py_func(name, rk.NOISE, 0, plain)  # type: ignore[attr-defined]
        assert compiled.tolist() == plain.tolist()
