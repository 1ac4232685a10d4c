"""Recorded errors laid over other content: a capture as if that had been sent.

Each mask, in order, is laid over the next original of its frame's length; when these are used
up, they begin again. Originals are the packets of a tx log, or frames made around its payloads
or around a payload rule (the same MAC, IP and UDP headers for all, so that constant payloads give
constant frames). A tx log of what was "sent" stands beside the capture.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from ..datasets import pcapng
from ..datasets.files import replacing
from ..datasets.journal import TableReader
from ..datasets.masks import flips_of
from ..datasets.parquet import new_table
from ..datasets.payload import Pattern
from ..datasets.run import tx_log_path
from ..datasets.txlog import TX
from ..dot11 import fcs, mac, radiotap
from ..errors import MatchError

SPACING_NS = 1_000_000  # between frames
HEADERS_LENGTH = 64  # MAC, LLC, IPv4, UDP and FCS around a payload

_STATION = bytes.fromhex("020077747231")
_ACCESS_POINT = bytes.fromhex("020077747230")
_ADDRESS = ("192.0.2.1", "192.0.2.2")
_PORT = 5005
_LINKTYPE_RADIOTAP = 127
_NANOSECONDS = 9
_SCAN = 256  # packets of the log that are held for each length
_GOOD = radiotap.Flags.FCS
_BAD = radiotap.Flags.FCS | radiotap.Flags.BAD_FCS
_MAX_RATE = 255  # half Mbit/s that Radiotap's Rate can say

Originals = Callable[[int], "tuple[int, bytes] | None"]
"""Packet id and MPDU of the next original of a length in bytes; None if there is none."""


@dataclass
class Laid:
    """What was written.

    Attributes:
        frames: Frames.
        bad: Those with a mask that is not empty.
        without_original: Masks that were left out, by length in bytes: nothing is as long.
        without_rate: Frames whose rate Radiotap's Rate field cannot say.
    """

    frames: int = 0
    bad: int = 0
    without_original: dict[int, int] = field(default_factory=dict)
    without_rate: int = 0

    @property
    def losses(self) -> list[str]:
        """What was lost, a sentence each."""
        found = []
        if self.without_original:
            lengths = ", ".join(str(length) for length in sorted(self.without_original)[:5])
            found.append(
                f"{sum(self.without_original.values()):,} masks were left out: no original is as "
                f"long ({lengths}{', ...' if len(self.without_original) > 5 else ''} bytes)"
            )
        if self.without_rate:
            found.append(f"{self.without_rate:,} frames have a rate that was not written")
        return found


def around_pattern(pattern: Pattern) -> Originals:
    """Frames whose payload repeats a pattern; of one length all are the same."""

    def original(length: int) -> tuple[int, bytes] | None:
        if length < HEADERS_LENGTH:
            return None
        return 0, _frame(pattern.fill(length - HEADERS_LENGTH))

    return original


def from_log(log: TableReader) -> Originals:
    """The packets of a tx log, or frames around its payloads.

    Raises:
        MatchError: The log is empty or mixes layers.
    """
    first = next(log.batches(1), None)
    if first is None:
        raise MatchError(f"{log.path}: the tx log has no packets")
    layer = first.column("layer").to_pylist()[0]
    turns: dict[int, Iterator[tuple[int, bytes]]] = {}

    def packets(length: int) -> Iterator[tuple[int, bytes]]:
        for batch in log.batches(_SCAN):
            if set(batch.column("layer").unique().to_pylist()) != {layer}:
                raise MatchError(f"{log.path}: the tx log mixes layers, wanted one log for each")
            for row in batch.select(["packet_id", "original"]).to_pylist():
                mpdu = row["original"] if layer == "mpdu" else _frame(row["original"])
                if len(mpdu) == length:
                    yield row["packet_id"], mpdu

    def original(length: int) -> tuple[int, bytes] | None:
        found = next(turns[length], None) if length in turns else None
        if found is None:
            turns[length] = packets(length)
            found = next(turns[length], None)
        return found

    return original


def lay(
    masks: Iterable[Any],
    originals: Originals,
    output: Path,
    metadata: Mapping[str, str],
    *,
    start: int | None = None,
) -> Laid:
    """Write a capture and its tx log.

    Args:
        masks: Record batches of ``MASKS``.
        originals: What to lay them over.
        output: The capture; ``RUN.tx.parquet`` is written beside it.
        metadata: Of the tx log.
        start: Time of the first frame, ns since 1970 UTC; None: now.

    Raises:
        FormatError: The masks are damaged.
        OSError: The files cannot be written; neither appears.
    """
    laid = Laid()
    when = time.time_ns() if start is None else start
    with (
        replacing(output) as temporary,
        temporary.open("wb") as file,
        new_table(tx_log_path(output), TX, metadata) as log,
    ):
        file.write(pcapng.SectionHeader.make(userappl="wtrec convert").write("<"))
        interface = pcapng.InterfaceDescription.make(
            linktype=_LINKTYPE_RADIOTAP, name="masks", tsresol=_NANOSECONDS, fcslen_bits=32
        )
        file.write(interface.write("<"))
        for batch in masks:
            rows = []
            bounds, positions = flips_of(batch)
            for k, mask in enumerate(batch.drop_columns(["flips"]).to_pylist()):
                length = mask["bits"] // 8
                found = originals(length)
                if found is None:
                    laid.without_original[length] = laid.without_original.get(length, 0) + 1
                    continue
                packet_id, sent = found
                received = fcs.flip(sent, positions[bounds[k] : bounds[k + 1]].tolist())
                packet = _radiotap(mask, received != sent, laid) + received
                flags = pcapng.GOOD_FRAME_FLAGS if received == sent else pcapng.BAD_FRAME_FLAGS
                block = pcapng.EnhancedPacket.make(0, when, packet, flags=flags)
                file.write(block.write("<"))
                rows.append(
                    {
                        "packet_id": packet_id,
                        "time": when,
                        "layer": "mpdu",
                        "length": length,
                        "original": sent,
                        "rate_mbps": mask["rate_mbps"],
                    }
                )
                laid.frames += 1
                laid.bad += received != sent
                when += SPACING_NS
            log.write_table(pa.Table.from_pylist(rows, schema=TX.schema))
    return laid


def _radiotap(mask: dict[str, Any], is_bad: bool, laid: Laid) -> bytes:
    values: dict[str, Any] = {"flags": _BAD if is_bad else _GOOD}
    rate = mask["rate_mbps"]
    if rate is not None and float(2 * rate).is_integer() and 0 < 2 * rate <= _MAX_RATE:
        values["rate"] = round(2 * rate)
    elif rate is not None:
        laid.without_rate += 1
    if mask["signal_dbm"] is not None:
        values["dbm_antenna_signal"] = mask["signal_dbm"]
    return radiotap.build(**values)


def _frame(payload: bytes) -> bytes:
    packet = mac.udp_datagram(*_ADDRESS, _PORT, _PORT, payload)
    return fcs.append(
        mac.data_frame(packet, addr1=_ACCESS_POINT, addr2=_STATION, addr3=_ACCESS_POINT, to_ds=True)
    )
