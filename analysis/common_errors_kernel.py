"""The compiled loop behind copies of a packet: what is the same in all of them."""

# mypy: disable-error-code="assignment, arg-type, return-value, no-any-return"
# pyright: reportArgumentType=false, reportAssignmentType=false, reportReturnType=false
# numba types the inside of kernels: fixed-width integers, where annotations say int.

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..dot11 import mac
from ..jit import lean_jit

_RETRY = mac.RETRY >> 8  # in the second byte


@lean_jit
def copy_names(
    originals: NDArray[np.uint8],
    starts: NDArray[np.int64],
    lengths: NDArray[np.int64],
    begins: NDArray[np.int64],
    names: NDArray[np.uint8],
) -> None:
    """Copy the begin of some known parts, one behind the other, with the Retry bit cleared.

    Args:
        originals: The known parts.
        starts: Where each begins.
        lengths: How many bytes of each; none where negative.
        begins: The first bit of each in its frame.
        names: Out: as long as the lengths together.
    """
    end = 0
    for k in range(len(starts)):
        for i in range(lengths[k]):
            names[end + i] = originals[starts[k] + i]
        retry = 1 - begins[k] // 8
        if 0 <= retry < lengths[k]:
            names[end + retry] &= np.uint8(0xFF ^ _RETRY)
        end += lengths[k]
