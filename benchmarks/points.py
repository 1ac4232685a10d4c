"""Simulated frames at points of rate and SNR, and what recovery algorithms make of the bad ones.

Frames are those of ``recorder.simulate``: real MAC, LLC/SNAP, IPv4 and UDP headers around a random
payload. Algorithms get them as replay would give them, the good ones too.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from wtrec.datasets.frames import FcsStatus, FrameBatch
from wtrec.dot11 import fcs
from wtrec.recorder.simulate import Simulation, transmissions
from wtrec.replay.algorithm import Repairs
from wtrec.replay.choice import make

from . import spending


@dataclass(frozen=True, slots=True)
class Point:
    """Frames of one length at one rate and SNR.

    Attributes:
        channel: As ``phy.link`` names it.
        rate_mbps: Data rate.
        snr_db: SNR; see ``phy.link``.
        length: Bytes of each MPDU.
        sent: MPDUs as sent.
        received: The same as received.
    """

    channel: str
    rate_mbps: float
    snr_db: float
    length: int
    sent: list[bytes]
    received: list[bytes]

    @property
    def broken(self) -> float:
        """Share of the frames that have a wrong bit."""
        return sum(a != b for a, b in zip(self.sent, self.received, strict=True)) / len(self.sent)


@dataclass(frozen=True, slots=True)
class Score:
    """One algorithm at one point.

    Attributes:
        choice: The algorithm, as the user would name it.
        channel: As ``phy.link`` names it.
        rate_mbps: Data rate.
        snr_db: SNR.
        length: Bytes of each MPDU.
        broken: Share of the frames that have a wrong bit.
        bad: Frames with a wrong FCS.
        right: Of these, repaired to what was sent.
        wrong: Repaired to something else.
        stated: False repairs to expect among those that were not repaired rightly.
    """

    choice: str
    channel: str
    rate_mbps: float
    snr_db: float
    length: int
    broken: float
    bad: int
    right: int
    wrong: int
    stated: float


def simulate(
    points: Sequence[tuple[float, float]], *, length: int, frames: int, channel: str = "awgn"
) -> list[Point]:
    """Send so many frames at each point of rate and SNR."""
    simulation = Simulation(tuple(points), channel, frames, length)
    every = itertools.groupby(transmissions(simulation), lambda t: (t.rate_mbps, t.quality))
    made = []
    for (rate, snr), there in every:
        sent, received = zip(*((t.sent, t.received[0]) for t in there), strict=True)
        made.append(Point(channel, rate, snr, length, list(sent), list(received)))
    return made


def score(choices: Sequence[str], points: Sequence[Point]) -> list[Score]:
    """Give the points' frames, one point after the other, to each of these algorithms."""
    with spending.watched(), ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        return list(
            itertools.chain(*pool.map(lambda choice: list(_scores(choice, points)), choices))
        )


def _scores(choice: str, points: Sequence[Point]) -> Iterator[Score]:
    algorithm, _ = make(choice)
    first = 1
    for point in points:
        frames = batch(point.received, point.rate_mbps, first)
        repairs, spent = spending.recover(algorithm, frames)
        right = wrong = 0
        for number, flips in repaired(repairs):
            if fcs.flip(point.received[number - first], flips) == point.sent[number - first]:
                right += 1
                del spent[number]
            else:
                wrong += 1
        yield Score(
            choice,
            point.channel,
            point.rate_mbps,
            point.snr_db,
            point.length,
            point.broken,
            int(np.count_nonzero(frames.fcs_status == FcsStatus.BAD)),
            right,
            wrong,
            sum(spent.values()),
        )
        first += len(point.received)


def repaired(repairs: Repairs) -> Iterator[tuple[int, list[int]]]:
    """Number and flips of each frame that is repaired."""
    for i in np.flatnonzero(repairs.repaired).tolist():
        span = slice(repairs.flip_offsets[i], repairs.flip_offsets[i + 1])
        yield int(repairs.number[i]), repairs.flips[span].tolist()


def batch(
    mpdus: Sequence[bytes], rate_mbps: float, first: int = 1, times: Sequence[int] | None = None
) -> FrameBatch:
    """The columns that algorithms look at, of frames of one rate, numbered from ``first`` on.

    Received at ``times`` (ns), if these are given.
    """
    status = [FcsStatus.BAD if fcs.syndrome(mpdu) else FcsStatus.GOOD for mpdu in mpdus]
    when = pa.nulls(len(mpdus), pa.int64()) if times is None else pa.array(times, pa.int64())
    names = pa.array([status.name.lower() for status in FcsStatus])
    return FrameBatch(
        pa.record_batch(
            {
                "number": pa.array(np.arange(first, first + len(mpdus))),
                "time": when.cast(pa.timestamp("ns", "UTC")),
                "fcs_status": pa.DictionaryArray.from_arrays(pa.array(status, pa.int8()), names),
                "rate_mbps": pa.array([rate_mbps] * len(mpdus), pa.float64()),
                "mcs": pa.nulls(len(mpdus), pa.uint8()),
                "ldpc": pa.nulls(len(mpdus), pa.bool_()),
                "mpdu": pa.array(mpdus, pa.binary()),
            }
        )
    )
