"""What has left, and how late it was."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..clock import NS
from .depart_kernel import FINE, SLOTS, late_slot


@dataclass
class Departed:
    """What has left.

    Attributes:
        to: The outlet.
        frames: Frames that were given to it.
        repaired: Those of them that were repaired.
        too_late: Repairs that came when the frame had left.
        first, last: When the first and the last left, ns on the monotonic clock.
        first_due, last_due: When they were due; None at top speed.
        refused: Frames that could not leave, by why.
        late: How many frames left how long after they were due, see ``late_slot``.
        ended_by: What ended it early.
        unread: What of the capture could not be read.
    """

    to: str
    frames: int = 0
    repaired: int = 0
    too_late: int = 0
    first: int = 0
    last: int = 0
    first_due: int | None = None
    last_due: int | None = None
    refused: dict[str, int] = field(default_factory=dict)
    late: NDArray[np.int64] = field(default_factory=lambda: np.zeros(SLOTS, np.int64))
    ended_by: str | None = None
    unread: list[str] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """From the first departure to the last."""
        return (self.last - self.first) / NS

    @property
    def achieved_fps(self) -> float:
        """Frames a second, from the first departure to the last."""
        return (self.frames - 1) / self.seconds if self.last > self.first else 0.0

    @property
    def asked_fps(self) -> float | None:
        """Frames a second that were due; None: at top speed, or at one moment."""
        if self.first_due is None or self.last_due is None or self.last_due <= self.first_due:
            return None
        return (self.frames - 1) * NS / (self.last_due - self.first_due)

    def count_late(self, ns: int) -> None:
        """Count a frame that left so long after it was due."""
        self.late[late_slot(ns)] += 1

    def late_us(self, quantile: float) -> int | None:
        """So late, in us, or less, was this share of the frames; None at top speed.

        Above 0.1 s it is in steps of 1 ms; 100 s stands for all above.
        """
        counts = np.cumsum(self.late)
        if not counts[-1]:
            return None
        slot = int(np.searchsorted(counts, quantile * counts[-1]))
        return slot if slot < FINE else 1000 * (slot - FINE)

    def to_json(self) -> dict[str, Any]:
        """Stable keys; see docs/replay.md."""
        return {
            "to": self.to,
            "frames": self.frames,
            "repaired": self.repaired,
            "too_late": self.too_late,
            "refused": dict(self.refused),
            "seconds": self.seconds,
            "asked_fps": self.asked_fps,
            "achieved_fps": self.achieved_fps,
            "late_us": {
                name: self.late_us(share)
                for name, share in (("median", 0.5), ("p99", 0.99), ("most", 1.0))
            },
            "ended_by": self.ended_by,
        }

    def losses(self) -> list[str]:
        """What did not leave as it should have, one sentence each."""
        found = list(self.unread)
        found += [f"{self.to}: {count:,} frames: {why}" for why, count in self.refused.items()]
        if self.too_late:
            found.append(f"{self.to}: {self.too_late:,} repairs came when the frame had left")
        if self.ended_by:
            found.append(f"{self.to}: ended by {self.ended_by} after {self.frames:,} frames")
        return found
