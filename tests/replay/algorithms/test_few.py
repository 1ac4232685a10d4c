"""A few errors anywhere in a frame, with and without taps, against trying all sets of them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from wtrec.dot11 import fcs
from wtrec.phy.dsss_scrambler import HISTORY, descramble
from wtrec.replay.algorithms.candidates import Bad, Candidates
from wtrec.replay.algorithms.crc_dsss import TAPS
from wtrec.replay.algorithms.few import Few
from wtrec.replay.algorithms.powers import Powers

WithSyndromes = Callable[[ArrayLike, int], Bad]
Listed = Callable[[Candidates], list[tuple[int, int, tuple[int, ...]]]]

POWERS = Powers()
BARE = (0,)


def flipped(errors: tuple[int, ...], taps: tuple[int, ...], bits: int) -> tuple[int, ...]:
    """The bits that errors flip, those outside of the frame left out."""
    wrong = np.zeros(bits + 8, np.uint8)
    for error in errors:
        for tap in taps:
            wrong[error + tap] ^= 1
    return tuple(np.flatnonzero(wrong[:bits]).tolist())


def effects(taps: tuple[int, ...], length: int) -> NDArray[np.uint32]:
    """The syndrome of an error at each bit, by the CRC of zlib."""
    bits = 8 * length
    every = [fcs.flip_effect(flipped((error,), taps, bits), length) for error in range(bits)]
    return np.array(every, np.uint32)


def zeros(bad: Bad) -> NDArray[np.int64]:
    return np.zeros(len(bad), np.int64)


def test_descrambler() -> None:
    """The taps of 802.11b are what its descrambler makes of an error, also near the end."""
    for errors in [(0,), (3, 7), (100, 104, 107), (236, 239), (5, 12, 230)]:
        air = np.zeros(240, np.uint8)
        air[list(errors)] = 1
        heard = np.flatnonzero(descramble(air, np.zeros(HISTORY, np.uint8)))
        assert flipped(errors, TAPS, 240) == tuple(heard.tolist())


@pytest.mark.parametrize("taps", [BARE, TAPS])
@pytest.mark.parametrize(
    ("number", "length"),
    [(1, 4), (1, 40), (2, 4), (2, 5), (2, 30), (3, 4), (3, 9), (4, 4), (4, 6)],
)
def test_brute_force(
    number: int,
    length: int,
    taps: tuple[int, ...],
    with_syndromes: WithSyndromes,
    listed: Listed,
) -> None:
    """For a thousand syndromes, up to half of them planted: exactly the sets that fit."""
    bits = 8 * length
    sets = np.array(list(itertools.combinations(range(bits), number)))
    sums = np.bitwise_xor.reduce(effects(taps, length)[sets], axis=1)
    draw = np.random.default_rng(bits * number)
    planted = draw.choice(np.unique(sums[sums != 0]), min(500, len(sets)), replace=False)
    syndromes = np.concatenate([planted, draw.integers(1, 2**32, 500, np.uint32)])
    which = np.flatnonzero(np.isin(sums, syndromes))
    fitting: dict[int, list[int]] = {}
    for at in which.tolist():
        fitting.setdefault(int(sums[at]), []).append(at)
    bad = with_syndromes(syndromes, length)
    found = Few(number, POWERS, taps).find(bad, zeros(bad))
    assert listed(found) == sorted(
        (row, 1, flipped(tuple(sets[at].tolist()), taps, bits))
        for row, syndrome in enumerate(syndromes.tolist())
        for at in fitting.get(syndrome, [])
    )
    assert (np.diff(found.row) >= 0).all()


def check_all(
    stage: Few, sets: NDArray[np.int64], taps: tuple[int, ...], length: int, wanted: WithSyndromes
) -> None:
    """Each of these sets of errors is among the candidates for its syndrome."""
    bits = 8 * length
    effect = effects(taps, length)
    bad = wanted(np.bitwise_xor.reduce(effect[sets], axis=1), length)
    found = stage.find(bad, zeros(bad))
    # A set of flips by a number, which does not tell a bit that is flipped twice.
    names = np.random.default_rng(1).integers(0, 2**62, bits, np.uint64)
    of_error = np.zeros(bits, np.uint64)
    for tap in taps:
        of_error[: bits - tap] ^= names[tap:]
    owner = np.repeat(np.arange(len(found)), np.diff(found.offsets))
    given = np.zeros(len(found), np.uint64)
    np.bitwise_xor.at(given, owner, names[found.flips])
    right = given == np.bitwise_xor.reduce(of_error[sets], axis=1)[found.row]
    np.testing.assert_array_equal(np.unique(found.row[right]), np.arange(len(sets)))


class TestEveryPlace:
    """Errors at all positions of frames of 30 to 64 bytes, to the very end."""

    @pytest.mark.parametrize("taps", [BARE, TAPS])
    def test_single(self, taps: tuple[int, ...], with_syndromes: WithSyndromes) -> None:
        """Each error is found, also where its taps are beyond the end."""
        for length in range(30, 65):
            sets = np.arange(8 * length)[:, None]
            check_all(Few(1, POWERS, taps), sets, taps, length, with_syndromes)

    @pytest.mark.parametrize("length", [30, 64])
    def test_pair(self, length: int, with_syndromes: WithSyndromes) -> None:
        """Each pair of flips is found; for all lengths see the tests of powers."""
        sets = np.stack(np.triu_indices(8 * length, 1), axis=1)
        check_all(Few(2, POWERS), sets, BARE, length, with_syndromes)

    @pytest.mark.parametrize(
        "length",
        [n if n in {30, 64} else pytest.param(n, marks=pytest.mark.slow) for n in range(30, 65)],
    )
    def test_pair_with_taps(self, length: int, with_syndromes: WithSyndromes) -> None:
        """Each pair is found, also where its taps meet or are beyond the end."""
        sets = np.stack(np.triu_indices(8 * length, 1), axis=1)
        check_all(Few(2, POWERS, TAPS), sets, TAPS, length, with_syndromes)

    @pytest.mark.parametrize("taps", [BARE, TAPS])
    @pytest.mark.parametrize("number", [3, 4])
    def test_more(self, number: int, taps: tuple[int, ...], with_syndromes: WithSyndromes) -> None:
        """Any three and four are found, some of them at the end, some side by side."""
        draw = np.random.default_rng(number)
        stage = Few(number, POWERS, taps)
        for length in (30, 47, 64) if number == 3 else (30, 36):
            bits = 8 * length
            sets = [draw.choice(bits, number, replace=False) for _ in range(150 // number**2)]
            sets += [draw.choice(range(bits - 12, bits), number, replace=False) for _ in range(10)]
            sets += [bits // 2 + draw.choice(9, number, replace=False) for _ in range(10)]
            sets += [
                np.append(draw.choice(bits - 20, number - 1, replace=False), bits - 1 - k)
                for k in range(8)
            ]
            check_all(stage, np.sort(sets, axis=1), taps, length, with_syndromes)


class TestExpected:
    """Candidates to expect by chance."""

    @pytest.mark.parametrize("number", [1, 2, 3, 4])
    def test_sets(self, number: int, with_syndromes: WithSyndromes) -> None:
        """As many as there are sets of errors, over 2^32, whatever their taps."""
        for taps in (BARE, TAPS):
            stage = Few(number, POWERS, taps)
            for length in (4, 30, 176):
                expected = stage.expected(with_syndromes([1], length))
                assert expected[0, 0] == 0
                assert expected[0, 1] == pytest.approx(math.comb(8 * length, number) / 2**32)

    def test_four_are_for_short_frames(self, with_syndromes: WithSyndromes) -> None:
        """Where too many pairs would have to be looked at, four errors are never looked for."""
        stage = Few(4, POWERS)
        assert np.isinf(stage.expected(with_syndromes([1], 177))[0, 1])
        assert np.isfinite(Few(3, POWERS).expected(with_syndromes([1], 1500))).all()
        assert np.isinf(Few(4, POWERS, lookups=496).expected(with_syndromes([1], 5))[0, 1])
        assert np.isfinite(Few(4, POWERS, lookups=496).expected(with_syndromes([1], 4))[0, 1])

    @pytest.mark.parametrize("taps", [BARE, TAPS])
    @pytest.mark.parametrize(
        ("number", "length", "frames"),
        [
            (2, 1500, 20_000),
            (3, 200, 1500),
            pytest.param(4, 60, 200, marks=pytest.mark.slow),
        ],
    )
    def test_chance(
        self,
        number: int,
        length: int,
        frames: int,
        taps: tuple[int, ...],
        with_syndromes: WithSyndromes,
    ) -> None:
        """Random syndromes have as many candidates as is expected."""
        draw = np.random.default_rng(number)
        bad = with_syndromes(draw.integers(1, 2**32, frames, np.uint32), length)
        stage = Few(number, POWERS, taps)
        expected = stage.expected(bad)[:, 1].sum()
        assert expected > 100
        assert abs(len(stage.find(bad, zeros(bad))) - expected) < 4 * math.sqrt(expected)


@pytest.mark.parametrize("taps", [BARE, TAPS])
def test_lengths_side_by_side(taps: tuple[int, ...], bad_frames: Callable[..., Bad]) -> None:
    """Frames of different lengths in one search are told apart."""
    lengths = [4, 2000, 60, 11_454, 30]
    good = [fcs.append(bytes(length - 4)) for length in lengths]
    flips = [flipped((0, 8 * length - 3), taps, 8 * length) for length in lengths]
    bad = bad_frames([fcs.flip(g, f) for g, f in zip(good, flips, strict=True)])
    found = Few(2, POWERS, taps).find(bad, zeros(bad))
    given = {
        (int(row), tuple(found.flips[found.offsets[i] : found.offsets[i + 1]].tolist()))
        for i, row in enumerate(found.row)
    }
    assert set(enumerate(flips)) <= given
