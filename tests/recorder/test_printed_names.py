"""Names of files for other programs, which may not read them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wtrec.errors import CaptureError
from wtrec.recorder.printed_names import PrintedNames


def test_any_name(tmp_path: Path) -> None:
    """One that is no UTF-8 is printed as the bytes it is; a file begins anew."""
    target = tmp_path / "names"
    target.write_text("old")
    with PrintedNames(str(target)) as names:
        names.print(Path(os.fsdecode(b"b\xff.pcapng")))
        assert target.read_bytes() == b"b\xff.pcapng\n"
    assert names.note is None


def test_a_pipe_that_nobody_reads(tmp_path: Path) -> None:
    """It is refused at once."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CaptureError, match="nobody reads this pipe; start its reader before"):
        PrintedNames(str(tmp_path / "pipe"))


def test_a_reader_that_is_slow_or_gone(tmp_path: Path) -> None:
    """What does not fit is counted; nothing waits."""
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    with PrintedNames(str(tmp_path / "pipe")) as names:
        names.print(Path("first"))
        assert os.read(reader, 100) == b"first\n"
        line = "x" * 4000
        while not names.missing:
            names.print(Path(line))
        assert (
            names.note == f"1 names were not printed to {tmp_path}/pipe: nobody read them in time"
        )
        os.close(reader)
        names.print(Path("last"))
    assert names.note == f"2 names were not printed to {tmp_path}/pipe: Broken pipe"


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    """It is refused with its name."""
    with pytest.raises(CaptureError, match="nowhere/names: cannot write there: No such file"):
        PrintedNames(str(tmp_path / "nowhere" / "names"))
