"""Moves whole packet records: out of one file's layout into another's, and finds them in damage.

Plain twins of what moves records are ``EnhancedPacket.write`` and ``PcapRecord.write``; of what
finds them, ``read_block`` tried at every offset.

Layouts: draft-ietf-opsawg-pcapng section 4.3 (EPB), draft-ietf-opsawg-pcap section 5 (records).
"""

# mypy: disable-error-code="assignment, arg-type, return-value, no-any-return"
# pyright: reportArgumentType=false, reportAssignmentType=false, reportReturnType=false
# numba types the inside of kernels: fixed-width integers, where annotations say int.

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..jit import lean_jit
from .walk_kernel import MAX_BLOCK, _load32

_SHB, _IDB, _PB, _EPB = 0x0A0D0D0A, 1, 2, 6
_MAGIC = 0x1A2B3C4D
YEAR_S = 366 * 86_400
ANY_GAP_S = 1 << 33

BROKEN, AT_END, MORE = 0, 1, 2
ANY, HEADERS, SECTIONS = 0, 1, 2

_u = np.uintp


@lean_jit
def _store32(out: NDArray[np.uint8], at: int, value: int) -> None:
    at = _u(at)
    out[at] = value & 0xFF
    out[at + _u(1)] = value >> 8 & 0xFF
    out[at + _u(2)] = value >> 16 & 0xFF
    out[at + _u(3)] = value >> 24 & 0xFF


@lean_jit
def _copy(
    data: NDArray[np.uint8], start: int, size: int, out: NDArray[np.uint8], target: int
) -> None:
    for k in range(size):
        out[_u(target + k)] = data[_u(start + k)]


@lean_jit
def block_begins(
    data: NDArray[np.uint8], begin: int, count: int, big: bool, begins: NDArray[np.int64]
) -> None:
    """Where each of ``count`` sound blocks begins, and behind the last: shape (count + 1,)."""
    at = begin
    for k in range(count):
        begins[k] = at
        at += _load32(data, at + 4, big)
    begins[count] = at


@lean_jit
def place_blocks(
    data: NDArray[np.uint8],
    begins: NDArray[np.int64],
    first: int,
    count: int,
    interfaces: NDArray[np.int64],
    targets: NDArray[np.int64],
    out: NDArray[np.uint8],
) -> None:
    """Copy little-endian packet blocks, options and all, and name their interface anew.

    Args:
        data: A window of the file.
        begins: Where blocks begin in it, and where the last one ends.
        first: The first of them to be copied.
        count: How many.
        interfaces: The new number of each interface of the section.
        targets: Where each goes in ``out``, shape (count,).
        out: Out.
    """
    for k in range(count):
        begin = begins[first + k]
        target = targets[k]
        _copy(data, begin, begins[first + k + 1] - begin, out, target)
        if out[_u(target)] == _EPB:
            _store32(out, target + 8, interfaces[_load32(out, target + 8, False)])


@lean_jit
def blocks_of_records(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    captureds: NDArray[np.int64],
    big: bool,
    per_second: int,
    out: NDArray[np.uint8],
    begins: NDArray[np.int64],
) -> int:
    """Enhanced Packet Blocks, little-endian, of interface 0, of a pcap file's records.

    Args:
        data: A window of the file.
        starts: Where packets begin in it, 16 bytes behind their records.
        captureds: Their bytes.
        big: The file is big-endian.
        per_second: Units of the fraction of a second.
        out: Out: 32 bytes a packet and its bytes, padded to a multiple of four.
        begins: Out, where each block begins, and the end: shape (packets + 1,).

    Returns:
        Bytes of ``out`` that were filled.
    """
    at = 0
    for k in range(len(starts)):
        start, size = starts[k], captureds[k]
        ticks = _load32(data, start - 16, big) * per_second + _load32(data, start - 12, big)
        padded = (size + 3) & ~3
        begins[k] = at
        _store32(out, at, _EPB)
        _store32(out, at + 4, 32 + padded)
        _store32(out, at + 8, 0)
        _store32(out, at + 12, ticks >> 32)
        _store32(out, at + 16, ticks & 0xFFFFFFFF)
        _store32(out, at + 20, size)
        _store32(out, at + 24, _load32(data, start - 4, big))
        _copy(data, start, size, out, at + 28)
        for pad in range(size, padded):
            out[_u(at + 28 + pad)] = 0
        _store32(out, at + 28 + padded, 32 + padded)
        at += 32 + padded
    begins[len(starts)] = at
    return at


@lean_jit
def records_of_packets(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    captureds: NDArray[np.int64],
    originals: NDArray[np.int64],
    times: NDArray[np.int64],
    tick_ns: int,
    out: NDArray[np.uint8],
) -> int:
    """Records of a little-endian pcap file.

    Args:
        data: A window of a file.
        starts: Where packets begin in it.
        captureds: Their bytes.
        originals: How many there once were.
        times: When, ns since 1970, of at most 2^32 seconds.
        tick_ns: Unit of the fraction of a second.
        out: Out: 16 bytes a packet, and its bytes.

    Returns:
        Bytes of ``out`` that were filled.
    """
    at = 0
    for k in range(len(starts)):
        size = captureds[k]
        _store32(out, at, times[k] // 1_000_000_000)
        _store32(out, at + 4, times[k] % 1_000_000_000 // tick_ns)
        _store32(out, at + 8, size)
        _store32(out, at + 12, originals[k])
        _copy(data, starts[k], size, out, at + 16)
        at += 16 + size
    return at


@lean_jit
def _least_length(kind: int) -> int:
    """Bytes of the shortest block of a type; 0 for a type that is not known."""
    if kind == _SHB:
        return 28
    if kind == _IDB:
        return 20
    if kind in (_PB, _EPB):
        return 32
    if kind in (3, 0xBAD, 0x40000BAD):  # simple packet, custom
        return 16
    if kind == 5:  # interface statistics
        return 24
    if kind == 4:  # name resolution
        return 12
    if kind == 10:  # decryption secrets
        return 20
    return 0


@lean_jit
def find_block(data: NDArray[np.uint8], begin: int, stop: int, big: bool, wanted: int) -> int:
    """The first offset at which a block of a known type stands between two equal lengths.

    Args:
        data: A window of the file.
        begin: Where to begin.
        stop: Where to stop; a block that begins before it may reach to the window's end.
        big: The section is big-endian; a section header says so by itself.
        wanted: ``ANY``, or headers of sections and interfaces (``HEADERS``), or of sections alone
            (``SECTIONS``).

    Returns:
        The offset, or -1.
    """
    end = len(data)
    for at in range(begin, min(stop, end - 11)):
        kind = _load32(data, at, big)
        order = big
        if kind == _SHB:
            if _load32(data, at + 8, False) == _MAGIC:
                order = False
            elif _load32(data, at + 8, True) == _MAGIC:
                order = True
            else:
                continue
        elif wanted == SECTIONS or (wanted == HEADERS and kind != _IDB):
            continue
        least = _least_length(kind)
        if not least:
            continue
        length = _load32(data, at + 4, order)
        if length < least or length & 3 or length > MAX_BLOCK or at + length > end:
            continue
        if _load32(data, at + length - 4, order) == length:
            return at
    return -1


@lean_jit
def sound_records(
    data: NDArray[np.uint8],
    begin: int,
    most: int,
    big: bool,
    per_second: int,
    longest: int,
    at_end: bool,
    most_gap: int,
    strict: bool,
) -> tuple[int, int, int, int]:
    """Count pcap records in a row that could be packets.

    A record is not, if its fraction is a second or more, if it is longer than any packet of the
    file, if it is further away from the one before it than most are, or if its header is zeros.

    Args:
        data: A window of the file.
        begin: Offset of a record.
        most: Count no further.
        big: The file is big-endian.
        per_second: Units of the fraction of a second.
        longest: Most bytes of a packet.
        at_end: The window reaches to the file's end.
        most_gap: Most seconds between two records, in either direction.
        strict: A packet is no longer than it once was, either, and was no longer than ``longest``.

    Returns:
        (records, offset of the last of them, offset behind it, reason): the next one is
        ``BROKEN``, or the file ends (``AT_END``; perhaps inside of it), or the window does, or
        ``most`` were found (``MORE``).
    """
    at, last, n = begin, begin, 0
    end = len(data)
    before = 0
    while n < most:
        if at + 16 > end:
            return n, last, at, AT_END if at_end else MORE
        seconds, fraction = _load32(data, at, big), _load32(data, at + 4, big)
        captured, original = _load32(data, at + 8, big), _load32(data, at + 12, big)
        if fraction >= per_second or captured > longest:
            return n, last, at, BROKEN
        if strict and not captured <= original <= longest:
            return n, last, at, BROKEN
        if n and abs(seconds - before) > most_gap:
            return n, last, at, BROKEN
        if not (seconds | fraction | captured | original):
            return n, last, at, BROKEN
        if at + 16 + captured > end:
            return n, last, at, AT_END if at_end else MORE
        before = seconds
        last = at
        at += 16 + captured
        n += 1
    return n, last, at, MORE


@lean_jit
def find_record(
    data: NDArray[np.uint8],
    begin: int,
    stop: int,
    big: bool,
    per_second: int,
    longest: int,
    at_end: bool,
) -> int:
    """The first offset from which three sound records follow each other, or reach the end exactly.

    Arguments as for :func:`sound_records`; -1 if there is none before ``stop``.
    """
    for at in range(begin, min(stop, len(data) - 15)):
        n, _, behind, reason = sound_records(
            data, at, 3, big, per_second, longest, at_end, YEAR_S, True
        )
        if n == 3 or (n and reason == AT_END and behind == len(data)):
            return at
    return -1
