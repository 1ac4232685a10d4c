"""Small tables: rows as Arrow has them, written to a folder as CSV or Parquet, a file each."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import FormatError
from .files import atomic_write, replacing
from .schema import Table

KINDS = ("csv", "parquet")


def as_arrow(table: Table, rows: Iterable[Mapping[str, Any]]) -> Any:
    """Rows as a ``pyarrow.Table``.

    Args:
        table: What they are.
        rows: Each with a value for every column, and no other.

    Raises:
        FormatError: A row has other columns, null where there must be a value, or a value of
            another type.
    """
    columns: dict[str, list[Any]] = {column.name: [] for column in table.columns}
    for number, row in enumerate(rows, 1):
        if row.keys() != columns.keys():
            found = ", ".join(sorted(map(str, row.keys() ^ columns.keys())))
            raise FormatError(f"row {number} of {table.name}: {found}: missing, or not known")
        for name, values in columns.items():
            values.append(row[name])
    arrays = []
    for column in table.columns:
        try:
            array = pa.array(columns[column.name], column.type)
        except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise FormatError(f"column {column.name} of {table.name}: {reason}") from None
        if array.null_count and not column.nullable:
            raise FormatError(f"column {column.name} of {table.name}: null, wanted a value")
        arrays.append(array)
    return pa.Table.from_arrays(arrays, schema=table.schema)


def csv_text(table: Any) -> str:
    """A ``pyarrow.Table`` as CSV: a header, floats so that they are read back exactly, no null."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.column_names)
    writer.writerows(zip(*(column.to_pylist() for column in table.columns), strict=True))
    return text.getvalue()


def write_tables(
    folder: Path, kind: str, tables: Mapping[str, Any], metadata: Mapping[str, str]
) -> list[Path]:
    """Write ``NAME.csv`` or ``NAME.parquet`` for each table, each file whole or not at all.

    Args:
        folder: Made if it is not there.
        kind: One of ``KINDS``.
        tables: As :func:`as_arrow` makes them, by name.
        metadata: Of Parquet files; keys are prefixed with ``wtrec.``.

    Returns:
        The paths.

    Raises:
        OSError: The folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    extra = {f"wtrec.{key}".encode(): value.encode() for key, value in metadata.items()}
    for name, table in tables.items():
        path = folder / f"{name}.{kind}"
        if kind == "csv":
            atomic_write(path, csv_text(table).encode())
        else:
            known = table.replace_schema_metadata({**table.schema.metadata, **extra})
            with replacing(path) as temporary:
                pq.write_table(known, temporary, compression="zstd")
        paths.append(path)
    return paths
