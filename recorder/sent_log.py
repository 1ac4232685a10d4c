"""The tx log while packets are sent: rows are held for a moment, then journaled.

Who is killed with SIGKILL loses what is held: rows of the last ``MOST_SECONDS``, at most
``MOST_ROWS``. All the rest can be read; see :mod:`wtrec.datasets.journal`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from ..clock import NS
from ..datasets.journal import Journal, journal_path
from ..datasets.txlog import TX
from ..errors import WtrecError
from .steps import Step

MOST_ROWS = 512
MOST_SECONDS = 0.2


class LogError(WtrecError):
    """The tx log cannot be written: there is no point in sending on."""


class SentLog:
    """The log of one run; a context manager.

    Args:
        path: The Parquet file to make at the end.
        force: Whether it may replace what is there.
        metadata: What is known at the start.

    Attributes:
        journaled: Rows that no signal can take away any more.

    Raises:
        LogError: It exists, or its folder cannot be written to.
    """

    def __init__(self, path: Path, metadata: Mapping[str, str], *, force: bool = False) -> None:
        self.path = path
        self.journaled = 0
        self._metadata = dict(metadata)
        self._ids: list[int] = []
        self._times: list[int] = []
        self._originals: list[bytes] = []
        self._step = Step()
        self._layer = pa.array([], TX.schema.field("layer").type)
        self._destination = ""
        journal = journal_path(path)
        for there in (path, journal):
            if there.exists() and not force:
                raise LogError(
                    f"{there} exists; name another tx log with -w, or overwrite it with --force"
                )
        try:
            for old in (journal, path):  # of a run that is killed, its journal is to be found
                old.unlink(missing_ok=True)
            self._journal = Journal(journal, TX, self._metadata)
        except OSError as error:
            raise LogError(f"{journal}: cannot write there: {error.strerror}") from error

    @property
    def held(self) -> int:
        """Rows that are not journaled yet."""
        return len(self._ids)

    def begin_step(self, step: Step, layer: str, destination: str) -> None:
        """What the next rows have in common."""
        self.flush()
        self._step = step
        self._layer = layer
        self._destination = destination

    def add(self, packet_id: int, time: int, original: bytes) -> None:
        """One packet that was sent; ``flush`` may follow.

        Raises:
            LogError: There is no room for it and those that are held.
        """
        self._ids.append(packet_id)
        self._times.append(time)
        self._originals.append(original)
        if len(self._ids) >= MOST_ROWS or time - self._times[0] >= MOST_SECONDS * NS:
            self.flush()

    def flush(self) -> None:
        """Journal what is held.

        Raises:
            LogError: There is no room.
        """
        count = len(self._ids)
        if not count:
            return
        columns = {
            "packet_id": self._ids,
            "time": self._times,
            "layer": [self._layer] * count,
            "length": [len(original) for original in self._originals],
            "original": self._originals,
            "rate_mbps": [self._step.rate_mbps] * count,
            "tx_power_dbm": [self._step.tx_power_dbm] * count,
            "destination": [self._destination] * count,
        }
        arrays = [
            pa.array(columns[field.name], field.type)
            if field.name in columns
            else pa.nulls(count, field.type)
            for field in TX.schema
        ]
        try:
            self._journal.append(pa.record_batch(arrays, schema=TX.schema))
        except OSError as error:
            raise LogError(f"{self._journal.path}: cannot write it: {error.strerror}") from error
        self.journaled += count
        self._ids.clear()
        self._times.clear()
        self._originals.clear()

    def finish(self, metadata: Mapping[str, str]) -> None:
        """Make the Parquet file.

        Raises:
            LogError: It cannot be written; the journal has all rows.
        """
        try:
            self._journal.finish(self.path, {**self._metadata, **metadata})
        except OSError as error:
            raise LogError(
                f"{self.path}: cannot write it: {error.strerror}; {self._journal.path} has what "
                "was sent, and can be analyzed as it is"
            ) from error

    def close(self) -> None:
        """Write nothing more; the journal stays unless there is a Parquet file."""
        self._journal.close()
