"""Error events of the convolutional code: what a Viterbi decoder gets wrong.

The code is linear, so a decoder that chose a wrong path added a path of the trellis to what was
sent. Such a path leaves state zero and comes back, one *event* after the other; the coded bits
that it has are its *weight*, and the fewer the likelier. Its data bits are those that come out
wrong, from the first to the last, which is six bits before the path is back:

    data     1 0 1 1 0 0 1 0 0 0 0 0 0        span 7: the wrong bits are 0, 2, 3 and 6
    state  0 . . . . . . . . . . . . 0

At rate 1/2 there are 11 events of weight 10, 38 of 12, 193 of 14, 1331 of 16: the spectrum of
the code. Where bits are left out (PUNCTURING) events and weights depend on the *phase* of an
event, the number of a data bit in the DATA field modulo the period, 2, 3 or 5 bits.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .convolutional import OUTPUTS, PUNCTURING, STATES
from .events_kernel import MASK_WORDS, MAX_SPAN, walk

CodeRate = tuple[int, int]

# Events beyond: above a million for each data bit, and up to a second to list.
MAX_WEIGHT: Final = {(1, 2): 22, (2, 3): 15, (3, 4): 12, (5, 6): 9}


class Events(NamedTuple):
    """Events of a code rate, whatever their order.

    Attributes:
        masks: uint64, shape (events, MASK_WORDS): bit k of the words, lowest first, is the data
            bit that is k bits before the last wrong one.
        weights: uint8, shape (events,).
        phases: uint8, shape (events,): of the last wrong bit.
    """

    masks: NDArray[np.uint64]
    weights: NDArray[np.uint8]
    phases: NDArray[np.uint8]


def period(code_rate: CodeRate) -> int:
    """Data bits after which the puncturing repeats."""
    return len(PUNCTURING[code_rate]) // 2


def spectrum(code_rate: CodeRate, max_weight: int) -> NDArray[np.int64]:
    """Numbers of events by weight, shape (phases, max_weight + 1); see :func:`census`."""
    return np.asarray(census(code_rate, max_weight).sum(axis=2))


def census(code_rate: CodeRate, max_weight: int) -> NDArray[np.int64]:
    """Numbers of events that span at most 128 bits.

    Args:
        code_rate: One of ``PUNCTURING``.
        max_weight: The heaviest to count.

    Returns:
        Shape (phases of the first wrong bit, max_weight + 1, MAX_SPAN + 1): events by weight and
        span.
    """
    phases = period(code_rate)
    counts = np.zeros((phases, max_weight + 1, MAX_SPAN + 1), np.int64)
    none = _room(0)
    for phase in range(phases):
        walk(
            *_tables(code_rate),
            phase,
            max_weight,
            counts[phase],
            none.masks,
            none.weights,
            none.phases,
        )
    return counts


def events(code_rate: CodeRate, max_weight: int) -> Events:
    """All events that span at most 128 bits; arguments as above."""
    phases = period(code_rate)
    numbers = spectrum(code_rate, max_weight).sum(axis=1)
    listed = _room(int(numbers.sum()))
    ends = np.cumsum(numbers)
    for phase in range(phases):
        here = slice(ends[phase] - numbers[phase], ends[phase])
        walk(
            *_tables(code_rate),
            phase,
            max_weight,
            np.zeros((max_weight + 1, MAX_SPAN + 1), np.int64),
            listed.masks[here],
            listed.weights[here],
            listed.phases[here],
        )
    return listed


def _room(number: int) -> Events:
    return Events(
        np.zeros((number, MASK_WORDS), np.uint64),
        np.zeros(number, np.uint8),
        np.zeros(number, np.uint8),
    )


def _tables(code_rate: CodeRate) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Weight of each step, shape (phases, 128), and of the lightest way back, (phases, 64)."""
    kept = np.array(PUNCTURING[code_rate]).reshape(-1, 1, 2)
    steps = (OUTPUTS * kept).sum(axis=2).astype(np.int64)
    registers = np.arange(2 * STATES).reshape(STATES, 2)  # by state and data bit
    back = np.full((len(kept), STATES), 1 << 30)
    back[:, 0] = 0
    while True:
        onward = np.roll(back, -1, axis=0)[:, registers % STATES]
        shorter = np.minimum(back, (steps[:, registers] + onward).min(axis=2))
        if (shorter == back).all():
            return steps, back
        back = shorter
