"""Names for the flags in Radiotap fields.

Source: radiotap.org, one page a field. The values of fields are plain numbers; take
``Flags(value)`` to name them, or test them as in ``value & Flags.BAD_FCS``.
"""

from __future__ import annotations

from enum import IntFlag


class Flags(IntFlag):
    """Bit 1: properties of the frame."""

    CFP = 0x01
    SHORT_PREAMBLE = 0x02
    WEP = 0x04
    FRAGMENTED = 0x08
    FCS = 0x10  # the frame's last four bytes are its FCS
    DATAPAD = 0x20  # padding between the MAC header and the body, to 32 bits
    BAD_FCS = 0x40
    SHORT_GI = 0x80  # not specified, but in use


class ChannelFlags(IntFlag):
    """Bits 3 and 18: what kind of channel it is (values from GSM on: XChannel only)."""

    S1G_700_MHZ = 0x0001
    S1G_800_MHZ = 0x0002
    S1G_900_MHZ = 0x0004
    TURBO = 0x0010
    CCK = 0x0020
    OFDM = 0x0040
    BAND_2_GHZ = 0x0080
    BAND_5_GHZ = 0x0100
    PASSIVE = 0x0200
    DYNAMIC = 0x0400
    GFSK = 0x0800
    GSM = 0x1000
    STATIC_TURBO = 0x2000
    HALF_RATE = 0x4000
    QUARTER_RATE = 0x8000
    HT20 = 0x00010000
    HT40_PLUS = 0x00020000
    HT40_MINUS = 0x00040000


class RxFlags(IntFlag):
    """Bit 14: properties of a received frame (0x0001 was "FCS failed": see ``Flags.BAD_FCS``)."""

    BAD_PLCP = 0x0002


class TxFlags(IntFlag):
    """Bit 15: properties of a frame that was, or shall be, sent."""

    FAIL = 0x0001
    CTS = 0x0002
    RTS = 0x0004
    NO_ACK = 0x0008
    NO_SEQUENCE = 0x0010  # the sequence number is set already: keep it
    DONT_REORDER = 0x0020


class McsKnown(IntFlag):
    """Bit 19, ``known``: which parts of the MCS field are valid."""

    BANDWIDTH = 0x01
    MCS = 0x02
    GUARD_INTERVAL = 0x04
    FORMAT = 0x08
    FEC = 0x10
    STBC = 0x20
    NESS = 0x40
    NESS_BIT_1 = 0x80  # not a "known" bit: the high bit of Ness itself


class McsFlags(IntFlag):
    """Bit 19, ``flags``."""

    BANDWIDTH = 0x03  # mask: 0 = 20, 1 = 40, 2 = 20L, 3 = 20U
    SHORT_GI = 0x04
    GREENFIELD = 0x08
    LDPC = 0x10
    STBC = 0x60  # mask: number of STBC streams
    NESS_BIT_0 = 0x80


class AMpduFlags(IntFlag):
    """Bit 20, ``flags``."""

    REPORTS_ZERO_LENGTH = 0x0001
    IS_ZERO_LENGTH = 0x0002
    LAST_KNOWN = 0x0004
    IS_LAST = 0x0008
    DELIMITER_CRC_ERROR = 0x0010
    DELIMITER_CRC_KNOWN = 0x0020
    EOF = 0x0040
    EOF_KNOWN = 0x0080
