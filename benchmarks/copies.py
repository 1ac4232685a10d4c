"""Recovery from several damaged copies: what is repaired when every receiver got a bad frame.

At each rate in white noise, at every SNR where 20 to 85 % of the frames of 1,500 bytes break, and
behind fading that is independent for each receiver.
"""

from __future__ import annotations

import random
import sys
import time
from dataclasses import dataclass

import numpy as np

from wtrec.dot11 import fcs, mac
from wtrec.phy.link import ChannelName, Link
from wtrec.replay.choice import make

from .documents import put, table
from .phy import HALF_DB
from .points import batch, repaired

PACKETS = 800  # at each SNR; what the documents show
LENGTH = 1500
STEP_DB = 0.5
REACH_DB = 1.5
LEAST, MOST = 0.2, 0.85  # share of frames that break
FADING = [(6, 2.5), (12, 5.5), (24, 13.0), (36, 16.0), (54, 21.0), (54, 23.0)]
BY_BIT = "chase:gap=1,max_clusters=16"  # what is done where errors are thought of as single bits
ALGORITHMS = {2: (BY_BIT, "chase"), 3: ("majority", "chase")}
NANOSECONDS_APART = 500_000  # packets; their copies come at the same time


@dataclass(frozen=True, slots=True)
class Score:
    """One algorithm on the packets of which every copy is bad, at one rate and SNR.

    Attributes:
        algorithm: As the user would name it.
        channel: Of ``Link``.
        rate_mbps: Data rate.
        snr_db: SNR.
        copies: Of each packet, 2 or 3.
        packets: Sent.
        broken: Share of the frames that break.
        groups: Packets of which every copy is bad.
        common: Of these, those with a bit that is wrong in all copies.
        right: Of their frames, the share repaired to what was sent.
        wrong: Frames that were repaired to something else.
        seconds: Taken for the bad ones.
    """

    algorithm: str
    channel: str
    rate_mbps: int
    snr_db: float
    copies: int
    packets: int
    broken: float
    groups: int
    common: int
    right: float
    wrong: int
    seconds: float


def run(quick: bool) -> list[Score]:
    """Measure; ``quick`` sends a tenth."""
    packets = PACKETS // 10 if quick else PACKETS
    steps = np.arange(-REACH_DB, REACH_DB + STEP_DB, STEP_DB)
    points: list[tuple[ChannelName, int, float]] = []
    for rate, middle in HALF_DB.items():
        points.extend(("awgn", rate, snr) for snr in (round(2 * middle) / 2 + steps).tolist())
    points.extend(("rayleigh", rate, snr) for rate, snr in FADING)
    sent = _packets(packets)
    scores = []
    for channel, rate, snr in points:
        links = [Link(rate, channel, snr_db=snr, seed=1, receiver=i) for i in range(3)]
        first = links[0].receive(sent)
        broken = sum(a != b for a, b in zip(sent, first, strict=True)) / packets
        if channel == "awgn" and not LEAST <= broken <= MOST:
            continue
        received = [first, *(link.receive(sent) for link in links[1:])]
        for copies, names in ALGORITHMS.items():
            chosen = [
                i
                for i in range(packets)
                if all(received[copy][i] != sent[i] for copy in range(copies))
            ]
            if chosen:
                scores += [
                    _score(name, channel, rate, snr, broken, sent, received[:copies], chosen)
                    for name in names
                ]
    return scores


def _packets(number: int) -> list[bytes]:
    """Data frames with random bodies, and sequence numbers that count."""
    draw = random.Random(1)
    frames = []
    for i in range(number):
        body = draw.randbytes(LENGTH - 32 - fcs.LENGTH)
        station, point = b"\2\0\0\0\0\1", b"\2\0\0\0\0\2"
        frame = mac.data_frame(
            body, addr1=point, addr2=station, addr3=point, to_ds=True, sequence=i & 0xFFF
        )
        frames.append(fcs.append(frame))
    return frames


def _score(
    name: str,
    channel: str,
    rate: int,
    snr: float,
    broken: float,
    sent: list[bytes],
    received: list[list[bytes]],
    chosen: list[int],
) -> Score:
    frames = [(sent[i], copy[i]) for i in chosen for copy in received]
    times = [NANOSECONDS_APART * (i // len(received)) for i in range(len(frames))]
    bad = batch([frame for _, frame in frames], rate, 0, times)
    algorithm, _ = make(name)
    started = time.perf_counter()
    parts = [algorithm.recover(bad), algorithm.finish()]
    seconds = time.perf_counter() - started
    fixed = {number: flips for part in parts for number, flips in repaired(part)}
    verdicts = [fcs.flip(b, fixed[i]) == a for i, (a, b) in enumerate(frames) if i in fixed]
    return Score(
        name,
        channel,
        rate,
        snr,
        len(received),
        len(sent),
        broken,
        len(chosen),
        sum(_common(sent[i], [copy[i] for copy in received]) for i in chosen),
        sum(verdicts) / len(frames),
        len(verdicts) - sum(verdicts),
        seconds,
    )


def _common(original: bytes, copies: list[bytes]) -> bool:
    both = -1
    for copy in copies:
        both &= int.from_bytes(original) ^ int.from_bytes(copy)
    return both != 0


def report(scores: list[Score]) -> None:
    """Print the tables; put those of a whole run into the algorithms' pages."""
    chase = _table(scores, {2: (BY_BIT, "chase"), 3: ("chase",)}, {BY_BIT: "by bit"})
    majority = _table(scores, {3: ("majority", "chase")}, {})
    for name, text in (("chase", chase), ("majority", majority)):
        print(f"{name}\n{text}")
        if all(score.packets == PACKETS for score in scores):
            put(f"algorithm-{name}.md", "copies.py", text)


def _table(scores: list[Score], shown: dict[int, tuple[str, ...]], short: dict[str, str]) -> str:
    words = {2: "pairs", 3: "triples"}
    titles = ["channel", "Mbit/s", "SNR dB", "broken"]
    for copies, names in shown.items():
        titles += [f"bad {words[copies]}", "all wrong in a bit"]
        titles += [t for name in names for t in (f"{short.get(name, name)}: right", "wrong")]
    lines = []
    rows: dict[tuple[str, int, float], dict[tuple[int, str], Score]] = {}
    for score in scores:
        point = (score.channel, score.rate_mbps, score.snr_db)
        rows.setdefault(point, {})[score.copies, score.algorithm] = score
    groups: dict[str, list[dict[tuple[int, str], Score]]] = {}
    for (channel, rate, snr), row in rows.items():
        groups.setdefault(channel, []).append(row)
        broken = next(iter(row.values())).broken
        lines.append([channel, f"{rate}", f"{snr:.1f}", f"{broken:.0%}", *_cells([row], shown)])
    for channel, every in groups.items():
        lines.append([channel, "all", "", "", *_cells(every, shown)])
    return table(titles, lines)


def _cells(
    rows: list[dict[tuple[int, str], Score]], shown: dict[int, tuple[str, ...]]
) -> list[str]:
    """Groups, common errors, right and wrong of each algorithm, pooled over rows."""
    cells = []
    for copies, names in shown.items():
        for name in names:
            scores = [row[copies, name] for row in rows if (copies, name) in row]
            groups = sum(score.groups for score in scores)
            if name == names[0]:
                common = sum(score.common for score in scores)
                cells += [f"{groups:,}", f"{common / groups:.1%}" if groups else ""]
            right = sum(score.right * score.groups for score in scores)
            wrong = sum(score.wrong for score in scores)
            cells.append(f"{right / groups:.1%}" if groups else "")
            cells.append(f"{wrong / groups / copies:.2%}" if groups else "")
    return cells


if __name__ == "__main__":
    report(run("--quick" in sys.argv))
