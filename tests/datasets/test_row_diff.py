from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.datasets.row_diff import column_differs, compare_rows

SCHEMA = pa.schema(
    {
        "loop": pa.int32(),
        "number": pa.int64(),
        "word": pa.dictionary(pa.int8(), pa.string()),
        "value": pa.float64(),
        "flips": pa.list_(pa.uint32()),
        "data": pa.binary(),
    }
)
_VALUES = st.one_of(st.none(), st.sampled_from([0.0, -0.0, 5e-324, 1.5, math.nan, math.inf]))
_ROW = st.fixed_dictionaries(
    {
        "word": st.sampled_from(["a", "b"]),
        "value": _VALUES,
        "flips": st.one_of(st.none(), st.lists(st.integers(0, 3), max_size=3)),
        "data": st.binary(max_size=2),
    }
)
_TABLE = st.dictionaries(st.tuples(st.integers(1, 2), st.integers(1, 40)), _ROW, max_size=25)
Table = dict[tuple[int, int], dict[str, Any]]


def _batches(table: Table, size: int = 1000) -> Iterator[Any]:
    rows = [{"loop": key[0], "number": key[1], **row} for key, row in sorted(table.items())]
    for at in range(0, len(rows), size):
        yield pa.RecordBatch.from_pylist(rows[at : at + size], schema=SCHEMA)


def _bits(value: Any) -> Any:
    return np.float64(value).tobytes() if isinstance(value, float) else value


class TestCompareRows:
    """Which rows differ, and in what."""

    @given(_TABLE, _TABLE, st.integers(1, 7), st.integers(1, 7))
    def test_it_counts_as_plain_python_does(
        self, one: Table, other: Table, size: int, other_size: int
    ) -> None:
        """Whatever the batches are, and whichever rows are in one table alone."""
        other = {**other, **dict(list(one.items())[::2])}
        found = compare_rows(
            _batches(one, size), _batches(other, other_size), keys=("loop", "number")
        )
        both = one.keys() & other.keys()
        wrong = {
            name: sum(_bits(one[key][name]) != _bits(other[key][name]) for key in both)
            for name in ("word", "value", "flips", "data")
        }
        odd = [
            key
            for key in both
            if any(_bits(one[key][name]) != _bits(other[key][name]) for name in wrong)
        ]
        assert found.rows == (len(one), len(other))
        assert found.alone == (len(one) - len(both), len(other) - len(both))
        assert found.columns == {name: count for name, count in wrong.items() if count}
        assert (found.same, found.differing) == (len(both) - len(odd), len(odd))
        assert found.first == min([*odd, *(one.keys() ^ other.keys())], default=None)
        assert found.is_same is (one.keys() == other.keys() and not odd)

    @given(_TABLE)
    def test_rows_that_are_passed_over_are_counted(self, table: Table) -> None:
        """And what lies behind the end of the first table, if that is not wanted."""
        some = dict(sorted(table.items())[: len(table) // 2])
        found = compare_rows(
            _batches({key: {**row, "value": 7.0} for key, row in some.items()}, 3),
            _batches(table, 4),
            keys=("loop", "number"),
            passes=lambda rows: rows.column("number").to_numpy() % 2 == 0,
            until=(0, 0),
        )
        even = sum(number % 2 == 0 for _, number in some)
        assert (found.passed, found.differing) == (even, len(some) - even)
        assert found.alone == (0, 0)

    @given(_TABLE, st.tuples(st.integers(1, 2), st.integers(0, 41)), st.integers(1, 7))
    def test_a_table_that_ended_early_lacks_what_lies_before_its_end(
        self, table: Table, until: tuple[int, int], size: int
    ) -> None:
        """But nothing behind it; rows that it has there all the same are compared."""
        some = dict(sorted(table.items())[: len(table) // 2])
        found = compare_rows(
            _batches(some, size), _batches(table), keys=("loop", "number"), until=until
        )
        ends = max([until, *some])
        assert found.alone == (0, sum(key <= ends for key in table) - len(some))
        assert (found.same, found.differing) == (len(some), 0)

    def test_no_number_is_the_smallest_number(self) -> None:
        """A NaN equals another NaN and nothing else."""
        one = pa.array([math.nan, math.nan, 5e-324])
        other = pa.array([5e-324, -math.nan, 5e-324])
        assert column_differs(one, other).tolist() == [True, False, False]

    def test_a_column_that_one_alone_has_differs_everywhere(self) -> None:
        """Unless it is ignored; a key that is not there is 1."""
        rows = [{"number": 1, "x": 1}, {"number": 2, "x": 2}]
        (one,) = pa.Table.from_pylist(rows).to_batches()
        other = one.select(["number"])
        keys = ("loop", "number")
        assert compare_rows([one], [other], keys=keys).columns == {"x": 2}
        assert compare_rows([one], [other], keys=keys, ignored=["x"]).is_same

    @pytest.mark.parametrize("numbers", [[2, 1, 3], [1, 1, 1]])
    def test_keys_that_do_not_rise_end(self, numbers: list[int]) -> None:
        """Rows that nobody can tell apart are never the same."""
        (batch,) = pa.table({"number": numbers}).to_batches()
        other = pa.table({"number": [1, 2, 3]}).to_batches()
        found = compare_rows([batch], other, keys=("number",))
        assert found.is_same is (sorted(numbers) == [1, 2, 3])
