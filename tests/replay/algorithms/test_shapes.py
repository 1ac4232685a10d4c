"""The engine of error shapes against trying every shape at every position."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from wtrec.datasets.frames import FrameBatch
from wtrec.dot11 import fcs
from wtrec.replay.algorithm import Repairs
from wtrec.replay.algorithms import shapes
from wtrec.replay.algorithms.shapes import ANYWHERE, Ladder, Shapes

HEAVIEST = 5
EVER = 1e9  # a gate that is always open

Claims = Callable[[Repairs], dict[int, list[int] | None]]


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

    totals = np.bincount(every.weights, minlength=HEAVIEST + 1).cumsum() / classes
    return Ladder(totals, classes, up_to)


def places(every: Shapes, classes: int, lead: int, bits: int) -> dict[int, list[Any]]:
    """Weight and flips of every shape at every position, by syndrome."""
    found: dict[int, list[Any]] = {}
    for mask, weight, of_class in zip(*every, strict=True):
        behind = bits_behind(mask)
        for last in range(max(behind), bits):
            if lead == ANYWHERE or (lead + last) % classes == of_class:
                flips = sorted(last - k for k in behind)
                syndrome = fcs.flip_effect(flips, bits // 8)
                found.setdefault(syndrome, []).append((int(weight), flips))
    return found


@pytest.mark.parametrize("classes", [1, 2, 3])
@pytest.mark.parametrize("lead", [ANYWHERE, 0, 16])
def test_brute_force(
    classes: int, lead: int, bad_batch: Callable[..., FrameBatch], claims: Claims
) -> None:
    """Whatever fits is counted, the only one of the lowest weight claimed, and nothing else."""
    every = some_shapes(classes, 30, classes)
    twice = np.append(np.arange(30), np.arange(4))  # four have a rival
    every = Shapes(every.masks[twice], every.weights[twice], every.classes[twice])
    for length in (4, 5, 14, 23):
        expected = places(every, classes, lead, 8 * length)
        random = np.random.default_rng(length).integers(1, 2**32, 50).tolist()
        syndromes = [*expected, *random]
        good = fcs.append(bytes(length - 4))
        received = [
            good[:-4] + (int.from_bytes(good[-4:], "little") ^ syndrome).to_bytes(4, "little")
            for syndrome in syndromes
        ]
        bad = shapes.bad_frames(bad_batch(received))
        repairs = ladder(every, classes).repair(bad, EVER, lead)
        answers = claims(repairs)
        candidates = dict(zip(repairs.number.tolist(), repairs.candidates.tolist(), strict=True))
        for number, syndrome in enumerate(syndromes, 1):
            fitting = expected.get(syndrome, [])
            lightest = [flips for weight, flips in fitting if weight == min(fitting)[0]]
            assert candidates[number] == len(lightest)
            assert answers[number] == (lightest[0] if len(lightest) == 1 else None)


class TestGate:
    """How far a ladder is climbed."""

    def test_by_length(self, bad_batch: Callable[..., FrameBatch]) -> None:
        """Shorter frames are searched for heavier shapes; what was expected is stored."""
        every = some_shapes(1, 100, 1)
        up = ladder(every, 1)
        totals = np.bincount(every.weights, minlength=HEAVIEST + 1).cumsum()
        gate = 300 * totals[4] / 2**32
        behind = bits_behind(every.masks[np.flatnonzero(every.weights == 5)[0]])
        received = []
        for length in (37, 38):
            flips = [8 * length - 1 - k for k in behind]
            received.append(fcs.flip(fcs.append(bytes(length - 4)), flips))
        repairs = up.repair(shapes.bad_frames(bad_batch(received)), gate)
        assert not repairs.repaired.any()  # 5 is too heavy for both
        assert repairs.candidates.tolist() == [0, 0]
        repairs = up.repair(shapes.bad_frames(bad_batch(received)), 296 * totals[5] / 2**32)
        assert repairs.number[repairs.repaired].tolist() == [1]
        assert repairs.expected_false[repairs.repaired].tolist() == [296 * totals[5] / 2**32]

    def test_anywhere_costs(self) -> None:
        """A shape that may be of any class fits by chance as often as there are classes."""
        up = ladder(some_shapes(3, 60, 1), 3)
        bits = np.array([240, 12_000])
        np.testing.assert_allclose(up.expected(bits, ANYWHERE), 3 * up.expected(bits, 16))

    def test_closed(self, bad_batch: Callable[..., FrameBatch]) -> None:
        """Where not even the lightest shape passes, nothing is searched."""
        up = ladder(some_shapes(1, 10, 1), 1)
        repairs = up.repair(shapes.bad_frames(bad_batch([bytes(100)])), 1e-12)
        assert repairs.candidates.tolist() == [-1]
        assert not repairs.repaired[0]

    @pytest.mark.parametrize("gate", [0.0, -1.0, float("nan"), float("inf")])
    def test_out_of_range(self, gate: float) -> None:
        """A gate is a positive number."""
        with pytest.raises(ValueError, match="wanted a positive number"):
            shapes.check_gate(gate)


def test_no_frames(bad_batch: Callable[..., FrameBatch]) -> None:
    """Without frames there are no answers."""
    assert len(ladder(some_shapes(1, 3, 1), 1).repair(shapes.bad_frames(bad_batch([])), 1.0)) == 0
    assert len(shapes.joined([])) == 0
