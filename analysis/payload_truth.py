"""Truth from a payload rule: every packet carried the same pattern."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..datasets.frames import FrameBatch
from ..datasets.payload import Pattern
from .layout import Layouts
from .rewritten import Headers
from .truth import SHORTEST_FRAME, Known, Outcome


class PayloadTruth:
    """The UDP payload of every test packet repeats a pattern.

    Only payload bits are judged: the headers' originals are not known.

    Args:
        pattern: What the packets carried.
    """

    def __init__(self, pattern: Pattern) -> None:
        self._pattern = pattern
        self._layouts = Layouts(pattern.cycle)
        self._headers = Headers()

    kind = "payload"

    @property
    def description(self) -> str:
        """The rule."""
        return f"payload {self._pattern.rule}"

    def learn(self, frames: FrameBatch) -> None:
        """Learn the layouts, and who sends to whom."""
        self._layouts.learn(frames)
        self._headers.learn(frames)

    def match(self, frames: FrameBatch, rows: NDArray[np.int64]) -> Known:
        """The pattern, at the place where intact frames of this length have it."""
        return Known.of([self._known(frames.mpdu(int(row))) for row in rows])

    def _known(self, mpdu: bytes) -> tuple[Outcome, int, bytes]:
        if len(mpdu) < SHORTEST_FRAME:
            return Outcome.NOT_A_FRAME, 0, b""
        place, any_payload = self._layouts.place(len(mpdu))
        if place is None:
            return (Outcome.AMBIGUOUS if any_payload else Outcome.UNMATCHED), 0, b""
        payload = self._pattern.fill(place.length)
        intact = mpdu[place.offset : place.offset + place.length] == payload
        if intact and self._headers.explains(mpdu):
            return Outcome.REWRITTEN, 0, b""
        return Outcome.MATCHED, place.offset, payload
