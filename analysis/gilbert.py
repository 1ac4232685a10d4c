"""Gilbert's channel fitted to a group, and whether it fits.

Gilbert (1960): a Markov chain with a good state without errors and a bad one in which a bit is
wrong with probability h. With p and q for the ways into the bad state and out of it, and
lambda = 1 - p - q, a bit k behind a wrong one is wrong with probability

    c_k = BER + (h - BER) * lambda^k,    BER = h * p / (p + q)

so three parameters follow from moments: the BER of all bits, those of good frames included, and
the c_k of lags 1 to 64, through which a decaying exponential is laid by least squares, weighted
with the number of chances at each lag. Both are free of the bias that picking bad frames, and
frames that end, put on lengths of gaps and runs.

The fit is judged by what it was not made from: how long the gaps of right bits behind a wrong
bit are. Gaps that the frame's end cuts off are known to be longer than what is seen of them
(Kaplan and Meier 1958); beyond 64 bits, where lengths are known by octave, a gap that is cut off
counts half (the actuarial estimate), and octaves in which most are cut off are not compared.
``distance`` is the greatest difference of the two survival functions; above
``POOR`` the model is refused: expect that for Viterbi decoders, whose events are not geometric,
and in fading, where frames differ (Gilbert's channel has no heavy tail).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .patterns_kernel import BINS, EXACT

POOR = 0.05
FEWEST = 50  # wrong bits that a fit is made from

_STEPS = 60  # of the golden section: lambda to 1e-12
_GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True, slots=True)
class Gilbert:
    """A fitted channel.

    Attributes:
        p_good_to_bad: p.
        p_bad_to_good: q.
        error_rate_bad: h.
        distance: Of observed and predicted survival of gaps, 0 to 1.
    """

    p_good_to_bad: float
    p_bad_to_good: float
    error_rate_bad: float
    distance: float

    @property
    def fits(self) -> bool:
        """Whether gaps are as the model says, within ``POOR``."""
        return self.distance <= POOR

    def to_json(self) -> dict[str, Any]:
        """Stable keys; see docs/analyze.md."""
        return {
            "p_good_to_bad": self.p_good_to_bad,
            "p_bad_to_good": self.p_bad_to_good,
            "error_rate_bad": self.error_rate_bad,
            "distance": self.distance,
            "fits": self.fits,
        }


def fit(
    error_rate: float | None,
    lags: NDArray[np.int64],
    gaps: NDArray[np.int64],
    ends: NDArray[np.int64],
) -> Gilbert | None:
    """Fit a channel.

    Args:
        error_rate: Of all bits, good frames included.
        lags: Shape (lags, 2): pairs of wrong bits k + 1 apart, and chances for them.
        gaps: Gaps between wrong bits of a frame, by bins of ``patterns_kernel.length_bin``.
        ends: Gaps that the frame's end cuts off.

    Returns:
        None if there are too few wrong bits, or errors do not attract each other at all, which
        is no burst channel.
    """
    pairs, chances = lags.T.astype(np.float64)
    if not error_rate or int(gaps.sum() + ends.sum()) < FEWEST or not chances.all():
        return None
    excess = pairs / chances - error_rate
    k = np.arange(1, len(lags) + 1)

    def scale(decay: float) -> float:
        shape = decay**k
        return float((chances * shape) @ excess / ((chances * shape) @ shape))

    def loss(decay: float) -> float:
        return float(chances @ (excess - scale(decay) * decay**k) ** 2)

    decay = _minimum(loss)
    bad = error_rate + scale(decay)
    if not error_rate < bad <= 1:
        bad = min(bad, 1.0)
    if bad <= error_rate:
        return None
    share = error_rate / bad
    into, out = (1 - decay) * share, (1 - decay) * (1 - share)
    reach = np.cumsum((gaps + ends)[::-1])[::-1]
    compared = np.logical_and.accumulate(2 * ends < np.maximum(reach, 1))
    apart = np.abs(survival(gaps, ends) - predicted(into, out, bad))
    distance = float(apart[compared].max(initial=0.0))
    return Gilbert(into, out, bad, distance)


def survival(gaps: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.float64]:
    """Probability that a gap is longer than each bin's greatest length (Kaplan-Meier)."""
    reach = np.cumsum((gaps + ends)[::-1])[::-1]
    # Right bits to the frame's end, r of them: whatever the gap is, it was not seen to end at r.
    cut = np.where(np.arange(BINS) <= EXACT, ends, ends / 2)
    return np.asarray(np.cumprod(1 - gaps / np.maximum(reach - cut, 1)), np.float64)


def predicted(into: float, out: float, bad: float) -> NDArray[np.float64]:
    """The same of Gilbert's channel, in which each wrong bit says that the state is bad."""
    step = np.array([[1 - into, into * (1 - bad)], [out, (1 - out) * (1 - bad)]])
    state = np.array([0.0, 1.0])
    found = []
    for _ in range(EXACT + 1):
        state = state @ step
        found.append(float(state.sum()))
    power = np.linalg.matrix_power(step, EXACT)
    while len(found) < BINS:  # each octave is as long as all before it
        state = state @ power
        power = power @ power
        found.append(float(state.sum()))
    return np.array(found)


def _minimum(loss: Any) -> float:
    """Where the loss is least between 0 and 1: the best of a grid, then golden section."""
    grid = 1 - np.geomspace(1 - 1e-6, 1e-4, 200)
    best = int(np.argmin([loss(x) for x in grid]))
    low, high = float(grid[max(0, best - 1)]), float(grid[min(len(grid) - 1, best + 1)])
    for _ in range(_STEPS):
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        if loss(left) < loss(right):
            high = right
        else:
            low = left
    return (low + high) / 2
