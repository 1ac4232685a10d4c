"""Counter-based random numbers: any draw of any frame, without the draws before it.

The generator is Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy
as 1, 2, 3", SC'11): ten rounds that turn a counter of four 32-bit words, under a key of two,
into four random words. It is used twice:

    identity of a frame = philox(counter = stream, frame (64 bits each), key = seed)
    block b of purpose p = philox(counter = b, p, identity[2:4], key = identity[0:2])

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

from ..jit import inline_jit, jit

# What the draws of a frame are for: the second word of the counter.
SCRAMBLER, NOISE, FADING, INTERFERENCE, BURST_START = range(5)

LANES = 16  # blocks that are computed side by side
GROUP = 4 * LANES  # words, or normal draws, that they give

_MULTIPLIER_0 = np.uint64(0xD2511F53)
_MULTIPLIER_1 = np.uint64(0xCD9E8D57)
_WEYL_0 = np.uint64(0x9E3779B9)
_WEYL_1 = np.uint64(0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_WORD = np.uint64(32)

_SQRT_HALF = np.float32(0.70710678)
_LN_OF_2 = np.float32(0.69314718)
# ln(1 + x) = x - x^2 / 2 + x^3 p(x): p interpolated at 400 Chebyshev nodes, without a division,
# which kernels check for zero.
_LN_0, _LN_1, _LN_2, _LN_3, _LN_4, _LN_5, _LN_6 = (
    np.float32(coefficient)
    for coefficient in (
        0.3333341, -0.25000922, 0.19985128, -0.16592856, 0.14676397, -0.14118425, 0.092722143
    )
)  # fmt: skip
_QUARTER_TURN = np.float32(1.5707963267948966 * 2.0**-30)
_UNIT = np.float32(2.0**-32)


@inline_jit
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
    """Random words of 32 bits, from group ``first`` on.

    A group is ``GROUP`` words: the first words of 16 blocks, then their second words, and so on,
    because 16 blocks are computed side by side.

    Args:
        identity: As :func:`identify` gives it.
        purpose: Separates draws of one frame for different things.
        first: Number of the first group.
        words: Out; its length is a multiple of ``GROUP``.
    """
    purpose, first = np.uint64(purpose), np.uint64(first)
    k0, k1, i2, i3 = identity[0], identity[1], identity[2], identity[3]
    for group in range(len(words) // GROUP):
        block = (first + np.uint64(group)) * np.uint64(LANES)
        some = words[group * GROUP : (group + 1) * GROUP]
        for j in range(LANES):
            w0, w1, w2, w3 = philox((block + np.uint64(j)) & _LOW, purpose, i2, i3, k0, k1)
            some[j] = w0
            some[j + LANES] = w1
            some[j + 2 * LANES] = w2
            some[j + 3 * LANES] = w3


@inline_jit
def natural_log(x: float) -> float:
    """Natural logarithm of a positive normal float32, within 2e-7, relative if it is over 1."""
    bits = np.float32(x).view(np.int32)
    exponent = np.int32((bits >> np.int32(23)) - np.int32(126))
    mantissa = np.int32((bits & np.int32(0x007FFFFF)) | np.int32(0x3F000000)).view(np.float32)
    # The mantissa is brought to [sqrt(1/2), sqrt(2)), around 1.
    small = mantissa < _SQRT_HALF
    mantissa = mantissa + mantissa if small else mantissa
    exponent = np.int32(exponent - np.int32(1)) if small else exponent
    x = mantissa - np.float32(1)
    series = _LN_6 * x + _LN_5
    series = series * x + _LN_4
    series = series * x + _LN_3
    series = series * x + _LN_2
    series = series * x + _LN_1
    series = series * x + _LN_0
    series = series * x - np.float32(0.5)
    return np.float32(exponent) * _LN_OF_2 + (series * x * x + x)


@inline_jit
def cosine_sine(angle: int) -> tuple[float, float]:
    """Cosine and sine, as float32, of ``angle`` (a uint32) turns of 2^-32."""
    # From the nearest quarter turn: at most pi/4 away, where the series are short.
    turned = np.uint32(angle + np.uint32(1 << 29))
    quadrant = np.uint32(turned >> np.uint32(30))
    rest = np.int32(turned & np.uint32((1 << 30) - 1)) - np.int32(1 << 29)
    x = np.float32(np.int32(rest)) * _QUARTER_TURN
    z = x * x
    sine = np.float32(-1 / 5040) * z + np.float32(1 / 120)
    sine = sine * z - np.float32(1 / 6)
    sine = sine * z * x + x
    cosine = np.float32(1 / 40320) * z - np.float32(1 / 720)
    cosine = cosine * z + np.float32(1 / 24)
    cosine = cosine * z - np.float32(0.5)
    cosine = cosine * z + np.float32(1)
    swapped = (quadrant & np.uint32(1)) != np.uint32(0)
    first = sine if swapped else cosine
    second = cosine if swapped else sine
    left = ((quadrant + np.uint32(1)) & np.uint32(2)) != np.uint32(0)
    below = (quadrant & np.uint32(2)) != np.uint32(0)
    return -first if left else first, -second if below else second


@jit
def normals(
    identity: NDArray[np.uint64], purpose: int, first: int, values: NDArray[np.float32]
) -> None:
    """Independent draws of mean 0 and variance 1, from group ``first`` on.

    Args:
        identity: As :func:`identify` gives it.
        purpose: Separates draws of one frame for different things.
        first: Number of the first group.
        values: Out; its length is a multiple of ``GROUP``.
    """
    words = np.empty(GROUP, np.uint32)
    for group in range(len(values) // GROUP):
        random_words(identity, purpose, first + group, words)
        some = values[group * GROUP : (group + 1) * GROUP]
        for half in range(0, GROUP, 2 * LANES):
            for j in range(half, half + LANES):
                # One half more keeps the argument above 0; its largest value is 1.
                uniform = (np.float32(words[j]) + np.float32(0.5)) * _UNIT
                square = np.float32(-2) * natural_log(uniform)
                radius = np.sqrt(square)
                cosine, sine = cosine_sine(words[j + LANES])
                some[j] = radius * cosine
                some[j + LANES] = radius * sine
