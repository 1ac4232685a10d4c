"""When frames came, as far as that can be believed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..datasets.frames import FrameBatch

NO_TIME = int(np.iinfo(np.int64).min)


def frame_times(frames: FrameBatch, window_ns: int) -> NDArray[np.int64]:
    """Times in ns since 1970 UTC; ``NO_TIME`` where there is none, or none to rely on.

    A time that is later than the next frame's by more than ``window_ns`` is a slip of some
    clock: whoever reads a log along with the capture would read it to its end for one frame.
    """
    times: NDArray[np.int64] = (
        frames.column("time").cast("int64").fill_null(NO_TIME).to_numpy().copy()
    )
    timed = np.flatnonzero(times != NO_TIME)
    slips = times[timed[:-1]] > times[timed[1:]] + window_ns
    times[timed[:-1][slips]] = NO_TIME
    return times
