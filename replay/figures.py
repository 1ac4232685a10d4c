"""What a queue did: waits, calls, lengths, misses, in bounded memory.

Waits, sojourns and lengths are of *frames*, good ones too, since all of them load the algorithm:
a frame's sojourn here is from its arrival to the end of the call that was given it. Whether the
*answer* for a bad frame came in time is counted from the results, where an answer may come in a
later call.

The mean length is the mean over time, by Little's law: the sum of all waits, divided by the time.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..clock import NS
from ..datasets.tally import Tally
from ..datasets.times import Times

_KEPT: Final = 65_536  # frames that are counted at once


class Figures:
    """The figures of one algorithm's queue.

    Attributes:
        calls: Calls of the algorithm.
        frames: Frames that it was given.
        dropped: Frames that it was not given.
        largest_batch: Most frames in a call.
        longest: Most frames that one has found before it; None: at top speed.
    """

    def __init__(self) -> None:
        self.calls = 0
        self.frames = 0
        self.dropped = 0
        self.largest_batch = 0
        self.longest: int | None = None
        self.wait = Times()
        self.service = Times()
        self.sojourn = Times()
        self._waits: list[NDArray[np.int64]] = []
        self._sojourns: list[NDArray[np.int64]] = []
        self._services: list[int] = []
        self._kept = 0

    def serve(
        self, frames: int, waited: NDArray[np.int64] | None, found: NDArray[np.int64], took: int
    ) -> None:
        """Count a call.

        Args:
            frames: How many it was given.
            waited: How long each had waited, ns; None: at top speed.
            found: How many each had found before it, -1 unknown.
            took: How long it took, ns.
        """
        self.calls += 1
        self.frames += frames
        self.largest_batch = max(self.largest_batch, frames)
        self._services.append(took)
        if waited is not None:
            self._waits.append(waited)
            self._sojourns.append(waited + took)
            self._find(found)
        self._keep(frames)

    def drop(self, waited: NDArray[np.int64], found: NDArray[np.int64]) -> None:
        """Count frames that are not served."""
        self.dropped += len(waited)
        self._waits.append(waited)
        self._find(found)
        self._keep(len(waited))

    def count(self) -> None:
        """Count all that is kept."""
        for times, parts in ((self.wait, self._waits), (self.sojourn, self._sojourns)):
            if parts:
                times.add(np.concatenate(parts))
                parts.clear()
        self.service.add(np.array(self._services, np.int64))
        self._services.clear()
        self._kept = 0

    def to_json(self, seconds: float, tally: Tally | None = None) -> dict[str, Any]:
        """Stable keys; see docs/replay.md.

        Args:
            seconds: From the start to the end of the last call.
            tally: Of the results, if there is a deadline.
        """
        self.count()
        ns = seconds * NS
        is_paced = self.wait.count > 0
        return {
            "calls": self.calls,
            "frames": self.frames,
            "dropped": self.dropped,
            "batch_mean": self.frames / self.calls if self.calls else None,
            "batch_max": self.largest_batch,
            "wait_us": self.wait.to_json(),
            "service_us": self.service.to_json(),
            "sojourn_us": self.sojourn.to_json(),
            "length_mean": self.wait.total_ns / ns if is_paced and ns else None,
            "length_max": self.longest,
            "utilization": self.service.total_ns / ns if ns else None,
            "met": tally.met if tally else None,
            "missed": tally.missed if tally else None,
            "silent": tally.silent if tally else None,
        }

    def _find(self, found: NDArray[np.int64]) -> None:
        most = int(found[0] if len(found) == 1 else found.max())
        self.longest = max(self.longest or 0, most)

    def _keep(self, frames: int) -> None:
        self._kept += frames
        if self._kept >= _KEPT:
            self.count()
