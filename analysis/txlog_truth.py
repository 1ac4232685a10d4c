"""Truth from a tx log: each bad frame's original is the sent packet that it is closest to.

Candidates are the packets of the same length that were sent within ``WINDOW_S`` of the
frame's time; if the packets describe themselves, only those whose id the frame still shows.
A candidate is accepted if the frame is closer to it than unrelated bits would be (half of
them differ, five standard deviations aside), and if no other candidate with other content is
nearly as close. The log is read along with the capture, so memory does not grow with either.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.frames import FrameBatch
from ..datasets.parquet import TableFile
from ..datasets.payload import SELF_DESCRIBING, packet_ids
from ..errors import MatchError
from .kernels import nearest
from .layout import Layouts
from .truth import SHORTEST_FRAME, Known, Outcome

WINDOW_S = 2.0

_NS = 1_000_000_000
_NO_TIME = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True)
class _Sent:
    """A batch of sent packets."""

    time: NDArray[np.int64]
    packet_id: NDArray[np.uint64]
    bounds: NDArray[np.int32]
    data: NDArray[np.uint8]

    @classmethod
    def of(cls, batch: Any) -> _Sent:
        original = batch.column("original")
        bounds = np.frombuffer(original.buffers()[1], np.int32)
        bounds = bounds[original.offset : original.offset + len(original) + 1]
        return cls(
            batch.column("time").cast("int64").to_numpy(),
            batch.column("packet_id").to_numpy(),
            bounds,
            np.frombuffer(original.buffers()[2] or b"", np.uint8),
        )


class TxLogTruth:
    """Originals from a tx log.

    Args:
        log: The log, of one layer; kept open until the analysis ends.

    Raises:
        MatchError: The log is empty, or mixes layers.
    """

    def __init__(self, log: TableFile) -> None:
        self._log = log
        self._self_describing = log.metadata.get("payload") == SELF_DESCRIBING
        self._layouts = Layouts()
        first = next(log.batches(1), None)
        if first is None:
            raise MatchError(f"{log.path}: the tx log has no packets")
        self._layer = first.column("layer").to_pylist()[0]
        self._batches: Iterator[Any] = log.batches()
        self._window: deque[_Sent] = deque()
        self._latest = _NO_TIME

    @property
    def description(self) -> str:
        """The log and its layer."""
        return f"tx log {self._log.path} ({self._layer})"

    def learn(self, frames: FrameBatch) -> None:
        """Learn where payloads lie: where a log of payloads belongs, and where ids stand."""
        self._layouts.learn(frames)

    def match(self, frames: FrameBatch, rows: NDArray[np.int64]) -> Known:
        """The closest packet of each frame."""
        times = frames.column("time").cast("int64").fill_null(_NO_TIME).to_numpy()
        parts = []
        for row in rows:
            mpdu = frames.data[frames.offsets[row] : frames.offsets[row + 1]]
            parts.append(self._known(mpdu, int(times[row])))
        return Known.of(parts)

    def _known(self, mpdu: NDArray[np.uint8], time: int) -> tuple[Outcome, int, bytes]:
        if len(mpdu) < SHORTEST_FRAME:
            return Outcome.NOT_A_FRAME, 0, b""
        place, _ = self._layouts.place(len(mpdu))
        begin, received = 0, mpdu
        if self._layer == "payload":
            if place is None:
                return Outcome.UNMATCHED, 0, b""
            begin, received = place.offset, mpdu[place.offset : place.offset + place.length]
        ids: list[int] = []
        if self._self_describing and place:
            payload = mpdu[place.offset : place.offset + place.length]
            ids = list(packet_ids(payload.tobytes()))
        self._advance(time)
        outcome, original = self._closest(received, ids)
        if outcome is Outcome.UNMATCHED and ids:  # every stamp is damaged
            outcome, original = self._closest(received, [])
        return outcome, begin, original

    def _advance(self, time: int) -> None:
        """Keep the packets sent around ``time`` in the window."""
        if time == _NO_TIME:
            return
        margin = int(WINDOW_S * _NS)
        while self._latest < time + margin:
            batch = next(self._batches, None)
            if batch is None:
                self._latest = np.iinfo(np.int64).max
                break
            self._window.append(_Sent.of(batch))
            self._latest = int(self._window[-1].time[-1])
        while self._window and self._window[0].time[-1] < time - 2 * margin:
            self._window.popleft()

    def _closest(self, received: NDArray[np.uint8], ids: list[int]) -> tuple[Outcome, bytes]:
        """The one candidate that ``received`` is clearly closest to."""
        bits = 8 * len(received)
        limit = 0.5 * bits - 2.5 * math.sqrt(bits)  # five sigma below what chance gives
        received = np.ascontiguousarray(received)
        close: dict[bytes, int] = {}
        for sent in self._window:
            candidates = np.diff(sent.bounds) == len(received)
            if ids:
                candidates &= np.isin(sent.packet_id, np.array(ids, np.uint64))
            starts = sent.bounds[:-1][candidates].astype(np.int64)
            distances = np.empty(len(starts), np.int64)
            nearest(received, sent.data, starts, distances)
            for k in np.flatnonzero(distances <= limit):
                original = sent.data[starts[k] : starts[k] + len(received)].tobytes()
                close[original] = int(distances[k])
        if not close:
            return Outcome.UNMATCHED, b""
        best = min(close, key=lambda original: close[original])
        for rival, rival_distance in close.items():
            if rival is best:
                continue
            # Of the bits in which the two differ, more than three quarters must favour the best.
            apart = (int.from_bytes(best) ^ int.from_bytes(rival)).bit_count()
            if rival_distance - close[best] <= apart / 2:
                return Outcome.AMBIGUOUS, b""
        return Outcome.MATCHED, best
