"""Parquet files of our tables: written whole or not at all, checked when opened."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..closing import Closing
from ..errors import FormatError
from .files import replacing
from .parts import Parts
from .schema import Table

_READ = 1 << 20  # bytes of a column that are read at once


@contextlib.contextmanager
def new_table(path: Path, table: Table, metadata: Mapping[str, str]) -> Iterator[Any]:
    """A ``pyarrow.parquet.ParquetWriter`` of ``path``, which appears when all went well.

    Args:
        path: The file to make or to replace.
        table: What it holds.
        metadata: Of the file; keys are prefixed with ``wtrec.``.
    """
    with (
        replacing(path) as temporary,
        pq.ParquetWriter(temporary, with_metadata(table, metadata), compression="zstd") as writer,
    ):
        yield writer


def with_metadata(table: Table, metadata: Mapping[str, str]) -> Any:
    """The table's ``pyarrow.Schema`` with a file's metadata; keys get the prefix ``wtrec.``."""
    extra = {f"wtrec.{key}".encode(): value.encode() for key, value in metadata.items()}
    return table.schema.with_metadata({**table.schema.metadata, **extra})


def read_metadata(metadata: Mapping[bytes, bytes]) -> dict[str, str]:
    """The inverse: what stands under keys with the prefix ``wtrec.``, without it."""
    return {
        key.decode(errors="replace").removeprefix("wtrec."): value.decode(errors="replace")
        for key, value in metadata.items()
        if key.startswith(b"wtrec.")
    }


class TableFile(Closing):
    """One of our tables, opened for reading in bounded memory; a context manager.

    Attributes:
        metadata: The file's metadata without the prefix ``wtrec.``.

    Raises:
        FormatError: Not Parquet, another table, or a newer version.
        OSError: It cannot be opened.
    """

    def __init__(self, path: Path | Parts, table: Table) -> None:
        self.path = Path(str(path))
        is_split = isinstance(path, Parts)
        source = pa.PythonFile(path.open(), mode="r") if is_split else pa.OSFile(str(path))
        with self._damage_as("not a Parquet file"):
            # What is read ahead stays until the file is closed: the whole file, in the end.
            self._file = pq.ParquetFile(source, pre_buffer=False, buffer_size=_READ)
        table.check(self._file.schema_arrow, self.path)
        self.metadata = read_metadata(self._file.metadata.metadata)

    def close(self) -> None:
        """Give the file back."""
        self._file.close(force=True)

    @property
    def rows(self) -> int:
        """How many rows the file has."""
        return int(self._file.metadata.num_rows)

    def batches(self, rows: int = 8192) -> Iterator[Any]:
        """Record batches of up to ``rows`` rows, in the order of the file.

        Raises:
            FormatError: The file is damaged.
        """
        with self._damage_as("damaged"):
            # One thread is as fast for one file, and what threads have freed they keep.
            for batch in self._file.iter_batches(batch_size=rows, use_threads=False):
                yield batch
                pa.default_memory_pool().release_unused()

    @contextlib.contextmanager
    def _damage_as(self, what: str) -> Iterator[None]:
        try:
            yield
        except (pa.ArrowException, OSError) as error:
            reason = str(error).splitlines()[0]
            raise FormatError(f"{what} ({reason})", path=str(self.path)) from None
