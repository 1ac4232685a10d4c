"""Where the payload of a damaged frame lies: where intact frames of its length have theirs.

A damaged frame's own LLC, IP and UDP headers cannot be trusted to say it, and leaving the
frame out because they are damaged would bias every rate. Frames of one length from one sender
have one layout; a length whose intact frames do not agree on one has none.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

import numpy as np

from ..datasets.frames import FcsStatus, FrameBatch
from .kernels import find_payloads

AGREEMENT = 0.95  # share of a length's intact frames that must have the layout


@dataclass(frozen=True, slots=True)
class Place:
    """A payload: offset in the MPDU, and length, in bytes."""

    offset: int
    length: int


class Layouts:
    """Payload places by frame length, learned from intact frames.

    Args:
        cycle: Learn only from payloads that repeat these bytes; empty: from any.
    """

    def __init__(self, cycle: bytes = b"") -> None:
        self._cycle = np.frombuffer(cycle, np.uint8).copy()
        self._seen: defaultdict[int, Counter[Place]] = defaultdict(Counter)
        self._places: dict[int, tuple[Place | None, bool]] = {}

    def learn(self, frames: FrameBatch) -> None:
        """See the intact frames of a batch."""
        rows = np.flatnonzero(frames.fcs_status == FcsStatus.GOOD)
        places = np.empty((len(rows), 2), np.int64)
        find_payloads(frames.data, frames.offsets, rows, self._cycle, places)
        self._places.clear()
        # One number for all three, which sorts ten times as fast as rows of an array do.
        # A payload begins behind headers of some hundred bytes, and UDP has 16 bits for its size.
        lengths = np.diff(frames.offsets)[rows].astype(np.int64)
        codes = lengths << 32 | places[:, 0] << 16 | places[:, 1]
        distinct, counts = np.unique(codes, return_counts=True)
        for code, count in zip(distinct.tolist(), counts.tolist(), strict=True):
            self._seen[code >> 32][Place(code >> 16 & 0xFFFF, code & 0xFFFF)] += count

    def place(self, length: int) -> tuple[Place | None, bool]:
        """Where frames of this length (with FCS) have their payload.

        Returns:
            The place, and whether any intact frame of this length has a payload at all; the
            place is None if none has, or if they do not agree.
        """
        if length not in self._places:
            self._places[length] = self._choose(length)
        return self._places[length]

    def _choose(self, length: int) -> tuple[Place | None, bool]:
        seen = self._seen.get(length, Counter[Place]())
        with_payload = [place for place in seen if place.length]
        if not with_payload:
            return None, False
        best = max(with_payload, key=lambda place: (seen[place], -place.offset))
        return (best if seen[best] >= AGREEMENT * seen.total() else None), True
