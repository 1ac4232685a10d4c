"""crc-burst: one burst of wrong bits, found by the FCS alone.

Any pattern whose first and last wrong bits are at most ``max_span`` bits apart, both counted; the
shorter the likelier. There are 2^(span - 1) patterns of up to a span. With the default gate of 0.01
bursts of up to 12 bits are searched for in frames of 1,500 bytes, and of up to 16 in frames of 114,
and of up to 20 where a second check confirms. The FCS has 32 bits, so the gate closes before two
bursts explain the same syndrome often.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...datasets.frames import FrameBatch
from .candidates import Bad
from .checks import ALL
from .search import Plan, Planned
from .shapes import Ladder, Shapes, Singles
from .sums import of_bursts

MAX_SPAN: Final = 20


class CrcBurst(Planned):
    """One burst of wrong bits, found by the FCS.

    Args:
        max_span: Longest burst to look for, 1 to 20 bits.
        gate: Largest expected number of false candidates at which a repair is claimed.
        checks: Second checks, joined by ``+``: llc, ip, transport, known; or none.

    Raises:
        ValueError: A parameter out of range.
    """

    name = "crc-burst"
    source = "burst trapping: Meggitt 1961, Kasami 1964"
    cost = "a logarithm and a look-up a frame"

    def __init__(self, max_span: int = MAX_SPAN, gate: float = 0.01, checks: str = ALL) -> None:
        if not 1 <= max_span <= MAX_SPAN:
            raise ValueError(f"max_span={max_span}, wanted 1 to {MAX_SPAN}")
        super().__init__(gate, checks)
        self._stages = [Singles(Ladder(census(max_span), 1, bursts), sums=of_bursts(max_span))]
        self.warm(self._stages)

    def plans(self, frames: FrameBatch, bad: Bad) -> Iterator[Plan]:
        """The same for all frames."""
        del frames
        yield Plan(np.arange(len(bad)), self._stages)


def census(max_span: int) -> NDArray[np.int64]:
    """Number of bursts by weight, which is their span, and by span; of shape (spans, spans)."""
    return np.diag([0, 1, *(1 << span for span in range(max_span - 1))])


def bursts(max_span: int) -> Shapes:
    """Every burst up to a span, the weight being the span."""
    masks = np.arange(1, 1 << max_span, 2, dtype=np.uint64)
    spans = np.frexp(masks.astype(np.float64))[1]
    return Shapes(masks[:, None], spans.astype(np.uint8), np.zeros(len(masks), np.uint8))
