"""What can be saved of a damaged file of classic pcap.

Records have no mark: where one is not followed by another, its two lengths are tried, and then
three that could follow each other are taken for what they seem to be.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from . import pcap
from .records_kernel import ANY_GAP_S, AT_END, MORE, YEAR_S, find_record, sound_records
from .salvage import Copy, zeros_or
from .source import Source
from .walk import Between, Damage, Walk

_ROW = 3  # records that are believed where one alone is not
_CHUNK = 8 << 20
_HEAD = pcap.RECORD_HEADER_LENGTH


def save_pcap(walk: Walk, size: int, copy: Copy, on_progress: Callable[[Source], None]) -> None:
    """Save every record of a walk that has just begun; ``size`` is the file's, unpacked."""
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
    copy: Copy,
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
        why = zeros_or(source, at + behind, found, "a record's length or time is wrong")
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
    copy.salvage.lose(at + behind, end, zeros_or(source, at + behind, end, "no record begins here"))
    return end


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
