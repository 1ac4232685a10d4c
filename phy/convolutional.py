"""The convolutional code: IEEE 802.11-2020, 17.3.5.6.

K = 7, generators g0 = 133 and g1 = 171 (octal). For each bit of data, the two sums A and B of it
and of those before it are sent, A first:

    delay   0  1  2  3  4  5  6
    A       1  0  1  1  0  1  1   133
    B       1  1  1  1  0  0  1   171

The code starts and, through six zero bits of tail, ends in state zero. Here a state is the last
six bits as a number, the newest lowest: bit u takes s to (2 s + u) mod 64, and the states i and
i + 32 both lead to 2 i and 2 i + 1 (a butterfly).

Rates 2/3 and 3/4 leave out bits of the mother code: B of every second bit, and B of the second
and A of the third of every three (PUNCTURING); 5/6, of HT and later (19.3.11.6), goes on to leave
out B and A in turn up to the fifth. The receiver puts zeros in their place: soft bits
that say nothing.

The functions here say what the code is; the receiver's decoder is in viterbi_kernel.py.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

CONSTRAINT_LENGTH: Final = 7
STATES: Final = 64
TAIL: Final = CONSTRAINT_LENGTH - 1
GENERATORS: Final = (0o133, 0o171)

# Which bits of the mother code are sent, A and B in turn, by code rate.
PUNCTURING: Final = {
    (1, 2): (1, 1),
    (2, 3): (1, 1, 1, 0),
    (3, 4): (1, 1, 1, 0, 0, 1),
    (5, 6): (1, 1, 1, 0, 0, 1, 1, 0, 0, 1),
}


def _outputs() -> NDArray[np.uint8]:
    # Generators name the current bit first; registers here have it last.
    masks = [int(f"{generator:07b}"[::-1], 2) for generator in GENERATORS]
    return np.array(
        [[(register & mask).bit_count() & 1 for mask in masks] for register in range(2 * STATES)],
        np.uint8,
    )


# The bits A and B for each register: 2 * state + data bit, before the step. Shape (128, 2).
OUTPUTS: Final = _outputs()


def encode(data: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Bits of the mother code, from state zero: A and B for each bit of data."""
    coded = np.empty((len(data), 2), np.uint8)
    state = 0
    for i, bit in enumerate(data):
        register = 2 * state + int(bit)
        coded[i] = OUTPUTS[register]
        state = register % STATES
    return coded.reshape(-1)


def sent(code_rate: tuple[int, int], coded: int) -> NDArray[np.bool_]:
    """Which of so many bits of the mother code are sent."""
    return np.resize(np.array(PUNCTURING[code_rate], bool), coded)


def decode(soft: NDArray[np.float64], data: int) -> NDArray[np.uint8]:
    """The most likely data (Viterbi), given that they end in state zero.

    Args:
        soft: Log-likelihood ratios of the mother code's bits, positive where a one is more
            likely, zero where nothing is known.
        data: Number of bits; ``soft`` has twice as many.
    """
    before = np.arange(STATES) // 2 + np.array([[0], [STATES // 2]])  # of each state, both
    signs = 2.0 * OUTPUTS[2 * before + np.arange(STATES) % 2] - 1
    metric = np.where(np.arange(STATES) == 0, 0.0, -np.inf)
    survivors = np.empty((data, STATES), np.int64)
    for i in range(data):
        candidates = metric[before] + signs @ soft[2 * i : 2 * i + 2]
        better = (candidates[1] > candidates[0]).astype(np.int64)
        metric = np.take_along_axis(candidates, better[None], axis=0)[0]
        survivors[i] = np.take_along_axis(before, better[None], axis=0)[0]
    decoded = np.empty(data, np.uint8)
    state = 0
    for i in range(data - 1, -1, -1):
        decoded[i] = state & 1
        state = survivors[i, state]
    return decoded
