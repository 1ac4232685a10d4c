"""Truth from a tx log: each bad frame's original is the sent packet that it is closest to.

Candidates are the packets of the same length that were sent within ``WINDOW_S`` of the
frame's time. One counts if the frame is closer to it than a stranger's frame would come to any
of them with a probability of ``FALSE``. The closest one is the original unless another
packet with other content is nearly as close, in one of two senses:

* of the bits in which the two differ, not more than three quarters speak for the closest:
  what a burst of errors there would leave;
* if errors were independent, at the rate that the closest implies, and each candidate equally
  likely beforehand, one with other content would be the original with a probability above
  ``DOUBT``: what a few errors do to packets that differ in a few bits.

If packets describe themselves, those whose id the frame still shows are looked at first, and
alone if one of them is so close that no other can be closer: two packets differ in half of
what the ids fill. A damaged id may well be that of another packet, so it decides nothing else.
Then windows of bytes vote for candidates (:mod:`.match_kernel`), and if that settles nothing
every packet is one. What is close to none may be one that a misread scrambler lies over
(:mod:`.misread`).

Only frames of the sent length are matched. Where the receiver misread the length, the FCS is
not where it should be and bits behind the frame's end were never sent: such frames are
unmatched, counted, and in no bit error rate.

The log is read along with the capture, so memory does not grow with either.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.frames import FrameBatch
from ..datasets.journal import TableReader
from ..datasets.payload import SELF_DESCRIBING, STAMP_LENGTH, packet_ids
from ..datasets.txlog import packets
from ..errors import MatchError
from .layout import Layouts
from .match import WINDOW_NS, WINDOW_S, SentWindow
from .match_kernel import Queries
from .rewritten import Headers
from .times import NO_TIME, frame_times
from .truth import SHORTEST_FRAME, Known, Outcome

__all__ = ["WINDOW_S", "TxLogTruth"]

_MOST_IDS = 4  # three stamps and their majority


class TxLogTruth:
    """Originals from a tx log.

    Args:
        log: The log, of one layer; kept open until the analysis ends.

    Raises:
        MatchError: The log is empty, or mixes layers.
    """

    def __init__(self, log: TableReader) -> None:
        self._log = log
        self._self_describing = log.metadata.get("payload") == SELF_DESCRIBING
        self._layouts = Layouts()
        self._headers = Headers()
        first = next(log.batches(1), None)
        if first is None:
            raise MatchError(f"{log.path}: the tx log has no packets")
        self._layer = first.column("layer").to_pylist()[0]
        self._window = SentWindow(packets(log), self._check)

    kind = "tx-log"

    @property
    def description(self) -> str:
        """The log and its layer."""
        return f"tx log {self._log.path} ({self._layer})"

    def learn(self, frames: FrameBatch) -> None:
        """Learn where payloads lie, where ids stand, and who sends to whom."""
        self._layouts.learn(frames)
        self._headers.learn(frames)

    def match(self, frames: FrameBatch, rows: NDArray[np.int64]) -> Known:
        """The closest packet of each frame; those without a time are unmatched."""
        times = frame_times(frames, WINDOW_NS)
        parts: list[tuple[Outcome, int, bytes]] = [(Outcome.UNMATCHED, 0, b"")] * len(rows)
        asked: list[int] = []
        begins: list[int] = []
        lengths: list[int] = []
        ids = np.zeros((len(rows), _MOST_IDS), np.uint64)
        id_counts = np.zeros(len(rows), np.int64)
        id_bits = np.zeros(len(rows), np.int64)
        for k, row in enumerate(rows):
            start, stop = int(frames.offsets[row]), int(frames.offsets[row + 1])
            if stop - start < SHORTEST_FRAME:
                parts[k] = Outcome.NOT_A_FRAME, 0, b""
                continue
            place, _ = self._layouts.place(stop - start)
            if times[row] == NO_TIME or (self._layer == "payload" and place is None):
                continue
            if place is not None and self._self_describing:
                at = start + place.offset
                payload = frames.data[at : at + place.length].tobytes()
                for shown in packet_ids(payload):
                    ids[k, id_counts[k]] = shown
                    id_counts[k] += 1
                id_bits[k] = 8 * max(0, place.length - 3 * STAMP_LENGTH)
            asked.append(k)
            whole = self._layer != "payload" or place is None
            begins.append(0 if whole or place is None else place.offset)
            lengths.append(stop - start if whole or place is None else place.length)
        which = np.array(asked, np.int64)
        begin = np.array(begins, np.int64)
        starts = frames.offsets[rows[which]] + begin
        queries = Queries(
            frames.data,
            starts,
            np.array(lengths, np.int64),
            times[rows[which]],
            ids[which],
            id_counts[which],
            id_bits[which],
        )
        for some, sent, outcomes, originals in self._window.closest(queries):
            for k, at, outcome, n in zip(
                which[some], begin[some], outcomes, originals, strict=True
            ):
                original = b""
                if n >= 0:
                    original = sent.data[sent.starts[n] :][: sent.lengths[n]].tobytes()
                    if self._is_rewritten(frames.mpdu(int(rows[k])), int(at), original):
                        parts[k] = Outcome.REWRITTEN, 0, b""
                        continue
                parts[k] = Outcome(int(outcome)), int(at) if original else 0, original
        return Known.of(parts)

    def _is_rewritten(self, mpdu: bytes, begin: int, original: bytes) -> bool:
        if self._layer == "payload":
            intact = mpdu[begin : begin + len(original)] == original
            return intact and self._headers.explains(mpdu)
        return self._headers.is_rewritten(mpdu, original)

    def _check(self, batch: Any) -> None:
        layers = set(batch.column("layer").unique().to_pylist())
        if layers != {self._layer}:
            raise MatchError(
                f"{self._log.path}: the tx log mixes layers ({', '.join(sorted(layers))}), "
                "wanted one log for each"
            )
