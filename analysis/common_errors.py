"""Errors that copies of a packet have in common.

Combining copies works as far as they are not wrong in the same places. For each pair of judged
bad frames with the same original, retries or what several interfaces heard, this counts pairs
with a wrong bit in common, and the error events that meet one of the other copy. By chance some
do: two frames with a and b wrong bits of n share a * b / n on average.

Originals are the same if the same part of the frame is known and was sent alike, but for what
differs between attempts: the Retry bit, and the FCS that follows from it (IEEE 802.11-2020,
9.2.4.1). At most the last ``WINDOW`` bad frames are remembered, and ``COPIES`` of each packet.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .common_errors_kernel import copy_names
from .masks import ErrorMasks
from .patterns_kernel import GAP
from .truth import Known, Outcome

WINDOW = 4096
COPIES = 8

_FCS_BITS = 32

_Mask = NDArray[np.int32]


@dataclass(slots=True)
class CommonErrors:
    """Counts of one group; a pair belongs to the group of its later frame.

    Attributes:
        pairs: Pairs of bad copies.
        pairs_in_common: Those with at least one wrong bit in common.
        bits_in_common: Wrong bits in common, of all pairs.
        by_chance: What that would be if errors were spread evenly, copies being independent.
        bit_errors: Wrong bits of both frames of all pairs.
        events: Error events of both frames of all pairs.
        events_in_common: Those that overlap an event of the other copy.
    """

    pairs: int = 0
    pairs_in_common: int = 0
    bits_in_common: int = 0
    by_chance: float = 0.0
    bit_errors: int = 0
    events: int = 0
    events_in_common: int = 0

    def add(self, one: _Mask, other: _Mask, bits: int) -> None:
        """Count a pair of masks of ``bits`` known bits."""
        common = len(np.intersect1d(one, other, assume_unique=True))
        self.pairs += 1
        self.pairs_in_common += common > 0
        self.bits_in_common += common
        self.by_chance += len(one) * len(other) / bits
        self.bit_errors += len(one) + len(other)
        ours, theirs = events(one), events(other)
        self.events += len(ours) + len(theirs)
        self.events_in_common += overlapping(ours, theirs) + overlapping(theirs, ours)

    def to_json(self) -> dict[str, Any]:
        """Stable keys; see docs/analyze.md."""
        return {
            "pairs": self.pairs,
            "share_in_common": self.pairs_in_common / self.pairs if self.pairs else None,
            "bits_in_common": self.bits_in_common,
            "bits_by_chance": self.by_chance,
            "share_of_events": self.events_in_common / self.events if self.events else None,
        }


def events(mask: _Mask) -> NDArray[np.int64]:
    """First and last wrong bit of each error event, shape (events, 2)."""
    if not len(mask):
        return np.empty((0, 2), np.int64)
    breaks = np.flatnonzero(np.diff(mask) > GAP)
    first = np.concatenate([mask[:1], mask[breaks + 1]])
    return np.column_stack([first, np.concatenate([mask[breaks], mask[-1:]])]).astype(np.int64)


def overlapping(ours: NDArray[np.int64], theirs: NDArray[np.int64]) -> int:
    """How many of ours overlap one of theirs; both are in order and apart from each other."""
    before = np.searchsorted(theirs[:, 1], ours[:, 0])  # theirs that end before ours begins
    until = np.searchsorted(theirs[:, 0], ours[:, 1], side="right")  # that begin before its end
    return int(np.count_nonzero(until > before))


class Copies:
    """Remembers the last bad frames by their originals."""

    def __init__(self) -> None:
        self._masks: OrderedDict[tuple[int, int, bytes], list[_Mask]] = OrderedDict()
        self._held = 0

    def add(
        self,
        masks: ErrorMasks,
        known: Known,
        frame_bits: NDArray[np.int64],
        groups: list[CommonErrors],
        *,
        first: int,
    ) -> int:
        """Pair the frames of a piece with those before them.

        Args:
            masks: A piece.
            known: What is known of the batch's bad frames.
            frame_bits: Length of each frame of the piece.
            groups: Where to count each.
            first: Which of the known frames is the piece's first.

        Returns:
            Which is the next piece's first.
        """
        judged = np.flatnonzero(known.outcome[first:] == Outcome.MATCHED)[: len(masks)] + first
        # What is not the packet's: left out of its name, not out of its errors.
        of_fcs = np.maximum(0, masks.end - (frame_bits - _FCS_BITS)) // 8
        lengths = np.maximum(0, (masks.end - masks.begin) // 8 - of_fcs)
        ends = np.cumsum(lengths)
        names = np.empty(int(ends[-1]) if len(ends) else 0, np.uint8)
        copy_names(known.originals, known.bounds[judged], lengths, masks.begin, names)
        all_names = names.tobytes()
        offsets = masks.offsets
        columns = (masks.begin, masks.end, ends - lengths, ends, offsets[:-1], offsets[1:])
        rows = zip(*(column.tolist() for column in columns), strict=True)
        for counts, (begin, end, start, stop, low, high) in zip(groups, rows, strict=True):
            if end > begin:
                name = all_names[start:stop]
                self._pair((begin, end, name), masks.flips[low:high].copy(), counts)
        return int(judged[-1]) + 1 if len(judged) else first

    def _pair(self, key: tuple[int, int, bytes], mask: _Mask, counts: CommonErrors) -> None:
        before = self._masks.pop(key, None) or []
        self._masks[key] = before  # the latest
        for other in before:
            counts.add(mask, other, key[1] - key[0])
        before.append(mask)
        self._held += 1
        if len(before) > COPIES:
            del before[0]
            self._held -= 1
        while self._held > WINDOW:
            oldest = next(iter(self._masks))
            self._held -= len(self._masks.pop(oldest))
