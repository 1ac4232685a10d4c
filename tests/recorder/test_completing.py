"""Files that are full: what becomes of them beside a capture that goes on, without a ring."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from wtrec.datasets.run import Counters, Run
from wtrec.recorder import capture_files
from wtrec.recorder.capture_file import CaptureFile
from wtrec.recorder.capture_files import CaptureFiles
from wtrec.recorder.rotation import file_name

NONE = Counters(received=0, dropped_by_kernel=0, written=0, bad_fcs=0)
RUN = Run.begin(interface="mon0", start=1_700_000_000 * 10**9, snap_length=100)
OVER = replace(RUN, end=RUN.start + 5, counters=NONE, ended_by="SIGINT")


@contextmanager
def several(
    folder: Path, keep: int | None = None, names: str | None = None
) -> Iterator[CaptureFiles]:
    """Numbered files in a folder."""
    with CaptureFiles(
        folder / "run.pcapng", RUN, lambda _: b"head", several=True, keep=keep, print_names=names
    ) as files:
        yield files


def go_on(files: CaptureFiles) -> None:
    """Begin the next file."""
    files.write(memoryview(b"frames"))
    files.next(b"tail", start=RUN.start, counters=NONE)


def held(folder: Path) -> int:
    """Descriptors of files in a folder, deleted ones included; not the reserve's."""
    return sum(
        f"{folder}/run_" in str(each.readlink())
        for each in Path("/proc/self/fd").iterdir()
        if each.is_symlink()
    )


class TestSlowDisk:
    """Completing a file takes longer than filling one."""

    @pytest.fixture
    def disk(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
        """No file is durable before this is set."""
        ready, sync = threading.Event(), CaptureFile.sync

        def slow(file: CaptureFile) -> None:
            assert ready.wait(30)
            sync(file)

        monkeypatch.setattr(CaptureFile, "sync", slow)
        yield ready
        ready.set()

    def test_it_holds_no_more_than_is_kept(self, tmp_path: Path, disk: threading.Event) -> None:
        """What is beyond is deleted and closed, though it is not complete."""
        with several(tmp_path, keep=3) as files:
            for _ in range(10):
                go_on(files)
                assert len(list(tmp_path.glob("*.pcapng"))) <= 3
                assert held(tmp_path) <= 4  # one may be on its way to the disk
            disk.set()
            files.complete(OVER, lambda: False)
        assert [each.name[:9] for each in files.run.files] == [f"run_{n:05}" for n in (9, 10, 11)]
        assert all(each.sha256 for each in files.run.files)
        assert Run.load(tmp_path / "run.json") == files.run
        assert held(tmp_path) == 0

    def test_not_too_many_wait(
        self, tmp_path: Path, disk: threading.Event, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where none is deleted, the next one waits until descriptors are free."""
        monkeypatch.setattr(capture_files, "_MOST_WAITING", 3)
        with several(tmp_path) as files:
            for _ in range(3):
                go_on(files)
            following = threading.Thread(target=go_on, args=(files,))
            following.start()
            following.join(0.05)
            assert following.is_alive()
            disk.set()
            following.join(30)
            assert not following.is_alive()
            files.complete(OVER, lambda: False)
        assert len(files.run.files) == 5


@pytest.mark.parametrize("seconds", [0, 5])
def test_flushes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """What was written is made durable when it is time to, once; with 0 it never is."""
    flushed, real = [], os.fdatasync

    def flush(fd: int) -> None:
        flushed.append(fd)
        real(fd)

    monkeypatch.setattr(os, "fdatasync", flush)
    path = tmp_path / "run.pcapng"
    with CaptureFiles(path, RUN, lambda _: b"head", flush_seconds=seconds) as files:
        for _ in range(3):
            assert files.flush_at == float("inf")
            files.write(memoryview(b"frames"))
            due = files.flush_at
            files.write(memoryview(b"frames"))
            assert files.flush_at == due
            if seconds:
                assert 4 < due - time.monotonic() <= 5
                files.flush_when_due(due - 1)
                assert files.flush_at == due
                while files.flush_at < float("inf"):  # the flush before may be under way
                    files.flush_when_due(files.flush_at)
            files.flush_when_due(1e12)
    assert len(flushed) == (3 if seconds else 0)


def test_a_file_that_is_moved_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is hashed all the same, and a note says so."""
    moved, sync = tmp_path / "moved", CaptureFile.sync

    def move(file: CaptureFile) -> None:
        sync(file)
        if "_00001_" in file.path.name:
            file.path.rename(moved)

    monkeypatch.setattr(CaptureFile, "sync", move)
    with several(tmp_path) as files:
        first = files.path
        go_on(files)
        files.complete(OVER, lambda: False)
    assert files.failure is None
    assert files.run.files[0].sha256 == hashlib.sha256(moved.read_bytes()).hexdigest()
    (note,) = files.notes
    assert note == f"1 files were moved or deleted before they were complete, first: {first}"


def test_the_end_stands_before_the_hash(tmp_path: Path) -> None:
    """``run.json`` has the end and the counters while files are hashed, which can be left out."""
    seen = []

    def skip() -> bool:
        seen.append(Run.load(tmp_path / "run.json"))
        return True

    with several(tmp_path) as files:
        files.complete(OVER, skip)
    assert (seen[0].end, seen[0].counters, seen[0].ended_by) == (OVER.end, NONE, "SIGINT")
    assert [(each.bytes, each.sha256) for each in files.run.files] == [(4, None)]
    assert Run.load(tmp_path / "run.json") == files.run


def test_the_next_name_is_taken(tmp_path: Path) -> None:
    """That file is named, and the file at hand goes on."""
    with several(tmp_path) as files:
        taken = file_name(tmp_path / "run.pcapng", 2, RUN.start)
        taken.touch()
        with pytest.raises(OSError, match="File exists") as failure:
            go_on(files)
        assert failure.value.filename == str(taken)
        assert files.number == 1


def test_names_that_cannot_be_printed(tmp_path: Path) -> None:
    """They are counted, and cost nothing else."""
    with several(tmp_path, names="/dev/full") as files:
        go_on(files)
        files.complete(OVER, lambda: False)
    assert files.failure is None
    assert files.notes == ["2 names were not printed to /dev/full: No space left on device"]
