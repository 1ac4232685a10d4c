"""crc-event: on events placed everywhere, on a simulated link, on noise, on a real capture."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from wtrec import read_frames
from wtrec.datasets.frames import FrameBatch
from wtrec.dot11 import fcs
from wtrec.phy import error_events
from wtrec.phy.link import Link
from wtrec.phy.ofdm import SERVICE
from wtrec.replay.algorithm import Repairs
from wtrec.replay.algorithms.candidates import Bad
from wtrec.replay.algorithms.checks import ALL
from wtrec.replay.algorithms.crc_event import _OF_MCS, _OF_RATE, CrcEvent
from wtrec.replay.algorithms.shapes import ANYWHERE
from wtrec.replay.choice import make

Batch = Callable[..., FrameBatch]
Claims = Callable[[Repairs], dict[int, list[int] | None]]

# Up to which weight the default gate is open in frames of 30 to 64 bytes, by Mbit/s.
LIGHT = {6: 18, 18: 11, 24: 26, 36: 23, 48: 77, 54: 27}


def placed(rate: int, length: int, number: int, seed: int, shift: int = 0) -> list[list[int]]:
    """Flips of random events where their phase allows, the frame beginning ``shift`` bits late."""
    events = error_events.events(_OF_RATE[rate], LIGHT[rate])
    period = _OF_RATE[rate].period
    draw = np.random.default_rng(seed)
    flips: list[list[int]] = []
    while len(flips) < number:
        i = draw.integers(len(events.weights))
        mask = int(events.masks[i, 0]) | int(events.masks[i, 1]) << 64
        last = int(draw.integers(mask.bit_length() - 1, 8 * length))
        if (SERVICE + shift + last) % period == events.phases[i]:
            flips.append([last - k for k in range(mask.bit_length())[::-1] if mask >> k & 1])
    return flips


@pytest.mark.parametrize("rate", LIGHT)
@pytest.mark.slow
def test_events_anywhere(rate: int, bad_batch: Batch, claims: Claims) -> None:
    """Events in frames of 30 to 64 bytes are repaired, but for a few with a rival."""
    patterns, received = [], []
    for length in range(30, 65):
        good = fcs.append(random.Random(length).randbytes(length - 4))
        for flips in placed(rate, length, 20, length):
            patterns.append(flips)
            received.append(fcs.flip(good, flips))
    answers = claims(CrcEvent().recover(bad_batch(received, rate)))
    right = sum(answers[i] == flips for i, flips in enumerate(patterns, 1))
    assert right >= 0.97 * len(patterns)


def test_phase(bad_batch: Batch, claims: Claims) -> None:
    """Events at another phase than the frame's are no events of 802.11a, but may be of HT."""
    good = fcs.append(random.Random(1).randbytes(46))
    events = placed(18, 50, 300, 1, shift=1)
    received = [fcs.flip(good, flips) for flips in events]
    legacy = claims(CrcEvent().recover(bad_batch(received, 18)))
    ht = claims(CrcEvent(gate=0.03).recover(bad_batch(received, 65.0, mcs=6, ldpc=False)))
    right = [
        sum(answers[i] == flips for i, flips in enumerate(events, 1)) for answers in (legacy, ht)
    ]
    assert right[0] < 0.2 * len(events)
    assert right[1] >= 0.95 * len(events)


@pytest.mark.parametrize(
    "radio",
    [
        {},
        {"rate_mbps": 11.0},
        {"rate_mbps": 54.0, "mcs": 3},
        {"rate_mbps": 65.0, "mcs": 6, "ldpc": True},
        {"rate_mbps": 65.0, "mcs": 10, "ldpc": False},
        {"rate_mbps": 13.0, "mcs": 8, "ldpc": False},  # of HT: two streams at rate 1/2
        {"rate_mbps": 65.0, "mcs": 6},
    ],
)
def test_nothing_to_look_for(radio: dict[str, float], bad_batch: Batch) -> None:
    """Without a code rate, and with LDPC for all that is known, frames are abstained on."""
    repairs = CrcEvent().recover(bad_batch([bytes(50)] * 3, **radio))
    assert repairs.number.tolist() == [1, 2, 3]
    assert repairs.candidates.tolist() == [-1] * 3
    assert not repairs.repaired.any()


NOISY = [  # one for each dictionary; some are long to list
    ({"rate_mbps": 6.0}, 0),
    *(
        pytest.param({"rate_mbps": rate}, 0, marks=pytest.mark.slow)
        for rate in (9.0, 24.0, 36.0, 48.0)
    ),
    ({"rate_mbps": 54.0}, 0),
    ({"rate_mbps": 6.5, "mcs": 0, "ldpc": False}, 0),
    *(
        pytest.param({"rate_mbps": rate, "mcs": mcs, "ldpc": False}, 0.08, marks=pytest.mark.slow)
        for rate, mcs in ((52.0, 5), (58.5, 6))
    ),
    ({"rate_mbps": 65.0, "mcs": 7, "ldpc": False}, 0.08),
]


@pytest.mark.parametrize(("radio", "too_many"), NOISY)
def test_noise(radio: dict[str, float], too_many: float, check_noise: Callable[..., None]) -> None:
    """A hundred thousand frames of random bytes are repaired as often as is said.

    Somewhat less often where any phase is possible: shapes that there are in several count twice.
    """
    gate = 0.1
    algorithm = CrcEvent(gate, lookups=0)
    mcs = radio.get("mcs")
    code = _OF_RATE[int(radio["rate_mbps"])] if mcs is None else _OF_MCS[int(mcs)]
    single, _ = algorithm._events.stages(code, SERVICE if mcs is None else ANYWHERE)
    check_noise(algorithm, [single], gate, 60, radio, too_many=too_many)


@pytest.mark.parametrize(
    ("rate", "heaviest"),
    [(6, {1500: 17, 300: 19}), (18, {1500: 9, 300: 10})],
)
def test_how_heavy(rate: int, heaviest: dict[int, int]) -> None:
    """Up to which weight the default gate is open without second checks."""
    single, _ = CrcEvent(lookups=0)._events.stages(_OF_RATE[rate], SERVICE)
    for length, weight in heaviest.items():
        expected = single.expected(Bad.blank(length))[0]
        assert np.count_nonzero(expected <= 0.01) - 1 == weight


def test_pairs_of_events(udp_frame: Callable[..., bytes], bad_batch: Batch, claims: Claims) -> None:
    """Two light events under a UDP checksum are repaired; without checks or look-ups not."""
    good = udp_frame(random.Random(1).randbytes(236))
    code = _OF_RATE[54]
    events = error_events.events(code, 17)
    draw = np.random.default_rng(1)
    patterns = []
    for _ in range(30):
        flips: list[int] = []
        for low in (500, 1500):
            i = draw.integers(len(events.weights))
            mask = int(events.masks[i, 0]) | int(events.masks[i, 1]) << 64
            last = low + int(draw.integers(0, 800))
            last += (int(events.phases[i]) - SERVICE - last) % code.period
            flips += [last - k for k in range(mask.bit_length())[::-1] if mask >> k & 1]
        patterns.append(flips)
    bad = bad_batch([fcs.flip(good, flips) for flips in patterns], 54)
    answers = claims(CrcEvent().recover(bad))
    right = sum(answers[i] == flips for i, flips in enumerate(patterns, 1))
    assert right >= 29
    assert sum(answer is not None for answer in answers.values()) == right
    for algorithm in (CrcEvent(lookups=0), CrcEvent(checks="none")):
        assert algorithm.recover(bad).repaired.sum() <= 1


@pytest.mark.parametrize(
    ("length", "rate", "snr_db"),
    [(1500, 12, 3.5), (1500, 48, 16.5), (1500, 54, 17.75), (300, 6, 0.0), (300, 36, 11.5)],
)
def test_link(length: int, rate: int, snr_db: float, bad_batch: Batch, claims: Claims) -> None:
    """Of frames that break in white noise where 10 to 40 % do, most are repaired, few wrongly."""
    draw = random.Random(rate)
    sent = [fcs.append(draw.randbytes(length - 4)) for _ in range(200)]
    received = Link(rate, snr_db=snr_db, seed=2).receive(sent)
    bad = [(a, b) for a, b in zip(sent, received, strict=True) if fcs.syndrome(b)]
    answers = claims(CrcEvent().recover(bad_batch([b for _, b in bad], rate)))
    fixed = [
        (a, fcs.flip(b, flips))
        for (a, b), flips in zip(bad, (answers[i] for i in range(1, len(bad) + 1)), strict=True)
        if flips is not None
    ]
    assert 0.05 * len(sent) <= len(bad) <= 0.5 * len(sent)
    assert sum(a == b for a, b in fixed) >= 0.5 * len(bad)
    assert sum(a != b for a, b in fixed) <= 1


def test_parameters() -> None:
    """A gate of 0.01, all checks and pairs by default; nothing is ever left at the end."""
    algorithm, parameters = make("crc-event")
    assert isinstance(algorithm, CrcEvent)
    assert parameters == {"gate": 0.01, "checks": ALL, "lookups": 3_000_000}
    assert len(algorithm.finish()) == 0


@pytest.mark.real
@pytest.mark.parametrize(("gate", "repaired"), [(0.01, 3), (0.1, 3)])
def test_real(gate: float, repaired: int, captures: Path, claims: Claims) -> None:
    """Of the seven bad OFDM frames of a real capture three are repaired, none wrongly."""
    capture = captures / "aalborg_cooperation" / "gvsp.pcapng"
    frames = json.loads(capture.with_name("gvsp.truth.json").read_text())["frames"]
    truth = {frame["frame"]: frame["error_bits"] for frame in frames}
    algorithm = CrcEvent(gate, checks="none")
    answers: dict[int, list[int] | None] = {}
    for batch in read_frames(capture):
        answers |= claims(algorithm.recover(FrameBatch(batch)))
    assert len(answers) == len(truth)
    claimed = {number: flips for number, flips in answers.items() if flips is not None}
    assert len(claimed) == repaired
    assert all(flips == truth[number] for number, flips in claimed.items())
