"""crc-burst: every burst at every position, and noise."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest

from wtrec.datasets.frames import FrameBatch
from wtrec.dot11 import fcs
from wtrec.errors import AlgorithmError
from wtrec.replay.algorithm import Repairs
from wtrec.replay.algorithms.checks import ALL
from wtrec.replay.algorithms.crc_burst import CrcBurst, bursts, census
from wtrec.replay.choice import make

Batch = Callable[..., FrameBatch]
Claims = Callable[[Repairs], dict[int, list[int] | None]]


def test_shapes() -> None:
    """As many bursts of each span as there are ways to fill the bits between its ends."""
    shapes = bursts(10)
    spans = [int(mask).bit_length() for mask in shapes.masks[:, 0]]
    assert shapes.weights.tolist() == spans
    assert len(set(shapes.masks[:, 0].tolist())) == len(spans)
    every = census(10)
    assert [[spans.count(s) * (s == w) for s in range(11)] for w in range(11)] == every.tolist()


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


def test_noise(check_noise: Callable[..., None]) -> None:
    """A hundred thousand frames of random bytes are repaired as often as is said."""
    for length, gate in ((300, 0.04), (60, 0.1)):
        algorithm = CrcBurst(gate=gate)
        check_noise(algorithm, algorithm._stages, gate, length, {})


@pytest.mark.parametrize(("span", "length"), [(12, 1500), (16, 114), (13, 750)])
def test_gate(span: int, length: int, bad_batch: Batch) -> None:
    """By default bursts go up to 12 bits in 1,500 bytes, and up to 16 in 114."""
    highest = [
        float(np.nanmax(CrcBurst(checks="none").recover(noise).expected_false, initial=0))
        for noise in [
            bad_batch([fcs.flip(fcs.append(bytes(length - 4)), flips)])
            for flips in ([40, 40 + span - 1], [40, 40 + span])
        ]
    ]
    places = sum((8 * length + 1 - s) * (1 << max(0, s - 2)) for s in range(1, span + 1))
    assert highest[0] == pytest.approx(places / 2**32)
    assert highest[1] == 0


def test_confirmed(udp_frame: Callable[..., bytes], bad_batch: Batch, claims: Claims) -> None:
    """Under a UDP checksum bursts of 20 bits are repaired in 1,500 bytes, not without checks."""
    draw = random.Random(1)
    good = udp_frame(draw.randbytes(1436))
    patterns = []
    for _ in range(30):
        first, mask = draw.randrange(480, 11_900), draw.getrandbits(20) | 1 | 1 << 19
        patterns.append([first + k for k in range(20) if mask >> k & 1])
    bad = bad_batch([fcs.flip(good, flips) for flips in patterns])
    answers = claims(CrcBurst().recover(bad))
    assert answers == dict(enumerate(patterns, 1))
    plain = claims(CrcBurst(checks="none").recover(bad))
    assert not [i for i, flips in plain.items() if flips == patterns[i - 1]]


@pytest.mark.parametrize("span", [0, 21])
def test_out_of_range(span: int) -> None:
    """A span out of range is an error that says the range."""
    with pytest.raises(AlgorithmError, match=f"max_span={span}, wanted 1 to 20"):
        make(f"crc-burst:max_span={span}")


def test_defaults() -> None:
    """Up to 20 bits at a gate of 0.01, all checks; nothing is left at the end."""
    algorithm, parameters = make("crc-burst")
    assert parameters == {"max_span": 20, "gate": 0.01, "checks": ALL}
    assert len(algorithm.finish()) == 0
