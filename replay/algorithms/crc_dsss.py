"""crc-dsss: errors on the channel of 802.11b at 1 and 2 Mbit/s, found by the FCS.

The descrambler, 1 + z^-4 + z^-7, makes three wrong bits of each that is wrong on the channel: i,
i + 4 and i + 7. Few channel errors are many wrong bits of the frame, but as shapes they are as few
as before. Three stages, each searched if none before it has a candidate and the gate is open for
all up to it together:

    1  a burst of up to 8 bits on the channel     an error; both bits of a symbol; a symbol that
                                                  spoils the phase of the next one, too
    2  two errors anywhere
    3  three errors anywhere

With the default gate of 0.01 the first stage is searched at all lengths, the second up to 1,142
bytes, and the third up to 79. Longer bursts add wrong repairs. Errors in the header, whose last
bits reach into the frame, and bursts that end within the last seven bits are not looked for.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...datasets.frames import FrameBatch
from ...dot11 import fcs
from ..algorithm import Repairs
from . import shapes
from .channel_kernel import search_channel
from .crc_burst import bursts, patterns
from .flip_kernel import MAX_FLIPS, fill_table
from .shapes import Bad, Ladder, Shapes

RATES_MBPS: Final = (1, 2)
TAPS: Final = (0, 4, 7)  # where a channel error is heard, bits later
MAX_SPAN: Final = 8


class CrcDsss:
    """Channel errors through the descrambler, found by the FCS.

    Args:
        gate: Largest expected number of false candidates at which a repair is claimed.

    Raises:
        ValueError: The gate is not positive.
    """

    name = "crc-dsss"
    source = "IEEE 802.11-2020, clause 15: the scrambler 1 + z^-4 + z^-7"
    cost = "as crc-burst; then n look-ups for two errors, n^2 / 2 for three, in a frame of n bits"

    def __init__(self, gate: float = 0.01) -> None:
        self._gate = shapes.check_gate(gate)
        self._stages = (_Bursts(MAX_SPAN), _Errors(2), _Errors(3))
        self._repair(Bad.blank())  # kernels are loaded, or compiled, now

    def recover(self, frames: FrameBatch) -> Repairs:
        """Answer for every bad frame of the batch."""
        bad = shapes.bad_frames(frames)
        rate, mcs = (shapes.values(frames, name)[bad.rows] for name in ("rate_mbps", "mcs"))
        ours = np.isin(rate, RATES_MBPS) & np.isnan(mcs)
        return shapes.joined([shapes.abstained(bad.only(~ours)), self._repair(bad.only(ours))])

    def finish(self) -> Repairs:
        """Nothing is ever left."""
        return Repairs.none()

    def _repair(self, bad: Bad) -> Repairs:
        before = np.zeros(len(bad.rows))
        candidates = np.full(len(bad.rows), -1)
        parts = []
        for stage in self._stages:
            found = stage.repair(bad, self._gate, before)
            parts.append(shapes.taken(found, np.flatnonzero(found.candidates > 0)))
            left = found.candidates <= 0
            candidates = np.maximum(candidates, found.candidates)[left]
            before = (before + stage.expected(bad.bits))[left]
            bad = bad.only(left)
        return shapes.joined([*parts, replace(shapes.abstained(bad), candidates=candidates)])


class _Bursts:
    """A burst of up to so many bits on the channel."""

    def __init__(self, span: int) -> None:
        self._ladder = Ladder(patterns(span), 1, channel_bursts)

    def expected(self, bits: NDArray[np.int64]) -> NDArray[np.float64]:
        """False candidates to expect in frames of so many bits."""
        return self._ladder.expected(bits, 0)[:, -1]

    def repair(self, bad: Bad, gate: float, before: NDArray[np.float64]) -> Repairs:
        """Answer for bad frames, in their order; ``before`` as in ``Ladder.repair``."""
        return self._ladder.repair(bad, gate, before=before)


class _Errors:
    """So many errors anywhere on the channel, 2 or 3."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._tables = _tables(0)

    def expected(self, bits: NDArray[np.int64]) -> NDArray[np.float64]:
        """False candidates to expect in frames of so many bits."""
        sets = np.ones(len(bits))
        for k in range(self._number):
            sets *= (bits - k) / (k + 1)
        return sets / 2.0**32

    def repair(self, bad: Bad, gate: float, before: NDArray[np.float64]) -> Repairs:
        """Answer for bad frames, in their order; ``before`` as in ``Ladder.repair``."""
        expected = before + self.expected(bad.bits)
        shut = shapes.abstained(bad.only(expected > gate))
        bad, expected = bad.only(expected <= gate), expected[expected <= gate]
        if len(self._tables[0]) < bad.bits.max(initial=1):
            self._tables = _tables(int(bad.bits.max()))
        candidates = np.zeros(len(bad.rows), np.int64)
        found = np.zeros((len(bad.rows), MAX_FLIPS), np.int64)
        search_channel(
            bad.data, bad.offsets, bad.rows, self._number, *self._tables, found, candidates
        )
        flips = [
            channel_flips(errors[: self._number], bits) if count == 1 else None
            for errors, bits, count in zip(
                found.tolist(), bad.bits.tolist(), candidates.tolist(), strict=True
            )
        ]
        answers = replace(
            Repairs.of(list(zip(bad.number.tolist(), flips, strict=True))),
            expected_false=np.where(candidates == 1, expected, np.nan),
            candidates=candidates,
        )
        return shapes.joined([shut, answers])


def channel_flips(errors: Iterable[int], bits: int) -> list[int]:
    """The wrong bits of a frame of so many bits, sorted, after errors at these on the channel."""
    flips: set[int] = set()
    for error in errors:
        flips ^= {error + tap for tap in TAPS if error + tap < bits}
    return sorted(flips)


def channel_bursts(max_span: int) -> Shapes:
    """Every burst of up to so many channel bits, as the descrambler gives it; weight: its span."""
    on_air = bursts(max_span)
    heard = np.zeros_like(on_air.masks)
    for tap in TAPS:
        heard ^= on_air.masks << np.uint64(max(TAPS) - tap)
    return on_air._replace(masks=heard)


def _tables(bits: int) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.int32]]:
    """Effect of a channel error by the bits behind it, hash keys and places, up to so many bits."""
    powers = fcs.bit_syndromes(bits)
    effects = np.zeros_like(powers)
    for tap in TAPS:
        effects[tap:] ^= powers[: max(0, bits - tap)]
    slots = 1 << max(1, math.ceil(math.log2(max(bits, 1))) + 1)
    keys = np.zeros(slots, np.uint32)
    exponents = np.zeros(slots, np.int32)
    fill_table(effects, keys, exponents)
    return effects, keys, exponents
