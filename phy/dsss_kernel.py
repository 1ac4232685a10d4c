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
from .random_kernel import FADING, GROUP, INTERFERENCE, NOISE, identify, normals, random_words

Chips = NDArray[np.complex64]
Bits = NDArray[np.uint8]

_BARKER_CHIPS = len(BARKER)
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
    stream: int,
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
        burst_chips: Likewise.
        burst_noise: Likewise.
        seed: Of all draws.
        stream: Separates draws of frames with the same number.
        first_frame: Number of the first frame.
        received: Out, as long as ``data``.
    """
    identity = np.empty(4, np.uint64)
    for i in range(len(offsets) - 1):
        start, stop = offsets[i], offsets[i + 1]
        air = np.empty(HISTORY + 8 * (stop - start), np.uint8)
        air[:HISTORY] = histories[i]
        unpack(data[start:stop], air[HISTORY:])
        scramble(air)
        symbols = 8 * (stop - start) // width
        chips_per_symbol = _BARKER_CHIPS if width <= 2 else CCK_CHIPS
        chips = np.empty(_BARKER_CHIPS + chips_per_symbol * symbols, np.complex64)
        for c in range(_BARKER_CHIPS):
            chips[c] = BARKER[c]
        if width <= 2:
            modulate_barker(air[HISTORY:], width, chips[_BARKER_CHIPS:])
        else:
            modulate_cck(air[HISTORY:], width, chips[_BARKER_CHIPS:])
        identify(seed, stream, first_frame + i, identity)
        disturb(identity, chips, noise, is_fading, burst_chips, burst_noise)
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
def disturb(
    identity: NDArray[np.uint64],
    chips: Chips,
    noise: float,
    is_fading: bool,
    burst_chips: int,
    burst_noise: float,
) -> None:
    """What the channel does to the chips of one frame, in place.

    Args:
        identity: Of the frame, see :func:`wtrec.phy.random_kernel.identify`.
        chips: Of magnitude 1.
        noise: Power of the white noise per chip.
        is_fading: One complex Gaussian gain of mean power 1 (Rayleigh) for the whole frame.
        burst_chips: Length of a burst of interference that starts at any chip alike; it ends
            with the frame at the latest.
        burst_noise: Power of the white noise that a burst adds.
    """
    draws = np.empty(GROUP, np.float32)
    gain = np.complex64(1)
    if is_fading:
        normals(identity, FADING, 0, draws)
        gain = _SQRT_HALF * np.complex64(complex(draws[0], draws[1]))
    words = np.empty(GROUP, np.uint32)
    random_words(identity, INTERFERENCE, 0, words)
    burst_start = np.int64(words[0]) * len(chips) >> 32
    burst_stop = burst_start + burst_chips
    draws = np.empty(GROUP * (2 * len(chips) // GROUP + 1), np.float32)
    normals(identity, NOISE, 0, draws)
    quiet = np.float32(np.sqrt(noise / 2))  # amplitude of the real and the imaginary part
    loud = np.float32(np.sqrt((noise + burst_noise) / 2))
    for i in range(len(chips)):
        amplitude = loud if burst_start <= i < burst_stop else quiet
        chips[i] = gain * chips[i] + amplitude * np.complex64(
            complex(draws[2 * i], draws[2 * i + 1])
        )
