"""The compiled loop behind error masks: which bits of a known part differ."""

# mypy: disable-error-code="assignment, arg-type, return-value, no-any-return"
# pyright: reportArgumentType=false, reportAssignmentType=false, reportReturnType=false
# numba types the inside of kernels: fixed-width integers, where annotations say int.

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..jit import jit


@jit
def list_flips(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    begins: NDArray[np.int64],
    bounds: NDArray[np.int64],
    originals: NDArray[np.uint8],
    flips: NDArray[np.int32],
) -> int:
    """Positions of the wrong bits of some frames, one frame after the other.

    Args:
        data: The bytes of all frames.
        starts: Where each frame begins in ``data``.
        begins: Offset in the frame of its known part, in bytes.
        bounds: Shape (frames, 2): frame k's original is ``originals[bounds[k, 0]:bounds[k, 1]]``.
        originals: The known parts as they were sent.
        flips: Out: byte * 8 + bit, rising within each frame; as long as there are errors.

    Returns:
        How many there are.
    """
    n = 0
    for k in range(len(starts)):
        at = starts[k] + begins[k]
        first = bounds[k, 0]
        for i in range(bounds[k, 1] - first):
            wrong = data[at + i] ^ originals[first + i]
            if wrong:
                position = 8 * (begins[k] + i)
                for bit in range(8):
                    if wrong >> bit & 1:
                        flips[n] = position + bit
                        n += 1
    return n
