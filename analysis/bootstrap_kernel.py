"""The compiled loop behind resampling: how often each unit counts, added up by replicate."""

# mypy: disable-error-code="assignment, arg-type, return-value, no-any-return"
# pyright: reportArgumentType=false, reportAssignmentType=false, reportReturnType=false
# numba types the inside of kernels: fixed-width integers, where annotations say int.

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..jit import lean_jit


@lean_jit
def add_drawn(
    rows: NDArray[np.float64],
    draws: NDArray[np.uint16],
    table: NDArray[np.float64],
    sums: NDArray[np.float64],
) -> None:
    """Add units to replicates, each as often as it was drawn.

    Units are added in their order, so that sums are the same on every machine.

    Args:
        rows: Bits and errors of each unit, shape (units, 2).
        draws: Shape (units, replicates).
        table: What a draw means: how often the unit counts.
        sums: In and out, shape (2, replicates).
    """
    for i in range(len(rows)):
        bits, errors = rows[i, 0], rows[i, 1]
        for r in range(sums.shape[1]):
            times = table[draws[i, r]]
            sums[0, r] += times * bits
            sums[1, r] += times * errors
