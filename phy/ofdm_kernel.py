"""The OFDM PHY and its channel, compiled: many frames in one call.

Each stage does what its namesake in ofdm.py, or its like in constellation.py and fading.py, says.
Everything happens on axes (I, or I and Q, of 48 subcarriers), in units of levels. Noise is drawn
after equalisation, where that of subcarrier k has the variance 1 / |H_k|^2; on the axis that BPSK
does not use it is not drawn.
"""

# mypy: disable-error-code="assignment, arg-type, return-value, no-any-return"
# pyright: reportArgumentType=false, reportAssignmentType=false, reportReturnType=false
# numba types the inside of kernels: fixed-width integers, where annotations say int.

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..jit import jit
from . import viterbi_kernel
from .convolutional import OUTPUTS, TAIL
from .fading import TAPS, response
from .ofdm import SCRAMBLER_INIT, SERVICE, SUBCARRIERS, Tables
from .random_kernel import (
    BURST_START,
    FADING,
    GROUP,
    INTERFERENCE,
    NOISE,
    SCRAMBLER,
    identify,
    normals,
    random_words,
)
from .scrambler import PERIOD, sequences
from .viterbi_kernel import BUTTERFLIES, MAX_SOFT

SOFT_STEP = 16  # soft bits in one unit of natural log-likelihood ratio

_SEQUENCES = sequences()
_A, _B = np.ascontiguousarray(OUTPUTS[:, 0]), np.ascontiguousarray(OUTPUTS[:, 1])
_RESPONSE = response()
_COSINE = np.ascontiguousarray(_RESPONSE.real.astype(np.float32))
_SINE = np.ascontiguousarray(_RESPONSE.imag.astype(np.float32))


class Channel(NamedTuple):
    """What happens on the air, and whether the receiver weighs bits.

    Attributes:
        seed: Of all draws, a uint64 as the next two.
        sender: Stream of the sender's draws.
        receiver: Stream of the draws at the receiver.
        noise: Standard deviation on each axis, in levels, where the gain is 1.
        weight: What a soft bit of one level is worth at gain 1, in units of soft bits.
        rayleigh: Whether gains are drawn.
        burst_symbols: Symbols with interference.
        burst_start: The first of them; below 0: drawn by the sender's stream, as all receivers
            have it at once.
        burst: Its standard deviation on each axis, in levels, where the gain is 1.
        soft: Whether soft bits are more than signs.
    """

    seed: np.uint64
    sender: np.uint64
    receiver: np.uint64
    noise: float
    weight: float
    rayleigh: bool
    burst_symbols: int
    burst_start: int
    burst: float
    soft: bool


@jit
def transmit(
    psdu: NDArray[np.uint8], state: int, tables: Tables, levels: NDArray[np.float32]
) -> None:
    """Levels on all axes of a frame.

    Args:
        psdu: The bytes.
        state: The scrambler's initial state.
        tables: The mode's.
        levels: Out, of whole symbols.
    """
    data_bits, width = tables.data_bits, tables.width
    scrambling = _SEQUENCES[state]
    axes = len(tables.source) // width
    end = SERVICE + 8 * len(psdu)
    coded = np.empty(2 * data_bits, np.uint8)
    register, phase = 0, 0
    for symbol in range(len(levels) // axes):
        for i in range(data_bits):
            at = symbol * data_bits + i
            bit = scrambling[phase]
            phase = phase + 1 if phase < PERIOD - 1 else 0
            if SERVICE <= at < end:
                bit ^= (psdu[(at - SERVICE) >> 3] >> np.uint8(at & 7)) & np.uint8(1)
            elif end <= at < end + TAIL:
                bit = np.uint8(0)
            register = (register << 1 | np.int64(bit)) & 0x7F
            coded[2 * i] = _A[register]
            coded[2 * i + 1] = _B[register]
        for axis in range(axes):
            number = 0
            for bit_of_axis in range(width):
                number = number << 1 | np.int64(coded[tables.source[axis * width + bit_of_axis]])
            levels[symbol * axes + axis] = tables.levels[number]


@jit
def draw_gains(
    name: NDArray[np.uint64], draws: NDArray[np.float32], gains: NDArray[np.float32]
) -> None:
    """|H|^2 of each data subcarrier of a fading frame.

    Args:
        name: The frame's identity.
        draws: Room for GROUP draws.
        gains: Out, shape (48,).
    """
    normals(name, FADING, 0, draws)
    for k in range(SUBCARRIERS):
        real, imaginary = np.float32(0), np.float32(0)
        for tap in range(TAPS):
            real += _COSINE[k, tap] * draws[tap] - _SINE[k, tap] * draws[TAPS + tap]
            imaginary += _COSINE[k, tap] * draws[TAPS + tap] + _SINE[k, tap] * draws[tap]
        gains[k] = real * real + imaginary * imaginary


@jit
def add(
    received: NDArray[np.float32],
    draws: NDArray[np.float32],
    deviations: NDArray[np.float32],
    factor: float,
) -> None:
    """Add normal draws to whole symbols, of the deviation that each axis has in all of them."""
    factor = np.float32(factor)
    axes = len(deviations)
    for first in range(0, len(received), axes):
        symbol, some = received[first : first + axes], draws[first : first + axes]
        for axis in range(axes):
            symbol[axis] += some[axis] * (deviations[axis] * factor)


@jit
def soft_bits(
    received: NDArray[np.float32],
    weights: NDArray[np.float32],
    width: int,
    soft: bool,
    ratios: NDArray[np.int16],
) -> None:
    """Soft bits of one symbol, positive for a one, in the order in which they arrive.

    Args:
        received: Its axes, equalised, in levels.
        weights: Soft bits for a level, by axis.
        width: Bits per axis.
        soft: Whether they are more than signs.
        ratios: Out.
    """
    for axis in range(len(received)):
        value = received[axis]
        size = np.abs(value)
        # The difference of squared distances to the nearest one and zero, over 4: for the first
        # bit a slope that grows at every level, for the others tents around their ones.
        first = size
        second = third = np.float32(0)
        if width == 2:
            first += max(size - np.float32(2), np.float32(0))
            second = np.float32(2) - size
        elif width == 3:
            over_2 = max(size - np.float32(2), np.float32(0))
            over_4 = max(size - np.float32(4), np.float32(0))
            over_6 = max(size - np.float32(6), np.float32(0))
            first += over_2 + over_4 + over_6
            second = np.float32(4) - size + max(np.float32(2) - size, np.float32(0)) - over_6
            third = np.float32(2) - np.abs(size - np.float32(4))
        ratios[axis * width] = quantise(np.copysign(first, value), weights[axis], soft)
        if width > 1:
            ratios[axis * width + 1] = quantise(second, weights[axis], soft)
        if width > 2:
            ratios[axis * width + 2] = quantise(third, weights[axis], soft)


@jit
def quantise(ratio: float, weight: float, soft: bool) -> int:
    """A ratio as a soft bit, or its sign alone."""
    if not soft:
        return np.int16(1) if ratio > np.float32(0) else np.int16(-1)
    limit = np.float32(MAX_SOFT)
    return np.int16(min(max(ratio * weight, -limit), limit))


@jit
def psdu_of(bits: NDArray[np.uint8], psdu: NDArray[np.uint8]) -> None:
    """The PSDU of decoded bits, descrambled as the first seven of them tell."""
    state = 0
    for i in range(SCRAMBLER_INIT):
        state = state << 1 | np.int64(bits[i])
    scrambling = _SEQUENCES[state]
    phase = SERVICE - SCRAMBLER_INIT
    at = SERVICE
    for i in range(len(psdu)):
        byte = np.uint8(0)
        for bit in range(8):
            byte |= (bits[at] ^ scrambling[phase]) << np.uint8(bit)
            at += 1
            phase = phase + 1 if phase < PERIOD - 1 else 0
        psdu[i] = byte


@jit
def receive(
    received: NDArray[np.float32],
    weights: NDArray[np.float32],
    tables: Tables,
    soft: bool,
    survivors: NDArray[np.uint8],
    psdu: NDArray[np.uint8],
) -> None:
    """The PSDU of a frame.

    Args:
        received: All axes, equalised, in levels.
        weights: Soft bits for a level, by axis of a symbol.
        tables: The mode's.
        soft: Whether soft bits are more than signs.
        survivors: Room for the decoder's decisions.
        psdu: Out.
    """
    axes, coded_bits = len(weights), 2 * tables.data_bits
    ratios = np.zeros(len(tables.source) + 1, np.int16)  # the last: of bits that are not sent
    ordered = np.empty(len(received) // axes * coded_bits, np.int16)
    for symbol in range(len(received) // axes):
        soft_bits(
            received[symbol * axes : (symbol + 1) * axes], weights, tables.width, soft, ratios
        )
        for i in range(coded_bits):
            ordered[symbol * coded_bits + i] = ratios[tables.place[i]]
    decoded = np.empty(SERVICE + 8 * len(psdu) + TAIL, np.uint8)
    viterbi_kernel.decode(ordered, survivors, decoded)
    psdu_of(decoded, psdu)


@jit
def carry(
    sent: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    first_frame: int,
    tables: Tables,
    channel: Channel,
    received: NDArray[np.uint8],
) -> None:
    """Carry frames over the air.

    Args:
        sent: The bytes of all PSDUs.
        offsets: Frame i is ``sent[offsets[i]:offsets[i + 1]]``.
        first_frame: Number of frame 0 in its streams.
        tables: The mode's.
        channel: What happens on the way.
        received: Out, like ``sent``.
    """
    longest = 0
    for i in range(len(offsets) - 1):
        longest = max(longest, offsets[i + 1] - offsets[i])
    data_bits = tables.data_bits
    axes = len(tables.source) // tables.width
    per_subcarrier = axes // SUBCARRIERS
    bits = SERVICE + 8 * longest + TAIL
    symbols = (bits + data_bits - 1) // data_bits
    room = (symbols * axes + GROUP - 1) // GROUP * GROUP
    values, draws = np.empty(room, np.float32), np.empty(room, np.float32)
    gains, deviations = np.ones(SUBCARRIERS, np.float32), np.empty(axes, np.float32)
    weights = np.empty(axes, np.float32)
    survivors = np.empty((bits, BUTTERFLIES), np.uint8)
    word, name = np.empty(GROUP, np.uint32), np.empty(4, np.uint64)

    for i in range(len(offsets) - 1):
        psdu = sent[offsets[i] : offsets[i + 1]]
        bits = SERVICE + 8 * len(psdu) + TAIL
        symbols = (bits + data_bits - 1) // data_bits
        identify(channel.seed, channel.sender, first_frame + i, name)
        random_words(name, SCRAMBLER, 0, word)
        frame = values[: symbols * axes]
        transmit(psdu, 1 + np.int64(word[0]) % PERIOD, tables, frame)
        burst_start = channel.burst_start
        if burst_start < 0:
            random_words(name, BURST_START, 0, word)
            burst_start = np.int64(word[0]) * symbols >> 32

        identify(channel.seed, channel.receiver, first_frame + i, name)
        if channel.rayleigh:
            draw_gains(name, draws[:GROUP], gains)
        for axis in range(axes):
            gain = gains[axis // per_subcarrier]
            deviations[axis] = np.float32(1) / np.sqrt(gain)
            weights[axis] = np.float32(channel.weight) * gain
        some = draws[: (symbols * axes + GROUP - 1) // GROUP * GROUP]
        normals(name, NOISE, 0, some)
        add(frame, some, deviations, channel.noise)
        burst_stop = min(burst_start + channel.burst_symbols, symbols)
        if burst_start < burst_stop:
            normals(name, INTERFERENCE, 0, some)
            burst = slice(burst_start * axes, burst_stop * axes)
            add(frame[burst], some[burst], deviations, channel.burst)

        arrived = received[offsets[i] : offsets[i + 1]]
        receive(frame, weights, tables, channel.soft, survivors, arrived)
