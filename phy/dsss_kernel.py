"""802.11b frames through modulator, channel and receiver, compiled.

Twin of :func:`wtrec.phy.dsss.transmit` and :func:`wtrec.phy.dsss.decode`, with a channel between.
"""

# mypy: disable-error-code="assignment, arg-type, return-value, no-any-return"
# pyright: reportArgumentType=false, reportAssignmentType=false, reportReturnType=false
# numba types the inside of kernels: fixed-width integers, where annotations say int.

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..jit import jit
from .cck import CHIPS as CCK_CHIPS
from .cck_kernel import demodulate_cck, modulate_cck
from .dsss_barker import BARKER
from .dsss_barker_kernel import correlate, demodulate_barker, modulate_barker
from .dsss_scrambler import HISTORY
from .random_kernel import BURST_START, FADING, GROUP, NOISE, identify, normals, random_words

Chips = NDArray[np.complex64]
Bits = NDArray[np.uint8]

_BARKER_CHIPS = len(BARKER)
_NOISE_GROUPS = 16  # drawn at once: what stays in the cache
_SQRT_HALF = np.float32(0.5**0.5)


@jit
def receive_frames(
    data: Bits,
    offsets: NDArray[np.int64],
    histories: NDArray[np.uint8],
    width: int,
    noise: float,
    is_fading: bool,
    burst_chips: int,
    burst_noise: float,
    seed: np.uint64,
    sender: np.uint64,
    receiver: np.uint64,
    first_frame: int,
    received: NDArray[np.uint8],
) -> None:
    """Send frames and receive them.

    Args:
        data: The bytes of all frames.
        offsets: Frame i is ``data[offsets[i]:offsets[i + 1]]``.
        histories: Shape (frames, 7): the bits on the air before each.
        width: Bits per symbol: 1 or 2 (Barker), 4 or 8 (CCK).
        noise: See :func:`disturb`.
        is_fading: Likewise.
        burst_chips: Length of the interference, which ends with the frame at the latest.
        burst_noise: See :func:`disturb`.
        seed: Of all draws.
        sender: Stream of what happens to a frame at all receivers.
        receiver: Stream of what happens to it at this one.
        first_frame: Number of the first frame.
        received: Out, as long as ``data``.
    """
    identity = np.empty(4, np.uint64)
    chips_per_symbol = _BARKER_CHIPS if width <= 2 else CCK_CHIPS
    longest = 0
    for i in range(len(offsets) - 1):
        longest = max(longest, offsets[i + 1] - offsets[i])
    all_air = np.empty(HISTORY + 8 * longest, np.uint8)
    all_chips = np.empty(_BARKER_CHIPS + chips_per_symbol * (8 * longest // width), np.complex64)
    for i in range(len(offsets) - 1):
        start, stop = offsets[i], offsets[i + 1]
        air = all_air[: HISTORY + 8 * (stop - start)]
        air[:HISTORY] = histories[i]
        unpack(data[start:stop], air[HISTORY:])
        scramble(air)
        symbols = 8 * (stop - start) // width
        chips = all_chips[: _BARKER_CHIPS + chips_per_symbol * symbols]
        for c in range(_BARKER_CHIPS):
            chips[c] = BARKER[c]
        if width <= 2:
            modulate_barker(air[HISTORY:], width, chips[_BARKER_CHIPS:])
        else:
            modulate_cck(air[HISTORY:], width, chips[_BARKER_CHIPS:])
        identify(seed, sender, first_frame + i, identity)
        burst = burst_start(identity, len(chips)) if burst_chips else 0
        identify(seed, receiver, first_frame + i, identity)
        disturb(identity, chips, noise, is_fading, burst, burst + burst_chips, burst_noise)
        before = correlate(chips[:_BARKER_CHIPS])
        if width <= 2:
            demodulate_barker(chips[_BARKER_CHIPS:], width, before, air[HISTORY:])
        else:
            demodulate_cck(chips[_BARKER_CHIPS:], width, before, air[HISTORY:])
        descramble(air)
        pack(air[HISTORY:], received[start:stop])


@jit
def unpack(data: NDArray[np.uint8], bits: Bits) -> None:
    """Bytes to bits, least significant first."""
    for i in range(len(bits)):
        bits[i] = (data[i >> 3] >> (i & 7)) & 1


@jit
def pack(bits: Bits, data: NDArray[np.uint8]) -> None:
    """Bits to bytes, least significant first."""
    for i in range(len(data)):
        byte = 0
        for k in range(8):
            byte |= np.int64(bits[8 * i + k]) << k
        data[i] = byte


@jit
def scramble(air: Bits) -> None:
    """In place, all but the first seven bits, which are the history."""
    for i in range(HISTORY, len(air)):
        air[i] ^= air[i - 4] ^ air[i - 7]


@jit
def descramble(air: Bits) -> None:
    """Undo :func:`scramble`."""
    for i in range(len(air) - 1, HISTORY - 1, -1):
        air[i] ^= air[i - 4] ^ air[i - 7]


@jit
def burst_start(identity: NDArray[np.uint64], chips: int) -> int:
    """The chip at which the interference of a frame begins, any of them alike.

    Args:
        identity: Of the frame at the sender: all receivers hear the same interference.
        chips: Of the frame.
    """
    words = np.empty(GROUP, np.uint32)
    random_words(identity, BURST_START, 0, words)
    return np.int64(words[0]) * chips >> 32


@jit
def disturb(
    identity: NDArray[np.uint64],
    chips: Chips,
    noise: float,
    is_fading: bool,
    burst_first: int,
    burst_stop: int,
    burst_noise: float,
) -> None:
    """What the channel does to the chips of one frame, in place.

    Args:
        identity: Of the frame at this receiver, see :func:`wtrec.phy.random_kernel.identify`.
        chips: Of magnitude 1.
        noise: Power of the white noise per chip.
        is_fading: One complex Gaussian gain of mean power 1 (Rayleigh) for the whole frame.
        burst_first: First chip of the interference.
        burst_stop: The first chip after it.
        burst_noise: Its power per chip, white as well.
    """
    draws = np.empty(_NOISE_GROUPS * GROUP, np.float32)
    gain = np.complex64(1)
    if is_fading:
        normals(identity, FADING, 0, draws[:GROUP])
        gain = _SQRT_HALF * np.complex64(complex(draws[0], draws[1]))
    quiet = np.float32(np.sqrt(noise / 2))  # amplitude of the real and the imaginary part
    loud = np.float32(np.sqrt((noise + burst_noise) / 2))
    chips_at_once = len(draws) // 2
    for first in range(0, len(chips), chips_at_once):
        normals(identity, NOISE, first // chips_at_once * _NOISE_GROUPS, draws)
        for i in range(first, min(first + chips_at_once, len(chips))):
            real, imaginary = draws[2 * (i - first)], draws[2 * (i - first) + 1]
            amplitude = loud if burst_first <= i < burst_stop else quiet
            chips[i] = gain * chips[i] + amplitude * np.complex64(complex(real, imaginary))
