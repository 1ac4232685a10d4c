"""Look the syndromes of bad frames up in a dictionary of error shapes, compiled; see shapes.py."""

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
_ONE = 0x80000000  # x^0; polynomials are reflected
_BACK = (POLYNOMIAL << 1 & 0xFFFFFFFF) | 1  # what dividing by x adds where x^0 was set
_GOLDEN = 0x9E3779B1  # 2^32 over the golden ratio: spreads short shapes over the table


@jit
def fill(
    masks: NDArray[np.uint64],
    classes: NDArray[np.uint8],
    shift: int,
    spans: NDArray[np.uint8],
    syndromes: NDArray[np.uint32],
    keys: NDArray[np.uint32],
    places: NDArray[np.int32],
) -> None:
    """Put every shape into the hash table of its class: open addressing, 0 means empty.

    A shape that the FCS cannot see (syndrome 0) explains no bad frame and is left out.

    Args:
        masks: Shape (shapes, words), see ``shapes.Shapes``.
        classes: Shape (shapes,), likewise.
        shift: 32 less the binary logarithm of the slots of a class.
        spans: Out, shape (shapes,): bits from the first to the last.
        syndromes: Out, shape (shapes,): with the last bit at a frame's end.
        keys: Out, zeroed, shape (classes, slots): syndromes.
        places: Out, likewise: the shape of each.
    """
    last = _w(keys.shape[1] - 1)
    for i in range(len(masks)):
        syndrome = _w(0)
        power = _w(_ONE)
        span = 0
        for k in range(64 * masks.shape[1]):
            if masks[i, k >> 6] >> np.uint64(k & 63) & np.uint64(1):
                syndrome ^= power
                span = k + 1
            power = power >> _w(1) ^ _w(POLYNOMIAL) * (power & _w(1))
        spans[i] = span
        syndromes[i] = syndrome
        if syndrome:
            slot = _w(syndrome * _w(_GOLDEN)) >> _w(shift)
            while keys[classes[i], slot]:
                slot = _w(slot + _w(1)) & last
            keys[classes[i], slot] = syndrome
            places[classes[i], slot] = i


@jit
def syndromes_of(
    data: NDArray[np.uint8], offsets: NDArray[np.int32], rows: NDArray[np.int64]
) -> NDArray[np.uint32]:
    """The syndromes of these frames, which have an FCS, shape (rows,)."""
    syndromes = np.empty(len(rows), np.uint32)
    for i in range(len(rows)):
        start, stop = np.int64(offsets[rows[i]]), np.int64(offsets[rows[i] + 1])
        syndromes[i] = crc32(data, start, stop - 4) ^ load32(data, stop - 4)
    return syndromes


@jit
def match(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int32],
    rows: NDArray[np.int64],
    lead: int,
    shift: int,
    keys: NDArray[np.uint32],
    places: NDArray[np.int32],
    spans: NDArray[np.uint8],
    found: NDArray[np.int64],
) -> int:
    """Find every shape at every position that explains the syndrome.

    From bit to bit the syndrome is divided by x, so that a shape that ends there has the
    syndrome that it has at the frame's end.

    Args:
        data: The bytes of all frames.
        offsets: Frame i is ``data[offsets[i]:offsets[i + 1]]``.
        rows: Which frames are bad; they have an FCS.
        lead: Bit i of a frame is of class (lead + i) modulo the number of classes; -1: a shape
            of any class fits everywhere.
        shift: See :func:`fill`.
        keys: See :func:`fill`.
        places: See :func:`fill`.
        spans: See :func:`fill`.
        found: Out, shape (room, 3): frame, shape, position of its last bit.

    Returns:
        How many there are, be there room or not.
    """
    classes = _u(keys.shape[0])
    mask = _w(keys.shape[1] - 1)
    tables = classes if lead < 0 else _u(1)
    number = 0
    for i in range(len(rows)):
        start, stop = np.int64(offsets[rows[i]]), np.int64(offsets[rows[i] + 1])
        syndrome = _w(crc32(data, start, stop - 4) ^ load32(data, stop - 4))
        bits = 8 * (stop - start)
        table = _u(0) if lead < 0 else _u((lead + bits - 1) % classes)
        for position in range(bits - 1, -1, -1):
            home = _w(syndrome * _w(_GOLDEN)) >> _w(shift)
            for _ in range(tables):
                slot = home
                while keys[table, _u(slot)]:
                    if keys[table, _u(slot)] == syndrome:
                        shape = places[table, _u(slot)]
                        if spans[shape] <= position + 1:
                            if number < len(found):
                                found[number, 0] = i
                                found[number, 1] = shape
                                found[number, 2] = position
                            number += 1
                    slot = _w(slot + _w(1)) & mask
                table = classes - _u(1) if table == _u(0) else table - _u(1)
            syndrome = _w(syndrome << _w(1)) ^ _w(_BACK) * (syndrome >> _w(31))
    return number
