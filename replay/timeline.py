"""How far into a capture each frame is, in the time that the recorder saw.

Times in a capture jump. What is out of order by up to a second is reordering: the frame counts as
recorded together with the latest before it. More than a second back is a clock that was set: the
time goes on from there, without the jump. Forward, a gap longer than ``max_gap`` counts as one of
``max_gap``; without one, gaps are as long as they are. A frame without a time counts as recorded
together with the one before it. So the distance never falls, and it is exact to the nanosecond.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..clock import NS
from ..datasets.frames import FrameBatch

STEP_NS: Final = NS  # further back is a clock that was set
NEVER: Final = 1 << 62  # 146 years: later is as good as this, and fits into 64 bits
_LOOK: Final = 64  # frames in which the next clock step is looked for first
_NONE: Final = np.iinfo(np.int64).min


class Timeline:
    """The time of one walk through a capture.

    Args:
        max_gap_ns: The longest gap; None: as they are.

    Attributes:
        reordered: Frames with a time before the latest so far.
        clock_steps: Jumps back of more than a second.
        gaps_cut: Gaps that were longer than ``max_gap_ns``.
        untimed: Frames without a time.
    """

    def __init__(self, max_gap_ns: int | None = None) -> None:
        self.reordered = 0
        self.clock_steps = 0
        self.gaps_cut = 0
        self.untimed = 0
        self._max_gap = max_gap_ns
        self._latest: int | None = None  # by the capture's clock
        self._elapsed = 0

    def elapsed(self, frames: FrameBatch) -> NDArray[np.int64]:
        """Ns from the capture's first frame with a time, of the next frames; never falling."""
        column = frames.column("time").cast("int64").fill_null(_NONE)
        times = np.asarray(column.to_numpy(), np.int64)
        timed = np.flatnonzero(times != _NONE)
        self.untimed += len(times) - len(timed)
        gaps = np.zeros(len(times), np.int64)
        if len(timed):
            gaps[timed] = self._gaps(times[timed])
        roughly = self._elapsed + np.cumsum(gaps, dtype=np.float64)
        elapsed = np.where(roughly < NEVER, self._elapsed + np.cumsum(gaps), NEVER)
        if len(elapsed):
            self._elapsed = int(elapsed[-1])
        return elapsed

    def _gaps(self, times: NDArray[np.int64]) -> NDArray[np.int64]:
        """From the latest time before each to it, where that is forward."""
        before = self._latest
        known = times if before is None else np.concatenate([[before], times])
        latest = known.copy()
        begin, look = 0, _LOOK
        while begin < len(known):
            part = known[begin : begin + look]
            highest = np.maximum.accumulate(part)
            back = highest - part
            steps = np.flatnonzero((back > STEP_NS) | (back < 0))  # below 0: more than 64 bits
            count = int(steps[0]) if len(steps) else len(part)
            latest[begin : begin + count] = highest[:count]
            if len(steps):
                self.clock_steps += 1
                begin, look = begin + count, _LOOK
            elif begin + count == len(known):
                break
            else:
                look *= 4  # again from there: the highest so far counts
        self._latest = int(latest[-1])
        gaps = np.diff(latest if before is not None else np.concatenate([latest[:1], latest]))
        self.reordered += int((known != latest).sum())
        gaps = np.maximum(gaps, 0)
        if self._max_gap is not None:
            self.gaps_cut += int((gaps > self._max_gap).sum())
            gaps = np.minimum(gaps, self._max_gap)
        return np.asarray(gaps, np.int64)
