"""The table of a journal (:mod:`wtrec.datasets.journal`) that a killed sender or replay left."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ..errors import FormatError
from .journal import JournalFile, is_at_work, row_groups
from .parquet import TableFile, new_table
from .results import RESULTS
from .results_file import recovered_metadata
from .schema import Table
from .txlog import TX


class SavedLog(NamedTuple):
    """What was saved of a journal: rows, the bytes they were in, and the bytes that were not."""

    rows: int
    bytes: int
    lost: int
    table: str


def recover_journal(journal: Path, parquet: Path) -> SavedLog:
    """Make the table of a journal that was left; the journal stays.

    Args:
        journal: ``run.tx.arrows``, or ``run.<algo>.arrows``, whose results are partial.
        parquet: The file to make or to replace.

    Raises:
        FormatError: No journal of a tx log or of results, or no row of it is whole, but something
            was cut off; or the writer is still at work.
        OSError: A file cannot be opened or written.
    """
    table = _table(journal)
    if is_at_work(journal):
        raise FormatError("its writer is still at work", path=str(journal), hint="wait for its end")
    rows = last = 0
    with JournalFile(journal, table) as log, new_table(parquet, table, _of_start(log)) as writer:
        for group in row_groups(log.batches()):
            writer.write_table(group)
            rows += len(group)
            last = group.column(0)[-1].as_py()
        lost = journal.stat().st_size - log.whole
        if lost and not rows:
            raise FormatError("nothing can be saved: no whole row in it", path=str(journal))
        if table is RESULTS:
            more = recovered_metadata(journal, log.metadata, last)
            writer.add_key_value_metadata({f"wtrec.{key}": more[key] for key in more})
    with TableFile(parquet, table) as again:
        found = again.rows
    if found != rows:
        raise FormatError(f"{found} rows, {rows} were written", path=str(parquet))
    return SavedLog(rows, log.whole, lost, table.name)


def _table(journal: Path) -> Table:
    """What a journal holds."""
    try:
        with JournalFile(journal, RESULTS):
            return RESULTS
    except FormatError:
        with JournalFile(journal, TX):
            return TX


def _of_start(log: JournalFile) -> dict[str, str]:
    return {key: value for key, value in log.metadata.items() if key != "schema"}
