"""From packets in a file window to the columns of a frame batch, compiled.

One pass over each packet: Radiotap fields, MAC header, the frame's bytes, and our
own verdict on its FCS. What a column means and when it is null stands in
:mod:`wtrec.datasets.frames`; the plain twin that the tests compare this with is
built from :mod:`wtrec.dot11` alone.

The FCS verdict, in this order:

* ``absent``: no MPDU, or one too short for an FCS;
* ``good``: the last four bytes are the CRC-32 of those before, whatever the driver
  says (by chance once in 2^32 frames);
* ``absent``: the driver does not say that there is an FCS;
* ``unverifiable``: the capture cut the frame, or the hardware decrypted it (the
  driver says that it was good, the Protected bit is set, and yet clear text follows
  the header): these bytes are not what the FCS covered;
* ``bad``: all others.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from numpy.typing import NDArray

from ..dot11.kernels import (
    ADDRESSES,
    FLAGS_MASK,
    HE_RATE,
    HT_RATE,
    HT_STREAMS,
    N_FIELDS,
    VENDOR_NAMESPACE_BIT,
    VHT_BANDWIDTH,
    VHT_RATE,
    crc32,
    find_fields,
    header_length,
    load16,
    load32,
)
from ..jit import jit
from .walk_kernel import NO_FLAGS, NO_TIME, PacketIndex

GOOD, BAD, ABSENT, UNVERIFIABLE = 0, 1, 2, 3

LINKTYPE_IEEE802_11 = 105
LINKTYPE_RADIOTAP = 127

# Columns of the link table, one row an interface of the section.
LINKTYPE, FCS_BITS, GLOBAL_ID = 0, 1, 2

_TSFT, _FLAGS, _RATE, _CHANNEL, _SIGNAL, _NOISE, _ANTENNA = 0, 1, 2, 3, 5, 6, 11
_XCHANNEL, _MCS, _VHT, _HE, _ZERO_LENGTH_PSDU = 18, 19, 21, 23, 26
_F_FCS, _F_DATAPAD, _F_BAD_FCS = 0x10, 0x20, 0x40
_MANAGEMENT, _DATA = 0, 2

_u = np.uintp
_w = np.uint32


class Valid(IntEnum):
    """Rows of :attr:`Columns.valid`: the nullable columns, those that are null together as one."""

    TIME = 0
    TSFT = 1
    RATE = 2
    MCS = 3
    NSS = 4
    BANDWIDTH = 5
    SHORT_GI = 6
    LDPC = 7
    CHANNEL = 8
    SIGNAL = 9
    NOISE = 10
    ANTENNA = 11
    CLAIMS = 12
    CONTROL = 13
    SEQUENCE = 14
    ADDR1 = 15  # and the next three for addr2..addr4


class Bit(IntEnum):
    """Rows of :attr:`Columns.bits`: the boolean columns."""

    SHORT_GI = 0
    LDPC = 1
    FCS_PRESENT = 2
    BAD_FCS = 3
    TO_DS = 4
    FROM_DS = 5
    RETRY = 6
    PROTECTED = 7


class Columns(NamedTuple):
    """Buffers of one batch, one element a frame; bitmaps are Arrow's (LSB first)."""

    valid: NDArray[np.uint8]  # (19, bytes): bitmap of each nullable column
    bits: NDArray[np.uint8]  # (8, bytes): values of each boolean column
    number: NDArray[np.int64]
    time: NDArray[np.int64]
    interface: NDArray[np.uint32]
    tsft_us: NDArray[np.uint64]
    rate_mbps: NDArray[np.float64]
    mcs: NDArray[np.uint8]
    nss: NDArray[np.uint8]
    bandwidth_mhz: NDArray[np.uint16]
    channel_mhz: NDArray[np.uint16]
    signal_dbm: NDArray[np.int8]
    noise_dbm: NDArray[np.int8]
    antenna: NDArray[np.uint8]
    fcs_status: NDArray[np.int8]
    type: NDArray[np.uint8]
    subtype: NDArray[np.uint8]
    sequence: NDArray[np.uint16]
    fragment: NDArray[np.uint8]
    addresses: NDArray[np.uint8]  # (4, 6 * rows)
    original_length: NDArray[np.uint32]
    offsets: NDArray[np.int32]  # (rows + 1,): where each frame begins in mpdu
    mpdu: NDArray[np.uint8]

    @classmethod
    def empty(cls, rows: int, mpdu_bytes: int) -> Columns:
        """Buffers for ``rows`` frames of ``mpdu_bytes`` together."""
        bitmap = (rows + 7) // 8

        def zeros(dtype: type[np.generic]) -> NDArray[np.generic]:
            return np.zeros(rows, dtype)

        return cls(
            valid=np.zeros((len(Valid) + 3, bitmap), np.uint8),
            bits=np.zeros((len(Bit), bitmap), np.uint8),
            number=zeros(np.int64),
            time=zeros(np.int64),
            interface=zeros(np.uint32),
            tsft_us=zeros(np.uint64),
            rate_mbps=zeros(np.float64),
            mcs=zeros(np.uint8),
            nss=zeros(np.uint8),
            bandwidth_mhz=zeros(np.uint16),
            channel_mhz=zeros(np.uint16),
            signal_dbm=zeros(np.int8),
            noise_dbm=zeros(np.int8),
            antenna=zeros(np.uint8),
            fcs_status=zeros(np.int8),
            type=zeros(np.uint8),
            subtype=zeros(np.uint8),
            sequence=zeros(np.uint16),
            fragment=zeros(np.uint8),
            addresses=np.zeros((4, 6 * rows), np.uint8),
            original_length=zeros(np.uint32),
            offsets=np.zeros(rows + 1, np.int32),
            mpdu=np.empty(mpdu_bytes, np.uint8),
        )


@jit
def _set(bitmaps: NDArray[np.uint8], which: int, row: int) -> None:
    bitmaps[_u(which), _u(row >> 3)] |= np.uint8(1 << (row & 7))


@jit
def _put(bitmaps: NDArray[np.uint8], which: int, row: int, value: int) -> None:
    bitmaps[_u(which), _u(row >> 3)] |= np.uint8((1 if value else 0) << (row & 7))


@jit
def _clear_text(data: NDArray[np.uint8], at: int, stop: int) -> bool:
    """LLC/SNAP in clear at ``at``, or behind a WEP (4 bytes) or TKIP/CCMP (8 bytes) header."""
    for skip in (0, 4, 8):
        i = at + skip
        if i + 5 <= stop and load32(data, i) == _w(0x0003AAAA) and data[i + 4] == 0:
            return True
    return False


@jit
def _modulation(
    data: NDArray[np.uint8], start: int, at: NDArray[np.int32], c: Columns, row: int
) -> None:
    """Rate and what belongs to it, from the Rate, MCS, VHT and HE fields of one frame."""
    rate = 0.0
    if at[_RATE] >= 0:
        rate = data[start + at[_RATE]] * 0.5
    if at[_MCS] >= 0:
        i = start + at[_MCS]
        known, flags, mcs = np.int64(data[i]), np.int64(data[i + 1]), np.int64(data[i + 2])
        wide = np.int64(flags & 3 == 1)
        short = flags >> 2 & 1
        if known & 0x01:
            c.bandwidth_mhz[row] = 40 if wide else 20
            _set(c.valid, Valid.BANDWIDTH, row)
        if known & 0x04:
            _put(c.bits, Bit.SHORT_GI, row, short)
            _set(c.valid, Valid.SHORT_GI, row)
        if known & 0x10:
            _put(c.bits, Bit.LDPC, row, flags & 0x10)
            _set(c.valid, Valid.LDPC, row)
        if known & 0x02 and mcs < len(HT_RATE):
            c.mcs[row] = mcs
            _set(c.valid, Valid.MCS, row)
            c.nss[row] = HT_STREAMS[mcs]
            _set(c.valid, Valid.NSS, row)
            if known & 0x05 == 0x05 and HT_RATE[mcs, wide, short]:
                rate = HT_RATE[mcs, wide, short]
    if at[_VHT] >= 0:
        i = start + at[_VHT]
        known = np.int64(load16(data, i))
        short = np.int64(data[i + 2]) >> 2 & 1
        width = VHT_BANDWIDTH[data[i + 3] & 31] if known & 0x40 else 0
        if width:
            c.bandwidth_mhz[row] = width
            _set(c.valid, Valid.BANDWIDTH, row)
        if known & 0x04:
            _put(c.bits, Bit.SHORT_GI, row, short)
            _set(c.valid, Valid.SHORT_GI, row)
        for user in range(4):
            nss = np.int64(data[i + 4 + user]) & 15
            mcs = np.int64(data[i + 4 + user]) >> 4
            if nss == 0 or mcs == 15:
                continue
            c.mcs[row] = mcs
            _set(c.valid, Valid.MCS, row)
            c.nss[row] = nss
            _set(c.valid, Valid.NSS, row)
            _put(c.bits, Bit.LDPC, row, data[i + 8] >> user & 1)
            _set(c.valid, Valid.LDPC, row)
            if width and known & 0x04 and mcs < VHT_RATE.shape[0] and nss <= VHT_RATE.shape[1]:
                step = 0 if width == 20 else 1 if width == 40 else 2 if width == 80 else 3
                rate = VHT_RATE[mcs, nss - 1, step, short]
            break
    if at[_HE] >= 0:
        i = start + at[_HE]
        known, known2 = np.int64(load16(data, i)), np.int64(load16(data, i + 2))
        coding, ru = np.int64(load16(data, i + 4)), np.int64(load16(data, i + 8))
        nss = np.int64(load16(data, i + 10)) & 15
        if known & 0x0200 and coding & 0x8000:  # STBC: two space-time streams carry one
            nss >>= 1
        mcs = coding >> 8 & 15
        if known & 0x4000 and ru & 15 < 4:
            c.bandwidth_mhz[row] = 20 << (ru & 15)
            _set(c.valid, Valid.BANDWIDTH, row)
        if known & 0x80:
            _put(c.bits, Bit.LDPC, row, coding & 0x2000)
            _set(c.valid, Valid.LDPC, row)
        if nss:
            c.nss[row] = nss
            _set(c.valid, Valid.NSS, row)
        if known & 0x20:
            c.mcs[row] = mcs
            _set(c.valid, Valid.MCS, row)
            dcm = coding >> 12 & 1 if known & 0x40 else 0
            interval = ru >> 4 & 3
            if (
                known & 0x4000
                and known2 & 0x02
                and nss
                and nss <= HE_RATE.shape[1]
                and mcs < HE_RATE.shape[0]
                and ru & 15 < HE_RATE.shape[2]
                and interval < HE_RATE.shape[3]
                and HE_RATE[mcs, nss - 1, ru & 15, interval, dcm]
            ):
                rate = HE_RATE[mcs, nss - 1, ru & 15, interval, dcm]
    if rate > 0.0:
        c.rate_mbps[row] = rate
        _set(c.valid, Valid.RATE, row)


@jit
def _mac_header(data: NDArray[np.uint8], start: int, stop: int, c: Columns, row: int) -> None:
    """Frame control, addresses and sequence control, as far as the bytes reach."""
    length = stop - start
    if length < 2:
        return
    _set(c.valid, Valid.CONTROL, row)
    control = np.int64(load16(data, start))
    kind = control >> 2 & 3
    subtype = control >> 4 & 15
    control &= FLAGS_MASK[kind << 4 | subtype] << 8 | 0xFF
    to_ds, from_ds = control >> 8 & 1, control >> 9 & 1
    c.type[row] = kind
    c.subtype[row] = subtype
    _put(c.bits, Bit.TO_DS, row, to_ds)
    _put(c.bits, Bit.FROM_DS, row, from_ds)
    _put(c.bits, Bit.RETRY, row, control & 0x0800)
    _put(c.bits, Bit.PROTECTED, row, control & 0x4000)
    addresses = ADDRESSES[kind << 4 | subtype]
    if kind == _DATA and to_ds and from_ds:
        addresses = 4
    for which in range(addresses):
        at = 4 + 6 * which if which < 3 else 24
        if at + 6 > length:
            break
        for i in range(6):
            c.addresses[_u(which), _u(6 * row + i)] = data[_u(start + at + i)]
        _set(c.valid, Valid.ADDR1 + which, row)
    if kind in (_MANAGEMENT, _DATA) and length >= 24:
        sequence = load16(data, start + 22)
        c.sequence[row] = sequence >> _w(4)
        c.fragment[row] = sequence & _w(15)
        _set(c.valid, Valid.SEQUENCE, row)


@jit
def decode(
    data: NDArray[np.uint8],
    index: PacketIndex,
    count: int,
    links: NDArray[np.int64],
    first_number: int,
    c: Columns,
) -> tuple[int, int, int]:
    """Decode ``count`` indexed packets into rows 0, 1, ... of ``c``.

    Args:
        data: The window that ``index`` points into.
        index: Where the packets lie.
        count: How many of them.
        links: Shape (n, 3): LINKTYPE, FCS_BITS (if_fcslen, -1 unknown), GLOBAL_ID.
        first_number: Number of the first packet in the file, from 1.
        c: Out.

    Returns:
        (rows written, packets of other link types, malformed Radiotap headers).
    """
    row = 0
    filled = 0
    others = 0
    malformed = 0
    at = np.empty(N_FIELDS, np.int32)
    # Successive headers mostly have the same shape: then the same field positions hold.
    same_as = -1
    same_words = 0
    radiotap_length = 0
    for k in range(count):
        link = index.interface[k]
        linktype = links[link, LINKTYPE]
        if linktype not in (LINKTYPE_RADIOTAP, LINKTYPE_IEEE802_11):
            others += 1
            continue
        start = index.start[k]
        stop = start + index.captured[k]
        snapped = index.captured[k] < index.original[k]
        c.number[row] = first_number + k
        c.interface[row] = links[link, GLOBAL_ID]
        if index.time[k] != NO_TIME:
            c.time[row] = index.time[k]
            _set(c.valid, Valid.TIME, row)

        present = False  # the driver's claims, and whether it makes any
        bad = False
        claims = False
        flags = 0
        header = 0
        empty = False
        if linktype == LINKTYPE_RADIOTAP:
            known = same_as >= 0 and start + radiotap_length <= stop
            if known:
                for word in range(same_words):
                    known &= load32(data, start + 4 * word) == load32(data, same_as + 4 * word)
            if not known:
                radiotap_length = find_fields(data, start, stop, at)
                same_as = -1
                if radiotap_length > 0:
                    same_as = start
                    same_words = 2
                    while load32(data, start + 4 * (same_words - 1)) & _w(0x80000000):
                        same_words += 1
                        if 4 * same_words > radiotap_length:
                            same_as = -1
                            break
                    for word in range(1, same_words):
                        if load32(data, start + 4 * word) >> _w(VENDOR_NAMESPACE_BIT) & _w(1):
                            same_as = -1  # its length is data: positions hold for this one only
                            break
            header = radiotap_length
            if header < 0:
                malformed += 1
                header = stop - start
                empty = True
                same_as = -1
            else:
                if at[_TSFT] >= 0:
                    i = start + at[_TSFT]
                    c.tsft_us[row] = (np.uint64(load32(data, i + 4)) << np.uint64(32)) | np.uint64(
                        load32(data, i)
                    )
                    _set(c.valid, Valid.TSFT, row)
                if at[_FLAGS] >= 0:
                    flags = np.int64(data[start + at[_FLAGS]])
                    claims = True
                    present = flags & _F_FCS != 0
                    bad = flags & _F_BAD_FCS != 0
                _modulation(data, start, at, c, row)
                mhz = _w(0)
                if at[_CHANNEL] >= 0:
                    mhz = load16(data, start + at[_CHANNEL])
                elif at[_XCHANNEL] >= 0:
                    mhz = load16(data, start + at[_XCHANNEL] + 4)
                if mhz:
                    c.channel_mhz[row] = mhz
                    _set(c.valid, Valid.CHANNEL, row)
                if at[_SIGNAL] >= 0:
                    c.signal_dbm[row] = np.int8(data[start + at[_SIGNAL]])
                    _set(c.valid, Valid.SIGNAL, row)
                if at[_NOISE] >= 0:
                    c.noise_dbm[row] = np.int8(data[start + at[_NOISE]])
                    _set(c.valid, Valid.NOISE, row)
                if at[_ANTENNA] >= 0:
                    c.antenna[row] = data[start + at[_ANTENNA]]
                    _set(c.valid, Valid.ANTENNA, row)
                if at[_ZERO_LENGTH_PSDU] >= 0:  # what follows, if anything, is no MPDU
                    empty = True
        else:
            if links[link, FCS_BITS] >= 0:
                claims = True
                present = links[link, FCS_BITS] == 32
            if index.flags[k] != NO_FLAGS:
                octets = np.int64(index.flags[k]) >> 5 & 15
                claims = claims or octets > 0
                present = present or octets == 4
                bad = np.int64(index.flags[k]) >> 24 & 1 == 1
                claims = claims or bad

        # The MPDU's bytes, without the pad that some hardware puts behind its header.
        begin = start + header
        if empty:
            begin = stop
        length = stop - begin
        pad_at = length
        pad = 0
        if flags & _F_DATAPAD and length >= 2:
            head = header_length(np.int64(load16(data, begin)))
            pad = -head & 3
            if head + pad > length:
                pad = 0
            pad_at = head
        c.offsets[row] = filled
        if pad:
            for i in range(pad_at):
                c.mpdu[_u(filled + i)] = data[_u(begin + i)]
            for i in range(pad_at, length - pad):
                c.mpdu[_u(filled + i)] = data[_u(begin + pad + i)]
            length -= pad
        else:
            for i in range(length):
                c.mpdu[_u(filled + i)] = data[_u(begin + i)]
        end = filled + length
        original = index.original[k] - header - pad
        c.original_length[row] = 0 if empty else max(original, length)

        if claims:
            _set(c.valid, Valid.CLAIMS, row)
            _put(c.bits, Bit.FCS_PRESENT, row, present)
            _put(c.bits, Bit.BAD_FCS, row, bad)
        status = ABSENT
        if length >= 4:
            if not snapped and crc32(c.mpdu, filled, end - 4) == load32(c.mpdu, end - 4):
                status = GOOD
            elif present:
                status = BAD
                if snapped:
                    status = UNVERIFIABLE
                elif not bad and c.mpdu[filled + 1] & 0x40:
                    head = header_length(np.int64(load16(c.mpdu, filled)))
                    if _clear_text(c.mpdu, filled + head, end):
                        status = UNVERIFIABLE
        c.fcs_status[row] = status
        _mac_header(c.mpdu, filled, end, c, row)
        filled = end
        row += 1
        c.offsets[row] = filled
    return row, others, malformed
