"""Programs as algorithms, as users run them: exit codes, warnings, what analyze says of them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from wtrec.datasets.parquet import TableFile
from wtrec.datasets.results import RESULTS
from wtrec.dot11 import fcs

from .. import forked


@pytest.fixture
def folder(
    tmp_path: Path, write_capture: Callable[..., Path], udp_frame: Callable[..., bytes]
) -> Path:
    """A folder with a run of four frames, the second bad, and with programs."""
    frames = [udp_frame(bytes(50), n) for n in range(4)]
    frames[1] = fcs.flip(frames[1], [500])
    write_capture(tmp_path / "run.pcapng", frames)
    table = pa.table({"number": [2], "flips": pa.array([[500]], pa.list_(pa.uint32()))})
    with pa.ipc.new_stream(tmp_path / "answers", table.schema) as stream:
        stream.write_table(table)
    for name, script in {
        "decoder": "cat answers; exec cat >/dev/null",
        "dying": "echo out of ideas >&2; exit 3",
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    return tmp_path


def _wtrec(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return forked.run(words, cwd=folder)


def test_a_program_repairs(folder: Path) -> None:
    """Its results have its name, and analyze shows the command that made them."""
    done = _wtrec(folder, "replay", "run.pcapng", "--algo", "exec:./decoder --verbose")
    assert (done.returncode, done.stderr) == (0, "")
    assert "exec-decoder: run.exec-decoder.parquet" in done.stdout
    judged = _wtrec(folder, "analyze", "run.pcapng", "--payload", "zeros")
    assert judged.returncode == 0
    (line,) = [line for line in judged.stdout.splitlines() if "exec:./decoder --verbose" in line]
    assert line.split()[-7:] == ["1", "1", "1", "0", "0", "1", "0"]


def test_a_program_that_dies(folder: Path) -> None:
    """The replay ends with code 3, each failure a line; both files are written."""
    done = _wtrec(
        folder, "replay", "run.pcapng", "--algo", "exec:restarts=0:./dying", "--algo", "crc-flip"
    )
    assert done.returncode == 3
    assert done.stderr == (
        "wtrec: warning: exec-dying: frames 1 to 4: ./dying died with exit code 3; abstained, and "
        "so does all that follows: no restart is left (restarts=0); the last on its stderr: out of "
        "ideas; mend the program\n"
    )
    for name, repaired in (("exec-dying", False), ("crc-flip", True)):
        with TableFile(folder / f"run.{name}.parquet", RESULTS) as results:
            (row,) = [row for batch in results.batches() for row in batch.to_pylist()]
        assert (row["outcome"] == "repaired") is repaired
    with TableFile(folder / "run.exec-dying.parquet", RESULTS) as results:
        parameters = json.loads(results.metadata["parameters"])
    assert parameters["command"] == "./dying"
    assert list(parameters["provenance"]["sha256"]) == ["./dying"]


@pytest.mark.slow
def test_no_such_program(folder: Path) -> None:
    """One line, code 1, and nothing is written."""
    done = _wtrec(folder, "replay", "run.pcapng", "--algo", "crc-flip", "--algo", "exec:decoder")
    assert done.returncode == 1
    assert done.stderr == (
        "wtrec: exec: decoder cannot be started: not on the PATH; a file beside you is ./decoder\n"
    )
    assert not list(folder.glob("*.parquet"))
