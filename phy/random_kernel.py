"""Counter-based random numbers: any draw of any frame, without the draws before it.

The generator is Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy
as 1, 2, 3", SC'11): ten rounds that turn a counter of four 32-bit words, under a key of two,
into four random words. It is used twice:

    identity of a frame = philox(counter = stream, frame (64 bits each), key = seed)
    block i of purpose p = philox(counter = i, p, identity[2:4], key = identity[0:2])

So each draw depends on (seed, stream, frame, purpose, number of the draw) alone, however frames
are batched or spread over processes. A stream says what a frame's channel is (rate, SNR,
receiver ...), a purpose what the draws are for, so that one use never shifts another.

Gaussian draws are Box-Muller pairs with polynomials of single precision in place of the
library's log, sin and cos: they compile to vector instructions, and give the same numbers on
every machine.
"""

# mypy: disable-error-code="assignment, arg-type, return-value, no-any-return"
# pyright: reportArgumentType=false, reportAssignmentType=false, reportReturnType=false
# numba types the inside of kernels: fixed-width integers, where annotations say int.

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..jit import jit

# What the draws of a frame are for: the second word of the counter.
SCRAMBLER, NOISE, FADING, INTERFERENCE = range(4)

_MULTIPLIER_0 = np.uint64(0xD2511F53)
_MULTIPLIER_1 = np.uint64(0xCD9E8D57)
_WEYL_0 = np.uint64(0x9E3779B9)
_WEYL_1 = np.uint64(0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_WORD = np.uint64(32)

_SQRT_HALF = np.float32(0.70710678)
_LN_2 = np.float32(0.69314718)
_QUARTER_TURN = np.float32(1.5707963267948966 * 2.0**-30)
_UNIT = np.float32(2.0**-32)


@jit
def philox(c0: int, c1: int, c2: int, c3: int, k0: int, k1: int) -> tuple[int, int, int, int]:
    """One block of Philox4x32-10: counter and key to four words, each of 32 bits in a uint64."""
    for _ in range(10):
        p0 = _MULTIPLIER_0 * c0
        p1 = _MULTIPLIER_1 * c2
        c0 = (p1 >> _WORD) ^ c1 ^ k0
        c1 = p1 & _LOW
        c2 = (p0 >> _WORD) ^ c3 ^ k1
        c3 = p0 & _LOW
        k0 = (k0 + _WEYL_0) & _LOW
        k1 = (k1 + _WEYL_1) & _LOW
    return c0, c1, c2, c3


@jit
def identify(seed: int, stream: int, frame: int, identity: NDArray[np.uint64]) -> None:
    """What the draws of one frame are keyed with.

    Args:
        seed: Any 64 bits.
        stream: Any 64 bits.
        frame: Any 64 bits.
        identity: Out, four 32-bit words.
    """
    seed, stream, frame = np.uint64(seed), np.uint64(stream), np.uint64(frame)
    w0, w1, w2, w3 = philox(
        stream & _LOW, stream >> _WORD, frame & _LOW, frame >> _WORD, seed & _LOW, seed >> _WORD
    )
    identity[0] = w0
    identity[1] = w1
    identity[2] = w2
    identity[3] = w3


@jit
def random_words(
    identity: NDArray[np.uint64], purpose: int, first: int, words: NDArray[np.uint32]
) -> None:
    """Random 32-bit words: of block ``first`` the four words, of the next one, and so on.

    Args:
        identity: As :func:`identify` gives it.
        purpose: Separates draws of one frame for different things.
        first: Number of the first block.
        words: Out; its length is a multiple of four.
    """
    purpose, first = np.uint64(purpose), np.uint64(first)
    k0, k1, i2, i3 = identity[0], identity[1], identity[2], identity[3]
    for i in range(len(words) // 4):
        w0, w1, w2, w3 = philox((first + np.uint64(i)) & _LOW, purpose, i2, i3, k0, k1)
        words[4 * i] = w0
        words[4 * i + 1] = w1
        words[4 * i + 2] = w2
        words[4 * i + 3] = w3


@jit
def natural_log(x: float) -> float:
    """Natural logarithm of a positive normal float32, within 2e-7 of the larger of it and 1."""
    bits = np.float32(x).view(np.int32)
    exponent = np.int32((bits >> np.int32(23)) - np.int32(126))
    mantissa = np.int32((bits & np.int32(0x007FFFFF)) | np.int32(0x3F000000)).view(np.float32)
    # The mantissa lies in [sqrt(1/2), sqrt(2)) around 1, where 2 atanh(s) converges at once.
    small = mantissa < _SQRT_HALF
    mantissa = mantissa + mantissa if small else mantissa
    exponent = exponent - np.int32(1) if small else exponent
    s = (mantissa - np.float32(1)) / (mantissa + np.float32(1))
    z = s * s
    series = np.float32(1 / 9) * z + np.float32(1 / 7)
    series = series * z + np.float32(1 / 5)
    series = series * z + np.float32(1 / 3)
    series = series * z + np.float32(1)
    return np.float32(exponent) * _LN_2 + np.float32(2) * s * series


@jit
def cosine_sine(angle: int) -> tuple[float, float]:
    """Cosine and sine, as float32, of ``angle`` turns of 2^-32, a 32-bit word."""
    # From the nearest quarter turn: at most pi/4 away, where short series do.
    turned = np.int64(angle) + np.int64(1 << 29)
    quadrant = turned >> np.int64(30)
    rest = np.int32((turned & np.int64((1 << 30) - 1)) - np.int64(1 << 29))
    x = np.float32(rest) * _QUARTER_TURN
    z = x * x
    sine = np.float32(-1 / 5040) * z + np.float32(1 / 120)
    sine = sine * z - np.float32(1 / 6)
    sine = sine * z * x + x
    cosine = np.float32(1 / 40320) * z - np.float32(1 / 720)
    cosine = cosine * z + np.float32(1 / 24)
    cosine = cosine * z - np.float32(0.5)
    cosine = cosine * z + np.float32(1)
    swapped = (quadrant & np.int64(1)) != 0
    first = sine if swapped else cosine
    second = cosine if swapped else sine
    first = -first if ((quadrant + np.int64(1)) & np.int64(2)) != 0 else first
    second = -second if (quadrant & np.int64(2)) != 0 else second
    return first, second


@jit
def normals(
    identity: NDArray[np.uint64], purpose: int, first: int, values: NDArray[np.float32]
) -> None:
    """Independent draws of mean 0 and variance 1: four of block ``first``, and so on.

    Args:
        identity: As :func:`identify` gives it.
        purpose: Separates draws of one frame for different things.
        first: Number of the first block.
        values: Out; its length is a multiple of four.
    """
    purpose, first = np.uint64(purpose), np.uint64(first)
    k0, k1, i2, i3 = identity[0], identity[1], identity[2], identity[3]
    for i in range(len(values) // 4):
        w0, w1, w2, w3 = philox((first + np.uint64(i)) & _LOW, purpose, i2, i3, k0, k1)
        for half in range(2):
            u, angle = (w0, w1) if half == 0 else (w2, w3)
            # u + 1/2 keeps the logarithm's argument above 0.
            uniform = (np.float32(np.int64(u)) + np.float32(0.5)) * _UNIT
            radius = np.sqrt(max(np.float32(-2) * natural_log(uniform), np.float32(0)))
            cosine, sine = cosine_sine(np.int64(angle))
            values[4 * i + 2 * half] = radius * cosine
            values[4 * i + 2 * half + 1] = radius * sine
