"""A capture in another format: pcapng, classic pcap, or a table of frames.

* pcapng of pcapng: the same blocks, byte for byte. Of pcap: an interface, and its records as
  blocks, with the same times.
* pcap: packets and times alone. It has one link type for all; what else it cannot keep is said.
  Times are in microseconds if all clocks were that coarse, in nanoseconds otherwise.
* frames: the columns of :data:`wtrec.datasets.frames.FRAMES` as Parquet, a row group a batch. What
  the capture says beside its frames is in the file's metadata.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import FormatError
from . import pcap, pcapng
from .copying import MICROSECONDS, NANOSECONDS, blocks_of, interface_of_pcap, without_length
from .files import sha256_of
from .records_kernel import block_begins, records_of_packets
from .sidecar import run_of
from .sink import Sink, new_capture
from .source import Source
from .walk import Between, Damage, Interface, Records, Walk
from .walk_kernel import NO_TIME

if TYPE_CHECKING:
    from .reader import CaptureReader

_MOST_SECONDS = 1 << 32  # that a record of pcap can say
_NS_PER_S = 1_000_000_000
_FCS_UNIT_BITS, _MOST_FCS_BITS = 16, 240

Progress = Callable[[Source], None]


@dataclass
class Converted:
    """What was converted.

    Attributes:
        packets: Packets (for frames: rows) that were written.
        losses: What could not be read or written, one sentence each.
        notes: What the new format cannot keep.
    """

    packets: int = 0
    losses: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def to_pcapng(source: Path, output: Path, on_progress: Progress = lambda _: None) -> Converted:
    """Write a capture as pcapng, packed as the new name says.

    Raises:
        FormatError: Not a capture, or damage in its middle.
        OSError: A file cannot be opened or written.
    """
    done = Converted()
    with Walk(source) as walk, new_capture(output) as write:
        is_pcap = walk.format == "pcap"
        if is_pcap:
            write(pcapng.SectionHeader.make(userappl=f"wtrec {version('wtrec')}").write("<"))
        for event in walk:
            if isinstance(event, Records):
                write(blocks_of(event, is_pcap=True).wire if is_pcap else event.wire)
                on_progress(walk.source)
            elif isinstance(event, Damage):
                done.losses.append(walk.loss(event))
            elif isinstance(event.block, pcap.PcapHeader):
                write(interface_of_pcap(event.block).write("<"))
            elif isinstance(event.block, pcapng.SectionHeader):
                write(without_length(event.wire))
            else:
                write(event.wire)
        _end(walk, done)
    return done


def to_pcap(source: Path, output: Path, on_progress: Progress = lambda _: None) -> Converted:
    """Write the packets of a capture as classic pcap, packed as the new name says.

    Raises:
        FormatError: Not a capture, damage in its middle, several link types, or a time that pcap
            cannot hold.
        OSError: A file cannot be opened or written.
    """
    done = Converted()
    header = _survey(source, done)
    with Walk(source) as walk, new_capture(output) as write:
        write(header.write())
        for event in walk:
            if isinstance(event, Records):
                _write_records(walk, event, header, write)
                on_progress(walk.source)
            elif isinstance(event, Damage):
                done.losses.append(walk.loss(event))
        _end(walk, done)
    return done


def _end(walk: Walk, done: Converted) -> None:
    done.packets = walk.packets
    if walk.source.damage:
        done.losses.append(f"{walk.path}: {walk.source.damage}")


@dataclass
class _Survey:
    """What a first look at a capture finds that matters to pcap."""

    linktypes: Counter[int] = field(default_factory=Counter)
    used: set[int] = field(default_factory=set)
    longest: int = 0
    timeless: int = 0
    with_options: int = 0
    drops: int = 0
    comments: int = 0
    names: int = 0

    def add(self, event: Records, interfaces: list[Interface], *, is_pcap: bool) -> None:
        numbers, counts = np.unique(event.interfaces, return_counts=True)
        for number, count in zip(numbers.tolist(), counts.tolist(), strict=True):
            self.linktypes[interfaces[number].linktype] += count
            self.used.add(number)
        where = event.where
        self.longest = max(self.longest, int(where.captured.max()))
        self.timeless += int(np.count_nonzero(where.time == NO_TIME))
        self.drops += sum(where.drops[where.drops != 0].tolist())
        if not is_pcap:
            begins = np.empty(event.packets + 1, np.int64)
            is_big = event.section.order == ">"
            block_begins(event.data, event.begin, event.packets, is_big, begins)
            behind = where.start + ((where.captured + 3) & ~3)
            self.with_options += int(np.count_nonzero(begins[1:] - behind > 4))


def _survey(source: Path, done: Converted) -> pcap.PcapHeader:
    """Read a capture through for the header of its pcap file, and for what that cannot keep."""
    survey = _Survey()
    with Walk(source) as walk:
        original: pcap.PcapHeader | None = None
        for event in walk:
            if isinstance(event, Records):
                survey.add(event, walk.interfaces, is_pcap=walk.format == "pcap")
            elif isinstance(event, Between):
                block = event.block
                if isinstance(block, pcap.PcapHeader):
                    original = block
                elif isinstance(block, pcapng.NameResolution):
                    survey.names += 1
                elif isinstance(block, pcapng.SectionHeader | pcapng.InterfaceDescription):
                    survey.comments += len(block.comments)
        if len(survey.linktypes) > 1:
            kinds = ", ".join(f"{kind} ({n:,} packets)" for kind, n in survey.linktypes.items())
            raise FormatError(
                f"link types {kinds}, wanted one: pcap has one for all packets",
                path=str(source),
                hint="write .pcapng",
            )
        if original is not None:
            return original if original.order == "<" else _little(original)
        done.notes += _not_kept(survey, walk)
        return _header([walk.interfaces[number] for number in sorted(survey.used)], survey, walk)


def _little(header: pcap.PcapHeader) -> pcap.PcapHeader:
    return pcap.PcapHeader(
        header.linktype, header.snaplen, header.nanoseconds, header.fcs_bits, "<"
    )


def _header(used: list[Interface], survey: _Survey, walk: Walk) -> pcap.PcapHeader:
    described = used or walk.interfaces
    if not described:
        raise FormatError(
            "no interface is described, wanted one: pcap needs a link type", path=walk.path
        )
    snaps = [interface.snaplen or pcap.MAX_SNAPLEN for interface in described]
    coarse = all(interface.tsresol <= MICROSECONDS for interface in described)
    fcs = {interface.fcs_bits for interface in described}
    fcs_bits = fcs.pop() if len(fcs) == 1 else None
    if fcs_bits is not None and (fcs_bits % _FCS_UNIT_BITS or fcs_bits > _MOST_FCS_BITS):
        fcs_bits = None
    snaplen = max(*snaps, survey.longest)
    return pcap.PcapHeader(described[0].linktype, snaplen, not coarse, fcs_bits)


def _not_kept(survey: _Survey, walk: Walk) -> list[str]:
    """What is in the capture, and not in a pcap file, in one sentence or none."""
    named = sum(bool(interface.name) for interface in walk.interfaces)
    finer = any(
        resolution & 0x7F > (30 if resolution & 0x80 else NANOSECONDS)
        for resolution in (interface.tsresol for interface in walk.interfaces)
    )
    parts = [
        f"{count:,} {what}"
        for count, what in (
            (survey.comments, "comments of sections and interfaces"),
            (named, "names of interfaces"),
            (len(walk.interfaces) if len(walk.interfaces) > 1 else 0, "interfaces apart"),
            (survey.with_options, "packets' options (flags, ids, comments)"),
            (survey.drops, "drops noted between packets"),
            (len(walk.statistics), "blocks of statistics"),
            (survey.names, "blocks of names"),
            (survey.timeless, "packets without a time: they have 1970 now"),
            (int(finer), "clock finer than a nanosecond: times are rounded down"),
        )
        if count
    ]
    return [f"pcap does not keep {'; '.join(parts)}"] if parts else []


def _write_records(walk: Walk, event: Records, header: pcap.PcapHeader, write: Sink) -> None:
    where = event.where
    times = np.where(where.time == NO_TIME, 0, where.time)
    wrong = np.flatnonzero((times < 0) | (times >= _MOST_SECONDS * _NS_PER_S))
    if len(wrong):
        number = walk.packets - event.packets + int(wrong[0]) + 1
        raise FormatError(
            f"packet {number} is of {int(times[wrong[0]]) // _NS_PER_S} s since 1970, "
            f"wanted 0 to {_MOST_SECONDS - 1}: pcap holds no other times",
            path=walk.path,
            hint="write .pcapng",
        )
    out = np.empty(int(where.captured.sum()) + 16 * event.packets, np.uint8)
    lengths = where.captured, where.original
    records_of_packets(event.data, where.start, *lengths, times, header.tick_ns, out)
    write(out.data)


def to_frames(source: Path, output: Path, on_progress: Progress = lambda _: None) -> Converted:
    """Write the 802.11 frames of a capture as Parquet.

    The metadata has, under ``wtrec.``: ``capture`` and ``capture_sha256``, ``interfaces``,
    ``statistics``, ``sections`` and ``counts`` as JSON, and ``run``, which is ``run.json``.

    Raises:
        FormatError: Not a capture, or damage in its middle.
        OSError: A file cannot be opened or written.
    """
    from .frames import FRAMES  # Arrow takes longer to start than most captures to convert
    from .parquet import new_table
    from .reader import CaptureReader

    done = Converted()
    with (
        ThreadPoolExecutor(1) as hasher,
        CaptureReader(source) as reader,
        new_table(output, FRAMES, {"capture": source.name}) as writer,
    ):
        digest = hasher.submit(sha256_of, source)
        for frames in reader:
            writer.write_batch(frames.arrow)
            done.packets += len(frames)
            on_progress(reader.source)
        facts = {"capture_sha256": digest.result(), **_facts(source, reader, done)}
        writer.add_key_value_metadata({f"wtrec.{key}": value for key, value in facts.items()})
    done.losses = list(reader.losses)
    if reader.other_linktypes:
        done.losses.append(
            f"{source}: {reader.other_linktypes:,} packets are no 802.11 frames, and left out"
        )
    if reader.malformed:
        done.losses.append(
            f"{source}: {reader.malformed:,} frames have a Radiotap header that is not sound, "
            "and no MPDU"
        )
    return done


def _facts(source: Path, reader: CaptureReader, done: Converted) -> dict[str, str]:
    comments = [text for section in reader.sections for text in section.comments]
    run, note = run_of(source, comments)
    done.notes += [note] if note else []
    counters = ("ifrecv", "ifdrop", "filteraccept", "osdrop", "usrdeliv")
    values = {
        "interfaces": [asdict(interface) for interface in reader.interfaces],
        "sections": [
            {
                "hardware": section.hardware,
                "os": section.os,
                "application": section.userappl,
                "comments": section.comments,
            }
            for section in reader.sections
        ],
        "statistics": [
            {"interface": number, **{name: getattr(block, name) for name in counters}}
            for number, block in reader.statistics
        ],
        "counts": {
            "packets": reader.packets,
            "frames": reader.frames,
            "other_linktypes": reader.other_linktypes,
            "malformed": reader.malformed,
            "drops": reader.drops,
        },
    }
    facts = {key: json.dumps(value, ensure_ascii=False) for key, value in values.items()}
    return facts if run is None else {**facts, "run": run.to_json(indent=None)}
