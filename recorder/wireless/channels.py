"""Channels: their numbers and frequencies, and what belongs to them when they are wide.

Source: IEEE 802.11-2020, 17.3.8.4.2, 19.3.15, 21.3.14 and Annex E. A channel number counts
steps of 5 MHz from its band's start: 2407 MHz (channel 14: 2484 MHz), 5000 MHz, 5950 MHz. The
numbers of 6 GHz are also those of other bands, so its channels are named by their frequency.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...errors import CaptureError

# NL80211_CHAN_WIDTH_*
WIDTHS = {0: "20 MHz (no HT)", 1: "20 MHz", 2: "40 MHz", 3: "80 MHz", 4: "80+80 MHz", 5: "160 MHz"}
WIDTHS |= {6: "5 MHz", 7: "10 MHz", 13: "320 MHz"}
_CODES = {"20": 1, "40+": 2, "40-": 2, "80": 3}

WIDTH_NAMES = tuple(_CODES)
LOWEST, HIGHEST = 2412, 7115  # MHz: channels that have names here
SIX_GHZ = 5950  # MHz: where the band and its numbers begin


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel that an interface can be set to.

    Attributes:
        mhz: Centre of its primary 20 MHz.
        width: One of ``WIDTH_NAMES``; the sign says where the other 20 MHz are.
    """

    mhz: int
    width: str = "20"

    @classmethod
    def parse(cls, channel: str, width: str = "20") -> Channel:
        """The channel that a number names: one of 2.4 or 5 GHz, or MHz from 1000 on.

        Raises:
            CaptureError: It names none, or none of this width.
        """
        value = int(channel) if re.fullmatch(r"[0-9]{1,5}", channel) else 0
        mhz = value if value >= 1000 else frequency(value)
        if mhz is None or not LOWEST <= mhz <= HIGHEST:
            raise CaptureError(
                f"channel {channel!r}: wanted a channel of 2.4 GHz (1 to 14) or 5 GHz (32 to 177), "
                "or a frequency in MHz (2412 to 7115)"
            )
        found = cls(mhz, width)
        if width == "80" and mhz < 5000:
            raise CaptureError(f"channel {channel!r}: there is no width of 80 MHz at 2.4 GHz")
        return found

    @property
    def width_code(self) -> int:
        """NL80211_CHAN_WIDTH_* of its width."""
        return _CODES[self.width]

    @property
    def center_mhz(self) -> int:
        """Centre of all of it."""
        if self.width in {"40+", "40-"}:
            return self.mhz + (10 if self.width == "40+" else -10)
        if self.width == "80":
            # channels 36, 52, 100, 116, 132, 149, 165 begin one, and every fourth from 1 at 6 GHz
            first = 5955 if self.mhz >= SIX_GHZ else 5745 if self.mhz >= 5745 else 5180
            return first + (self.mhz - first) // 80 * 80 + 30
        return self.mhz

    def __str__(self) -> str:
        wide = "" if self.width == "20" else f", {self.width} MHz"
        return describe(self.mhz, None) + wide


def frequency(channel: int) -> int | None:
    """MHz of a channel of 2.4 or 5 GHz, None where there is no such number."""
    if channel == 14:
        return 2484
    if 1 <= channel <= 13:
        return 2407 + 5 * channel
    return 5000 + 5 * channel if 32 <= channel <= 177 else None


def channel_number(mhz: int) -> int | None:
    """The number of the channel at a frequency, None outside of the three bands."""
    if mhz == 2484:
        return 14
    if 2412 <= mhz <= 2472:
        return (mhz - 2407) // 5
    if 5160 <= mhz <= 5885:
        return (mhz - 5000) // 5
    return (mhz - 5950) // 5 if 5955 <= mhz <= 7115 else None


def describe(mhz: int, width: int | None) -> str:
    """For people, for example ``6 (2437 MHz), width: 20 MHz``."""
    width_name = "" if width is None else f", width: {WIDTHS.get(width, f'code {width}')}"
    return f"{channel_number(mhz) or '?'} ({mhz} MHz){width_name}"
