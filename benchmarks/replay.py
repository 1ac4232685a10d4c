"""The replayer: its top speed, how well it keeps a pace, and whether its queues are as they should.

The algorithm of the first two does nothing at all, so what is measured is the replayer. That of the
third is busy for a known time, and theory says how long frames wait for it: not at all if they
come regularly (D/D/1), by Pollaczek and Khinchine if they come at random (M/D/1). That one goes by
the time that the thread has had of the processor, so that other work on the machine counts little;
and what frames had to wait is computed from the calls as they were, too (Lindley's recursion). A
whole run writes its tables into docs/replay.md.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from wtrec.clock import MONOTONIC, Clock
from wtrec.datasets import pcapng
from wtrec.datasets.frames import FcsStatus, FrameBatch
from wtrec.datasets.reader import CaptureReader
from wtrec.dot11 import fcs, radiotap
from wtrec.replay.algorithm import Repairs
from wtrec.replay.engine import Contender, Score, replay
from wtrec.replay.pacing import FramesPerSecond, Pace, RecordedTime
from wtrec.replay.queue import Service
from wtrec.replay.schedule import Schedule
from wtrec.replay.source import Selection

from .corpus import repeat, source
from .documents import put, table

FRAMES = 1_000_000
PACES = ((1_000, 1), (5_000, 1), (10_000, 1), (10_000, 64), (100_000, 4096))
SERVICE_US = 2000
LOADS = (0.3, 0.6)


class NoOp:
    """Takes frames, and says nothing."""

    name = "no-op"

    def recover(self, frames: FrameBatch) -> Repairs:
        """Nothing."""
        del frames
        return Repairs.none()

    def finish(self) -> Repairs:
        """Nothing."""
        return Repairs.none()


class OwnTime:
    """A clock on which time passes while this thread has the processor, and at once in sleeps."""

    def __init__(self) -> None:
        self._slept = 0
        self.clock = Clock(self.now, self._sleep)

    def now(self) -> int:
        """What it reads, ns."""
        return time.thread_time_ns() + self._slept

    def _sleep(self, seconds: float) -> None:
        self._slept += round(seconds * 1e9)


class Spin(NoOp):
    """Is busy for a known time, and abstains.

    Args:
        own: The clock.
    """

    name = "spin"

    def __init__(self, own: OwnTime) -> None:
        self._own = own

    def recover(self, frames: FrameBatch) -> Repairs:
        """Wait for a while, awake."""
        until = self._own.now() + 1000 * SERVICE_US
        bad = frames.number[frames.fcs_status == FcsStatus.BAD].tolist()
        while self._own.now() < until:
            pass
        return Repairs.of([(number, None) for number in bad])


@dataclass(frozen=True, slots=True)
class Paced:
    """A replay at a pace.

    Attributes:
        asked: Frames a second.
        batch: Most frames in a call.
        score: What came of it.
    """

    asked: int
    batch: int
    score: Score


@dataclass(frozen=True, slots=True)
class Queued:
    """A queue of which the answer is known.

    Attributes:
        name: Its kind.
        load: Service time by mean time between arrivals.
        wait_us: The mean wait by theory.
        must_us: The mean wait that the calls make, as long as each of them was.
        score: What came of it.
    """

    name: str
    load: float
    wait_us: float
    must_us: float
    score: Score


@dataclass(frozen=True, slots=True)
class Replays:
    """Everything.

    Attributes:
        frames: Of the capture.
        top_fps: Frames a second at top speed, best of three.
        decoded_fps: Decoding alone, best of three.
        paced: At paces.
        queued: Known queues.
    """

    frames: int
    top_fps: float
    decoded_fps: float
    paced: list[Paced]
    queued: list[Queued]


def run(quick: bool) -> Replays:
    """Measure; ``quick`` takes a tenth of the frames, and of the time."""
    seconds = 1.0 if quick else 5.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        large = folder / "large.pcapng"
        frames = repeat(source(folder), large, frames=FRAMES // (10 if quick else 1))
        done = Replays(
            frames,
            max(_run(large, NoOp(), Schedule()).achieved_fps for _ in range(3)),
            max(_decode(large) for _ in range(3)),
            [Paced(pps, batch, _paced(large, pps, batch, seconds)) for pps, batch in PACES],
            [
                *(_regular(folder, load, seconds) for load in LOADS),
                *(_random(folder, load, seconds) for load in LOADS),
            ],
        )
    if not quick:
        put("replay.md", "replay.py", _markdown(done))
    return done


def _run(capture: Path, algorithm: NoOp, schedule: Schedule, clock: Clock = MONOTONIC) -> Score:
    output = capture.with_suffix(".parquet")
    (score,) = replay(capture, [Contender(algorithm, {}, output)], schedule, clock=clock).scores
    return score


def _busy(capture: Path, pace: Pace) -> Score:
    own = OwnTime()
    return _run(capture, Spin(own), Schedule(pace, service=Service(1)), own.clock)


def _decode(capture: Path) -> float:
    begin = time.perf_counter()
    with CaptureReader(capture) as reader:
        frames = sum(len(batch) for batch in reader)
    return frames / (time.perf_counter() - begin)


def _paced(capture: Path, pps: int, batch: int, seconds: float) -> Score:
    selection = Selection(limit=round(pps * seconds))
    return _run(capture, NoOp(), Schedule(FramesPerSecond(pps), selection, Service(batch)))


def _regular(folder: Path, load: float, seconds: float) -> Queued:
    pps = load * 1e6 / SERVICE_US
    capture = _write(folder / "regular.pcapng", np.arange(round(pps * seconds)))
    score = _busy(capture, FramesPerSecond(pps))
    due = np.arange(score.frames) * 1e9 / pps
    return Queued("D/D/1", load, 0.0, _must_us(score, due), score)


def _random(folder: Path, load: float, seconds: float) -> Queued:
    pps = load * 1e6 / SERVICE_US
    frames = round(pps * seconds)
    quantiles = (np.random.default_rng(1).permutation(frames) + 0.5) / frames
    times = np.cumsum(-np.log1p(-quantiles) * 1e9 / pps).astype(np.int64)
    capture = _write(folder / "random.pcapng", times)
    score = _busy(capture, RecordedTime(1))
    wait_us = load / (2 * (1 - load)) * SERVICE_US
    return Queued("M/D/1", load, wait_us, _must_us(score, times - times[0]), score)


def _must_us(score: Score, due: np.ndarray) -> float:
    """What frames had to wait on average: each until the call before it had ended."""
    service = pq.read_table(score.output, columns=["service_ns"])["service_ns"].to_numpy()
    ends = np.cumsum(service)  # of calls that follow each other; the latest idle time shifts them
    begins = np.maximum.accumulate(due - (ends - service)) + (ends - service)
    return float((begins - due).mean()) / 1000


def _write(path: Path, times: np.ndarray) -> Path:
    """Bad frames at these times, ns."""
    header = radiotap.build(flags=radiotap.Flags.FCS | radiotap.Flags.BAD_FCS, rate=12)
    packet = header + fcs.flip(fcs.append(bytes(100)), [50])
    with path.open("wb") as file:
        file.write(pcapng.SectionHeader.make().write("<"))
        file.write(pcapng.InterfaceDescription.make(linktype=127, tsresol=9).write("<"))
        for at in times.tolist():
            block = pcapng.EnhancedPacket.make(0, 1_700_000_000_000_000_000 + at, packet)
            file.write(block.write("<"))
    return path


def _us(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _paced_cells(row: Paced) -> list[str]:
    wait = row.score.queue["wait_us"]
    return [
        f"{row.asked:,}",
        f"{row.batch:,}",
        f"{row.score.achieved_fps:,.1f}",
        f"{row.score.queue['batch_mean']:.1f}",
        " / ".join(_us(wait[key]) for key in ("p50", "p99", "max")),
    ]


def _queued_cells(row: Queued) -> list[str]:
    queue = row.score.queue
    return [
        row.name,
        f"{row.load:.2f}",
        _us(queue["service_us"]["mean"]),
        _us(row.wait_us),
        _us(row.must_us),
        _us(queue["wait_us"]["mean"]),
        f"{queue['length_mean']:.3f}",
    ]


_PACED = ["asked/s", "most in a call", "achieved/s", "in a call", "late us: median / 99 % / most"]
_QUEUED = ["queue", "load", "a call took us", "wait us: theory", "of these calls", "measured"]
_QUEUED += ["queue length"]


def _markdown(done: Replays) -> str:
    load, cores = os.getloadavg()[0], os.cpu_count()
    return (
        f"On {cores} cores at a load of {load:.1f}. At top speed, {done.frames:,} frames into an "
        f"algorithm that does nothing: {done.top_fps:,.0f} frames/s, "
        f"{done.top_fps / done.decoded_fps:.0%} of the speed of decoding alone.\n\n"
        + table(_PACED, [_paced_cells(row) for row in done.paced])
        + "\n"
        + table(_QUEUED, [_queued_cells(row) for row in done.queued])
    )


def report(done: Replays) -> None:
    """Print everything."""
    print(f"top speed {done.top_fps:,.0f} frames/s, decoding alone {done.decoded_fps:,.0f}")
    for head, rows in (
        (_PACED, [_paced_cells(row) for row in done.paced]),
        (_QUEUED, [_queued_cells(row) for row in done.queued]),
    ):
        for cells in [head, *rows]:
            print("  ".join(f"{cell:>16}" for cell in cells))


if __name__ == "__main__":
    report(run("--quick" in sys.argv))
