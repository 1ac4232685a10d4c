"""Numbers of groups against dictionaries."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.analysis.grouping import Grouping, Subgrouping, _dense
from wtrec.datasets.frames import FrameBatch
from wtrec.errors import MatchError

KINDS: dict[str, tuple[pa.DataType, list[Any]]] = {
    "rate_mbps": (pa.float64(), [None, 1.0, 5.5]),
    "retry": (pa.bool_(), [None, False, True]),
    "addr1": (pa.binary(6), [None, bytes(6), b"\2\0\0\0\0\1"]),
    "signal_dbm": (pa.int8(), [None, -1, 0, 127]),
}
ROW = st.fixed_dictionaries({name: st.sampled_from(values) for name, (_, values) in KINDS.items()})


BATCHES = st.lists(st.lists(ROW, max_size=12), max_size=3)


def batch(rows: list[dict[str, Any]]) -> FrameBatch:
    """The columns of rows."""
    columns = {
        name: pa.array([row[name] for row in rows], kind) for name, (kind, _) in KINDS.items()
    }
    return FrameBatch(pa.record_batch(columns))


@given(BATCHES, st.lists(st.sampled_from(list(KINDS))))
def test_same_values_same_number(batches: list[list[dict[str, Any]]], by: list[str]) -> None:
    """Frames of any batches are in one group exactly if the columns agree, null being a value."""
    grouping = Grouping(by)
    numbers: dict[tuple[Any, ...], int] = {}
    for rows in batches:
        found = grouping.of(batch(rows))
        for row, number in zip(rows, found.tolist(), strict=True):
            key = tuple(row[name] for name in grouping.by)
            assert numbers.setdefault(key, number) == number
            assert grouping.keys[number] == key
    assert len(set(numbers.values())) == len(numbers) == len(grouping.keys)


@given(BATCHES, st.lists(st.sampled_from(list(KINDS)[1:])))
def test_parts_of_groups(batches: list[list[dict[str, Any]]], by: list[str]) -> None:
    """A group split by one more column is a group by all of them, numbered alike."""
    grouping = Grouping(by)
    split, whole = Subgrouping(grouping, "rate_mbps"), Grouping([*by, "rate_mbps"])
    for rows in batches:
        frames = batch(rows)
        parts = split.of(frames, grouping.of(frames))
        keys = [split.keys[part] for part in parts.tolist()]
        assert keys == [whole.keys[group] for group in whole.of(frames).tolist()]
    assert split.by == whole.by
    assert len(split.keys) == len(whole.keys)
    ordered = [[each.key(group) for group in each.order()] for each in (split, whole)]
    assert ordered[0] == ordered[1]


def test_short_names() -> None:
    """Rate, signal and noise stand for columns; a column named twice counts once."""
    by = ["rate", "signal", "noise", "rate_mbps"]
    assert Grouping(by).by == ["rate_mbps", "signal_dbm", "noise_dbm"]


@pytest.mark.parametrize("name", ["", "bits", "mpdu", "time"])
def test_no_key(name: str) -> None:
    """What is no column, or different in each frame, is refused with what there is."""
    with pytest.raises(MatchError, match=f"no column '{name}' to group by; there are: number"):
        Grouping([name])


def test_many_values() -> None:
    """Codes too large for a table are numbered as small ones are."""
    codes = np.array([7, 1 << 40, 7, 0])
    dense, firsts = _dense(codes)
    assert codes[firsts][dense].tolist() == codes.tolist()
    assert sorted(set(dense.tolist())) == [0, 1, 2]
