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

In 16-QAM and 64-QAM coded bits are not alike: of the two or three bits of an axis, the last one
has another point's value next to every point, the one before only next to half of them, and the
first of 64-QAM next to a quarter. So they are wrong half, or a quarter, as often, and count for
more: a *code* says what each coded bit costs, in turn, and the weight of an event is the sum. The
interleaver repeats itself after 16 bits for each bit of an axis, and with it the phases.
"""

from __future__ import annotations

import functools
import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import interleaver
from .convolutional import OUTPUTS, PUNCTURING, STATES
from .events_kernel import MASK_WORDS, MAX_SPAN, walk

CodeRate = tuple[int, int]


class Code(NamedTuple):
    """A punctured code, and what its coded bits count for.

    Attributes:
        code_rate: One of ``PUNCTURING``.
        costs: Of the coded bits that are sent, in turn.
    """

    code_rate: CodeRate
    costs: tuple[int, ...] = (1,)

    @classmethod
    def of(cls, code_rate: CodeRate, bits_per_axis: int) -> Code:
        """The code where each axis of the constellation has so many bits, 1 to 3.

        Raises:
            KeyError: 802.11a has no rate with both.
        """
        if bits_per_axis == 1:
            return cls(code_rate)
        wrong, seldom = COSTS[code_rate, bits_per_axis]
        turns = 16 * bits_per_axis
        place = interleaver.permutation(3 * turns, 2 * bits_per_axis)[:turns] % bits_per_axis
        return cls(code_rate, tuple((wrong + seldom * (bits_per_axis - 1 - place)).tolist()))

    @property
    def period(self) -> int:
        """Data bits after which it repeats."""
        bits = len(PUNCTURING[self.code_rate]) // 2
        return (
            bits
            * math.lcm(sum(PUNCTURING[self.code_rate]), len(self.costs))
            // sum(PUNCTURING[self.code_rate])
        )


# By code rate and bits of an axis: what a wrong coded bit costs, and what one that is wrong half as
# often costs beyond, in about the ratio of their information. Of the latter that is one bit. Of the
# former it is the exponent of a step to the next point, Es / N0 over 10 (16-QAM) or 42 (64-QAM), in
# bits: where half of the frames of 1,500 bytes break 1.0, 2.2, 1.3 and 1.8.
COSTS: Final = {
    ((1, 2), 2): (1, 1),
    ((3, 4), 2): (2, 1),
    ((2, 3), 3): (4, 3),
    ((3, 4), 3): (2, 1),
}

# By code: events beyond are above a million over all phases, and take up to a second to list.
HEAVIEST: Final = {
    Code((1, 2)): 22,
    Code((2, 3)): 15,
    Code((3, 4)): 12,
    Code((5, 6)): 9,
    Code.of((1, 2), 2): 30,
    Code.of((3, 4), 2): 27,
    Code.of((2, 3), 3): 88,
    Code.of((3, 4), 3): 31,
}


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


def spectrum(code: Code, max_weight: int) -> NDArray[np.int64]:
    """Numbers of events by weight, shape (phases, max_weight + 1); see :func:`census`."""
    return np.asarray(census(code, max_weight).sum(axis=2))


def census(code: Code, max_weight: int) -> NDArray[np.int64]:
    """Numbers of events that span at most 128 bits.

    Args:
        code: The code.
        max_weight: The heaviest to count.

    Returns:
        Shape (phases of the first wrong bit, max_weight + 1, MAX_SPAN + 1): events by weight and
        span.
    """
    phases = code.period
    counts = np.zeros((phases, max_weight + 1, MAX_SPAN + 1), np.int64)
    none = _room(0)
    for phase in range(phases):
        walk(
            *_tables(code),
            phase,
            max_weight,
            counts[phase],
            none.masks,
            none.weights,
            none.phases,
        )
    return counts


def events(code: Code, max_weight: int) -> Events:
    """All events that span at most 128 bits; arguments as above."""
    phases = code.period
    numbers = spectrum(code, max_weight).sum(axis=1)
    listed = _room(int(numbers.sum()))
    ends = np.cumsum(numbers)
    for phase in range(phases):
        here = slice(ends[phase] - numbers[phase], ends[phase])
        walk(
            *_tables(code),
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


@functools.cache
def _tables(code: Code) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Weight of each step, shape (phases, 128), and of the lightest way back, (phases, 64)."""
    kept = np.resize(np.array(PUNCTURING[code.code_rate]), 2 * code.period)
    costs = np.zeros(len(kept), np.int64)
    costs[kept > 0] = np.resize(np.array(code.costs), kept.sum())
    steps = (OUTPUTS * costs.reshape(-1, 1, 2)).sum(axis=2)
    registers = np.arange(2 * STATES).reshape(STATES, 2)  # by state and data bit
    back = np.full((len(steps), STATES), 1 << 30)
    back[:, 0] = 0
    while True:
        onward = np.roll(back, -1, axis=0)[:, registers % STATES]
        shorter = np.minimum(back, (steps[:, registers] + onward).min(axis=2))
        if (shorter == back).all():
            return steps, back
        back = shorter
