"""The Viterbi decoder of the K = 7 code, one butterfly a vector lane.

States as in convolutional.py: i and i + 32 both lead to 2 i (bit 0) and 2 i + 1 (bit 1). Both
generators include the current and the oldest bit, so the four branches of a butterfly have one
metric m up to its sign:

    i      --- bit 0: +m ---> 2 i        i + 32 --- bit 0: -m ---> 2 i
    i      --- bit 1: -m ---> 2 i + 1    i + 32 --- bit 1: +m ---> 2 i + 1

Metrics are 16-bit numbers that wrap. Any two states' metrics differ by less than
4 * MAX_SOFT * 6 < 2^15, as each is reached from the other's predecessors in six steps, so the
sign of a wrapped difference is right and nothing needs to be normalised.
"""

# mypy: disable-error-code="assignment, arg-type, return-value, no-any-return"
# pyright: reportArgumentType=false, reportAssignmentType=false, reportReturnType=false
# numba types the inside of kernels: fixed-width integers, where annotations say int.

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..jit import jit
from .convolutional import OUTPUTS, STATES

BUTTERFLIES = STATES // 2
MAX_SOFT = 511  # of a soft bit's magnitude

# Signs of A and B on the branch from state i with bit 0.
_SIGN_A = (2 * OUTPUTS[: 2 * BUTTERFLIES : 2, 0].astype(np.int16) - 1).astype(np.int16)
_SIGN_B = (2 * OUTPUTS[: 2 * BUTTERFLIES : 2, 1].astype(np.int16) - 1).astype(np.int16)

_OTHER_STATES = np.int16(-24 * MAX_SOFT)  # metric before the first bit: out of reach


@jit
def step(
    metric: NDArray[np.int16],
    after: NDArray[np.int16],
    survivors: NDArray[np.uint8],
    a: np.int16,
    b: np.int16,
) -> None:
    """One bit of data.

    Args:
        metric: Of the 64 states.
        after: Out, likewise.
        survivors: Out, of each butterfly: bit 0 (bit 1) is set where the better way to 2 i
            (2 i + 1) comes from i + 32.
        a: Soft bit, positive for a one.
        b: The second, likewise.
    """
    for i in range(BUTTERFLIES):
        m = np.int16(np.int16(_SIGN_A[i] * a) + np.int16(_SIGN_B[i] * b))
        low_0, high_0 = np.int16(metric[i] + m), np.int16(metric[i + BUTTERFLIES] - m)
        low_1, high_1 = np.int16(metric[i] - m), np.int16(metric[i + BUTTERFLIES] + m)
        from_high_0 = np.int16(high_0 - low_0) > np.int16(0)
        from_high_1 = np.int16(high_1 - low_1) > np.int16(0)
        after[2 * i] = high_0 if from_high_0 else low_0
        after[2 * i + 1] = high_1 if from_high_1 else low_1
        survivors[i] = np.uint8(from_high_0) | np.uint8(np.uint8(from_high_1) << np.uint8(1))


@jit
def decode(soft: NDArray[np.int16], survivors: NDArray[np.uint8], data: NDArray[np.uint8]) -> None:
    """The most likely data that start and end in state zero.

    Args:
        soft: Of the mother code, positive for a one, within MAX_SOFT; two for each bit of data.
        survivors: Room for the decisions, shape (bits of data or more, BUTTERFLIES).
        data: Out.
    """
    metric, after = np.empty(STATES, np.int16), np.empty(STATES, np.int16)
    metric[:] = _OTHER_STATES
    metric[0] = 0
    for i in range(len(data)):
        step(metric, after, survivors[i], soft[2 * i], soft[2 * i + 1])
        metric, after = after, metric
    state = np.uint32(0)
    for i in range(len(data) - 1, -1, -1):
        data[i] = state & np.uint32(1)
        butterfly = state >> np.uint32(1)
        from_high = (np.uint32(survivors[i, butterfly]) >> (state & np.uint32(1))) & np.uint32(1)
        state = butterfly | (from_high << np.uint32(5))
