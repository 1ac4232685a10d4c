"""Search for the few flipped bits that explain an FCS syndrome, compiled.

The syndrome of a flipped bit with m bits behind it is x^m mod P, whatever the frame's length,
so one table of powers and one hash table from power to exponent serve every frame. A pattern
of t flips is found as t - 1 loops and one look-up.
"""

# mypy: disable-error-code="assignment, arg-type, return-value, no-any-return"
# pyright: reportArgumentType=false, reportAssignmentType=false, reportReturnType=false
# numba types the inside of kernels: fixed-width integers, where annotations say int.

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...dot11.kernels import crc32, load32
from ...jit import jit

MAX_FLIPS = 3

_u = np.uintp
_w = np.uint32


@jit
def fill_table(
    powers: NDArray[np.uint32], keys: NDArray[np.uint32], exponents: NDArray[np.int32]
) -> None:
    """Put every power into the hash table: open addressing, 0 means empty, as no power is 0.

    A power's own low bits choose its slot: x^m mod P is as good as random beyond the first 32.

    Args:
        powers: x^m mod P at index m, reflected.
        keys: Out, zeroed; the length is a power of two, at least twice that of ``powers``.
        exponents: Out, as long as ``keys``.
    """
    mask = _w(len(keys) - 1)
    for m in range(len(powers)):
        slot = powers[m] & mask
        while keys[slot]:
            slot = _w(slot + _w(1)) & mask
        keys[slot] = powers[m]
        exponents[slot] = m


@jit
def _exponent(power: int, keys: NDArray[np.uint32], exponents: NDArray[np.int32]) -> int:
    """M with x^m = power, or -1."""
    mask = _w(len(keys) - 1)
    power = _w(power)
    slot = power & mask
    while keys[slot]:
        if keys[slot] == power:
            return exponents[slot]
        slot = _w(slot + _w(1)) & mask
    return -1


@jit
def search(
    syndrome: int,
    bits: int,
    weight: int,
    powers: NDArray[np.uint32],
    keys: NDArray[np.uint32],
    exponents: NDArray[np.int32],
    found: NDArray[np.int64],
) -> int:
    """Count the patterns of exactly ``weight`` flips with this syndrome; keep the first.

    Args:
        syndrome: Of the frame, not 0.
        bits: Of the frame, FCS included.
        weight: 1, 2 or 3.
        powers: See :func:`fill_table`.
        keys: See :func:`fill_table`.
        exponents: See :func:`fill_table`.
        found: Out, shape (3,): the bit positions of the first pattern, sorted.

    Returns:
        The number of patterns.
    """
    syndrome = _w(syndrome)
    count = 0
    if weight == 1:
        a = _exponent(syndrome, keys, exponents)
        if 0 <= a < bits:
            found[0] = bits - 1 - a
            count = 1
    elif weight == 2:
        for a in range(bits):
            b = _exponent(syndrome ^ powers[_u(a)], keys, exponents)
            if a < b < bits:
                if count == 0:
                    found[0], found[1] = bits - 1 - b, bits - 1 - a
                count += 1
    else:
        for a in range(bits):
            rest = _w(syndrome ^ powers[_u(a)])
            for b in range(a + 1, bits):
                c = _exponent(rest ^ powers[_u(b)], keys, exponents)
                if b < c < bits:
                    if count == 0:
                        found[0], found[1], found[2] = bits - 1 - c, bits - 1 - b, bits - 1 - a
                    count += 1
    return count


@jit
def search_frames(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int32],
    rows: NDArray[np.int64],
    max_flips: int,
    gate: float,
    powers: NDArray[np.uint32],
    keys: NDArray[np.uint32],
    exponents: NDArray[np.int32],
    repaired: NDArray[np.bool_],
    weights: NDArray[np.int64],
    flips: NDArray[np.int64],
    expected: NDArray[np.float64],
    candidates: NDArray[np.int64],
) -> None:
    """Search for each bad frame of a batch, lightest patterns first; see ``crc_flip``.

    Args:
        data: The bytes of all frames.
        offsets: Frame i is ``data[offsets[i]:offsets[i + 1]]``.
        rows: Which frames are bad; they have an FCS.
        max_flips: Heaviest pattern to look for.
        gate: Largest expected number of false candidates.
        powers: See :func:`fill_table`; frames that are longer are passed over.
        keys: See :func:`fill_table`.
        exponents: See :func:`fill_table`.
        repaired: Out, per bad frame: exactly one pattern at the lightest weight that has any.
        weights: Out: its number of flips.
        flips: Out, shape (bad frames, 3): their sorted positions; the rest of a row is undefined.
        expected: Out: expected number of false candidates, where repaired.
        candidates: Out: patterns at the weight where the search ended; untouched where none
            was searched.
    """
    for i in range(len(rows)):
        start, stop = np.int64(offsets[rows[i]]), np.int64(offsets[rows[i] + 1])
        bits = 8 * (stop - start)
        if bits > len(powers):
            continue
        syndrome = crc32(data, start, stop - 4) ^ load32(data, stop - 4)
        patterns = 1.0
        false = 0.0
        for weight in range(1, max_flips + 1):
            patterns *= (bits - weight + 1) / weight
            false += patterns / 2.0**32
            if false > gate:
                break
            count = search(syndrome, bits, weight, powers, keys, exponents, flips[i])
            candidates[i] = count
            if count == 1:
                repaired[i] = True
                weights[i] = weight
                expected[i] = false
            if count:
                break
