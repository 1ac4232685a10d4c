"""When a repair comes too late to be of use: deadlines by name.

What a receiver has time for hangs on who waits for the frame: the sender for its ACK, the block
ack for the burst, or the application for its packet.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from ..clock import NS

NAMED_US: Final = {
    "sifs": 10.0,
    "sifs-5ghz": 16.0,
    "block-ack": 3008.0,
    "application": 200_000.0,
}
"""Deadlines by name, in us.

``sifs``: the ACK of 802.11b/g; ``sifs-5ghz``: of 802.11a (IEEE 802.11-2020, 17.4.4, 18.4.4).
``block-ack``: the TXOP limit of video with OFDM (9.4.2.28, Table 9-155): how long a burst may
last that one block ack covers. ``application``: the shortest retransmission timeout of Linux's
TCP (TCP_RTO_MIN).
"""


@dataclass(frozen=True, slots=True)
class Deadline:
    """A deadline.

    Attributes:
        name: As it was given.
        us: Its time.
    """

    name: str
    us: float

    @classmethod
    def parse(cls, text: str) -> Deadline:
        """One of ``NAMED_US``, or microseconds.

        Raises:
            ValueError: Neither.
        """
        if text in NAMED_US:
            return cls(text, NAMED_US[text])
        try:
            us = float(text)
        except ValueError:
            us = math.nan
        if not 0 < us < _YEAR_US:
            raise ValueError(
                f"deadline {text!r}, wanted microseconds or one of {', '.join(NAMED_US)}"
            )
        return cls(text, us)

    @property
    def ns(self) -> int:
        """Its time in whole nanoseconds, as clocks count."""
        return round(self.us * NS / 1_000_000)

    def __str__(self) -> str:
        return f"{self.name} ({self.us:g} us)" if self.name in NAMED_US else f"{self.us:g} us"


_YEAR_US: Final = 365 * 86_400 * 1e6
