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
(:mod:`.misread_kernel`).

Only frames of the sent length are matched. Where the receiver misread the length, the FCS is
not where it should be and bits behind the frame's end were never sent: such frames are
unmatched, counted, and in no bit error rate.

The log is read along with the capture, so memory does not grow with either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.frames import FrameBatch
from ..datasets.journal import TableReader
from ..datasets.payload import SELF_DESCRIBING, STAMP_LENGTH, id_offsets
from ..datasets.txlog import packets
from ..errors import MatchError
from .kernels import nearest
from .layout import Layouts
from .match import WINDOW_NS, WINDOW_S, SentWindow, of_some
from .match_kernel import Packets, Queries
from .rewritten import Headers
from .rewritten_kernel import LONGEST
from .times import NO_TIME, frame_times
from .truth import SHORTEST_FRAME, Known, Outcome
from .txlog_kernel import MOST_IDS, STAMPS, find_intact, show_ids, take_parts

__all__ = ["WINDOW_S", "TxLogTruth"]


@dataclass(frozen=True, slots=True)
class _Parts:
    """What is looked for of frames by their length, one element a length.

    Attributes:
        begins: Offset of the part in the frame.
        lengths: Its bytes; 0 if nothing is looked for.
        stamps: Where ids stand in the frame, shape (n, STAMPS); -1 for none.
        id_bits: As in :class:`~wtrec.analysis.match_kernel.Queries`.
    """

    begins: NDArray[np.int64]
    lengths: NDArray[np.int64]
    stamps: NDArray[np.int64]
    id_bits: NDArray[np.int64]

    @classmethod
    def none(cls, count: int) -> _Parts:
        """Nothing is looked for."""
        nothing = (np.zeros(count, np.int64) for _ in range(3))
        begins, lengths, id_bits = nothing
        return cls(begins, lengths, np.full((count, STAMPS), -1, np.int64), id_bits)


class TxLogTruth:
    """Originals from a tx log.

    Args:
        log: The log, of one layer; kept open until the analysis ends.
        any_closest: Where several packets may be the original, take a closest one, and give the
            original of rewritten frames, too: not to judge by, but for who needs any of them.

    Raises:
        MatchError: The log is empty, or mixes layers.
    """

    def __init__(self, log: TableReader, *, any_closest: bool = False) -> None:
        self._log = log
        self._any_closest = any_closest
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
        times = frame_times(frames, WINDOW_NS)[rows]
        starts = frames.offsets[rows].astype(np.int64)
        lengths = frames.offsets[rows + 1] - starts
        distinct, kind = np.unique(lengths, return_inverse=True)
        parts = self._parts(distinct.tolist())
        outcomes = np.full(len(rows), Outcome.UNMATCHED, np.int8)
        outcomes[lengths < SHORTEST_FRAME] = Outcome.NOT_A_FRAME
        asked = np.flatnonzero((times != NO_TIME) & (parts.lengths[kind] > 0))
        kind = kind[asked]
        ids = np.zeros((len(asked), MOST_IDS), np.uint64)
        id_counts = np.zeros(len(asked), np.int64)
        show_ids(frames.data, starts[asked], parts.stamps[kind], ids, id_counts)
        queries = Queries(
            frames.data,
            starts[asked] + parts.begins[kind],
            parts.lengths[kind],
            times[asked],
            ids,
            id_counts,
            parts.id_bits[kind],
        )
        begins = np.zeros(len(rows), np.int64)
        known = np.zeros(len(rows), np.int64)  # bytes
        originals = np.empty(int(queries.lengths.sum()), np.uint8)
        end = 0
        for some, sent, found, numbers in self._window.closest(queries):
            if self._any_closest:
                for k in np.flatnonzero(found == Outcome.AMBIGUOUS).tolist():
                    found[k], numbers[k] = (
                        Outcome.MATCHED,
                        _closest(of_some(queries, some), k, sent),
                    )
            for k in self._rewritten(frames, rows[asked[some]], queries, some, sent, numbers):
                found[k] = Outcome.REWRITTEN
                if not self._any_closest:
                    numbers[k] = -1
            matched = asked[some][numbers >= 0]
            outcomes[asked[some]] = found
            begins[matched] = parts.begins[kind[some]][numbers >= 0]
            known[matched] = queries.lengths[some][numbers >= 0]
            end = take_parts(sent, numbers, originals, end)
        bounds = np.concatenate([[0], np.cumsum(known)]).astype(np.int64)
        return Known(outcomes, begins, bounds, originals[:end])

    def _parts(self, lengths: list[int]) -> _Parts:
        """What is looked for of frames of these lengths."""
        parts = _Parts.none(len(lengths))
        for k, length in enumerate(lengths):
            place, _ = self._layouts.place(length)
            of_payload = self._layer == "payload"
            if length < SHORTEST_FRAME or (of_payload and place is None):
                continue
            parts.lengths[k] = length
            if place is None:
                continue
            if of_payload:
                parts.begins[k], parts.lengths[k] = place.offset, place.length
            if self._self_describing:
                stamps = [place.offset + offset for offset in id_offsets(place.length)]
                parts.stamps[k, : len(stamps)] = stamps
                parts.id_bits[k] = 8 * max(0, place.length - 3 * STAMP_LENGTH)
        return parts

    def _rewritten(
        self,
        frames: FrameBatch,
        rows: NDArray[np.int64],
        queries: Queries,
        some: slice,
        sent: Packets,
        numbers: NDArray[np.int64],
    ) -> list[int]:
        """Which of some queries, at these rows, no bit error made bad."""
        intact = np.zeros(len(numbers), np.bool_)
        of_payload = self._layer == "payload"
        find_intact(of_some(queries, some), sent, numbers, 0 if of_payload else LONGEST, intact)
        found = []
        for k in np.flatnonzero(intact).tolist():
            mpdu = frames.mpdu(int(rows[k]))
            original = sent.data[sent.starts[numbers[k]] :][: sent.lengths[numbers[k]]].tobytes()
            if (
                self._headers.explains(mpdu)
                if of_payload
                else self._headers.is_rewritten(mpdu, original)
            ):
                found.append(k)
        return found

    def _check(self, batch: Any) -> None:
        layers = set(batch.column("layer").unique().to_pylist())
        if layers != {self._layer}:
            raise MatchError(
                f"{self._log.path}: the tx log mixes layers ({', '.join(sorted(layers))}), "
                "wanted one log for each"
            )


def _closest(queries: Queries, q: int, sent: Packets) -> int:
    """The packet of a part's length and time that differs from it in the fewest bits."""
    start, length = int(queries.starts[q]), int(queries.lengths[q])
    near = np.abs(sent.times - queries.times[q]) <= WINDOW_NS
    which = np.flatnonzero(near & (sent.lengths == length))
    distances = np.empty(len(which), np.int64)
    nearest(queries.data[start : start + length], sent.data, sent.starts[which], distances)
    return int(which[distances.argmin()])
