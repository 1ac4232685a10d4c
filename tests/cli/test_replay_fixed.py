"""``wtrec replay``: what it makes beside its results."""

from __future__ import annotations

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
