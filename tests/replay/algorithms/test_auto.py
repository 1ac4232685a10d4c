"""auto: at least as good as the best of those that it is made of, and no worse."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from wtrec import read_frames
from wtrec.datasets.frames import FcsStatus, FrameBatch
from wtrec.dot11 import fcs
from wtrec.phy.ofdm import MODES, SERVICE
from wtrec.recorder.simulate import Simulation, transmissions
from wtrec.replay.algorithm import Repairs
from wtrec.replay.algorithms.auto import Auto
from wtrec.replay.algorithms.checks import ALL
from wtrec.replay.algorithms.crc_event import _OF_RATE
from wtrec.replay.choice import make

Batch = Callable[..., FrameBatch]
Claims = Callable[[Repairs], dict[int, list[int] | None]]

GATE = "gate=0.01"
SINGLE = tuple(f"{name}:{GATE}" for name in ("crc-flip", "crc-burst", "header"))
OFDM = (*SINGLE, f"crc-event:{GATE},lookups=300000", f"crc-seed:{GATE}")
DSSS = (*SINGLE, f"crc-dsss:{GATE}")
AUTO = f"auto:{GATE},lookups=300000"


@dataclass(frozen=True, slots=True)
class Score:
    """Frames repaired to what was sent, and to something else."""

    right: int
    wrong: int


@pytest.mark.parametrize(
    ("rate", "snr_db", "length"),
    [
        (6, -0.25, 300),
        pytest.param(48, 15.5, 300, marks=pytest.mark.slow),
        (54, 17.0, 300),
        pytest.param(54, 17.5, 1000, marks=pytest.mark.slow),
        (1, -1.5, 150),
        pytest.param(2, 2.0, 150, marks=pytest.mark.slow),
        pytest.param(5.5, 3.0, 150, marks=pytest.mark.slow),
        (11, 6.5, 150),
    ],
)
def test_link(rate: float, snr_db: float, length: int, bad_batch: Batch, claims: Claims) -> None:
    """On a simulated link it repairs what the best does, but for 2 %, and not more wrongly."""
    run = Simulation(((rate, snr_db),), "awgn", frames=80, length=length, seed=3)
    sent, received = [], []
    for transmission in itertools.islice(transmissions(run), 80):
        sent.append(transmission.sent)
        received.append(transmission.received[0])
    status = [FcsStatus.BAD if fcs.syndrome(mpdu) else FcsStatus.GOOD for mpdu in received]
    batch = bad_batch(received, rate, status=status)
    bad = status.count(FcsStatus.BAD)
    assert 8 <= bad <= 75

    def score(choice: str) -> Score:
        answers = claims(make(choice)[0].recover(batch)).items()
        assert len(answers) == bad
        fixed = [
            fcs.flip(received[number - 1], flips) == sent[number - 1]
            for number, flips in answers
            if flips is not None
        ]
        return Score(sum(fixed), len(fixed) - sum(fixed))

    for checks in (ALL, "none"):
        singles = [
            score(f"{choice},checks={checks}") for choice in (OFDM if rate in MODES else DSSS)
        ]
        best = max(singles, key=lambda one: (one.right, -one.wrong))
        auto = score(f"{AUTO},checks={checks}")
        assert best.right >= 0.15 * bad
        assert auto.right >= best.right - 0.02 * bad
        assert auto.wrong <= best.wrong


@pytest.mark.slow
@pytest.mark.parametrize(
    "radio", [{"rate_mbps": 54.0}, {"rate_mbps": 1.0}, {}, {"mcs": 7, "ldpc": True}]
)
def test_noise(radio: dict[str, float], check_noise: Callable[..., None]) -> None:
    """A hundred thousand frames of random bytes are repaired as often as is said."""
    gate = 0.1
    algorithm = Auto(gate, lookups=0)
    stages = {
        "rate_mbps": [
            algorithm._seeds,
            algorithm._events.stages(_OF_RATE[54], SERVICE)[0],
        ]
        if radio.get("rate_mbps") == 54.0
        else algorithm._channel._stages[1, 2][0],
        "mcs": [algorithm._seeds, *algorithm._others],
        "": algorithm._others,
    }[next(iter(radio), "")]
    check_noise(algorithm, stages, gate, 60, radio)


@pytest.mark.parametrize("mcs", [None, 7])
def test_unknown_errors(mcs: int | None, bad_batch: Batch, claims: Claims) -> None:
    """Without a rate, and with LDPC, flips and bursts are repaired; flips of two come first."""
    good = fcs.append(bytes(range(96)))
    patterns = [[5], [100, 700], [300, 301, 304, 309]]
    bad = bad_batch([fcs.flip(good, flips) for flips in patterns], mcs=mcs, ldpc=mcs and True)
    assert claims(Auto().recover(bad)) == dict(enumerate(patterns, 1))


def test_headers_come_first(udp_frame: Callable[..., bytes], bad_batch: Batch) -> None:
    """A known header is tried before anything else, and costs what it counts."""
    good = udp_frame(bytes(60))
    flips = [33, 70, 140]
    status = [FcsStatus.GOOD, FcsStatus.BAD]
    for rate in (1.0, 54.0, None):
        batch = bad_batch([good, fcs.flip(good, flips)], rate, status=status)
        repairs = Auto(checks="none").recover(batch)
        assert repairs.flips.tolist() == flips
        assert repairs.expected_false.tolist() == [2 * 2 / 2**32]


def test_parameters() -> None:
    """Every algorithm of the kind has a gate and checks; this one bounds pairs, too."""
    algorithm, parameters = make("auto")
    assert isinstance(algorithm, Auto)
    assert parameters == {"gate": 0.01, "checks": ALL, "lookups": 3_000_000}
    for gate in ("0", "-1", "nan", "inf"):
        for name in ("auto", "header", "crc-seed", "crc-event", "crc-dsss", "crc-burst"):
            with pytest.raises(Exception, match="wanted a positive number"):
                make(f"{name}:gate={gate}")


@pytest.mark.real
@pytest.mark.parametrize(
    ("choice", "repaired"),
    [
        ("crc-event", 3),
        ("crc-dsss", 9),
        ("header", 5),
        ("auto", 16),
        ("crc-flip", 5),
        ("crc-burst", 7),
        ("crc-seed", 0),
    ],
)
def test_real(choice: str, repaired: int, captures: Path, claims: Claims) -> None:
    """Of 39 bad frames of a real capture so many are repaired by default, none wrongly."""
    capture = captures / "aalborg_cooperation" / "gvsp.pcapng"
    frames = json.loads(capture.with_name("gvsp.truth.json").read_text())["frames"]
    truth = {frame["frame"]: frame["error_bits"] for frame in frames}
    algorithm, _ = make(choice)
    answers: dict[int, list[int] | None] = {}
    for batch in read_frames(capture):
        answers |= claims(algorithm.recover(FrameBatch(batch)))
    assert len(answers) == len(truth) == 39
    claimed = {number: flips for number, flips in answers.items() if flips is not None}
    assert all(flips == truth[number] for number, flips in claimed.items())
    assert len(claimed) == repaired
