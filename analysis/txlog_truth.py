"""Truth from a tx log: each bad frame's original is the sent packet that it is closest to.

Candidates are the packets of the same length that were sent within ``WINDOW_S`` of the
frame's time. One counts if the frame is closer to it than unrelated bits would be: half of
them differ, less five standard deviations. The closest one is the original unless another
packet with other content is nearly as close, in one of two senses:

* of the bits in which the two differ, not more than three quarters speak for the closest:
  what a burst of errors there would leave;
* if errors were independent, at the rate that the closest implies, and each candidate equally
  likely beforehand, one with other content would be the original with a probability above
  ``DOUBT``: what a few errors do to packets that differ in a few bits.

If packets describe themselves, those whose id the frame still shows are looked at first, and
alone if one of them is so close that no other can be closer: two packets differ in half of
what the ids fill. A damaged id may well be that of another packet, so it decides nothing else.

The log is read along with the capture, so memory does not grow with either.
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
from ..datasets.payload import SELF_DESCRIBING, STAMP_LENGTH, packet_ids
from ..datasets.txlog import packets
from ..errors import MatchError
from .kernels import nearest
from .layout import Layouts
from .times import NO_TIME, frame_times
from .truth import SHORTEST_FRAME, Known, Outcome

WINDOW_S = 2.0
DOUBT = 1e-3

_WINDOW_NS = int(WINDOW_S * 1_000_000_000)


@dataclass(frozen=True, slots=True)
class _Sent:
    """A batch of sent packets."""

    time: NDArray[np.int64]
    packet_id: NDArray[np.uint64]
    starts: NDArray[np.int64]
    lengths: NDArray[np.int32]
    data: NDArray[np.uint8]

    @classmethod
    def of(cls, batch: Any) -> _Sent:
        original = batch.column("original")
        bounds = np.frombuffer(original.buffers()[1], np.int32)
        bounds = bounds[original.offset : original.offset + len(original) + 1]
        return cls(
            batch.column("time").cast("int64").to_numpy(),
            batch.column("packet_id").to_numpy(),
            bounds[:-1].astype(np.int64),
            np.diff(bounds),
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
        self._batches: Iterator[Any] = packets(log)
        self._window: deque[_Sent] = deque()
        self._read_to = NO_TIME

    @property
    def description(self) -> str:
        """The log and its layer."""
        return f"tx log {self._log.path} ({self._layer})"

    def learn(self, frames: FrameBatch) -> None:
        """Learn where payloads lie: where a log of payloads belongs, and where ids stand."""
        self._layouts.learn(frames)

    def match(self, frames: FrameBatch, rows: NDArray[np.int64]) -> Known:
        """The closest packet of each frame; those without a time are unmatched."""
        times = frame_times(frames, _WINDOW_NS)
        parts = []
        for row in rows:
            mpdu = frames.data[frames.offsets[row] : frames.offsets[row + 1]]
            parts.append(self._known(mpdu, int(times[row])))
        return Known.of(parts)

    def _known(self, mpdu: NDArray[np.uint8], time: int) -> tuple[Outcome, int, bytes]:
        if len(mpdu) < SHORTEST_FRAME:
            return Outcome.NOT_A_FRAME, 0, b""
        place, _ = self._layouts.place(len(mpdu))
        if time == NO_TIME or (self._layer == "payload" and place is None):
            return Outcome.UNMATCHED, 0, b""
        self._advance(time)
        begin, received = 0, mpdu
        if place is not None:
            payload = mpdu[place.offset : place.offset + place.length]
            if self._layer == "payload":
                begin, received = place.offset, payload
            if self._self_describing:
                ids = np.array(list(packet_ids(payload.tobytes())), np.uint64)
                fill = max(0, len(payload) - 3 * STAMP_LENGTH)
                outcome, original = self._closest(received, time, _by_chance(fill) / 2, ids)
                if outcome is not Outcome.UNMATCHED:
                    return outcome, begin, original
        outcome, original = self._closest(received, time, _by_chance(len(received)))
        return outcome, begin, original

    def _advance(self, time: int) -> None:
        """Keep in the window what was sent around ``time``, and a little before."""
        oldest = time - 2 * _WINDOW_NS  # the times of a capture may jump back a little
        while self._window and self._window[0].time[-1] < oldest:
            self._window.popleft()
        while self._read_to < time + _WINDOW_NS:
            batch = next(self._batches, None)
            if batch is None:
                self._read_to = np.iinfo(np.int64).max
                break
            layers = set(batch.column("layer").unique().to_pylist())
            if layers != {self._layer}:
                raise MatchError(
                    f"{self._log.path}: the tx log mixes layers ({', '.join(sorted(layers))}), "
                    "wanted one log for each"
                )
            sent = _Sent.of(batch)
            self._read_to = int(sent.time[-1])
            if self._read_to >= oldest:
                self._window.append(sent)

    def _closest(
        self,
        received: NDArray[np.uint8],
        time: int,
        limit: float,
        ids: NDArray[np.uint64] | None = None,
    ) -> tuple[Outcome, bytes]:
        """The one candidate that ``received`` is clearly closest to, less than ``limit`` away."""
        close: list[tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]] = []
        for sent in self._window:
            candidates = sent.lengths == len(received)
            candidates &= np.abs(sent.time - time) <= _WINDOW_NS
            if ids is not None:
                candidates &= np.isin(sent.packet_id, ids)
            starts = sent.starts[candidates]
            errors = _distances(received, sent.data, starts)
            near = errors < limit
            if near.any():
                close.append((sent.data, starts[near], errors[near]))
        if not close:
            return Outcome.UNMATCHED, b""
        data, starts, errors = min(close, key=lambda part: int(part[2].min()))
        fewest = int(errors.min())
        start = int(starts[errors.argmin()])
        best = data[start : start + len(received)]
        odds = (fewest + 1) / (8 * len(best) - fewest + 1)  # of a bit being wrong
        same = others = 0.0
        for data, starts, errors in close:
            apart = _distances(best, data, starts)
            rival = apart > 0
            extra = errors[rival] - fewest
            if (extra <= apart[rival] / 2).any():
                return Outcome.AMBIGUOUS, b""
            same += np.count_nonzero(~rival)
            others += float((odds**extra).sum())
        if others > DOUBT * (same + others):
            return Outcome.AMBIGUOUS, b""
        return Outcome.MATCHED, best.tobytes()


def _by_chance(length: int) -> float:
    """Bits in which so many unrelated bytes differ at the very least: half, less five sigma."""
    bits = 8 * length
    return 0.5 * bits - 2.5 * math.sqrt(bits)


def _distances(
    part: NDArray[np.uint8], data: NDArray[np.uint8], starts: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Bits in which ``part`` differs from what begins at each start."""
    distances = np.empty(len(starts), np.int64)
    nearest(part, data, starts, distances)
    return distances
