"""crc-dsss: channel errors put through the descrambler, a simulated link, noise, a real capture."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from wtrec import read_frames
from wtrec.datasets.frames import FrameBatch
from wtrec.dot11 import fcs
from wtrec.phy.dsss_scrambler import HISTORY, descramble
from wtrec.phy.link import Link
from wtrec.replay.algorithm import Repairs
from wtrec.replay.algorithms.checks import ALL
from wtrec.replay.algorithms.crc_dsss import CrcDsss, census, channel_bursts
from wtrec.replay.choice import make

Batch = Callable[..., FrameBatch]
Claims = Callable[[Repairs], dict[int, list[int] | None]]


def heard(errors: list[int], bits: int) -> list[int]:
    """What the descrambler makes of these channel errors."""
    air = np.zeros(bits, np.uint8)
    air[errors] = 1
    flips: list[int] = np.flatnonzero(descramble(air, np.zeros(HISTORY, np.uint8))).tolist()
    return flips


def test_census() -> None:
    """As many channel bursts of each span as there are ways to fill the bits between its ends."""
    shapes, every = channel_bursts(10), census(10)
    spans = [int(mask).bit_length() for mask in shapes.masks[:, 0]]
    pairs = list(zip(shapes.weights.tolist(), spans, strict=True))
    assert [[pairs.count((w, s)) for s in range(18)] for w in range(11)] == every.tolist()
    assert len(set(shapes.masks[:, 0].tolist())) == len(spans)


@pytest.mark.parametrize(("errors", "length"), [(1, 30), (1, 1500), (2, 64), (2, 300), (3, 30)])
def test_errors_anywhere(errors: int, length: int, bad_batch: Batch, claims: Claims) -> None:
    """One to three channel errors anywhere are repaired, but for few with a rival."""
    draw = random.Random(length)
    good = fcs.append(draw.randbytes(length - 4))
    sets = [sorted(draw.sample(range(8 * length - 8), errors)) for _ in range(100)]
    patterns = [heard(errors, 8 * length) for errors in sets]
    received = [fcs.flip(good, flips) for flips in patterns]
    answers = claims(CrcDsss().recover(bad_batch(received, 1.0)))
    right = sum(answers[i] == flips for i, flips in enumerate(patterns, 1))
    assert right >= 98


@pytest.mark.parametrize("before", [[], [-100]])
def test_errors_at_the_end(before: list[int], bad_batch: Batch, claims: Claims) -> None:
    """Errors are found up to the frame's last bits, where less than three bits are heard of one."""
    good = fcs.append(random.Random(1).randbytes(60))
    patterns = [heard([*(last + k for k in before), last], 512) for last in range(490, 512)]
    received = [fcs.flip(good, flips) for flips in patterns]
    answers = claims(CrcDsss().recover(bad_batch(received, 2.0)))
    assert [answers[i] for i in range(1, len(patterns) + 1)] == patterns


def test_bursts(bad_batch: Batch, claims: Claims) -> None:
    """Bursts on the channel are repaired at any length of frame."""
    draw = random.Random(2)
    good = fcs.append(draw.randbytes(1496))
    patterns = []
    for _ in range(200):
        at = draw.randrange(12_000 - 15)
        on_air = draw.getrandbits(8) | 1
        patterns.append(heard([at + k for k in range(8) if on_air >> k & 1], 12_000))
    received = [fcs.flip(good, flips) for flips in patterns]
    answers = claims(CrcDsss().recover(bad_batch(received, 1.0)))
    assert [answers[i] for i in range(1, 201)] == patterns


def test_pairs_against_brute_force(bad_batch: Batch, claims: Claims) -> None:
    """Every pair of channel errors in a short frame that has no rival of its kind is found."""
    bits = 112
    effects: dict[int, list[list[int]]] = {}
    for pair in itertools.combinations(range(bits), 2):
        flips = heard(list(pair), bits)
        effects.setdefault(fcs.flip_effect(flips, bits // 8), []).append(flips)
    good = fcs.append(bytes(10))
    cases = random.Random(3).sample([flips for (flips, *_) in effects.values()], 1000)
    answers = claims(CrcDsss().recover(bad_batch([fcs.flip(good, f) for f in cases], 1.0)))
    for i, flips in enumerate(cases, 1):
        rivals = len(effects[fcs.flip_effect(flips, bits // 8)])
        assert answers[i] == (flips if rivals == 1 else None)


@pytest.mark.parametrize("rate", [5.5, 11.0])
def test_cck(rate: float, bad_batch: Batch, claims: Claims) -> None:
    """At 5.5 and 11 Mbit/s bursts of up to 12 channel bits are repaired in 1,500 bytes."""
    draw = random.Random(2)
    good = fcs.append(draw.randbytes(1496))
    patterns = []
    for _ in range(100):
        at = draw.randrange(12_000 - 19)
        on_air = draw.getrandbits(12) | 1
        patterns.append(heard([at + k for k in range(12) if on_air >> k & 1], 12_000))
    answers = claims(CrcDsss().recover(bad_batch([fcs.flip(good, f) for f in patterns], rate)))
    assert sum(answers[i] == flips for i, flips in enumerate(patterns, 1)) >= 99


@pytest.mark.parametrize(
    "radio", [{}, {"rate_mbps": 6.0}, {"rate_mbps": 2.0, "mcs": 0}, {"rate_mbps": 11.0, "mcs": 0}]
)
def test_other_rates(radio: dict[str, float], bad_batch: Batch) -> None:
    """Frames at other rates, and of unknown ones, are abstained on."""
    repairs = CrcDsss().recover(bad_batch([bytes(50)] * 2, **radio))
    assert repairs.number.tolist() == [1, 2]
    assert repairs.candidates.tolist() == [-1, -1]


@pytest.mark.parametrize(("rate", "length", "gate"), [(1.0, 60, 0.01), (5.5, 60, 0.02)])
def test_noise(rate: float, length: int, gate: float, check_noise: Callable[..., None]) -> None:
    """A hundred thousand frames of random bytes are repaired as often as is said."""
    algorithm = CrcDsss(gate)
    stages = next(both for rates, (both, _) in algorithm._channel._stages.items() if rate in rates)
    check_noise(algorithm, stages, gate, length, {"rate_mbps": rate})


@pytest.mark.parametrize("errors", [4, "burst", "bursts"])
def test_confirmed(
    errors: int | str, udp_frame: Callable[..., bytes], bad_batch: Batch, claims: Claims
) -> None:
    """Four errors, a long burst, and two short ones are repaired under a UDP checksum only."""
    draw = random.Random(3)
    good = udp_frame(draw.randbytes(100))
    bits = 8 * len(good)
    patterns = []
    for _ in range(10):
        if errors == 4:
            air = sorted(draw.sample(range(480, bits - 40), 4))
        else:
            spans = [(480, 18)] if errors == "burst" else [(480, 6), (900, 6)]
            air = [
                low + 97 + k
                for low, span in spans
                for mask in [draw.getrandbits(span) | 1 | 1 << span - 1]
                for k in range(span)
                if mask >> k & 1
            ]
        patterns.append(heard(air, bits))
    bad = bad_batch([fcs.flip(good, flips) for flips in patterns], 1.0)
    assert claims(CrcDsss().recover(bad)) == dict(enumerate(patterns, 1))
    assert CrcDsss(checks="none").recover(bad).repaired.sum() <= 1


@pytest.mark.parametrize(("rate", "snr_db"), [(1, -1.25), (2, 3.0)])
def test_link(rate: int, snr_db: float, bad_batch: Batch, claims: Claims) -> None:
    """On a simulated link where some frames break, most of these are repaired, few wrongly."""
    draw = random.Random(rate)
    sent = [fcs.append(draw.randbytes(296)) for _ in range(300)]
    received = Link(rate, snr_db=snr_db, seed=1).receive(sent)
    bad = [(a, b) for a, b in zip(sent, received, strict=True) if a != b]
    assert 20 <= len(bad) <= 150
    answers = claims(CrcDsss().recover(bad_batch([b for _, b in bad], rate)))
    fixed = [(a, fcs.flip(b, answers[i] or [])) for i, (a, b) in enumerate(bad, 1) if answers[i]]
    assert sum(a == b for a, b in fixed) >= 0.6 * len(bad)
    assert sum(a != b for a, b in fixed) <= 1


def test_defaults() -> None:
    """A gate of 0.01 and all checks; nothing is left at the end."""
    algorithm, parameters = make("crc-dsss")
    assert parameters == {"gate": 0.01, "checks": ALL}
    assert isinstance(algorithm, CrcDsss)
    assert len(algorithm.finish()) == 0


@pytest.mark.real
@pytest.mark.parametrize(
    ("choice", "repaired"), [("gate=0.01,checks=none", 6), ("gate=0.1,checks=none", 8), ("", 9)]
)
def test_real(choice: str, repaired: int, captures: Path, claims: Claims) -> None:
    """Of 32 bad frames at 1 Mbit/s of a real capture six or more are repaired, none wrongly."""
    capture = captures / "aalborg_cooperation" / "gvsp.pcapng"
    frames = json.loads(capture.with_name("gvsp.truth.json").read_text())["frames"]
    truth = {frame["frame"]: frame["error_bits"] for frame in frames}
    algorithm, _ = make(f"crc-dsss:{choice}")
    answers: dict[int, list[int] | None] = {}
    for batch in read_frames(capture):
        answers |= claims(algorithm.recover(FrameBatch(batch)))
    claimed = {number: flips for number, flips in answers.items() if flips is not None}
    assert len(claimed) == repaired
    assert all(flips == truth[number] for number, flips in claimed.items())
