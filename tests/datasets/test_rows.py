"""Small tables: checked when they are made, whole when they are written."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wtrec.datasets.rows import as_arrow, csv_text, write_tables
from wtrec.datasets.schema import Column, Table
from wtrec.errors import FormatError

TABLE = Table(
    "things",
    1,
    (
        Column("number", pa.int64(), "Which."),
        Column("size", pa.float64(), "How large.", nullable=True, unit="m"),
        Column("name", pa.string(), "What."),
    ),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for examples, which overwrite each other's files."""
    return tmp_path_factory.mktemp("rows")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"number": 1, "size": 2.0}, "row 1 of things: name: missing"),
        ({"number": 1, "size": 2.0, "name": "a", "mood": 1}, "row 1 of things: mood: "),
        ({"number": None, "size": 2.0, "name": "a"}, "column number of things: row 1 is null"),
        ({"number": "one", "size": 2.0, "name": "a"}, "column number of things: "),
        ({"number": 1.5, "size": 2.0, "name": "a"}, "column number of things: "),
        ({"number": True, "size": 2.0, "name": "a"}, "row 1 is True, wanted int64"),
        ({"number": 2**70, "size": 2.0, "name": "a"}, "column number of things: "),
        ({"number": 1, "size": [], "name": "a"}, "column size of things: "),
        ({"number": 1, "size": 2.0, "name": 3}, "column name of things: "),
    ],
)
def test_other_rows_are_refused(row: dict[str, Any], message: str) -> None:
    """A row has every column and no other, with a value of its type."""
    with pytest.raises(FormatError, match=message):
        as_arrow(TABLE, [row])


@settings(max_examples=30)  # each writes a file, durably
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "number": st.integers(-(2**63), 2**63 - 1),
                "size": st.none() | st.floats(allow_nan=False),
                "name": st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
            }
        )
    )
)
def test_files_have_what_rows_have(folder: Path, rows: list[dict[str, Any]]) -> None:
    """CSV and Parquet give back each value, whatever stands in a name."""
    table = as_arrow(TABLE, rows)
    header, *lines = csv.reader(io.StringIO(csv_text(table), newline=""))
    assert header == ["number", "size", "name"]
    found = [{"number": int(a), "size": float(b) if b else None, "name": c} for a, b, c in lines]
    assert found == rows
    (path,) = write_tables(folder, "parquet", {"things": table}, {"from": "test"})
    assert pq.read_table(path).to_pylist() == rows


def test_a_file_that_cannot_be_replaced_stays(tmp_path: Path) -> None:
    """What has the name of a file and is none is an error; files before it are whole."""
    (tmp_path / "b.csv").mkdir()
    table = as_arrow(TABLE, [{"number": 1, "size": None, "name": "a"}])
    with pytest.raises(OSError, match="not a regular file"):
        write_tables(tmp_path, "csv", {"a": table, "b": table}, {})
    assert (tmp_path / "a.csv").read_text() == "number,size,name\n1,,a\n"
    assert {path.name for path in tmp_path.iterdir()} == {"a.csv", "b.csv"}
