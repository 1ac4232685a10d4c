"""Intervals for bit error rates, from frames that are drawn again.

Bits of a frame share their fate, so a bit error rate is as uncertain as its frames are few: an
interval from the binomial of all bits is several times too narrow in white noise and fifty times
in fading. Here frames are resampled (cluster bootstrap), and since a capture is read once, by
the Poisson bootstrap: in each of B replicates each frame counts Poisson(1) times (Hanley and
MacGibbon 2006; Chamandy et al. 2012), which for many frames is drawing with replacement, and
needs but the sums of each replicate. Good frames of one length are alike: how often all of them
are drawn together is Poisson(their number).

The interval is that of Efron (1987), corrected for bias and acceleration (BC_a): bit errors of
frames are skewed, and the plain percentiles lie too low. The acceleration is that of the
influences of all frames, e - rate * b for e errors in b bits, whose third moment follows from
sums of products.

Where fading makes neighbours alike, frames are no fair unit either: ``block`` consecutive frames
of a group are then drawn together. A block should last longer than the fading, and there should
be at least 30 of them.

A group's draws depend on the seed, the group's number and its frames in their order, not on
batches.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .bootstrap_kernel import add_drawn
from .intervals import LEVEL, Interval

REPLICATES = 1000
FEWEST = 2  # units with an error; with fewer nothing can be said

_CHUNK = 512  # units that are drawn for together: 1 MB of draws
_DRAWS = 1 << 16


def _poisson_table() -> NDArray[np.float64]:
    """Poisson(1) for each of 65,536 draws; probabilities are right to 1 / 65,536."""
    table = np.zeros(_DRAWS)
    total, term = 0.0, math.exp(-1)
    for k in range(1, 9):
        total += term
        table[round(total * _DRAWS) :] = k
        term /= k
    return table


_POISSON = _poisson_table()
_NORMAL = NormalDist()


class Resampled:
    """Bits and errors of one group, in replicates.

    Args:
        seed: Of the draws: any integers from 0.
        block: Consecutive frames that are drawn together.
        replicates: How many.
    """

    def __init__(self, *seed: int, block: int = 1, replicates: int = REPLICATES) -> None:
        self._draw = np.random.default_rng(seed)
        self._block = block
        self._sums = np.zeros((2, replicates))
        self._totals = np.zeros(2)
        self._hit = 0  # units with errors
        # Sums over units of bits^(n - k) errors^k for n = 2 and 3: the moments of influences
        self._second = np.zeros(3)
        self._third = np.zeros(4)
        self._open = np.zeros((0, 2))

    def add(self, bits: NDArray[Any], errors: NDArray[Any]) -> None:
        """Count the next frames of the group, in order."""
        rows = np.column_stack([bits, errors]).astype(np.float64)
        if self._block > 1:
            rows = np.concatenate([self._open, rows])
            whole = len(rows) // self._block * self._block
            self._open = rows[whole:]
            rows = rows[:whole].reshape(-1, self._block, 2).sum(axis=1)
        self._count(rows)

    def add_alike(self, bits: float, count: int) -> None:
        """Count ``count`` frames of so many bits without an error: each is a unit."""
        self._sums[0] += bits * self._draw.poisson(count, self._sums.shape[1])
        self._totals[0] += bits * count
        self._second[0] += bits**2 * count
        self._third[0] += bits**3 * count

    def close(self) -> None:
        """Count the last block, which is not whole."""
        if len(self._open):
            self._count(self._open.sum(axis=0, keepdims=True))
            self._open = self._open[:0]

    def _count(self, rows: NDArray[np.float64]) -> None:
        bits, errors = rows[:, 0], rows[:, 1]
        self._totals += rows.sum(axis=0)
        self._hit += int(np.count_nonzero(errors))
        self._second += [bits @ bits, bits @ errors, errors @ errors]
        self._third += [
            bits**2 @ bits, bits**2 @ errors, bits @ errors**2, errors**2 @ errors
        ]  # fmt: skip
        for start in range(0, len(rows), _CHUNK):
            chunk = rows[start : start + _CHUNK]
            size = (len(chunk), self._sums.shape[1])
            draws = self._draw.integers(0, _DRAWS, size, np.uint16)
            add_drawn(chunk, draws, _POISSON, self._sums)

    @property
    def rate(self) -> float | None:
        """Errors over bits; None without bits."""
        return float(self._totals[1] / self._totals[0]) if self._totals[0] else None

    def interval(self, level: float = LEVEL) -> Interval | None:
        """Interval for the rate; None if fewer than ``FEWEST`` units have an error."""
        rate = self.rate
        if rate is None or self._hit < FEWEST:
            return None
        drawn = self._sums[0] > 0
        rates = np.sort(self._sums[1, drawn] / self._sums[0, drawn])
        if rates[0] == rates[-1]:
            return float(rates[0]), float(rates[0])
        below = (np.count_nonzero(rates < rate) + np.count_nonzero(rates <= rate)) / 2
        inner = min(max(below / len(rates), 0.5 / len(rates)), 1 - 0.5 / len(rates))
        bias = _NORMAL.inv_cdf(inner)
        low, high = (
            _corrected(_NORMAL.inv_cdf(tail), bias, self._acceleration(rate))
            for tail in ((1 - level) / 2, (1 + level) / 2)
        )
        ends = np.quantile(rates, [low, high])
        return float(ends[0]), float(ends[1])

    def _acceleration(self, rate: float) -> float:
        powers = (-rate) ** np.arange(4)[::-1]
        variance = float(self._second @ (powers[1:] * [1, 2, 1]))
        skew = float(self._third @ (powers * [1, 3, 3, 1]))
        return skew / (6 * variance**1.5) if variance > 0 else 0.0


def _corrected(z: float, bias: float, acceleration: float) -> float:
    """The quantile of replicates that stands for the normal quantile ``z``."""
    moved = bias + z
    scale = 1 - acceleration * moved
    if scale <= 0:  # beyond what the correction is made for
        return 1.0 if moved > 0 else 0.0
    return _NORMAL.cdf(bias + moved / scale)
