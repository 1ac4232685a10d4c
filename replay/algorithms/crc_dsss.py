"""crc-dsss: errors on the channel of 802.11b, found by the FCS.

The descrambler, 1 + z^-4 + z^-7, makes three wrong bits of each that is wrong on the channel: i,
i + 4 and i + 7. Few channel errors are many wrong bits of the frame, but as shapes they are as few
as before. Stages, each searched if none before it has a candidate:

    a burst of up to 8 bits on the channel     an error; both bits of a symbol; a symbol that
                                               spoils the phase of the next one, too
    an error in the last seven bits            parts of which lie outside of the frame
    two errors anywhere
    three errors anywhere
    a burst of up to 20 bits                   where a second check confirms
    two bursts of up to 8 bits                 likewise
    four errors anywhere                       likewise, in frames of up to 176 bytes

Without second checks and with the default gate of 0.01 the first two are searched at all lengths,
the third up to 1,142 bytes, and the fourth up to 79. At 5.5 and 11 Mbit/s, where a wrong symbol is
up to eight wrong bits and spoils the phase of the next, the first is a burst of up to 20 bits, as
far as the gate allows: 12 in frames of 1,500 bytes; what that leaves of the gate decides about two
and three errors, in longer frames than some 520 bytes mostly against them. Errors in the header,
whose last bits reach into the frame, and bursts that end within the last seven bits are not looked
for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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

DSSS_MBPS: Final = (1, 2)
CCK_MBPS: Final = (5.5, 11)
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
    source = "IEEE 802.11-2020, clause 15: the scrambler 1 + z^-4 + z^-7"
    cost = "some look-ups a frame; n for three errors; with second checks up to 3 million more"

    def __init__(self, gate: float = 0.01, checks: str = ALL) -> None:
        super().__init__(gate, checks)
        self._channel = Channel()
        self.warm(self._channel.stages)

    def plans(self, frames: FrameBatch, bad: Bad) -> Iterator[Plan]:
        """One for frames of 1 and 2 Mbit/s, one for those of 5.5 and 11."""
        yield from self._channel.plans(frames, bad)


class Channel:
    """Stages that look for errors on the channel of 802.11b."""

    def __init__(self) -> None:
        powers = Powers()
        short, long = (Ladder(census(span), 1, channel_bursts) for span in (SHORT, MAX_SPAN))
        few: list[Stage] = [Few(number, powers, TAPS) for number in (1, 2, 3)]
        pairs = Pairs(short, 0, _LOOKUPS, 0)
        four = Few(4, powers, TAPS)
        self._stages: dict[tuple[float, ...], tuple[list[Stage], list[Stage]]] = {
            DSSS_MBPS: ([Singles(short), *few], [Singles(long), pairs, four]),
            CCK_MBPS: ([Singles(long), *few], [pairs, four]),
        }

    @property
    def stages(self) -> list[Stage]:
        """All stages."""
        return [stage for both in self._stages.values() for stages in both for stage in stages]

    def plans(self, frames: FrameBatch, bad: Bad, first: Sequence[Stage] = ()) -> Iterator[Plan]:
        """What to search for in which frames, after the stages that are to come first."""
        rate = column(frames, "rate_mbps")[bad.rows]
        plain = np.isnan(column(frames, "mcs")[bad.rows])
        for rates, (stages, confirmed) in self._stages.items():
            yield Plan(np.flatnonzero(np.isin(rate, rates) & plain), [*first, *stages], confirmed)


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
