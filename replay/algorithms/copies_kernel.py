"""Compare frames that may be copies of one packet, and solve for their differences, compiled.

See copies.py for what makes two frames copies, combining.py for what is solved.
"""

# mypy: disable-error-code="assignment, arg-type, return-value, no-any-return"
# pyright: reportArgumentType=false, reportAssignmentType=false, reportReturnType=false
# numba types the inside of kernels: fixed-width integers, where annotations say int.

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...dot11.fcs import LENGTH
from ...dot11.kernels import load32
from ...dot11.mac import CONTROL, DATA, FROM_DS, RETRY, TO_DS
from ...jit import jit

HEADER = 24  # bytes: frame control to sequence control
SHORTEST = HEADER + LENGTH
FCS_APART = 3  # bits in which the FCS fields of two copies may differ if their headers do
FARTHEST = 4  # copies differ in less than one bit of so many

DURATION = 0xFFFF0000  # bits 16 to 31 of a frame

_u = np.uintp
_w = np.uint32
_FCS_BITS = 8 * LENGTH
_TYPE_AND_QOS = 0x8C  # of a frame's first byte
_QOS_DATA = 0x80 | DATA << 2
_FOUR_ADDRESSES = TO_DS | FROM_DS
_ADDRESS = 6
_TID = 0x0F  # of the QoS control field's first byte
_RETRY_BIT = RETRY.bit_length() - 1
_ONES = np.array([byte.bit_count() for byte in range(256)], np.uint8)


@jit
def _ones(word: int) -> int:
    """Bits that are set in 32."""
    return (
        np.int64(_ONES[word & _w(0xFF)])
        + np.int64(_ONES[word >> _w(8) & _w(0xFF)])
        + np.int64(_ONES[word >> _w(16) & _w(0xFF)])
        + np.int64(_ONES[word >> _w(24)])
    )


@jit
def changed(
    frame: NDArray[np.uint8], other: NDArray[np.uint8], length: int, effects: NDArray[np.uint32]
) -> tuple[int, int, int]:
    """What the sender most likely changed between two transmissions of one packet.

    It may set the Retry bit, and Duration at another rate, and the FCS follows; any of this may
    also be damage. The answer is the change that leaves the fewest bits different.

    Args:
        frame: One copy, of at least ``SHORTEST`` bytes.
        other: The other one.
        length: Of both; what is behind it is ignored.
        effects: uint32, shape (32,): what each of the first 32 bits does to the FCS.

    Returns:
        The changed bits of the first 32, their effect on the FCS, and in how many bits the FCS
        fields differ beside.
    """
    head = _w(load32(frame, 0) ^ load32(other, 0))
    tail = _w(load32(frame, length - LENGTH) ^ load32(other, length - LENGTH))
    best, effect, apart = _w(0), _w(0), np.int64(0)
    least = np.int64(99)
    duration = _w(head & _w(DURATION))
    of_duration = _w(0)
    if duration:
        for bit in range(16, 32):
            if duration >> _w(bit) & _w(1):
                of_duration ^= effects[_u(bit)]
    for which in range(4 if duration else 2):
        bits, moved = _w(0), _w(0)
        if which & 1:
            bits |= _w(RETRY)
            moved ^= effects[_u(_RETRY_BIT)]
        if which & 2:
            bits |= duration
            moved ^= of_duration
        differing = _ones(_w(tail ^ moved))
        weight = _ones(_w((head ^ bits) & _w(RETRY | DURATION))) + differing
        if weight < least:
            least = weight
            best, effect, apart = bits, moved, differing
    return best, effect, apart


@jit
def _same_header(frame: NDArray[np.uint8], other: NDArray[np.uint8], length: int) -> bool:
    """Whether what names the packet is the same: Retry and Duration are not part of it."""
    first = load32(frame, 0)
    if _w(first ^ load32(other, 0)) & ~_w(RETRY | DURATION):
        return False
    for i in range(4, HEADER, 4):
        if load32(frame, i) != load32(other, i):
            return False
    if frame[0] & _TYPE_AND_QOS != _QOS_DATA:
        return True
    four = first & _w(_FOUR_ADDRESSES) == _w(_FOUR_ADDRESSES)
    qos = _u(HEADER + _ADDRESS if four else HEADER)
    return qos >= _u(length - LENGTH) or not (frame[qos] ^ other[qos]) & _TID


@jit
def likeness(
    frame: NDArray[np.uint8], other: NDArray[np.uint8], length: int, effects: NDArray[np.uint32]
) -> int:
    """Whether two frames are copies, by the rule in copies.py.

    Args:
        frame: As for :func:`changed`.
        other: Likewise.
        length: Likewise.
        effects: Likewise.

    Returns:
        In how many bits the FCS fields differ, more than 32 if these are no copies; of copies
        with the same header -1 less that.
    """
    stranger = 99
    if frame[0] >> 2 & 3 == CONTROL and other[0] >> 2 & 3 == CONTROL:
        return stranger
    same_header = _same_header(frame, other, length)
    apart = changed(frame, other, length, effects)[2]
    if not same_header and apart > FCS_APART:
        return stranger
    different = 0
    for i in range(length - LENGTH):
        if i < 2 or i > 3:
            different += np.int64(_ONES[frame[_u(i)] ^ other[_u(i)]])
    if FARTHEST * different >= 8 * (length - LENGTH):
        return stranger
    return -1 - apart if same_header else apart


@jit
def find(
    rows: NDArray[np.uint8],
    times: NDArray[np.int64],
    intact: NDArray[np.bool_],
    first: int,
    row: int,
    window: int,
    effects: NDArray[np.uint32],
    found: NDArray[np.int64],
) -> int:
    """Find the copies of a frame among those before it; of an intact one the damaged copies.

    Args:
        rows: Shape (any, length): frames.
        times: Of each.
        intact: Of each.
        first: The first row to look at.
        row: The frame itself; rows before it are looked at.
        window: How far apart in time copies are at most.
        effects: See :func:`changed`.
        found: Out, at least ``row - first``: rows of copies.

    Returns:
        How many were found.
    """
    count = 0
    length = rows.shape[1]
    for i in range(first, row):
        if (
            not (intact[i] and intact[row])
            and abs(times[i] - times[row]) <= window
            and likeness(rows[i], rows[row], length, effects) <= _FCS_BITS
        ):
            found[count] = i
            count += 1
    return count


@jit
def solve(syndromes: NDArray[np.uint32], target: int) -> tuple[int, int]:
    """Which of these syndromes have a given sum: linear equations, by elimination.

    Args:
        syndromes: Shape (n,), n at most 62.
        target: The sum (exclusive or) to reach.

    Returns:
        The binary logarithm of the number of solutions, -1 if there is none; and one of them,
        bit i for ``syndromes[i]``.
    """
    basis = np.zeros(32, np.uint32)  # the vector whose highest bit this is
    made_of = np.zeros(32, np.int64)
    spare = 0
    for i in range(len(syndromes) + 1):
        vector = _w(target) if i == len(syndromes) else syndromes[i]
        made = np.int64(0) if i == len(syndromes) else np.int64(1) << i
        for bit in range(31, -1, -1):
            if vector >> _w(bit) & _w(1):
                if basis[bit]:
                    vector ^= basis[bit]
                    made ^= made_of[bit]
                elif i == len(syndromes):
                    return -1, 0
                else:
                    basis[bit] = vector
                    made_of[bit] = made
                    break
        if i == len(syndromes):
            return spare, made
        if vector == 0:
            spare += 1
    return -1, 0
