"""The tx log of a journal that a killed sender left (see :mod:`wtrec.datasets.journal`)."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ..errors import FormatError
from .journal import JournalFile, row_groups
from .parquet import TableFile, new_table
from .txlog import TX


class SavedLog(NamedTuple):
    """What was saved of a journal: packets, the bytes they were in, and the bytes that were not."""

    rows: int
    bytes: int
    lost: int


def recover_journal(journal: Path, parquet: Path) -> SavedLog:
    """Make the tx log of a journal that a killed sender left; the journal stays.

    Args:
        journal: ``run.tx.arrows``.
        parquet: The file to make or to replace.

    Raises:
        FormatError: No journal of a tx log, or no packet of it is whole, but something was cut off.
        OSError: A file cannot be opened or written.
    """
    rows = 0
    with JournalFile(journal, TX) as log, new_table(parquet, TX, _of_table(log)) as writer:
        for table in row_groups(log.batches()):
            writer.write_table(table)
            rows += len(table)
        lost = journal.stat().st_size - log.whole
        if lost and not rows:
            raise FormatError("nothing can be saved: no whole packet in it", path=str(journal))
    with TableFile(parquet, TX) as again:
        found = again.rows
    if found != rows:
        raise FormatError(f"{found} rows, {rows} were written", path=str(parquet))
    return SavedLog(rows, log.whole, lost)


def _of_table(log: JournalFile) -> dict[str, str]:
    return {key: value for key, value in log.metadata.items() if key != "schema"}
