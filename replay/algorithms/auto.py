"""auto: what the other algorithms of one copy look for, by what the receiver made of the frame.

In the order of how few ways there are, and so of how seldom they fit by chance:

    the header of an intact frame    as header
    a misread scrambler state        as crc-seed, at OFDM rates
    what the receiver gets wrong     as crc-event at OFDM rates, as crc-dsss at those of 802.11b;
                                     elsewhere (no rate, LDPC) one flip, two, a burst, three

All of it stays behind one gate: what was searched before counts.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...datasets.frames import FrameBatch
from .candidates import Bad
from .checks import ALL
from .crc_burst import MAX_SPAN, bursts, census
from .crc_dsss import Channel
from .crc_event import LOOKUPS, PLACES, Events
from .crc_flip import MAX_BYTES, MAX_FLIPS
from .crc_seed import Seeds, is_ofdm
from .few import Few
from .header import KnownHeaders
from .powers import Powers
from .search import Plan, Planned, Stage
from .shapes import Ladder, Singles
from .sums import of_bursts


class Auto(Planned):
    """What is likeliest at a frame's rate: header, scrambler, events, channel errors, flips.

    Args:
        gate: Largest expected number of false candidates at which a repair is claimed.
        checks: Second checks, joined by ``+``: llc, ip, transport, known; or none.
        lookups: See crc-event.
    """

    name = "auto"
    source = "those of the algorithms that it takes together"
    cost = "the sum of theirs, until one of them has a candidate"

    def __init__(self, gate: float = 0.01, checks: str = ALL, lookups: int = LOOKUPS) -> None:
        super().__init__(gate, checks)
        powers = Powers()
        self._headers = KnownHeaders()
        self._seeds = Seeds()
        self._events = Events(lookups)
        self._channel = Channel()
        self._others: list[Stage] = [Few(number, powers) for number in range(1, MAX_FLIPS)]
        self._others.append(Singles(Ladder(census(MAX_SPAN), 1, bursts), sums=of_bursts(MAX_SPAN)))
        self._others.append(Few(MAX_FLIPS, powers))
        self.warm([self._headers, self._seeds, *self._others])
        single, double = self._events.stages(*PLACES[0])
        self.warm([single, *double, *self._channel.stages])

    def plans(self, frames: FrameBatch, bad: Bad) -> Iterator[Plan]:
        """One for each kind of frame."""
        self._headers.learn(frames)
        plans = [
            *self._events.plans(frames, bad, [self._headers, self._seeds]),
            *self._channel.plans(frames, bad, [self._headers]),
        ]
        other = np.ones(len(bad), np.bool_)
        for plan in plans:
            other[plan.which] = False
        yield from plans
        ofdm = is_ofdm(frames)[bad.rows]
        short = bad.bits <= 8 * MAX_BYTES
        yield Plan(
            np.flatnonzero(other & ofdm & short), [self._headers, self._seeds, *self._others]
        )
        yield Plan(np.flatnonzero(other & ~ofdm & short), [self._headers, *self._others])
