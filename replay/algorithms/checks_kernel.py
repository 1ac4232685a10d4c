"""What a frame says of itself beside its FCS, compiled; see checks.py."""

# mypy: disable-error-code="assignment, arg-type, return-value, no-any-return"
# pyright: reportArgumentType=false, reportAssignmentType=false, reportReturnType=false
# numba types the inside of kernels: fixed-width integers, where annotations say int.

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...dot11 import mac
from ...dot11.kernels import header_length, load16, load32
from ...jit import jit

# What a frame is.
OTHER = 0  # no clear-text IP packet in a data frame
BROKEN = 1  # IP by its LLC/SNAP header, but the IP header is wrong
OPEN = 2  # a right IP header, nothing else that could be checked
SOUND = 3  # the checksum over the packet's payload is right, too
WRONG = 4  # that checksum is wrong
RARE = 5  # seldom sent, and soon made by damage: a fragment, UDP that is shorter than its packet
DAMAGED = np.array([OTHER, BROKEN, RARE])  # what a frame with a right checksum becomes, too

# What is thought of a candidate.
REJECTED = 0  # the frame would contradict itself, or what it says now
NEUTRAL = 1  # nothing is for it nor against it
CONFIRMED = 2  # the frame would be SOUND

# Which checks are made.
LLC = 1
IP = 2
TRANSPORT = 4
KNOWN = 8

LLC_BITS = 8  # that may be wrong in a header that is still recognised, of 64
# The last four bytes of LLC/SNAP, by EtherType: IPv4 and IPv6; ARP, EAPOL, its preauthentication,
# TDLS and VLAN, which are a few bits away.
_IP_TYPES = (0x00080000, 0xDD860000)
_OTHER_TYPES = (0x06080000, 0x8E880000, 0xC7880000, 0x0D890000, 0x00810000)
ALL_ONES = 0xFFFF  # what a right checksum makes of a sum
HEADER = 22  # bytes up to the sequence control: what stays the same from frame to frame
_FIXED = 0x43FF  # of the frame control: version, type, subtype, To DS, From DS, Protected
_MULTIPLIER = 0x9E3779B97F4A7C15  # 2^64 over the golden ratio

_w = np.uint32
_q = np.uint64


@jit
def _wrong_bits(data: NDArray[np.uint8], at: int, high: int) -> int:
    """Bits in which eight bytes differ from LLC/SNAP with an EtherType of this high byte's kind.

    Args:
        data: Bytes.
        at: Where the eight are.
        high: The last four as a little-endian number.
    """
    wrong = 0
    rest = _q(load32(data, at) ^ _w(0x0003AAAA)) << _q(32) | _q(load32(data, at + 4) ^ _w(high))
    while rest:
        rest &= rest - _q(1)
        wrong += 1
    return wrong


@jit
def carries_ip(data: NDArray[np.uint8], start: int, stop: int) -> bool:
    """Whether an LLC/SNAP header for IPv4 or IPv6, slightly damaged maybe, follows a MAC header.

    One that is as close to the header of something else is none.
    """
    for length in (24, 26, 30, 32, 36):
        at = start + length
        if at + 8 <= stop - 4:
            wrong = 64
            for high in _IP_TYPES:
                wrong = min(wrong, _wrong_bits(data, at, high))
            if wrong <= LLC_BITS:
                nearest = 64
                for high in _OTHER_TYPES:
                    nearest = min(nearest, _wrong_bits(data, at, high))
                return nearest > wrong
    return False


@jit
def _summed(data: NDArray[np.uint8], start: int, stop: int) -> int:
    """Sum of 16-bit words in little-endian order, an odd byte at the end included, not folded."""
    total = _q(0)
    at = start
    while at + 4 <= stop:
        word = load32(data, at)
        total += _q(word & _w(0xFFFF)) + _q(word >> _w(16))
        at += 4
    if at + 2 <= stop:
        total += _q(load16(data, at))
        at += 2
    if at < stop:
        total += _q(data[at])
    return total


@jit
def _folded(total: int) -> int:
    """A sum in ones' complement; over everything, its own checksum included, it is ``ALL_ONES``."""
    total = _q(total)
    while total >> _q(16):
        total = (total & _q(0xFFFF)) + (total >> _q(16))
    return total


@jit
def examine(
    data: NDArray[np.uint8], start: int, stop: int, checks: int
) -> tuple[int, int, int, int]:
    """What the frame ``data[start:stop]``, FCS included, is, and where its IP packet is.

    Args:
        data: Bytes.
        start: First byte of the frame.
        stop: End of the frame.
        checks: Which to make.

    Returns:
        OTHER to RARE; first byte and end of the IP packet, from the frame's start, 0 without one;
        the folded sum over the packet's payload, 0 if there is none.
    """
    end = stop - 4
    if end - start < 24 + 8 + 20:
        return OTHER, 0, 0, 0
    control = np.int64(load16(data, start))
    if (
        control & 0x000F != mac.DATA << 2  # version 0, too
        or control & (0x0040 | mac.PROTECTED)  # no body; not readable
    ):
        return OTHER, 0, 0, 0
    if control & mac.MORE_FRAGMENTS or data[start + 22] & 15:
        return RARE, 0, 0, 0
    ip = start + header_length(control) + 8
    if control & 0x80:
        qos = start + (30 if control & 0x0300 == 0x0300 else 24)
        if data[qos] & 0x80:
            return OTHER, 0, 0, 0  # an A-MSDU
        if data[qos + 1] & 1 and load32(data, ip - 8) != _w(0x0003AAAA):
            ip += 6 * (1 + min(data[ip - 8] & 3, 2))  # a mesh has a header of its own before it
    if ip + 20 > end or load32(data, ip - 8) != _w(0x0003AAAA):
        return OTHER, 0, 0, 0
    kind = load32(data, ip - 4)
    if kind == _w(0x00080000):
        if data[ip] >> 4 != 4:
            return BROKEN, 0, 0, 0
        payload = ip + 4 * np.int64(data[ip] & 15)
        stop = ip + (np.int64(data[ip + 2]) << 8 | np.int64(data[ip + 3]))
        if payload < ip + 20 or payload > stop or stop > end:
            return BROKEN, 0, 0, 0
        if checks & IP and _folded(_summed(data, ip, payload)) != ALL_ONES:
            return BROKEN, 0, 0, 0
        protocol = np.int64(data[ip + 9])
        addresses = _summed(data, ip + 12, ip + 20)
        part = (np.int64(data[ip + 6]) << 8 | np.int64(data[ip + 7])) & 0x3FFF
    elif kind == _w(0xDD860000):
        payload = ip + 40
        if payload > end or data[ip] >> 4 != 6:
            return BROKEN, 0, 0, 0
        stop = payload + (np.int64(data[ip + 4]) << 8 | np.int64(data[ip + 5]))
        if stop > end:
            return BROKEN, 0, 0, 0
        protocol = np.int64(data[ip + 6])
        addresses = _summed(data, ip + 8, ip + 40)
        part = np.int64(0)
    else:
        return OTHER, 0, 0, 0
    verdict = OPEN
    total = _q(0)
    length = stop - payload
    pseudo = _q(addresses) + _q((protocol << 8) + ((length & 0xFF) << 8 | length >> 8))
    if not checks & TRANSPORT or part:
        pass
    elif protocol == 17:
        covered = np.int64(data[payload + 4]) << 8 | data[payload + 5] if length >= 8 else 0
        if covered < 8 or covered > length:
            return BROKEN, 0, 0, 0
        if covered < length:
            return RARE, 0, 0, 0
        if load16(data, payload + 6):
            total = _folded(_q(pseudo + _summed(data, payload, stop)))
            verdict = SOUND if total == ALL_ONES else WRONG
    elif protocol == 6 or (protocol == 58 and kind == _w(0xDD860000)):
        if length < 4:
            return BROKEN, 0, 0, 0
        total = _folded(_q(pseudo + _summed(data, payload, stop)))
        verdict = SOUND if total == ALL_ONES else WRONG
    elif protocol == 1:
        total = _folded(_summed(data, payload, stop))
        verdict = SOUND if total == ALL_ONES else WRONG
    return verdict, ip - start, stop - start, total


@jit
def signature(data: NDArray[np.uint8], start: int, stop: int) -> int:
    """A number for what kind of frame this is, from whom to whom; 0 for control frames."""
    control = load16(data, start)
    kind = control >> _w(2) & _w(3)
    if stop - start < HEADER + 6 or kind == _w(mac.CONTROL) or kind == _w(mac.EXTENSION):
        return _q(0)
    value = _q(control & _w(_FIXED))
    for at in range(start + 4, start + HEADER, 2):
        value = (value ^ _q(load16(data, at))) * _q(_MULTIPLIER)
        value ^= value >> _q(29)
    return value | _q(1)


@jit
def _slot(value: int, keys: NDArray[np.uint64]) -> int:
    """Where a signature stands, or else the free slot for it, of which there are some."""
    last = _q(len(keys) - 1)
    slot = _q(value >> _q(3)) & last
    while keys[slot] and keys[slot] != value:
        slot = (slot + _q(1)) & last
    return slot


@jit
def _since(value: int, keys: NDArray[np.uint64], since: NDArray[np.int64]) -> int:
    """Number of the first intact frame of this signature, -1 if there was none."""
    slot = _slot(value, keys)
    return since[slot] if keys[slot] else -1


@jit
def learn(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int32],
    rows: NDArray[np.int64],
    numbers: NDArray[np.int64],
    known: int,
    keys: NDArray[np.uint64],
    since: NDArray[np.int64],
) -> int:
    """Enter the signatures of intact frames, until the table is half full.

    Args:
        data: The bytes of all frames.
        offsets: Frame i is ``data[offsets[i]:offsets[i + 1]]``.
        rows: Which frames are intact.
        numbers: Their frame numbers.
        known: How many signatures there are.
        keys: Signatures, 0 where a slot is free; the length is a power of two.
        since: The frame where each was seen first.

    Returns:
        How many signatures there are now.
    """
    for i in range(len(rows)):
        value = signature(data, np.int64(offsets[rows[i]]), np.int64(offsets[rows[i] + 1]))
        if value == _q(0) or 2 * known >= len(keys):
            continue
        slot = _slot(value, keys)
        if not keys[slot]:
            keys[slot] = value
            since[slot] = numbers[i]
            known += 1
    return known


@jit
def assess(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int32],
    rows: NDArray[np.int64],
    checks: int,
    states: NDArray[np.uint8],
    ip: NDArray[np.bool_],
    covered: NDArray[np.bool_],
    begin: NDArray[np.int64],
    end: NDArray[np.int64],
    lacking: NDArray[np.int64],
) -> None:
    """What bad frames are as they came.

    Args:
        data: The bytes of all frames.
        offsets: Frame i is ``data[offsets[i]:offsets[i + 1]]``.
        rows: Which frames are bad; they have an FCS.
        checks: Which to make.
        states: Out, per bad frame: OTHER to RARE.
        ip: Out: whether the LLC/SNAP header says IP, damaged or not.
        covered: Out: whether a checksum says that the IP header is right.
        begin: Out: first byte of the LLC/SNAP header before its IP packet, in the data.
        end: Out: end of the IP packet; where there is none, the same.
        lacking: Out: what must be added to the sum over the packet's payload, modulo ``ALL_ONES``;
            -1 where it has none.
    """
    for i in range(len(rows)):
        start, stop = np.int64(offsets[rows[i]]), np.int64(offsets[rows[i] + 1])
        states[i], first, last, total = examine(data, start, stop, checks)
        ip[i] = (checks & LLC) != 0 and carries_ip(data, start, stop)
        covered[i] = last > 0 and (checks & IP) != 0 and data[start + first] >> 4 == 4
        begin[i] = start + (first - 8 if last else 0)
        end[i] = start + last
        has_sum = states[i] == SOUND or states[i] == WRONG
        lacking[i] = (ALL_ONES - np.int64(total)) % ALL_ONES if has_sum else -1


@jit
def judge(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int32],
    rows: NDArray[np.int64],
    numbers: NDArray[np.int64],
    checks: int,
    ip: NDArray[np.bool_],
    keys: NDArray[np.uint64],
    since: NDArray[np.int64],
    frame: NDArray[np.int64],
    flip_offsets: NDArray[np.int64],
    flips: NDArray[np.int64],
    verdicts: NDArray[np.uint8],
) -> None:
    """What is thought of candidates: of the frames that they would make.

    Args:
        data: The bytes of all frames.
        offsets: Frame i is ``data[offsets[i]:offsets[i + 1]]``.
        rows: Which frames are bad.
        numbers: Their frame numbers.
        checks: Which to make.
        ip: See :func:`assess`.
        keys: See :func:`learn`.
        since: See :func:`learn`.
        frame: The bad frame of each candidate.
        flip_offsets: Candidate i flips ``flips[flip_offsets[i]:flip_offsets[i + 1]]``.
        flips: Bit positions.
        verdicts: Out: REJECTED to CONFIRMED, per candidate.
    """
    longest = 0
    for i in range(len(rows)):
        longest = max(longest, np.int64(offsets[rows[i] + 1]) - np.int64(offsets[rows[i]]))
    repaired = np.zeros(longest, np.uint8)
    at = -1
    length = 0
    value = _q(0)
    is_known = False
    for i in range(len(frame)):
        if frame[i] != at:
            at = frame[i]
            start = np.int64(offsets[rows[at]])
            length = np.int64(offsets[rows[at] + 1]) - start
            repaired[:length] = data[start : start + length]
            value = signature(repaired, 0, length)
            first = _since(value, keys, since)
            is_known = value != _q(0) and 0 <= first < numbers[at]
        for k in range(flip_offsets[i], flip_offsets[i + 1]):
            repaired[flips[k] >> 3] ^= np.uint8(1 << (flips[k] & 7))
        state, _, _, _ = examine(repaired, 0, length, checks)
        if state == SOUND:
            verdicts[i] = CONFIRMED
        elif (
            state in (OPEN, RARE)
            or (state == OTHER and not ip[at])
            or (state == BROKEN and not checks & (IP | TRANSPORT))
        ):
            verdicts[i] = NEUTRAL
        else:
            verdicts[i] = REJECTED
        if checks & KNOWN and is_known and flips[flip_offsets[i]] < 8 * HEADER:
            now = signature(repaired, 0, length)
            first = _since(now, keys, since)
            if now != value and not 0 <= first < numbers[at]:
                verdicts[i] = REJECTED
        for k in range(flip_offsets[i], flip_offsets[i + 1]):
            repaired[flips[k] >> 3] ^= np.uint8(1 << (flips[k] & 7))
