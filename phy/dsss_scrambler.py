"""The self-synchronising scrambler of 802.11b: 1 + z^-4 + z^-7.

IEEE 802.11-2020, 15.2.4 and 16.2.4. The scrambler adds to each bit those that it *sent* four and
seven bits ago; the descrambler adds those that it *received* four and seven bits ago. So the
receiver is in step after seven bits, whatever it started with, and one wrong bit on the air at i
makes three wrong bits: i, i + 4 and i + 7.

Bits are arrays of 0 and 1 (uint8) in the order of the air. The state of either side is its
history: the last seven bits on the air, oldest first, that is from Z7 to Z1 of the standard.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Bits = NDArray[np.uint8]

HISTORY = 7
LONG_PREAMBLE_SEED: Bits = np.array([0, 0, 1, 1, 0, 1, 1], np.uint8)  # Z1 to Z7 are 1101100


def scramble(bits: Bits, history: Bits) -> Bits:
    """What is sent for ``bits`` after ``history``."""
    air = history.tolist()
    for bit in bits.tolist():
        air.append(bit ^ air[-4] ^ air[-7])
    return np.array(air[HISTORY:], np.uint8)


def descramble(air: Bits, history: Bits) -> Bits:
    """What was meant by ``air`` after ``history``."""
    heard = np.concatenate([history, air])
    meant: Bits = heard[7:] ^ heard[3:-4] ^ heard[:-7]
    return meant
