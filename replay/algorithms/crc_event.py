"""crc-event: error events of the Viterbi decoder, found by the FCS and the data rate.

What a decoder gets wrong at an OFDM rate is seldom a bit or two: it is an event, some ten bits
long with half of them wrong (phy/error_events.py), and there are few light ones. The FCS tells
which one it was and where. Where a second check confirms, two events are looked for, too.

Which events there are depends on the code rate and, where bits are punctured, on where in the
DATA field a bit was. An MPDU of 802.11a or g begins behind the 16 SERVICE bits. Behind an HT, VHT
or HE preamble it may stand in an A-MPDU: any phase is possible there, and as many times more
candidates are false. 802.11a and g's eight rates are answered for, and MCS 0 to 7 of HT and 0 to 9
of VHT and HE, if the header says that the code is no LDPC. The rest is abstained on.

Without second checks and with the default gate of 0.01, events go up to weight 16 at rate 1/2, 11
at 2/3 and 9 at 3/4 in frames of 1,500 bytes, and to 18, 12 and 10 in frames of 300.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...datasets.frames import FrameBatch
from ...phy import error_events
from ...phy.convolutional import TAIL
from ...phy.error_events import CodeRate
from ...phy.ofdm import MODES, SERVICE
from .candidates import Bad, column
from .checks import ALL
from .pairs import Pairs
from .search import Plan, Planned, Stage
from .shapes import ANYWHERE, Ladder, Shapes, Singles

CODE_RATES: Final = tuple(error_events.MAX_WEIGHT)
LOOKUPS: Final = 3_000_000

_OF_RATE: Final = {rate: mode.code_rate for rate, mode in MODES.items()}  # by Mbit/s
_OF_MCS: Final[dict[int, CodeRate]] = {  # alike in HT (modulo 8), VHT and HE
    0: (1, 2),
    1: (1, 2),
    2: (3, 4),
    3: (1, 2),
    4: (3, 4),
    5: (2, 3),
    6: (3, 4),
    7: (5, 6),
    8: (3, 4),
    9: (5, 6),
}


class CrcEvent(Planned):
    """Error events of the convolutional code, found by the FCS.

    Args:
        gate: Largest expected number of false candidates at which a repair is claimed.
        checks: Second checks, joined by ``+``: llc, ip, transport, known; or none.
        lookups: Bounds the work for pairs of events: places of events that are looked at in a
            frame, and kept in a table; 0: no pairs.
    """

    name = "crc-event"

    def __init__(self, gate: float = 0.01, checks: str = ALL, lookups: int = LOOKUPS) -> None:
        super().__init__(gate, checks)
        self._events = Events(lookups)
        self.warm(self._events.stages)

    def plans(self, frames: FrameBatch, bad: Bad) -> Iterator[Plan]:
        """One for each code rate, for frames of 802.11a and g and for those with an MCS."""
        yield from self._events.plans(frames, bad)


class Events:
    """Stages that look for events, by frame.

    Args:
        lookups: See :class:`CrcEvent`.
    """

    def __init__(self, lookups: int) -> None:
        self._stages: dict[tuple[CodeRate, int], tuple[Stage, list[Stage]]] = {
            (code_rate, lead): (
                Singles(ladder(code_rate), lead),
                [Pairs(ladder(code_rate), lead, lookups, TAIL)] if lookups else [],
            )
            for code_rate in CODE_RATES
            for lead in (SERVICE, ANYWHERE)
        }

    @property
    def stages(self) -> list[Stage]:
        """All stages."""
        return [stage for single, double in self._stages.values() for stage in (single, *double)]

    def plans(self, frames: FrameBatch, bad: Bad, first: Sequence[Stage] = ()) -> Iterator[Plan]:
        """What to search for in which frames, after the stages that are to come first."""
        legacy, mcs = (code_rates[bad.rows] for code_rates in _code_rates(frames))
        for (code_rate, lead), (single, double) in self._stages.items():
            which = (legacy if lead == SERVICE else mcs) == CODE_RATES.index(code_rate)
            yield Plan(np.flatnonzero(which), [*first, single], double)


@functools.cache
def ladder(code_rate: CodeRate) -> Ladder:
    """The events of a code rate."""
    heaviest = error_events.MAX_WEIGHT[code_rate]
    every = error_events.census(code_rate, heaviest)
    return Ladder(every.sum(axis=0), len(every), lambda weight: _events(code_rate, weight))


def _events(code_rate: CodeRate, weight: int) -> Shapes:
    return Shapes(*error_events.events(code_rate, weight))


def _code_rates(frames: FrameBatch) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The place in CODE_RATES for each frame of 802.11a or g, and for each with an MCS; else -1."""
    rate, mcs = column(frames, "rate_mbps"), column(frames, "mcs")
    legacy, of_mcs = np.full((2, len(frames)), -1)
    for mbps, code_rate in _OF_RATE.items():
        legacy[(rate == mbps) & np.isnan(mcs)] = CODE_RATES.index(code_rate)
    convolutional = column(frames, "ldpc") == 0
    for index, code_rate in _OF_MCS.items():
        of_mcs[(mcs == index) & convolutional] = CODE_RATES.index(code_rate)
    return legacy, of_mcs
