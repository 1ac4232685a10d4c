from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.datasets.anonymize.radiotap import scrubbed
from wtrec.dot11 import radiotap
from wtrec.errors import FormatError


def test_a_vendors_bytes_and_padding_become_zero() -> None:
    """What lies behind them is where it was."""
    present = (1 << 1 | 1 << 2 | 1 << 30 | 1 << 31, 1 << 5)
    head = bytes(2) + b"\0\0" + b"".join(word.to_bytes(4, "little") for word in present)
    header = bytearray(head + b"\x10\x6c" + b"\x00\x12\x34\x00\x04\x00" + b"SECR")
    header[1] = 0x77
    header[2] = len(header)
    new = scrubbed(bytes(header))
    assert len(new) == len(header)
    assert new[1] == 0
    assert b"SECR" not in new
    parsed = radiotap.parse(new)
    assert parsed.get("flags") == 0x10
    assert parsed.get("rate") == 0x6C
    assert parsed.vendors[0].data == bytes(4)


def test_clocks_move_where_times_do() -> None:
    """TSFT, by as many microseconds, and round its end."""
    header = radiotap.build(tsft=(1 << 64) - 1, flags=0x10, rate=12)
    assert radiotap.parse(scrubbed(header, 3)).get("tsft") == 2
    assert scrubbed(header) == header


@pytest.mark.parametrize(
    ("unit", "flags", "before", "after"),
    [
        (0, 0, 7, 5_007),
        (1, 0, 7, 5_000_007),
        (2, 0, 7, 5_000_000_007),
        (0x13, 0, 7, 5_000_000_007),
        (3, 1, (1 << 32) - 1, 5_000_000_000 % (1 << 32) - 1),
        (9, 0, 7, 0),
        (9, 1, 7, 0),
    ],
)
def test_timestamps_move_in_their_own_unit(unit: int, flags: int, before: int, after: int) -> None:
    """ms, us, ns; of 32 bits; one of an unknown unit would tell the shift, and becomes zero."""
    field = struct.pack("<QHBB", before, 9, unit, flags)
    header = struct.pack("<BBHI", 0, 0, 8 + len(field), 1 << 22) + field
    new = scrubbed(header, 5_000_000)
    assert new == header[:8] + struct.pack("<QHBB", after, 9, unit, flags)
    assert scrubbed(header) == header


@given(st.binary(min_size=8, max_size=80), st.integers(0, (1 << 32) - 1))
def test_all_known_fields_stay(content: bytes, present: int) -> None:
    """Of any header that can be parsed; every header keeps its length."""
    header = bytes(2) + len(content).to_bytes(2, "little") + present.to_bytes(4, "little")
    header += content[8:]
    new = scrubbed(header)
    assert len(new) == len(header)
    try:
        before = radiotap.parse(header)
    except FormatError:
        return
    after = radiotap.parse(new)
    assert after.fields == before.fields
    assert [len(each.data) for each in after.vendors] == [len(each.data) for each in before.vendors]
    assert not any(any(each.data) for each in after.vendors)
    assert not any(after.rest)
    assert [tlv.type for tlv in after.tlvs] == [tlv.type for tlv in before.tlvs]
