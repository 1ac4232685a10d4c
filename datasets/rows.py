"""Small tables: rows as Arrow has them, written to a folder as CSV or Parquet, a file each."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import FormatError
from .files import atomic_write, replacing
from .schema import Column, Table

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
    arrays = [_array(table.name, column, columns[column.name]) for column in table.columns]
    return pa.Table.from_arrays(arrays, schema=table.schema)


def _array(of: str, column: Column, values: list[Any]) -> Any:
    where = f"column {column.name} of {of}"
    wanted = _kinds(column.type)
    for number, value in enumerate(values, 1):  # Arrow would cut 1.5 to an integer
        if value is None and not column.nullable:
            raise FormatError(f"{where}: row {number} is null, wanted a value")
        if value is not None and type(value) not in wanted:
            raise FormatError(f"{where}: row {number} is {value!r:.40}, wanted {column.type}")
    try:
        return pa.array(values, column.type)
    except (pa.ArrowException, OverflowError, ValueError) as error:
        raise FormatError(f"{where}: {str(error).splitlines()[0]}") from None


def _kinds(of: Any) -> tuple[type, ...]:
    """What Python has for an Arrow type."""
    if pa.types.is_boolean(of):
        return (bool,)
    if pa.types.is_integer(of):
        return (int,)
    return (int, float) if pa.types.is_floating(of) else (str,)


def csv_text(table: Any) -> str:
    """A ``pyarrow.Table`` as CSV: a header, floats so that they are read back exactly, no null."""
    lines = _Lines([])
    writer = csv.writer(lines, lineterminator=_Lines.END)
    writer.writerow(table.column_names)
    writer.writerows(zip(*(column.to_pylist() for column in table.columns), strict=True))
    return "".join(lines.found)


@dataclass(frozen=True, slots=True)
class _Lines:
    """Takes lines that end in CR LF, of which the writer quotes both, and keeps LF alone."""

    END: ClassVar = "\r\n"
    found: list[str]

    def write(self, line: str) -> int:
        self.found.append(f"{line.removesuffix(self.END)}\n")
        return len(line)


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
