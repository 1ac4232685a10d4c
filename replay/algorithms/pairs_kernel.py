"""Find pairs of error shapes that explain the syndrome of a frame, compiled; see pairs.py."""

# mypy: disable-error-code="assignment, arg-type, return-value, no-any-return"
# pyright: reportArgumentType=false, reportAssignmentType=false, reportReturnType=false
# numba types the inside of kernels: fixed-width integers, where annotations say int.

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...dot11.fcs_logs_kernel import ORDER, Logs, log, times_x
from ...jit import lean_jit
from .shapes_kernel import Index, first_from

_u = np.uintp
_w = np.uint32
_BYTE = np.uint32(0xFF)


@lean_jit
def match_pairs(
    syndromes: NDArray[np.uint32],
    bits: NDArray[np.int64],
    ceilings: NDArray[np.int64],
    heaviest: NDArray[np.int64],
    gap: int,
    lead: int,
    period: int,
    lighter: NDArray[np.int64],
    lighter_syndromes: NDArray[np.uint32],
    strides: NDArray[np.uint32],
    index: Index,
    tables: Logs,
    found: NDArray[np.int64],
) -> int:
    """Find every pair of shapes, apart from each other, that explains the syndrome of a frame.

    The lighter of the two (of two alike in weight the later one) is tried at every place, and the
    rest of the syndrome looked up.

    Args:
        syndromes: Of the frames.
        bits: Their lengths.
        ceilings: Largest weight of a pair, per frame.
        heaviest: Largest weight of the lighter shape, per frame.
        gap: Least number of right bits between the two.
        lead: Bit i of a frame is of class (lead + i) modulo ``period``; -1: of any.
        period: Number of classes.
        lighter: Shapes to try as the lighter one: their places in the index, in rising weight.
        lighter_syndromes: Their syndromes, with the last bit at a frame's end.
        strides: uint32, shape (4, 256): the product of each byte of an element, the lowest first,
            and of x^period; or of x, if ``lead`` is -1.
        index: The shapes.
        tables: Of logarithms.
        found: Out, shape (room, 5): frame, and shape and position of its last bit of the first
            and of the second one.

    Returns:
        How many there are, be there room or not.
    """
    number = 0
    for i in range(len(syndromes)):
        wanted = _w(syndromes[i])
        n = bits[i]
        for k in range(len(lighter)):
            one = lighter[k]
            weight = np.int64(index.weights[one])
            if 2 * weight > ceilings[i] or weight > heaviest[i]:
                break
            room = ceilings[i] - weight
            span = np.int64(index.spans[one])
            stride = 1 if lead < 0 else period
            m = 0 if lead < 0 else (lead + n - 1 - np.int64(index.classes[one])) % period
            syndrome = _w(lighter_syndromes[k])
            for _ in range(m):
                syndrome = times_x(syndrome)
            while m + span <= n:
                rest = _w(wanted ^ syndrome)
                if rest:
                    top = np.int64(log(rest, tables))
                    low = top - n + 1
                    for turn in range(2 if low < 0 else 1):  # logarithms go round
                        begin = low + ORDER if turn else max(low, 0)
                        end = ORDER - 1 if turn else top
                        at = first_from(begin, index)
                        while at < len(index.logs) and index.logs[_u(at)] <= end:
                            other = np.int64(index.weights[_u(at)])
                            if weight <= other <= room:
                                behind = top - np.int64(index.logs[_u(at)])
                                behind += ORDER if turn else 0
                                long = np.int64(index.spans[_u(at)])
                                before = behind >= m + span + gap
                                if (
                                    (before or (other > weight and m >= behind + long + gap))
                                    and behind + long <= n
                                    and (
                                        lead < 0
                                        or (lead + n - 1 - behind) % period == index.classes[_u(at)]
                                    )
                                ):
                                    if number < len(found):
                                        found[number, 0] = i
                                        found[number, 1] = at if before else one
                                        found[number, 2] = n - 1 - (behind if before else m)
                                        found[number, 3] = one if before else at
                                        found[number, 4] = n - 1 - (m if before else behind)
                                    number += 1
                            at += 1
                syndrome = (
                    strides[_u(0), _u(syndrome & _BYTE)]
                    ^ strides[_u(1), _u(syndrome >> _w(8) & _BYTE)]
                    ^ strides[_u(2), _u(syndrome >> _w(16) & _BYTE)]
                    ^ strides[_u(3), _u(syndrome >> _w(24))]
                )
                m += stride
    return number
