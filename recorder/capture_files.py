"""The files of a capture, one after the other, and ``run.json`` beside them.

    loop ──► file at hand
               │ full: its statistics are written, the next file begins at once,
               │       the oldest of those that are kept is deleted
               ▼
             another thread: durable, measured, hashed ──► run.json, its name printed

Each file has the section header, the interfaces and the statistics, so each is a capture of its
own. What takes long is done by other threads, and frames do not wait for it, unless very many
files wait to be completed. A file that is deleted before its turn is not completed at all, so a
disk that is slower than the capture holds no more files than are kept. Each write reaches
the kernel at once, so it outlives us; ``flush_seconds`` is what a loss of power may cost.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..closing import Closing
from ..datasets.files import sync_folder
from ..datasets.run import Counters, Run, RunFile, run_json_path
from ..errors import CaptureError
from .capture_file import CaptureFile, cannot_write
from .printed_names import PrintedNames
from .rotation import file_name
from .stop import Stop

_MOST_WAITING = 100  # files that are full and not complete: each has a descriptor


@dataclass(slots=True, eq=False)
class _Full:
    """A file into which no further frame is written.

    Attributes:
        file: It.
        flushing: Its last flush.
        described: As ``run.json`` has it.
        completing: The rest of its work.
        gone: Whether it is deleted.
    """

    file: CaptureFile
    flushing: Future[None] | None
    described: RunFile
    completing: Future[None] = field(init=False)
    gone: bool = False


class CaptureFiles(Closing):
    """The files of one capture; the first is there, with its headers, when this is made.

    Args:
        base: What the user called the capture.
        run: What is known of it.
        headers: Makes the blocks that a file begins with, of the run as it is then.
        several: Whether files are numbered; else ``base`` is the only one.
        keep: Most files that are kept; None for all.
        print_names: Where to print the name of each file that is complete: a file, or ``-``,
            ``stdout``, ``stderr``.
        flush_seconds: How often what was written is made durable; 0 leaves it to the kernel.
        force: Overwrite what is there.

    Attributes:
        path: The file at hand.
        number: Its number, from 1 on.
        run: What ``run.json`` has.
        notes: What the user should know in the end, a sentence each.
        failure: Why a file could not be completed or deleted.
        flush_at: When it is time for ``flush_when_due``, on the monotonic clock.

    Raises:
        CaptureError: A file exists, or cannot be written.
    """

    def __init__(
        self,
        base: Path,
        run: Run,
        headers: Callable[[Run], bytes],
        *,
        several: bool = False,
        keep: int | None = None,
        print_names: str | None = None,
        flush_seconds: float = 0,
        force: bool = False,
    ) -> None:
        self.number = 1
        self.run = run
        self.notes: list[str] = []
        self.failure: OSError | None = None
        self.flush_at = float("inf")
        self._base = base
        self._headers = headers
        self._several = several
        self._keep = keep
        self._flush_seconds = flush_seconds
        self._force = force
        self._sidecar = run_json_path(base)
        self._full: tuple[_Full, ...] = ()  # those that are kept, the oldest first
        self._flushing: Future[None] | None = None
        self._skip: Callable[[], bool] = lambda: False
        self._counters: Counters | None = None  # of the run so far
        self._saving = threading.Lock()
        self._moved: list[Path] = []
        self._held = contextlib.ExitStack()
        try:
            exists = self._sidecar.exists()
        except OSError as error:
            raise cannot_write(base, error) from error
        if exists and not force:
            raise CaptureError(
                f"{self._sidecar} exists; name another capture with -w, or overwrite it with "
                "--force"
            )
        self._alarm = self._held.enter_context(Stop())
        try:
            self._names = print_names and self._held.enter_context(PrintedNames(print_names))
            self._file = self._begin(run.start, self.number)
            try:
                self._save()
            except OSError as error:
                self._file.discard()
                raise cannot_write(self.path, error) from error
        except BaseException:
            self._held.close()
            raise
        self._finisher = self._held.enter_context(ThreadPoolExecutor(1))
        self._flusher = self._held.enter_context(ThreadPoolExecutor(1))

    @property
    def path(self) -> Path:
        """The file at hand."""
        return self._file.path

    @property
    def size(self) -> int:
        """Bytes in the file at hand."""
        return self._file.size

    def write(self, blocks: memoryview) -> None:
        """Append whole blocks.

        Raises:
            OSError: They could not be written; the file is as it was.
        """
        self._file.write(blocks)
        if self._flush_seconds and self.flush_at == float("inf"):
            self.flush_at = time.monotonic() + self._flush_seconds

    def flush_when_due(self, now: float) -> None:
        """Make what was written durable, if it is time to; does not wait for it."""
        if now < self.flush_at:
            return
        if self._flushing is not None and not self._flushing.done():
            self.flush_at = now + self._flush_seconds  # the disk is slower than that
            return
        self._flushing = self._flusher.submit(self._flush, self._file)
        self.flush_at = float("inf")

    def next(self, trailer: bytes, *, start: int, counters: Counters) -> None:
        """End the file at hand and begin another.

        Args:
            trailer: Blocks that the file ends with.
            start: The moment that divides the two, nanoseconds since 1970.
            counters: Of the run so far.

        Raises:
            OSError: One of them could not be written.
        """
        following = self._begin(start, self.number + 1)  # where it fails, the old file goes on
        ended, self._file = self._file, following
        self.number += 1
        self.flush_at = float("inf")
        try:
            try:
                ended.write(trailer)
            except OSError:
                ended.write(trailer)  # now it has given back the room that was set aside
            ended.give_back_reserve()
        finally:
            if len(self._full) >= _MOST_WAITING:
                wait([each.completing for each in self._full[-_MOST_WAITING:][:1]])
            self._counters = counters
            self._fill(ended, self._finish_and_save)
            if self._keep is not None and len(self._full) >= self._keep:
                self._delete_oldest()

    def end(self, trailer: bytes) -> None:
        """Write the end of the last file.

        Raises:
            OSError: It could not be written.
        """
        self._file.write(trailer)
        self._file.give_back_reserve()

    def complete(self, run: Run, skip_hash: Callable[[], bool]) -> None:
        """Write the description of the run that is over: first as it is, then with hashes.

        Args:
            run: Its files are those that there are.
            skip_hash: Asked now and then while a file is hashed: leave its hash out?

        Raises:
            OSError: A file could not be completed, or the description not be written.
        """
        self._skip = skip_hash
        self.run = replace(run, files=self._described())
        self._save()
        self._fill(self._file, self._finish)
        for each in self._full:
            each.completing.result()
        self.run = replace(run, files=self._described())
        self._save()
        if self._moved:
            self.notes.append(
                f"{len(self._moved)} files were moved or deleted before they were complete, first: "
                f"{self._moved[0]}"
            )
        if self._names and self._names.note:
            self.notes.append(self._names.note)
        if self.failure is not None:
            raise self.failure

    def fileno(self) -> int:
        """A file descriptor that is readable once there is a failure."""
        return self._alarm.fileno()

    def close(self) -> None:
        """Wait for what is under way, and close all."""
        try:
            self._held.close()
        finally:
            self._file.close()

    def _begin(self, start: int, number: int) -> CaptureFile:
        """A new file with its headers.

        Raises:
            CaptureError: It exists, or cannot be written, and it is the first.
            OSError: As for the first, of another one.
        """
        path = file_name(self._base, number, start) if self._several else self._base
        headers = self._headers(replace(self.run, files=(RunFile(name=path.name),)))
        try:
            return CaptureFile(path, force=self._force, head=headers)
        except CaptureError as error:
            if number > 1 and isinstance(error.__cause__, OSError):
                cause = error.__cause__
                raise OSError(cause.errno, cause.strerror, str(path)) from error
            raise

    def _flush(self, file: CaptureFile) -> None:
        try:
            file.flush()
        except OSError as error:
            self._fails(error, file.path)

    def _fails(self, error: OSError, path: Path) -> None:
        """Keep the first failure, with its place."""
        if self.failure is None:
            self.failure = OSError(error.errno, error.strerror, error.filename or str(path))
            self._alarm.ask("failure")

    def _described(self) -> tuple[RunFile, ...]:
        """All files that there are."""
        full = self._full
        at_hand = () if full and full[-1].file is self._file else (RunFile(name=self.path.name),)
        return (*(each.described for each in full), *at_hand)

    def _save(self) -> None:
        """Write ``run.json``; another thread may do so, too.

        Raises:
            OSError: It could not be written.
        """
        with self._saving:
            run = replace(self.run, files=self._described())
            if run.counters is None:
                run = replace(run, counters=self._counters)
            try:
                run.save(self._sidecar)
            except OSError as error:
                raise OSError(error.errno, error.strerror, str(self._sidecar)) from error

    def _fill(self, file: CaptureFile, complete: Callable[[_Full], None]) -> None:
        """Count a file among those that are full, and have it completed."""
        flushing, self._flushing = self._flushing, None
        full = _Full(file, flushing, RunFile(name=file.path.name))
        self._full = (*self._full, full)  # a new tuple: another thread may go through the old one
        full.completing = self._finisher.submit(complete, full)

    def _delete_oldest(self) -> None:
        """Free the disk from a file, complete or not."""
        oldest, *kept = self._full
        self._full = tuple(kept)
        oldest.gone = True
        if oldest.completing.cancel():  # it had not begun
            if oldest.flushing is None:
                oldest.file.close()
            else:
                oldest.flushing.add_done_callback(lambda _: oldest.file.close())
        try:
            oldest.file.path.unlink(missing_ok=True)
        except OSError as error:
            self._fails(error, oldest.file.path)

    def _finish_and_save(self, full: _Full) -> None:
        """Complete a file that others follow."""
        try:
            self._finish(full)
            self._save()
        except OSError as error:
            self._fails(error, self._sidecar)
        finally:
            full.file.close()

    def _finish(self, full: _Full) -> None:
        """Make a file durable, and say what it is, unless it is deleted meanwhile."""
        file = full.file
        try:
            if full.flushing is not None:
                full.flushing.result()
            if not full.gone:
                file.sync()
                digest = file.sha256(lambda: full.gone or self._skip())
                full.described = RunFile(name=file.path.name, bytes=file.size, sha256=digest)
                sync_folder(file.path.parent)
        except OSError as error:
            self._fails(error, file.path)
        has_its_name = file.has_its_name()
        if full.gone:
            return
        if not has_its_name:
            self._moved.append(file.path)
        if self._names:
            self._names.print(file.path)
