"""Under which conditions a frame came: what the tx log says of its time.

A frame of whatever kind, good, bad or foreign, belongs to the conditions of the packet that
was sent last before it, at most ``WINDOW_S`` ago; without one its conditions are not known.
So rates and shares by SNR or by power count every frame that came under it, also those that
match no packet. Log rows that name a receiver hold for that interface of the capture alone.

Both files are in the order of time and are read side by side, so memory stays bounded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..datasets.frames import FRAMES, FrameBatch
from ..datasets.journal import TableReader
from ..datasets.txlog import TX, packets
from .times import NO_TIME, frame_times

WINDOW_S = 2.0

COLUMNS = tuple(
    column.name
    for column in TX.columns
    if column.name not in {"packet_id", "time", "layer", "length", "original"}
    and column.name not in {frames_column.name for frames_column in FRAMES.columns}
)
"""Columns of the tx log that frames can be grouped by."""

_WINDOW_NS = int(WINDOW_S * 1_000_000_000)
_ANY_RECEIVER = -1


class Conditions:
    """Labels frames with columns of a tx log.

    Args:
        log: The log; kept open until the analysis ends.
    """

    def __init__(self, log: TableReader) -> None:
        self._batches: Iterator[Any] = packets(log)
        self._rows = TX.schema.empty_table().select(["time", *COLUMNS])
        self._ended = False

    def label(self, frames: FrameBatch, names: Sequence[str]) -> dict[str, Any]:
        """The conditions of each frame.

        Args:
            frames: The next batch of the capture.
            names: Some of ``COLUMNS``.

        Returns:
            An Arrow array for each name, null where the condition is not known.
        """
        times = frame_times(frames, _WINDOW_NS)
        timed = times[times != NO_TIME]
        if len(timed):
            self._advance(int(timed.min()), int(timed.max()))
        rows = self._last_before(times, frames.column("interface").to_numpy())
        indices = pa.array(rows, mask=rows < 0)
        return {name: self._rows.column(name).combine_chunks().take(indices) for name in names}

    def _advance(self, first: int, last: int) -> None:
        """Hold the rows that frames of this span of time can belong to."""
        held = [self._rows]
        while not self._ended and (not len(held[-1]) or _times(held[-1])[-1] <= last):
            batch = next(self._batches, None)
            if batch is None:
                self._ended = True
                break
            held.append(pa.Table.from_batches([batch]).select(self._rows.column_names))
        rows = pa.concat_tables(held)
        old = int(np.searchsorted(_times(rows), first - 2 * _WINDOW_NS))
        self._rows = rows.slice(old)

    def _last_before(
        self, times: NDArray[np.int64], interfaces: NDArray[np.uint32]
    ) -> NDArray[np.int64]:
        """The row of each frame's conditions, -1 where there is none."""
        sent = _times(self._rows)
        receivers = self._rows.column("receiver").cast("int64").fill_null(_ANY_RECEIVER).to_numpy()
        found = np.full(len(times), -1, np.int64)
        for interface in np.unique(interfaces):
            mine = np.flatnonzero(interfaces == interface)
            for_me = np.flatnonzero((receivers == interface) | (receivers == _ANY_RECEIVER))
            place = np.searchsorted(sent[for_me], times[mine], side="right") - 1
            there = place >= 0
            rows = for_me[place[there]]
            recent = times[mine[there]] - sent[rows] <= _WINDOW_NS
            found[mine[there][recent]] = rows[recent]
        return found


def _times(rows: Any) -> NDArray[np.int64]:
    times: NDArray[np.int64] = rows.column("time").cast("int64").to_numpy()
    return times
