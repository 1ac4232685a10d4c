"""One frame's exchange under DCF: what a success and a failure cost on the air.

Source: IEEE 802.11-2020, 10.3 (DCF), 10.3.2.11 (ACK procedure), 10.3.3 (backoff), 10.3.2.14
(CTS-to-self); durations and constants are in :mod:`wtrec.dot11.airtime`. One station sends,
always has something to send, and nobody collides with it. For attempt r, counted from 0:

    success  DIFS + CW_r / 2 * slot + [CTS + SIFS] + data + SIFS + ACK
    failure  DIFS + CW_r / 2 * slot + [CTS + SIFS] + data + SIFS + slot + aRxPHYStartDelay
    CW_r     min(2^r (CWmin + 1) - 1, 1023)

The backoff is drawn from 0 to CW_r, so CW_r / 2 slots are its mean. ACKs are never lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..dot11 import airtime
from ..dot11.airtime import Timing

OVERHEAD = 24 + 8 + 4
"""Bytes of an MPDU around its MSDU: MAC header, LLC/SNAP, FCS."""

BLOCK_ACK_WINDOW = 64
"""Frames that one acknowledgment of ``arq`` covers."""

_BLOCK_ACK_REQUEST_LENGTH = 24
_BLOCK_ACK_LENGTH = 32  # compressed bitmap of 64 frames (9.3.1.8)
_FIRST_5_GHZ_CHANNEL_MHZ = 4900


class Phy(StrEnum):
    """A PHY and its surroundings."""

    B = "b"
    B_SHORT = "b-short"
    G = "g"
    G_PROTECTED = "g-protected"
    A = "a"

    @property
    def timing(self) -> Timing:
        """Interframe spaces and slots."""
        return {
            Phy.B: airtime.DSSS,
            Phy.B_SHORT: airtime.DSSS_SHORT,
            Phy.G: airtime.ERP,
            Phy.G_PROTECTED: airtime.ERP_PROTECTED,
            Phy.A: airtime.OFDM,
        }[self]

    @property
    def rates(self) -> tuple[float, ...]:
        """Its data rates in Mbit/s."""
        return airtime.DSSS_MBPS if self in {Phy.B, Phy.B_SHORT} else airtime.OFDM_MBPS


def phy_of(rate_mbps: float, *, five_ghz: bool, wanted: Phy | None = None) -> Phy | None:
    """The PHY of a frame.

    Args:
        rate_mbps: Its rate.
        five_ghz: It came on a channel of 5 GHz.
        wanted: Taken instead if it has the rate: a capture does not say whether preambles were
            short, nor whether frames were protected.

    Returns:
        None: no PHY here has this rate.
    """
    if wanted is not None and rate_mbps in wanted.rates:
        return wanted
    if rate_mbps in airtime.DSSS_MBPS:
        return Phy.B
    if rate_mbps in airtime.OFDM_MBPS:
        return Phy.A if five_ghz else Phy.G
    return None


def is_5_ghz(channels_mhz: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Whether each channel lies in the bands of 802.11a."""
    return np.asarray(channels_mhz >= _FIRST_5_GHZ_CHANNEL_MHZ)


class Span(NamedTuple):
    """Time in us by what the air is used for.

    Attributes:
        sending: The sender transmits: data, CTS-to-self.
        answering: The receiver transmits: ACK.
        idle: Nobody does.
    """

    sending: float
    answering: float
    idle: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.sending + self.answering + self.idle

    def plus(self, other: Span, weight: float = 1.0) -> Span:
        """The sum with so many of another."""
        return Span(*(a + weight * b for a, b in zip(self, other, strict=True)))


@dataclass(frozen=True, slots=True)
class Exchange:
    """What sending an MSDU takes.

    Args:
        phy: The PHY.
        rate_mbps: One of its rates.
        msdu: Bytes of the MSDU.

    Raises:
        ValueError: The PHY does not have the rate.
    """

    phy: Phy
    rate_mbps: float
    msdu: int

    def __post_init__(self) -> None:
        if self.rate_mbps not in self.phy.rates:
            raise ValueError(f"802.11{self.phy} has no rate of {self.rate_mbps} Mbit/s")

    @property
    def mpdu(self) -> int:
        """Bytes of the MPDU with its FCS."""
        return self.msdu + OVERHEAD

    @property
    def data_us(self) -> float:
        """The frame."""
        return self._signal(self.rate_mbps, self.mpdu)

    @property
    def ack_us(self) -> float:
        """Its ACK."""
        return self._signal(airtime.response_mbps(self.rate_mbps), airtime.ACK_LENGTH)

    @property
    def cycle_us(self) -> float:
        """A success at the first attempt."""
        return self.success(0).total

    @property
    def most_mbps(self) -> float:
        """Goodput if no frame is lost."""
        return 8 * self.msdu / self.cycle_us

    def backoff_us(self, attempt: int) -> float:
        """Its mean."""
        timing = self.phy.timing
        slots = min((timing.cw_min + 1 << attempt) - 1, airtime.CW_MAX)
        return slots / 2 * timing.slot_us

    def success(self, attempt: int) -> Span:
        """Sent and acknowledged."""
        return self.unacknowledged(attempt).plus(Span(0, self.ack_us, self.phy.timing.sifs_us))

    def failure(self, attempt: int) -> Span:
        """Sent, and no ACK came."""
        return self.unacknowledged(attempt).plus(Span(0, 0, self.phy.timing.ack_timeout_us))

    def unacknowledged(self, attempt: int = 0) -> Span:
        """Sent, and nobody waits for an ACK."""
        timing = self.phy.timing
        idle = timing.difs_us + self.backoff_us(attempt)
        if self.phy is not Phy.G_PROTECTED:
            return Span(self.data_us, 0, idle)
        cts = airtime.signal_us(max(airtime.DSSS_MBPS[:2]), airtime.CTS_LENGTH)
        return Span(cts + self.data_us, 0, idle + timing.sifs_us)

    def feedback(self) -> Span:
        """A BlockAckReq and the BlockAck that answers it: one for ``BLOCK_ACK_WINDOW`` frames."""
        timing = self.phy.timing
        rate = airtime.response_mbps(self.rate_mbps)
        return Span(
            self._signal(rate, _BLOCK_ACK_REQUEST_LENGTH),
            self._signal(rate, _BLOCK_ACK_LENGTH),
            timing.difs_us + self.backoff_us(0) + timing.sifs_us,
        )

    def _signal(self, rate_mbps: float, length: int) -> float:
        return airtime.signal_us(
            rate_mbps,
            length,
            short_preamble=self.phy is Phy.B_SHORT,
            extension=self.phy is not Phy.A,
        )
