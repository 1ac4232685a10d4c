"""``wtrec simulate`` as users run it: files, usage, and frames that the kernel delivers."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from wtrec.datasets.reader import CaptureReader
from wtrec.recorder.interface import has_listener

from .. import forked

WTREC = str(Path(sys.executable).with_name("wtrec"))


def _simulate(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return forked.run(["simulate", "-w", "run.pcapng", *words], cwd=folder)


def _frames(path: Path) -> list[tuple[int, bytes]]:
    """Radio clock and bytes of each frame."""
    with CaptureReader(path) as reader:
        return [
            (tsft, mpdu)
            for frames in reader
            for tsft, mpdu in zip(
                frames.column("tsft_us").to_pylist(),
                frames.column("mpdu").to_pylist(),
                strict=True,
            )
        ]


class TestFiles:
    """Without --to."""

    def test_a_grid_is_written(self, tmp_path: Path) -> None:
        """Frames at each rate and SNR, and a line that counts them."""
        words = ["--rate", "6", "--rate", "54", "--snr", "5", "--snr", "25", "--frames", "10"]
        done = _simulate(tmp_path, *words)
        assert done.returncode == 0, done.stderr
        assert "run.pcapng: 40 frames, 10 bad\n" in done.stderr
        names = {path.name for path in tmp_path.iterdir()}
        assert names == {"run.pcapng", "run.tx.parquet", "run.json"}
        assert len(_frames(tmp_path / "run.pcapng")) == 40

    @pytest.mark.slow
    def test_its_tx_log_is_found_beside_it(self, tmp_path: Path) -> None:
        """However the capture's name ends."""
        for name in ("run.pcap", "run.1.cap", "run"):
            done = _simulate(tmp_path, "--frames", "2", "--force", "-w", name)
            assert done.returncode == 0, done.stderr
            done = forked.run(["analyze", name], cwd=tmp_path)
            stem = name.removesuffix(".pcap").removesuffix(".cap")
            assert f"truth: tx log {stem}.tx.parquet (mpdu)\n" in done.stderr

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["--channel", "bsc"], "channel bsc needs --ber, and takes no --snr"),
            (["--channel", "bsc", "--ber", "0.1", "--snr", "3"], "needs --ber, and takes no --snr"),
            (["--ber", "0.1"], "channel awgn takes --snr, not --ber"),
            (["--rate", "7"], "rate_mbps=7.0, wanted one of"),
            (["--length", "10"], "length=10, wanted 64 to 4095"),
            (["--channel", "gilbert", "--ber", "0.4"], "error_rate=0.4, wanted above 0"),
            (["--snr", "500"], "snr_db=500.0, wanted -100 to 100"),
        ],
    )
    def test_contradictions_are_wrong_usage(
        self, tmp_path: Path, words: list[str], message: str
    ) -> None:
        """Exit code 2, a sentence, and no file."""
        done = _simulate(tmp_path, *words)
        assert done.returncode == 2, done.stderr
        assert message in done.stderr
        assert not list(tmp_path.iterdir())

    def test_a_run_that_exists_is_kept(self, tmp_path: Path) -> None:
        """A recording is not replaced by a simulation unless that is asked for."""
        (tmp_path / "run.json").write_text("mine")
        done = _simulate(tmp_path, "--frames", "1")
        assert done.returncode == 1
        assert "run.json exists; name another file with -w, or overwrite" in done.stderr
        assert [path.name for path in tmp_path.iterdir()] == ["run.json"]
        assert _simulate(tmp_path, "--frames", "1", "--force").returncode == 0

    def test_the_name_says_what_is_written(self, tmp_path: Path) -> None:
        """Nothing is packed, so no name may say so."""
        done = _simulate(tmp_path, "-w", "run.pcapng.gz")
        assert done.returncode == 2
        assert "the capture is not packed" in done.stderr


@pytest.mark.root
class TestLive:
    """With --to, in a network namespace."""

    def test_capture_records_the_simulated_frames(
        self, tmp_path: Path, network_namespace: None
    ) -> None:
        """Byte for byte, broken ones too, in order and in real time."""
        del network_namespace
        words = ["--to", "mon0", "--rate", "12", "--snr", "3", "--frames", "300", "--length", "800"]
        with subprocess.Popen(
            [WTREC, "simulate", "-w", "sim.pcapng", *words],
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            text=True,
        ) as simulator:
            try:
                assert simulator.stderr is not None
                while "mon0 is up" not in (line := simulator.stderr.readline()):
                    assert line, "the simulator ended"
                assert not has_listener("mon0")
                started = time.monotonic()
                recorder = subprocess.run(
                    [WTREC, "capture", "mon0", "-w", "rec.pcapng", "-c", "300", "-q"],
                    cwd=tmp_path,
                    capture_output=True,
                    text=True,
                    check=False,
                )
                assert recorder.returncode == 0, recorder.stderr
                simulator.wait(timeout=60)
            finally:
                simulator.kill()
        assert simulator.returncode == 0
        sent, recorded = _frames(tmp_path / "sim.pcapng"), _frames(tmp_path / "rec.pcapng")
        assert recorded == sent
        assert time.monotonic() - started > (sent[-1][0] - sent[0][0]) / 1e6
        for name in ("sim", "rec"):
            with CaptureReader(tmp_path / f"{name}.pcapng") as reader:
                bad = sum(sum(frames.column("bad_fcs").to_pylist()) for frames in reader)
            assert 60 < bad < 240
