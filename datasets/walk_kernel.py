"""Walks the packet records of a capture file: where each packet lies, and when it came.

The kernels handle what there are millions of (pcapng's Enhanced, Simple and Packet
Blocks; pcap's records) and stop at anything else, with the reason:

* ``MORE``: the bytes end inside a record; come back with more of them, or it is a
  truncated tail;
* ``FULL``: the index is full, or the bytes of its packets reach the limit;
* ``OTHER``: a block of another type, which :mod:`wtrec.datasets.pcapng` reads;
* ``CORRUPT``: a record that contradicts itself; the same codec words the error.

Layouts: draft-ietf-opsawg-pcapng sections 4.3 (EPB), 4.4 (SPB), A (PB), and
draft-ietf-opsawg-pcap section 5 (pcap records).
"""

# mypy: disable-error-code="assignment, arg-type, return-value, no-any-return"
# pyright: reportArgumentType=false, reportAssignmentType=false, reportReturnType=false
# numba types the inside of kernels: fixed-width integers, where annotations say int.

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..jit import lean_jit

MORE, FULL, OTHER, CORRUPT = 0, 1, 2, 3

MAX_BLOCK = 256 << 20
NO_FLAGS = 0xFFFFFFFF
NO_TIME = np.iinfo(np.int64).min

_PB, _SPB, _EPB = 2, 3, 6
_OPT_FLAGS, _OPT_DROPCOUNT = 2, 4

# Columns of the interface table, one row an interface of the section: snap length, if_tsresol,
# if_tsoffset in seconds, link type, if_fcslen in bits (-1 unknown), number in the whole file.
SNAPLEN, RESOLUTION, OFFSET, LINKTYPE, FCS_BITS, GLOBAL_ID = 0, 1, 2, 3, 4, 5

_u = np.uintp
_u64 = np.uint64


class PacketIndex(NamedTuple):
    """Where packets lie in a window, one element a packet."""

    start: NDArray[np.int64]  # offset of the packet's first byte in the window
    captured: NDArray[np.int64]  # its bytes there
    original: NDArray[np.int64]  # its bytes on the wire
    interface: NDArray[np.int32]  # index in this section's interface table
    time: NDArray[np.int64]  # ns since 1970, UTC; NO_TIME where the file has none
    flags: NDArray[np.uint32]  # epb_flags, NO_FLAGS where absent
    drops: NDArray[np.int64]  # epb_dropcount and the like, 0 where absent

    @classmethod
    def empty(cls, size: int) -> PacketIndex:
        """An index with room for ``size`` packets."""
        return cls(
            np.empty(size, np.int64),
            np.empty(size, np.int64),
            np.empty(size, np.int64),
            np.empty(size, np.int32),
            np.empty(size, np.int64),
            np.empty(size, np.uint32),
            np.empty(size, np.int64),
        )


@lean_jit
def _load32(data: NDArray[np.uint8], at: int, big: bool) -> int:
    at = _u(at)
    a, b, c, d = data[at], data[at + _u(1)], data[at + _u(2)], data[at + _u(3)]
    if big:
        a, b, c, d = d, c, b, a
    return np.int64(a) | np.int64(b) << 8 | np.int64(c) << 16 | np.int64(d) << 24


@lean_jit
def _load16(data: NDArray[np.uint8], at: int, big: bool) -> int:
    if big:
        return np.int64(data[at]) << 8 | np.int64(data[at + 1])
    return np.int64(data[at + 1]) << 8 | np.int64(data[at])


@lean_jit
def timestamp_ns(high: int, low: int, resolution: int, offset: int) -> int:
    """A pcapng timestamp in ns, exactly (rounded down).

    NO_TIME where int64 cannot hold it, and for clocks finer than 10^-19 s or 2^-63 s.

    Args:
        high: Upper 32 bits of the count of units.
        low: Lower 32 bits.
        resolution: The if_tsresol octet: 10^-n, or 2^-n with the top bit set.
        offset: if_tsoffset in seconds.
    """
    raw = _u64(high) << _u64(32) | _u64(low)
    exponent = resolution & 0x7F
    giga = _u64(1_000_000_000)
    if resolution & 0x80:
        if exponent > 63:
            return NO_TIME
        n = _u64(exponent)
        seconds = raw >> n
        fraction = raw & ((_u64(1) << n) - _u64(1))
        if exponent <= 32:
            nanoseconds = (fraction * giga) >> n
        else:
            # fraction * 10^9 needs 93 bits: multiply its halves, then drop the low 32 bits
            upper = (fraction >> _u64(32)) * giga
            lower = (fraction & _u64(0xFFFFFFFF)) * giga
            nanoseconds = (upper + (lower >> _u64(32))) >> (n - _u64(32))
    else:
        if exponent > 19:
            return NO_TIME
        if exponent == 9 and raw < _u64(1) << _u64(62) and offset == 0:
            return np.int64(raw)  # what nearly every file has: no division
        units = _u64(1)
        for _ in range(exponent):
            units *= _u64(10)
        seconds = raw // units
        fraction = raw % units
        if exponent <= 9:
            for _ in range(9 - exponent):
                fraction *= _u64(10)
        else:
            for _ in range(exponent - 9):
                fraction //= _u64(10)
        nanoseconds = fraction
    # 2^63 ns is 9,223,372,036.85 s; the test leaves one second of margin on either side
    limit = 9_223_372_035
    if seconds > _u64(1) << _u64(62) or offset > 1 << 61 or offset < -(1 << 61):
        return NO_TIME
    total = np.int64(seconds) + offset
    if total > limit or total < -limit:
        return NO_TIME
    return total * 1_000_000_000 + np.int64(nanoseconds)


@lean_jit
def _options(data: NDArray[np.uint8], at: int, stop: int, big: bool) -> tuple[int, int, bool]:
    """What matters of a packet's options: (flags, drops, whether they fit their block).

    Both stand at most once; the first one counts.
    """
    flags = NO_FLAGS
    drops = -1
    while at + 4 <= stop:
        code = _load16(data, at, big)
        length = _load16(data, at + 2, big)
        at += 4
        if code == 0:
            break
        if at + length > stop:
            return NO_FLAGS, 0, False
        if code == _OPT_FLAGS and length == 4 and flags == NO_FLAGS:
            flags = _load32(data, at, big)
        elif code == _OPT_DROPCOUNT and length == 8 and drops < 0:
            first, second = _load32(data, at, big), _load32(data, at + 4, big)
            high, low = (first, second) if big else (second, first)
            drops = max(high << 32 | low, 0)  # 2^63 and more is no count
        at += (length + 3) & ~3
    return flags, max(drops, 0), True


@lean_jit
def walk_pcapng(
    data: NDArray[np.uint8],
    position: int,
    big: bool,
    interfaces: NDArray[np.int64],
    index: PacketIndex,
    room: int,
    max_bytes: int,
    kinds: NDArray[np.int64],
) -> tuple[int, int, int]:
    """Index packet blocks from ``position`` on.

    Args:
        data: A window of the file.
        position: Offset of a block in it.
        big: The section is big-endian.
        interfaces: The section's interface table, shape (n, 6).
        index: Out.
        room: Packets that fit.
        max_bytes: Packet bytes after which the index counts as full.
        kinds: Counts the blocks of each type, shape (7,).

    Returns:
        (packets, position of the next block, reason).
    """
    starts, captureds, originals = index.start, index.captured, index.original
    links, times, all_flags, all_drops = index.interface, index.time, index.flags, index.drops
    n = 0
    taken = 0
    end = len(data)
    while n < room and taken < max_bytes:
        if position + 12 > end:
            return n, position, MORE
        kind = _load32(data, position, big)
        if kind not in (_EPB, _SPB, _PB):
            return n, position, OTHER
        length = _load32(data, position + 4, big)
        if length < 12 or length & 3 or length > MAX_BLOCK:
            return n, position, CORRUPT
        if position + length > end:
            return n, position, MORE
        stop = position + length - 4
        if _load32(data, stop, big) != length:
            return n, position, CORRUPT
        body = position + 8
        interface = 0
        time = NO_TIME
        flags = NO_FLAGS
        drops = 0
        if kind == _SPB:
            if length < 16 or not len(interfaces):
                return n, position, CORRUPT
            start = body + 4
            original = _load32(data, body, big)
            captured = min(original, stop - start)
            if interfaces[0, SNAPLEN]:
                captured = min(captured, interfaces[0, SNAPLEN])
        else:
            if length < 32:
                return n, position, CORRUPT
            start = body + 20
            captured = _load32(data, body + 12, big)
            original = _load32(data, body + 16, big)
            behind = start + ((captured + 3) & ~3)
            if behind > stop:
                return n, position, CORRUPT
            if behind < stop:
                flags, drops, fits = _options(data, behind, stop, big)
                if not fits:
                    return n, position, CORRUPT
            if kind == _EPB:
                interface = _load32(data, body, big)
            else:
                interface = _load16(data, body, big)
                lost = _load16(data, body + 2, big)
                drops = lost if lost != 0xFFFF else 0  # it has no option for that
            if interface >= len(interfaces):
                return n, position, CORRUPT
            time = timestamp_ns(
                _load32(data, body + 4, big),
                _load32(data, body + 8, big),
                interfaces[interface, RESOLUTION],
                interfaces[interface, OFFSET],
            )
        starts[n] = start
        captureds[n] = captured
        originals[n] = original
        links[n] = interface
        times[n] = time
        all_flags[n] = flags
        all_drops[n] = drops
        kinds[kind] += 1
        taken += captured
        n += 1
        position += length
    return n, position, FULL


@lean_jit
def walk_pcap(
    data: NDArray[np.uint8],
    position: int,
    big: bool,
    tick_ns: int,
    max_length: int,
    index: PacketIndex,
    room: int,
    max_bytes: int,
) -> tuple[int, int, int]:
    """Index pcap records of up to ``max_length`` bytes; see :func:`walk_pcapng`."""
    starts, captureds, originals = index.start, index.captured, index.original
    links, times, all_flags, all_drops = index.interface, index.time, index.flags, index.drops
    n = 0
    taken = 0
    end = len(data)
    while n < room and taken < max_bytes:
        if position + 16 > end:
            return n, position, MORE
        captured = _load32(data, position + 8, big)
        if captured > max_length:
            return n, position, CORRUPT
        if position + 16 + captured > end:
            return n, position, MORE
        fraction = _load32(data, position + 4, big) * tick_ns
        starts[n] = position + 16
        captureds[n] = captured
        originals[n] = _load32(data, position + 12, big)
        links[n] = 0
        times[n] = _load32(data, position, big) * 1_000_000_000 + fraction
        all_flags[n] = NO_FLAGS
        all_drops[n] = 0
        taken += captured
        n += 1
        position += 16 + captured
    return n, position, FULL
