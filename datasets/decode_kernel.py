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

# mypy: disable-error-code="assignment, arg-type, return-value, no-any-return"
# pyright: reportArgumentType=false, reportAssignmentType=false, reportReturnType=false
# numba types the inside of kernels: fixed-width integers, where annotations say int.

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
    MORE_BIT,
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
from ..jit import lean_jit
from .walk_kernel import FCS_BITS, GLOBAL_ID, LINKTYPE, NO_FLAGS, NO_TIME, PacketIndex

GOOD, BAD, ABSENT, UNVERIFIABLE = 0, 1, 2, 3

LINKTYPE_IEEE802_11 = 105
LINKTYPE_RADIOTAP = 127

_TSFT, _FLAGS, _RATE, _CHANNEL, _SIGNAL, _NOISE, _ANTENNA = 0, 1, 2, 3, 5, 6, 11
_XCHANNEL, _MCS, _VHT, _HE, _ZERO_LENGTH_PSDU = 18, 19, 21, 23, 26
_F_FCS, _F_DATAPAD, _F_BAD_FCS = 0x10, 0x20, 0x40
_MANAGEMENT, _DATA = 0, 2

_u = np.uintp
_w = np.uint32


class Valid(IntEnum):
    """Bits of ``ROW["valid"]``: what is not null; columns that are null together share one."""

    TIME = 1 << 0
    TSFT = 1 << 1
    RATE = 1 << 2
    MCS = 1 << 3
    NSS = 1 << 4
    BANDWIDTH = 1 << 5
    SHORT_GI = 1 << 6
    LDPC = 1 << 7
    CHANNEL = 1 << 8
    SIGNAL = 1 << 9
    NOISE = 1 << 10
    ANTENNA = 1 << 11
    CLAIMS = 1 << 12  # of the driver: fcs_present, bad_fcs
    CONTROL = 1 << 13  # type to protected
    SEQUENCE = 1 << 14  # sequence, fragment
    ADDR1 = 1 << 15
    ADDR2 = 1 << 16
    ADDR3 = 1 << 17
    ADDR4 = 1 << 18


class Bit(IntEnum):
    """Bits of ``ROW["bits"]``: the boolean columns."""

    SHORT_GI = 1 << 0
    LDPC = 1 << 1
    FCS_PRESENT = 1 << 2
    BAD_FCS = 1 << 3
    TO_DS = 1 << 4
    FROM_DS = 1 << 5
    RETRY = 1 << 6
    PROTECTED = 1 << 7


# One decoded frame. Rows, not columns: the kernel then holds one array instead of thirty,
# whose reference counts would cost more than the decoding.
ROW = np.dtype(
    [
        ("number", np.int64),
        ("time", np.int64),
        ("tsft_us", np.uint64),
        ("rate_mbps", np.float64),
        ("valid", np.uint32),
        ("interface", np.uint32),
        ("original_length", np.uint32),
        ("bandwidth_mhz", np.uint16),
        ("channel_mhz", np.uint16),
        ("sequence", np.uint16),
        ("bits", np.uint8),
        ("mcs", np.uint8),
        ("nss", np.uint8),
        ("signal_dbm", np.int8),
        ("noise_dbm", np.int8),
        ("antenna", np.uint8),
        ("fcs_status", np.int8),
        ("type", np.uint8),
        ("subtype", np.uint8),
        ("fragment", np.uint8),
    ],
    align=True,
)

Rows = NDArray[np.void]  # of ROW


class Decoded(NamedTuple):
    """Buffers of one batch."""

    rows: Rows  # (frames,)
    addresses: NDArray[np.uint8]  # (4, frames, 6)
    offsets: NDArray[np.int32]  # (frames + 1,): where each frame begins in mpdu
    mpdu: NDArray[np.uint8]
    positions: NDArray[np.int32]  # (N_FIELDS,): scratch, where a header's fields are

    @classmethod
    def empty(cls, frames: int, mpdu_bytes: int) -> Decoded:
        """Buffers for ``frames`` frames of ``mpdu_bytes`` together."""
        return cls(
            np.zeros(frames, ROW),
            np.zeros((4, frames, 6), np.uint8),
            np.zeros(frames + 1, np.int32),
            np.empty(mpdu_bytes, np.uint8),
            np.empty(N_FIELDS, np.int32),
        )


@lean_jit
def _copy(
    source: NDArray[np.uint8], at: int, target: NDArray[np.uint8], to: int, length: int
) -> None:
    begin, to, length = _u(at), _u(to), _u(length)
    for i in range(length):  # LLVM makes a block copy of it, as the indices are unsigned
        target[to + i] = source[begin + i]


@lean_jit
def _clear_text(data: NDArray[np.uint8], at: int, stop: int) -> bool:
    """LLC/SNAP in clear at ``at``, or behind a WEP (4 bytes) or TKIP/CCMP (8 bytes) header."""
    for skip in (0, 4, 8):
        i = at + skip
        if i + 5 <= stop and load32(data, i) == _w(0x0003AAAA) and data[i + 4] == 0:
            return True
    return False


@lean_jit
def _modulation(
    data: NDArray[np.uint8], start: int, at: NDArray[np.int32], rows: Rows, k: int
) -> None:
    """Rate and what belongs to it, from the Rate, MCS, VHT and HE fields; the newest counts."""
    row = rows[k]
    valid = 0
    short_gi = 0
    ldpc = 0
    rate = 0.0
    if at[_RATE] >= 0:
        rate = data[start + at[_RATE]] * 0.5
    if at[_MCS] >= 0:
        i = start + at[_MCS]
        known, flags, mcs = np.int64(data[i]), np.int64(data[i + 1]), np.int64(data[i + 2])
        wide = np.int64(flags & 3 == 1)
        short = flags >> 2 & 1
        if known & 0x01:
            row.bandwidth_mhz = 40 if wide else 20
            valid |= Valid.BANDWIDTH
        if known & 0x04:
            short_gi = short
            valid |= Valid.SHORT_GI
        if known & 0x10:
            ldpc = flags & 0x10
            valid |= Valid.LDPC
        if known & 0x02 and mcs < len(HT_RATE):
            row.mcs = mcs
            row.nss = HT_STREAMS[mcs]
            valid |= Valid.MCS | Valid.NSS
            if known & 0x05 == 0x05 and HT_RATE[mcs, wide, short]:
                rate = HT_RATE[mcs, wide, short]
    if at[_VHT] >= 0:
        i = start + at[_VHT]
        known = np.int64(load16(data, i))
        short = np.int64(data[i + 2]) >> 2 & 1
        width = VHT_BANDWIDTH[data[i + 3] & 31] if known & 0x40 else 0
        if width:
            row.bandwidth_mhz = width
            valid |= Valid.BANDWIDTH
        if known & 0x04:
            short_gi = short
            valid |= Valid.SHORT_GI
        for user in range(4):
            nss = np.int64(data[i + 4 + user]) & 15
            mcs = np.int64(data[i + 4 + user]) >> 4
            if nss == 0 or mcs == 15:
                continue
            row.mcs = mcs
            row.nss = nss
            ldpc = np.int64(data[i + 8]) >> user & 1
            valid |= Valid.MCS | Valid.NSS | Valid.LDPC
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
            row.bandwidth_mhz = 20 << (ru & 15)
            valid |= Valid.BANDWIDTH
        if known & 0x80:
            ldpc = coding & 0x2000
            valid |= Valid.LDPC
        if nss:
            row.nss = nss
            valid |= Valid.NSS
        if known & 0x20:
            row.mcs = mcs
            valid |= Valid.MCS
            dcm = coding >> 12 & 1 if known & 0x40 else 0
            interval = ru >> 4 & 3
            if (
                known & 0x4000
                and known2 & 0x02
                and 0 < nss <= HE_RATE.shape[1]
                and mcs < HE_RATE.shape[0]
                and ru & 15 < HE_RATE.shape[2]
                and interval < HE_RATE.shape[3]
                and HE_RATE[mcs, nss - 1, ru & 15, interval, dcm]
            ):
                rate = HE_RATE[mcs, nss - 1, ru & 15, interval, dcm]
    if rate > 0.0:
        row.rate_mbps = rate
        valid |= Valid.RATE
    row.valid |= valid
    row.bits |= (Bit.SHORT_GI if short_gi else 0) | (Bit.LDPC if ldpc else 0)


@lean_jit
def _radiotap(
    data: NDArray[np.uint8], start: int, at: NDArray[np.int32], rows: Rows, k: int
) -> int:
    """The located fields of one Radiotap header; returns its Flags, 0 without."""
    row = rows[k]
    flags = 0
    if at[_TSFT] >= 0:
        i = start + at[_TSFT]
        row.tsft_us = np.uint64(load32(data, i + 4)) << np.uint64(32) | np.uint64(load32(data, i))
        row.valid |= Valid.TSFT
    if at[_FLAGS] >= 0:
        flags = np.int64(data[start + at[_FLAGS]])
        row.valid |= Valid.CLAIMS
    mhz = _w(0)
    if at[_CHANNEL] >= 0:
        mhz = load16(data, start + at[_CHANNEL])
    elif at[_XCHANNEL] >= 0:
        mhz = load16(data, start + at[_XCHANNEL] + 4)
    if mhz:
        row.channel_mhz = mhz
        row.valid |= Valid.CHANNEL
    if at[_SIGNAL] >= 0:
        row.signal_dbm = np.int8(data[start + at[_SIGNAL]])
        row.valid |= Valid.SIGNAL
    if at[_NOISE] >= 0:
        row.noise_dbm = np.int8(data[start + at[_NOISE]])
        row.valid |= Valid.NOISE
    if at[_ANTENNA] >= 0:
        row.antenna = data[start + at[_ANTENNA]]
        row.valid |= Valid.ANTENNA
    _modulation(data, start, at, rows, k)
    return flags


@lean_jit
def _mac_header(
    data: NDArray[np.uint8],
    start: int,
    stop: int,
    rows: Rows,
    k: int,
    addresses: NDArray[np.uint8],
) -> None:
    """Frame control, addresses and sequence control, as far as the bytes reach."""
    row = rows[k]
    length = stop - start
    if length < 2:
        return
    control = np.int64(load16(data, start))
    which = control >> 2 & 3
    subtype = control >> 4 & 15
    row.type = which
    row.subtype = subtype
    flags = control >> 8 & FLAGS_MASK[which << 4 | subtype]
    bits = row.bits
    bits |= Bit.TO_DS if flags & 0x01 else 0
    bits |= Bit.FROM_DS if flags & 0x02 else 0
    bits |= Bit.RETRY if flags & 0x08 else 0
    bits |= Bit.PROTECTED if flags & 0x40 else 0
    row.bits = bits
    valid = row.valid | Valid.CONTROL
    count = ADDRESSES[which << 4 | subtype]
    if which == _DATA and flags & 0x03 == 0x03:
        count = 4
    for n in range(count):
        i = 4 + 6 * n if n < 3 else 24
        if i + 6 > length:
            break
        for byte in range(6):
            addresses[_u(n), _u(k), _u(byte)] = data[_u(start + i + byte)]
        valid |= Valid.ADDR1 << n
    if which in (_MANAGEMENT, _DATA) and length >= 24:
        sequence = load16(data, start + 22)
        row.sequence = sequence >> _w(4)
        row.fragment = sequence & _w(15)
        valid |= Valid.SEQUENCE
    row.valid = valid


@lean_jit
def _same_shape(data: NDArray[np.uint8], start: int, other: int, words: int) -> bool:
    """Two Radiotap headers have the same length and present words."""
    for word in range(words):
        if load32(data, start + 4 * word) != load32(data, other + 4 * word):
            return False
    return True


@lean_jit
def _shape_words(data: NDArray[np.uint8], start: int, length: int) -> int:
    """Leading 32-bit words that alone decide where a header's fields are; 0 if others do too."""
    words = 2
    while True:
        present = load32(data, start + 4 * (words - 1))
        if present >> _w(VENDOR_NAMESPACE_BIT) & _w(1):  # its length is data
            return 0
        if not present >> _w(MORE_BIT):
            return words
        words += 1
        if 4 * words > length:
            return 0


@lean_jit
def decode(
    data: NDArray[np.uint8],
    index: PacketIndex,
    count: int,
    interfaces: NDArray[np.int64],
    first_number: int,
    out: Decoded,
) -> tuple[int, int, int]:
    """Decode ``count`` indexed packets into rows 0, 1, ... of ``out``.

    Args:
        data: The window that ``index`` points into.
        index: Where the packets lie.
        count: How many of them.
        interfaces: The section's interface table, see :mod:`wtrec.datasets.walk_kernel`.
        first_number: Number of the first packet in the file, from 1.
        out: Out.

    Returns:
        (rows written, packets of other link types, malformed Radiotap headers).
    """
    rows, addresses, offsets, mpdu = out.rows, out.addresses, out.offsets, out.mpdu
    at = out.positions
    starts, lengths, originals = index.start, index.captured, index.original
    links, times, packet_flags = index.interface, index.time, index.flags
    k = 0
    filled = 0
    others = 0
    malformed = 0
    # Successive headers mostly have the same shape: then the same field positions hold.
    same_as = 0
    same_words = 0
    header = 0
    for packet in range(count):
        link = links[packet]
        linktype = interfaces[link, LINKTYPE]
        if linktype not in (LINKTYPE_RADIOTAP, LINKTYPE_IEEE802_11):
            others += 1
            continue
        row = rows[k]
        start = starts[packet]
        stop = start + lengths[packet]
        snapped = lengths[packet] < originals[packet]
        row.number = first_number + packet
        row.interface = interfaces[link, GLOBAL_ID]
        if times[packet] != NO_TIME:
            row.time = times[packet]
            row.valid |= Valid.TIME

        flags = 0  # as Radiotap has them
        begin = start  # of the MPDU
        original = originals[packet]  # length of the MPDU before it was cut
        if linktype == LINKTYPE_RADIOTAP:
            if not (
                same_words
                and start + header <= stop
                and _same_shape(data, start, same_as, same_words)
            ):
                header = find_fields(data, start, stop, at)
                same_as = start
                same_words = _shape_words(data, start, header) if header > 0 else 0
            if header < 0:
                malformed += 1
                begin = stop
                original = 0
            else:
                begin = start + header
                original -= header
                flags = _radiotap(data, start, at, rows, k)
                if at[_ZERO_LENGTH_PSDU] >= 0:  # what follows, if anything, is no MPDU
                    begin = stop
                    original = 0
        else:
            octets = -1
            if interfaces[link, FCS_BITS] >= 0:
                octets = interfaces[link, FCS_BITS] >> 3
            if packet_flags[packet] != NO_FLAGS:
                if np.int64(packet_flags[packet]) >> 5 & 15:
                    octets = np.int64(packet_flags[packet]) >> 5 & 15
                if np.int64(packet_flags[packet]) >> 24 & 1:
                    flags |= _F_BAD_FCS
            if octets == 4:
                flags |= _F_FCS
            if octets >= 0 or flags:
                row.valid |= Valid.CLAIMS

        length = stop - begin
        fcs_length = 4 if flags & _F_FCS and not snapped else 0
        pad = 0  # that some hardware puts between MAC header and body, if there is a body
        if flags & _F_DATAPAD and length >= 2:
            head = header_length(np.int64(load16(data, begin)))
            pad = -head & 3
            if head + pad + fcs_length <= length:
                _copy(data, begin, mpdu, filled, head)
                _copy(data, begin + head + pad, mpdu, filled + head, length - head - pad)
            else:
                pad = 0
        if not pad:
            _copy(data, begin, mpdu, filled, length)
        length -= pad
        end = filled + length
        row.original_length = max(original - pad, length)

        row.bits |= Bit.FCS_PRESENT if flags & _F_FCS else 0
        row.bits |= Bit.BAD_FCS if flags & _F_BAD_FCS else 0
        status = ABSENT
        if length >= 4:
            if not snapped and crc32(mpdu, filled, end - 4) == load32(mpdu, end - 4):
                status = GOOD
            elif snapped and flags & _F_FCS:
                status = UNVERIFIABLE
            elif flags & _F_FCS:
                status = BAD
                if mpdu[filled + 1] & 0x40 and not flags & _F_BAD_FCS:
                    head = header_length(np.int64(load16(mpdu, filled)))
                    if _clear_text(mpdu, filled + head, end):
                        status = UNVERIFIABLE
        row.fcs_status = status
        if status == GOOD:
            fcs_length = 4
        _mac_header(mpdu, filled, end - fcs_length, rows, k, addresses)
        filled = end
        k += 1
        offsets[k] = filled
    return k, others, malformed
