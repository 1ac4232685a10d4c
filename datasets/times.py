"""Many durations in little memory: how many there were of each, to three digits."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_DIGITS: Final = 3  # to which times are kept, so that their number is bounded
PERCENTS: Final = (50, 95, 99)


class Times:
    """Durations in ns, 0 or more; mean and maximum are exact, percentiles are to three digits.

    Attributes:
        count: How many there were.
        total_ns: Their sum.
        longest_ns: The longest of them, 0 without any.
    """

    def __init__(self) -> None:
        self.count = 0
        self.total_ns = 0
        self.longest_ns = 0
        self._seen: Counter[int] = Counter()

    def add(self, ns: NDArray[np.int64]) -> None:
        """Count some."""
        if not len(ns):
            return
        self.count += len(ns)
        self.total_ns += int(ns.sum())
        self.longest_ns = max(self.longest_ns, int(ns.max()))
        unit = 10 ** np.maximum(np.floor(np.log10(np.maximum(ns, 1))) - (_DIGITS - 1), 0)
        rounded = (np.rint(ns / unit) * unit).astype(np.int64)
        for time, count in zip(*np.unique(rounded, return_counts=True), strict=True):
            self._seen[int(time)] += int(count)

    @property
    def mean_us(self) -> float | None:
        """Their mean; None without any."""
        return self.total_ns / self.count / 1000 if self.count else None

    def percentile_us(self, percent: float) -> float | None:
        """What so many percent of them do not exceed, to three digits; None without any."""
        left = percent / 100 * self.count
        for time in sorted(self._seen):
            left -= self._seen[time]
            if left <= 0:
                return time / 1000
        return None

    def to_json(self) -> dict[str, Any]:
        """Mean, percentiles and maximum in us, null without any."""
        return {
            "mean": self.mean_us,
            **{f"p{percent}": self.percentile_us(percent) for percent in PERCENTS},
            "max": self.longest_ns / 1000 if self.count else None,
        }
