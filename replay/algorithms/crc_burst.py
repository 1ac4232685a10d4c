"""crc-burst: one burst of wrong bits, found by the FCS alone.

Any pattern whose first and last wrong bits are at most ``max_span`` bits apart, both counted; the
shorter the likelier. There are 2^(span - 1) patterns of up to a span. With the default gate of 0.01
bursts of up to 12 bits are searched for in frames of 1,500 bytes, and of up to 16 in frames of 114.
The FCS has 32 bits, so the gate closes before two bursts explain the same syndrome often.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from ...datasets.frames import FrameBatch
from ..algorithm import Repairs
from . import shapes
from .shapes import Bad, Ladder, Shapes

MAX_SPAN: Final = 20


class CrcBurst:
    """One burst of wrong bits, found by the FCS.

    Args:
        max_span: Longest burst to look for, 1 to 20 bits.
        gate: Largest expected number of false candidates at which a repair is claimed.

    Raises:
        ValueError: A parameter out of range.
    """

    name = "crc-burst"
    source = "burst trapping: Meggitt 1961, Kasami 1964"
    cost = "a step of a register and a look-up for each bit of a frame"

    def __init__(self, max_span: int = 16, gate: float = 0.01) -> None:
        if not 1 <= max_span <= MAX_SPAN:
            raise ValueError(f"max_span={max_span}, wanted 1 to {MAX_SPAN}")
        self._gate = shapes.check_gate(gate)
        self._ladder = Ladder(patterns(max_span), 1, bursts)
        self._ladder.repair(Bad.blank(), self._gate)  # kernels are loaded, or compiled, now

    def recover(self, frames: FrameBatch) -> Repairs:
        """Answer for every bad frame of the batch."""
        return self._ladder.repair(shapes.bad_frames(frames), self._gate)

    def finish(self) -> Repairs:
        """Nothing is ever left."""
        return Repairs.none()


def patterns(max_span: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Number of bursts up to each span, shape (max_span + 1,)."""
    return np.concatenate([[0.0], 2.0 ** np.arange(max_span)])


def bursts(max_span: int) -> Shapes:
    """Every burst up to a span, the weight being the span."""
    masks = np.arange(1, 1 << max_span, 2, dtype=np.uint64)
    spans = np.frexp(masks.astype(np.float64))[1]
    return Shapes(masks[:, None], spans.astype(np.uint8), np.zeros(len(masks), np.uint8))
