"""Tables that carry their version."""

from __future__ import annotations

import pyarrow as pa
import pytest

from wtrec.datasets.frames import FRAMES
from wtrec.datasets.results import RESULTS
from wtrec.datasets.schema import KEY, Column, Table
from wtrec.datasets.txlog import TX
from wtrec.errors import FormatError

POINTS = Table("points", 2, (Column("x", pa.int64(), "In m."), Column("y", pa.int64(), "", True)))


def test_schema() -> None:
    """Columns in order, with type, nullability and sentence; name and version in the metadata."""
    assert POINTS.schema.names == ["x", "y"]
    assert POINTS.schema.field("x").metadata == {b"doc": b"In m."}
    assert [field.nullable for field in POINTS.schema] == [False, True]
    assert POINTS.schema.metadata == {KEY: b"points/2"}


@pytest.mark.parametrize("version", ["1", "2"])
def test_this_and_older_versions_are_read(version: str) -> None:
    """Nothing is said about them, nor about columns that are not known."""
    schema = POINTS.schema.append(pa.field("z", pa.int64()))
    POINTS.check(schema.with_metadata({KEY: f"points/{version}"}), "a.parquet")


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        (pa.schema([]), "no wtrec table, wanted a table of points"),
        (POINTS.schema.with_metadata({KEY: "lines/1"}), "a table of lines, wanted a table of"),
        (POINTS.schema.with_metadata({KEY: b"\xff\xfe"}), "a table of .., wanted a table of"),
        (
            POINTS.schema.with_metadata({KEY: "points/3"}),
            "points version 3, this wtrec reads up to 2; update wtrec",
        ),
        (POINTS.schema.with_metadata({KEY: "points/"}), "points version , this wtrec reads"),
        (POINTS.schema.with_metadata({KEY: "points/²"}), "points version ², this wtrec reads"),
        (POINTS.schema.with_metadata({KEY: "points/" + "9" * 5000}), "points version 9+, this"),
        (POINTS.schema.remove(1), "column y of points is missing, wanted int64"),
        (
            POINTS.schema.set(1, pa.field("y", pa.string())),
            "column y of points is string, wanted int64",
        ),
        (
            POINTS.schema.append(pa.field("y", pa.int64())),
            "column y of points is int64, int64, wanted int64",
        ),
    ],
)
def test_others_are_refused(schema: pa.Schema, message: str) -> None:
    """With the file's name, what was found and what was wanted."""
    with pytest.raises(FormatError, match=rf"^a\.parquet: {message}"):
        POINTS.check(schema, "a.parquet")


@pytest.mark.parametrize("table", [FRAMES, TX, RESULTS])
def test_our_tables(table: Table) -> None:
    """Every column has its sentence, and no two the same name."""
    assert all(column.doc.endswith(".") for column in table.columns)
    assert len({column.name for column in table.columns}) == len(table.columns)
