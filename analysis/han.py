"""Are all bits equal? Tests for the three patterns of Han et al. (INFOCOM 2009; ToN 20(6), 2012).

* **slope line**: errors grow more frequent (or less) along the frame;
* **saw line**: their frequency repeats with the data bits of an OFDM symbol;
* **finger**: it repeats with another short period, that of some hardware.

What is tested is where error *events* start, not bits: bits of an event go together. Nor are
events of a frame independent: in fading some frames have hundreds. So each frame gives one score
z, the sum over its event starts of (relative position - 1/2), or of cosine and sine of 2 pi
position / period (three harmonics for the saw, one for each period of 2 to 32 bits for the
finger), less its expectation if starts were spread evenly. If no bit is special, scores have mean
zero, whatever goes on within a frame. With S = sum z and V = sum z z', over n frames,

    T = S' V^-1 S    and    T / n ~ Beta(d / 2, (n - d) / 2)

for scores of d normal numbers (Hotelling's test), and for others as n grows: the statistic and
its p-value. The finger's is that of the period with the smallest, times the number of periods.

A start is seen where 16 right bits come before it, so frames that are wrong from their first bit
say nothing by that. Periods that the modulation has of its own are left out of the finger test:
after the interleaver, bits of 16- and 64-QAM that are read less surely come back six times a
symbol, and punctured bits divide that; 802.11b's symbols have 2, 4 or 8 bits. There are saw and
finger for the rates of 802.11a, b and g only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.frames import FrameBatch
from .han_kernel import FIRST_PERIOD, PERIODS, SAW, add_scores, new_scores
from .masks import ErrorMasks

FEWEST = 30  # frames with an event; with fewer the p-value is not to be relied on

_DSSS_PERIODS = {1.0: 1, 2.0: 2, 5.5: 4, 11.0: 8}
_SYMBOL_PARTS = 6


@dataclass(frozen=True, slots=True)
class PatternTest:
    """A pattern's test.

    Attributes:
        frames: Frames with an event start.
        statistic: T; 0 if there is no pattern at all.
        p: Probability of as much by chance.
        effect: slope: mean relative position of event starts, less 1/2; saw and finger: length
            of the mean wave, 0 for none to 1 if all starts are at one place of the period.
        period: Of the finger, bits; of the saw, data bits of a symbol where they are all one.
    """

    frames: int
    statistic: float
    p: float
    effect: float
    period: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Stable keys; see docs/analyze.md."""
        found = {
            "frames": self.frames,
            "statistic": self.statistic,
            "p": self.p,
            "effect": self.effect,
        }
        return found if self.period is None else {**found, "period": self.period}


def own_periods(
    frames: FrameBatch, rows: NDArray[np.int64], symbols: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The modulation's own period in data bits, 0 where it is not known."""
    rates = frames.column("rate_mbps").fill_null(0.0).to_numpy()[rows]
    legacy = frames.column("mcs").is_null().to_numpy(zero_copy_only=False)[rows]
    own = symbols // _SYMBOL_PARTS
    for rate, period in _DSSS_PERIODS.items():
        own[legacy & (rates == rate)] = period
    return own


class EqualBits:
    """Collects the scores of one group."""

    def __init__(self) -> None:
        self.scores = new_scores()

    def add(
        self,
        masks: ErrorMasks,
        chosen: NDArray[np.int64],
        symbols: NDArray[np.int64],
        own: NDArray[np.int64],
    ) -> None:
        """Score some masks; ``symbols`` and ``own`` are of all masks."""
        add_scores(
            chosen, masks.begin, masks.end, masks.offsets, masks.flips, symbols, own, self.scores
        )

    def slope(self) -> PatternTest | None:
        """The trend along the frame; None with fewer than ``FEWEST`` frames."""
        total, square = self.scores.slope.tolist()
        frames, events = int(self.scores.frames[0]), int(self.scores.events[0])
        if frames < FEWEST or not square:
            return None
        statistic = min(total * total / square, float(frames))
        return PatternTest(frames, statistic, _tail(1, frames, statistic), total / events)

    def saw(self) -> PatternTest | None:
        """The wave along OFDM symbols."""
        frames = int(self.scores.frames[1])
        if frames < FEWEST:
            return None
        statistic = _quadratic(self.scores.saw, self.scores.saw_products)
        effect = math.hypot(*self.scores.saw[:2]) / int(self.scores.events[0])
        return PatternTest(frames, statistic, _tail(SAW, frames, statistic), effect)

    def finger(self) -> PatternTest | None:
        """The strongest wave of another period."""
        found = []
        for i in range(PERIODS):
            frames = int(self.scores.finger_frames[i])
            if frames < FEWEST:
                continue
            cosine, both, sine = self.scores.finger_products[i]
            sums = self.scores.finger[i]
            if i + FIRST_PERIOD == 2:  # its sine is zero everywhere
                statistic = float(sums[0] ** 2 / cosine) if cosine else 0.0
                p = _tail(1, frames, statistic)
            else:
                statistic = _quadratic(sums, np.array([[cosine, both], [both, sine]]))
                p = _tail(2, frames, statistic)
            effect = math.hypot(*sums) / int(self.scores.events[0])
            found.append(PatternTest(frames, statistic, p, effect, i + FIRST_PERIOD))
        if not found:
            return None
        best = min(found, key=lambda test: test.p)
        p = min(1.0, best.p * len(found))
        return PatternTest(best.frames, best.statistic, p, best.effect, best.period)

    def to_json(self) -> dict[str, Any]:
        """Stable keys; see docs/analyze.md."""
        tests = {"slope": self.slope(), "saw": self.saw(), "finger": self.finger()}
        return {name: test.to_json() if test else None for name, test in tests.items()}


def _quadratic(total: NDArray[np.float64], products: NDArray[np.float64]) -> float:
    """S' V^-1 S."""
    inverse = np.asarray(np.linalg.pinv(products, hermitian=True), np.float64)
    return max(0.0, float(total @ inverse @ total))


def _tail(dimensions: int, frames: int, statistic: float) -> float:
    """Probability that a Beta(d / 2, (n - d) / 2) variable exceeds T / n; d is 1 or even."""
    x = min(1.0, statistic / frames)
    rest = (frames - dimensions) / 2
    if dimensions == 1:  # Student's t; normal to within what FEWEST frames leave to see
        t = math.sqrt(x * (frames - 1) / (1 - x)) if x < 1 else math.inf
        return _student(t, frames - 1)
    term = total = math.pow(1 - x, rest)
    for k in range(1, dimensions // 2):
        term *= x * (rest + k - 1) / k
        total += term
    return min(1.0, total)


def _student(t: float, freedom: int) -> float:
    """Two-sided tail of Student's t by Hill's normal transformation (1970): 1e-4 from 30 on."""
    if math.isinf(t):
        return 0.0
    a = freedom - 0.5
    b = 48 * a * a
    z = math.sqrt(a * math.log1p(t * t / freedom))
    z += (z**3 + 3 * z) / b
    return math.erfc(z / math.sqrt(2))
