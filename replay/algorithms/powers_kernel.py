"""Write syndromes as sums of powers of x, compiled; see ``powers.py``."""

# mypy: disable-error-code="assignment, arg-type, return-value, no-any-return"
# pyright: reportArgumentType=false, reportAssignmentType=false, reportReturnType=false
# numba types the inside of kernels: fixed-width integers, where annotations say int.

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...dot11.fcs_logs_kernel import ORDER, Logs, log, times_x
from ...jit import lean_jit

_u = np.uintp
_w = np.uint32
_ONE = 0x80000000  # x^0; polynomials are reflected


class Zech(NamedTuple):
    """Zech logarithms Z(d) = log(1 + x^d) of d from 1 to 2^shift - 1, in buckets.

    Bucket k has those with Z >> shift = k, so that all that are less than 2^shift below some Z are
    in its bucket and in the one before. As logarithms go round, the last bucket stands before the
    first one, too.

    Attributes:
        shift: Of frames of up to 2^shift bits.
        starts: int32, shape (2^(32 - shift) + 2,): where the bucket before bucket k begins; last
            of all, where the last one ends.
        logs: uint32, shape (entries,): Z, rising in a bucket.
        differences: int32, shape (entries,): d.
    """

    shift: int
    starts: NDArray[np.int32]
    logs: NDArray[np.uint32]
    differences: NDArray[np.int32]


@lean_jit
def fill_zech(tables: Logs, zech: NDArray[np.uint32]) -> None:
    """Z(d) for d from 1 on; out: Z(1) at index 0."""
    element = _w(_ONE)
    for i in range(len(zech)):
        element = times_x(element)
        zech[i] = log(element ^ _w(_ONE), tables)


@lean_jit
def find(
    syndromes: NDArray[np.uint32],
    bits: NDArray[np.int64],
    tables: Logs,
    zech: Zech,
    rows: NDArray[np.int64],
    exponents: NDArray[np.int64],
) -> int:
    """Find all sets of exponents; see ``Powers.find``.

    Args:
        syndromes: Of the frames.
        bits: Of the frames, none above 2^``zech.shift``.
        tables: See ``fcs_logs.tables``.
        zech: For at least the longest frame.
        rows: Out, shape (size,): the frame of each set.
        exponents: Out, shape (size, number): each set, for ``number`` of 1 to 3.

    Returns:
        The number of sets; where it is above ``size``, the output has only the first of them.
    """
    number = exponents.shape[1]
    count = 0
    for i in range(len(syndromes)):
        if number < 3:
            if syndromes[i] == 0:
                continue
            total = log(syndromes[i], tables)
            if number == 2:
                count = _find_pairs(total, i, -1, bits[i], zech, rows, exponents, count)
            elif total < bits[i]:
                if count < len(rows):
                    rows[count] = i
                    exponents[count, 0] = total
                count += 1
        else:
            element = _w(_ONE)
            for a in range(bits[i] - 2):
                rest = _w(syndromes[i] ^ element)
                element = times_x(element)
                if rest == 0:
                    continue
                total = log(rest, tables)
                bucket = _u(_w(total) >> _w(zech.shift))
                # Looked at here, as most are empty and the call costs more than the rest.
                if zech.starts[bucket] != zech.starts[bucket + _u(2)]:
                    count = _find_pairs(total, i, a, bits[i], zech, rows, exponents, count)
    return count


@lean_jit
def _find_pairs(
    total: int,
    row: int,
    first: int,
    bits: int,
    zech: Zech,
    rows: NDArray[np.int64],
    exponents: NDArray[np.int64],
    count: int,
) -> int:
    """All b, c with log(x^b + x^c) = total and first < b < c < bits, b rising; the new count."""
    bucket = _u(_w(total) >> _w(zech.shift))
    for after in range(zech.starts[bucket + _u(2)], zech.starts[bucket], -1):
        entry = _u(after - 1)  # Z falls on the way, so that b rises
        b = total - np.int64(zech.logs[entry])
        if b < 0:
            b += ORDER
        c = b + zech.differences[entry]
        if first < b and c < bits:
            if count < len(rows):
                rows[count] = row
                if first >= 0:
                    exponents[count, 0] = first
                exponents[count, exponents.shape[1] - 2] = b
                exponents[count, exponents.shape[1] - 1] = c
            count += 1
    return count
