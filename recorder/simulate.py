"""Transmissions without a radio: what a sender would send, and what receivers make of it.

A :class:`Simulation` is a list of points: a data rate and a channel quality each. At each point
packets are sent one after the other, each up to ``1 + retries`` times: again, with the Retry bit,
while the receiver that it is addressed to has a bad FCS and so sends no ACK. Every receiver
(``copies``) hears every transmission through a channel of its own.

Frames are real: MAC, LLC/SNAP, IPv4 and UDP headers with valid checksums around the
self-describing payload of :mod:`wtrec.datasets.payload`. They follow each other as DCF would
let them, with the mean backoff. The same seed gives the same transmissions, on any number of
cores: each draw depends on seed, point, receiver, attempt and packet alone.
"""

from __future__ import annotations

import hashlib
import itertools
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import cast

from ..datasets.payload import run_key, self_describing
from ..dot11 import airtime, fcs, mac
from ..phy.channel import BinarySymmetricChannel, GilbertElliott
from ..phy.link import CHANNELS as WAVEFORM_CHANNELS
from ..phy.link import ChannelName, Link
from ..phy.ofdm import MAX_LENGTH

BIT_CHANNELS = ("bsc", "gilbert")
CHANNELS = (*WAVEFORM_CHANNELS, *BIT_CHANNELS)
"""Channels over the PHY, whose quality is an SNR, and those that flip bits at a given rate."""

HEADERS_LENGTH = 24 + 8 + 20 + 8 + fcs.LENGTH
"""Bytes of an MPDU beside its payload: MAC, LLC/SNAP, IPv4, UDP, FCS."""

RECEIVER_IP = "192.0.2.2"

_SENDER_IP = "192.0.2.1"  # RFC 5737: for documentation
_STATION = bytes.fromhex("020000000001")  # locally administered addresses
_ACCESS_POINT = bytes.fromhex("020000000002")
_PORT = 5005
_MOST_SLOTS = 1023
_CODE_RATES = {9.0: "3/4", 18.0: "3/4", 36.0: "3/4", 48.0: "2/3", 54.0: "3/4"}  # others: 1/2
_BATCH = 64  # packets that are simulated together

Point = tuple[float, float]
Receive = Callable[[Sequence[bytes], int], list[bytes]]


@dataclass(frozen=True, slots=True)
class Simulation:
    """What to simulate.

    Attributes:
        points: Pairs of data rate in Mbit/s and channel quality: the SNR in dB (Es/N0 per
            subcarrier; for 802.11b per chip), or the bit error rate for ``BIT_CHANNELS``.
        channel: One of ``CHANNELS``.
        frames: Packets at each point.
        length: Bytes of the MPDU with its FCS.
        seed: Of everything random.
        retries: How often a packet is sent again at most.
        copies: Receivers of each transmission.
        soft: Soft decisions in the OFDM receivers.
        run_id: 32 hexadecimal digits; follows from all of the above if empty.
    """

    points: tuple[Point, ...]
    channel: str
    frames: int
    length: int
    seed: int = 1
    retries: int = 0
    copies: int = 1
    soft: bool = True
    run_id: str = ""

    def __post_init__(self) -> None:
        if self.channel not in CHANNELS:
            raise ValueError(f"channel={self.channel!r}, wanted one of {', '.join(CHANNELS)}")
        if not HEADERS_LENGTH <= self.length <= MAX_LENGTH:
            raise ValueError(f"length={self.length}, wanted {HEADERS_LENGTH} to {MAX_LENGTH}")
        if not self.run_id:
            digest = hashlib.sha256(repr(self).encode()).hexdigest()
            object.__setattr__(self, "run_id", digest[:32])
        for point in self.points:  # refuses rates and qualities that are not to be had
            _receiver(self, point, self.retries, self.copies - 1)

    @property
    def by_snr(self) -> bool:
        """Whether qualities are SNRs."""
        return self.channel in WAVEFORM_CHANNELS


@dataclass(frozen=True, slots=True)
class Transmission:
    """One attempt to send one packet.

    Attributes:
        number: Counts all transmissions, from 0.
        packet_id: Counts packets, from 0.
        attempt: 0, or which retry it is.
        rate_mbps: Its data rate.
        quality: SNR in dB, or bit error rate.
        start_us: When its first bit is on the air, from the start of the run.
        sent: The MPDU.
        received: The MPDU as each receiver got it.
    """

    number: int
    packet_id: int
    attempt: int
    rate_mbps: float
    quality: float
    start_us: int
    sent: bytes
    received: tuple[bytes, ...]


@dataclass(slots=True)
class _Packet:
    """A packet's attempts so far: as sent, and as each receiver got it."""

    packet_id: int
    sent: list[bytes] = field(default_factory=list)
    received: list[tuple[bytes, ...]] = field(default_factory=list)

    @property
    def acknowledged(self) -> bool:
        return bool(self.sent) and self.received[-1][0] == self.sent[-1]


def transmissions(simulation: Simulation) -> Iterator[Transmission]:
    """Simulate, on all cores; the order is that of the air."""
    number = 0
    clock = 0
    cores = len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(cores) as pool:
        jobs = _jobs(simulation)
        for (rate, quality), packets in _ordered(pool, simulation, jobs, ahead=2 * cores):
            for packet in packets:
                for attempt, sent in enumerate(packet.sent):
                    clock += _wait_us(rate, attempt)
                    yield Transmission(
                        number,
                        packet.packet_id,
                        attempt,
                        rate,
                        quality,
                        clock,
                        sent,
                        packet.received[attempt],
                    )
                    number += 1
                    # the ACK, or the time in which none came, is over
                    timing = airtime.timing(rate)
                    clock += airtime.ppdu_us(rate, len(sent)) + timing.sifs_us
                    clock += airtime.ack_us(rate)


def _jobs(simulation: Simulation) -> Iterator[tuple[Point, range]]:
    """The grid in batches of packets: (rate, quality), packet ids."""
    first = 0
    for point in simulation.points:
        for start in range(first, first + simulation.frames, _BATCH):
            stop = min(start + _BATCH, first + simulation.frames)
            yield point, range(start, stop)
        first += simulation.frames


def _ordered(
    pool: ThreadPoolExecutor,
    simulation: Simulation,
    jobs: Iterable[tuple[Point, range]],
    *,
    ahead: int,
) -> Iterator[tuple[Point, list[_Packet]]]:
    """Results in the order of the jobs, at most so many of these under way at a time."""
    under_way: deque[tuple[Point, Future[list[_Packet]]]] = deque()
    for job in itertools.chain(jobs, itertools.repeat(None)):
        if job is None or len(under_way) == ahead:
            if not under_way:
                return
            done, future = under_way.popleft()
            yield done, future.result()
        if job is not None:
            under_way.append((job[0], pool.submit(_simulate, simulation, *job)))


def _simulate(simulation: Simulation, point: Point, ids: range) -> list[_Packet]:
    """Send a batch of packets until each is acknowledged or given up."""
    packets = [_Packet(packet_id) for packet_id in ids]
    for attempt in range(1 + simulation.retries):
        left = [packet for packet in packets if not packet.acknowledged]
        for packet in left:
            packet.sent.append(_mpdu(simulation, packet.packet_id, retry=attempt > 0))
        copies = [
            _receive_all(_receiver(simulation, point, attempt, copy), left)
            for copy in range(simulation.copies)
        ]
        for packet, received in zip(left, zip(*copies, strict=True), strict=True):
            packet.received.append(received)
    return packets


def _receive_all(receive: Receive, packets: list[_Packet]) -> list[bytes]:
    """The last attempts of these packets, in runs of consecutive packet ids."""
    received: list[bytes] = []
    start = 0
    for end in range(1, len(packets) + 1):
        if end == len(packets) or packets[end].packet_id != packets[end - 1].packet_id + 1:
            run = packets[start:end]
            received += receive([packet.sent[-1] for packet in run], run[0].packet_id)
            start = end
    return received


def _receiver(simulation: Simulation, point: Point, attempt: int, copy: int) -> Receive:
    """One receiver's channel at one attempt: independent of all others."""
    rate, quality = point
    stream = attempt * simulation.copies + copy
    if simulation.by_snr:
        link = Link(
            rate,
            channel=cast("ChannelName", simulation.channel),
            snr_db=quality,
            soft=simulation.soft,
            seed=simulation.seed,
            receiver=stream,
        )
        return link.receive
    bits = 8 * simulation.length
    channel = (
        BinarySymmetricChannel(quality, simulation.seed)
        if simulation.channel == "bsc"
        else GilbertElliott.of_error_rate(
            quality, code_rate=_CODE_RATES.get(rate, "1/2"), seed=simulation.seed
        )
    )
    point_stream = stream << 16 | round(2 * rate)

    def receive(mpdus: Sequence[bytes], first_packet: int) -> list[bytes]:
        return [
            fcs.flip(mpdu, channel.errors(bits, point_stream, first_packet + i).tolist())
            for i, mpdu in enumerate(mpdus)
        ]

    return receive


def _mpdu(simulation: Simulation, packet_id: int, *, retry: bool) -> bytes:
    payload = self_describing(
        run_key(simulation.run_id), packet_id, simulation.length - HEADERS_LENGTH
    )
    packet = mac.udp_datagram(_SENDER_IP, RECEIVER_IP, _PORT, _PORT, payload, packet_id & 0xFFFF)
    frame = mac.data_frame(
        packet,
        addr1=_ACCESS_POINT,
        addr2=_STATION,
        addr3=_ACCESS_POINT,
        to_ds=True,
        retry=retry,
        sequence=packet_id & 0xFFF,
    )
    return fcs.append(frame)


def _wait_us(rate: float, attempt: int) -> int:
    """DIFS and the mean backoff before an attempt."""
    timing = airtime.timing(rate)
    slots = min((timing.cw_min + 1 << attempt) - 1, _MOST_SLOTS)
    return timing.difs_us + slots * timing.slot_us // 2
