"""How long things take on the air, for the legacy rates of 802.11a, b and g.

Source: IEEE 802.11-2020, 10.3 (DCF), 15.4 and 16.3 (DSSS, HR/DSSS), 17.4 (OFDM), 18.4 (ERP).
All times are in microseconds; lengths are those of the MPDU with its FCS.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

DSSS_MBPS = (1.0, 2.0, 5.5, 11.0)
OFDM_MBPS = (6.0, 9.0, 12.0, 18.0, 24.0, 36.0, 48.0, 54.0)
BITS_PER_SYMBOL = {6.0: 24, 9.0: 36, 12.0: 48, 18.0: 72, 24.0: 96, 36.0: 144, 48.0: 192, 54.0: 216}
"""Data bits of an OFDM symbol (N_DBPS), by rate."""

ACK_LENGTH = 14
CTS_LENGTH = 14
CW_MAX = 1023
"""Largest contention window, in slots (aCWmax of every PHY here)."""

RETRY_LIMIT = 7
"""Attempts to send a frame (dot11ShortRetryLimit's default), the first one included."""

_LONG_PLCP_US = 192
_SHORT_PLCP_US = 96
_OFDM_PLCP_US = 20
_SYMBOL_US = 4
_SIGNAL_EXTENSION_US = 6  # ERP-OFDM, so that a receiver has the SIFS that 802.11a has
_SERVICE_AND_TAIL_BITS = 16 + 6


@dataclass(frozen=True, slots=True)
class Timing:
    """What a PHY adds to every exchange.

    Attributes:
        sifs_us: Between a frame and its ACK.
        slot_us: A slot of the backoff.
        cw_min: Smallest contention window, in slots.
        rx_start_us: From the start of a frame until a receiver says that there is one
            (aRxPHYStartDelay, behind a long preamble).
    """

    sifs_us: int
    slot_us: int
    cw_min: int
    rx_start_us: int

    @property
    def difs_us(self) -> int:
        """Idle time before a backoff."""
        return self.sifs_us + 2 * self.slot_us

    @property
    def ack_timeout_us(self) -> int:
        """Idle time after a frame until its ACK is given up (10.3.2.11)."""
        return self.sifs_us + self.slot_us + self.rx_start_us


DSSS = Timing(sifs_us=10, slot_us=20, cw_min=31, rx_start_us=192)
DSSS_SHORT = Timing(sifs_us=10, slot_us=20, cw_min=31, rx_start_us=96)
ERP = Timing(sifs_us=10, slot_us=9, cw_min=15, rx_start_us=20)  # no stations of 802.11b
ERP_PROTECTED = Timing(sifs_us=10, slot_us=20, cw_min=15, rx_start_us=20)  # beside 802.11b
OFDM = Timing(sifs_us=16, slot_us=9, cw_min=15, rx_start_us=20)  # 5 GHz


def ppdu_us(rate_mbps: float, length: int, *, short_preamble: bool = False) -> int:
    """Duration of a frame in the 2.4 GHz band, preamble and header included.

    Args:
        rate_mbps: A rate of DSSS, CCK or ERP-OFDM.
        length: Bytes of the MPDU with its FCS.
        short_preamble: Of DSSS and CCK, not at 1 Mbit/s.

    Raises:
        ValueError: No such rate.
    """
    if rate_mbps in BITS_PER_SYMBOL:
        bits = _SERVICE_AND_TAIL_BITS + 8 * length
        symbols = math.ceil(bits / BITS_PER_SYMBOL[rate_mbps])
        return _OFDM_PLCP_US + _SYMBOL_US * symbols + _SIGNAL_EXTENSION_US
    if rate_mbps in DSSS_MBPS:
        plcp = _SHORT_PLCP_US if short_preamble and rate_mbps > 1 else _LONG_PLCP_US
        return plcp + math.ceil(8 * length / rate_mbps)
    raise ValueError(f"no legacy rate of {rate_mbps} Mbit/s")


def signal_us(
    rate_mbps: float, length: int, *, short_preamble: bool = False, extension: bool = True
) -> float:
    """How long the signal itself lasts.

    :func:`ppdu_us` says what a station announces: whole microseconds (16.3.4). The signal of CCK
    ends after its last symbol, up to a microsecond before.

    Args:
        rate_mbps: See :func:`ppdu_us`, as for the next two.
        length: See there.
        short_preamble: See there.
        extension: With the signal extension of ERP-OFDM; 802.11a has none.
    """
    whole = ppdu_us(rate_mbps, length, short_preamble=short_preamble)
    if rate_mbps in BITS_PER_SYMBOL:
        return float(whole if extension else whole - _SIGNAL_EXTENSION_US)
    return whole - math.ceil(8 * length / rate_mbps) + 8 * length / rate_mbps


def response_mbps(rate_mbps: float) -> float:
    """Rate of the ACK of a frame: the highest basic rate that is not above its own (10.6.6.5).

    Basic rates are what access points announce by default: 1 and 2 Mbit/s, or 6, 12 and 24.
    """
    basic = (6.0, 12.0, 24.0) if rate_mbps in BITS_PER_SYMBOL else (1.0, 2.0)
    return max(rate for rate in basic if rate <= rate_mbps)


def ack_us(rate_mbps: float) -> int:
    """Duration of the ACK of a frame."""
    return ppdu_us(response_mbps(rate_mbps), ACK_LENGTH)


def timing(rate_mbps: float) -> Timing:
    """Interframe spaces and slots that go with a rate."""
    return ERP if rate_mbps in BITS_PER_SYMBOL else DSSS
