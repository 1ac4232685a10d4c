"""Single shapes anywhere in a frame: against brute force, and every shape at every position."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from wtrec.dot11 import fcs, fcs_logs
from wtrec.phy import error_events
from wtrec.phy.ofdm import SERVICE
from wtrec.replay.algorithms import crc_burst, crc_dsss, crc_event, shapes_kernel
from wtrec.replay.algorithms.candidates import Bad, Candidates
from wtrec.replay.algorithms.shapes import (
    ANYWHERE,
    SYNDROMES,
    Dictionary,
    Ladder,
    Shapes,
    Singles,
    spelled,
)

HEAVIEST = 5
LENGTHS = range(30, 65)  # bytes
QUICK = 30_000  # shapes that are listed in a moment
MANY, AT_ONCE = 4096, 20_000  # shapes whose syndromes are held; frames that are looked up

WithSyndromes = Callable[[ArrayLike, int], Bad]
Listed = Callable[[Candidates], list[tuple[int, int, tuple[int, ...]]]]

PLAIN = {code.code_rate: code for code in error_events.HEAVIEST if code.costs == (1,)}
EVENTS = {rate: crc_event.ladder(code) for rate, code in PLAIN.items()}
LADDERS = {
    "burst": (Ladder(crc_burst.census(20), 1, crc_burst.bursts), 0),
    "channel burst": (Ladder(crc_dsss.census(20), 1, crc_dsss.channel_bursts), 0),
    **{f"events {a}/{b}": (EVENTS[a, b], SERVICE) for a, b in EVENTS},
    **{f"events {a}/{b} anywhere": (EVENTS[a, b], ANYWHERE) for a, b in EVENTS},
    **{
        f"events {code.code_rate[0]}/{code.code_rate[1]}, costs to {max(code.costs)}": (
            crc_event.ladder(code),
            SERVICE,
        )
        for code in error_events.HEAVIEST
        if code.costs != (1,)
    },
}


def some_shapes(classes: int, number: int, seed: int) -> Shapes:
    """Shapes of up to 80 bits, of weights 2 to HEAVIEST."""
    draw = np.random.default_rng(seed)
    spans = draw.integers(1, 81, number)
    masks = np.zeros((number, 2), np.uint64)
    for i, span in enumerate(spans):
        bits = draw.integers(0, 2, span)
        bits[0] = bits[-1] = 1
        for k in np.flatnonzero(bits):
            masks[i, k // 64] |= np.uint64(1) << np.uint64(k % 64)
    return Shapes(
        masks,
        draw.integers(2, HEAVIEST + 1, number).astype(np.uint8),
        draw.integers(0, classes, number).astype(np.uint8),
    )


def bits_behind(mask: NDArray[np.uint64]) -> list[int]:
    """How many bits before the last one each bit of a shape is."""
    return [k for k in range(64 * len(mask)) if int(mask[k // 64]) >> k % 64 & 1]


def ladder(every: Shapes, classes: int) -> Ladder:
    """These shapes by weight."""

    def up_to(weight: int) -> Shapes:
        light = every.weights <= weight
        return Shapes(every.masks[light], every.weights[light], every.classes[light])

    census = np.zeros((HEAVIEST + 1, 129), np.int64)
    for mask, weight in zip(every.masks, every.weights, strict=True):
        census[weight, bits_behind(mask)[-1] + 1] += 1
    return Ladder(census, classes, up_to)


def places(
    every: Shapes, classes: int, lead: int, bits: int
) -> dict[int, list[tuple[int, tuple[int, ...]]]]:
    """Weight and flips of every shape at every position, by syndrome."""
    found: dict[int, list[tuple[int, tuple[int, ...]]]] = {}
    for mask, weight, of_class in zip(*every, strict=True):
        behind = bits_behind(mask)
        for last in range(max(behind), bits):
            if lead == ANYWHERE or (lead + last) % classes == of_class:
                flips = tuple(sorted(last - k for k in behind))
                syndrome = fcs.flip_effect(flips, bits // 8)
                found.setdefault(syndrome, []).append((int(weight), flips))
    if lead == ANYWHERE:  # of a shape that stands in several classes the lightest
        for syndrome, cases in found.items():
            lightest: dict[tuple[int, ...], int] = {}
            for weight, flips in cases:
                lightest[flips] = min(weight, lightest.get(flips, weight))
            found[syndrome] = [(weight, flips) for flips, weight in lightest.items()]
    return found


class TestBruteForce:
    """Against the CRC of zlib and every place of every shape."""

    @pytest.mark.parametrize("classes", [1, 2, 3])
    @pytest.mark.parametrize("lead", [ANYWHERE, 0, 16])
    def test_small_dictionaries(
        self, classes: int, lead: int, with_syndromes: WithSyndromes, listed: Listed
    ) -> None:
        """All candidates up to the ceiling are given, nothing else; also where there are two."""
        every = some_shapes(classes, 30, classes)
        twice = np.append(np.arange(30), np.arange(4))  # four stand in another class, too
        every = Shapes(
            every.masks[twice],
            every.weights[twice],
            np.append(every.classes, (every.classes[:4] + 1) % classes),
        )
        stage = Singles(ladder(every, classes), lead)
        for length in (4, 5, 14, 23):
            fitting = places(every, classes, lead, 8 * length)
            draw = np.random.default_rng(length)
            syndromes = [*fitting, *draw.integers(1, 2**32, 1000).tolist(), 0]
            ceiling = draw.integers(0, HEAVIEST + 1, len(syndromes))
            found = stage.find(with_syndromes(syndromes, length), ceiling)
            assert listed(found) == sorted(
                (row, *case)
                for row, syndrome in enumerate(syndromes)
                for case in fitting.get(syndrome, [])
                if case[0] <= ceiling[row]
            )

    @pytest.mark.parametrize(
        ("name", "weight", "bits"),
        [
            ("burst", 7, 160),
            ("channel burst", 7, 160),
            ("events 1/2", 12, 400),
            ("events 2/3", 8, 240),
            ("events 3/4", 7, 240),
            ("events 5/6", 6, 200),
            ("events 1/2, costs to 2", 17, 160),
            ("events 3/4, costs to 3", 16, 160),
            ("events 2/3, costs to 10", 53, 160),
            ("events 3/4, costs to 4", 19, 160),
            ("events 1/2 anywhere", 12, 400),
            ("events 2/3 anywhere", 8, 240),
            ("events 3/4 anywhere", 6, 240),
            ("events 5/6 anywhere", 5, 200),
        ],
    )
    def test_dictionaries(
        self, name: str, weight: int, bits: int, with_syndromes: WithSyndromes, listed: Listed
    ) -> None:
        """The real dictionaries: for a thousand syndromes, half of them planted, all that fits."""
        of_kind, lead = LADDERS[name]
        dictionary = of_kind.up_to(weight)
        every = Shapes(dictionary.masks, dictionary.index.weights, dictionary.index.classes)
        fitting = places(every, of_kind.classes, lead, bits)
        draw = np.random.default_rng(bits)
        planted = draw.choice(list(fitting), 500, replace=False).tolist()
        syndromes = [*planted, *draw.integers(1, 2**32, 500).tolist()]
        ceiling = np.full(1000, weight)
        found = Singles(of_kind, lead).find(with_syndromes(syndromes, bits // 8), ceiling)
        assert listed(found) == sorted(
            (row, *case)
            for row, syndrome in enumerate(syndromes)
            for case in fitting.get(syndrome, [])
        )


# Up to which weight the gate of 0.01 is open without second checks, in 1,500 bytes.
AT_1500_BYTES = {
    "burst": 12,
    "channel burst": 12,
    "events 1/2": 17,
    "events 1/2 anywhere": 17,
    "events 2/3": 11,
    "events 2/3 anywhere": 11,
    "events 3/4": 9,
    "events 3/4 anywhere": 8,
    "events 5/6": 7,
    "events 5/6 anywhere": 6,
    "events 1/2, costs to 2": 25,
    "events 3/4, costs to 3": 23,
    "events 2/3, costs to 10": 77,
    "events 3/4, costs to 4": 27,
}


class TestEveryPlace:
    """Every shape at every position of frames of 30 to 64 bytes is found again."""

    @pytest.mark.parametrize("name", LADDERS)
    def test_weights(self, name: str) -> None:
        """The weights below are those where the gate closes."""
        of_kind, lead = LADDERS[name]
        assert closes_at(of_kind, lead, 1500) == AT_1500_BYTES[name]

    @pytest.mark.slow
    @pytest.mark.parametrize("name", LADDERS)
    def test_all(self, name: str) -> None:
        """All that the default gate lets pass at a length, at all places of it: by the kernel."""
        of_kind, lead = LADDERS[name]
        lengths: dict[int, list[int]] = {}
        for length in LENGTHS:
            lengths.setdefault(closes_at(of_kind, lead, length), []).append(length)
        for weight, of_weight in lengths.items():
            dictionary = of_kind.up_to(weight, anywhere=lead == ANYWHERE)
            check_everywhere(dictionary, of_kind.classes, lead, of_weight)

    @pytest.mark.parametrize("name", LADDERS)
    @pytest.mark.slow
    def test_lightest(self, name: str, with_syndromes: WithSyndromes) -> None:
        """The lightest shapes at all positions of all lengths, by the stage, flips and all."""
        of_kind, lead = LADDERS[name]
        weight = int(np.flatnonzero(of_kind.census.sum(axis=1).cumsum() <= 80)[-1])
        dictionary = of_kind.up_to(weight, anywhere=lead == ANYWHERE)
        stage = Singles(of_kind, lead)
        for length in LENGTHS:
            shape, last = all_places(dictionary, of_kind.classes, lead, 8 * length)
            check_found(stage, dictionary, shape, last, length, with_syndromes)

    @pytest.mark.parametrize("name", LADDERS)
    def test_some(self, name: str, with_syndromes: WithSyndromes) -> None:
        """Shapes at random places, by the stage, flips and all; not the heaviest: they are many."""
        of_kind, lead = LADDERS[name]
        stage = Singles(of_kind, lead)
        few = int(np.count_nonzero(of_kind.census.sum(axis=1).cumsum() <= QUICK)) - 1
        draw = np.random.default_rng(len(name))
        for length in (30, 41, 64):
            weight = min(few, closes_at(of_kind, lead, length))
            dictionary = of_kind.up_to(weight, anywhere=lead == ANYWHERE)
            index = dictionary.index
            shape = draw.integers(0, len(index.spans), 2000)
            last = index.spans[shape].astype(np.int64) - 1
            step = 1
            if lead != ANYWHERE:
                step = of_kind.classes
                last += (index.classes[shape] - (lead + last)) % step
            room = (8 * length - 1 - last) // step + 1
            last += step * draw.integers(0, np.maximum(room, 1))
            fits = room > 0
            assert fits.sum() > 1900
            check_found(stage, dictionary, shape[fits], last[fits], length, with_syndromes)


def one_frame(length: int) -> Bad:
    return Bad.blank(length)


def closes_at(ladder: Ladder, lead: int, length: int) -> int:
    """The heaviest weight that a gate of 0.01 lets pass without second checks."""
    expected = Singles(ladder, lead).expected(one_frame(length))[0]
    return int((expected <= 0.01).sum()) - 1


def check_everywhere(
    dictionary: Dictionary, classes: int, lead: int, lengths: Sequence[int]
) -> None:
    """Every shape is found at every place of frames of these lengths, by the kernel.

    What is looked up is put together bit by bit. It depends on the bits behind a shape alone, so
    it is the same at all lengths. Shapes of one class and span stand at the same places; a few of
    them at a time, so that what the kernel reads is read again for the next place.
    """
    index = dictionary.index
    spans = index.spans.astype(np.int64)
    kinds = np.zeros_like(spans) if lead == ANYWHERE else index.classes.astype(np.int64)
    behind = np.tile(np.arange(8 * max(lengths)), len(lengths))
    bits = 8 * np.repeat(np.array(lengths), 8 * max(lengths))
    last = bits - 1 - behind
    kind_there = np.zeros_like(last) if lead == ANYWHERE else (lead + last) % classes
    out = np.empty((4 * AT_ONCE, 3), np.int64)
    order = np.lexsort((spans, kinds))
    for some in np.split(order, range(MANY, len(order), MANY)):
        syndromes = np.empty((8 * max(lengths), len(some)), np.uint32)
        syndromes[0] = effects(dictionary.masks[some])
        for k in range(1, len(syndromes)):
            syndromes[k] = advanced(syndromes[k - 1])
        syndromes = np.ascontiguousarray(syndromes.T)
        changes = np.diff(kinds[some]) | np.diff(spans[some])
        for alike in np.split(np.arange(len(some)), 1 + np.flatnonzero(changes)):
            kind, span = kinds[some[alike[0]]], spans[some[alike[0]]]
            fits = np.flatnonzero((kind_there == kind) & (span <= last + 1))
            few = max(1, AT_ONCE // max(1, len(fits)))
            for which in np.split(alike, range(few, len(alike), few)):
                shapes = np.repeat(some[which], len(fits))
                number = shapes_kernel.match(
                    syndromes[which][:, behind[fits]].reshape(-1),
                    np.tile(bits[fits], len(which)),
                    index.weights[shapes].astype(np.int64),
                    lead,
                    classes,
                    index,
                    fcs_logs.tables(),
                    out,
                )
                row, shape, place = out[:number].T
                own = (shape == shapes[row]) & (place == np.tile(last[fits], len(which))[row])
                assert np.array_equal(row[own], np.arange(len(shapes)))


def effects(masks: NDArray[np.uint64]) -> NDArray[np.uint32]:
    """The syndromes of shapes whose last bit is a frame's last, bit by bit."""
    syndromes = np.zeros(len(masks), np.uint32)
    for k, effect in enumerate(fcs.bit_syndromes(64 * masks.shape[1])):
        wrong = masks[:, k // 64] >> np.uint64(k % 64) & np.uint64(1)
        syndromes ^= wrong.astype(np.uint32) * effect
    return syndromes


def advanced(syndromes: NDArray[np.uint32], bits: int = 1) -> NDArray[np.uint32]:
    """With so many more bits behind."""
    for _ in range(bits):
        syndromes = syndromes >> np.uint32(1) ^ (syndromes & np.uint32(1)) * np.uint32(
            fcs.POLYNOMIAL
        )
    return syndromes


def all_places(
    dictionary: Dictionary, classes: int, lead: int, bits: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every shape with every position of its last bit."""
    shape, last = np.divmod(np.arange(len(dictionary.index.spans) * bits), bits)
    fits = dictionary.index.spans[shape] <= last + 1
    if lead != ANYWHERE:
        fits &= dictionary.index.classes[shape] == (lead + last) % classes
    return shape[fits], last[fits]


def check_found(
    stage: Singles,
    dictionary: Dictionary,
    shape: NDArray[np.int64],
    last: NDArray[np.int64],
    length: int,
    with_syndromes: WithSyndromes,
) -> None:
    """These shapes at these positions are found from the syndromes of their flips."""
    offsets, flips = spelled(dictionary.masks[shape], last)
    effects = fcs.bit_syndromes(8 * length)[::-1]
    syndromes = np.bitwise_xor.reduceat(effects[flips], offsets[:-1])
    weights = dictionary.index.weights[shape].astype(np.int64)
    found = stage.find(with_syndromes(syndromes, length), weights)
    # A set of flips by a number: the sum of other numbers, one for each bit.
    names = np.random.default_rng(1).integers(0, 2**62, 8 * length, np.uint64)
    wanted = np.add.reduceat(names[flips], offsets[:-1])
    given = np.add.reduceat(names[found.flips], found.offsets[:-1])
    right = (given == wanted[found.row]) & (found.weight == weights[found.row])
    np.testing.assert_array_equal(np.unique(found.row[right]), np.arange(len(shape)))


class TestExpected:
    """Candidates to expect by chance."""

    def test_ways(self) -> None:
        """As many as there are places for shapes, over 2^32, added up over weights."""
        every = some_shapes(1, 60, 1)
        expected = Singles(ladder(every, 1)).expected(one_frame(9))
        for weight in range(HEAVIEST + 1):
            ways = sum(
                max(0, 72 - bits_behind(mask)[-1])
                for mask, w in zip(every.masks, every.weights, strict=True)
                if w <= weight
            )
            assert expected[0, weight] * SYNDROMES == pytest.approx(ways)

    @pytest.mark.parametrize("name", [name for name in LADDERS if "anywhere" not in name])
    @pytest.mark.slow
    def test_ways_of_dictionaries(self, name: str) -> None:
        """The census of a dictionary is that of its shapes; of each class there are about as many.

        The number of places is exact for a frame of any phase, so but for the ends of frames.
        """
        of_kind, lead = LADDERS[name]
        weight = AT_1500_BYTES[name] - 1
        dictionary = of_kind.up_to(weight)
        shape, _ = all_places(dictionary, of_kind.classes, lead, 480)
        expected = Singles(of_kind, lead).expected(one_frame(60))[0, weight] * SYNDROMES
        assert len(shape) == pytest.approx(expected, rel=0.004)
        by_weight = np.bincount(dictionary.index.weights, minlength=weight + 1)
        np.testing.assert_array_equal(by_weight, of_kind.census[: weight + 1].sum(axis=1))
        by_span = np.bincount(dictionary.index.spans, minlength=of_kind.census.shape[1])
        np.testing.assert_array_equal(by_span, of_kind.census[: weight + 1].sum(axis=0))

    def test_anywhere_costs(self) -> None:
        """A shape that may be of any class fits by chance as often as there are classes."""
        up = ladder(some_shapes(3, 60, 1), 3)
        for length in (30, 1500):
            np.testing.assert_allclose(
                Singles(up, ANYWHERE).expected(one_frame(length)),
                3 * Singles(up, 16).expected(one_frame(length)),
            )


@pytest.mark.parametrize("rate", [(2, 3), (3, 4), (5, 6)])
def test_no_shape_is_its_own_rival(
    rate: tuple[int, int], with_syndromes: WithSyndromes, listed: Listed
) -> None:
    """An event that there is in several phases is one candidate where any phase is possible."""
    every = EVENTS[rate].up_to(8)
    masks, number = np.unique(every.masks, axis=0, return_counts=True)
    several = masks[number > 1]
    assert len(several) > 5
    _, flips = spelled(several[:1], np.array([300]))
    found = Singles(EVENTS[rate], ANYWHERE).find(
        with_syndromes([fcs.flip_effect(flips.tolist(), 60)], 60), np.array([8])
    )
    assert [case[2] for case in listed(found)] == [tuple(flips.tolist())]


def test_shared_by_threads() -> None:
    """While one thread looks for a dictionary that has all it needs, another may make one."""
    shared = Ladder(crc_burst.census(8), 1, crc_burst.bursts)
    shared.up_to(6)

    class Interrupted(int):
        def __lt__(self, other: int) -> bool:
            shared.up_to(7)
            return int(self) < other

    assert shared.up_to(Interrupted(5)).index.weights.max() == 5


def test_invisible_shapes() -> None:
    """A shape that is a multiple of the generator is left out: it explains no bad frame."""
    generator = sum(1 << k for k in range(33) if 0x1_04C1_1DB7 >> k & 1)
    masks = np.array([[generator], [1], [generator << 3 ^ generator]], np.uint64)
    dictionary = Dictionary.of(Shapes(masks, np.ones(3, np.uint8), np.zeros(3, np.uint8)))
    assert dictionary.masks.tolist() == [[1]]


def test_spelled() -> None:
    """The words of a mask, bit by bit, before the last position."""
    masks = np.array([[0b1011, 0], [1, 1], [1 | 1 << 63, 0]], np.uint64)
    offsets, flips = spelled(masks, np.array([10, 64, 63]))
    assert np.split(flips, offsets[1:-1])[0].tolist() == [7, 9, 10]
    assert np.split(flips, offsets[1:-1])[1].tolist() == [0, 64]
    assert np.split(flips, offsets[1:-1])[2].tolist() == [0, 63]
