"""Intervals and tests for numbers of frames.

Frames are the unit: whether one frame arrives says little about the next (but see
:mod:`wtrec.analysis.bootstrap` for bits, and for channels that remember). So shares of frames,
the packet error rate or the share of correct repairs, have the interval of Wilson (1927), which
holds its level for small numbers and at the edges too: for no event among n frames its upper end
is z^2 / (n + z^2), about 3.8 / n, as the exact bound of 3.7 / n (two-sided; 3 / n one-sided).

Two runs are independent of each other, and the difference of their estimates has an interval made
from both of theirs: for shares that of Newcombe (Statistics in Medicine 17, 873-890, 1998, method
10), for others its generalisation by Zou and Donner (27, 1693-1702, 2008).

Two algorithms on the same frames are compared by McNemar's exact test (1947): only frames that
one of them got right and the other did not say anything, and under the hypothesis of no
difference each of those is the toss of a coin.
"""

from __future__ import annotations

import math
from statistics import NormalDist

LEVEL = 0.95

Interval = tuple[float, float]


def wilson(events: int, frames: int, level: float = LEVEL) -> Interval | None:
    """Interval for the probability of an event.

    Args:
        events: Frames with it.
        frames: All frames.
        level: Confidence, two-sided.

    Returns:
        Lower and upper end; None without frames.
    """
    if not frames:
        return None
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = events / frames
    scale = 1 + z * z / frames
    middle = (share + z * z / (2 * frames)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / frames + (z / (2 * frames)) ** 2)
    low = 0.0 if events == 0 else max(0.0, middle - half)  # exactly, not within rounding
    high = 1.0 if events == frames else min(1.0, middle + half)
    return low, high


def ends(events: int, frames: int) -> list[float] | None:
    """Wilson's 95 % interval as JSON holds it: a pair, null without frames."""
    interval = wilson(events, frames)
    return list(interval) if interval else None


def difference(first: float, of_first: Interval, second: float, of_second: Interval) -> Interval:
    """Interval for ``second - first``, two independent estimates, from the interval of each.

    It has their level. With Wilson's intervals it is Newcombe's.
    """
    # An interval that is corrected for bias need not hold its estimate.
    below = math.hypot(max(0.0, second - of_second[0]), max(0.0, of_first[1] - first))
    above = math.hypot(max(0.0, of_second[1] - second), max(0.0, first - of_first[0]))
    return second - first - below, second - first + above


def mcnemar(only_first: int, only_second: int) -> float:
    """Exact two-sided p-value of the hypothesis that two algorithms are equally good.

    Args:
        only_first: Frames that only the first one got right.
        only_second: Frames that only the second one did.
    """
    n = only_first + only_second
    k = min(only_first, only_second)
    if not n or 2 * k == n:
        return 1.0
    # The largest term of the tail, then each from the one above: binomials of a million frames
    # are too large for anything but their logarithm.
    term = math.exp(
        math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) - n * math.log(2)
    )
    tail = 0.0
    while term > 0 and k >= 0 and term > tail * 1e-17:
        tail += term
        term *= k / (n - k + 1)
        k -= 1
    return min(1.0, 2 * tail)
