"""Where a damaged pcapng file can be read on.

A block is taken to be one if its type is known, both of its lengths agree, and what is between
them is what its type says. Inside the data of a packet nothing is looked for as long as its block
says soundly how long that is: a packet may well carry a capture. It does if the block's end is
where its data and options lead to, or if the file ends in these.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError
from . import pcapng
from .records_kernel import ANY, HEADERS, SECTIONS, find_block
from .source import Source
from .walk import Section
from .walk_kernel import SNAPLEN

_REACH = 2 * pcapng.MAX_BLOCK_LENGTH  # of a window: a block that begins in its first half fits
_LONGEST_PACKET = 262_144  # where an interface does not say
_OPTIONS_REACH = 65_536  # bytes of a packet's options that are looked at
_MOST_OPTIONS = 256  # of a packet; without a bound, looking at each damage anew is not linear
_HEAD = 28  # of an enhanced packet


def next_block(source: Source, size: int, damage: int, section: Section | None) -> int | None:
    """The offset of the first sound block behind damage.

    Args:
        source: The file, which can be seen again from any offset.
        size: Its size.
        damage: Where the record that cannot be read begins.
        section: The section it is in; None before the first one.

    Returns:
        The offset; None if there is none.
    """
    at = damage + 1
    if section is not None:
        at = _behind(source, size, damage, section)
    wanted = ANY if section else HEADERS if section is not None else SECTIONS
    order = "<" if section is None else section.order
    while at < size:
        view = source.view(at, min(_REACH, size - at))
        stop = len(view) if at + len(view) == size else len(view) // 2
        begin = 0
        while (found := find_block(view, begin, stop, order == ">", wanted)) >= 0:
            if _is_sound(view, found, section, order):
                return at + found
            begin = found + 1
        at += stop
    return None


def is_no_description(source: Source, damage: int, found: int, section: Section) -> bool:
    """Whether what was lost is one block, which describes no interface and begins no section.

    It is a packet or statistics: one of its lengths leads to the next block, and it names an
    interface that was described.

    Args:
        source: The file.
        damage: Where the block begins.
        found: Where the next sound one does.
        section: The section it is in.
    """
    lost = source.view(damage, found - damage)[: found - damage].data
    if len(lost) < pcapng.MIN_BLOCK_LENGTH:
        return False
    order = section.order
    length = struct.pack(f"{order}I", len(lost))
    if length not in (lost[4:8], lost[-4:]):
        return False
    kind: int
    number: int
    kind, number = struct.unpack_from(f"{order}I4xI", lost)
    if kind == pcapng.BlockType.PB:
        (number,) = struct.unpack_from(f"{order}H", lost, 8)
    elif kind == pcapng.BlockType.SPB:
        number = 0
    elif kind not in {pcapng.BlockType.EPB, pcapng.BlockType.ISB}:
        return False
    return number < len(section)


def _behind(source: Source, size: int, damage: int, section: Section) -> int:
    """Where to begin to look: behind the damaged block, if it says so soundly."""
    view = source.view(damage, min(_HEAD, size - damage))
    if len(view) < _HEAD:
        return damage + 1
    order = section.order
    captured: int
    length: int
    kind, length, interface, _, _, captured, original = struct.unpack_from(f"{order}7I", view.data)
    if length >= pcapng.MIN_BLOCK_LENGTH and length % 4 == 0 and damage + length <= size:
        again = bytes(source.view(damage + length - 4, 4)[:4])
        if again == struct.pack(f"{order}I", length):
            return damage + length
    if kind == pcapng.BlockType.EPB and interface < len(section):
        limit = int(section.table[interface, SNAPLEN]) or _LONGEST_PACKET
        data_end = damage + _HEAD + captured + -captured % 4
        if captured <= min(limit, original):
            if _ends_itself(source, data_end, data_end + 4 - damage, order):
                return data_end
            is_cut = 0 <= length - (data_end + 4 - damage) <= _OPTIONS_REACH
            if is_cut and damage + length > size and _is_cut(source, data_end, size, order):
                return size
    return damage + 1


def _ends_itself(source: Source, data_end: int, length: int, order: pcapng.ByteOrder) -> bool:
    """Whether the length behind a packet's data, and its options, is what it would have to be.

    Args:
        source: The file.
        data_end: Offset behind the data.
        length: Of the block if it had no options.
        order: Of the section.
    """
    view = source.view(data_end, _OPTIONS_REACH + 4)[: _OPTIONS_REACH + 4].data
    if view[:4] == struct.pack(f"{order}I", length):
        return True
    at = _end_of_options(view, order)
    return at is not None and view[at : at + 4] == struct.pack(f"{order}I", length + at)


def _is_cut(source: Source, data_end: int, size: int, order: pcapng.ByteOrder) -> bool:
    """Whether the file ends in a packet's data, or in its options."""
    if data_end >= size:
        return True
    view = source.view(data_end, size - data_end).data
    at = _end_of_options(view, order)
    return at is not None and at + 4 > len(view)


def _end_of_options(view: memoryview, order: pcapng.ByteOrder) -> int | None:
    """The offset behind the end mark, or one behind ``view``; None if there are too many."""
    at = 0
    code: int
    size: int
    for _ in range(_MOST_OPTIONS):
        if at + 4 > len(view):
            return at + 4
        code, size = struct.unpack_from(f"{order}HH", view, at)
        at += 4 + size + -size % 4
        if code == 0:
            return at
    return None


def _is_sound(
    view: NDArray[np.uint8], at: int, section: Section | None, order: pcapng.ByteOrder
) -> bool:
    try:
        block, _, _ = pcapng.read_block(view.data, at, order)
    except FormatError:
        return False
    described = 0 if section is None else len(section)
    if isinstance(block, pcapng.SimplePacket):
        return described > 0
    if isinstance(
        block, pcapng.EnhancedPacket | pcapng.ObsoletePacket | pcapng.InterfaceStatistics
    ):
        return block.interface < described
    return True
