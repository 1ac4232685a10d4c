"""From frames with known errors to scores: recorded, replayed, analyzed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from wtrec.analysis.analyze import analyze
from wtrec.analysis.txlog_truth import TxLogTruth
from wtrec.datasets.parquet import TableFile
from wtrec.datasets.payload import self_describing
from wtrec.datasets.txlog import TX
from wtrec.dot11 import fcs
from wtrec.replay.choice import make
from wtrec.replay.engine import Contender, replay


def test_numbers_are_what_was_injected(
    tmp_path: Path,
    write_capture: Callable[..., Path],
    write_tx_log: Callable[..., Path],
    udp_frame: Callable[..., bytes],
) -> None:
    """Bad frames, bit errors, repairs and abstentions by rate are those of the channel."""
    draw = np.random.default_rng(7)
    rates = {6.0: [0, 0, 1], 24.0: [0, 1, 2, 2], 54.0: [1, 2, 3, 5, 40]}  # flips of frames in turn
    sent: list[bytes] = []
    received: list[bytes] = []
    frame_rates: list[float] = []
    expected = {rate: {"frames": 0, "bad": 0, "bits": 0, "bit_errors": 0} for rate in rates}
    flips_of_bad: list[int] = []
    for rate, flips in rates.items():
        for i in range(200):
            frame = udp_frame(self_describing(b"run key.", len(sent), 300), len(sent))
            count = flips[i % len(flips)]
            bits = draw.choice(8 * len(frame), count, replace=False).tolist()
            sent.append(frame)
            received.append(fcs.flip(frame, bits))
            frame_rates.append(rate)
            expected[rate]["frames"] += 1
            if count:
                expected[rate]["bad"] += 1
                expected[rate]["bits"] += 8 * len(frame)
                expected[rate]["bit_errors"] += count
                flips_of_bad.append(count)
    capture = write_capture(tmp_path / "run.pcapng", received, rates=frame_rates)
    log = write_tx_log(tmp_path / "run.tx.parquet", sent)
    results = tmp_path / "run.crc-flip.parquet"
    algorithm, parameters = make("crc-flip:max_flips=2")
    summary = replay(capture, [Contender(algorithm, parameters, results)])
    with TableFile(log, TX) as file:
        analysis = analyze(capture, truth=TxLogTruth(file), results=[results])
    found = analysis.to_json()
    assert found["matching"] == {
        "matched": len(flips_of_bad),
        "ambiguous": 0,
        "unmatched": 0,
        "not_a_frame": 0,
        "rewritten": 0,
        "likely": 0,
    }
    assert {
        group["rate_mbps"]: {name: group[name] for name in expected[6.0]} for group in found["by"]
    } == expected
    (score,) = analysis.algorithms
    assert score.attempted == summary.bad == len(flips_of_bad)
    # 364 bytes: one and two flips always, others by chance once in a thousand frames.
    repairable = sum(count <= 2 for count in flips_of_bad)
    assert (score.correct, score.unjudged) == (repairable, 0)
    assert score.wrong <= 3
    assert score.repaired == summary.scores[0].repaired == score.correct + score.wrong
