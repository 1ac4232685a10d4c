"""Arrow schemas that document themselves and carry a version.

Each column's sentence (unit, source, when null) travels in the field's metadata, and
``wtrec.schema`` in the schema's metadata names the schema and its version, so a file
can be refused when it is newer than this reader, instead of being read wrongly.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from ..errors import FormatError

KEY = b"wtrec.schema"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what it holds, in which unit, from where, and when it is null."""

    name: str
    type: Any  # pa.DataType
    doc: str
    nullable: bool = False


@dataclass(frozen=True)
class Table:
    """A named, versioned set of columns."""

    name: str
    version: int
    columns: tuple[Column, ...] = field(repr=False)

    @functools.cached_property
    def schema(self) -> Any:
        """The ``pyarrow.Schema``."""
        return pa.schema(
            [
                pa.field(column.name, column.type, column.nullable, {"doc": column.doc})
                for column in self.columns
            ],
            metadata={KEY: f"{self.name}/{self.version}"},
        )

    def check(self, schema: Any, path: str | Path) -> None:
        """Refuse a file that does not hold this table, or holds a newer version of it.

        Raises:
            FormatError: With what was found and what was wanted.
        """
        name, _, version = (schema.metadata or {}).get(KEY, b"").decode().partition("/")
        if name != self.name:
            found = f"a table of {name}" if name else "no wtrec table"
            raise FormatError(f"{found}, wanted a table of {self.name}", path=str(path))
        if not version.isdigit() or int(version) > self.version:
            raise FormatError(
                f"{self.name} version {version}, this wtrec reads up to {self.version}",
                path=str(path),
                hint="update wtrec",
            )
        missing = [c.name for c in self.columns if c.name not in schema.names]
        if missing:
            raise FormatError(f"column {missing[0]} is missing from {self.name}", path=str(path))
