"""Numbers of groups against a dictionary."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from wtrec.analysis.grouping import Grouping, _dense
from wtrec.datasets.frames import FrameBatch

KINDS: dict[str, tuple[Any, list[Any]]] = {
    "rate_mbps": (pa.float64(), [None, 1.0, 5.5]),
    "retry": (pa.bool_(), [None, False, True]),
    "addr1": (pa.binary(6), [None, bytes(6), b"\2\0\0\0\0\1"]),
    "signal_dbm": (pa.int8(), [None, -1, 0, 127]),
}
ROW = st.fixed_dictionaries({name: st.sampled_from(values) for name, (_, values) in KINDS.items()})


@given(st.lists(st.lists(ROW, max_size=12), max_size=3), st.lists(st.sampled_from(list(KINDS))))
def test_same_values_same_number(batches: list[list[dict[str, Any]]], by: list[str]) -> None:
    """Frames of any batches are in one group exactly if the columns agree, null being a value."""
    grouping = Grouping(by)
    numbers: dict[tuple[Any, ...], int] = {}
    for rows in batches:
        columns = {
            name: pa.array([row[name] for row in rows], kind) for name, (kind, _) in KINDS.items()
        }
        found = grouping.ids(FrameBatch(pa.record_batch(columns)))
        for row, number in zip(rows, found.tolist(), strict=True):
            key = tuple(row[name] for name in grouping.by)
            assert numbers.setdefault(key, number) == number
            assert grouping.keys[number] == key
    assert len(set(numbers.values())) == len(numbers) == len(grouping.keys)


def test_many_values() -> None:
    """Codes too large for a table are numbered as small ones are."""
    codes = np.array([7, 1 << 40, 7, 0])
    dense, firsts = _dense(codes)
    assert codes[firsts][dense].tolist() == codes.tolist()
    assert sorted(set(dense.tolist())) == [0, 1, 2]
