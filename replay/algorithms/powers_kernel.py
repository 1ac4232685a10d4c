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
    """Zech logarithms Z(d) = log(1 + x^d) of the differences d from 1 on, sorted.

    A bucket has the Z of ``2^shift`` integers, and this is above the largest d. The last bucket
    stands once more before the first one, as logarithms go round; so ``starts[k]`` is where the
    bucket before bucket k begins.

    Attributes:
        shift: Z >> shift is the bucket.
        starts: int32, shape (buckets + 2,): where each bucket begins, and the end of the last.
        logs: uint32, shape (entries,): Z, rising within each bucket.
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
        bits: Lengths of the frames, none above ``2^zech.shift``.
        tables: Of logarithms.
        zech: Likewise.
        rows: Out, shape (size,): the frame of each set.
        exponents: Out, shape (size, number): each set, for ``number`` of 1 to 3.

    Returns:
        How many sets there are; those above ``size`` are not in the output.
    """
    number = exponents.shape[1]
    count = 0
    for i in range(len(syndromes)):
        if number == 1:
            if syndromes[i]:
                only = log(syndromes[i], tables)
                if only < bits[i]:
                    if count < len(rows):
                        rows[count] = i
                        exponents[count, 0] = only
                    count += 1
        elif number == 2:
            count = _find_pairs(syndromes[i], i, -1, bits[i], tables, zech, rows, exponents, count)
        else:
            element = _w(_ONE)
            for a in range(bits[i] - 2):
                rest = _w(syndromes[i] ^ element)
                count = _find_pairs(rest, i, a, bits[i], tables, zech, rows, exponents, count)
                element = times_x(element)
    return count


@lean_jit
def _find_pairs(
    rest: int,
    row: int,
    first: int,
    bits: int,
    tables: Logs,
    zech: Zech,
    rows: NDArray[np.int64],
    exponents: NDArray[np.int64],
    count: int,
) -> int:
    """All b, c with x^b + x^c = rest and first < b < c < bits, b rising; the new count."""
    if rest == 0:
        return count
    total = _w(log(rest, tables))
    bucket = _u(total >> _w(zech.shift))
    for backwards in range(zech.starts[bucket + _u(2)], zech.starts[bucket], -1):
        entry = _u(backwards - 1)
        z = zech.logs[entry]
        b = np.int64(total) - np.int64(z)
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
