"""A run without a radio: frames that the program makes itself, damages and records.

It writes what a sender and a recorder would: ``run.pcapng`` with Radiotap headers and real
MAC, LLC, IPv4 and UDP headers around self-describing payloads, ``run.tx.parquet`` with every
frame as it was sent, and ``run.json``. The same seed gives the same frames and errors.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from ..datasets import pcapng
from ..datasets.files import replacing
from ..datasets.parquet import new_table
from ..datasets.payload import SELF_DESCRIBING, run_key, self_describing
from ..datasets.run import Counters, Run, RunFile, run_json_path
from ..datasets.txlog import TX
from ..dot11 import fcs, mac, radiotap
from ..phy.channel import BinarySymmetricChannel

INTERFACE = "simulated"

_LINKTYPE_RADIOTAP = 127
_NANOSECONDS = 9  # if_tsresol
_STATION = bytes.fromhex("020000000001")  # locally administered addresses
_ACCESS_POINT = bytes.fromhex("020000000002")
_SENDER_IP, _RECEIVER_IP = "192.0.2.1", "192.0.2.2"  # RFC 5737: for documentation
_PORT = 5005
_CHANNEL_6 = (2437, radiotap.ChannelFlags.OFDM | radiotap.ChannelFlags.BAND_2_GHZ)
_SIGNAL_DBM, _NOISE_DBM = -60, -95
_HEADERS = 24 + 8 + 20 + 8 + fcs.LENGTH  # MAC, LLC/SNAP, IPv4, UDP, FCS
_GAP_NS = 1_000_000  # from the start of one frame to the start of the next
_CHUNK = 4096  # frames that are held in memory at once
_GOOD = radiotap.Flags.FCS
_BAD = radiotap.Flags.FCS | radiotap.Flags.BAD_FCS


@dataclass(frozen=True, slots=True)
class Simulation:
    """What to simulate.

    Attributes:
        capture: The capture to write; the other files of the run stand beside it.
        error_rates: Bit error rate by data rate in Mbit/s (legacy OFDM).
        frames: Frames per data rate.
        length: Bytes of the MPDU with its FCS.
        seed: Of the errors and of the run id.
        start: Time of the first frame, ns since 1970 UTC.
    """

    capture: Path
    error_rates: Mapping[float, float]
    frames: int
    length: int
    seed: int
    start: int


@dataclass(frozen=True, slots=True)
class _Frame:
    """One transmission: as sent, as received, and when."""

    number: int  # from 0, over all rates
    rate: float
    time: int
    sent: bytes
    received: bytes

    @property
    def is_bad(self) -> bool:
        return self.sent != self.received


def simulate(settings: Simulation) -> Run:
    """Write a run.

    Returns:
        Its metadata.

    Raises:
        ValueError: The length has no room for headers and payload.
    """
    if settings.length < _HEADERS:
        raise ValueError(f"length={settings.length}, wanted at least {_HEADERS}")
    run = Run.begin(
        interface=INTERFACE,
        start=settings.start,
        snap_length=0,
        meta={"seed": str(settings.seed), "channel": "bit flips"},
    )
    run = replace(run, run_id=f"{settings.seed:032x}")
    stem = settings.capture.name.removesuffix(".pcapng")
    tx_log = settings.capture.with_name(f"{stem}.tx.parquet")
    metadata = {
        "run_id": run.run_id,
        "host": run.host,
        "mode": "simulated",
        "payload": SELF_DESCRIBING,
        "seed": str(settings.seed),
    }
    bad = total = 0
    frames = _transmissions(settings, run_key(run.run_id))
    with (
        replacing(settings.capture) as temporary,
        temporary.open("wb") as capture,
        new_table(tx_log, TX, metadata) as log,
    ):
        capture.write(_header(run))
        while chunk := list(itertools.islice(frames, _CHUNK)):
            capture.write(b"".join(map(_record, chunk)))
            log.write_table(pa.Table.from_pylist(list(map(_sent, chunk)), schema=TX.schema))
            bad += sum(frame.is_bad for frame in chunk)
            total += len(chunk)
        end = settings.start + total * _GAP_NS
        capture.write(_statistics(settings.start, end, total))
    run = replace(
        run,
        end=end,
        counters=Counters(received=total, dropped_by_kernel=0, written=total, bad_fcs=bad),
        files=(RunFile.of(settings.capture), RunFile.of(tx_log)),
        ended_by="frames",
    )
    run.save(run_json_path(settings.capture))
    return run


def _transmissions(settings: Simulation, key: bytes) -> Iterator[_Frame]:
    number = 0
    for rate, error_rate in settings.error_rates.items():
        channel = BinarySymmetricChannel(error_rate, settings.seed)
        for i in range(settings.frames):
            payload = self_describing(key, number, settings.length - _HEADERS)
            packet = mac.udp_datagram(
                _SENDER_IP, _RECEIVER_IP, _PORT, _PORT, payload, number & 0xFFFF
            )
            sent = fcs.append(
                mac.data_frame(
                    packet,
                    addr1=_ACCESS_POINT,
                    addr2=_STATION,
                    addr3=_ACCESS_POINT,
                    to_ds=True,
                    sequence=number & 0xFFF,
                )
            )
            errors = channel.errors(8 * len(sent), round(2 * rate), i)
            received = fcs.flip(sent, errors.tolist())
            yield _Frame(number, rate, settings.start + number * _GAP_NS, sent, received)
            number += 1


def _header(run: Run) -> bytes:
    section = pcapng.SectionHeader.make(
        os=run.os, userappl=f"wtrec {run.wtrec_version}", comments=[run.to_json(indent=None)]
    )
    interface = pcapng.InterfaceDescription.make(
        linktype=_LINKTYPE_RADIOTAP, name=INTERFACE, tsresol=_NANOSECONDS, fcslen_bits=32
    )
    return section.write("<") + interface.write("<")


def _record(frame: _Frame) -> bytes:
    """The Enhanced Packet Block of a frame as received."""
    header = radiotap.build(
        tsft=frame.number * _GAP_NS // 1000,
        flags=_BAD if frame.is_bad else _GOOD,
        rate=round(2 * frame.rate),
        channel=_CHANNEL_6,
        dbm_antenna_signal=_SIGNAL_DBM,
        dbm_antenna_noise=_NOISE_DBM,
        antenna=0,
    )
    flags = pcapng.BAD_FRAME_FLAGS if frame.is_bad else pcapng.GOOD_FRAME_FLAGS
    block = pcapng.EnhancedPacket.make(
        0, frame.time, header + frame.received, flags=flags, packetid=frame.number
    )
    return block.write("<")


def _statistics(start: int, end: int, total: int) -> bytes:
    block = pcapng.InterfaceStatistics.make(
        0, end, starttime=start, endtime=end, ifrecv=total, osdrop=0, usrdeliv=total
    )
    return block.write("<")


def _sent(frame: _Frame) -> dict[str, object]:
    """The tx log's row."""
    return {
        "packet_id": frame.number,
        "time": frame.time,
        "layer": "mpdu",
        "length": len(frame.sent),
        "original": frame.sent,
        "rate_mbps": frame.rate,
        "destination": _RECEIVER_IP,
    }
