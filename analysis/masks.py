"""Error masks: where the wrong bits of bad frames are.

A mask is the exclusive or of a frame as received and as sent, as far as the latter is known: the
sorted positions of its ones, ``byte * 8 + bit`` in the MPDU, bit 0 of a byte first on the air.
All statistics of patterns are made from masks. They come in pieces of a bounded number of flips,
so that a batch of frames that are wrong in every other bit takes no more memory than others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..datasets.frames import FrameBatch
from .masks_kernel import list_flips
from .truth import Known, Outcome

MOST_FLIPS = 1 << 20  # in one piece, unless a single frame has more


@dataclass(frozen=True, slots=True)
class ErrorMasks:
    """Masks of some judged frames of a batch, one element each.

    Attributes:
        row: Rows of the batch, shape (n,), rising.
        begin: First bit of the known part, shape (n,).
        end: The bit behind it, shape (n,).
        offsets: Mask k is ``flips[offsets[k]:offsets[k + 1]]``, shape (n + 1,).
        flips: Positions in the MPDU, rising within each mask.
    """

    row: NDArray[np.int64]
    begin: NDArray[np.int64]
    end: NDArray[np.int64]
    offsets: NDArray[np.int64]
    flips: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.row)

    @property
    def errors(self) -> NDArray[np.int64]:
        """Wrong bits of each frame."""
        return np.diff(self.offsets)

    def mask(self, k: int) -> NDArray[np.int32]:
        """The flips of one frame."""
        return self.flips[self.offsets[k] : self.offsets[k + 1]]


def error_masks(
    frames: FrameBatch,
    rows: NDArray[np.int64],
    known: Known,
    errors: NDArray[np.int64],
    *,
    most_flips: int = MOST_FLIPS,
) -> Iterator[ErrorMasks]:
    """The masks of a batch's judged frames, in order.

    Args:
        frames: The batch.
        rows: Its bad frames.
        known: What is known of these; those that are not matched have no mask.
        errors: Bit errors of each, from :func:`wtrec.analysis.kernels.count_errors`.
        most_flips: Where to cut: pieces have no more, but for a single frame that does.
    """
    judged = np.flatnonzero(known.outcome == Outcome.MATCHED)
    ends = np.cumsum(errors[judged])
    first = done = 0
    while first < len(judged):
        stop = max(first + 1, int(np.searchsorted(ends, done + most_flips, side="right")))
        yield _piece(frames, rows, known, errors, judged[first:stop])
        first, done = stop, int(ends[stop - 1])


def _piece(
    frames: FrameBatch,
    rows: NDArray[np.int64],
    known: Known,
    errors: NDArray[np.int64],
    chosen: NDArray[np.int64],
) -> ErrorMasks:
    offsets = np.concatenate([[0], np.cumsum(errors[chosen])]).astype(np.int64)
    flips = np.empty(int(offsets[-1]), np.int32)
    begins = known.begins[chosen]
    bounds = np.column_stack([known.bounds[chosen], known.bounds[chosen + 1]])
    starts = frames.offsets[rows[chosen]].astype(np.int64)
    list_flips(frames.data, starts, begins, bounds, known.originals, flips)
    begin = 8 * begins
    end = begin + 8 * (bounds[:, 1] - bounds[:, 0])
    return ErrorMasks(rows[chosen], begin, end, offsets, flips)
