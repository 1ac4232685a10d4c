"""Channels at the level of bits: which bits of a frame arrive wrong.

Every draw depends on the seed, the stream (a rate, say) and the frame's number alone, so the
errors of a frame are the same however frames are batched or spread over processes: the
generator is counter-based (Philox, Salmon et al. 2011), keyed anew for each frame.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class BinarySymmetricChannel:
    """Each bit is flipped with the same probability, independently of all others.

    Args:
        error_rate: That probability, 0 to 1.
        seed: Any integer from 0 to 2^64 - 1.
    """

    def __init__(self, error_rate: float, seed: int) -> None:
        if not 0 <= error_rate <= 1:
            raise ValueError(f"error_rate={error_rate}, wanted 0 to 1")
        self._error_rate = error_rate
        self._seed = seed

    def errors(self, bits: int, stream: int, frame: int) -> NDArray[np.int64]:
        """Sorted positions of the flipped bits of one frame.

        Args:
            bits: Length of the frame.
            stream: Distinguishes draws with the same frame number.
            frame: Number of the frame in its stream.
        """
        bit_generator = np.random.Philox(key=self._seed, counter=[0, 0, stream, frame])
        draw = np.random.Generator(bit_generator)
        count = draw.binomial(bits, self._error_rate)
        return np.sort(draw.choice(bits, count, replace=False))
