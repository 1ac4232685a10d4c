"""The files of a capture, one after the other, and ``run.json`` beside them.

    loop ──► file at hand
               │ full: its statistics are written, the next file begins at once
               ▼
             another thread: durable, measured, hashed ──► run.json, its name printed,
                                                           the oldest file deleted

Each file has the section header, the interfaces and the statistics, so each is a capture of its
own. What takes long is done by other threads, and frames do not wait for it. Each write reaches
the kernel at once, so it outlives us; ``flush_seconds`` is what a loss of power may cost.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import IO

from ..closing import Closing
from ..datasets.files import sync_folder
from ..datasets.run import Counters, Run, RunFile, run_json_path
from ..errors import CaptureError
from .capture_file import CaptureFile, cannot_write
from .rotation import file_name


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
        failure: Why a file that was full could not be completed.
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
        self.failure: OSError | None = None
        self.flush_at = float("inf")
        self._base = base
        self._headers = headers
        self._several = several
        self._keep = keep
        self._flush_seconds = flush_seconds
        self._force = force
        self._sidecar = run_json_path(base)
        self._complete: list[RunFile] = []
        self._flushing: Future[None] | None = None
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
        self._names = self._open_names(print_names)
        try:
            self._file = self._begin(run.start, self.number)
            try:
                self.run.save(self._sidecar)
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
        full, self._file = self._file, following
        flushing, self._flushing = self._flushing, None
        self.number += 1
        self.flush_at = float("inf")
        try:
            try:
                full.write(trailer)
            except OSError:
                full.write(trailer)  # now it has given back the room that was set aside
            full.give_back_reserve()
        finally:
            self._finisher.submit(self._finish, full, flushing, self.path.name, counters)

    def end(self, trailer: bytes) -> None:
        """End the last file.

        Raises:
            OSError: It could not be written.
        """
        try:
            self._file.write(trailer)
        finally:
            self._finisher.submit(self._finish, self._file, self._flushing, None, None).result()
        if self.failure is not None:
            raise self.failure

    def save(self, run: Run) -> None:
        """Write the description of the run that is over.

        Args:
            run: Its files are those that there are.

        Raises:
            OSError: It could not be written.
        """
        self.run = replace(run, files=tuple(self._complete))
        self.run.save(self._sidecar)

    def close(self) -> None:
        """Wait for what is under way, and close all."""
        self._held.close()
        self._file.close()

    def _begin(self, start: int, number: int) -> CaptureFile:
        """A new file with its headers.

        Raises:
            CaptureError: It exists, or cannot be written, and it is the first.
            OSError: As for the first, of another one.
        """
        path = file_name(self._base, number, start) if self._several else self._base
        run = replace(self.run, files=(*self._complete, RunFile(name=path.name)))
        headers = self._headers(replace(run, files=(RunFile(name=path.name),)))
        try:
            file = CaptureFile(path, force=self._force, head=headers)
        except CaptureError as error:
            if number > 1 and isinstance(error.__cause__, OSError):
                raise error.__cause__ from error
            raise
        self.run = run
        return file

    def _flush(self, file: CaptureFile) -> None:
        try:
            file.flush()
        except OSError as error:
            self.failure = self.failure or error

    def _finish(
        self,
        file: CaptureFile,
        flushing: Future[None] | None,
        following: str | None,
        counters: Counters | None,
    ) -> None:
        """Make a file durable, say what it is, and delete one that is too old."""
        try:
            if flushing is not None:
                flushing.result()
            file.sync()
            self._complete.append(RunFile.of(file.path))
            if following is not None:
                file.close()
                while self._keep is not None and len(self._complete) >= self._keep:
                    file.path.with_name(self._complete.pop(0).name).unlink(missing_ok=True)
                files = (*self._complete, RunFile(name=following))
                replace(self.run, files=files, counters=counters).save(self._sidecar)
            sync_folder(file.path.parent)
        except OSError as error:
            self.failure = self.failure or error
        self._print_name(file.path)

    def _open_names(self, target: str | None) -> IO[str] | None:
        if target is None:
            return None
        if target in {"-", "stdout"}:
            return sys.stdout
        if target == "stderr":
            return sys.stderr
        path = Path(target)
        try:
            return self._held.enter_context(path.open("w", encoding=sys.getfilesystemencoding()))
        except OSError as error:
            raise cannot_write(path, error) from error

    def _print_name(self, path: Path) -> None:
        if self._names is None:
            return
        try:
            self._names.write(os.fsdecode(bytes(path)) + "\n")
            self._names.flush()
        except OSError:  # nobody reads any more; that is no reason to stop
            self._names = None
