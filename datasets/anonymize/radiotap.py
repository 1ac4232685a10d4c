"""Radiotap headers without what may identify a device or a place.

Kept are the fields of bits 0 to 27 and the TLVs that radiotap.org defines: what the PHY did. Of
vendor namespaces, unknown fields and TLVs, and padding (which may hold whatever was in memory), the
lengths stay and the bytes become zero, so every field is where it was.
"""

from __future__ import annotations

import functools

from ...dot11.radiotap_fields import FIELDS

_TLV, _RADIOTAP, _VENDOR, _MORE = 28, 29, 30, 31
_KNOWN_TLVS = {32, 33, 34}  # S1G, U-SIG, EHT
Clocks = tuple[tuple[str, int], ...]
"""Fields with a clock, and where they are."""

_FIELD_BITS = (1 << _TLV + 1) - 1
_CLOCK_SIZE = 8
_TSFT, _TIMESTAMP = "tsft", "timestamp"
# Of the timestamp field: where its unit and flags are, parts of a microsecond by unit.
_UNIT_AT, _FLAGS_AT = 10, 11
_UNITS = {0: (1, 1000), 1: (1, 1), 2: (1000, 1), 3: (1000, 1)}  # ms, us, ns and ns
_IS_SHORT = 1  # flag: the clock has 32 bits


def scrubbed(header: bytes, clock_shift: int = 0) -> bytes:
    """A sound header, of the same length.

    Args:
        header: All of it.
        clock_shift: What is added to the radio's clocks, in us.
    """
    words = _words(header)
    present = tuple(int.from_bytes(header[4 + 4 * k : 8 + 4 * k], "little") for k in range(words))
    if any(word >> _VENDOR & 1 or word >> _TLV & 1 for word in present):
        kept, clocks = _layout(header, present)
    else:
        kept, clocks = _usual(present, len(header))
    number = int.from_bytes(header, "little") & kept
    result = bytearray(number.to_bytes(len(header), "little"))
    if clock_shift:
        for name, at in clocks:
            _shift(result, name, at, clock_shift)
    return bytes(result)


def _shift(header: bytearray, name: str, at: int, shift_us: int) -> None:
    """Move a clock; one whose unit nobody knows becomes zero."""
    times, parts = 1, 1
    size = _CLOCK_SIZE
    if name == _TIMESTAMP:
        times, parts = _UNITS.get(header[at + _UNIT_AT] & 15, (0, 1))
        if header[at + _FLAGS_AT] & _IS_SHORT:
            header[at + 4 : at + _CLOCK_SIZE] = bytes(4)
            size = 4
    clock = int.from_bytes(header[at : at + size], "little") + shift_us * times // parts
    header[at : at + size] = (clock % (1 << 8 * size) if times else 0).to_bytes(size, "little")


def _words(header: bytes) -> int:
    """How many present words there are, as far as the header goes."""
    words = 1
    while header[4 * words + 3] >> 7 and 8 + 4 * words <= len(header):
        words += 1
    return words


@functools.lru_cache(256)
def _usual(present: tuple[int, ...], length: int) -> tuple[int, Clocks]:
    """Where nothing but the present words decides."""
    blank = bytes(4) + b"".join(word.to_bytes(4, "little") for word in present)
    return _layout(blank.ljust(length, b"\0"), present)


def _layout(header: bytes, present: tuple[int, ...]) -> tuple[int, Clocks]:
    """Which bits are kept, as a number, and where clocks are."""
    kept = bytearray(len(header))
    at = 4 + 4 * len(present)
    kept[:at] = b"\xff" * at
    kept[1] = 0  # padding
    clocks: list[tuple[str, int]] = []
    _keep(header, present, kept, clocks, at)
    return int.from_bytes(kept[: len(header)], "little"), tuple(clocks)


def _keep(
    header: bytes,
    present: tuple[int, ...],
    kept: bytearray,
    clocks: list[tuple[str, int]],
    at: int,
) -> None:
    """Mark the fields, up to the first thing behind which nothing can be found."""
    base, is_ours = 0, True
    for word in present:
        for bit in range(_TLV + 1) if is_ours else ():
            if not word >> bit & 1:
                continue
            if base or bit >= len(FIELDS):
                if not base and bit == _TLV:
                    _keep_tlvs(header, kept, at + 3 & ~3)
                return
            spec = FIELDS[bit]
            at = -(-at // spec.align) * spec.align
            if at + spec.size > len(header):
                return
            kept[at : at + spec.size] = b"\xff" * spec.size
            if spec.name in {_TSFT, _TIMESTAMP}:
                clocks.append((spec.name, at))
            at += spec.size
        if word >> _VENDOR & 1:
            at = at + 1 & ~1
            if at + 6 > len(header):
                return
            kept[at : at + 6] = b"\xff" * 6  # whose it is, and its length
            at += 6 + int.from_bytes(header[at + 4 : at + 6], "little")
            base, is_ours = 0, False
        elif word >> _RADIOTAP & 1:
            base, is_ours = 0, True
        else:
            base += 32


def _keep_tlvs(header: bytes, kept: bytearray, at: int) -> None:
    while at + 4 <= len(header):
        kind = int.from_bytes(header[at : at + 2], "little")
        size = int.from_bytes(header[at + 2 : at + 4], "little")
        end = min(at + 4 + (size if kind in _KNOWN_TLVS else 0), len(header))
        kept[at:end] = b"\xff" * (end - at)
        at = at + 4 + size + 3 & ~3
