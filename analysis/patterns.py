"""Error patterns of a group: how many bits are wrong in a frame, and how they lie.

All of it is about judged bad frames and their known parts, and is made from error masks in one
pass: counts that are added up, so memory does not grow with the capture. An *error event* is a
cluster of wrong bits: 16 right bits in a row end it. (A Viterbi decoder errs in events of 8 to 16
bits, see :mod:`wtrec.phy.error_events`; seven right bits bring its trellis back.)

Distances between wrong bits are counted exactly to 64, then by octave: 65 to 128, 129 to 256 ...
Positions are those of the MPDU; OFDM symbols hold N_DBPS data bits, the first 16 of which are the
SERVICE field's (IEEE 802.11-2020, 17.3.5.2).
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.frames import FrameBatch
from .masks import ErrorMasks
from .patterns_kernel import (
    BLOCK_SIZES,
    EVENT_BITS,
    EVENTS,
    EXACT,
    FLIPS,
    FRAMES,
    GAP,
    SINGLE,
    add_masks,
    new_sums,
)

OFDM_MBPS = (6, 9, 12, 18, 24, 36, 48, 54)  # symbols of 4 us: N_DBPS is four times the rate
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_CLASSES = (("0", 0), ("1", 1), ("2", 2), ("3", 3), ("4-10", 10), ("11-32", 32))


def data_bits(frames: FrameBatch, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """N_DBPS of frames at the OFDM rates of 802.11a and g; 0 of others."""
    rates = frames.column("rate_mbps").fill_null(0.0).to_numpy()[rows]
    legacy = frames.column("mcs").is_null().to_numpy(zero_copy_only=False)[rows]
    return np.where(legacy & np.isin(rates, OFDM_MBPS), np.rint(4 * rates), 0).astype(np.int64)


class Patterns:
    """Adds up the masks of one group."""

    def __init__(self) -> None:
        self.sums = new_sums()
        self.flips: Counter[int] = Counter()  # frames by their number of wrong bits
        self.symbols: set[int] = set()  # N_DBPS of the frames

    def add(self, masks: ErrorMasks, chosen: NDArray[np.int64], symbols: NDArray[np.int64]) -> None:
        """Count some masks.

        Args:
            masks: Masks of a batch.
            chosen: Which of them are the group's.
            symbols: N_DBPS of each of the masks, 0 where it has none.
        """
        self.flips.update(masks.errors[chosen].tolist())
        self.symbols.update(symbols[chosen].tolist())
        # Frames of several rates have no symbol in common to take positions modulo of.
        mixed = np.zeros_like(symbols) if len(self.symbols) > 1 else symbols
        add_masks(chosen, masks.begin, masks.end, masks.offsets, masks.flips, mixed, self.sums)

    @property
    def lags(self) -> NDArray[np.int64]:
        """Shape (LAGS, 2): pairs of wrong bits k + 1 apart, and how many there could be."""
        lags = self.sums.lags.copy()
        lags[:, 1] = np.cumsum(lags[::-1, 1])[::-1]
        return lags

    def to_json(self) -> dict[str, Any]:
        """Stable keys; see docs/analyze.md."""
        sums = self.sums
        frames, events = int(sums.counts[FRAMES]), int(sums.counts[EVENTS])
        used = int(np.flatnonzero(sums.places[:, 1]).max(initial=-1)) + 1
        pairs, chances = self.lags.T.tolist()
        (symbol,) = self.symbols if len(self.symbols) == 1 else (0,)
        return {
            "flips": {**flip_classes(self.flips), "quantiles": quantiles(self.flips)},
            "events": {
                "gap": GAP,
                "events": events,
                "per_frame": _ratio(events, frames),
                "single": _ratio(int(sums.counts[SINGLE]), frames),
                "mean_length": _ratio(int(sums.counts[EVENT_BITS]), events),
                "mean_flips": _ratio(int(sums.counts[FLIPS]), events),
                "lengths": lengths(sums.event_lengths),
                "flips": lengths(sums.event_flips),
            },
            "runs": lengths(sums.runs),
            "gaps": lengths(sums.gaps[1:], first=1),
            "lags": [_ratio(*both) for both in zip(pairs, chances, strict=True)],
            "position": {
                "bytes": int(sums.width[0]),
                "bit_errors": sums.places[:used, 0].tolist(),
                "bits": sums.places[:used, 1].tolist(),
            },
            "octet": sums.octet.tolist(),
            "symbol": {
                "data_bits": symbol,
                "bit_errors": sums.symbol[:symbol, 0].tolist(),
                "bits": sums.symbol[:symbol, 1].tolist(),
            }
            if symbol
            else None,
            "blocks": [
                {
                    "bytes": size,
                    "share_hit": _ratio(int(hit), int(blocks)),
                    "hit_per_frame": _ratio(int(hit), frames),
                }
                for size, (hit, blocks) in zip(BLOCK_SIZES, sums.blocks, strict=True)
            ],
        }


def flip_classes(frames: Counter[int]) -> dict[str, int]:
    """Frames with 0, 1, 2, 3, 4 to 10, 11 to 32 and more flips."""
    classes = {name: 0 for name, _ in _CLASSES} | {">32": 0}
    for flips, count in frames.items():
        classes[next((name for name, most in _CLASSES if flips <= most), ">32")] += count
    return classes


def quantiles(frames: Counter[int]) -> dict[str, int] | None:
    """The smallest number of flips that a share of the frames does not exceed."""
    if not frames:
        return None
    values = sorted(frames)
    shares = np.cumsum([frames[value] for value in values])
    places = np.searchsorted(shares, np.array(QUANTILES) * shares[-1] - 1e-9)
    return {f"{q:g}": values[place] for q, place in zip(QUANTILES, places.tolist(), strict=True)}


def top(place: int) -> int:
    """The greatest length of a bin."""
    return place if place <= EXACT else EXACT << (place - EXACT)


def lengths(counts: NDArray[np.int64], first: int = 0) -> list[list[int]]:
    """[greatest length of the bin, how many], for bins that are not empty, from bin ``first``."""
    return [[top(i + first), int(counts[i])] for i in np.flatnonzero(counts).tolist()]


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
