"""Where the original of a bad frame comes from: what every source of truth has in common.

A :class:`Truth` sees the whole capture once (``learn``), then says for each bad frame what
was sent, in whole or in part: a :class:`Known` part per frame, or why there is none. Nothing
is decided by header fields alone: leaving out frames whose header is damaged would bias the
bit error rate downwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..datasets.frames import FrameBatch
from .kernels import count_errors

SHORTEST_FRAME = 14  # an ACK with its FCS


class Outcome(IntEnum):
    """How the search for a bad frame's original ended."""

    MATCHED = 0  # one original
    AMBIGUOUS = 1  # several that differ
    UNMATCHED = 2  # none
    NOT_A_FRAME = 3  # shorter than any frame
    REWRITTEN = 4  # no bit error: other addresses, the FCS that it had before
    LIKELY = 5  # one original, but the FCS field was hit too, so that nothing proves it


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of some frames' originals, one element each.

    Attributes:
        outcome: :class:`Outcome` codes, shape (n,).
        begins: Offset in the frame of its known part, shape (n,).
        bounds: Frame k's known part is ``originals[bounds[k]:bounds[k + 1]]``, shape (n + 1,);
            empty unless matched.
        originals: The known parts as they were sent.
    """

    outcome: NDArray[np.int8]
    begins: NDArray[np.int64]
    bounds: NDArray[np.int64]
    originals: NDArray[np.uint8]

    @classmethod
    def of(cls, parts: Sequence[tuple[Outcome, int, bytes]]) -> Known:
        """From (outcome, offset, original part) of each frame."""
        return cls(
            np.array([outcome for outcome, _, _ in parts], np.int8),
            np.array([begin for _, begin, _ in parts], np.int64),
            np.cumsum([0, *(len(part) for _, _, part in parts)], dtype=np.int64),
            np.frombuffer(b"".join(part for _, _, part in parts), np.uint8),
        )

    def errors(self, frames: FrameBatch, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Bit errors in the known part of each frame, 0 unless matched.

        Args:
            frames: The batch.
            rows: Its frames that this is known of.
        """
        errors = np.zeros(len(rows), np.int64)
        count_errors(
            frames.data, frames.offsets, rows, self.begins, self.bounds, self.originals, errors
        )
        return errors


class Truth(Protocol):
    """A source of originals."""

    @property
    def kind(self) -> str:
        """What sort of source it is, in a word."""
        ...

    @property
    def description(self) -> str:
        """What it is, for people."""
        ...

    def learn(self, frames: FrameBatch) -> None:
        """See the next frames of the capture, all of them, before any matching."""
        ...

    def match(self, frames: FrameBatch, rows: NDArray[np.int64]) -> Known:
        """What is known of these bad frames; batches come in capture order again."""
        ...


class NoTruth:
    """Nothing is known: frames are counted, no bit is judged."""

    kind = description = "none"

    def learn(self, frames: FrameBatch) -> None:
        """There is nothing to learn."""

    def match(self, frames: FrameBatch, rows: NDArray[np.int64]) -> Known:
        """Every frame is unmatched."""
        del frames
        return Known.of([(Outcome.UNMATCHED, 0, b"")] * len(rows))
