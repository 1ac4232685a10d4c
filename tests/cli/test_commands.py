"""The commands as users run them: output, files, exit codes, one-line errors."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from wtrec.cli.analyze import analyze
from wtrec.cli.info import info
from wtrec.cli.main import COMMANDS, wtrec
from wtrec.cli.replay import replay
from wtrec.datasets.run import results_path

from .. import forked

ZEROS = bytes(50)


def _wtrec(*words: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return forked.run(words, cwd=cwd)


def _run(command: object, *words: object) -> Result:
    return CliRunner().invoke(command, [str(word) for word in words])  # type: ignore[arg-type]


@pytest.fixture
def capture(
    tmp_path: Path, write_capture: Callable[..., Path], udp_frame: Callable[..., bytes]
) -> Path:
    """Ten frames of zeros at two rates; the fourth and the ninth have one flipped payload bit."""
    frames = [udp_frame(ZEROS, sequence=n) for n in range(10)]
    for n, bit in ((3, 500), (8, 700)):
        damaged = bytearray(frames[n])
        damaged[bit // 8] ^= 1 << bit % 8
        frames[n] = bytes(damaged)
    return write_capture(tmp_path / "run.pcapng", frames, rates=[6.0] * 5 + [54.0] * 5)


class TestMain:
    """The command itself."""

    def test_every_command_is_listed_and_has_help(self) -> None:
        """In the order of a day's work, each with a sentence of its own."""
        listing = _run(wtrec, "--help").output
        places = [listing.index(f"\n  {name} ") for name in COMMANDS]
        assert places == sorted(places)
        for name in COMMANDS:
            shown = _run(wtrec, name, "--help")
            assert shown.exit_code == 0
            assert len(shown.output.splitlines()) > 4

    def test_an_unknown_command_is_wrong_usage(self) -> None:
        """Exit code 2, as click has it."""
        assert _wtrec("nothing").returncode == 2

    def test_an_error_is_one_line_that_names_the_file(self, tmp_path: Path) -> None:
        """On stderr, with exit code 1, and without a traceback."""
        path = tmp_path / "notes.txt"
        path.write_text("no capture at all")
        done = _wtrec("info", path)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == (
            f"wtrec: {path}, offset 0: neither pcapng nor pcap: it begins with 6e 6f 20 63\n"
        )

    def test_a_folder_that_cannot_be_written_is_one_line_too(
        self, capture: Path, tmp_path: Path
    ) -> None:
        """Errors of the operating system name the file."""
        done = _wtrec("replay", capture, "--algo", "crc-flip", "-o", tmp_path / "no" / "x.parquet")
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1] == (
            f"wtrec: {tmp_path}/no/x.parquet: No such file or directory"
        )

    def test_pipes_and_devices_are_refused(self, capture: Path, tmp_path: Path) -> None:
        """A capture is read more than once, and results take the place of what has their name."""
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        done = _wtrec("replay", capture, "--algo", "crc-flip", "-o", pipe)
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1].startswith(f"wtrec: {pipe}: not a regular file")
        assert pipe.is_fifo()
        with subprocess.Popen(["cat", capture], stdout=subprocess.PIPE) as cat:
            shown = forked.run(["info", "/dev/stdin"], stdin=cat.stdout)
        assert shown.stderr == "wtrec: /dev/stdin: a pipe, wanted a file: it is read twice\n"

    def test_an_interruption_is_one_line(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Ctrl-C before a command has anything to end."""

        @click.command()
        def stopped() -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(type(wtrec), "get_command", lambda *_: stopped)
        done = _run(wtrec, "info")
        assert (done.exit_code, done.output) == (1, "wtrec: interrupted\n")

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
    def test_a_signal_leaves_nothing_half_made(
        self, tmp_path: Path, number: signal.Signals
    ) -> None:
        """A batch system, or a terminal that is closed, ends a command as Ctrl-C does."""
        with forked.popen(
            ["simulate", "-w", "x.pcapng", "--frames", "1000000", "--snr", "20"],
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as running:
            try:
                until = time.monotonic() + 60
                while not list(tmp_path.iterdir()) and time.monotonic() < until:
                    time.sleep(0.02)
                assert list(tmp_path.iterdir())
                running.send_signal(number)
                _, said = running.communicate(timeout=60)
            finally:
                running.kill()
        assert (running.returncode, said.splitlines()[-1]) == (1, "wtrec: interrupted")
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.root
    def test_a_full_disk_is_named(self, tmp_path: Path, capture: Path) -> None:
        """Where no room is left, and what to do."""
        full = tmp_path / "full"
        full.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", full], check=True)
        try:
            (full / "rest").write_bytes(bytes(4096))
            done = _wtrec("convert", capture, "-o", full / "x.pcap")
        finally:
            subprocess.run(["umount", full], check=True)
        assert done.returncode == 1
        what = "No space left on device; make room there, or write elsewhere"
        assert done.stderr.splitlines()[-1] == f"wtrec: {full / 'x.pcap'}: {what}"

    def test_a_reader_that_goes_away_is_no_traceback(self, capture: Path) -> None:
        """``wtrec info ... | head -1``."""
        reading, writing = os.pipe()
        os.close(reading)
        process = forked.popen(["info", capture], stdout=writing, stderr=subprocess.PIPE, text=True)
        os.close(writing)
        _, errors = process.communicate()
        assert "Traceback" not in errors


class TestInfo:
    """wtrec info."""

    def test_the_table_and_the_json_say_the_same(self, capture: Path) -> None:
        """Ten frames, two bad."""
        (facts,) = json.loads(_run(info, capture, "--format", "json").output)
        assert (facts["frames"]["total"], facts["frames"]["bad"]) == (10, 2)
        assert facts["rates"] == [
            {"rate_mbps": 6.0, "frames": 5},
            {"rate_mbps": 54.0, "frames": 5},
        ]
        text = _run(info, capture).output
        assert f"  sha256              {facts['sha256']}" in text
        assert "    bad FCS           2\n" in text

    def test_a_truncated_file_is_read_up_to_there_and_exits_with_3(self, capture: Path) -> None:
        """All whole frames are counted, and the offset of the cut is named."""
        data = capture.read_bytes()
        capture.write_bytes(data[:-30])
        shown = _run(info, capture, "--format", "json")
        assert shown.exit_code == 3
        assert json.loads(shown.stdout)[0]["frames"]["total"] == 9
        assert "the file ends inside a record" in shown.stderr
        assert f"offset {len(data) - 30 - (len(data[:-30]) - _last_block(data))}" in shown.stderr

    def test_a_corrupt_file_is_an_error(self, capture: Path) -> None:
        """Exit code 1, with the offset and the number of whole packets."""
        data = bytearray(capture.read_bytes())
        data[_last_block(data) + 4] ^= 1
        capture.write_bytes(data)
        done = _wtrec("info", capture)
        assert done.returncode == 1
        assert f"{capture}, offset {_last_block(data)}: " in done.stderr
        assert "the 9 packets before it are whole" in done.stderr

    def test_packed_files_are_read(self, capture: Path) -> None:
        """Gzip is recognised by its first bytes."""
        packed = capture.with_name("packed")
        packed.write_bytes(gzip.compress(capture.read_bytes()))
        assert "  802.11 frames       10\n" in _run(info, packed).output


def _last_block(data: bytes | bytearray) -> int:
    """Offset of the last block; all packet blocks have the same length here."""
    length = int.from_bytes(data[-4:], "little")
    return len(data) - length


class TestReplayAndAnalyze:
    """wtrec replay, then wtrec analyze."""

    def test_the_main_job(self, capture: Path) -> None:
        """Both single flips are repaired, found beside the capture, and judged correct."""
        done = _run(replay, capture, "--algo", "crc-flip")
        assert done.exit_code == 0, done.output
        assert results_path(capture, "crc-flip").exists()
        analysis = json.loads(
            _run(analyze, capture, "--payload", "zeros", "--format", "json").stdout
        )
        assert analysis["matching"]["matched"] == 2
        assert [(g["rate_mbps"], g["bits"], g["bit_errors"]) for g in analysis["by"]] == [
            (6.0, 400, 1),
            (54.0, 400, 1),
        ]
        (score,) = analysis["algorithms"]
        assert score["name"] == "crc-flip"
        assert [score[key] for key in ("attempted", "repaired", "correct", "wrong")] == [2, 2, 2, 0]

    def test_results_never_overwrite_what_was_measured(self, capture: Path) -> None:
        """Neither the capture nor its tx log, by whatever name -o has them."""
        before = capture.read_bytes()
        (capture.parent / "there").symlink_to(capture)
        for name in ("run.pcapng", "there", "run.tx.parquet"):
            done = _run(replay, capture, "--algo", "crc-flip", "-o", capture.with_name(name))
            assert done.exit_code == 2, done.output
            assert "would overwrite" in done.output
        assert capture.read_bytes() == before
        assert not capture.with_name("run.tx.parquet").exists()

    def test_results_beside_are_those_of_this_capture(self, capture: Path) -> None:
        """What belongs to run.2.pcapng is not taken for run.pcapng's, and names are no patterns."""
        for name in ("run.2.pcapng", "run[2].pcapng"):
            other = capture.with_name(name)
            other.write_bytes(capture.read_bytes() + b"cut")
            assert _run(replay, other, "--algo", "crc-flip").exit_code == 3
            capture.with_name("run.2.tx.parquet").touch()
            capture.with_name("run.2.frames.parquet").touch()
            shown = _run(analyze, other, "--payload", "zeros")
            assert f"results: {results_path(other, 'crc-flip')}\n" in shown.stderr
        shown = _run(analyze, capture, "--payload", "zeros")
        assert shown.exit_code == 0, shown.stderr
        assert "results:" not in shown.stderr

    def test_it_says_what_it_used(self, capture: Path) -> None:
        """Truth and results, on stderr, unless -q."""
        _run(replay, capture, "--algo", "crc-flip")
        shown = _run(analyze, capture, "--payload", "00")
        assert "truth: payload 00\n" in shown.stderr
        assert f"results: {results_path(capture, 'crc-flip')}\n" in shown.stderr
        assert _run(analyze, capture, "--payload", "00", "-q").stderr == ""

    def test_without_truth_nothing_is_judged(self, capture: Path) -> None:
        """Frames are still counted; repairs are unjudged."""
        _run(replay, capture, "--algo", "crc-flip")
        analysis = json.loads(_run(analyze, capture, "--format", "json").stdout)
        assert analysis["frames"]["bad"] == 2
        assert analysis["matching"]["unmatched"] == 2
        assert analysis["algorithms"][0]["unjudged"] == 2
        assert [group["ber"] for group in analysis["by"]] == [None, None]

    def test_csv_has_the_groups(self, capture: Path) -> None:
        """A header and a row a group."""
        text = _run(analyze, capture, "--payload", "zeros", "--format", "csv", "-q").stdout
        rows = list(csv.DictReader(io.StringIO(text)))
        assert [row["rate_mbps"] for row in rows] == ["6.0", "54.0"]
        assert rows[0]["bit_errors"] == "1"

    def test_results_of_another_capture_are_refused(
        self, capture: Path, tmp_path: Path, write_capture: Callable[..., Path]
    ) -> None:
        """The capture's hash is kept with the results."""
        _run(replay, capture, "--algo", "crc-flip")
        other = write_capture(tmp_path / "other.pcapng", [bytes(20)] * 9)
        done = _wtrec("analyze", other, results_path(capture, "crc-flip"), "--payload", "zeros")
        assert done.returncode == 1
        assert "replay this capture again" in done.stderr

    @pytest.mark.parametrize(
        "words",
        [
            ["--pps", "5", "--rate", "2"],
            ["--topspeed", "--pps", "5"],
            ["--pps", "0"],
            ["--mbps", "5", "--rate", "2"],
            ["--on-overrun", "drop"],
            ["--deadline", "soon"],
            ["--select", "speed == 5"],
            ["--batch", "65537"],
            ["--find-max", "--pps", "5"],
            ["--pps", "nan"],
            ["--rate", "inf"],
            ["--limit", "0"],
            ["--algo", "crc-flip:max_flips=1"],
            ["--algo", "crc-flip", "-o", "x.parquet"],
        ],
    )
    def test_contradictions_are_wrong_usage(self, capture: Path, words: list[str]) -> None:
        """Two paces, impossible numbers, two algorithms with one file: exit code 2."""
        done = _run(replay, capture, "--algo", "crc-flip", *words)
        assert done.exit_code == 2, done.output
        assert not results_path(capture, "crc-flip").exists()

    def test_two_truths_are_wrong_usage(self, capture: Path) -> None:
        """--tx-log and --payload exclude each other, and a payload rule must be one."""
        words = ["--tx-log", capture, "--payload", "zeros"]
        assert _run(analyze, capture, *words).exit_code == 2
        assert _run(analyze, capture, "--payload", "xyz").exit_code == 2

    @pytest.mark.parametrize(
        ("choice", "message"),
        [
            ("crc-flop", "no algorithm 'crc-flop'; there are: "),
            ("crc-flip:max_flips=9", "max_flips=9, wanted 1 to 3"),
            ("crc-flip:gate=wide", "gate='wide', wanted float"),
            ("crc-flip:depth=1", "takes no parameter 'depth=1'; it has: max_flips, gate"),
        ],
    )
    def test_a_wrong_algorithm_is_one_line(self, capture: Path, choice: str, message: str) -> None:
        """Which says what there is instead."""
        done = _wtrec("replay", capture, "--algo", choice)
        assert done.returncode == 2
        assert message in done.stderr
        assert done.stderr.count("\n") == 1


class TestDemo:
    """wtrec demo."""

    @pytest.mark.slow
    def test_the_same_seed_gives_the_same_numbers(self, tmp_path: Path) -> None:
        """All files are there, and a second run prints the same tables."""
        outputs = []
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
            done = _wtrec("demo", "--frames", 15, "--seed", 3, cwd=tmp_path / name)
            assert done.returncode == 0, done.stderr
            outputs.append(done.stdout.partition("3. wtrec analyze")[2])
        names = {path.name for path in (tmp_path / "a" / "wtrec-demo").iterdir()}
        results = {"run.crc-flip.parquet", "run.crc-event.parquet"}
        assert names == {"run.pcapng", "run.tx.parquet", "run.json", *results}
        assert outputs[0] == outputs[1]
        assert "crc-flip" in outputs[0]
