"""Would a repair have been in time? Service times against deadlines.

The time is that of the *call* that answered for a frame. A replay gives frames in batches, and
then every frame of the batch has the time of the whole batch: an upper bound of what the frame
alone would take. At a pace of single frames it is the frame's own. Waiting is not included.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.times import PERCENTS, Times
from ..dot11.deadlines import Deadline


class ServiceTimes:
    """The times of one algorithm, in bounded memory.

    Args:
        deadlines: To compare with.
    """

    def __init__(self, deadlines: tuple[Deadline, ...]) -> None:
        self._within = dict.fromkeys(deadlines, 0)
        self._times = Times()

    def add(self, service_ns: NDArray[np.int64]) -> None:
        """Count some frames."""
        for deadline in self._within:
            self._within[deadline] += int((service_ns <= 1000 * deadline.us).sum())
        self._times.add(service_ns)

    def to_json(self) -> dict[str, Any]:
        """See docs/throughput.md."""
        frames = self._times.count
        return {
            "frames": frames,
            **{f"p{percent}_us": self._times.percentile_us(percent) for percent in PERCENTS},
            "within": [
                {
                    "deadline": deadline.name,
                    "us": deadline.us,
                    "share": count / frames if frames else None,
                }
                for deadline, count in self._within.items()
            ],
        }
