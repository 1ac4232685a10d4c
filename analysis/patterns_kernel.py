"""The compiled loop behind error patterns: one pass over masks, sums by group."""

# mypy: disable-error-code="assignment, arg-type, return-value, no-any-return"
# pyright: reportArgumentType=false, reportAssignmentType=false, reportReturnType=false
# numba types the inside of kernels: fixed-width integers, where annotations say int.

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..jit import jit

GAP = 16  # right bits between wrong ones that end an error event
EXACT = 64  # lengths that are counted one by one; those beyond by octave
BINS = EXACT + 24  # of lengths
LAGS = 64
PLACES = 256  # bins of the position histogram
SYMBOL = 216  # the most data bits of an OFDM symbol
BLOCK_SIZES = (16, 32, 64, 128)  # bytes

# Columns of ``Sums.counts``
FRAMES, FLIPS, BITS, EVENTS, EVENT_BITS, SINGLE = range(6)
COUNTS = 6


class Sums(NamedTuple):
    """What masks add up to, for one group.

    Attributes:
        counts: Frames, flips, known bits, error events, bits from the first to the last wrong
            one of each event, frames that are a single event.
        event_lengths: Events by their bits, see :func:`length_bin`.
        event_flips: Events by their flips.
        runs: Runs of wrong bits by length.
        gaps: Right bits between a wrong one and the next in the frame, from 0, by length.
        ends: Known bits behind the last wrong one: gaps that are cut off.
        lags: Shape (LAGS, 2): pairs of wrong bits k + 1 apart; wrong bits that have a known bit
            k + 1 behind them.
        places: Shape (PLACES, 2): flips and known bits by position; a bin is ``width[0]`` bytes,
            which doubles for frames that would not fit.
        width: Shape (1,).
        octet: Shape (8,): flips by position modulo 8.
        symbol: Shape (SYMBOL, 2): flips and known bits by (position + 16) modulo N_DBPS.
        blocks: Shape (block sizes, 2): blocks with a flip, and all.
    """

    counts: NDArray[np.int64]
    event_lengths: NDArray[np.int64]
    event_flips: NDArray[np.int64]
    runs: NDArray[np.int64]
    gaps: NDArray[np.int64]
    ends: NDArray[np.int64]
    lags: NDArray[np.int64]
    places: NDArray[np.int64]
    width: NDArray[np.int64]
    octet: NDArray[np.int64]
    symbol: NDArray[np.int64]
    blocks: NDArray[np.int64]


def new_sums() -> Sums:
    """All zero."""

    def zeros(*shape: int) -> NDArray[np.int64]:
        return np.zeros(shape, np.int64)

    return Sums(
        zeros(COUNTS),
        zeros(BINS),
        zeros(BINS),
        zeros(BINS),
        zeros(BINS),
        zeros(BINS),
        zeros(LAGS, 2),
        zeros(PLACES, 2),
        np.ones(1, np.int64),
        zeros(8),
        zeros(SYMBOL, 2),
        zeros(len(BLOCK_SIZES), 2),
    )


@jit
def length_bin(length: int) -> int:
    """Lengths to EXACT are their own bin; 65 to 128 are one more, 129 to 256 two more ..."""
    if length <= EXACT:
        return length
    at = EXACT
    top = EXACT
    while top < length:
        top *= 2
        at += 1
    return min(at, BINS - 1)


@jit
def _fit_places(sums: Sums, end: int) -> None:
    """Widen the bins of positions until ``end`` bits fit."""
    while end > 8 * PLACES * sums.width[0]:
        for i in range(PLACES // 2):
            for c in range(2):
                sums.places[i, c] = sums.places[2 * i, c] + sums.places[2 * i + 1, c]
        sums.places[PLACES // 2 :] = 0
        sums.width[0] *= 2


@jit
def _expose(sums: Sums, begin: int, end: int, symbol: int) -> None:
    """Count the known bits by position."""
    size = 8 * sums.width[0]
    at = begin
    while at < end:
        stop = min(end, (at // size + 1) * size)
        sums.places[at // size, 1] += stop - at
        at = stop
    if symbol:
        whole = (end - begin) // symbol
        for r in range(symbol):
            sums.symbol[r, 1] += whole
        for at in range(begin + whole * symbol, end):
            sums.symbol[(at + 16) % symbol, 1] += 1


@jit
def add_masks(
    chosen: NDArray[np.int64],
    begins: NDArray[np.int64],
    ends: NDArray[np.int64],
    offsets: NDArray[np.int64],
    flips: NDArray[np.int32],
    symbols: NDArray[np.int64],
    sums: Sums,
) -> None:
    """Add masks to the sums of their group.

    Args:
        chosen: Which masks.
        begins: First bit of each mask's known part.
        ends: The bit behind it.
        offsets: Mask k is ``flips[offsets[k]:offsets[k + 1]]``.
        flips: Positions.
        symbols: N_DBPS of each frame; 0: none.
        sums: Added to.
    """
    hit = np.zeros(len(BLOCK_SIZES), np.int64)
    for k in chosen:
        begin, end = begins[k], ends[k]
        first, stop = offsets[k], offsets[k + 1]
        sums.counts[FRAMES] += 1
        sums.counts[FLIPS] += stop - first
        sums.counts[BITS] += end - begin
        _fit_places(sums, end)
        _expose(sums, begin, end, symbols[k])
        for b in range(len(BLOCK_SIZES)):
            size = 8 * BLOCK_SIZES[b]
            sums.blocks[b, 1] += (end - begin + size - 1) // size
            hit[b] = -1
        events = 0
        event_start = run_start = first
        for f in range(first, stop):
            at = np.int64(flips[f])
            last = f + 1 == stop
            distance = end - at if last else np.int64(flips[f + 1]) - at
            if last:
                sums.ends[length_bin(distance - 1)] += 1
            else:
                sums.gaps[length_bin(distance - 1)] += 1
            if last or distance > 1:
                sums.runs[length_bin(f + 1 - run_start)] += 1
                run_start = f + 1
            if last or distance > GAP:
                events += 1
                length = at - flips[event_start] + 1
                sums.counts[EVENT_BITS] += length
                sums.event_lengths[length_bin(length)] += 1
                sums.event_flips[length_bin(f + 1 - event_start)] += 1
                event_start = f + 1
            for g in range(f + 1, stop):
                lag = flips[g] - at
                if lag > LAGS:
                    break
                sums.lags[lag - 1, 0] += 1
            # Lags that stay inside; those above are the sums from the end: ``Patterns.lags``
            sums.lags[min(LAGS, end - 1 - at) - 1, 1] += end - 1 > at
            sums.places[at // (8 * sums.width[0]), 0] += 1
            sums.octet[at & 7] += 1
            if symbols[k]:
                sums.symbol[(at + 16) % symbols[k], 0] += 1
            for b in range(len(BLOCK_SIZES)):
                block = (at - begin) // (8 * BLOCK_SIZES[b])
                if block != hit[b]:
                    sums.blocks[b, 0] += 1
                    hit[b] = block
        sums.counts[EVENTS] += events
        sums.counts[SINGLE] += events == 1
