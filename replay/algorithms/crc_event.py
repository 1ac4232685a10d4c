"""crc-event: one error event of the Viterbi decoder, found by the FCS and the data rate.

What a decoder gets wrong at an OFDM rate is seldom a bit or two: it is an event, some ten bits
long with half of them wrong (phy/error_events.py), and there are few light ones. The FCS tells
which one it was and where.

Which events there are depends on the code rate and, where bits are punctured, on where in the
DATA field a bit was. An MPDU of 802.11a or g begins behind the 16 SERVICE bits. Behind an HT, VHT
or HE preamble it may stand in an A-MPDU: any phase is possible there, and two or three times as
many candidates are false. MCS 0 to 6, whose code rates are alike in all three, are answered for,
if the header says that the code is no LDPC; so are 802.11a and g's eight rates. The rest is
abstained on.

With the default gate of 0.01 events go up to weight 16 at rate 1/2, 11 at 2/3 and 9 at 3/4 in
frames of 1,500 bytes, and to 18, 12 and 10 in frames of 300.
"""

from __future__ import annotations

import functools
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...datasets.frames import FrameBatch
from ...phy import error_events
from ...phy.error_events import CodeRate
from ...phy.ofdm import MODES, SERVICE
from ..algorithm import Repairs
from . import shapes
from .shapes import ANYWHERE, Bad, Ladder, Shapes

CODE_RATES: Final = tuple(error_events.MAX_WEIGHT)
_OF_RATE: Final = {rate: mode.code_rate for rate, mode in MODES.items()}  # by Mbit/s
_OF_MCS: Final[dict[int, CodeRate]] = {
    0: (1, 2),
    1: (1, 2),
    2: (3, 4),
    3: (1, 2),
    4: (3, 4),
    5: (2, 3),
    6: (3, 4),
}


class CrcEvent:
    """One error event of the convolutional code, found by the FCS.

    Args:
        gate: Largest expected number of false candidates at which a repair is claimed.

    Raises:
        ValueError: The gate is not positive.
    """

    name = "crc-event"
    source = "error events of the K=7 code; cf. list Viterbi with CRC (Chen, Sundberg), Recitation"
    cost = "a step of a register and a look-up for each bit of a frame"

    def __init__(self, gate: float = 0.01) -> None:
        self._gate = shapes.check_gate(gate)
        # Kernels are loaded, or compiled, and events listed now and not while somebody measures.
        for code_rate in CODE_RATES:
            ladder(code_rate).repair(Bad.blank(), self._gate)

    def recover(self, frames: FrameBatch) -> Repairs:
        """Answer for every bad frame of the batch."""
        bad = shapes.bad_frames(frames)
        legacy, mcs = (which[bad.rows] for which in _code_rates(frames))
        parts = [shapes.abstained(bad.only((legacy < 0) & (mcs < 0)))]
        for i, code_rate in enumerate(CODE_RATES):
            parts += [
                ladder(code_rate).repair(bad.only(legacy == i), self._gate, SERVICE),
                ladder(code_rate).repair(bad.only(mcs == i), self._gate, ANYWHERE),
            ]
        return shapes.joined(parts)

    def finish(self) -> Repairs:
        """Nothing is ever left."""
        return Repairs.none()


@functools.cache
def ladder(code_rate: CodeRate) -> Ladder:
    """The events of a code rate."""
    spectrum = error_events.spectrum(code_rate, error_events.MAX_WEIGHT[code_rate])
    return Ladder(
        spectrum.mean(axis=0).cumsum(),
        len(spectrum),
        lambda weight: Shapes(*error_events.events(code_rate, weight)),
    )


def _code_rates(frames: FrameBatch) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The place in CODE_RATES for each frame of 802.11a or g, and for each with an MCS; else -1."""
    rate = shapes.values(frames, "rate_mbps")
    mcs = shapes.values(frames, "mcs")
    legacy, of_mcs = np.full((2, len(frames)), -1)
    for mbps, code_rate in _OF_RATE.items():
        legacy[(rate == mbps) & np.isnan(mcs)] = CODE_RATES.index(code_rate)
    convolutional = shapes.values(frames, "ldpc") == 0
    for index, code_rate in _OF_MCS.items():
        of_mcs[(mcs == index) & convolutional] = CODE_RATES.index(code_rate)
    return legacy, of_mcs
