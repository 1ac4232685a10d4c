"""The compiled loop behind known headers: those of data frames, in rows of one size."""

# mypy: disable-error-code="assignment, arg-type, return-value, no-any-return"
# pyright: reportArgumentType=false, reportAssignmentType=false, reportReturnType=false
# numba types the inside of kernels: fixed-width integers, where annotations say int.

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..dot11 import mac
from ..dot11.kernels import header_length, load16
from ..jit import lean_jit

LONGEST = 36  # four addresses, QoS and HT control


@lean_jit
def list_headers(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int32],
    rows: NDArray[np.int64],
    headers: NDArray[np.uint8],
) -> int:
    """The MAC headers of the data frames among some, without their sequence numbers.

    Args:
        data: The bytes of all frames.
        offsets: Frame i is ``data[offsets[i]:offsets[i + 1]]``.
        rows: Which frames; those that are shorter than the longest header are passed over.
        headers: Out, shape (rows, LONGEST), zero: a header a row, zero where it is shorter.

    Returns:
        How many headers there are.
    """
    count = 0
    for k in range(len(rows)):
        start, stop = np.int64(offsets[rows[k]]), np.int64(offsets[rows[k] + 1])
        if stop - start < LONGEST:
            continue
        control = np.int64(load16(data, start))
        if control >> 2 & 3 != mac.DATA:
            continue
        for i in range(header_length(control)):
            if i < 22 or i >= 24:
                headers[count, i] = data[start + i]
        count += 1
    return count
