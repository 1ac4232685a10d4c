"""crc-dsss: channel errors put through the descrambler, a simulated link, noise, a real capture."""

from __future__ import annotations

import itertools
import json
import math
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
from wtrec.replay.algorithm import Repairs, make
from wtrec.replay.algorithms.crc_dsss import CrcDsss, _Errors, channel_flips

Batch = Callable[..., FrameBatch]
Claims = Callable[[Repairs], dict[int, list[int] | None]]


def heard(errors: list[int], bits: int) -> list[int]:
    """What the descrambler makes of these channel errors."""
    air = np.zeros(bits, np.uint8)
    air[errors] = 1
    flips: list[int] = np.flatnonzero(descramble(air, np.zeros(HISTORY, np.uint8))).tolist()
    return flips


@pytest.mark.parametrize("errors", [[0], [3, 7], [100, 104, 107], [236, 239], [5, 12, 230]])
def test_flips(errors: list[int]) -> None:
    """Channel errors are heard as the descrambler says, also near the end and where they cancel."""
    assert channel_flips(errors, 240) == heard(errors, 240)


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


def test_errors_at_the_end(bad_batch: Batch, claims: Claims) -> None:
    """A pair is found up to the frame's last bits, where less than three bits are heard of each."""
    good = fcs.append(random.Random(1).randbytes(60))
    patterns = [heard([last - 100, last], 512) for last in range(490, 512)]
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


@pytest.mark.parametrize("radio", [{}, {"rate_mbps": 5.5}, {"rate_mbps": 2.0, "mcs": 0}])
def test_other_rates(radio: dict[str, float], bad_batch: Batch) -> None:
    """Frames at other rates, and of unknown ones, are abstained on."""
    repairs = CrcDsss().recover(bad_batch([bytes(50)] * 2, **radio))
    assert repairs.number.tolist() == [1, 2]
    assert repairs.candidates.tolist() == [-1, -1]


def test_noise_is_accepted_as_often_as_expected(bad_batch: Batch) -> None:
    """On random bytes claims are as many as the gate and the numbers stored with them say."""
    frames, length = 20_000, 800
    draw = random.Random(1)
    noise = [draw.randbytes(length) for _ in range(frames)]
    repairs = CrcDsss().recover(bad_batch(noise, 1.0))
    highest = 8 * length * 2.0**7 / 2**32 + float(_Errors(2).expected(np.array([8 * length]))[0])
    assert np.nanmax(repairs.expected_false) == pytest.approx(highest, rel=1e-12)
    expected = frames * -math.expm1(-highest)
    assert abs(np.count_nonzero(repairs.repaired) - expected) < 5 * math.sqrt(expected)
    assert set(repairs.candidates.tolist()) <= {0, 1, 2}


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
    """A gate of 0.01; nothing is left at the end."""
    algorithm, parameters = make("crc-dsss")
    assert parameters == {"gate": 0.01}
    assert len(algorithm.finish()) == 0


@pytest.mark.real
@pytest.mark.parametrize(("gate", "repaired"), [(0.01, 6), (0.1, 8)])
def test_real(gate: float, repaired: int, captures: Path, claims: Claims) -> None:
    """Of 32 bad frames at 1 Mbit/s of a real capture six or eight are repaired, none wrongly."""
    capture = captures / "aalborg_cooperation" / "gvsp.pcapng"
    frames = json.loads(capture.with_name("gvsp.truth.json").read_text())["frames"]
    truth = {frame["frame"]: frame["error_bits"] for frame in frames}
    algorithm = CrcDsss(gate=gate)
    answers: dict[int, list[int] | None] = {}
    for batch in read_frames(capture):
        answers |= claims(algorithm.recover(FrameBatch(batch)))
    claimed = {number: flips for number, flips in answers.items() if flips is not None}
    assert len(claimed) == repaired
    assert all(flips == truth[number] for number, flips in claimed.items())
