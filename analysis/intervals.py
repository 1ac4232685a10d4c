"""Intervals and tests for shares of frames, which are independent where bits are not."""

from __future__ import annotations

import math
from statistics import NormalDist


def wilson(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """The score interval of a share (E. B. Wilson, JASA 22, 1927); (0, 1) without trials."""
    if not trials:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    p = successes / trials
    center = p + z * z / (2 * trials)
    half = z * math.sqrt(p * (1 - p) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    low = 0.0 if successes == 0 else max(0.0, (center - half) / scale)
    high = 1.0 if successes == trials else min(1.0, (center + half) / scale)
    return low, high


def mcnemar(b: int, c: int) -> float:
    """Exact two-sided p of McNemar's test: are discordant pairs as likely one way as the other?

    Args:
        b: Pairs in which the first alone succeeded.
        c: Pairs in which the second alone did.
    """
    n, k = b + c, min(b, c)
    if b == c:
        return 1.0
    log_term = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) - n * math.log(2)
    term = total = 1.0  # relative to the largest, that of k
    while k and term > 1e-17 * total:
        term *= k / (n - k + 1)
        total += term
        k -= 1
    return min(1.0, 2 * math.exp(log_term) * total)
