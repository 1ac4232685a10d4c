"""crc-flip: up to three independent bit errors, found by the FCS alone.

The syndrome of a bad frame is the sum of x^m mod P over its flipped bits (m: bits behind
each). The search goes up weight by weight and stops at the first that explains it. It claims
a repair only if

* the pattern is the only one of its weight, and no lighter one explains the syndrome, and
* the *gate* is open: among frames that are damaged otherwise, the number of patterns up to
  this weight that fit by chance is expected to be at most ``gate``: the number of patterns
  divided by 2^32.

With the default gate of 0.01, one flip is repaired at every length of 802.11, two up to 1,158
bytes, three up to 79. One flip is always unique (the code's distance is 4 up to
11,454 bytes); two are up to 375 bytes (distance 5).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ...datasets.frames import FcsStatus, FrameBatch
from ...dot11 import fcs
from ..algorithm import Repairs
from .flip_kernel import MAX_FLIPS, fill_table, search_frames

MAX_BYTES = 11_454  # no MPDU is longer


class CrcFlip:
    """Up to three flipped bits, found by the FCS.

    Args:
        max_flips: Largest number of flips to look for, 1 to 3.
        gate: Largest expected number of false candidates at which a repair is claimed.

    Raises:
        ValueError: A parameter out of range.
    """

    name = "crc-flip"
    source = "McDaniel, C/C++ Users Journal 2003; Boussard et al., IEEE Access (without tables)"
    cost = "a look-up a frame for one flip; n for two, n^2 / 2 for three, in a frame of n bits"

    def __init__(self, max_flips: int = 2, gate: float = 0.01) -> None:
        if not 1 <= max_flips <= MAX_FLIPS:
            raise ValueError(f"max_flips={max_flips}, wanted 1 to {MAX_FLIPS}")
        if not 0 < gate < math.inf:
            raise ValueError(f"gate={gate}, wanted a positive number")
        self._max_flips = max_flips
        self._gate = gate
        self._tables = _make_tables(0)
        # The kernels are loaded, or compiled, now and not while somebody measures.
        none = np.zeros(0, np.int64)
        data, offsets = np.zeros(0, np.uint8), np.zeros(1, np.int32)
        for array in (data, offsets):  # as a batch has them: kernels are compiled for that
            array.flags.writeable = False
        self._search(none, data, offsets, none)

    def recover(self, frames: FrameBatch) -> Repairs:
        """Answer for every bad frame of the batch."""
        rows = np.flatnonzero(frames.fcs_status == FcsStatus.BAD)
        return self._search(frames.number[rows], frames.data, frames.offsets, rows)

    def finish(self) -> Repairs:
        """Nothing is ever left."""
        return Repairs.none()

    def _search(
        self,
        number: NDArray[np.int64],
        data: NDArray[np.uint8],
        offsets: NDArray[np.int32],
        rows: NDArray[np.int64],
    ) -> Repairs:
        lengths = np.diff(offsets)[rows]
        fitting = lengths[lengths <= MAX_BYTES]
        bits = 8 * int(fitting.max(initial=0))
        if bits > len(self._tables[0]):
            self._tables = _make_tables(bits)
        repaired = np.zeros(len(rows), np.bool_)
        flips = np.zeros((len(rows), MAX_FLIPS), np.int64)
        weights = np.zeros(len(rows), np.int64)
        expected = np.full(len(rows), np.nan)
        candidates = np.full(len(rows), -1, np.int64)
        search_frames(
            data,
            offsets,
            rows,
            self._max_flips,
            self._gate,
            *self._tables,
            repaired,
            weights,
            flips,
            expected,
            candidates,
        )
        used = np.arange(MAX_FLIPS) < weights[:, None]
        return Repairs(
            number,
            repaired,
            np.concatenate([[0], np.cumsum(weights)]).astype(np.int32),
            flips[used].astype(np.uint32),
            expected,
            candidates,
        )


def _make_tables(
    bits: int,
) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.int32]]:
    """Powers, hash keys and exponents for frames of up to ``bits`` bits."""
    powers = fcs.bit_syndromes(bits)
    slots = 1 << max(1, math.ceil(math.log2(max(bits, 1))) + 1)
    keys = np.zeros(slots, np.uint32)
    exponents = np.zeros(slots, np.int32)
    fill_table(powers, keys, exponents)
    return powers, keys, exponents
