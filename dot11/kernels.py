"""The hot half of :mod:`wtrec.dot11`: FCS and Radiotap over whole batches, compiled.

Each kernel has a plain twin that the tests compare it with: ``zlib.crc32`` for
:func:`crc32`, :func:`wtrec.dot11.radiotap.parse` for :func:`find_fields`,
:func:`wtrec.dot11.mac.header_length` for :func:`header_length` and
:func:`wtrec.dot11.mac.udp_payload` for :func:`udp_payload`.

Indices are unsigned on purpose: numba then leaves out the test for negative
(wrap-around) indices, which makes the CRC half as fast again.
"""

# mypy: disable-error-code="assignment, arg-type, return-value, no-any-return"
# pyright: reportArgumentType=false, reportAssignmentType=false, reportReturnType=false
# numba types the inside of kernels: fixed-width integers, where annotations say int.

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..jit import lean_jit
from . import mac, rates
from .fcs import POLYNOMIAL
from .radiotap import FIELDS

Bytes = NDArray[np.uint8]

_u = np.uintp
_w = np.uint32
_BYTE = np.uint32(0xFF)


def _crc_tables() -> NDArray[np.uint32]:
    """``table[k, b]``: CRC state after byte ``b`` and ``k`` zero bytes (slicing-by-16)."""
    table = np.zeros((16, 256), np.uint32)
    for byte in range(256):
        state = byte
        for _ in range(8):
            state = (state >> 1) ^ (POLYNOMIAL if state & 1 else 0)
        table[0, byte] = state
    for k in range(1, 16):
        before = table[k - 1]
        table[k] = (before >> 8) ^ table[0][before & 0xFF]
    return table


_T0, _T1, _T2, _T3, _T4, _T5, _T6, _T7, _T8, _T9, _T10, _T11, _T12, _T13, _T14, _T15 = (
    np.ascontiguousarray(row) for row in _crc_tables()
)


@lean_jit
def load16(data: Bytes, at: int) -> int:
    """Little-endian u16 at ``at``."""
    at = _u(at)
    return _w(data[at]) | (_w(data[at + _u(1)]) << _w(8))


@lean_jit
def load32(data: Bytes, at: int) -> int:
    """Little-endian u32 at ``at``; LLVM folds the four loads into one."""
    at = _u(at)
    return _w(
        _w(data[at])
        | (_w(data[at + _u(1)]) << _w(8))
        | (_w(data[at + _u(2)]) << _w(16))
        | (_w(data[at + _u(3)]) << _w(24))
    )


@lean_jit
def crc32(data: Bytes, start: int, stop: int) -> int:
    """CRC-32 of ``data[start:stop]``, as ``zlib.crc32``: sixteen bytes a step."""
    state = _w(0xFFFFFFFF)
    i = _u(start)
    end = _u(stop)
    while i + _u(16) <= end:
        a = _w(state ^ load32(data, i))
        b = load32(data, i + _u(4))
        c = load32(data, i + _u(8))
        d = load32(data, i + _u(12))
        state = _w(
            _T15[a & _BYTE]
            ^ _T14[(a >> _w(8)) & _BYTE]
            ^ _T13[(a >> _w(16)) & _BYTE]
            ^ _T12[a >> _w(24)]
            ^ _T11[b & _BYTE]
            ^ _T10[(b >> _w(8)) & _BYTE]
            ^ _T9[(b >> _w(16)) & _BYTE]
            ^ _T8[b >> _w(24)]
            ^ _T7[c & _BYTE]
            ^ _T6[(c >> _w(8)) & _BYTE]
            ^ _T5[(c >> _w(16)) & _BYTE]
            ^ _T4[c >> _w(24)]
            ^ _T3[d & _BYTE]
            ^ _T2[(d >> _w(8)) & _BYTE]
            ^ _T1[(d >> _w(16)) & _BYTE]
            ^ _T0[d >> _w(24)]
        )
        i += _u(16)
    while i < end:
        state = _w((state >> _w(8)) ^ _T0[(state ^ data[i]) & _BYTE])
        i += _u(1)
    return _w(state ^ _w(0xFFFFFFFF))


# Radiotap, see wtrec.dot11.radiotap for the format.

N_FIELDS = len(FIELDS)
TLV_BIT = 28
RADIOTAP_NAMESPACE_BIT = 29
VENDOR_NAMESPACE_BIT = 30
MORE_BIT = 31

_ALIGN = np.array([field.align for field in FIELDS], np.int64)
_SIZE = np.array([field.size for field in FIELDS], np.int64)


@lean_jit
def find_fields(data: Bytes, start: int, stop: int, positions: NDArray[np.int32]) -> int:
    """Locate the first occurrence of each Radiotap field.

    Args:
        data: Bytes with a Radiotap header at ``start`` and the packet's end at ``stop``.
        start: Offset of the header.
        stop: Offset of the packet's end.
        positions: Out, shape (``N_FIELDS``,): offset of each field from ``start``, -1
            where it is absent or runs past the header's end.

    Returns:
        The header's length, or -1 where there is no sound header (too short, another
        version, a length that runs past the packet's end).
    """
    positions[:] = -1
    if stop - start < 8 or data[start] != 0:
        return -1
    length = np.int64(load16(data, start + 2))
    if length < 8 or start + length > stop:
        return -1
    words = 1
    while load32(data, start + 4 * words) & _w(0x80000000):
        words += 1
        if 4 + 4 * words > length:
            return length
    at = np.int64(4 + 4 * words)
    base = 0  # of the bit numbers in this present word
    ours = True  # in the Radiotap namespace, not in a vendor's
    for index in range(words):
        present = load32(data, start + 4 + 4 * index)
        if ours:
            for bit in range(29):
                if not present & (_w(1) << _w(bit)):
                    continue
                if base or bit >= N_FIELDS:
                    return length  # fields of unknown size (or TLVs) end what can be located
                at = (at + _ALIGN[bit] - 1) & ~(_ALIGN[bit] - 1)
                if at + _SIZE[bit] > length:
                    return length
                if positions[bit] < 0:
                    positions[bit] = at
                at += _SIZE[bit]
        if present & (_w(1) << _w(VENDOR_NAMESPACE_BIT)):
            at = (at + 1) & ~1
            if at + 6 > length:
                return length
            at += 6 + np.int64(load16(data, start + at + 4))
            ours = False
            base = 0
        elif present & (_w(1) << _w(RADIOTAP_NAMESPACE_BIT)):
            ours = True
            base = 0
        else:
            base += 32
    return length


# Rates, see wtrec.dot11.rates; 0 where there is no such combination.

VHT_BANDWIDTHS = (20, 40, 80, 160)
HE_GUARD_INTERVALS_NS = (800, 1600, 3200)
HE_RUS = ((26,), (52,), (106,), (242,), (484,), (996,), (996, 996))


def _rate(make: Callable[..., rates.Rate], *arguments: int, **options: Any) -> float:
    try:
        return make(*arguments, **options).mbps
    except ValueError:
        return 0.0


# [mcs, 40 MHz, short GI]
HT_RATE = np.array(
    [
        [[_rate(rates.ht, mcs, mhz, short_gi=short) for short in (False, True)] for mhz in (20, 40)]
        for mcs in range(77)
    ]
)
HT_STREAMS = np.array([rates.ht(mcs, 40, short_gi=False).nss for mcs in range(77)], np.uint8)
# Bandwidth by Radiotap's code for it: 20, 40 and its halves, 80 and its parts, 160 and its parts.
VHT_BANDWIDTH = np.array([20] + 3 * [40] + 7 * [80] + 15 * [160] + 6 * [0], np.int64)
# [mcs, nss - 1, index in VHT_BANDWIDTHS, short GI]
VHT_RATE = np.array(
    [
        [
            [
                [_rate(rates.vht, mcs, nss, mhz, short_gi=short) for short in (False, True)]
                for mhz in VHT_BANDWIDTHS
            ]
            for nss in range(1, 9)
        ]
        for mcs in range(10)
    ]
)
# [mcs, nss - 1, Radiotap's code for bandwidth or RU, guard interval's code, DCM]
HE_RATE = np.array(
    [
        [
            [
                [
                    [
                        _rate(rates.he, mcs, nss, mhz, gi_ns=gi, ru_tones=ru, dcm=dcm)
                        for dcm in (False, True)
                    ]
                    for gi in HE_GUARD_INTERVALS_NS
                ]
                for mhz, ru in [(mhz, None) for mhz in VHT_BANDWIDTHS]
                + [(None, ru) for ru in HE_RUS]
            ]
            for nss in range(1, 9)
        ]
        for mcs in range(12)
    ]
)


# MAC header, see wtrec.dot11.mac for the formats.

_FIRST_BYTES = [bytes([kind << 2 | subtype << 4]) for kind in range(4) for subtype in range(16)]
_HEADERS = [mac.parse(first + bytes(63)) for first in _FIRST_BYTES]

# By type * 16 + subtype, for a frame control without flags.
HEADER_LENGTH = np.array([header.header_length for header in _HEADERS], np.int64)
ADDRESSES = np.array(
    [sum(a is not None for a in (h.addr1, h.addr2, h.addr3)) for h in _HEADERS], np.int64
)
FLAGS_MASK = np.array(
    [0xFF if h.retry is not None else 0xF0 if h.protected is not None else 0 for h in _HEADERS],
    np.int64,
)


@lean_jit
def header_length(control: int) -> int:
    """Bytes before the body, from the frame control; as :func:`wtrec.dot11.mac.header_length`."""
    kind = control >> 2 & 3
    subtype = control >> 4 & 15
    length = HEADER_LENGTH[kind << 4 | subtype]
    if kind == mac.DATA and control & 0x0300 == 0x0300:
        length += 6
    if control & 0x8000 and (kind == mac.MANAGEMENT or (kind == mac.DATA and subtype & 8)):
        length += 4
    if kind == mac.EXTENSION and subtype == mac.S1G_BEACON:
        length += 3 * (control >> 8 & 1) + 4 * (control >> 9 & 1) + (control >> 10 & 1)
    return length


@lean_jit
def udp_payload(data: Bytes, start: int, stop: int) -> tuple[int, int]:
    """Offset in the MPDU ``data[start:stop]`` (without FCS) and length of its UDP payload.

    Returns:
        (0, 0) unless :func:`wtrec.dot11.mac.udp_payload` finds one.
    """
    if stop - start < 24:
        return 0, 0
    control = np.int64(load16(data, start))
    if control & 0x440F != 0x0008 or control & 0x40 or data[start + 22] & 15:
        return 0, 0
    ip = start + header_length(control) + 8
    if (
        stop < ip + 28
        or load32(data, ip - 8) != _w(0x0003AAAA)
        or load32(data, ip - 4) != _w(0x00080000)
        or data[ip] >> 4 != 4
        or data[ip + 9] != 17
    ):
        return 0, 0
    if control & 0x80 and data[start + (30 if control & 0x0300 == 0x0300 else 24)] & 0x80:
        return 0, 0
    udp = ip + 4 * np.int64(data[ip] & 15)
    end = ip + (np.int64(data[ip + 2]) << 8 | np.int64(data[ip + 3]))
    fragment = (np.int64(data[ip + 6]) << 8 | np.int64(data[ip + 7])) & 0x3FFF
    if udp < ip + 20 or fragment or end > stop or udp + 8 > end:
        return 0, 0
    if (np.int64(data[udp + 4]) << 8 | np.int64(data[udp + 5])) != end - udp:
        return 0, 0
    return udp + 8 - start, end - udp - 8
