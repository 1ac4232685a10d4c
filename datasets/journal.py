"""A table that is being written: an Arrow stream, readable up to its last batch after a kill.

Parquet has its index at the end, so a file whose writer is killed is lost. A journal
(``run.tx.arrows`` beside ``run.tx.parquet``) is an Arrow IPC stream: schema, then one message
a batch, each of which stands for itself. Every ``append`` is in the file before it returns, so
``kill -9`` loses none of it (a power failure may: nothing is synced before the end).
``finish`` makes the Parquet file of it and takes the journal away; a journal that is there
belongs to a writer that is still at work, or did not come to its end.

Source: Arrow columnar format, "IPC Streaming Format".
"""

from __future__ import annotations

import contextlib
import fcntl
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from ..closing import Closing
from ..errors import FormatError
from .parquet import new_table, read_metadata, with_metadata
from .parts import Parts
from .schema import Table

SUFFIX = ".arrows"
_ROW_GROUP_ROWS = 65_536
_ROW_GROUP_BYTES = 64 << 20


class TableReader(Protocol):
    """What :class:`~wtrec.datasets.parquet.TableFile` and :class:`JournalFile` have in common."""

    path: Path
    metadata: dict[str, str]

    def batches(self, rows: int = 8192) -> Iterator[Any]:
        """Record batches of up to ``rows`` rows."""
        ...


def journal_path(parquet: Path) -> Path:
    """``run.tx.parquet`` → ``run.tx.arrows``."""
    return parquet.with_suffix(SUFFIX)


class Journal(Closing):
    """A new journal; a context manager that closes it, but leaves it where it is.

    Args:
        path: A file that does not exist.
        table: What it holds.
        metadata: What is known at the start.

    Attributes:
        rows: Rows that it holds.

    Raises:
        OSError: It exists, or cannot be written; then there is none.
    """

    def __init__(self, path: Path, table: Table, metadata: Mapping[str, str]) -> None:
        self.path = path
        self.rows = 0
        self._table = table
        self._file = path.open("xb", buffering=0)
        fcntl.flock(self._file, fcntl.LOCK_EX)  # says that somebody is at work; see is_at_work
        self._fresh = io.BytesIO()  # what the stream has made, and the file does not have yet
        self._stream = pa.ipc.new_stream(self._fresh, with_metadata(table, metadata))
        self._written = 0
        # the stream begins with its first batch: with an empty one, the metadata is there at once
        self._stream.write_batch(_no_rows(table))
        try:
            self._move()
        except OSError:  # nothing is there that anybody could go on with
            self.close()
            path.unlink()
            raise

    def append(self, batch: Any) -> None:
        """Write one ``pyarrow.RecordBatch``.

        Raises:
            OSError: No room; what was appended before is whole, and nothing more can be.
        """
        self._stream.write_batch(batch)
        self._move()
        self.rows += len(batch)

    def _move(self) -> None:
        """Bring the file up to date, or leave it as it was."""
        made = self._fresh.getbuffer()
        try:
            at = 0
            while at < len(made):
                at += self._file.write(made[at:]) or 0
        except OSError:
            self._file.truncate(self._written)
            raise
        finally:
            made.release()
        self._written += at
        self._fresh.seek(0)
        self._fresh.truncate()

    def close(self) -> None:
        """Write nothing more."""
        self._file.close()

    def finish(self, parquet: Path, metadata: Mapping[str, str]) -> None:
        """Make the table of the journal, durably, and remove the journal.

        Args:
            parquet: The file to make or to replace.
            metadata: Of the table: what is known at the end.

        Raises:
            OSError: It cannot be written; the journal stays.
            FormatError: Somebody has damaged the journal; it stays.
        """
        self.close()
        rows = 0
        with (
            JournalFile(self.path, self._table) as journal,
            new_table(parquet, self._table, metadata) as writer,
        ):
            for table in row_groups(journal.batches(_ROW_GROUP_ROWS)):
                writer.write_table(table)
                rows += len(table)
            if rows != self.rows:
                raise FormatError(
                    f"{rows} rows can be read, {self.rows} were written", path=str(self.path)
                )
        self.path.unlink()


def is_at_work(path: Path) -> bool:
    """Whether the writer of a journal is still alive.

    Raises:
        OSError: It cannot be opened.
    """
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


class JournalFile(Closing):
    """A journal, opened for reading; a context manager.

    Attributes:
        path: The file.
        metadata: As for :class:`~wtrec.datasets.parquet.TableFile`.
        whole: Bytes up to the end of the last whole batch, when all were read.

    Raises:
        FormatError: No Arrow stream, another table, or a newer version.
        OSError: It cannot be opened.
    """

    def __init__(self, path: Path | Parts, table: Table) -> None:
        self.path = Path(str(path))
        self._source = path
        with self._open() as stream:
            schema = stream.schema
        self.whole = 0
        table.check(schema, self.path)
        self.metadata = read_metadata(schema.metadata or {})

    def close(self) -> None:
        """Nothing is held open between reads."""

    def batches(self, rows: int = 8192) -> Iterator[Any]:
        """Record batches of up to ``rows`` rows; a batch that is cut short ends them."""
        with self._open() as stream:
            while True:
                try:
                    batch = stream.read_next_batch()
                    batch.validate(full=True)
                except StopIteration:
                    self.whole = max(self.whole, self._position())
                    return
                except (pa.ArrowException, OSError):
                    return
                self.whole = self._position()
                for start in range(0, len(batch), rows):
                    yield batch.slice(start, rows)

    @contextlib.contextmanager
    def _open(self) -> Iterator[Any]:
        parts = self._source if isinstance(self._source, Parts) else None
        opened = (
            pa.OSFile(str(self.path)) if parts is None else pa.PythonFile(parts.open(), mode="r")
        )
        with opened as source:
            self._position = source.tell
            try:
                stream = pa.ipc.open_stream(source)
            except (pa.ArrowException, OSError) as error:
                reason = str(error).splitlines()[0]
                raise FormatError(f"not an Arrow stream ({reason})", path=str(self.path)) from None
            with stream:
                yield stream


def _no_rows(table: Table) -> Any:
    arrays = [pa.array([], column.type) for column in table.columns]
    return pa.record_batch(arrays, schema=table.schema)


def row_groups(batches: Iterator[Any]) -> Iterator[Any]:
    """The same rows in larger tables: a row group each, and never much memory."""
    held: list[Any] = []
    rows = size = 0
    for batch in batches:
        held.append(batch)
        rows += len(batch)
        size += batch.nbytes
        if rows >= _ROW_GROUP_ROWS or size >= _ROW_GROUP_BYTES:
            yield pa.Table.from_batches(held)
            held, rows, size = [], 0, 0
    if held:
        yield pa.Table.from_batches(held)
