"""``wtrec replay``: what it makes beside its results."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from wtrec.cli.main import wtrec
from wtrec.datasets.frames import FcsStatus
from wtrec.datasets.reader import CaptureReader
from wtrec.dot11 import fcs

Write = Callable[..., Path]
Frame = Callable[..., bytes]
WTREC = str(Path(sys.executable).with_name("wtrec"))


def run(*arguments: object) -> Result:
    return CliRunner().invoke(wtrec, ["replay", *map(str, arguments), "-q"])


@pytest.fixture
def capture(tmp_path: Path, write_capture: Write, udp_frame: Frame) -> Path:
    """Forty frames, every fifth one broken in two bits."""
    frames = [udp_frame(bytes([i]) * 80, i) for i in range(40)]
    received = [fcs.flip(f, [] if i % 5 else [500, 700]) for i, f in enumerate(frames)]
    return write_capture(tmp_path / "run.pcapng", received)


class TestWritePcapng:
    """``--write-pcapng``."""

    def test_the_repaired_capture(self, capture: Path, tmp_path: Path) -> None:
        """It has no broken frame, and a line says what was repaired."""
        fixed = tmp_path / "fixed.pcapng"
        done = run(capture, "--algo", "crc-flip", "--write-pcapng", fixed)
        assert done.exit_code == 0, done.output
        assert f"{fixed}: 40 packets, 8 repaired" in done.stderr
        with CaptureReader(fixed) as reader:
            (frames,) = list(reader)
        assert set(frames.fcs_status.tolist()) == {FcsStatus.GOOD}

    def test_several_passes(self, capture: Path, tmp_path: Path) -> None:
        """However often the capture is replayed, it is repaired once."""
        fixed = tmp_path / "fixed.pcapng"
        done = run(capture, "--algo", "crc-flip", "--loop", 3, "--write-pcapng", fixed)
        assert done.exit_code == 0, done.output
        assert f"{fixed}: 40 packets, 8 repaired" in done.stderr

    def test_the_broken_ones_beside_them(self, capture: Path, tmp_path: Path) -> None:
        """With --keep-original there are both."""
        fixed = tmp_path / "fixed.pcapng"
        run(capture, "--algo", "crc-flip", "--write-pcapng", fixed, "--keep-original")
        with CaptureReader(fixed) as reader:
            assert sum(map(len, reader)) == 48

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (["--keep-original"], "--keep-original is for --write-pcapng"),
            (["--write-pcapng", "fixed.pcap"], "name it .pcapng"),
            (["--write-pcapng", "fixed.pcapng", "--algo", "crc-burst"], "give one --algo"),
        ],
    )
    def test_what_cannot_be(self, capture: Path, options: list[str], said: str) -> None:
        """Options that contradict each other are refused before anything is replayed."""
        done = run(capture, "--algo", "crc-flip", *options)
        assert done.exit_code == 2
        assert said in done.stderr
        assert not list(capture.parent.glob("*.parquet"))

    def test_files_that_exist(self, capture: Path, tmp_path: Path) -> None:
        """The capture is never overwritten, another file only if asked."""
        before = capture.read_bytes()
        done = run(capture, "--algo", "crc-flip", "--write-pcapng", capture, "--force")
        assert (done.exit_code, capture.read_bytes()) == (2, before)
        fixed = tmp_path / "fixed.pcapng"
        fixed.write_bytes(b"mine")
        done = run(capture, "--algo", "crc-flip", "--write-pcapng", fixed)
        assert (done.exit_code, fixed.read_bytes()) == (1, b"mine")
        assert run(capture, "--algo", "crc-flip", "--write-pcapng", fixed, "--force").exit_code == 0
        assert fixed.stat().st_size > 1000

    def test_what_was_lost_is_said(self, capture: Path, tmp_path: Path) -> None:
        """Of a capture that is cut off; once, also if its results were there already."""
        capture.write_bytes(capture.read_bytes()[:-9])
        for more in ([], ["--resume", "--force"]):
            fixed = tmp_path / "fixed.pcapng"
            done = run(capture, "--algo", "crc-flip", "--write-pcapng", fixed, *more)
            assert done.exit_code == 3, done.output
            assert done.stderr.count("the file ends inside a record") == 1, done.stderr
            assert "39 packets" in done.stderr

    def test_an_error_hides_nothing(self, capture: Path, tmp_path: Path) -> None:
        """The results are there, and are told, when it cannot be written."""
        fixed = tmp_path / "nowhere" / "fixed.pcapng"
        done = run(capture, "--algo", "crc-flip", "--write-pcapng", fixed, "--format", "json")
        assert done.exit_code == 1
        said = json.loads(done.stdout)
        assert said["algorithms"][0]["repaired"] == 8
        assert str(fixed) in said["errors"][0]["error"]

    def test_ctrl_c(self, capture: Path, tmp_path: Path) -> None:
        """Partial results make no repaired capture, which is said; --resume makes both."""
        fixed = tmp_path / "fixed.pcapng"
        words = ["replay", capture, "--algo", "crc-flip", "--pps", 20, "--write-pcapng", fixed]
        with subprocess.Popen(
            [WTREC, *map(str, words)], stderr=subprocess.PIPE, text=True
        ) as process:
            end = time.monotonic() + 60
            while not list(tmp_path.glob("*.arrows")):
                assert time.monotonic() < end
                time.sleep(0.02)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
        assert process.returncode == 3
        assert f"{fixed}: not written, as the results are partial; --resume" in said
        assert not fixed.exists()
        done = run(*words[1:], "--resume")
        assert done.exit_code == 0, done.output
        assert f"{fixed}: 40 packets, 8 repaired" in done.stderr
