"""Pairs of shapes anywhere in a frame, against trying every two shapes at every two places."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from wtrec.dot11 import fcs
from wtrec.phy.convolutional import TAIL
from wtrec.phy.error_events import Code
from wtrec.phy.ofdm import SERVICE
from wtrec.replay.algorithms import crc_burst, crc_dsss, crc_event
from wtrec.replay.algorithms.candidates import Bad, Candidates
from wtrec.replay.algorithms.pairs import Pairs
from wtrec.replay.algorithms.shapes import ANYWHERE, Ladder, Shapes, spelled

UNBOUNDED = 1 << 40

WithSyndromes = Callable[[ArrayLike, int], Bad]
Listed = Callable[[Candidates], list[tuple[int, int, tuple[int, ...]]]]
Case = tuple[int, tuple[int, ...]]


def small(classes: int, seed: int, number: int = 12) -> Ladder:
    """Shapes of up to 20 bits, of weights 2 to 4; three are there twice, in other classes maybe."""
    draw = np.random.default_rng(seed)
    wide = draw.integers(0, 1 << 20, (number, 1))
    masks = (wide >> draw.integers(0, 19, (number, 1)) | 1).astype(np.uint64)
    masks[-3:] = masks[:3]
    every = Shapes(
        masks,
        draw.integers(2, 5, number).astype(np.uint8),
        draw.integers(0, classes, number).astype(np.uint8),
    )
    census = np.zeros((5, 65), np.int64)
    for mask, weight in zip(masks[:, 0].tolist(), every.weights.tolist(), strict=True):
        census[weight, mask.bit_length()] += 1

    def up_to(weight: int) -> Shapes:
        light = every.weights <= weight
        return Shapes(every.masks[light], every.weights[light], every.classes[light])

    return Ladder(census, classes, up_to)


def placed(ladder: Ladder, weight: int, lead: int, bits: int) -> list[tuple[int, list[int], int]]:
    """Weight, flips and syndrome of each shape at each position."""
    dictionary = ladder.up_to(weight)
    every = []
    for words, w, of_class in zip(
        dictionary.masks, dictionary.index.weights, dictionary.index.classes, strict=True
    ):
        mask = sum(int(word) << 64 * at for at, word in enumerate(words))
        for last in range(mask.bit_length() - 1, bits):
            if lead == ANYWHERE or (lead + last) % ladder.classes == of_class:
                flips = [last - k for k in reversed(range(mask.bit_length())) if mask >> k & 1]
                every.append((int(w), flips, fcs.flip_effect(flips, bits // 8)))
    if lead != ANYWHERE:
        return every
    lightest: dict[tuple[int, ...], tuple[int, list[int], int]] = {}
    for one in sorted(every, reverse=True):  # a shape that stands in several classes is one
        lightest[tuple(one[1])] = one
    return list(lightest.values())


def brute_force(
    ladder: Ladder, weight: int, lead: int, bits: int, gap: int, lightest: int = 99
) -> dict[int, list[Case]]:
    """Every pair with so many right bits in between, once, by syndrome."""
    one = placed(ladder, weight, lead, bits)
    found: dict[int, list[Case]] = {}
    for w, flips, syndrome in one:
        for v, others, effect in one:
            if flips[-1] + gap < others[0] and min(w, v) <= lightest:
                found.setdefault(syndrome ^ effect, []).append((w + v, (*flips, *others)))
    return found


def wanted(
    fitting: dict[int, list[Case]], syndromes: list[int], ceiling: NDArray[np.int64]
) -> list[tuple[int, int, tuple[int, ...]]]:
    """What is to be found."""
    return sorted(
        (row, weight, flips)
        for row, syndrome in enumerate(syndromes)
        for weight, flips in fitting.get(syndrome, [])
        if weight <= ceiling[row]
    )


class TestBruteForce:
    """A thousand syndromes, half of them of pairs: all that fits, each pair once."""

    @pytest.mark.parametrize("gap", [0, 1, 6])
    @pytest.mark.parametrize(
        ("classes", "lead"), [(1, 0), (1, ANYWHERE), (2, 16), (3, 0), (3, 5), (3, ANYWHERE)]
    )
    def test_small_ladders(
        self, classes: int, lead: int, gap: int, with_syndromes: WithSyndromes, listed: Listed
    ) -> None:
        """At short lengths, from a bare FCS on, with ceilings of any weight."""
        ladder = small(classes, 10 * classes + gap)
        stage = Pairs(ladder, lead, UNBOUNDED, gap)
        for length in (4, 6):
            fitting = brute_force(ladder, 4, lead, 8 * length, gap)
            draw = np.random.default_rng(length)
            planted = draw.choice(list(fitting), min(500, len(fitting)), replace=False).tolist()
            syndromes = [*planted, *draw.integers(1, 2**32, 500).tolist(), 0]
            ceiling = draw.integers(3, 9, len(syndromes))
            found = stage.find(with_syndromes(syndromes, length), ceiling)
            assert listed(found) == wanted(fitting, syndromes, ceiling)

    @pytest.mark.parametrize(
        ("ladder", "weight", "lead", "gap"),
        [
            (Ladder(crc_burst.census(4), 1, crc_burst.bursts), 4, 0, 0),
            (Ladder(crc_dsss.census(4), 1, crc_dsss.channel_bursts), 4, 0, 0),
            (crc_event.ladder(Code((1, 2))), 10, SERVICE, TAIL),
            (crc_event.ladder(Code((2, 3))), 7, SERVICE, TAIL),
            (crc_event.ladder(Code((3, 4))), 5, SERVICE, TAIL),
            (crc_event.ladder(Code((3, 4))), 5, ANYWHERE, TAIL),
            (crc_event.ladder(Code((5, 6))), 4, SERVICE, TAIL),
            (crc_event.ladder(Code.of((1, 2), 2)), 15, SERVICE, TAIL),
            (crc_event.ladder(Code.of((3, 4), 2)), 14, SERVICE, TAIL),
            (crc_event.ladder(Code.of((2, 3), 3)), 47, SERVICE, TAIL),
            (crc_event.ladder(Code.of((3, 4), 3)), 17, SERVICE, TAIL),
        ],
    )
    def test_dictionaries(
        self,
        ladder: Ladder,
        weight: int,
        lead: int,
        gap: int,
        with_syndromes: WithSyndromes,
        listed: Listed,
    ) -> None:
        """The same for the lightest of the real shapes."""
        fitting = brute_force(ladder, weight, lead, 56, gap)
        draw = np.random.default_rng(weight)
        planted = draw.choice(list(fitting), 500, replace=False).tolist()
        syndromes = [*planted, *draw.integers(1, 2**32, 500).tolist()]
        top = np.full(1000, 2 * weight)
        found = listed(Pairs(ladder, lead, UNBOUNDED, gap).find(with_syndromes(syndromes, 7), top))
        # Pairs of a shape that is heavier have a lighter partner than any here.
        flips = {case for cases in fitting.values() for _, case in cases}
        assert [case for case in found if case[2] in flips] == wanted(fitting, syndromes, top)

    def test_lookups(self, with_syndromes: WithSyndromes, listed: Listed) -> None:
        """The lighter shape is up to a weight whose places are within the bound, by length."""
        ladder = small(1, 3)
        numbers = ladder.census.sum(axis=1).cumsum()
        assert 0 < numbers[2] < numbers[3] < numbers[4]
        fitting = brute_force(ladder, 4, 0, 40, 1)
        syndromes = list(fitting)
        ceiling = np.full(len(syndromes), 8)
        for lightest in (2, 3, 4):
            bound = 40 * int(numbers[lightest])
            stage = Pairs(ladder, 0, bound, 1)
            found = stage.find(with_syndromes(syndromes, 5), ceiling)
            of_these = brute_force(ladder, 4, 0, 40, 1, lightest)
            assert listed(found) == wanted(of_these, syndromes, ceiling)
            less = stage.expected(with_syndromes([1], 5))[0, -1]
            assert less <= Pairs(ladder, 0, UNBOUNDED, 1).expected(with_syndromes([1], 5))[0, -1]


@pytest.mark.parametrize("name", ["bursts", "events", "events anywhere"])
def test_planted_in_long_frames(name: str, with_syndromes: WithSyndromes) -> None:
    """Two of the real shapes in frames of 1,500 bytes are among the candidates."""
    ladder, lead, gap, weight = {
        "bursts": (Ladder(crc_dsss.census(8), 1, crc_dsss.channel_bursts), 0, 0, 6),
        "events": (crc_event.ladder(Code((3, 4))), SERVICE, TAIL, 7),
        "events anywhere": (crc_event.ladder(Code((3, 4))), ANYWHERE, TAIL, 6),
    }[name]
    dictionary = ladder.up_to(weight, anywhere=lead == ANYWHERE)
    draw = np.random.default_rng(1)
    number, bits = 40, 12_000
    shapes = draw.integers(0, len(dictionary.masks), (number, 2))
    last = draw.integers(200, [5900, 11_900], (number, 2)) + np.array([0, 0])
    last[:, 1] = np.maximum(last[:, 1], last[:, 0] + 150)
    if lead != ANYWHERE:
        last += (dictionary.index.classes[shapes] - (lead + last)) % ladder.classes
    offsets, flips = spelled(dictionary.masks[shapes.reshape(-1)], last.reshape(-1))
    effects = fcs.bit_syndromes(bits)[::-1]
    syndromes = np.bitwise_xor.reduceat(effects[flips], offsets[:-1][::2])
    weights = dictionary.index.weights[shapes].astype(np.int64).sum(axis=1)
    found = Pairs(ladder, lead, 10_000_000, gap).find(with_syndromes(syndromes, 1500), weights)
    given = {
        (int(row), found.flips[found.offsets[i] : found.offsets[i + 1]].tobytes())
        for i, row in enumerate(found.row)
    }
    assert len(given) == len(found.row)  # each pair once
    for i in range(number):
        assert (i, flips[offsets[2 * i] : offsets[2 * i + 2]].tobytes()) in given


@pytest.mark.parametrize(
    ("rate", "lead", "length", "weight"),
    [
        ((1, 2), SERVICE, 300, 24),
        ((2, 3), SERVICE, 300, 16),
        ((3, 4), SERVICE, 300, 13),
        ((3, 4), ANYWHERE, 200, 12),
        ((5, 6), SERVICE, 200, 11),
        (None, 0, 300, 14),
    ],
)
def test_chance(
    rate: tuple[int, int] | None,
    lead: int,
    length: int,
    weight: int,
    with_syndromes: WithSyndromes,
) -> None:
    """Random syndromes have as many candidates of each weight as is expected."""
    ladder = (
        crc_event.ladder(Code(rate))
        if rate
        else Ladder(crc_dsss.census(8), 1, crc_dsss.channel_bursts)
    )
    stage = Pairs(ladder, lead, 150_000, TAIL if rate else 0)
    draw = np.random.default_rng(weight)
    bad = with_syndromes(draw.integers(1, 2**32, 100, np.uint32), length)
    found = stage.find(bad, np.full(len(bad), weight))
    expected = stage.expected(bad).sum(axis=0)
    assert expected[weight] > 100
    for heaviest in (weight - 1, weight):
        number = np.count_nonzero(found.weight <= heaviest)
        # Spans are those of the mean shape: a per cent or two off.
        off = 4 * math.sqrt(expected[heaviest]) + 0.02 * expected[heaviest]
        twice = 0.15 * expected[heaviest] if lead == ANYWHERE else 0  # see Pairs.expected
        assert -off - twice < number - expected[heaviest] < off
