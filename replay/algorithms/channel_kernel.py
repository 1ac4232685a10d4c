"""Search for the few channel errors of 802.11b that explain a syndrome, compiled."""

# mypy: disable-error-code="assignment, arg-type, return-value, no-any-return"
# pyright: reportArgumentType=false, reportAssignmentType=false, reportReturnType=false
# numba types the inside of kernels: fixed-width integers, where annotations say int.

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...dot11.kernels import crc32, load32
from ...jit import jit
from .flip_kernel import search


@jit
def search_channel(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int32],
    rows: NDArray[np.int64],
    errors: int,
    effects: NDArray[np.uint32],
    keys: NDArray[np.uint32],
    exponents: NDArray[np.int32],
    found: NDArray[np.int64],
    candidates: NDArray[np.int64],
) -> None:
    """Count the sets of exactly so many channel errors that explain each frame's syndrome.

    Args:
        data: The bytes of all frames.
        offsets: Frame i is ``data[offsets[i]:offsets[i + 1]]``.
        rows: Which frames are bad; they have an FCS.
        errors: 1, 2 or 3.
        effects: Syndrome of one channel error with m bits behind it, at index m.
        keys: See ``flip_kernel.fill_table``.
        exponents: Likewise.
        found: Out, shape (bad frames, 3): the positions of the first set, sorted.
        candidates: Out: number of sets.
    """
    for i in range(len(rows)):
        start, stop = np.int64(offsets[rows[i]]), np.int64(offsets[rows[i] + 1])
        syndrome = crc32(data, start, stop - 4) ^ load32(data, stop - 4)
        bits = 8 * (stop - start)
        candidates[i] = search(syndrome, bits, errors, effects, keys, exponents, found[i])
