"""What ``wtrec capture`` leaves when it is killed, has no room, or has no rights."""

from __future__ import annotations

import itertools
import os
import random
import re
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from wtrec.cli.analyze import analyze
from wtrec.cli.info import info
from wtrec.datasets.reader import CaptureReader
from wtrec.datasets.run import Run
from wtrec.recorder.privileges import user_named
from wtrec.recorder.tun import MonitorTun

WTREC = str(Path(sys.executable).with_name("wtrec"))

pytestmark = pytest.mark.root


@contextmanager
def traffic(tun: MonitorTun, pause: float = 0.001) -> Iterator[list[int]]:
    """Numbered frames that come until the end; their count."""
    sent: list[int] = []
    done = threading.Event()

    def send() -> None:
        for number in itertools.count():
            if done.is_set():
                return
            tun.write(struct.pack(">I", number) * 100)
            sent.append(number)
            if pause:
                time.sleep(pause)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield sent
    finally:
        done.set()
        thread.join()


def has_frames(path: Path) -> bool:
    """Whether a first file of several has more than its headers."""
    return any(each.stat().st_size > 3_000 for each in path.parent.glob(f"{path.stem}_*.pcapng"))


def frames_by_size(path: Path) -> int:
    """How many frames of ``traffic`` the files of a capture have, at least."""
    files = path.parent.glob(f"{path.stem}_*.pcapng")
    return sum(max(0, each.stat().st_size - 3_000) // 444 for each in files)


def read_by_tshark(path: Path) -> list[int]:
    """Times of all frames in ns, which tshark and wtrec agree on; a cut last block is allowed."""
    done = subprocess.run(
        ["tshark", "-r", str(path), "-Tfields", "-eframe.time_epoch"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 or "cut short" in done.stderr, done.stderr
    times = [int(line.replace(".", "")) for line in done.stdout.split()]
    with CaptureReader(path) as reader:
        found = [
            time for batch in reader for time in batch.column("time").cast("int64").to_pylist()
        ]
    assert found == times
    return times


class TestStart:
    """What is true of a capture as soon as it runs."""

    def test_rights_and_owner(
        self, mon0: MonitorTun, tmp_path: Path, readable_python: list[str]
    ) -> None:
        """It is nobody's process, and files are nobody's; nothing that was received is missing.

        Nobody has no home, so kernels are compiled anew.
        """
        nobody = user_named("nobody")
        tmp_path.chmod(0o755)
        os.chown(tmp_path, nobody.uid, nobody.gid)
        for each in tmp_path.parents:
            if each.stat().st_uid == os.geteuid() and each != Path("/"):
                each.chmod(each.stat().st_mode | 0o755)
        path = tmp_path / "run.pcapng"
        arguments = ["-Z", "nobody", "-f", "len > 20 and not tcp"]
        with traffic(mon0) as sent:
            process = subprocess.Popen(
                [*readable_python, WTREC, "capture", mon0.name, "-w", str(path), *arguments],
                stderr=subprocess.PIPE,
                text=True,
            )
            while not path.exists() or path.stat().st_size < 20_000:
                assert process.poll() is None, process.communicate()
                time.sleep(0.02)
            for task in Path(f"/proc/{process.pid}/task").iterdir():
                status = dict(
                    re.findall(r"^(\w+):\s*(.*)$", (task / "status").read_text(), re.MULTILINE)
                )
                assert status["Uid"].split() == [str(nobody.uid)] * 4
                assert status["Gid"].split() == [str(nobody.gid)] * 4
                for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
                    assert int(status[name], 16) == 0
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said
        assert "compiling kernels for this machine (each time" in said
        assert {each.stat().st_uid for each in tmp_path.iterdir()} == {nobody.uid}
        run = Run.load(tmp_path / "run.json")
        assert run.counters is not None
        assert run.counters.written == run.counters.received
        assert run.counters.written <= len(sent)

    def test_a_folder_that_cannot_be_written(
        self, mon0: MonitorTun, tmp_path: Path, readable_python: list[str]
    ) -> None:
        """It is refused for the user that we become, who is named, and nothing is left."""
        arguments = ["-Z", "nobody", "-w", str(tmp_path / "run.pcapng"), "-a", "duration:1"]
        done = subprocess.run(
            [*readable_python, WTREC, "capture", mon0.name, *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert (
            "run.pcapng: cannot write there: Permission denied for nobody, the folder"
            in done.stderr
        )
        assert "belongs to root; choose another folder with -w" in done.stderr
        assert "another user with -Z" in done.stderr
        assert list(tmp_path.iterdir()) == []

    def test_root_in_the_folder_of_another(self, mon0: MonitorTun, tmp_path: Path) -> None:
        """Without capabilities root is no more than others, and is told whose folder it is."""
        nobody = user_named("nobody")
        os.chown(tmp_path, nobody.uid, nobody.gid)
        tmp_path.chmod(0o755)
        for arguments in ([], ["-Z", "root"]):
            done = subprocess.run(
                [WTREC, "capture", mon0.name, "-w", str(tmp_path / "run.pcapng"), *arguments],
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 1
            assert "denied for root, who has no capabilities here, the folder" in done.stderr
            assert "belongs to nobody; choose another folder with -w, or another" in done.stderr
            assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("arguments", [[], ["-f", "len > 9"], ["--live"]])
    def test_a_python_that_cannot_be_read(
        self, mon0: MonitorTun, tmp_path: Path, readable_python: list[str], arguments: list[str]
    ) -> None:
        """Where the user may not read the modules that are loaded later, that is what it says."""
        if not readable_python:
            pytest.skip("this Python can be read by everybody")
        done = subprocess.run(
            [
                WTREC,
                "capture",
                mon0.name,
                "-Z",
                "nobody",
                "-w",
                str(tmp_path / "run.pcapng"),
                *arguments,
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert "cannot read the modules of wtrec or Python; install them" in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("kills", [2, pytest.param(50, marks=pytest.mark.endurance)])
def test_killed_under_load(
    capturing: Callable[..., Any], mon0: MonitorTun, tmp_path: Path, kills: int
) -> None:
    """Killed at any moment, all its files are read, and nothing that was written is missing."""
    source = random.Random(kills)
    for attempt in range(kills):
        path = tmp_path / f"{attempt}.pcapng"
        with capturing(path, "-b", "filesize:5000") as running, traffic(mon0) as sent:
            while not has_frames(path):
                time.sleep(0.01)
            with traffic(mon0, 0) as more:
                time.sleep(source.uniform(0.01, 0.05))
                count = len(sent) + len(more)
                while frames_by_size(path) < count:  # nothing waits in the process for company
                    assert running.process.poll() is None
                    time.sleep(0.001)
                running.process.kill()
            running.process.wait()
        files = sorted(tmp_path.glob(f"{attempt}_*.pcapng"))
        times = [time for each in files for time in read_by_tshark(each)]
        assert len(times) >= count
        assert Run.load(tmp_path / f"{attempt}.json").end is None
        for each in files:
            each.unlink()


def test_a_ring_as_its_users_run_it(
    capturing: Callable[..., Any], mon0: MonitorTun, tmp_path: Path
) -> None:
    """SIGHUP begins a new file and names are printed; info and analyze read each file alone."""
    path = tmp_path / "run.pcapng"
    arguments = ["-b", "duration:60", "-b", "printname:stderr", "-a", "files:3", "-S", "--live"]
    with capturing(path, *arguments) as running, traffic(mon0):
        while not has_frames(path):
            time.sleep(0.01)
        for _ in range(3):
            time.sleep(0.5)
            running.process.send_signal(signal.SIGHUP)
        assert running.end() == 0
    names = [line for line in running.said.splitlines() if line.endswith(".pcapng")]
    run = Run.load(tmp_path / "run.json")
    assert [Path(name).name for name in names] == [each.name for each in run.files]
    assert len(names) == 3
    assert run.ended_by == "files"
    assert re.search(
        r"Interface +Received +Dropped +Written +Bad FCS\nmon0 +\d+ +0 +\d+ +0", running.said
    )
    assert re.search(r"Mbit/s +frames +bad FCS", running.said)
    for name in names:
        for command in (info, analyze):
            done = CliRunner().invoke(command, [name], catch_exceptions=False)
            assert done.exit_code == 0, done.output
