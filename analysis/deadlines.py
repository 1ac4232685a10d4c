"""Would a repair have been in time? Service times against deadlines.

The time is that of the *call* that answered for a frame. A replay gives frames in batches, and
then every frame of the batch has the time of the whole batch: an upper bound of what the frame
alone would take. At a pace of single frames it is the frame's own. Waiting is not included.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import MatchError

NAMED_US = {"sifs": 10.0, "sifs-5ghz": 16.0, "block-ack": 3008.0, "application": 200_000.0}
"""Deadlines by name, in us.

``sifs``: the ACK of 802.11b/g; ``sifs-5ghz``: of 802.11a (IEEE 802.11-2020, 17.4.4, 18.4.4).
``block-ack``: the TXOP limit of video with OFDM (9.4.2.28, Table 9-155): how long a burst may
last that one block ack covers. ``application``: the shortest retransmission timeout of Linux's
TCP (TCP_RTO_MIN).
"""

_DIGITS = 3  # to which times are kept, so that their number is bounded


@dataclass(frozen=True, slots=True)
class Deadline:
    """A deadline.

    Attributes:
        name: As it was given.
        us: Its time.
    """

    name: str
    us: float

    @classmethod
    def parse(cls, text: str) -> Deadline:
        """One of ``NAMED_US``, or microseconds.

        Raises:
            MatchError: Neither.
        """
        if text in NAMED_US:
            return cls(text, NAMED_US[text])
        try:
            us = float(text)
        except ValueError:
            us = math.nan
        if not us > 0 or math.isinf(us):
            raise MatchError(
                f"deadline {text!r}, wanted microseconds or one of {', '.join(NAMED_US)}"
            )
        return cls(text, us)


class ServiceTimes:
    """The times of one algorithm, in bounded memory.

    Args:
        deadlines: To compare with.
    """

    def __init__(self, deadlines: tuple[Deadline, ...]) -> None:
        self._within = dict.fromkeys(deadlines, 0)
        self._seen: Counter[float] = Counter()

    def add(self, service_ns: NDArray[np.int64]) -> None:
        """Count some frames."""
        for deadline in self._within:
            self._within[deadline] += int((service_ns <= 1000 * deadline.us).sum())
        times, counts = np.unique(service_ns, return_counts=True)
        for time, count in zip(times.tolist(), counts.tolist(), strict=True):
            self._seen[float(f"{time:.{_DIGITS - 1}e}")] += count

    def percentile_us(self, percent: float) -> float | None:
        """The time within which so many percent of the frames were answered, to three digits."""
        left = percent / 100 * self._seen.total()
        for time in sorted(self._seen):
            left -= self._seen[time]
            if left <= 0:
                return time / 1000
        return None

    def to_json(self) -> dict[str, Any]:
        """See docs/throughput.md."""
        frames = self._seen.total()
        return {
            "frames": frames,
            **{f"p{percent}_us": self.percentile_us(percent) for percent in (50, 95, 99)},
            "within": [
                {
                    "deadline": deadline.name,
                    "us": deadline.us,
                    "share": count / frames if frames else None,
                }
                for deadline, count in self._within.items()
            ],
        }
