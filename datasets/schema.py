"""Arrow schemas that document themselves and carry a version.

Each column's sentence (unit, source, when null) travels in the field's metadata, and
``wtrec.schema`` in the schema's metadata names the schema and its version, so a file
can be refused when it is newer than this reader, instead of being read wrongly.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from ..errors import FormatError

KEY = b"wtrec.schema"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what it holds, in which unit, from where, and when it is null.

    ``since`` is the version of the table in which it came: older files do not have it.
    """

    name: str
    type: Any  # pa.DataType
    doc: str
    nullable: bool = False
    unit: str = ""
    since: int = 1

    @property
    def metadata(self) -> dict[str, str]:
        """What travels in the field's metadata."""
        return {"doc": self.doc, "unit": self.unit} if self.unit else {"doc": self.doc}


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
                pa.field(column.name, column.type, column.nullable, column.metadata)
                for column in self.columns
            ],
            metadata={KEY: f"{self.name}/{self.version}"},
        )

    def check(self, schema: Any, path: str | Path) -> None:
        """Refuse a file that does not hold this table, or holds a newer version of it.

        Raises:
            FormatError: With what was found and what was wanted.
        """
        said = (schema.metadata or {}).get(KEY, b"").decode(errors="replace")
        name, _, version = said.partition("/")
        if name != self.name:
            found = f"a table of {name}" if name else "no wtrec table"
            raise FormatError(f"{found}, wanted a table of {self.name}", path=str(path))
        if not re.fullmatch("[0-9]{1,9}", version) or int(version) > self.version:
            raise FormatError(
                f"{self.name} version {version}, this wtrec reads up to {self.version}",
                path=str(path),
                hint="update wtrec",
            )
        for column in self.columns:
            if column.since > int(version):
                continue
            fields = [schema.field(at) for at in schema.get_all_field_indices(column.name)]
            if len(fields) != 1 or fields[0].type != column.type:
                found = ", ".join(str(field.type) for field in fields) or "missing"
                raise FormatError(
                    f"column {column.name} of {self.name} is {found}, wanted {column.type}",
                    path=str(path),
                )
