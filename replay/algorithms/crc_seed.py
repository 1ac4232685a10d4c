"""crc-seed: a scrambler that was set wrong at an OFDM rate, found by the FCS.

The receiver reads its descrambler's state from the first seven bits of the SERVICE field, which are
sent as zero (phy/scrambler.py). Where one of them is received wrong, the whole frame comes out with
the sum of two phases of the scrambler's sequence added, which is a third phase: half of the bits
are wrong, and yet there are no more than 127 ways. So 127 / 2^32 false candidates are to be
expected, whatever the frame's length, and no gate is needed.

Needs a data rate of 802.11a or g, or an MCS: HT and VHT have the same scrambler, and inside of an
A-MPDU a frame begins at any phase, which are the same 127.
"""

from __future__ import annotations

import functools
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...datasets.frames import FrameBatch
from ...dot11 import fcs
from ...phy.ofdm import MODES
from ...phy.scrambler import PERIOD, STATES, sequences
from ..algorithm import Repairs
from . import shapes

EXPECTED_FALSE: Final = PERIOD / 2.0**32


class CrcSeed:
    """A wrong state of the OFDM descrambler, found by the FCS."""

    name = "crc-seed"
    source = "IEEE 802.11-2020, 17.3.5.5: the scrambler"
    cost = "a look-up a frame, among 127 syndromes that are listed once a length"

    def recover(self, frames: FrameBatch) -> Repairs:
        """Answer for every bad frame of the batch."""
        bad = shapes.bad_frames(frames)
        rate, mcs = (shapes.values(frames, name)[bad.rows] for name in ("rate_mbps", "mcs"))
        ofdm = np.isin(rate, list(MODES)) | ~np.isnan(mcs)
        count = len(bad.rows)
        states = np.zeros(count, np.int64)
        for i in np.flatnonzero(ofdm).tolist():
            mpdu = frames.mpdu(int(bad.rows[i]))
            states[i] = states_by_syndrome(len(mpdu)).get(fcs.syndrome(mpdu), 0)
        found = states > 0
        flips = [
            np.flatnonzero(added(int(state), 8 * int(bits)))
            for state, bits in zip(states[found], bad.bits[found] // 8, strict=True)
        ]
        offsets = np.zeros(count + 1, np.int32)
        offsets[1:][found] = [len(positions) for positions in flips]
        return Repairs(
            bad.number,
            found,
            np.cumsum(offsets, dtype=np.int32),
            np.concatenate([np.zeros(0, np.int64), *flips]).astype(np.uint32),
            np.where(found, EXPECTED_FALSE, np.nan),
            np.where(ofdm, found, -1).astype(np.int64),
        )

    def finish(self) -> Repairs:
        """Nothing is ever left."""
        return Repairs.none()


def added(state: int, bits: int) -> NDArray[np.uint8]:
    """What the sequence from a state on adds to a frame of so many bits."""
    return np.resize(sequences()[state], bits)


@functools.lru_cache(maxsize=4096)
def states_by_syndrome(length: int) -> dict[int, int]:
    """The state, 1 to 127, by the syndrome that its sequence has in a frame of so many bytes."""
    effects = fcs.bit_syndromes(8 * length)[::-1]
    table = sequences()
    every = {
        state: int(np.bitwise_xor.reduce(effects * np.resize(table[state], len(effects))))
        for state in range(1, STATES)
    }
    return {syndrome: state for state, syndrome in every.items()}
