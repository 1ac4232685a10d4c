"""Find pairs of error shapes that explain the syndrome of a frame, compiled; see pairs.py."""

# mypy: disable-error-code="assignment, arg-type, return-value, no-any-return"
# pyright: reportArgumentType=false, reportAssignmentType=false, reportReturnType=false
# numba types the inside of kernels: fixed-width integers, where annotations say int.

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...dot11.fcs import POLYNOMIAL
from ...dot11.kernels import crc32, load32
from ...jit import jit

_u = np.uintp
_w = np.uint32
_GOLDEN = 0x9E3779B1  # 2^32 over the golden ratio: spreads syndromes over the table


@jit
def place(
    syndromes: NDArray[np.uint32],
    spans: NDArray[np.uint8],
    classes: NDArray[np.uint8],
    period: int,
    lead: int,
    bits: int,
    shift: int,
    keys: NDArray[np.uint32],
    shapes: NDArray[np.int32],
    behind: NDArray[np.int32],
) -> None:
    """Put every shape at every place into a hash table: open addressing, 0 means empty.

    Args:
        syndromes: Of the shapes, with the last bit at a frame's end.
        spans: Of the shapes.
        classes: Of the shapes.
        period: Number of classes.
        lead: A shape of class c fits with m bits behind it if (lead - m) modulo the period is c;
            -1: anywhere.
        bits: Places are within a frame of so many bits.
        shift: 32 less the binary logarithm of the number of slots.
        keys: Out, zeroed: syndromes.
        shapes: Out, as long: the shape.
        behind: Out, as long: the bits behind it.
    """
    last = _w(len(keys) - 1)
    for i in range(len(syndromes)):
        syndrome = _w(syndromes[i])
        for m in range(bits - spans[i] + 1):
            if syndrome and (lead < 0 or (lead - m) % period == classes[i]):
                slot = _w(syndrome * _w(_GOLDEN)) >> _w(shift)
                while keys[slot]:
                    slot = _w(slot + _w(1)) & last
                keys[slot] = syndrome
                shapes[slot] = i
                behind[slot] = m
            syndrome = syndrome >> _w(1) ^ _w(POLYNOMIAL) * (syndrome & _w(1))


@jit
def match_pairs(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int32],
    rows: NDArray[np.int64],
    ceilings: NDArray[np.int64],
    gap: int,
    syndromes: NDArray[np.uint32],
    spans: NDArray[np.uint8],
    classes: NDArray[np.uint8],
    weights: NDArray[np.uint8],
    lighter: NDArray[np.int64],
    period: int,
    lead: int,
    shift: int,
    keys: NDArray[np.uint32],
    shapes: NDArray[np.int32],
    behind: NDArray[np.int32],
    found: NDArray[np.int64],
) -> int:
    """Find every pair of shapes, apart from each other, that explains the syndrome of a frame.

    The lighter of the two (of two alike the later one) is tried at every place, and the rest of
    the syndrome looked up.

    Args:
        data: The bytes of all frames.
        offsets: Frame i is ``data[offsets[i]:offsets[i + 1]]``.
        rows: Which frames are bad; they have an FCS.
        ceilings: Largest weight of a pair, per bad frame.
        gap: Least number of right bits between the two.
        syndromes: See :func:`place`.
        spans: See :func:`place`.
        classes: See :func:`place`.
        weights: Of the shapes.
        lighter: Which shapes to try as the lighter one.
        period: See :func:`place`.
        lead: See :func:`place`.
        shift: See :func:`place`.
        keys: See :func:`place`.
        shapes: See :func:`place`.
        behind: See :func:`place`.
        found: Out, shape (room, 5): frame, then shape and bits behind it of the one, of the other.

    Returns:
        How many there are, be there room or not.
    """
    last = _w(len(keys) - 1)
    number = 0
    for i in range(len(rows)):
        start, stop = np.int64(offsets[rows[i]]), np.int64(offsets[rows[i] + 1])
        wanted = _w(crc32(data, start, stop - 4) ^ load32(data, stop - 4))
        bits = 8 * (stop - start)
        for k in range(len(lighter)):
            one = lighter[k]
            weight = np.int64(weights[one])
            if 2 * weight > ceilings[i]:
                continue
            stride = 1 if lead < 0 else period
            m = 0 if lead < 0 else (lead - np.int64(classes[one])) % period
            syndrome = _w(syndromes[one])
            for _ in range(m):
                syndrome = syndrome >> _w(1) ^ _w(POLYNOMIAL) * (syndrome & _w(1))
            while m + spans[one] <= bits:
                rest = _w(wanted ^ syndrome)
                slot = _w(rest * _w(_GOLDEN)) >> _w(shift)
                while keys[_u(slot)]:
                    if keys[_u(slot)] == rest:
                        two, other = np.int64(shapes[_u(slot)]), np.int64(behind[_u(slot)])
                        total = weight + weights[two]
                        apart = (
                            other >= m + spans[one] + gap
                            if other > m
                            else m >= other + spans[two] + gap
                        )
                        if (
                            apart
                            and other + spans[two] <= bits
                            and total <= ceilings[i]
                            and (weights[two] > weight or (weights[two] == weight and other > m))
                        ):
                            if number < len(found):
                                found[number, 0] = i
                                found[number, 1] = one
                                found[number, 2] = m
                                found[number, 3] = two
                                found[number, 4] = other
                            number += 1
                    slot = _w(slot + _w(1)) & last
                for _ in range(stride):
                    syndrome = syndrome >> _w(1) ^ _w(POLYNOMIAL) * (syndrome & _w(1))
                m += stride
    return number
