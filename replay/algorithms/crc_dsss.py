"""crc-dsss: errors on the channel of 802.11b at 1 and 2 Mbit/s, found by the FCS.

The descrambler, 1 + z^-4 + z^-7, makes three wrong bits of each that is wrong on the channel: i,
i + 4 and i + 7. Few channel errors are many wrong bits of the frame, but as shapes they are as few
as before. Stages, each searched if none before it has a candidate:

    a burst of up to 8 bits on the channel     an error; both bits of a symbol; a symbol that
                                               spoils the phase of the next one, too
    two errors anywhere
    three errors anywhere
    a burst of up to 20 bits                   where a second check confirms
    two bursts of up to 8 bits                 likewise

Without second checks and with the default gate of 0.01 the first is searched at all lengths, the
second up to 1,142 bytes, and the third up to 79. Errors in the header, whose last bits reach into
the frame, and bursts that end within the last seven bits are not looked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...datasets.frames import FrameBatch
from .candidates import Bad, column
from .checks import ALL
from .crc_burst import MAX_SPAN, bursts
from .few import Few
from .pairs import Pairs
from .powers import Powers
from .search import Plan, Planned, Stage
from .shapes import Ladder, Shapes, Singles

RATES_MBPS: Final = (1, 2)
TAPS: Final = (0, 4, 7)  # where a channel error is heard, bits later
SHORT: Final = 8  # bits of a burst that is likely enough to need no second check

_LOOKUPS = 3_000_000


class CrcDsss(Planned):
    """Channel errors through the descrambler, found by the FCS.

    Args:
        gate: Largest expected number of false candidates at which a repair is claimed.
        checks: Second checks, joined by ``+``: llc, ip, transport, known; or none.

    Raises:
        ValueError: The gate is not positive.
    """

    name = "crc-dsss"

    def __init__(self, gate: float = 0.01, checks: str = ALL) -> None:
        super().__init__(gate, checks)
        self._stages, self._confirmed = stages()

    def plans(self, frames: FrameBatch, bad: Bad) -> Iterator[Plan]:
        """One, for frames of 1 and 2 Mbit/s."""
        yield Plan(np.flatnonzero(is_dsss(frames)[bad.rows]), self._stages, self._confirmed)


def is_dsss(frames: FrameBatch) -> NDArray[np.bool_]:
    """Which frames came at 1 or 2 Mbit/s of 802.11b."""
    return np.isin(column(frames, "rate_mbps"), RATES_MBPS) & np.isnan(column(frames, "mcs"))


def stages() -> tuple[list[Stage], list[Stage]]:
    """What to search for, and what then if a second check confirms."""
    powers = Powers()
    short, long = (
        Ladder(census(span), 1, channel_bursts) for span in (SHORT, MAX_SPAN)
    )
    return (
        [Singles(short), Few(2, powers, TAPS), Few(3, powers, TAPS)],
        [Singles(long), Pairs(short, 0, _LOOKUPS, 0)],
    )


def census(max_span: int) -> NDArray[np.int64]:
    """Number of bursts by weight, which is their span on the channel, and by span in the frame."""
    by_span = np.zeros((max_span + 1, max_span + TAPS[-1] + 1), np.int64)
    for span in range(1, max_span + 1):
        by_span[span, span + TAPS[-1]] = 1 << max(0, span - 2)
    return by_span


def channel_bursts(max_span: int) -> Shapes:
    """Every burst of up to so many channel bits, as the descrambler gives it; weight: its span."""
    on_air = bursts(max_span)
    heard = np.zeros_like(on_air.masks)
    for tap in TAPS:
        heard ^= on_air.masks << np.uint64(TAPS[-1] - tap)
    return on_air._replace(masks=heard)
