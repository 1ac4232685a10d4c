"""802.11b: frames through modulator, channel and receiver.

IEEE 802.11-2020, clauses 15 (DSSS, 1 and 2 Mbit/s) and 16 (HR/DSSS: CCK, 5.5 and 11 Mbit/s)::

    PSDU bits -> scrambler -> DBPSK, DQPSK or CCK -> chips -> channel -> correlator
              -> differential detection -> descrambler -> PSDU bits

Chips come at 11 MHz, one complex sample each, with magnitude 1. The SNR is that of a chip, Es/N0
of a chip, or signal power over noise power in 11 MHz. What a bit has follows from the chips that
it is spread over::

    Mbit/s               1      2     5.5    11
    chips per bit       11    5.5     2      1
    Eb/N0 - SNR, dB   10.4    7.4     3.0    0

Timing is perfect, and no phase is estimated: all detection is against the symbol before, for the
first symbol the last of the header, which is noisy like all others. Channels:

    ``awgn``       white noise
    ``rayleigh``   the same, and one complex Gaussian gain of mean power 1 for the whole frame:
                   flat, as echoes within a chip (91 ns) are; the SNR is the mean
    ``burst``      white noise, and for 100 us interference like it, of ten times the signal's
                   power, from a moment that is anywhere in the frame alike, for all receivers
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from . import cck, dsss_barker, dsss_plcp
from .dsss_barker import BARKER, Chips
from .dsss_scrambler import HISTORY, descramble, scramble

CHIPS_PER_SECOND = 11e6
BITS_PER_SYMBOL = {1.0: 1, 2.0: 2, 5.5: 4, 11.0: 8}  # by rate in Mbit/s
CHANNELS = ("awgn", "rayleigh", "burst")

_BURST_CHIPS = 1100
_BURST_POWER = 10.0  # of the signal's


def transmit(mpdu: bytes, rate_mbps: float) -> Chips:
    """The chips of the header's last symbol, at phase 0, and of the PSDU.

    Args:
        mpdu: Up to the FCS.
        rate_mbps: 1, 2, 5.5 or 11.

    Raises:
        ValueError: There is no such rate, or the frame is too long for the header.
    """
    width = _width(rate_mbps)
    bits = np.unpackbits(np.frombuffer(mpdu, np.uint8), bitorder="little")
    air = scramble(bits, dsss_plcp.history(len(mpdu), rate_mbps))
    modulate = dsss_barker.modulate if width <= 2 else cck.modulate
    return np.concatenate([BARKER.astype(np.complex64), modulate(air, width)])


def decode(chips: Chips, rate_mbps: float) -> bytes:
    """The MPDU that is in chips like those of :func:`transmit`, after any channel.

    Args:
        chips: The header's last symbol and the PSDU.
        rate_mbps: As transmitted.
    """
    width = _width(rate_mbps)
    last, psdu = chips[: len(BARKER)], chips[len(BARKER) :]
    demodulate = dsss_barker.demodulate if width <= 2 else cck.demodulate
    air = demodulate(psdu, width, complex(last @ BARKER))
    bits = descramble(air, dsss_plcp.history(len(air) // 8, rate_mbps))
    return np.packbits(bits, bitorder="little").tobytes()


def receive(
    mpdus: Sequence[bytes],
    rate_mbps: float,
    *,
    channel: str,
    snr_db: float,
    seed: int,
    receiver: int,
    first_frame: int,
) -> list[bytes]:
    """Send frames over a channel.

    What happens to a frame depends on the seed, the rate, the SNR, the receiver and its own
    number alone, and where interference begins on the seed, the rate and the number.

    Args:
        mpdus: Frames up to the FCS.
        rate_mbps: 1, 2, 5.5 or 11.
        channel: One of ``CHANNELS``, see the module.
        snr_db: Es/N0 of a chip.
        seed: Any integer from 0 to 2^64 - 1.
        receiver: Number of the receiver, to 65,535: each has noise and fading of its own.
        first_frame: Number of the first frame.

    Returns:
        The frames as received, as long as they were sent.

    Raises:
        ValueError: There is no such rate or channel, or a frame is too long for the header.
    """
    from .dsss_kernel import receive_frames

    width = _width(rate_mbps)
    if channel not in CHANNELS:
        raise ValueError(f"channel={channel}, wanted one of {', '.join(CHANNELS)}")
    histories = np.empty((len(mpdus), HISTORY), np.uint8)
    for i, mpdu in enumerate(mpdus):
        histories[i] = dsss_plcp.history(len(mpdu), rate_mbps)
    offsets = np.zeros(len(mpdus) + 1, np.int64)
    np.cumsum([len(mpdu) for mpdu in mpdus], out=offsets[1:])
    received = np.empty(offsets[-1], np.uint8)
    sender = np.uint64(round(2 * rate_mbps) << 56)
    receive_frames(
        np.frombuffer(b"".join(mpdus), np.uint8),
        offsets,
        histories,
        width,
        10 ** (-snr_db / 10),
        channel == "rayleigh",
        _BURST_CHIPS if channel == "burst" else 0,
        _BURST_POWER,
        np.uint64(seed),
        sender,
        sender | np.uint64(receiver << 32 | int(np.float32(snr_db).view(np.uint32))),
        first_frame,
        received,
    )
    data = received.tobytes()
    return [data[start:stop] for start, stop in itertools.pairwise(offsets.tolist())]


def _width(rate_mbps: float) -> int:
    if rate_mbps not in BITS_PER_SYMBOL:
        raise ValueError(f"rate_mbps={rate_mbps}, wanted one of 1, 2, 5.5, 11")
    return BITS_PER_SYMBOL[rate_mbps]
