"""The scrambler of the DATA field: IEEE 802.11-2020, 17.3.5.5.

    data ---------------------------------(+)---> scrambled
                                           ^
      +------------------------------------+
      |                                    |
      +-->[x1][x2][x3][x4][x5][x6][x7]--->(+)
                        |                  ^
                        +------------------+

S(x) = x^7 + x^4 + 1 as a shift register: each step gives x7 xor x4, which becomes the next x1.
The sequence has period 127 whatever the state (unless it is 0), and is added to the data, so
that the same step descrambles.

A state is a number of seven bits, x1 the lowest. The first seven bits of the SERVICE field are
zero, so they arrive as the sequence itself, and the receiver's register holds them after seven
steps. Where one of them is received wrong, the whole rest is descrambled from a wrong state.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

STATES = 128
PERIOD = 127


def sequence(state: int, bits: int) -> NDArray[np.uint8]:
    """So many bits that the register gives from a state on."""
    given = np.empty(bits, np.uint8)
    for i in range(bits):
        given[i] = bit = (state >> 6 ^ state >> 3) & 1
        state = (state << 1 | bit) & 0x7F
    return given


def state_after(given: NDArray[np.uint8]) -> int:
    """The register's state after it gave these bits, the last seven of them at least."""
    return int(sum(int(bit) << i for i, bit in enumerate(given[:-8:-1])))


def sequences() -> NDArray[np.uint8]:
    """One period from each state, shape (STATES, PERIOD): the table that kernels use."""
    return np.array([sequence(state, PERIOD) for state in range(STATES)])
