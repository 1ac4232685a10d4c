"""A link: MPDUs in at the sender, MPDUs with errors out at a receiver.

    received = Link(54, snr_db=17.5).receive(mpdus)

Channels:

    ``awgn``       white noise
    ``rayleigh``   the same, behind fading that stands still during a frame (fading.py): the SNR
                   is the mean
    ``burst``      white noise, and interference in a part of each frame

SNR is E_s/N_0. Of OFDM rates that is the mean energy of a constellation point over the noise of
its subcarrier, after perfect synchronisation, for a receiver that knows the channel, but not of
interference. E_b/N_0 is lower by 10 log10(N_BPSC R) dB; real receivers need 3 to 6 dB more for
the same error rate. Of 802.11b's rates it is that of a chip (dsss.py).

Each frame's errors depend on the seed, the link (rate, SNR, receiver) and the frame's number
alone: not on batches, processes or threads. Fading, interference and hard decisions change
nothing of the noise, and receivers with other numbers hear the same transmission through noise
and fading of their own. The work is done without the interpreter lock: threads run side by side.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from .constellation import K_MOD
from .ofdm import MAX_LENGTH, MODES

if TYPE_CHECKING:
    from . import ofdm_kernel

ChannelName = Literal["awgn", "rayleigh", "burst"]
CHANNELS: Final[tuple[ChannelName, ...]] = ("awgn", "rayleigh", "burst")
DSSS_MBPS: Final = (1, 2, 5.5, 11)
RATES_MBPS: Final = tuple(sorted((*DSSS_MBPS, *MODES)))
RECEIVERS: Final = 1 << 16
MAX_DB: Final = 100

_MAX_SYMBOLS = MODES[6].symbols(MAX_LENGTH)
_ANYWHERE = -1


@dataclass(frozen=True, slots=True)
class Burst:
    """Interference like white noise in a run of OFDM symbols of 4 us.

    Attributes:
        symbols: How many; those behind the frame's end hit nothing.
        sir_db: Mean signal to interference per subcarrier, dB.
        start: The first of them, 0 for the first of the DATA field; None: anywhere in the frame
            alike, at the same place for all receivers.
    """

    symbols: int = 25
    sir_db: float = -10.0
    start: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.symbols <= _MAX_SYMBOLS:
            raise ValueError(f"symbols={self.symbols}, wanted 0 to {_MAX_SYMBOLS}")
        if self.start is not None and not 0 <= self.start <= _MAX_SYMBOLS:
            raise ValueError(f"start={self.start}, wanted 0 to {_MAX_SYMBOLS}, or None")
        if not -MAX_DB <= self.sir_db <= MAX_DB:
            raise ValueError(f"sir_db={self.sir_db}, wanted {-MAX_DB} to {MAX_DB}")


@dataclass(frozen=True, slots=True)
class Link:
    """One rate and channel, to one receiver.

    Attributes:
        rate_mbps: One of ``RATES_MBPS``.
        channel: One of ``CHANNELS``.
        snr_db: E_s/N_0 per subcarrier or chip, dB.
        soft: Whether the OFDM decoder weighs bits by their likelihood, or takes hard decisions.
        burst: The interference of ``burst``, at OFDM rates.
        seed: 0 to 2^64 - 1.
        receiver: Distinguishes receivers of the same frames, 0 to 65,535.

    Raises:
        ValueError: One of these is not as it says.
    """

    rate_mbps: float
    channel: ChannelName = "awgn"
    snr_db: float = 20.0
    soft: bool = True
    burst: Burst = field(default_factory=Burst)
    seed: int = 0
    receiver: int = 0

    def __post_init__(self) -> None:
        if self.rate_mbps not in RATES_MBPS:
            raise ValueError(f"rate_mbps={self.rate_mbps}, wanted one of {_listed(RATES_MBPS)}")
        if self.channel not in CHANNELS:
            raise ValueError(f"channel={self.channel}, wanted one of {_listed(CHANNELS)}")
        if not -MAX_DB <= self.snr_db <= MAX_DB:
            raise ValueError(f"snr_db={self.snr_db}, wanted {-MAX_DB} to {MAX_DB}")
        if not 0 <= self.seed < 1 << 64:
            raise ValueError(f"seed={self.seed}, wanted 0 to 2^64 - 1")
        if not 0 <= self.receiver < RECEIVERS:
            raise ValueError(f"receiver={self.receiver}, wanted 0 to {RECEIVERS - 1}")

    def receive(self, mpdus: Sequence[bytes], first_frame: int = 0) -> list[bytes]:
        """What arrives of these frames, each as long as it was sent.

        Args:
            mpdus: Frames with their FCS, 1 to 4,095 bytes each.
            first_frame: Number of the first one on this link; the others follow.

        Raises:
            ValueError: A frame is empty, or too long for the header of its PHY.
        """
        if self.rate_mbps in DSSS_MBPS:
            from . import dsss

            return dsss.receive(
                mpdus,
                self.rate_mbps,
                channel=self.channel,
                snr_db=self.snr_db,
                seed=self.seed,
                receiver=self.receiver,
                first_frame=first_frame,
            )
        from . import ofdm_kernel

        lengths = np.array([len(mpdu) for mpdu in mpdus], np.int64)
        wrong = lengths[(lengths < 1) | (lengths > MAX_LENGTH)]
        if len(wrong):
            raise ValueError(f"a frame of {wrong[0]} bytes, wanted 1 to {MAX_LENGTH}")
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        sent = np.frombuffer(b"".join(mpdus), np.uint8)
        received = np.empty_like(sent)
        tables = MODES[int(self.rate_mbps)].tables()
        ofdm_kernel.carry(sent, offsets, first_frame, tables, self._ofdm_channel(), received)
        data = received.tobytes()
        return [data[start:stop] for start, stop in itertools.pairwise(offsets)]

    def _ofdm_channel(self) -> ofdm_kernel.Channel:
        from . import ofdm_kernel

        level = 1 / K_MOD[MODES[int(self.rate_mbps)].bits_per_subcarrier]
        n0 = 10 ** (-self.snr_db / 10)
        i0 = 10 ** (-self.burst.sir_db / 10)
        rate = round(2 * self.rate_mbps) << 56
        snr = int(np.float32(self.snr_db).view(np.uint32))
        return ofdm_kernel.Channel(
            seed=np.uint64(self.seed),
            sender=np.uint64(rate),
            receiver=np.uint64(rate | self.receiver << 32 | snr),
            noise=level * math.sqrt(n0 / 2),
            weight=ofdm_kernel.SOFT_STEP * 4 / (level**2 * n0),
            rayleigh=self.channel == "rayleigh",
            burst_symbols=self.burst.symbols if self.channel == "burst" else 0,
            burst_start=_ANYWHERE if self.burst.start is None else self.burst.start,
            burst=level * math.sqrt(i0 / 2),
            soft=self.soft,
        )


def _listed(values: Sequence[object]) -> str:
    return ", ".join(map(str, values))
