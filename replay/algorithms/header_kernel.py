"""The part of a header that stays, and the FCS, compiled; see header.py."""

# mypy: disable-error-code="assignment, arg-type, return-value, no-any-return"
# pyright: reportArgumentType=false, reportAssignmentType=false, reportReturnType=false
# numba types the inside of kernels: fixed-width integers, where annotations say int.

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...dot11 import mac
from ...dot11.fcs_logs_kernel import multiply
from ...dot11.kernels import crc32, load16, load32
from ...jit import jit

FIXED = 22  # bytes up to the sequence control
SNAP = 8  # bytes of an LLC/SNAP header
# Bytes of a header, by its form: without and with the LLC/SNAP header, and behind a QoS control.
LENGTHS = (FIXED, 24 + SNAP, 26 + SNAP)
_LONGEST = 26 + SNAP
_RETRY = 0x08  # in the second byte

_w = np.uint32


@jit
def copy_header(data: NDArray[np.uint8], start: int, form: int, header: NDArray[np.uint8]) -> None:
    """What stays of a header: without the Retry bit, the sequence control and the QoS control.

    Args:
        data: Bytes.
        start: First byte of the frame, which is long enough for this form.
        form: Of the header: place in ``LENGTHS``.
        header: Out, shape (34,): what stays, zero elsewhere.
    """
    header[:] = 0
    header[:FIXED] = data[start : start + FIXED]
    header[1] &= np.uint8(0xFF ^ _RETRY)
    if form:
        body = 24 if form == 1 else 26
        header[body : body + SNAP] = data[start + body : start + body + SNAP]


@jit
def keys_of(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int32],
    rows: NDArray[np.int64],
    form: int,
    length: int,
    keys: NDArray[np.int64],
) -> None:
    """CRC-32 of what stays of the headers of intact frames.

    Args:
        data: The bytes of all frames.
        offsets: Frame i is ``data[offsets[i]:offsets[i + 1]]``.
        rows: Which frames.
        form: See :func:`copy_header`.
        length: Of the header, see ``LENGTHS``.
        keys: Out: per frame, -1 if its header has not this form.
    """
    header = np.zeros(_LONGEST, np.uint8)
    for i in range(len(rows)):
        start, stop = np.int64(offsets[rows[i]]), np.int64(offsets[rows[i] + 1])
        keys[i] = -1
        if stop - start < length + 4:
            continue
        control = np.int64(load16(data, start))
        kind = control >> 2 & 3
        if kind in (mac.CONTROL, mac.EXTENSION):
            continue
        if form:
            if kind != mac.DATA or control & (mac.PROTECTED | 0x0040) or control & 0x0300 == 0x0300:
                continue
            if (control & 0x0080 != 0) != (form == 2):
                continue
        copy_header(data, start, form, header)
        keys[i] = crc32(header, 0, length)


@jit
def wanted_keys(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int32],
    rows: NDArray[np.int64],
    form: int,
    length: int,
    retry: int,
    shifts: NDArray[np.uint32],
    keys: NDArray[np.int64],
) -> None:
    """CRC-32 of the header that a bad frame would have to have for its FCS to be right.

    Args:
        data: The bytes of all frames.
        offsets: Frame i is ``data[offsets[i]:offsets[i + 1]]``.
        rows: Which frames.
        form: See :func:`copy_header`.
        length: Of the header, see ``LENGTHS``.
        retry: 1: the Retry bit is to be flipped, too; 0: it is right.
        shifts: x to the power of minus the bits behind the header, before the FCS; per frame.
        keys: Out: per frame, -1 if it is too short.
    """
    header = np.zeros(_LONGEST, np.uint8)
    blank = np.zeros(_LONGEST, np.uint8)
    flipped = blank.copy()
    flipped[1] = _RETRY * retry
    change = crc32(flipped, 0, length) ^ crc32(blank, 0, length)
    for i in range(len(rows)):
        start, stop = np.int64(offsets[rows[i]]), np.int64(offsets[rows[i] + 1])
        keys[i] = -1
        if stop - start < length + 4:
            continue
        syndrome = crc32(data, start, stop - 4) ^ load32(data, stop - 4)
        copy_header(data, start, form, header)
        keys[i] = np.int64(crc32(header, 0, length) ^ change ^ multiply(syndrome, shifts[i]))
