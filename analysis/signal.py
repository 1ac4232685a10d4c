"""Good and bad frames by signal strength."""

from __future__ import annotations

import numpy as np

from ..datasets.frames import FcsStatus, FrameBatch

_LOWEST = -128  # dBm: of an int8


class SignalCensus:
    """Counts frames by their signal in dBm, as the radio says it."""

    def __init__(self) -> None:
        self._counts = np.zeros((2, 256), np.int64)

    def add(self, frames: FrameBatch) -> None:
        """Count the good and bad frames of a batch that have a signal."""
        signal = frames.column("signal_dbm")
        known = signal.is_valid().to_numpy(zero_copy_only=False)
        bins = signal.fill_null(0).to_numpy().astype(np.int64) - _LOWEST
        for row, status in enumerate((FcsStatus.GOOD, FcsStatus.BAD)):
            chosen = known & (frames.fcs_status == status)
            self._counts[row] += np.bincount(bins[chosen], minlength=256)

    def to_json(self) -> list[dict[str, int]]:
        """``signal_dbm``, ``good`` and ``bad`` for each strength that occurs, rising."""
        return [
            {"signal_dbm": int(place) + _LOWEST, "good": int(good), "bad": int(bad)}
            for place, (good, bad) in enumerate(self._counts.T)
            if good or bad
        ]
