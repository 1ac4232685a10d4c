"""What the Radiotap fields of bits 0 to 27 hold: names, alignments, sizes, parts and flags.

Source: radiotap.org, one page a field. All numbers are little-endian; each field
stands at the next multiple of its alignment, counted from the first byte of the
Radiotap header. ``FIELDS`` is the one table that everything else is made from.

A field of one part is an ``int``; a field of several is a named tuple of the
numbers as they stand in the header. Its properties read the bit fields in them,
and are ``None`` where the header says that it does not know the value.

Choices where the sources differ:

- FHSS (bit 4) is two bytes aligned to 2, as every reader has it.
- XChannel (bit 18) is unofficial, but FreeBSD and macOS write it.
- Timestamp units 2 and 3 are both nanoseconds: 2 on radiotap.org, 3 in the
  constants of the common C library and of the drivers that use it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .radiotap_flags import AMpduFlags, McsFlags, McsKnown


def bits(word: int, mask: int) -> int:
    """The number under ``mask`` (contiguous, not 0) in ``word``."""
    return (word & mask) // (mask & -mask)


def _bits_if(known: int, word: int, mask: int) -> int | None:
    return bits(word, mask) if known else None


def _flag_if(known: int, word: int, mask: int) -> bool | None:
    return bool(word & mask) if known else None


class Channel(NamedTuple):
    """Bit 3."""

    frequency_mhz: int
    flags: int


class Fhss(NamedTuple):
    """Bit 4."""

    hop_set: int
    hop_pattern: int


class XChannel(NamedTuple):
    """Bit 18."""

    flags: int
    frequency_mhz: int
    channel: int
    max_power: int


class Mcs(NamedTuple):
    """Bit 19: HT (802.11n)."""

    known: int
    flags: int
    mcs_index: int

    @property
    def mcs(self) -> int | None:
        """MCS index, 0 to 76."""
        return self.mcs_index if self.known & McsKnown.MCS else None

    @property
    def bandwidth_mhz(self) -> int | None:
        """20 or 40; 20 too for the lower or upper half of a 40 MHz channel."""
        if not self.known & McsKnown.BANDWIDTH:
            return None
        return 40 if self.flags & McsFlags.BANDWIDTH == 1 else 20

    @property
    def short_gi(self) -> bool | None:
        """Guard interval of 400 ns instead of 800 ns."""
        return _flag_if(self.known & McsKnown.GUARD_INTERVAL, self.flags, McsFlags.SHORT_GI)

    @property
    def greenfield(self) -> bool | None:
        """HT-greenfield format instead of HT-mixed."""
        return _flag_if(self.known & McsKnown.FORMAT, self.flags, McsFlags.GREENFIELD)

    @property
    def ldpc(self) -> bool | None:
        """LDPC instead of the convolutional code."""
        return _flag_if(self.known & McsKnown.FEC, self.flags, McsFlags.LDPC)

    @property
    def stbc_streams(self) -> int | None:
        """Number of STBC streams."""
        return _bits_if(self.known & McsKnown.STBC, self.flags, McsFlags.STBC)

    @property
    def extension_streams(self) -> int | None:
        """Number of extension spatial streams (Ness): its two bits stand in two bytes."""
        if not self.known & McsKnown.NESS:
            return None
        return bits(self.known, McsKnown.NESS_BIT_1) << 1 | bits(self.flags, McsFlags.NESS_BIT_0)


class AMpdu(NamedTuple):
    """Bit 20: the frame's place in an A-MPDU; ``reference`` is the same for all of its frames."""

    reference: int
    flags: int
    delimiter_crc: int
    reserved: int

    @property
    def is_last(self) -> bool | None:
        """Whether this is the A-MPDU's last subframe."""
        return _flag_if(self.flags & AMpduFlags.LAST_KNOWN, self.flags, AMpduFlags.IS_LAST)

    @property
    def eof(self) -> bool | None:
        """The delimiter's EOF bit."""
        return _flag_if(self.flags & AMpduFlags.EOF_KNOWN, self.flags, AMpduFlags.EOF)


class VhtUser(NamedTuple):
    """One user of a VHT PPDU; ``mcs`` is ``None`` where another user's is unknown (15)."""

    mcs: int | None
    nss: int
    ldpc: bool


class Vht(NamedTuple):
    """Bit 21: VHT (802.11ac)."""

    known: int
    flags: int
    bandwidth: int
    mcs_nss: bytes
    coding: int
    group_id: int
    partial_aid: int

    @property
    def bandwidth_mhz(self) -> int | None:
        """20, 40, 80 or 160: of the whole signal, whichever part of it was received."""
        code = self.bandwidth & 0x1F
        if not self.known & 0x0040 or code > 25:
            return None
        return 20 if code == 0 else 40 if code <= 3 else 80 if code <= 10 else 160

    @property
    def short_gi(self) -> bool | None:
        """Guard interval of 400 ns instead of 800 ns."""
        return _flag_if(self.known & 0x0004, self.flags, 0x04)

    @property
    def stbc(self) -> bool | None:
        """Space-time block coding of every stream."""
        return _flag_if(self.known & 0x0001, self.flags, 0x01)

    @property
    def users(self) -> tuple[VhtUser | None, ...]:
        """The four users; ``None`` where there is none."""
        return tuple(
            VhtUser(None if byte >> 4 == 15 else byte >> 4, byte & 15, bool(self.coding >> i & 1))
            if byte & 15
            else None
            for i, byte in enumerate(self.mcs_nss)
        )


class Timestamp(NamedTuple):
    """Bit 22."""

    timestamp: int
    accuracy: int
    unit_position: int
    flags: int

    @property
    def nanoseconds(self) -> int | None:
        """The timestamp in ns; ``None`` in an unknown unit."""
        scale = {0: 1_000_000, 1: 1_000, 2: 1, 3: 1}.get(self.unit_position & 0x0F)
        return None if scale is None else self.timestamp * scale

    @property
    def sampling_position(self) -> int:
        """0 first bit of MPDU, 1 start of PLCP, 2 end of PPDU, 3 end of MPDU, 15 unknown."""
        return self.unit_position >> 4


class He(NamedTuple):
    """Bit 23: HE (802.11ax)."""

    data1: int
    data2: int
    data3: int
    data4: int
    data5: int
    data6: int

    @property
    def ppdu_format(self) -> int:
        """0 HE_SU, 1 HE_EXT_SU, 2 HE_MU, 3 HE_TRIG."""
        return self.data1 & 0x0003

    @property
    def bss_color(self) -> int | None:
        """BSS color."""
        return _bits_if(self.data1 & 0x0004, self.data3, 0x003F)

    @property
    def uplink(self) -> bool | None:
        """Sent by a station to its AP."""
        return _flag_if(self.data1 & 0x0010, self.data3, 0x0080)

    @property
    def mcs(self) -> int | None:
        """MCS index of the data, 0 to 11."""
        return _bits_if(self.data1 & 0x0020, self.data3, 0x0F00)

    @property
    def dcm(self) -> bool | None:
        """Dual carrier modulation of the data."""
        return _flag_if(self.data1 & 0x0040, self.data3, 0x1000)

    @property
    def ldpc(self) -> bool | None:
        """LDPC instead of the convolutional code."""
        return _flag_if(self.data1 & 0x0080, self.data3, 0x2000)

    @property
    def stbc(self) -> bool | None:
        """Space-time block coding."""
        return _flag_if(self.data1 & 0x0200, self.data3, 0x8000)

    @property
    def bandwidth_or_ru(self) -> int | None:
        """0..3: 20, 40, 80, 160 MHz; 4..10: RU of 26, 52, 106, 242, 484, 996, 2x996 tones."""
        return _bits_if(self.data1 & 0x4000, self.data5, 0x000F)

    @property
    def gi_ns(self) -> int | None:
        """Guard interval: 800, 1600 or 3200 ns."""
        code = bits(self.data5, 0x0030)
        return 800 << code if self.data2 & 0x0002 and code < 3 else None

    @property
    def nsts(self) -> int | None:
        """Number of space-time streams."""
        return (self.data6 & 0x000F) or None


class HeMu(NamedTuple):
    """Bit 24: what is common to all users of an HE MU PPDU; one RU allocation a byte."""

    flags1: int
    flags2: int
    ru_channel1: bytes
    ru_channel2: bytes

    @property
    def bandwidth_mhz(self) -> int | None:
        """20, 40, 80 or 160, from HE-SIG-A."""
        return 20 << (self.flags2 & 0x0003) if self.flags2 & 0x0004 else None

    @property
    def sig_b_mcs(self) -> int | None:
        """MCS index of HE-SIG-B."""
        return _bits_if(self.flags1 & 0x0010, self.flags1, 0x000F)

    @property
    def sig_b_dcm(self) -> bool | None:
        """Dual carrier modulation of HE-SIG-B."""
        return _flag_if(self.flags1 & 0x0040, self.flags1, 0x0020)


class HeMuOtherUser(NamedTuple):
    """Bit 25: the HE-SIG-B user field of somebody else in the same PPDU."""

    per_user_1: int
    per_user_2: int
    per_user_position: int
    per_user_known: int


class LSig(NamedTuple):
    """Bit 27: the legacy SIGNAL field in front of HT and later formats."""

    data1: int
    data2: int

    @property
    def rate(self) -> int | None:
        """The RATE bits (a code, not Mb/s)."""
        return _bits_if(self.data1 & 0x0001, self.data2, 0x000F)

    @property
    def length(self) -> int | None:
        """LENGTH, in bytes."""
        return _bits_if(self.data1 & 0x0002, self.data2, 0xFFF0)


Value = int | tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One row of ``FIELDS``.

    Attributes:
        bit: Its bit in the present word.
        name: Its name, as ``Radiotap.get`` and ``build`` take it.
        align: Its offset in the header is a multiple of this.
        size: Bytes.
        parts: Name and struct format of each number in it, in order.
        kind: The named tuple of its parts; ``None`` where there is one part, an ``int``.
    """

    bit: int
    name: str
    align: int
    size: int
    parts: tuple[tuple[str, str], ...]
    kind: type[tuple[Any, ...]] | None
    _struct: struct.Struct = field(repr=False, compare=False)

    def unpack(self, data: bytes) -> Value:
        """The value in the first ``size`` bytes of ``data``."""
        parts = self._struct.unpack_from(data)
        return self.kind._make(parts) if self.kind else int(parts[0])  # type: ignore[attr-defined]

    def pack(self, value: Value) -> bytes:
        """The bytes of ``value``.

        Raises:
            ValueError: The value has other parts, or a part does not fit.
        """
        try:
            return self._struct.pack(*(value if isinstance(value, tuple) else (value,)))
        except struct.error as error:
            raise ValueError(f"Radiotap {self.name} cannot hold {value!r}: {error}") from error


def _spec(
    bit: int, name: str, align: int, formats: str, kind: type[tuple[Any, ...]] | None = None
) -> FieldSpec:
    names: tuple[str, ...] = kind._fields if kind else (name,)  # type: ignore[attr-defined]
    parts = tuple(zip(names, formats.split(), strict=True))
    layout = struct.Struct("<" + formats)
    return FieldSpec(bit, name, align, layout.size, parts, kind, layout)


FIELDS: tuple[FieldSpec, ...] = (
    _spec(0, "tsft", 8, "Q"),  # us
    _spec(1, "flags", 1, "B"),
    _spec(2, "rate", 1, "B"),  # 500 kb/s
    _spec(3, "channel", 2, "H H", Channel),
    _spec(4, "fhss", 2, "B B", Fhss),
    _spec(5, "dbm_antenna_signal", 1, "b"),
    _spec(6, "dbm_antenna_noise", 1, "b"),
    _spec(7, "lock_quality", 2, "H"),
    _spec(8, "tx_attenuation", 2, "H"),
    _spec(9, "db_tx_attenuation", 2, "H"),
    _spec(10, "dbm_tx_power", 1, "b"),
    _spec(11, "antenna", 1, "B"),
    _spec(12, "db_antenna_signal", 1, "B"),
    _spec(13, "db_antenna_noise", 1, "B"),
    _spec(14, "rx_flags", 2, "H"),
    _spec(15, "tx_flags", 2, "H"),
    _spec(16, "rts_retries", 1, "B"),
    _spec(17, "data_retries", 1, "B"),
    _spec(18, "xchannel", 4, "I H B B", XChannel),
    _spec(19, "mcs", 1, "B B B", Mcs),
    _spec(20, "a_mpdu", 4, "I H B B", AMpdu),
    _spec(21, "vht", 2, "H B B 4s B B H", Vht),
    _spec(22, "timestamp", 8, "Q H B B", Timestamp),
    _spec(23, "he", 2, "H H H H H H", He),
    _spec(24, "he_mu", 2, "H H 4s 4s", HeMu),
    _spec(25, "he_mu_other_user", 2, "H H B B", HeMuOtherUser),
    _spec(26, "zero_length_psdu", 1, "B"),
    _spec(27, "l_sig", 2, "H H", LSig),
)
