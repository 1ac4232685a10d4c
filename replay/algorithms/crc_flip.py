"""crc-flip: up to three independent bit errors, found by the FCS alone.

The syndrome of a bad frame is the sum of x^m mod P over its flipped bits (m: bits behind each).
One flip is looked for first, then two, then three, as far as the gate is open: among frames that
are damaged otherwise, the number of patterns that fit by chance is expected to be at most ``gate``.

With the default gate of 0.01, one flip is repaired at every length of 802.11, two up to 1,158
bytes, three up to 79; and with a second check that confirms, most sets of three up to 919, the last
up to 1,428. One flip is always unique (the code's distance is 4 up to 11,454 bytes); two are up to
375 bytes (distance 5).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from ...datasets.frames import FrameBatch
from .candidates import Bad
from .checks import ALL
from .few import Few
from .powers import Powers
from .search import Plan, Planned

MAX_FLIPS: Final = 3
MAX_BYTES: Final = 11_454  # no MPDU is longer


class CrcFlip(Planned):
    """Up to three flipped bits, found by the FCS.

    Args:
        max_flips: Largest number of flips to look for, 1 to 3.
        gate: Largest expected number of false candidates at which a repair is claimed.
        checks: Second checks, joined by ``+``: llc, ip, transport, known; or none.

    Raises:
        ValueError: A parameter out of range.
    """

    name = "crc-flip"
    source = "McDaniel, C/C++ Users Journal 2003; Boussard et al., IEEE Access (without tables)"
    cost = "a look-up a frame for one flip, another for two, n for three, in a frame of n bits"

    def __init__(self, max_flips: int = MAX_FLIPS, gate: float = 0.01, checks: str = ALL) -> None:
        if not 1 <= max_flips <= MAX_FLIPS:
            raise ValueError(f"max_flips={max_flips}, wanted 1 to {MAX_FLIPS}")
        super().__init__(gate, checks)
        powers = Powers()
        self._stages = [Few(number, powers) for number in range(1, max_flips + 1)]
        self.warm(self._stages)

    def plans(self, frames: FrameBatch, bad: Bad) -> Iterator[Plan]:
        """The same for all frames that may be frames."""
        del frames
        yield Plan(np.flatnonzero(bad.bits <= 8 * MAX_BYTES), self._stages)
