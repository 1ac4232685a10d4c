"""crc-seed: a scrambler that was set wrong at an OFDM rate, found by the FCS.

The receiver reads its descrambler's state from the first seven bits of the SERVICE field, which are
sent as zero (phy/scrambler.py). Where one of them is received wrong, the whole frame comes out with
the sum of two phases of the scrambler's sequence added, which is a third phase: half of the bits
are wrong, and yet there are no more than 127 ways. So 127 / 2^32 false candidates are to be
expected, whatever the frame's length.

Needs a data rate of 802.11a or g, or an MCS: HT and VHT have the same scrambler, and inside of an
A-MPDU a frame begins at any phase, which are the same 127.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ...datasets.frames import FrameBatch
from ...dot11 import fcs
from ...phy.ofdm import MODES
from ...phy.scrambler import PERIOD, STATES, sequences
from .candidates import Bad, Candidates, column
from .checks import ALL
from .search import Plan, Planned
from .shapes import SYNDROMES
from .sums import ANY


class CrcSeed(Planned):
    """A wrong state of the OFDM descrambler, found by the FCS.

    Args:
        gate: Largest expected number of false candidates at which a repair is claimed.
        checks: Second checks, joined by ``+``: llc, ip, transport, known; or none.
    """

    name = "crc-seed"
    source = "IEEE 802.11-2020, 17.3.5.5: the scrambler"
    cost = "a look-up a frame, among 127 syndromes that are listed once a length"

    def __init__(self, gate: float = 0.01, checks: str = ALL) -> None:
        super().__init__(gate, checks)
        self._stages = [Seeds()]
        self.warm(self._stages)

    def plans(self, frames: FrameBatch, bad: Bad) -> Iterator[Plan]:
        """One, for frames of an OFDM rate."""
        yield Plan(np.flatnonzero(is_ofdm(frames)[bad.rows]), self._stages)


class Seeds:
    """A wrong state of the scrambler: a stage of a search, all states of weight 1."""

    sums = ANY

    def expected(self, bad: Bad) -> NDArray[np.float64]:
        """Candidates to expect by chance up to weight 1, shape (frames, 2)."""
        return np.tile([0.0, PERIOD / SYNDROMES], (len(bad), 1))

    def find(self, bad: Bad, ceiling: NDArray[np.int64]) -> Candidates:
        """All candidates of frames."""
        del ceiling
        found = []
        for i, row in enumerate(bad.rows.tolist()):
            mpdu = bad.data[bad.offsets[row] : bad.offsets[row + 1]].tobytes()
            state = states_by_syndrome(len(mpdu)).get(fcs.syndrome(mpdu))
            if state is not None:
                found.append((i, np.flatnonzero(added(state, 8 * len(mpdu)))))
        return Candidates(
            np.array([i for i, _ in found], np.int64),
            np.ones(len(found), np.int64),
            np.cumsum([0, *(len(flips) for _, flips in found)]),
            np.concatenate([np.zeros(0, np.int64), *(flips for _, flips in found)]),
        )


def is_ofdm(frames: FrameBatch) -> NDArray[np.bool_]:
    """Which frames came at an OFDM rate."""
    return np.isin(column(frames, "rate_mbps"), list(MODES)) | ~np.isnan(column(frames, "mcs"))


def added(state: int, bits: int) -> NDArray[np.uint8]:
    """What the sequence from a state on adds to a frame of so many bits."""
    return np.resize(_sequences()[state], bits)


@functools.cache
def _sequences() -> NDArray[np.uint8]:
    return sequences()


@functools.lru_cache(maxsize=4096)
def states_by_syndrome(length: int) -> dict[int, int]:
    """The state, 1 to 127, by the syndrome that its sequence has in a frame of so many bytes."""
    effects = fcs.bit_syndromes(8 * length)[::-1]
    table = _sequences()
    every = {
        state: int(np.bitwise_xor.reduce(effects * np.resize(table[state], len(effects))))
        for state in range(1, STATES)
    }
    return {syndrome: state for state, syndrome in every.items()}
