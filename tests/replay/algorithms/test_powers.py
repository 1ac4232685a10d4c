"""Sums of powers of x, against brute force and against what is published of the code's words."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from wtrec.dot11 import fcs, fcs_logs
from wtrec.dot11.fcs_logs_kernel import ORDER
from wtrec.replay.algorithms import powers, powers_kernel
from wtrec.replay.algorithms.powers import Powers

LENGTHS = range(30, 65)  # bytes
LONGEST = 8 * 11_454

compiled = settings(deadline=None)  # the first call compiles
finder = Powers()


def find(
    syndromes: NDArray[np.uint32], bits: int, number: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The sets in frames of the same length, and that they are as promised."""
    rows, exponents = finder.find(syndromes, np.full(len(syndromes), bits), number)
    assert rows.dtype == exponents.dtype == np.int64
    assert exponents.shape == (len(rows), number)
    assert (exponents >= 0).all()
    assert (exponents < bits).all()
    assert (np.diff(exponents, axis=1) > 0).all()
    steps = np.diff(np.column_stack([rows, exponents]), axis=0)
    changed = np.argmax(steps != 0, axis=1)[:, None]
    assert (np.take_along_axis(steps, changed, axis=1) > 0).all()  # in order, each once
    sums = np.bitwise_xor.reduce(fcs.bit_syndromes(bits)[exponents], axis=1)
    np.testing.assert_array_equal(sums, syndromes[rows])
    return rows, exponents


def all_sets(bits: int, number: int) -> NDArray[np.int64]:
    """Every set of so many exponents, in rising order."""
    first, second = np.triu_indices(bits, 1)
    if number == 2:
        return np.column_stack([first, second])
    parts = [np.flatnonzero(first > a) for a in range(bits)]
    return np.column_stack(
        [
            np.repeat(np.arange(bits), [len(part) for part in parts]),
            first[np.concatenate(parts)],
            second[np.concatenate(parts)],
        ]
    )


class TestEveryFlip:
    """Short frames, all of what may happen to them."""

    @pytest.mark.parametrize("length", LENGTHS)
    def test_single(self, length: int) -> None:
        """Each bit is found, alone, and is no sum of two others."""
        bits = 8 * length
        rows, exponents = find(fcs.bit_syndromes(bits), bits, 1)
        assert rows.tolist() == exponents[:, 0].tolist() == list(range(bits))
        assert len(find(fcs.bit_syndromes(bits), bits, 2)[0]) == 0

    @pytest.mark.parametrize("length", LENGTHS)
    def test_pair(self, length: int) -> None:
        """Each pair is found, alone: the code's distance is 5."""
        bits = 8 * length
        pairs = all_sets(bits, 2)
        single = fcs.bit_syndromes(bits)
        rows, exponents = find(np.bitwise_xor.reduce(single[pairs], axis=1), bits, 2)
        np.testing.assert_array_equal(rows, np.arange(len(pairs)))
        np.testing.assert_array_equal(exponents, pairs)

    @pytest.mark.parametrize("length", LENGTHS)
    def test_triple(self, length: int) -> None:
        """Any triple is found, with few rivals."""
        bits = 8 * length
        draw = np.random.default_rng(length)
        triples = np.sort([draw.choice(bits, 3, replace=False) for _ in range(500)], axis=1)
        sums = np.bitwise_xor.reduce(fcs.bit_syndromes(bits)[triples], axis=1)
        rows, exponents = find(sums, bits, 3)
        found = set(map(tuple, np.column_stack([rows, exponents]).tolist()))
        assert found >= {(row, *triple) for row, triple in enumerate(triples.tolist())}
        assert len(found) < 520

    @pytest.mark.parametrize(("bits", "number"), [(512, 2), (3000, 2), (240, 3), (304, 3)])
    def test_any_syndrome(self, bits: int, number: int) -> None:
        """For syndromes by chance, and sums, the sets are those of brute force."""
        sets = all_sets(bits, number)
        sums = np.bitwise_xor.reduce(fcs.bit_syndromes(bits)[sets], axis=1)
        draw = np.random.default_rng(bits)
        chosen = sums[draw.integers(0, len(sums), 50)]
        syndromes = np.concatenate([draw.integers(0, 2**32, 1000, np.uint32), chosen])
        which = np.flatnonzero(np.isin(sums, syndromes))
        rows, exponents = find(syndromes, bits, number)
        expected = [
            (row, *sets[at].tolist())
            for row, syndrome in enumerate(syndromes)
            for at in which[sums[which] == syndrome]
        ]
        assert list(map(tuple, np.column_stack([rows, exponents]).tolist())) == expected

    @compiled
    @given(st.lists(st.integers(0, LONGEST - 1), min_size=1, max_size=3, unique=True))
    def test_any_set(self, exponents: list[int]) -> None:
        """A set is found in all frames that have its bits, and not in shorter ones."""
        exponents.sort()
        number = len(exponents)
        if number == 3:  # where there are few rivals
            exponents = [m // 8 + k for k, m in enumerate(exponents)]
        last = exponents[-1]
        single = fcs.bit_syndromes(last + 1)
        syndromes = np.bitwise_xor.reduce(single[exponents])[None]
        for bits in (last, last + 1, last + 2):
            _, found = find(syndromes, bits, number)
            assert (exponents in found.tolist()) == (bits > last)


class TestWeights:
    """Numbers of code words, which Koopman and others have counted."""

    @pytest.mark.parametrize(
        ("bits", "words"),
        [(3006, 0), (4608, 2_192), pytest.param(8192, 47_983, marks=pytest.mark.slow)],
    )
    def test_words_of_four_bits(self, bits: int, words: int) -> None:
        """Each word of weight 4 shows four times: one of its bits is the sum of three."""
        rows, exponents = find(fcs.bit_syndromes(bits), bits, 3)
        assert len(rows) == 4 * words
        assert (exponents != rows[:, None]).all()

    def test_no_word_of_three_bits(self) -> None:
        """Up to the longest frame no three bits sum to 0; the first that do are not far behind."""
        zero = np.zeros(1, np.uint32)
        assert len(find(zero, LONGEST, 3)[0]) == 0
        assert len(find(zero, 91_639, 3)[0]) == 0
        rows, exponents = find(zero, 91_640, 3)
        assert rows.tolist() == [0]
        assert exponents[0, [0, 2]].tolist() == [0, 91_639]

    def test_by_chance(self) -> None:
        """A syndrome by chance has C(12000, 3) / 2^32 = 67 triples in the mean."""
        draw = np.random.default_rng(12_000)
        syndromes = draw.integers(1, 2**32, 1000, np.uint32)
        mean = len(find(syndromes, 12_000, 3)[0]) / len(syndromes)
        expected = math.comb(12_000, 3) / 2**32
        # The counts spread about as those of Poisson do, so the mean's deviation is 0.26.
        assert abs(mean - expected) < 4 * math.sqrt(expected / len(syndromes))


class TestBorders:
    """Zeros, ends, and logarithms that go round."""

    def test_zero(self) -> None:
        """The syndrome 0 is no power, and no two different ones sum to it."""
        zeros = np.zeros(3, np.uint32)
        for number in (1, 2, 3):
            assert len(find(zeros, 12_000, number)[0]) == 0

    def test_rest_is_zero(self) -> None:
        """Where one power alone gives the syndrome, no two others are taken for nothing."""
        bits = 1 << 18  # so long that any logarithm at all has pairs
        _, exponents = find(fcs.bit_syndromes(1), bits, 3)
        assert (exponents[:, 0] > 0).all()

    @pytest.mark.parametrize("bits", range(5))
    @pytest.mark.parametrize("number", [1, 2, 3])
    def test_shortest(self, bits: int, number: int) -> None:
        """Frames of few bits, or none, have the few sets that there are."""
        sets = list(itertools.combinations(range(bits), number))
        single = fcs.bit_syndromes(32)
        sums = [np.bitwise_xor.reduce(single[list(each)]) for each in sets]
        _, exponents = find(np.array(sums, np.uint32), bits, number)
        assert list(map(tuple, exponents.tolist())) == sets

    @pytest.mark.parametrize("triple", [[0, 1, LONGEST - 1], [0, LONGEST - 2, LONGEST - 1]])
    def test_longest(self, triple: list[int]) -> None:
        """In the longest frame a triple that spans it is found among all that chance gives."""
        syndrome = np.bitwise_xor.reduce(fcs.bit_syndromes(LONGEST)[triple])
        _, exponents = find(syndrome[None], LONGEST, 3)
        assert (exponents == triple).all(axis=1).sum() == 1
        expected = math.comb(LONGEST, 3) / 2**32
        assert abs(len(exponents) - expected) < 5 * math.sqrt(expected)

    def test_logarithms_go_round(self) -> None:
        """Pairs are found whose Z is just below 2^32 - 1, and the sum's logarithm above 0."""
        bits = 1 << 18
        zech = np.zeros(bits - 1, np.uint32)
        powers_kernel.fill_zech(fcs_logs.tables(), zech)
        differences = np.arange(1, bits)
        to_go = ORDER - zech.astype(np.int64)
        ours = np.flatnonzero(to_go + differences < bits)
        assert len(ours) > 0
        pairs = np.column_stack([to_go[ours], to_go[ours] + differences[ours]])
        sums = np.bitwise_xor.reduce(fcs.bit_syndromes(bits)[pairs], axis=1)
        assert (sums == 0x80000000).all()  # x^0
        _, exponents = find(sums[:1], bits, 2)
        assert sorted(exponents.tolist()) == sorted(pairs.tolist())


class TestBatches:
    """Frames of all lengths together."""

    def test_lengths(self) -> None:
        """Each frame of a batch is searched as far as it goes, and tables grow for it."""
        bits = np.array([240, 12_000, 240, LONGEST, 20_000, 41])
        single = fcs.bit_syndromes(LONGEST)
        syndromes = single[40] ^ single[[39, 11_999, 240, LONGEST - 1, 0, 39]]
        grown = Powers()
        rows, exponents = grown.find(syndromes, bits, 2)
        pairs = set(map(tuple, np.column_stack([rows, exponents]).tolist()))
        assert pairs >= {
            (0, 39, 40),
            (1, 40, 11_999),
            (3, 40, LONGEST - 1),
            (4, 0, 40),
            (5, 39, 40),
        }
        assert 2 not in rows
        again, _ = Powers(LONGEST).find(syndromes, bits, 2)
        assert again.tolist() == rows.tolist()

    @pytest.mark.parametrize("number", [1, 2, 3])
    def test_output_grows(self, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where there are more sets than thought, none is lost."""
        draw = np.random.default_rng(number)
        bits = np.full(20, 12_000)
        single = fcs.bit_syndromes(12_000)
        chosen = draw.integers(0, 12_000, (20, number))
        syndromes = np.bitwise_xor.reduce(single[chosen], axis=1)
        rows, exponents = finder.find(syndromes, bits, number)
        assert len(rows) >= 20
        for size in (0, 1, 19):
            monkeypatch.setattr(powers, "_likely", lambda _bits, _number, size=size: size)
            again = finder.find(syndromes, bits, number)
            np.testing.assert_array_equal(again[0], rows)
            np.testing.assert_array_equal(again[1], exponents)

    @pytest.mark.parametrize("number", [1, 2, 3])
    def test_nothing(self, number: int) -> None:
        """No frames, no sets."""
        rows, exponents = find(np.zeros(0, np.uint32), 0, number)
        assert len(rows) == 0
        assert exponents.shape == (0, number)

    @pytest.mark.parametrize("number", [0, 4])
    def test_out_of_range(self, number: int) -> None:
        """Other numbers of exponents are refused."""
        with pytest.raises(ValueError, match=f"number={number}, wanted 1 to 3"):
            find(np.zeros(1, np.uint32), 32, number)

    @pytest.mark.parametrize("number", [1, 2, 3])
    def test_uncompiled(self, number: int) -> None:
        """The kernel does the same uncompiled, and counts what does not fit."""
        bits = np.array([512, 400])
        syndromes = np.bitwise_xor.reduce(
            fcs.bit_syndromes(400)[[[3, 77, 399], [1, 30, 300]]][:, :number], axis=1
        )
        expected = finder.find(syndromes, bits, number)
        rows, exponents = np.zeros(9, np.int64), np.zeros((9, number), np.int64)
        source = powers_kernel.find.py_func  # type: ignore[attr-defined]
        sets = source(syndromes, bits, fcs_logs.tables(), finder._table(512), rows, exponents)
        assert sets >= 2
        assert rows[:sets].tolist() == expected[0].tolist()
        assert exponents[:sets].tolist() == expected[1].tolist()
        assert (
            source(syndromes, bits, fcs_logs.tables(), finder._table(512), rows[:1], exponents[:1])
            == sets
        )


class TestTable:
    """Zech logarithms in buckets."""

    @pytest.mark.parametrize("bits", [0, 1 << 14, LONGEST])
    def test_entries(self, bits: int) -> None:
        """Each difference stands in its bucket, and that of the last bucket before the first."""
        zech = finder._table(bits)
        assert 1 << zech.shift >= bits
        sizes = np.diff(zech.starts)
        assert len(sizes) == (1 << 32 - zech.shift) + 1
        assert sizes[0] == sizes[-1]
        buckets = (np.repeat(np.arange(len(sizes)), sizes) - 1) % (1 << 32 - zech.shift)
        np.testing.assert_array_equal(zech.logs >> zech.shift, buckets)
        own = slice(zech.starts[1], None)
        assert (np.diff(zech.logs[own].astype(np.int64)) > 0).all()
        assert sorted(zech.differences[own].tolist()) == list(range(1, 1 << zech.shift))
        np.testing.assert_array_equal(zech.logs[: sizes[0]], zech.logs[len(zech.logs) - sizes[0] :])

    def test_logarithms(self) -> None:
        """The table has the logarithms of 1 + x^d."""
        zech = finder._table(0)
        for at in range(0, len(zech.logs), 500):
            power = fcs_logs.power(0x40000000, int(zech.differences[at]))
            assert zech.logs[at] == fcs_logs.log(0x80000000 ^ power)

    def test_small(self) -> None:
        """All tables for frames up to the longest together take a few megabytes."""
        for bits in (0, 20_000, 40_000, LONGEST):
            finder._table(bits)
        tables = [table for shift, table in finder._zech.items() if shift <= 17]
        assert len(tables) == 4
        assert sum(part.nbytes for table in tables for part in table[1:]) < 5e6
