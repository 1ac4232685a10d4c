"""Statistics of simulated runs against counts of the bytes that were sent and received."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wtrec.analysis import statistics
from wtrec.analysis.analyze import analyze
from wtrec.analysis.payload_truth import PayloadTruth
from wtrec.analysis.txlog_truth import TxLogTruth
from wtrec.datasets.frames import FcsStatus, FrameBatch
from wtrec.datasets.parquet import TableFile
from wtrec.datasets.payload import pattern
from wtrec.datasets.reader import CaptureReader
from wtrec.datasets.run import tx_log_path
from wtrec.datasets.txlog import TX
from wtrec.dot11 import fcs
from wtrec.recorder.simulate import Simulation, transmissions
from wtrec.recorder.simulated_run import write_run

SIMULATION = Simulation(
    points=((54.0, 17.5), (24.0, 8.0), (2.0, -3.0)), channel="awgn", frames=60, length=300, copies=2
)


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated run."""
    path = tmp_path_factory.mktemp("run") / "run.pcapng"
    write_run(SIMULATION, path, start=time.time_ns())
    return path


def analyzed(capture: Path, **options: Any) -> dict[str, Any]:
    """Against the run's own log."""
    with TableFile(tx_log_path(capture), TX) as log:
        return analyze(capture, truth=TxLogTruth(log), **options).to_json()


def positions(sent: bytes, received: bytes) -> list[int]:
    """Wrong bits, in plain Python."""
    return [
        8 * i + bit
        for i, (one, other) in enumerate(zip(sent, received, strict=True))
        for bit in range(8)
        if (one ^ other) >> bit & 1
    ]


def test_numbers_are_those_of_the_simulator(capture: Path) -> None:
    """PER, BER, flips, events and pairs of copies by rate are counted from the bytes on the air."""
    masks: dict[float, list[list[int]]] = defaultdict(list)
    pairs: dict[float, int] = defaultdict(int)
    in_common: dict[float, int] = defaultdict(int)
    for sent in transmissions(SIMULATION):
        errors = [positions(sent.sent, received) for received in sent.received]
        masks[sent.rate_mbps] += errors
        if all(errors):
            pairs[sent.rate_mbps] += 1
            in_common[sent.rate_mbps] += bool(set(errors[0]) & set(errors[1]))
    found = analyzed(capture, by=["rate"])
    assert found["matching"]["matched"] == found["frames"]["bad"]
    for group in found["by"]:
        ours = masks[group["rate_mbps"]]
        bad = [mask for mask in ours if mask]
        flips = sum(map(len, bad))
        events = sum(1 + sum(b - a > 16 for a, b in pairwise(mask)) for mask in bad)
        assert group["frames"] == len(ours) == 2 * SIMULATION.frames
        assert group["share_bad"] == len(bad) / len(ours)
        assert group["ber"] == flips / (len(ours) * 8 * SIMULATION.length)
        assert group["ber_bad"] == flips / (len(bad) * 8 * SIMULATION.length)
        for name in ("share_bad", "ber", "ber_bad"):
            low, high = group[f"{name}_low"], group[f"{name}_high"]
            assert low < high
            assert low <= group[name] <= high
        patterns = group["patterns"]
        assert patterns["events"]["events"] == events
        assert patterns["events"]["per_frame"] == events / len(bad)
        assert sum(patterns["octet"]) == sum(patterns["position"]["bit_errors"]) == flips
        assert patterns["flips"]["1"] == sum(len(mask) == 1 for mask in bad)
        rate = pairs[group["rate_mbps"]]
        assert patterns["copies"]["pairs"] == rate
        assert patterns["copies"]["share_in_common"] == in_common[group["rate_mbps"]] / rate
        symbol = patterns["symbol"] or {"data_bits": None}
        assert symbol["data_bits"] == {54.0: 216, 24.0: 96, 2.0: None}[group["rate_mbps"]]


def test_seed_and_block(capture: Path) -> None:
    """The same seed gives the same intervals; another seed or block others, of the same rates."""
    first, again = (analyzed(capture, seed=3)["by"] for _ in range(2))
    assert first == again
    for options in ({"seed": 4}, {"seed": 3, "block": 5}):
        for one, other in zip(first, analyzed(capture, **options)["by"], strict=True):
            assert (one["ber"], one["patterns"]) == (other["ber"], other["patterns"])
            assert one["ber_high"] != other["ber_high"]
            assert one["ber_high"] == pytest.approx(other["ber_high"], rel=0.35)


def test_good_frames_before_the_first_bad_one(
    tmp_path: Path, write_capture: Callable[..., Path], udp_frame: Callable[..., bytes]
) -> None:
    """With blocks, too, the interval is the same however frames come in batches."""
    good = udp_frame(bytes(50))
    bad = [fcs.flip(good, [8 * 70 + k, 8 * 80 + k]) for k in range(10)]
    path = write_capture(tmp_path / "run.pcapng", [good] * 200 + bad)
    found = []
    for size in (210, 50):
        truth = PayloadTruth(pattern("zeros"))
        collected = statistics.Statistics(block=5)
        with CaptureReader(path) as reader:
            (frames,) = reader
        truth.learn(frames)
        for first in range(0, 210, size):
            batch = FrameBatch(frames.arrow.slice(first, size))
            rows = np.flatnonzero(batch.fcs_status == FcsStatus.BAD)
            known, good_bits = collected.match(truth, batch, rows)
            groups = np.zeros(len(batch), np.int64)
            collected.add(batch, groups, rows, known, known.errors(batch, rows), good_bits)
        found.append(collected.numbers(0))
    assert found[0].ber_interval == found[1].ber_interval
    assert found[0].ber_interval is not None
    low, high = found[0].ber_interval
    assert low < 20 / (210 * 400) < high


def test_too_many_groups(capture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups beyond the limit have counts and rates, but no patterns."""
    monkeypatch.setattr(statistics, "MOST_GROUPS", 1)
    groups = analyzed(capture)["by"]
    assert [bool(group["patterns"]) for group in groups].count(True) == 1
    assert all(group["ber"] > 0 for group in groups)
    assert [group["ber_high"] is None for group in groups].count(False) == 1


def test_strangers_do_not_dilute(
    tmp_path: Path, write_capture: Callable[..., Path], udp_frame: Callable[..., bytes]
) -> None:
    """Good frames that are not of the test traffic add no bits to the error rate's denominator."""
    ours, beacon = udp_frame(bytes(50)), fcs.append(b"\x80" + bytes(60))
    bad = fcs.flip(ours, [8 * 70])
    path = write_capture(tmp_path / "run.pcapng", [ours] * 9 + [bad] + [beacon] * 500)
    (group,) = analyze(path, truth=PayloadTruth(pattern("zeros")), by=[]).groups
    assert (group.bits, group.numbers.good_bits) == (400, 9 * 400)
    assert group.ber == 1 / 4000
    assert group.ber_bad == 1 / 400
