"""Radiotap's type-length-value items: the fields that no present bit is left for.

Source: radiotap.org, pages TLV, S1G, U-SIG and EHT. An item may end before its
structure does: the missing bytes are zero. Types below 28 are the fields of
``FIELDS`` in another place; types that are not known keep their bytes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NamedTuple

from .radiotap_fields import FIELDS, Value, bits

_S1G = struct.Struct("<3H")
_U_SIG = struct.Struct("<3I")
_EHT = struct.Struct("<10I")
_NAMES = {32: "s1g", 33: "u_sig", 34: "eht"}

# Tones of an EHT resource unit, by its code: single ones, then multiple ones (MRU).
RU_TONES = (
    (26,),
    (52,),
    (106,),
    (242,),
    (484,),
    (996,),
    (996,) * 2,
    (996,) * 4,
    (52, 26),
    (106, 26),
    (484, 242),
    (996, 484),
    (996, 484, 242),
    (996, 996, 484),
    (996,) * 3,
    (996, 996, 996, 484),
)


class S1g(NamedTuple):
    """Type 32: S1G (802.11ah)."""

    known: int
    data1: int
    data2: int

    @property
    def mcs(self) -> int | None:
        """MCS index, 0 to 10."""
        return bits(self.data1, 0xF000) if self.known & 0x0020 else None

    @property
    def nss(self) -> int | None:
        """Number of spatial streams."""
        return bits(self.data1, 0x00C0) + 1 if self.known & 0x0008 else None

    @property
    def bandwidth_mhz(self) -> int | None:
        """1, 2, 4, 8 or 16."""
        code = bits(self.data1, 0x0F00)
        return 1 << code if self.known & 0x0010 and code <= 4 else None

    @property
    def short_gi(self) -> bool | None:
        """Guard interval of 4 us instead of 8 us."""
        return bool(self.data1 & 0x0020) if self.known & 0x0004 else None


class USig(NamedTuple):
    """Type 33: the U-SIG of EHT (802.11be) and later formats."""

    common: int
    value: int
    mask: int

    @property
    def phy_version(self) -> int | None:
        """0 is EHT."""
        return bits(self.common, 0x7000) if self.common & 0x0001 else None

    @property
    def bandwidth_mhz(self) -> int | None:
        """20 to 320; both kinds of 320 MHz channel are 320."""
        code = bits(self.common, 0x00038000)
        return min(20 << code, 320) if self.common & 0x0002 and code <= 5 else None

    @property
    def uplink(self) -> bool | None:
        """Sent by a station to its AP."""
        return bool(self.common & 0x00040000) if self.common & 0x0004 else None

    @property
    def bad_crc(self) -> bool:
        """The U-SIG failed its own CRC."""
        return bool(self.common & 0x0020)


class EhtUser(NamedTuple):
    """One ``user_info`` word of the EHT field."""

    word: int

    @property
    def captured(self) -> bool:
        """This is the user whose data follows the header."""
        return bool(self.word & 0x80)

    @property
    def sta_id(self) -> int | None:
        """STA-ID."""
        return bits(self.word, 0x0007FF00) if self.word & 0x01 else None

    @property
    def mcs(self) -> int | None:
        """MCS index, 0 to 15."""
        return bits(self.word, 0x00F00000) if self.word & 0x02 else None

    @property
    def ldpc(self) -> bool | None:
        """LDPC instead of the convolutional code."""
        return bool(self.word & 0x00080000) if self.word & 0x04 else None

    @property
    def nss(self) -> int | None:
        """Spatial streams (outside MU-MIMO): the preamble's bits, which count from 0, plus 1.

        Intel's and Qualcomm's drivers write these bits as they were on the air; some
        others write the number of streams, and are read as having one too many.
        """
        return bits(self.word, 0x0F000000) + 1 if self.word & 0x10 else None


class Eht(NamedTuple):
    """Type 34: EHT (802.11be)."""

    known: int
    data: tuple[int, ...]
    user_info: tuple[EhtUser, ...]

    @property
    def gi_ns(self) -> int | None:
        """Guard interval: 800, 1600 or 3200 ns."""
        code = bits(self.data[0], 0x0180)
        return 800 << code if self.known & 0x0004 and code < 3 else None

    @property
    def ru_tones(self) -> tuple[int, ...] | None:
        """Tones of the captured user's resource unit, one number a part: ``(996, 484)``."""
        code = bits(self.data[1], 0x1F)
        return RU_TONES[code] if self.known & 0x00400000 and code < len(RU_TONES) else None

    @property
    def user(self) -> EhtUser | None:
        """The user whose data was captured."""
        return next((user for user in self.user_info if user.captured), None)


@dataclass(frozen=True, slots=True)
class Tlv:
    """One item, its bytes as they are."""

    type: int
    data: bytes

    @property
    def name(self) -> str | None:
        """The name that ``Radiotap.get`` finds it by; ``None`` for an unknown type."""
        return FIELDS[self.type].name if self.type < len(FIELDS) else _NAMES.get(self.type)

    @property
    def value(self) -> Value | bytes:
        """What the bytes say: a field's value, or the bytes themselves for an unknown type."""
        if self.type < len(FIELDS):
            spec = FIELDS[self.type]
            return spec.unpack(self._filled(spec.size))
        if self.type == 32:
            return S1g(*_S1G.unpack(self._filled(_S1G.size)))
        if self.type == 33:
            return USig(*_U_SIG.unpack(self._filled(_U_SIG.size)))
        if self.type == 34:
            known, *words = _EHT.unpack(self._filled(_EHT.size))
            users = self.data[_EHT.size :]
            users += bytes(-len(users) % 4)
            return Eht(
                known, tuple(words), tuple(map(EhtUser._make, struct.iter_unpack("<I", users)))
            )
        return self.data

    def _filled(self, size: int) -> bytes:
        return self.data[:size].ljust(size, b"\0")
