"""Recovery from one copy: what each algorithm repairs of simulated bad frames, and how fast.

At each rate in white noise, at every SNR where 2 to 98 % of the frames of 1,500 bytes break.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from wtrec.datasets.frames import FcsStatus, FrameBatch
from wtrec.dot11 import fcs
from wtrec.phy.link import Link
from wtrec.replay.algorithm import Algorithm, Repairs, make

from .phy import HALF_DB

FRAMES = 300  # at each SNR; what docs/algorithms.md shows
STEP_DB = 0.5
REACH_DB = 3.0
LENGTHS = (1500, 300)
# By rate: where about half of the frames break, in dB, and what is tried.
MIDDLE_DB = {1: -1.0, 2: 2.0, **HALF_DB}
ALGORITHMS = {
    rate: (
        "crc-flip",
        "crc-burst",
        *(("crc-seed", "crc-event") if rate in HALF_DB else ("crc-dsss",)),
    )
    for rate in MIDDLE_DB
}
DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "algorithms.md"
BEGIN, END = "<!-- benchmarks/recovery.py: begin -->\n", "<!-- end -->\n"


@dataclass(frozen=True, slots=True)
class Score:
    """One algorithm on the bad frames of one SNR in white noise.

    Attributes:
        algorithm: As the user would name it.
        rate_mbps: Data rate.
        length: Bytes of each MPDU.
        frames: Sent.
        bad: Of these, received with a wrong FCS.
        right: Of these, repaired to what was sent.
        wrong: Repaired to something else.
        seconds: Taken for the bad ones.
    """

    algorithm: str
    rate_mbps: float
    length: int
    frames: int
    bad: int
    right: int
    wrong: int
    seconds: float


def run(quick: bool) -> list[Score]:
    """Measure; ``quick`` sends a tenth."""
    frames = FRAMES // 10 if quick else FRAMES
    made = {name: make(name)[0] for names in ALGORITHMS.values() for name in names}
    scores = []
    for rate, middle in MIDDLE_DB.items():
        sent = {length: _frames(length, frames) for length in LENGTHS}
        for snr in np.arange(middle - REACH_DB, middle + REACH_DB, STEP_DB).tolist():
            link = Link(rate, snr_db=snr, seed=1)
            received = {length: link.receive(sent[length]) for length in LENGTHS}
            if not 0.02 <= _broken(sent[LENGTHS[0]], received[LENGTHS[0]]) <= 0.98:
                continue
            scores += [
                _score(made[name], rate, sent[length], received[length])
                for length in LENGTHS
                for name in ALGORITHMS[rate]
            ]
    return scores


def _frames(length: int, number: int) -> list[bytes]:
    draw = random.Random(1)
    return [fcs.append(draw.randbytes(length - fcs.LENGTH)) for _ in range(number)]


def _broken(sent: list[bytes], received: list[bytes]) -> float:
    return sum(a != b for a, b in zip(sent, received, strict=True)) / len(sent)


def _score(algorithm: Algorithm, rate: float, sent: list[bytes], received: list[bytes]) -> Score:
    bad = [i for i in range(len(sent)) if fcs.syndrome(received[i])]
    batch = _batch([received[i] for i in bad], rate)
    started = time.perf_counter()
    repairs = algorithm.recover(batch)
    seconds = time.perf_counter() - started
    fixed = list(_fixed(repairs, [received[i] for i in bad]))
    right = sum(fixed[k] == sent[i] for k, i in enumerate(bad))
    claimed = int(np.count_nonzero(repairs.repaired))
    return Score(
        algorithm.name,
        rate,
        len(sent[0]),
        len(sent),
        len(bad),
        right,
        claimed - right,
        seconds,
    )


def _fixed(repairs: Repairs, received: list[bytes]) -> Iterator[bytes]:
    """Each frame as it was repaired, or as it came."""
    starts = {number: i for i, number in enumerate(repairs.number.tolist())}
    for number, frame in enumerate(received):
        i = starts[number]
        span = slice(repairs.flip_offsets[i], repairs.flip_offsets[i + 1])
        yield fcs.flip(frame, repairs.flips[span].tolist())


def _batch(mpdus: list[bytes], rate: float) -> FrameBatch:
    """The columns that algorithms look at, of bad frames."""
    count = len(mpdus)
    codes = pa.array([FcsStatus.BAD] * count, pa.int8())
    names = pa.array([status.name.lower() for status in FcsStatus])
    return FrameBatch(
        pa.record_batch(
            {
                "number": pa.array(np.arange(count)),
                "fcs_status": pa.DictionaryArray.from_arrays(codes, names),
                "rate_mbps": pa.array([rate] * count, pa.float64()),
                "mcs": pa.nulls(count, pa.uint8()),
                "ldpc": pa.nulls(count, pa.bool_()),
                "mpdu": pa.array(mpdus, pa.binary()),
            }
        )
    )


def report(scores: list[Score]) -> None:
    """Print the table; put that of a whole run into docs/algorithms.md."""
    lines = [
        "| bytes | Mbit/s | algorithm | bad | right | wrong | right, 10-40 % bad | frames/s |",
        "|---" * 8 + "|",
    ]
    for length in LENGTHS:
        for rate in MIDDLE_DB:
            names = ALGORITHMS[rate] if rate not in HALF_DB else ALGORITHMS[rate][-1:]
            lines += _lines(scores, length, [rate], names)
        lines += _lines(scores, length, list(HALF_DB), ALGORITHMS[6])
    text = "\n".join(lines) + "\n"
    print(text)
    if all(score.frames == FRAMES for score in scores):
        before, rest = DOCUMENT.read_text().split(BEGIN)
        _, after = rest.split(END)
        DOCUMENT.write_text(before + BEGIN + text + END + after)


def _lines(scores: list[Score], length: int, rates: list[int], names: tuple[str, ...]) -> list[str]:
    lines = []
    for name in names:
        group = [
            s
            for s in scores
            if s.algorithm == name and s.length == length and s.rate_mbps in rates and s.bad
        ]
        if group:
            bad = sum(s.bad for s in group)
            wrong = sum(s.wrong for s in group)
            middle = [s for s in group if 0.1 <= s.bad / s.frames <= 0.4]
            lines.append(
                f"| {length} | {rates[0] if len(rates) == 1 else '6 to 54'} | {name} | {bad:,} "
                f"| {_right(group):.1%} | {wrong / bad:.2%} | {_right(middle):.0%} "
                f"| {bad / sum(s.seconds for s in group):,.0f} |"
            )
    return lines


def _right(scores: list[Score]) -> float:
    return sum(score.right for score in scores) / max(1, sum(score.bad for score in scores))


if __name__ == "__main__":
    report(run("--quick" in sys.argv))
