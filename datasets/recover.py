"""What can be saved of a damaged capture: every whole record, byte for byte, in a new file.

The damaged file stays as it is. Records are copied until one is cut off or contradicts itself;
:mod:`wtrec.datasets.resync` says where a pcapng file can be read on. Records of classic pcap have
no mark: where one is not followed by another, its two lengths are tried, and then three that could
follow each other are taken for what they seem to be.

The new file has a temporary name until it has been read through again, and has the same packets.
"""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError, WtrecError
from . import pcap, pcapng
from .copying import without_length
from .files import replacing
from .records_kernel import ANY_GAP_S, AT_END, MORE, YEAR_S, find_record, sound_records
from .resync import is_no_description, next_block
from .sink import Sink, packing
from .source import MappedSource, Source, open_source
from .walk import Between, Damage, Records, Walk

_ROW = 3  # records of pcap that are believed where one alone is not
_CHUNK = 8 << 20
_HEAD = pcap.RECORD_HEADER_LENGTH


@dataclass(frozen=True, slots=True)
class Lost:
    """A part of a file that could not be saved.

    Attributes:
        offset: Where it begins, in the unpacked file.
        length: Its bytes.
        after: Packets in front of it that were saved: it lies behind this frame of the new file.
        why: What is wrong there.
    """

    offset: int
    length: int
    after: int
    why: str

    def __str__(self) -> str:
        where = f"behind frame {self.after}" if self.after else "before the first frame"
        return f"offset {self.offset}: {self.length:,} bytes lost {where}: {self.why}"


@dataclass
class Salvage:
    """What was saved, and what was lost.

    Attributes:
        format: ``pcapng`` or ``pcap``.
        packets: Packets that were saved.
        bytes: Bytes that were saved.
        lost: The parts that were not, in the order of the file.
        notes: What else is to be known, a sentence each; the file is not as it once was.
    """

    format: str = ""
    packets: int = 0
    bytes: int = 0
    lost: list[Lost] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether nothing was lost."""
        return not self.lost and not self.notes

    def lose(self, offset: int, end: int, why: str) -> None:
        """Note a loss; one that begins where the last one ends makes it longer."""
        if end <= offset:
            return
        if self.lost and self.lost[-1].offset + self.lost[-1].length == offset:
            last = self.lost.pop()
            self.lost.append(Lost(last.offset, end - last.offset, last.after, last.why))
        else:
            self.lost.append(Lost(offset, end - offset, self.packets, why))


class _Copy:
    """Writes what is saved, and remembers the packets."""

    def __init__(self, write: Sink, salvage: Salvage) -> None:
        self._write = write
        self.salvage = salvage
        self.digest = hashlib.sha256()

    def other(self, wire: bytes) -> None:
        self._write(wire)
        self.salvage.bytes += len(wire)

    def records(self, wire: memoryview, packets: int) -> None:
        self._write(wire)
        self.digest.update(wire)
        self.salvage.bytes += len(wire)
        self.salvage.packets += packets


def recover(
    damaged: Path, output: Path, *, on_progress: Callable[[Source], None] = lambda _: None
) -> Salvage:
    """Save what can be saved of a capture in a new file.

    Args:
        damaged: pcapng or pcap, plain or packed with gzip or zstd; only read.
        output: The file to make or to replace, in the same format; packed as its name says.
        on_progress: Called now and then with where the reader stands.

    Raises:
        FormatError: Nothing can be saved.
        OSError: A file cannot be opened or written.
        WtrecError: What was written does not read as what was saved.
    """
    salvage = Salvage()
    with contextlib.ExitStack() as stack:
        plain = _unpacked(stack, damaged, output.parent, salvage)
        temporary = stack.enter_context(replacing(output))
        with packing(temporary, output.suffix) as write:
            copy = _Copy(write, salvage)
            _save(plain, damaged, copy, on_progress)
        if not salvage.packets and not salvage.is_whole:
            raise FormatError("nothing can be saved: no whole packet in it", path=str(damaged))
        _verify(temporary, output, copy)
    return salvage


def _unpacked(stack: contextlib.ExitStack, path: Path, folder: Path, salvage: Salvage) -> Path:
    """The file itself, or what it holds: damage is looked for from any offset, back and forth."""
    with contextlib.closing(open_source(path)) as source:
        if isinstance(source, MappedSource):
            return path
        file = tempfile.NamedTemporaryFile(prefix=".wtrec.", dir=folder)  # noqa: SIM115 - below
        stack.enter_context(file)
        position = 0
        while len(view := source.view(position)):
            file.write(view.data)
            position += len(view)
        file.flush()
        if source.damage:
            salvage.notes.append(f"{source.damage}; {position:,} bytes could be unpacked")
        if not position:
            raise FormatError(f"nothing can be saved: {source.damage}", path=str(path))
        return Path(file.name)


def _save(plain: Path, named: Path, copy: _Copy, on_progress: Callable[[Source], None]) -> None:
    size = plain.stat().st_size
    start = 0
    try:
        Walk(plain).close()
    except FormatError as error:
        with contextlib.closing(open_source(plain)) as source:
            found = next_block(source, size, -1, None)
        if found is None:
            what = f"nothing can be saved: {error.what}, and has no section header further on"
            raise FormatError(what, path=str(named)) from None
        copy.salvage.lose(0, found, "no capture begins here")
        start = found
    with Walk(plain, start=start) as walk:
        copy.salvage.format = walk.format
        if walk.format == "pcap":
            _save_pcap(walk, size, copy, on_progress)
        else:
            _save_pcapng(walk, size, copy, on_progress)


def _save_pcapng(walk: Walk, size: int, copy: _Copy, on_progress: Callable[[Source], None]) -> None:
    salvage = copy.salvage
    doubt: int | None = None  # where a description of an interface, or a header, may be lost
    is_said = False  # once a section
    for event in walk:
        if isinstance(event, Damage):
            section = walk.section if walk.sections else None
            found = next_block(walk.source, size, event.offset, section)
            end = size if found is None else found
            salvage.lose(event.offset, end, _why(walk.source, event, end))
            if found is None:
                continue
            if section is not None and not is_said:
                is_harmless = is_no_description(walk.source, event.offset, found, section)
                doubt = doubt if is_harmless or doubt is not None else event.offset
            walk.resume(found)
            continue
        if isinstance(event, Between) and isinstance(event.block, pcapng.SectionHeader):
            doubt, is_said = None, False
            # its length would be wrong if something of the section is lost
            copy.other(without_length(event.wire))
            continue
        if doubt is not None and not is_said:
            salvage.notes.append(
                f"offset {doubt}: interfaces may have been described in what was lost, or a "
                "section begun; packets behind it may be another interface's than the new file says"
            )
            is_said = True
        if isinstance(event, Records):
            copy.records(event.wire, event.packets)
            on_progress(walk.source)
        else:
            copy.other(event.wire)


def _why(source: Source, damage: Damage, end: int) -> str:
    if not any(np.any(chunk) for chunk in _chunks(source, damage.offset, end)):
        return "zeros"
    return damage.error.what


def _chunks(source: Source, offset: int, end: int) -> Iterator[memoryview]:
    while offset < end:
        view = source.view(offset, 1)[: end - offset]
        yield view.data
        offset += len(view)


def _save_pcap(walk: Walk, size: int, copy: _Copy, on_progress: Callable[[Source], None]) -> None:
    first = next(iter(walk))
    if isinstance(first, Damage):
        return copy.salvage.lose(0, size, first.error.what)
    assert isinstance(first, Between)  # noqa: S101 - a walk of pcap begins with its header
    header = first.block
    assert isinstance(header, pcap.PcapHeader)  # noqa: S101 - that is what it begins with
    copy.other(first.wire)
    layout = _layout(header)
    source = walk.source
    at = pcap.HEADER_LENGTH  # everything before it was saved or lost
    while at < size:
        view = source.view(at, min(_CHUNK, size - at))
        at_end = at + len(view) == size
        count, last, behind, reason = sound_records(view, 0, 2**62, *layout, at_end, YEAR_S, False)
        on_progress(source)
        if reason == MORE:
            if count <= 1:  # a record longer than the window
                view = source.view(at, min(len(view) + 2 * header.longest_record, size - at))
                at_end = at + len(view) == size
                count, last, behind, reason = sound_records(
                    view, 0, 2, *layout, at_end, YEAR_S, False
                )
            if reason == MORE:  # the last one is judged by what follows it
                copy.records(view.data[:last], count - 1)
                at += last
                continue
        if reason == AT_END and _next_of(source, size, at + behind, header) in {None, size}:
            copy.records(view.data[:behind], count)
            if at + behind < size:
                copy.salvage.lose(at + behind, size, "the file ends inside a record")
            return None
        at = _past_break(source, size, copy, view, at, (count, last, behind), header)
    return None


def _layout(header: pcap.PcapHeader) -> tuple[bool, int, int]:
    """What the kernels take: is it big-endian, units of a second, most bytes of a packet."""
    per_second = 10**9 if header.nanoseconds else 10**6
    return header.order == ">", per_second, header.longest_record


def _past_break(
    source: Source,
    size: int,
    copy: _Copy,
    view: NDArray[np.uint8],
    at: int,
    sound: tuple[int, int, int],
    header: pcap.PcapHeader,
) -> int:
    """Save what is in front of a break, and say where to go on.

    If one number alone is wrong, another one of the same record says where the next one begins:
    of the record at the break, or of the one before it, which may have led astray. Only where
    none does, a row of records is looked for; inside of the one before the break only if its two
    lengths differ.
    """
    count, last, behind = sound
    layout = _layout(header)
    reach = source.view(at + behind, min(_CHUNK, size - at - behind))
    ends = at + behind + len(reach) == size
    more, _, _, reason = sound_records(reach, 0, _ROW, *layout, ends, ANY_GAP_S, True)
    if more and (more == _ROW or reason == AT_END):  # times jump, no more
        copy.records(view.data[:behind], count)
        return at + behind
    if (found := _next_of(source, size, at + behind, header)) is not None:
        copy.records(view.data[:behind], count)
        why = _zeros_or(source, at + behind, found, "a record's length or time is wrong")
        copy.salvage.lose(at + behind, found, why)
        return found
    if count:
        captured, kept = _lengths(source.view(at + last, _HEAD), header)
        found = None
        if captured != kept:
            found = _next_of(source, size, at + last, header)
            begin = at + last + _HEAD
            if found is None:
                found = _find_record(source, size, begin, layout)
                if found is not None and found >= at + behind:
                    found = None
        if found is not None:
            copy.records(view.data[:last], count - 1)
            copy.salvage.lose(at + last, found, "a record's length is wrong")
            return found
    copy.records(view.data[:behind], count)
    found = _find_record(source, size, at + max(behind, 1), layout)
    end = size if found is None else found
    copy.salvage.lose(
        at + behind, end, _zeros_or(source, at + behind, end, "no record begins here")
    )
    return end


def _zeros_or(source: Source, offset: int, end: int, why: str) -> str:
    return why if any(np.any(chunk) for chunk in _chunks(source, offset, end)) else "zeros"


def _lengths(record: NDArray[np.uint8], header: pcap.PcapHeader) -> tuple[int, int]:
    """How many bytes a packet has here, and how many the length that it once had leaves of it."""
    numbers = record[:_HEAD].view(f"{header.order}u4")
    return int(numbers[2]), min(int(numbers[3]), header.snaplen or header.longest_record)


def _next_of(source: Source, size: int, record: int, header: pcap.PcapHeader) -> int | None:
    """Where a record ends, by one of its lengths: a row of records follows there, or nothing."""
    head = source.view(record, min(_HEAD, size - record))
    if len(head) < _HEAD:
        return None
    layout = _layout(header)
    for length in dict.fromkeys(_lengths(head, header)):
        end = record + _HEAD + length
        if not 0 < length <= header.longest_record or end > size:
            continue
        if end == size:
            return size
        view = source.view(end, min(_ROW * (_HEAD + layout[2]), size - end))
        if find_record(view, 0, 1, *layout, end + len(view) == size) == 0:
            return end
    return None


def _find_record(
    source: Source, size: int, begin: int, layout: tuple[bool, int, int]
) -> int | None:
    overlap = _ROW * (_HEAD + layout[2])
    while begin < size:
        view = source.view(begin, min(_CHUNK + overlap, size - begin))
        at_end = begin + len(view) == size
        stop = len(view) if at_end else len(view) - overlap
        found = find_record(view, 0, stop, *layout, at_end)
        if found >= 0:
            return begin + found
        begin += stop
    return None


def _verify(temporary: Path, output: Path, copy: _Copy) -> None:
    """Read what was written as everybody else will, and compare."""
    digest, packets = hashlib.sha256(), 0
    with Walk(temporary) as walk:
        for event in walk:
            if isinstance(event, Records):
                digest.update(event.wire)
                packets += event.packets
            elif isinstance(event, Damage):
                raise _differs(output, f"{event.error.what} at offset {event.offset}")
        if walk.source.damage:
            raise _differs(output, walk.source.damage)
    if (packets, digest.digest()) != (copy.salvage.packets, copy.digest.digest()):
        raise _differs(output, f"{packets} packets, {copy.salvage.packets} were saved")


def _differs(output: Path, found: str) -> WtrecError:
    return WtrecError(f"{output}: not written: what was saved does not read as it was ({found})")
