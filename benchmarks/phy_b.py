"""Frames of 1,000 bytes at the rates of 802.11b: how many break at which SNR, and how fast."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

import numpy as np

from wtrec.phy import dsss

LENGTH = 1000
# Where the broken share in white noise goes from nearly all to nearly none, in dB.
SNRS = {1.0: (-3, 1), 2.0: (1, 5), 5.5: (2, 6), 11.0: (5, 9)}


@dataclass(frozen=True, slots=True)
class Row:
    """One rate at one SNR.

    Attributes:
        rate_mbps: Data rate.
        snr_db: Es/N0 of a chip.
        frames: That were sent.
        broken: That arrived with wrong bits.
        flips: Wrong bits in all of them.
        seconds: That it took, on one core.
    """

    rate_mbps: float
    snr_db: float
    frames: int
    broken: int
    flips: int
    seconds: float


def run(quick: bool) -> list[Row]:
    """White noise, 10,000 frames a point in steps of 0.5 dB; ``quick``: 500, in steps of 1 dB."""
    frames, step = (500, 1.0) if quick else (10_000, 0.5)
    data = np.random.default_rng(1).bytes(frames * LENGTH)
    mpdus = [data[i : i + LENGTH] for i in range(0, len(data), LENGTH)]
    sent = np.frombuffer(data, np.uint8).reshape(frames, LENGTH)
    rows = []
    for rate, (low, high) in SNRS.items():
        _receive(mpdus[:1], rate, low)  # compiles
        for snr in np.arange(low, high + step, step).tolist():
            started = time.perf_counter()
            received = b"".join(_receive(mpdus, rate, snr))
            seconds = time.perf_counter() - started
            wrong = sent ^ np.frombuffer(received, np.uint8).reshape(frames, LENGTH)
            broken = int(wrong.any(axis=1).sum())
            flips = int(np.bitwise_count(wrong).sum())
            rows.append(Row(rate, snr, frames, broken, flips, seconds))
    return rows


def _receive(mpdus: list[bytes], rate: float, snr_db: float) -> list[bytes]:
    return dsss.receive(
        mpdus, rate, channel="awgn", snr_db=snr_db, seed=1, receiver=0, first_frame=0
    )


def report(rows: list[Row]) -> None:
    """Print the table of docs/phy-b.md, and the time that a frame took."""
    by_point = {(row.snr_db, row.rate_mbps): row for row in rows}
    print("| SNR, dB | " + " | ".join(f"{rate:g} Mbit/s" for rate in SNRS) + " |")
    print("|---" * (1 + len(SNRS)) + "|")
    for snr in sorted({row.snr_db for row in rows}):
        cells = [_cell(by_point.get((snr, rate))) for rate in SNRS]
        print(f"| {snr:.1f} | " + " | ".join(cells) + " |")
    for rate in SNRS:
        best = min(row.seconds / row.frames for row in rows if row.rate_mbps == rate)
        print(f"{rate:g} Mbit/s: {1000 * best:.2f} ms a frame")


def _cell(row: Row | None) -> str:
    if row is None:
        return ""
    flips = f" ({row.flips / row.broken:.1f})" if row.broken else ""
    return f"{100 * row.broken / row.frames:.1f}{flips}"


if __name__ == "__main__":
    report(run("--quick" in sys.argv))
