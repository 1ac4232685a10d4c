"""Look the syndromes of bad frames up in a dictionary of error shapes, compiled; see shapes.py."""

# mypy: disable-error-code="assignment, arg-type, return-value, no-any-return"
# pyright: reportArgumentType=false, reportAssignmentType=false, reportReturnType=false
# numba types the inside of kernels: fixed-width integers, where annotations say int.

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...dot11.fcs_logs_kernel import ORDER, Logs, log, times_x
from ...dot11.kernels import crc32, load32
from ...jit import lean_jit

_u = np.uintp
_w = np.uint32
_ONE = 0x80000000  # x^0; polynomials are reflected


class Index(NamedTuple):
    """Shapes in the order of the logarithms of their syndromes, the last bit at a frame's end.

    A bucket has the logarithms of ``2^shift`` integers.

    Attributes:
        logs: uint32, shape (shapes,): rising.
        spans: uint8, shape (shapes,): bits from the first to the last.
        weights: uint8, shape (shapes,).
        classes: uint8, shape (shapes,): of the positions where the last bit may stand.
        shift: log >> shift is the bucket.
        starts: int32, shape (buckets + 1,): where each bucket begins, and the end of the last.
    """

    logs: NDArray[np.uint32]
    spans: NDArray[np.uint8]
    weights: NDArray[np.uint8]
    classes: NDArray[np.uint8]
    shift: int
    starts: NDArray[np.int32]


@lean_jit
def syndromes_of(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int32],
    rows: NDArray[np.int64],
    syndromes: NDArray[np.uint32],
) -> None:
    """The syndromes of frames.

    Args:
        data: The bytes of all frames.
        offsets: Frame i is ``data[offsets[i]:offsets[i + 1]]``.
        rows: Which frames; they have an FCS.
        syndromes: Out, shape (rows,).
    """
    for i in range(len(rows)):
        start, stop = np.int64(offsets[rows[i]]), np.int64(offsets[rows[i] + 1])
        syndromes[i] = crc32(data, start, stop - 4) ^ load32(data, stop - 4)


@lean_jit
def measure(
    masks: NDArray[np.uint64],
    tables: Logs,
    spans: NDArray[np.uint8],
    syndromes: NDArray[np.uint32],
    logs: NDArray[np.int64],
) -> None:
    """Spans of shapes, their syndromes with the last bit at a frame's end, and logarithms of these.

    Args:
        masks: Shape (shapes, words), see ``shapes.Shapes``.
        tables: Of logarithms.
        spans: Out, shape (shapes,).
        syndromes: Out, shape (shapes,).
        logs: Out, shape (shapes,): -1 where the FCS cannot see the shape (syndrome 0).
    """
    for i in range(len(masks)):
        syndrome = _w(0)
        power = _w(_ONE)
        span = 0
        for k in range(64 * masks.shape[1]):
            if masks[i, k >> 6] >> np.uint64(k & 63) & np.uint64(1):
                syndrome ^= power
                span = k + 1
            power = times_x(power)
        spans[i] = span
        syndromes[i] = syndrome
        logs[i] = np.int64(log(syndrome, tables)) if syndrome else -1


@lean_jit
def first_from(value: int, index: Index) -> int:
    """The first shape whose logarithm is at least this value, which is below ``ORDER``."""
    at = np.int64(index.starts[_u(value >> index.shift)])
    while at < len(index.logs) and index.logs[_u(at)] < value:
        at += 1
    return at


@lean_jit
def match(
    syndromes: NDArray[np.uint32],
    bits: NDArray[np.int64],
    ceilings: NDArray[np.int64],
    lead: int,
    period: int,
    index: Index,
    tables: Logs,
    found: NDArray[np.int64],
) -> int:
    """Find every shape at every position that explains a syndrome.

    A shape of logarithm s with m bits behind it has the syndrome x^(s + m): so those shapes fit
    whose logarithm is by m below that of the syndrome, where the frame has room for both.

    Args:
        syndromes: Of the frames.
        bits: Their lengths.
        ceilings: The largest weight to look for, per frame.
        lead: Bit i of a frame is of class (lead + i) modulo ``period``; -1: of any.
        period: Number of classes.
        index: The shapes.
        tables: Of logarithms.
        found: Out, shape (room, 3): frame, shape, position of its last bit.

    Returns:
        How many there are, be there room or not.
    """
    number = 0
    for i in range(len(syndromes)):
        if syndromes[i] == 0:
            continue
        top = np.int64(log(syndromes[i], tables))
        low = top - bits[i] + 1
        for turn in range(2 if low < 0 else 1):  # logarithms go round
            begin = low + ORDER if turn else max(low, 0)
            end = ORDER - 1 if turn else top
            at = first_from(begin, index)
            while at < len(index.logs) and index.logs[_u(at)] <= end:
                behind = top - np.int64(index.logs[_u(at)]) + (ORDER if turn else 0)
                last = bits[i] - 1 - behind
                if (
                    index.weights[_u(at)] <= ceilings[i]
                    and index.spans[_u(at)] <= last + 1
                    and (lead < 0 or (lead + last) % period == index.classes[_u(at)])
                ):
                    if number < len(found):
                        found[number, 0] = i
                        found[number, 1] = at
                        found[number, 2] = last
                    number += 1
                at += 1
    return number
