"""Results that are being written: whole, or what there is of them, whatever ends the replay.

    rows ──► run.crc-flip.arrows, a journal ──┬─ finished ──► run.crc-flip.parquet
                                              ├─ stopped ───► the same, which says: partial
                                              └─ killed ────► the journal stays

Rows come in the order of the capture, so those that there are cover all bad frames up to the last
of them: the metadata of partial results says ``partial`` = ``true`` and ``covers_to``, that frame's
number. Both kinds of remains can be taken up again (:func:`earlier_results`), by a replay that was
asked for the same: everything that the metadata says at the start has to be equal.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import pyarrow as pa

from ..errors import AlgorithmError, FormatError
from .files import check_replaceable, sha256_of
from .journal import Journal, JournalFile, is_at_work, journal_path
from .parquet import TableFile
from .results import RESULTS
from .tally import Tally

_EVERY_S: Final = 1.0  # rows are given to the journal that often, if there are any
_ROWS: Final = 65_536
_OF_THE_FILE: Final = ("capture_bytes", "capture_mtime_ns")
PARTIAL: Final = "partial"
COVERS_TO: Final = "covers_to"
_MOST_DIGITS: Final = 18  # of a frame's number


@dataclass(frozen=True, slots=True)
class Earlier:
    """What an earlier replay has left.

    Attributes:
        path: The file: Parquet, or a journal.
        metadata: What it says.
        covers_to: Bad frames up to this number have their row.
        is_complete: Nothing is left to be done.
    """

    path: Path
    metadata: Mapping[str, str]
    covers_to: int
    is_complete: bool

    def check(self, metadata: Mapping[str, str]) -> None:
        """Refuse to go on with what was asked for otherwise.

        Args:
            metadata: Of the replay that is to go on, as at its start.

        Raises:
            AlgorithmError: Something differs.
        """
        for key, wanted in metadata.items():
            found = self.metadata.get(key, "")
            if found != wanted and not (key in _OF_THE_FILE and self.path.suffix == ".parquet"):
                anew = "replay without --resume"
                if self.path.suffix != ".parquet":  # a journal, over which no replay starts
                    anew = f"remove {self.path}"
                raise AlgorithmError(
                    f"{self.path}: cannot resume: {key}: found {found or 'none'}, wanted "
                    f"{wanted}; replay as before to go on, or {anew} to begin anew"
                )

    def batches(self) -> Iterator[Any]:
        """Its rows."""
        kind = TableFile if self.path.suffix == ".parquet" else JournalFile
        with kind(self.path, RESULTS) as rows:
            yield from rows.batches(_ROWS)


def of_capture(capture: Path) -> dict[str, str]:
    """What tells a capture from another, or from what it was, without reading it."""
    status = capture.stat()
    return dict(zip(_OF_THE_FILE, map(str, (status.st_size, status.st_mtime_ns)), strict=True))


def earlier_results(output: Path) -> Earlier | None:
    """What there is of results: a journal, if a replay was killed, or the file.

    Raises:
        AlgorithmError: Another replay is writing them.
        FormatError: A file is not what its name says.
    """
    journal = journal_path(output)
    if journal.exists():
        if is_at_work(journal):
            raise AlgorithmError(f"{journal}: another replay is writing these results")
        with JournalFile(journal, RESULTS) as rows:
            last = 0
            for batch in rows.batches(_ROWS):
                last = batch.column("number")[-1].as_py()
            return Earlier(journal, rows.metadata, last, is_complete=False)
    if not output.exists():
        return None
    with TableFile(output, RESULTS) as table:
        partly = covers_to(table.metadata)
        return Earlier(output, table.metadata, partly or 0, is_complete=partly is None)


def covers_to(metadata: Mapping[str, str]) -> int | None:
    """The last frame that partial results cover; None if the results are whole."""
    text = metadata.get(COVERS_TO, "")
    is_number = text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS
    return (int(text) if is_number else 0) if metadata.get(PARTIAL) == "true" else None


class ResultsFile:
    """The results of one algorithm; a context manager.

    When it is left without :meth:`finish` or :meth:`stop`, nothing is kept, unless there was no
    room, or it was interrupted: then the journal stays.

    Args:
        output: The file to make or to replace, when all is well.
        metadata: What is known at the start.
        earlier: Go on behind these.

    Attributes:
        covered: Earlier results cover the frames up to this number.
        tally: Of the rows so far, earlier ones included.
        last: The largest number of a frame that has a row; 0 if there is none.

    Raises:
        AlgorithmError: A journal of other results is there.
        OSError: It cannot be written, or ``output`` is no regular file.
    """

    def __init__(
        self, output: Path, metadata: Mapping[str, str], earlier: Earlier | None = None
    ) -> None:
        self.covered = earlier.covers_to if earlier else 0
        self.tally = Tally()
        self.last = 0
        self._output = output
        self._metadata = dict(metadata)
        self._resumed = earlier.metadata.get("resumed", "") if earlier else ""
        self._done = False
        check_replaceable(output)
        journal = journal_path(output)
        if earlier is None and journal.exists():
            if is_at_work(journal):
                raise AlgorithmError(f"{journal}: another replay is writing these results")
            raise AlgorithmError(
                f"{journal}: a killed replay left these results; go on with the same options and "
                f"--resume, or remove {journal} to begin anew"
            )
        try:
            if earlier is None:
                self._journal = Journal(journal, RESULTS, metadata)
            else:
                self._resumed = ",".join(filter(None, [self._resumed, str(earlier.covers_to)]))
                self._journal = self._continued(journal, earlier)
        except OSError as error:  # name the file that was asked for
            raise OSError(error.errno, error.strerror, str(output)) from None
        self._due = time.monotonic() + _EVERY_S

    def _continued(self, journal: Path, earlier: Earlier) -> Journal:
        """A journal that begins with earlier rows; it has its name when they are all there."""
        draft = journal.with_name(f".{journal.name}.new")
        draft.unlink(missing_ok=True)
        new = Journal(draft, RESULTS, {**self._metadata, "resumed": self._resumed})
        try:
            for batch in earlier.batches():
                self._count(batch)
                new.append(batch)
            draft.replace(journal)
        except BaseException:
            new.close()
            draft.unlink(missing_ok=True)
            raise
        new.path = journal
        return new

    @property
    def is_due(self) -> bool:
        """Whether it is time to write what there is."""
        return time.monotonic() >= self._due

    def write_table(self, rows: Any) -> None:
        """Write the next rows, but for those that are there from earlier.

        Raises:
            OSError: No room; what was written before can be taken up again.
        """
        self._due = time.monotonic() + _EVERY_S
        fresh = rows.filter(pa.array(rows.column("number").to_numpy() > self.covered))
        for batch in fresh.to_batches(_ROWS):
            if len(batch):
                self._count(batch)
                self._journal.append(batch)

    def finish(self, metadata: Mapping[str, str]) -> None:
        """All rows are written: make the file.

        Args:
            metadata: What is known at the end, beside what was at the start.

        Raises:
            OSError: It cannot be written; the journal stays.
        """
        self._end(metadata)

    def stop(self, metadata: Mapping[str, str]) -> None:
        """No more rows will come: make a file that says that it is partial."""
        self._end({**metadata, PARTIAL: "true", COVERS_TO: str(self.last)})

    def _end(self, metadata: Mapping[str, str]) -> None:
        known = {k: v for k, v in self._metadata.items() if k not in _OF_THE_FILE}
        if self._resumed:
            known["resumed"] = self._resumed
        self._journal.finish(self._output, {**known, **metadata})
        self._done = True

    def _count(self, batch: Any) -> None:
        self.tally.add(batch)
        # with several passes, the first one is what counts
        self.last = max(self.last, int(batch.column("number").to_numpy().max()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _where: TracebackType | None,
    ) -> None:
        self._journal.close()
        keeps = kind is not None and (issubclass(kind, OSError) or not issubclass(kind, Exception))
        if not self._done and not keeps:
            with contextlib.suppress(FileNotFoundError):
                self._journal.path.unlink()


def recovered_metadata(journal: Path, metadata: Mapping[str, str], last: int) -> dict[str, str]:
    """What is to be added to the metadata of a journal to make partial results of it.

    Raises:
        FormatError: The capture is not beside it, or is not as it was: nothing could be judged.
    """
    capture = journal.with_name(Path(metadata.get("capture", "")).name)
    if not capture.is_file() or any(
        metadata.get(key, value) != value for key, value in of_capture(capture).items()
    ):
        raise FormatError(
            f"{capture} is not there, or is not as it was when it was replayed",
            path=str(journal),
            hint="put the capture beside the journal",
        )
    return {"capture_sha256": sha256_of(capture), PARTIAL: "true", COVERS_TO: str(last)}
