"""The compiled loop behind the tests of Han et al.: scores of error events by frame."""

# mypy: disable-error-code="assignment, arg-type, return-value, no-any-return"
# pyright: reportArgumentType=false, reportAssignmentType=false, reportReturnType=false
# numba types the inside of kernels: fixed-width integers, where annotations say int.

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..jit import jit
from .patterns_kernel import GAP

HARMONICS = 3  # of the OFDM symbol
SAW = 2 * HARMONICS
PERIODS = 31  # 2 to 32 bits
FIRST_PERIOD = 2


class Scores(NamedTuple):
    """Sums over frames of scores, and of their products, for one group.

    Attributes:
        frames: Shape (3,): frames with an event, by test: slope, saw, finger.
        events: Shape (1,): event starts in these.
        slope: Shape (2,): sum of scores, of their squares.
        saw: Shape (SAW,): of cosines and sines of each harmonic.
        saw_products: Shape (SAW, SAW).
        finger_frames: Shape (PERIODS,): frames by period, as not all have each.
        finger: Shape (PERIODS, 2): of cosine and sine.
        finger_products: Shape (PERIODS, 3): cosine squared, product, sine squared.
    """

    frames: NDArray[np.int64]
    events: NDArray[np.int64]
    slope: NDArray[np.float64]
    saw: NDArray[np.float64]
    saw_products: NDArray[np.float64]
    finger_frames: NDArray[np.int64]
    finger: NDArray[np.float64]
    finger_products: NDArray[np.float64]


def new_scores() -> Scores:
    """All zero."""
    return Scores(
        np.zeros(3, np.int64),
        np.zeros(1, np.int64),
        np.zeros(2),
        np.zeros(SAW),
        np.zeros((SAW, SAW)),
        np.zeros(PERIODS, np.int64),
        np.zeros((PERIODS, 2)),
        np.zeros((PERIODS, 3)),
    )


@jit
def _mean_wave(begin: int, end: int, period: float) -> tuple[float, float]:
    """Mean of cos and sin of 2 pi x / period over begin <= x < end."""
    half = np.pi / period
    scale = np.sin((end - begin) * half) / np.sin(half) / (end - begin)
    middle = (begin + end - 1) * half
    return scale * np.cos(middle), scale * np.sin(middle)


@jit
def add_scores(
    chosen: NDArray[np.int64],
    begins: NDArray[np.int64],
    ends: NDArray[np.int64],
    offsets: NDArray[np.int64],
    flips: NDArray[np.int32],
    symbols: NDArray[np.int64],
    own: NDArray[np.int64],
    scores: Scores,
) -> None:
    """Add the scores of some masks.

    The score of a frame is the sum over its event starts of what is tested, less what it would
    be if starts were spread evenly over where they can be seen: where ``GAP`` right bits of the
    known part come before.

    Args:
        chosen: Which masks.
        begins: First bit of each mask's known part.
        ends: The bit behind it.
        offsets: Mask k is ``flips[offsets[k]:offsets[k + 1]]``.
        flips: Positions.
        symbols: N_DBPS of each frame; 0: none.
        own: Periods that divide this one are the modulation's own, and not scored; 0: no
            period is scored.
        scores: Added to.
    """
    saw = np.empty(SAW)
    finger = np.empty((PERIODS, 2))
    starts = np.empty(0, np.int64)
    for k in chosen:
        begin, end = begins[k] + GAP, ends[k]
        if end <= begin:
            continue
        if len(starts) < offsets[k + 1] - offsets[k]:
            starts = np.empty(2 * (offsets[k + 1] - offsets[k]), np.int64)
        n = 0
        previous = begins[k] - 1
        for f in range(offsets[k], offsets[k + 1]):
            if flips[f] - previous > GAP:
                starts[n] = flips[f]
                n += 1
            previous = flips[f]
        if n == 0:
            continue
        scores.frames[0] += 1
        scores.events[0] += n
        slope = 0.0
        for s in range(n):
            slope += (starts[s] + 0.5 - begin) / (end - begin) - 0.5
        scores.slope[0] += slope
        scores.slope[1] += slope * slope
        if symbols[k]:
            for h in range(HARMONICS):
                period = symbols[k] / (h + 1)
                cosine, sine = _mean_wave(begin + 16, end + 16, period)
                cosine *= -n
                sine *= -n
                for s in range(n):
                    angle = 2 * np.pi * ((starts[s] + 16) % symbols[k]) / period
                    cosine += np.cos(angle)
                    sine += np.sin(angle)
                saw[2 * h], saw[2 * h + 1] = cosine, sine
            scores.frames[1] += 1
            for i in range(SAW):
                scores.saw[i] += saw[i]
                for j in range(SAW):
                    scores.saw_products[i, j] += saw[i] * saw[j]
        if own[k] == 0:
            continue
        scores.frames[2] += 1
        for p in range(PERIODS):
            period = p + FIRST_PERIOD
            if own[k] % period == 0:
                continue
            cosine, sine = _mean_wave(begin, end, period)
            cosine *= -n
            sine *= -n
            for s in range(n):
                angle = 2 * np.pi * (starts[s] % period) / period
                cosine += np.cos(angle)
                sine += np.sin(angle)
            finger[p, 0], finger[p, 1] = cosine, sine
            scores.finger_frames[p] += 1
            for c in range(2):
                scores.finger[p, c] += finger[p, c]
            scores.finger_products[p, 0] += cosine * cosine
            scores.finger_products[p, 1] += cosine * sine
            scores.finger_products[p, 2] += sine * sine
