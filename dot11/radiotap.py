"""Radiotap headers: what a driver knows about a frame, in front of it.

Source: radiotap.org. All numbers are little-endian.

    offset  0         1        2             4                8
           +---------+--------+-------------+----------------+-----------------+--------
           | version | pad    | it_len      | it_present     | more present    | fields
           | u8 = 0  | u8 = 0 | u16         | u32            | words, u32 each | ...
           +---------+--------+-------------+----------------+-----------------+--------

``it_len`` covers everything before the frame and is authoritative. Bits of the
present words announce the fields, which follow in the order of the bits, each
aligned from the header's first byte. In every word:

    28  a list of TLVs fills the rest of the header: u16 type, u16 length, data, pad to 4
    29  the next word starts again at bit 0 of the Radiotap namespace
    30  the next word is a vendor's: u8 oui[3], u8 sub_namespace, u16 skip_length, data
    31  another present word follows

Without 29 or 30, the next word goes on at bit 32, 64 and so on. A header that sets
29 and 30 together is undefined; it is read as a vendor's, which is what takes up bytes.

A field of unknown size hides where the fields after it start. Parsing stops there
and keeps what it has: ``complete`` is false and ``rest`` holds the bytes that were
not read, so that a header is always skipped right and always written back the same.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..errors import FormatError
from .radiotap_fields import FIELDS, FieldSpec, Value
from .radiotap_flags import (
    AMpduFlags,
    ChannelFlags,
    Flags,
    McsFlags,
    McsKnown,
    RxFlags,
    TxFlags,
)
from .radiotap_tlv import Tlv

__all__ = [
    "FIELDS",
    "AMpduFlags",
    "ChannelFlags",
    "Field",
    "FieldSpec",
    "Flags",
    "McsFlags",
    "McsKnown",
    "Radiotap",
    "RxFlags",
    "Tlv",
    "TxFlags",
    "VendorNamespace",
    "build",
    "encode",
    "parse",
]

_BIT_TLV = 28
_BIT_VENDOR = 30
_FIELD_BITS = (1 << 29) - 1
_RADIOTAP_NAMESPACE = 1 << 29
_VENDOR_NAMESPACE = 1 << 30
_EXT = 1 << 31

_HEADER = struct.Struct("<BBH")
_WORD = struct.Struct("<I")
_VENDOR = struct.Struct("<3sBH")
_TLV = struct.Struct("<HH")
_BY_NAME = {spec.name: spec for spec in FIELDS}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the Radiotap namespace.

    Attributes:
        namespace: 0 for the first namespace, one more after each bit 29 or 30.
        bit: Its bit, 0 to 27.
        name: Its name in ``FIELDS``.
        value: An ``int``, or the named tuple of its parts.
    """

    namespace: int
    bit: int
    name: str
    value: Value


@dataclass(frozen=True, slots=True)
class VendorNamespace:
    """A vendor's own fields, kept as they are."""

    namespace: int
    oui: bytes
    sub_namespace: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Radiotap:
    """A parsed header.

    Attributes:
        length: ``it_len``: the frame starts here.
        present: The present words.
        fields: In the order of the header.
        vendors: Vendor namespaces, in the order of the header.
        tlvs: In the order of the header.
        rest: Bytes up to ``length`` that no known field claims.
        complete: Whether everything that the present words announce was read.
    """

    length: int
    present: tuple[int, ...]
    fields: tuple[Field, ...] = ()
    vendors: tuple[VendorNamespace, ...] = ()
    tlvs: tuple[Tlv, ...] = ()
    rest: bytes = b""
    complete: bool = True

    def get_all(self, name: str) -> list[Any]:
        """Every value called ``name``, in the order of the header: one an antenna, often."""
        found = [field.value for field in self.fields if field.name == name]
        return found + [tlv.value for tlv in self.tlvs if tlv.name == name]

    def get(self, name: str) -> Any:
        """The first value called ``name``: an ``int``, a named tuple, or ``None``."""
        return next(iter(self.get_all(name)), None)


def _aligned(offset: int, align: int) -> int:
    return -(-offset // align) * align


def _announced(present: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """Yield what follows the present words, in order, as (namespace, bit).

    The bit of a namespace counts on over its words: 32 and above is a field that
    nobody has defined. ``_BIT_VENDOR`` stands for a vendor's namespace and its data.
    """
    namespace = first_bit = 0
    ours = True
    for word in present:
        left = word & _FIELD_BITS if ours else 0
        while left:
            yield namespace, first_bit + (left & -left).bit_length() - 1
            left &= left - 1
        if word & _VENDOR_NAMESPACE:
            yield namespace + 1, _BIT_VENDOR
        if word & (_RADIOTAP_NAMESPACE | _VENDOR_NAMESPACE):
            namespace += 1
            first_bit = 0
            ours = not word & _VENDOR_NAMESPACE
        else:
            first_bit += 32


def parse(data: bytes | memoryview) -> Radiotap:
    """Read the header that ``data`` starts with.

    Args:
        data: A packet of link type 127 (LINKTYPE_IEEE802_11_RADIOTAP), or just its header.

    Raises:
        FormatError: No Radiotap header, or one whose length, present words or
            fields do not fit; ``offset`` counts from its first byte.
    """
    if len(data) < _HEADER.size + _WORD.size:
        raise FormatError(f"Radiotap header needs 8 bytes, has {len(data)}", offset=0)
    version, _, length = _HEADER.unpack_from(data)
    if version != 0:
        raise FormatError(f"Radiotap version must be 0, is {version}", offset=0)
    if not _HEADER.size + _WORD.size <= length <= len(data):
        raise FormatError(
            f"Radiotap length must be 8 to {len(data)} (all there is), is {length}", offset=2
        )
    header = bytes(data[:length])
    present = _present_words(header)
    offset = 4 + 4 * len(present)

    fields: list[Field] = []
    vendors: list[VendorNamespace] = []
    tlvs: tuple[Tlv, ...] = ()
    complete = True
    announced = _announced(present)
    for namespace, bit in announced:
        if bit < len(FIELDS):
            spec = FIELDS[bit]
            offset = _aligned(offset, spec.align)
            value = spec.unpack(_take(header, offset, spec.size, spec.name))
            fields.append(Field(namespace, bit, spec.name, value))
            offset += spec.size
        elif bit == _BIT_VENDOR:
            offset = _aligned(offset, 2)
            head = _take(header, offset, _VENDOR.size, "vendor namespace")
            oui, sub_namespace, skip = _VENDOR.unpack(head)
            offset += _VENDOR.size
            content = _take(header, offset, skip, "vendor namespace's data")
            vendors.append(VendorNamespace(namespace, oui, sub_namespace, content))
            offset += skip
        elif bit == _BIT_TLV:
            tlvs, offset = _read_tlvs(header, _aligned(offset, 4))
            complete = next(announced, None) is None  # the list takes all that is left
            break
        else:
            complete = False
            break
    return Radiotap(length, present, tuple(fields), tuple(vendors), tlvs, header[offset:], complete)


def _take(header: bytes, offset: int, size: int, what: str) -> bytes:
    """``size`` bytes at ``offset``, which must be there."""
    if offset + size > len(header):
        raise FormatError(
            f"Radiotap {what} needs {size} bytes, the header has {max(len(header) - offset, 0)}",
            offset=offset,
        )
    return header[offset : offset + size]


def _present_words(header: bytes) -> tuple[int, ...]:
    words = []
    offset = 4
    while True:
        word: int = _WORD.unpack(_take(header, offset, _WORD.size, "present word"))[0]
        words.append(word)
        offset += _WORD.size
        if not word & _EXT:
            return tuple(words)


def _read_tlvs(header: bytes, offset: int) -> tuple[tuple[Tlv, ...], int]:
    """The TLVs from ``offset`` on, and where they end; the last one's padding may be missing."""
    tlvs = []
    while offset + _TLV.size <= len(header):
        kind, size = _TLV.unpack_from(header, offset)
        tlvs.append(Tlv(kind, _take(header, offset + _TLV.size, size, f"TLV of type {kind}")))
        offset = _aligned(offset + _TLV.size + size, 4)
    return tuple(tlvs), offset


def encode(radiotap: Radiotap) -> bytes:
    """Write a header: the inverse of ``parse``, with every padding byte zero.

    ``radiotap.length`` and ``complete`` are not looked at: they follow from the rest.

    Raises:
        ValueError: The present words do not announce these fields in this order,
            or a value does not fit its field.
    """
    out = bytearray(4)
    for word in radiotap.present:
        out += _WORD.pack(word)
    fields = iter(radiotap.fields)
    vendors = iter(radiotap.vendors)
    for namespace, bit in _announced(radiotap.present):
        if bit < len(FIELDS):
            spec = FIELDS[bit]
            field = next(fields, None)
            if field is None or (field.namespace, field.bit) != (namespace, bit):
                raise ValueError(f"Radiotap {spec.name} is announced, but is not the next field")
            _pad(out, spec.align)
            out += spec.pack(field.value)
        elif bit == _BIT_VENDOR:
            vendor = next(vendors, None)
            if vendor is None:
                raise ValueError("a Radiotap vendor namespace is announced, but is not there")
            _pad(out, 2)
            out += _VENDOR.pack(vendor.oui, vendor.sub_namespace, len(vendor.data)) + vendor.data
        else:
            if bit == _BIT_TLV:
                _write_tlvs(out, radiotap.tlvs)
            break
    if next(fields, None) or next(vendors, None):
        raise ValueError("Radiotap has fields that its present words do not announce")
    out += radiotap.rest
    if len(out) > 0xFFFF:
        raise ValueError(f"a Radiotap header holds at most 65535 bytes, this has {len(out)}")
    _HEADER.pack_into(out, 0, 0, 0, len(out))
    return bytes(out)


def _pad(out: bytearray, align: int) -> None:
    out += bytes(_aligned(len(out), align) - len(out))


def _write_tlvs(out: bytearray, tlvs: tuple[Tlv, ...]) -> None:
    _pad(out, 4)
    for tlv in tlvs:
        out += _TLV.pack(tlv.type, len(tlv.data)) + tlv.data
        _pad(out, 4)


def build(**values: Value) -> bytes:
    """Write a header with one namespace, as a sender, a driver or a simulator needs it.

        build(tsft=1_000, flags=Flags.FCS, rate=108, channel=(2437, ChannelFlags.BAND_2_GHZ))

    Args:
        **values: By name in ``FIELDS``: a number, or the tuple of the field's parts.

    Raises:
        ValueError: No field has this name, or the value does not fit.
    """
    unknown = values.keys() - _BY_NAME.keys()
    if unknown:
        raise ValueError(f"no Radiotap field is called {', '.join(sorted(unknown))}")
    specs = [spec for spec in FIELDS if spec.name in values]
    present = sum(1 << spec.bit for spec in specs)
    fields = tuple(Field(0, spec.bit, spec.name, values[spec.name]) for spec in specs)
    return encode(Radiotap(0, (present,), fields))
