"""crc-event: error events of the Viterbi decoder, found by the FCS and the data rate.

What a decoder gets wrong at an OFDM rate is seldom a bit or two: it is an event, some ten bits
long with half of them wrong (phy/error_events.py), and there are few light ones. The FCS tells
which one it was and where. Where a second check confirms, two events are looked for, too.

Which events there are depends on the code rate and, where bits are punctured, on where in the
DATA field a bit was; how likely each is depends on the modulation, too, as the bits of a point of
16-QAM or 64-QAM are not wrong equally often. An MPDU of 802.11a or g begins behind the 16 SERVICE
bits. Behind an HT, VHT or HE preamble it may stand in an A-MPDU: any phase is possible there, as
many times more candidates are false, and bits count alike. 802.11a and g's eight rates are
answered for, and MCS 0 to 9, if the header says that the code is no LDPC. The rest is abstained on.

Without second checks and with the default gate of 0.01, events go up to weight 16 at 6 and 12
Mbit/s and to 9 at 9 and 18 in frames of 1,500 bytes, and to 18 and 10 in frames of 300.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from ...datasets.frames import FrameBatch
from ...phy import error_events
from ...phy.convolutional import TAIL
from ...phy.error_events import Code
from ...phy.ofdm import MODES, SERVICE
from .candidates import Bad, column
from .checks import ALL
from .pairs import Pairs
from .search import Plan, Planned, Stage
from .shapes import ANYWHERE, Ladder, Shapes, Singles

LOOKUPS: Final = 3_000_000
HT_9_MBPS: Final = 60  # the most that MCS 9 of HT has

_OF_RATE: Final = {  # by Mbit/s
    rate: Code.of(mode.code_rate, max(1, mode.bits_per_subcarrier // 2))
    for rate, mode in MODES.items()
}
_OF_MCS: Final = {  # alike in HT up to 7, VHT and HE
    0: Code((1, 2)),
    1: Code((1, 2)),
    2: Code((3, 4)),
    3: Code((1, 2)),
    4: Code((3, 4)),
    5: Code((2, 3)),
    6: Code((3, 4)),
    7: Code((5, 6)),
    8: Code((3, 4)),
    9: Code((5, 6)),
}
# Each code, and of which phase the first bit of a frame is: see ``Singles``.
PLACES: Final = (
    *((code, SERVICE) for code in dict.fromkeys(_OF_RATE.values())),
    *((code, ANYWHERE) for code in dict.fromkeys(_OF_MCS.values())),
)


class CrcEvent(Planned):
    """Error events of the convolutional code, found by the FCS.

    Args:
        gate: Largest expected number of false candidates at which a repair is claimed.
        checks: Second checks, joined by ``+``: llc, ip, transport, known; or none.
        lookups: Bounds the work for pairs of events: places of the lighter one that are tried in
            a frame; 0: no pairs.
    """

    name = "crc-event"
    source = "error events of the K=7 code; cf. list Viterbi with CRC (Chen, Sundberg), Recitation"
    cost = "a logarithm and a look-up a frame; with second checks up to lookups more"

    def __init__(self, gate: float = 0.01, checks: str = ALL, lookups: int = LOOKUPS) -> None:
        super().__init__(gate, checks)
        self._events = Events(lookups)
        single, double = self._events.stages(*PLACES[0])
        self.warm([single, *double])

    def plans(self, frames: FrameBatch, bad: Bad) -> Iterator[Plan]:
        """One for each code rate, for frames of 802.11a and g and for those with an MCS."""
        yield from self._events.plans(frames, bad)


class Events:
    """Stages that look for events, by frame.

    Args:
        lookups: See :class:`CrcEvent`.

    Raises:
        ValueError: It is negative.
    """

    def __init__(self, lookups: int) -> None:
        if lookups < 0:
            raise ValueError(f"lookups={lookups}, wanted 0 or more")
        self._lookups = lookups
        self._stages: dict[tuple[Code, int], tuple[Stage, list[Stage]]] = {}

    def stages(self, code: Code, lead: int) -> tuple[Stage, list[Stage]]:
        """Of a code and a lead, one of ``PLACES``: for one event; for two, if these are wanted.

        They are made when the first frame asks for them: a code's events take a second to list.
        """
        if (code, lead) not in self._stages:
            of_code = ladder(code)
            double = [Pairs(of_code, lead, self._lookups, TAIL)] if self._lookups else []
            self._stages[code, lead] = Singles(of_code, lead), [*double]
        return self._stages[code, lead]

    def plans(self, frames: FrameBatch, bad: Bad, first: Sequence[Stage] = ()) -> Iterator[Plan]:
        """What to search for in which frames, after the stages that are to come first."""
        rate, mcs, ldpc = (column(frames, name)[bad.rows] for name in ("rate_mbps", "mcs", "ldpc"))
        for code, lead in PLACES:
            if lead == SERVICE:
                rates = [mbps for mbps, of_rate in _OF_RATE.items() if of_rate == code]
                which = np.isin(rate, rates) & np.isnan(mcs)
            else:
                indices = [index for index, of_mcs in _OF_MCS.items() if of_mcs == code]
                # 8 and 9 are also HT's, with two streams and other codes, and slower than any VHT.
                which = np.isin(mcs, indices) & (ldpc == 0) & ~((mcs >= 8) & (rate <= HT_9_MBPS))
            if which.any():
                single, double = self.stages(code, lead)
                yield Plan(np.flatnonzero(which), [*first, single], double)


@functools.cache
def ladder(code: Code) -> Ladder:
    """The events of a code."""
    every = error_events.census(code, error_events.HEAVIEST[code])
    return Ladder(every.sum(axis=0), len(every), lambda weight: _events(code, weight))


def _events(code: Code, weight: int) -> Shapes:
    return Shapes(*error_events.events(code, weight))
