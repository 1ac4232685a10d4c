"""The files and frames of a simulated run: exactly what a recorder and a sender would write.

``run.pcapng`` has one interface a receiver; a transmission's copies carry the same packet id
option. ``run.tx.parquet`` has a row for each transmission and receiver, ``run.json`` the rest.
"""

from __future__ import annotations

import itertools
import time
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from ..clock import REAL_TIME, wait_until
from ..datasets import pcapng
from ..datasets.files import replacing
from ..datasets.parquet import new_table
from ..datasets.payload import SELF_DESCRIBING
from ..datasets.run import Counters, Run, RunFile, run_json_path, tx_log_path
from ..datasets.txlog import TX
from ..dot11 import airtime, radiotap
from .simulate import RECEIVER_IP, Simulation, Transmission, transmissions

NOISE_DBM = -95

_LINKTYPE_RADIOTAP = 127
_NANOSECONDS = 9  # if_tsresol
_CHANNEL_6_MHZ = 2437
_BIT_CHANNEL_SIGNAL_DBM = -60
_CHUNK = 256  # transmissions that are held in memory at once
_GOOD = radiotap.Flags.FCS
_BAD = radiotap.Flags.FCS | radiotap.Flags.BAD_FCS


class Tap(Protocol):
    """Where frames can be sent, behind their Radiotap header, as they happen."""

    def write(self, frame: bytes) -> None:
        """One frame."""
        ...


def write_run(
    simulation: Simulation, capture: Path, *, start: int | None = None, tap: Tap | None = None
) -> Run:
    """Simulate, and write the run's files.

    Args:
        simulation: What to simulate.
        capture: The capture to write; the other files stand beside it.
        start: Time of the run's start, ns since 1970 UTC; None: when the first frames are ready.
        tap: Gets what the first receiver hears, each frame at its time. The run then takes as
            long as it would on the air.

    Returns:
        The run's metadata.

    Raises:
        OSError: The files cannot be written; none of them appears.
    """
    on_air = transmissions(simulation)
    chunk = list(itertools.islice(on_air, _CHUNK))
    start = time.time_ns() if start is None else start
    run = _begin(simulation, start)
    tx_log = tx_log_path(capture)
    metadata = {
        "run_id": run.run_id,
        "host": run.host,
        "mode": "simulated",
        "payload": SELF_DESCRIBING,
        "seed": str(simulation.seed),
    }
    frames = bad = 0
    end = start
    with (
        replacing(capture) as temporary,
        temporary.open("wb") as file,
        new_table(tx_log, TX, metadata) as log,
    ):
        file.write(_header(run, simulation.copies))
        while chunk:
            rows = []
            for sent in chunk:
                end = start + 1000 * sent.start_us
                for receiver, received in enumerate(sent.received):
                    frames += 1
                    bad += received != sent.sent
                    packet = _radiotap(simulation, sent, received) + received
                    file.write(_record(sent, receiver, end, packet))
                    rows.append(_row(simulation, sent, receiver, end))
                    if tap and receiver == 0:
                        wait_until(end, REAL_TIME)
                        tap.write(packet)
            log.write_table(pa.Table.from_pylist(rows, schema=TX.schema))
            chunk = list(itertools.islice(on_air, _CHUNK))
        for receiver in range(simulation.copies):
            file.write(_statistics(receiver, start, end, frames // simulation.copies))
    run = replace(
        run,
        end=end,
        counters=Counters(received=frames, dropped_by_kernel=0, written=frames, bad_fcs=bad),
        files=(RunFile.of(capture), RunFile.of(tx_log)),
        ended_by="frames",
    )
    run.save(run_json_path(capture))
    return run


def _begin(simulation: Simulation, start: int) -> Run:
    quality = "snr_db" if simulation.by_snr else "error_rate"
    run = Run.begin(
        interface="simulated",
        start=start,
        snap_length=0,
        meta={
            "channel": simulation.channel,
            "rate_mbps": " ".join(f"{rate:g}" for rate, _ in simulation.points),
            quality: " ".join(f"{value:g}" for _, value in simulation.points),
            "decisions": "soft" if simulation.soft else "hard",
            "retries": str(simulation.retries),
            "seed": str(simulation.seed),
        },
    )
    return replace(run, run_id=simulation.run_id)


def _header(run: Run, receivers: int) -> bytes:
    section = pcapng.SectionHeader.make(
        os=run.os, userappl=f"wtrec {run.wtrec_version}", comments=[run.to_json(indent=None)]
    )
    interfaces = (
        pcapng.InterfaceDescription.make(
            linktype=_LINKTYPE_RADIOTAP,
            name=f"sim{receiver}",
            tsresol=_NANOSECONDS,
            fcslen_bits=32,
        )
        for receiver in range(receivers)
    )
    return section.write("<") + b"".join(interface.write("<") for interface in interfaces)


def _radiotap(simulation: Simulation, sent: Transmission, received: bytes) -> bytes:
    """What a driver would say of a frame."""
    modulation = (
        radiotap.ChannelFlags.CCK
        if sent.rate_mbps in airtime.DSSS_MBPS
        else radiotap.ChannelFlags.OFDM
    )
    signal = round(NOISE_DBM + sent.quality) if simulation.by_snr else _BIT_CHANNEL_SIGNAL_DBM
    return radiotap.build(
        tsft=sent.start_us,
        flags=_GOOD if received == sent.sent else _BAD,
        rate=round(2 * sent.rate_mbps),
        channel=(_CHANNEL_6_MHZ, modulation | radiotap.ChannelFlags.BAND_2_GHZ),
        dbm_antenna_signal=max(-128, min(127, signal)),
        dbm_antenna_noise=NOISE_DBM,
        antenna=0,
    )


def _record(sent: Transmission, receiver: int, when: int, packet: bytes) -> bytes:
    is_bad = sent.received[receiver] != sent.sent
    flags = pcapng.BAD_FRAME_FLAGS if is_bad else pcapng.GOOD_FRAME_FLAGS
    block = pcapng.EnhancedPacket.make(receiver, when, packet, flags=flags, packetid=sent.number)
    return block.write("<")


def _statistics(receiver: int, start: int, end: int, frames: int) -> bytes:
    block = pcapng.InterfaceStatistics.make(
        receiver, end, starttime=start, endtime=end, ifrecv=frames, osdrop=0, usrdeliv=frames
    )
    return block.write("<")


def _row(simulation: Simulation, sent: Transmission, receiver: int, when: int) -> dict[str, object]:
    """The tx log's row."""
    return {
        "packet_id": sent.packet_id,
        "time": when,
        "layer": "mpdu",
        "length": len(sent.sent),
        "original": sent.sent,
        "rate_mbps": sent.rate_mbps,
        "destination": RECEIVER_IP,
        "snr_db": sent.quality if simulation.by_snr else None,
        "channel": simulation.channel,
        "receiver": receiver,
    }
