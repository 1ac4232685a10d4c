"""OFDM links: at which SNR frames break, how, and how fast; the decoder beside scikit-commpy's."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wtrec.phy import convolutional, viterbi_kernel
from wtrec.phy.link import Link

from .documents import put

LENGTH = 1458
FRAMES = 1000  # at each SNR; what docs/phy.md shows
# Where half of the frames break, roughly, in dB, in all benchmarks; hard decisions need more.
HALF_DB = {6: 0.1, 9: 2.6, 12: 3.1, 18: 5.6, 24: 8.5, 36: 11.8, 48: 15.9, 54: 17.2}
HARD_DB = 2.3
STEP_DB = 0.25
GAP = 16  # right bits that end a cluster of wrong ones


@dataclass(frozen=True, slots=True)
class Rate:
    """One rate in white noise.

    Attributes:
        rate_mbps: Data rate.
        frames: Sent at each SNR.
        start_db: SNR at which nine in ten break.
        half_db: SNR at which half break.
        end_db: SNR at which one in ten breaks.
        hard_db: SNR at which half break, with hard decisions.
        few: Share of the bad frames near ``half_db`` with at most two wrong bits.
        single: Share of them whose wrong bits form one cluster.
        mbps: Bits of MPDUs carried in a second of one thread, in Mbit/s.
        mbps_of_two: Likewise of two threads.
    """

    rate_mbps: int
    frames: int
    start_db: float
    half_db: float
    end_db: float
    hard_db: float
    few: float
    single: float
    mbps: float
    mbps_of_two: float


@dataclass(frozen=True, slots=True)
class Decoder:
    """One Viterbi decoder on the same soft bits at rate 1/2: bits, wrong ones, seconds."""

    name: str
    bits: int
    wrong: int
    seconds: float


def run(quick: bool) -> list[Rate | Decoder]:
    """Measure; ``quick`` sends a tenth."""
    frames = FRAMES // 10 if quick else FRAMES
    rates = [_rate(rate, half, frames) for rate, half in HALF_DB.items()]
    return [*rates, *_decoders(1_000 if quick else 5_000)]


def _rate(rate_mbps: int, half_db: float, frames: int) -> Rate:
    draw = random.Random(1)
    mpdus = [draw.randbytes(LENGTH) for _ in range(frames)]
    link = Link(rate_mbps, snr_db=half_db, seed=1)
    link.receive(mpdus[:1])  # compiles
    soft = _crossings(link, mpdus, half_db)
    hard = _crossings(replace(link, soft=False), mpdus, half_db + HARD_DB)
    wrong = _wrong(link, mpdus)
    bad = wrong[wrong.any(axis=1)]
    clusters = [1 + np.count_nonzero(np.diff(np.flatnonzero(bits)) >= GAP) for bits in bad]
    megabits = 8e-6 * LENGTH * frames
    with ThreadPoolExecutor(2) as pool:
        both = _seconds(lambda: list(pool.map(link.receive, (mpdus, mpdus))))
    return Rate(
        rate_mbps,
        frames,
        *soft,
        hard_db=hard[1],
        few=float((bad.sum(axis=1) <= 2).mean()),
        single=float((np.array(clusters) == 1).mean()),
        mbps=megabits / _seconds(lambda: link.receive(mpdus)),
        mbps_of_two=2 * megabits / both,
    )


def _wrong(link: Link, mpdus: list[bytes]) -> NDArray[np.uint8]:
    """Wrong bits, shape (frames, bits)."""
    sent = np.frombuffer(b"".join(mpdus), np.uint8).reshape(len(mpdus), -1)
    received = np.frombuffer(b"".join(link.receive(mpdus)), np.uint8)
    return np.unpackbits(sent ^ received.reshape(sent.shape), axis=1, bitorder="little")


def _crossings(link: Link, mpdus: list[bytes], middle_db: float) -> tuple[float, float, float]:
    """The SNRs at which 90, 50 and 10 % of the frames break."""
    snrs = np.arange(middle_db - 2, middle_db + 2 + STEP_DB, STEP_DB)
    broken = []
    for snr in snrs.tolist():
        received = replace(link, snr_db=snr).receive(mpdus)
        broken.append(sum(a != b for a, b in zip(mpdus, received, strict=True)) / len(mpdus))
    falling = np.minimum.accumulate(broken)
    start, half, end = (float(np.interp(-share, -falling, snrs)) for share in (0.9, 0.5, 0.1))
    return start, half, end


def _seconds(job: Callable[[], object]) -> float:
    """The best of five."""
    times = []
    for _ in range(5):
        started = time.perf_counter()
        job()
        times.append(time.perf_counter() - started)
    return min(times)


def _decoders(bits: int) -> list[Decoder]:
    """Ours and scikit-commpy's, at 3 dB of E_b/N_0."""
    from commpy.channelcoding import (  # pyright: ignore[reportMissingImports] - ./dev bench has it
        Trellis,
        viterbi_decode,
    )

    draw = np.random.default_rng(1)
    data = draw.integers(0, 2, bits).astype(np.uint8)
    data[-convolutional.TAIL :] = 0
    sent = 2.0 * convolutional.encode(data) - 1
    received = sent + draw.normal(0, 10 ** (-3 / 20), len(sent))
    soft = np.clip(100 * received, -viterbi_kernel.MAX_SOFT, viterbi_kernel.MAX_SOFT)
    whole = soft.astype(np.int16)
    survivors = np.empty((bits, viterbi_kernel.BUTTERFLIES), np.uint8)
    ours = np.empty(bits, np.uint8)
    reversed_generators = [int(f"{g:07b}"[::-1], 2) for g in convolutional.GENERATORS]
    trellis = Trellis(np.array([6]), np.array([reversed_generators]))
    theirs = np.empty(0)

    def commpy() -> None:
        nonlocal theirs
        theirs = viterbi_decode(received, trellis, tb_depth=35, decoding_type="unquantized")

    viterbi_kernel.decode(whole, survivors, ours)  # compiles
    seconds = _seconds(lambda: viterbi_kernel.decode(whole, survivors, ours))
    started = time.perf_counter()
    commpy()
    return [
        Decoder("wtrec", bits, int((ours != data).sum()), seconds),
        Decoder(
            "scikit-commpy",
            bits,
            int((theirs[:bits] != data).sum()),
            time.perf_counter() - started,
        ),
    ]


def report(rows: list[Rate | Decoder]) -> None:
    """Print the tables; put those of a whole run into docs/phy.md."""
    rates = [row for row in rows if isinstance(row, Rate)]
    text = _table(rates) + "\n" + _decoder_table([r for r in rows if isinstance(r, Decoder)])
    print(text)
    if all(row.frames == FRAMES for row in rates):
        put("phy.md", "phy.py", text)


def _table(rates: list[Rate]) -> str:
    head = (
        "| Mbit/s | 90 % | half | 10 % | half, hard | ≤ 2 flips | one cluster | one thread | two |"
    )
    lines = [head, "|---" * 9 + "|"]
    lines += [
        f"| {r.rate_mbps} | {r.start_db:.1f} | {r.half_db:.1f} | {r.end_db:.1f} | {r.hard_db:.1f} "
        f"| {r.few:.0%} | {r.single:.0%} | {r.mbps:.0f} | {r.mbps_of_two:.0f} |"
        for r in rates
    ]
    return "\n".join(lines) + "\n"


def _decoder_table(decoders: list[Decoder]) -> str:
    lines = ["| Viterbi decoder, rate 1/2 | bits | wrong | Mbit/s |", "|---|---|---|---|"]
    lines += [
        f"| {d.name} | {d.bits:,} | {d.wrong} | {d.bits / d.seconds * 1e-6:,.4g} |"
        for d in decoders
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    report(run("--quick" in sys.argv))
