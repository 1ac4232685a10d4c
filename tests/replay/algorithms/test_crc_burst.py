"""crc-burst: every burst at every position, and noise."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import numpy as np
import pytest

from wtrec.datasets.frames import FrameBatch
from wtrec.dot11 import fcs
from wtrec.errors import AlgorithmError
from wtrec.replay.algorithm import Repairs, make
from wtrec.replay.algorithms.crc_burst import CrcBurst, bursts, patterns

Batch = Callable[..., FrameBatch]
Claims = Callable[[Repairs], dict[int, list[int] | None]]


def test_shapes() -> None:
    """As many bursts of each span as there are ways to fill the bits between its ends."""
    shapes = bursts(10)
    spans = [int(mask).bit_length() for mask in shapes.masks[:, 0]]
    assert shapes.weights.tolist() == spans
    assert len(set(shapes.masks[:, 0].tolist())) == len(spans)
    assert [sum(span <= s for span in spans) for s in range(11)] == patterns(10).tolist()


@pytest.mark.parametrize("length", [4, 30, 47, 64])
def test_bursts_anywhere(length: int, bad_batch: Batch, claims: Claims) -> None:
    """Bursts of up to 12 bits are repaired wherever they are, but for few with a shorter rival."""
    draw = random.Random(length)
    good = fcs.append(draw.randbytes(length - 4))
    patterns = []
    for last in [*range(12), *draw.choices(range(8 * length), k=500), 8 * length - 1]:
        span = draw.randint(1, min(12, last + 1))
        mask = draw.getrandbits(span) | 1 | 1 << span - 1
        patterns.append(sorted(last - k for k in range(span) if mask >> k & 1))
    received = [fcs.flip(good, flips) for flips in patterns]
    answers = claims(CrcBurst(max_span=12).recover(bad_batch(received)))
    right = sum(answers[i] == flips for i, flips in enumerate(patterns, 1))
    assert right >= 0.99 * len(patterns)


def test_noise_is_accepted_as_often_as_expected(bad_batch: Batch) -> None:
    """On random bytes claims are as many as the number stored with them says."""
    frames, length = 20_000, 300
    draw = random.Random(1)
    noise = [draw.randbytes(length) for _ in range(frames)]
    repairs = CrcBurst(gate=0.04).recover(bad_batch(noise))
    highest = 8 * length * 2.0**15 / 2**32  # bursts of up to 16 bits
    assert np.nanmax(repairs.expected_false) == highest
    expected = frames * -math.expm1(-highest)
    assert abs(np.count_nonzero(repairs.repaired) - expected) < 5 * math.sqrt(expected)


@pytest.mark.parametrize("span", [0, 21])
def test_out_of_range(span: int) -> None:
    """A span out of range is an error that says the range."""
    with pytest.raises(AlgorithmError, match=f"max_span={span}, wanted 1 to 20"):
        make(f"crc-burst:max_span={span}")


def test_defaults() -> None:
    """Up to 16 bits at a gate of 0.01; nothing is left at the end."""
    algorithm, parameters = make("crc-burst")
    assert parameters == {"max_span": 16, "gate": 0.01}
    assert len(algorithm.finish()) == 0
