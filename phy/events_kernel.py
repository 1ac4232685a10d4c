"""Walk through all error events of the code up to a weight, compiled; see error_events.py."""

# mypy: disable-error-code="assignment, arg-type, return-value, no-any-return"
# pyright: reportArgumentType=false, reportAssignmentType=false, reportReturnType=false
# numba types the inside of kernels: fixed-width integers, where annotations say int.

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..jit import jit
from .convolutional import STATES, TAIL

MASK_WORDS: Final = 2
MAX_SPAN: Final = 64 * MASK_WORDS


@jit
def walk(
    steps: NDArray[np.int64],
    back: NDArray[np.int64],
    phase: int,
    max_weight: int,
    census: NDArray[np.int64],
    masks: NDArray[np.uint64],
    weights: NDArray[np.uint8],
    phases: NDArray[np.uint8],
) -> None:
    """Depth first through the trellis, leaving paths that cannot be back in time.

    Args:
        steps: Shape (phases, 128): weight of the step at each register.
        back: Shape (phases, 64): least weight from each state to state zero.
        phase: Of the first wrong bit.
        max_weight: Of the events.
        census: Out, zeroed, shape (max_weight + 1, MAX_SPAN + 1): events by weight and span.
        masks: Out, zeroed, of all events or of none: see ``error_events.Events``.
        weights: Out, likewise.
        phases: Out, likewise.
    """
    period = len(steps)
    deepest = MAX_SPAN + TAIL - 1
    bit = np.zeros(deepest + 1, np.uint8)
    tried = np.zeros(deepest + 1, np.int64)
    state = np.zeros(deepest + 1, np.int64)
    weight = np.zeros(deepest + 1, np.int64)
    bit[0] = 1
    state[0] = 1
    weight[0] = steps[phase, 1]
    depth = 0
    number = 0
    while depth >= 0:
        data = tried[depth]
        if data == 2:
            depth -= 1
            continue
        tried[depth] = data + 1
        register = 2 * state[depth] + data
        onward = register % STATES
        here = (phase + depth + 1) % period
        total = weight[depth] + steps[here, register]
        if total + back[(here + 1) % period, onward] > max_weight:
            continue
        if onward == 0:
            span = depth + 2 - TAIL
            census[total, span] += 1
            if number < len(masks):
                for k in range(span):
                    masks[number, k >> 6] |= np.uint64(bit[span - 1 - k]) << np.uint64(k & 63)
                weights[number] = total
                phases[number] = (phase + span - 1) % period
                number += 1
        elif depth + 1 < deepest:
            depth += 1
            bit[depth] = data
            tried[depth] = 0
            state[depth] = onward
            weight[depth] = total
