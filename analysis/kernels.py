"""Compiled loops of the analysis: where payloads lie, and which bits differ."""

# mypy: disable-error-code="assignment, arg-type, return-value, no-any-return"
# pyright: reportArgumentType=false, reportAssignmentType=false, reportReturnType=false
# numba types the inside of kernels: fixed-width integers, where annotations say int.

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..dot11.kernels import crc32, load32, udp_payload
from ..jit import jit

FCS_LENGTH = 4

_u = np.uintp
_b = np.uint8


@jit
def find_payloads(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int32],
    rows: NDArray[np.int64],
    cycle: NDArray[np.uint8],
    places: NDArray[np.int64],
) -> None:
    """Where the UDP payload of each of these frames lies, and whether it repeats ``cycle``.

    Args:
        data: The bytes of all frames.
        offsets: Frame i is ``data[offsets[i]:offsets[i + 1]]``, its FCS included.
        rows: Which frames.
        cycle: The bytes that the payload should repeat; empty: any payload will do.
        places: Out, shape (rows, 2): offset in the MPDU and length; (0, 0) if there is none.
    """
    for k in range(len(rows)):
        start, stop = np.int64(offsets[rows[k]]), np.int64(offsets[rows[k] + 1]) - FCS_LENGTH
        at, length = udp_payload(data, start, stop)
        for i in range(length if len(cycle) else 0):
            if data[start + at + i] != cycle[i % len(cycle)]:
                at, length = 0, 0
                break
        places[k, 0] = at
        places[k, 1] = length


@jit
def distance(
    data: NDArray[np.uint8], at: int, original: NDArray[np.uint8], begin: int, length: int
) -> int:
    """Number of bits in which ``length`` bytes of ``data`` and ``original`` differ.

    Bits are counted by adding neighbours, not from a table, so that many bytes go at once.
    """
    bits = 0
    for i in range(_u(length)):
        byte = data[_u(at) + i] ^ original[_u(begin) + i]
        byte -= byte >> _b(1) & _b(0x55)
        byte = (byte & _b(0x33)) + (byte >> _b(2) & _b(0x33))
        bits += byte + (byte >> _b(4)) & _b(0x0F)
    return bits


@jit
def count_errors(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int32],
    rows: NDArray[np.int64],
    begins: NDArray[np.int64],
    bounds: NDArray[np.int64],
    originals: NDArray[np.uint8],
    errors: NDArray[np.int64],
) -> None:
    """Bit errors of each frame in its known part.

    Args:
        data: The bytes of all frames.
        offsets: Frame i is ``data[offsets[i]:offsets[i + 1]]``.
        rows: Which frames.
        begins: Offset in the frame of its known part.
        bounds: Frame k's original is ``originals[bounds[k]:bounds[k + 1]]``.
        originals: The known parts as they were sent.
        errors: Out, per frame.
    """
    for k in range(len(rows)):
        at = np.int64(offsets[rows[k]]) + begins[k]
        errors[k] = distance(data, at, originals, bounds[k], bounds[k + 1] - bounds[k])


@jit
def nearest(
    received: NDArray[np.uint8],
    originals: NDArray[np.uint8],
    starts: NDArray[np.int64],
    distances: NDArray[np.int64],
) -> None:
    """Distance in bits from one received part to each candidate of the same length."""
    for k in range(len(starts)):
        distances[k] = distance(received, 0, originals, starts[k], len(received))


CORRECT, WRONG, UNJUDGED = 0, 1, 2


@jit
def judge_flips(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int32],
    rows: NDArray[np.int64],
    begins: NDArray[np.int64],
    bounds: NDArray[np.int64],
    originals: NDArray[np.uint8],
    errors: NDArray[np.int64],
    flip_bounds: NDArray[np.int64],
    flips: NDArray[np.int64],
    verdicts: NDArray[np.int8],
) -> None:
    """Compare repairs with the truth: the flips inside the known part against its errors.

    ``CORRECT``: they are the same, and there are some. ``WRONG``: they are not. ``UNJUDGED``:
    the known part had no error and no flip touches it (or nothing is known of the frame).

    Args:
        data: See :func:`count_errors`, as for the next five.
        offsets: See there.
        rows: See there.
        begins: See there.
        bounds: See there.
        originals: See there.
        errors: From there.
        flip_bounds: Frame k's flips are ``flips[flip_bounds[k]:flip_bounds[k + 1]]``.
        flips: Bit positions in the frame.
        verdicts: Out, per frame.
    """
    for k in range(len(rows)):
        length = bounds[k + 1] - bounds[k]
        inside = 0
        hits = 0
        for f in range(flip_bounds[k], flip_bounds[k + 1]):
            byte = (flips[f] >> 3) - begins[k]
            if 0 <= byte < length:
                inside += 1
                received = data[offsets[rows[k]] + begins[k] + byte]
                hits += (received ^ originals[bounds[k] + byte]) >> (flips[f] & 7) & 1
        if inside == 0 and errors[k] == 0:
            verdicts[k] = UNJUDGED
        elif inside == hits == errors[k]:
            verdicts[k] = CORRECT
        else:
            verdicts[k] = WRONG


@jit
def fcs_holds(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int32],
    rows: NDArray[np.int64],
    flip_bounds: NDArray[np.int64],
    flips: NDArray[np.int64],
    holds: NDArray[np.bool_],
) -> None:
    """Whether the FCS of each frame is good once its flips are undone.

    Args:
        data: See :func:`judge_flips`, as for the next four.
        offsets: See there.
        rows: See there.
        flip_bounds: See there.
        flips: See there.
        holds: Out, per frame.
    """
    for k in range(len(rows)):
        start, stop = np.int64(offsets[rows[k]]), np.int64(offsets[rows[k] + 1])
        frame = data[start:stop].copy()
        for f in range(flip_bounds[k], flip_bounds[k + 1]):
            frame[flips[f] >> 3] ^= np.uint8(1 << (flips[f] & 7))
        end = len(frame) - FCS_LENGTH
        holds[k] = end >= 0 and crc32(frame, 0, end) == load32(frame, end)
