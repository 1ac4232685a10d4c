"""``wtrec replay`` as users run it: paces, queues, several captures, JSON."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from wtrec.cli.analyze import analyze
from wtrec.cli.info import info
from wtrec.cli.replay import replay
from wtrec.cli.replay_modes import TAKEN_BY
from wtrec.datasets import pcapng
from wtrec.dot11 import fcs

WTREC = Path(sys.executable).with_name("wtrec")
ZEROS = bytes(50)
Write = Callable[..., Path]


def run(command: Any, *words: object) -> Result:
    return CliRunner().invoke(command, [str(word) for word in words])


def as_json(*words: object, exit_code: int = 0) -> dict[str, Any]:
    done = run(replay, *words, "--format", "json")
    assert done.exit_code == exit_code, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture
def captures(tmp_path: Path, write_capture: Write, udp_frame: Callable[..., bytes]) -> list[Path]:
    """Two runs of 30 frames of zeros at two rates, every third one with a flipped bit."""
    frames = [fcs.flip(udp_frame(ZEROS, sequence=n), [] if n % 3 else [500 + n]) for n in range(30)]
    return [
        write_capture(tmp_path / f"run{n}.pcapng", frames[n:], rates=[6.0, 54.0] * 15)
        for n in range(2)
    ]


def _begun(captures: list[Path]) -> list[Path]:
    """Journals of results that are being written."""
    return list(captures[0].parent.glob("*.arrows"))


def _until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not done():
        assert time.monotonic() < end
        time.sleep(0.05)


class TestJson:
    """What programs get."""

    def test_every_figure(self, captures: list[Path]) -> None:
        """Achieved beside asked, the queue, deadlines; the same in the file."""
        found = as_json(
            captures[0], "--algo", "crc-flip", "--pps", 2000, "--deadline", "application"
        )
        (row,) = found["algorithms"]
        assert (found["frames"], found["bad"], found["pace"]) == (30, 10, "pps 2000")
        assert (found["batch"], found["deadline_us"], found["on_overrun"]) == (1, 200_000, "wait")
        assert row["asked_fps"] == pytest.approx(2000)
        assert 0 < row["achieved_fps"] <= 2010
        queue = row["queue"]
        assert queue["met"] + queue["missed"] == 10
        assert (queue["calls"], queue["batch_max"], queue["dropped"]) == (30, 1, 0)
        assert queue["sojourn_us"]["max"] >= queue["wait_us"]["max"] >= 0
        assert row["left_out"] == dict.fromkeys(row["left_out"], 0)

    def test_what_is_left_out(self, captures: list[Path]) -> None:
        """Frames that are not selected are counted, and bad ones said."""
        words = [captures[0], "--algo", "crc-flip", "--select", "rate_mbps == 54"]
        found = as_json(*words, "--loop", 2)
        assert found["selection"] == {"select": "rate_mbps == 54", "loop": 2}
        assert found["frames"] == 30
        assert found["algorithms"][0]["left_out"]["unselected"] == 15
        text = run(replay, *words).output
        assert "left out: 15 not selected; 5 of these frames are bad" in text

    def test_captures_and_algorithms(self, captures: list[Path]) -> None:
        """Each algorithm on each capture, in processes; each has its file and its row."""
        words = [*captures, "--algo", "crc-flip", "--algo", "crc-burst", "-j", 2]
        found = as_json(*words)
        assert [(row["capture"], row["name"]) for row in found["algorithms"]] == [
            (str(capture), name) for capture in captures for name in ("crc-flip", "crc-burst")
        ]
        assert (found["frames"], found["bad"]) == (59, 19)
        for capture in captures:
            assert capture.with_suffix(".crc-burst.parquet").exists()


class TestFailures:
    """One of several."""

    def test_the_others_go_on(self, captures: list[Path]) -> None:
        """The error names its replay, the exit code is 1, and the rest is there."""
        captures[0].write_bytes(captures[0].read_bytes() + bytes.fromhex("06000000 0d000000ff"))
        done = run(replay, *captures, "--algo", "crc-flip")
        assert done.exit_code == 1
        assert done.stderr.startswith(f"wtrec: crc-flip: {captures[0]}, offset ")
        assert "run1.pcapng, crc-flip: 29 frames" in done.stdout
        found = as_json(*captures, "--algo", "crc-flip", exit_code=1)
        assert [row["capture"] for row in found["algorithms"]] == [str(captures[1])]
        assert [row["capture"] for row in found["errors"]] == [str(captures[0])]

    @pytest.mark.slow
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
    def test_processes_do_not_outlive_the_command(
        self, captures: list[Path], number: signal.Signals
    ) -> None:
        """However it ends, its processes end too, and make partial results of their journals."""
        words = ["replay", *captures, "--algo", "crc-flip", "-j", 2, "--pps", 0.1]
        with subprocess.Popen([WTREC, *map(str, words)], start_new_session=True) as process:
            _until(lambda: len(_begun(captures)) == 2)
            if number == signal.SIGINT:  # a terminal sends it to all
                os.killpg(process.pid, number)
            else:
                process.send_signal(number)
            assert process.wait(20)
        _until(lambda: not _begun(captures))

    @pytest.mark.parametrize(
        "to_all", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["parent", "group"]
    )
    def test_ctrl_c_ends_what_runs_and_begins_nothing(
        self, captures: list[Path], to_all: bool
    ) -> None:
        """Sent to all processes or to the first: partial results of two, none of the third."""
        third = captures[0].with_name("run2.pcapng")
        third.write_bytes(captures[0].read_bytes())
        words = ["replay", *captures, third, "--algo", "crc-flip", "-j", 2, "--pps", 0.1]
        with subprocess.Popen(
            [WTREC, *map(str, words)], start_new_session=True, stderr=subprocess.PIPE, text=True
        ) as process:
            _until(lambda: len(_begun(captures)) == 2)
            (os.killpg if to_all else os.kill)(process.pid, signal.SIGINT)
            try:
                _, said = process.communicate(timeout=20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                raise
        assert process.returncode == 1
        assert said.count("partial: ended by SIGINT") == 2, said
        assert f"wtrec: crc-flip: {third}: not begun: ended by SIGINT" in said
        assert not third.with_suffix(".crc-flip.parquet").exists()
        assert not _begun(captures)

    def test_one_name_for_two_files(self, captures: list[Path]) -> None:
        """-o is for one algorithm and one capture."""
        done = run(replay, *captures, "--algo", "crc-flip", "-o", "x.parquet")
        assert done.exit_code == 2

    def test_a_bad_schedule(self, captures: list[Path], tmp_path: Path) -> None:
        """One line that names the file and the line."""
        path = tmp_path / "x.txt"
        path.write_text("1 x")
        done = run(replay, captures[0], "--algo", "crc-flip", "--pps-profile", path)
        assert "line 1: '1 x'" in str(done.exception)


class TestProgress:
    """What is said meanwhile, and after."""

    def test_stats(self, captures: list[Path]) -> None:
        """A line now and then on stderr, with what was asked for and how late it is."""
        done = run(replay, captures[0], "--algo", "crc-flip", "--rate", 0.03, "--stats", 0.2)
        assert done.exit_code == 0, done.output
        lines = done.stderr.splitlines()
        assert len(lines) >= 2
        assert all("frames/s, asked " in line and "ms behind" in line for line in lines)

    def test_queue_table(self, captures: list[Path], tmp_path: Path) -> None:
        """A paced replay ends with the figures of its queue, and says the batch size."""
        path = tmp_path / "burst.txt"
        path.write_text("0.01 1000\n0.01 0\n")
        words = ["--pps-profile", path, "--batch", 5, "--deadline", "sifs"]
        done = run(replay, captures[0], "--algo", "crc-flip", *words)
        assert done.exit_code == 0, done.output
        assert "queue, us, up to 5 frames in a call, deadline sifs (10 us)" in done.stdout
        assert "pps-profile burst.txt" in done.stdout

    def test_find_max(self, captures: list[Path]) -> None:
        """A rate for each algorithm, and no results."""
        words = [captures[0], "--algo", "crc-flip:max_flips=1", "--find-max", "--trial", 0.01]
        done = run(replay, *words, "--format", "json")
        assert done.exit_code == 0, done.output
        (found,) = json.loads(done.stdout)["find_max"]
        assert found["pps"] > 0
        assert "frames/s: " in done.stderr
        assert not captures[0].with_suffix(".crc-flip.parquet").exists()

    def test_find_max_of_several(self, captures: list[Path]) -> None:
        """One that fails hides no answer of the others."""
        captures[1].write_bytes(b"nonsense")
        words = [*captures, "--algo", "crc-flip:max_flips=1", "--find-max", "--trial", 0.01]
        done = run(replay, *words, "--format", "json")
        assert done.exit_code == 1
        said = json.loads(done.stdout)
        assert [each["capture"] for each in said["find_max"]] == [str(captures[0])]
        assert [each["capture"] for each in said["errors"]] == [str(captures[1])]
        assert f"wtrec: crc-flip:max_flips=1: {captures[1]}" in done.stderr

    def test_find_max_is_ended_by_a_signal(self, captures: list[Path]) -> None:
        """What is known is said; no further search is begun."""
        words = [*captures, "--algo", "crc-flip:max_flips=1", "--find-max", "--trial", 2]
        with subprocess.Popen(
            [WTREC, "replay", *map(str, words)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            assert process.stderr is not None
            while "sustained" not in process.stderr.readline():
                assert process.poll() is None
            process.send_signal(signal.SIGTERM)
            out, said = process.communicate(timeout=30)
        assert process.returncode == 3, said
        assert f"{captures[0]}, crc-flip: the search was ended by SIGTERM: " in said
        assert f"{captures[1]}, crc-flip:max_flips=1: not begun: ended by SIGTERM" in said
        assert "largest sustained pace:" in out


class TestAnalyze:
    """What the analysis makes of such results."""

    def test_dropped_frames_count_as_not_repaired(self, captures: list[Path]) -> None:
        """They have a column of their own, and a warning; never are they left out."""
        words = ["--pps", 1e7, "--deadline", 1, "--on-overrun", "drop"]
        found = as_json(captures[0], "--algo", "crc-flip", *words)
        dropped = found["algorithms"][0]["dropped"]
        assert dropped >= 9
        done = run(analyze, captures[0], "--payload", "zeros", "--format", "json")
        analysis = json.loads(done.stdout)
        (score,) = analysis["algorithms"]
        assert (score["attempted"], score["dropped"]) == (10, dropped)
        assert score["repaired"] + score["abstained"] + score["dropped"] == 10
        assert sum(row["dropped"] for row in score["by"]) == dropped
        assert score["right_share"] == score["correct"] / 10
        assert any(f"{dropped} of 10 bad frames were dropped" in w for w in analysis["warnings"])
        assert analysis["throughput"]["service"][0]["frames"] == 10 - dropped
        assert "dropped" in run(analyze, captures[0], "--payload", "zeros").output

    def test_the_first_pass_is_judged(self, captures: list[Path]) -> None:
        """Each frame counts once, and that there is more is said."""
        as_json(captures[0], "--algo", "crc-flip", "--loop", 3)
        done = run(analyze, captures[0], "--payload", "zeros", "--format", "json")
        analysis = json.loads(done.stdout)
        assert analysis["algorithms"][0]["attempted"] == 10
        assert any("several passes" in warning for warning in analysis["warnings"])


class TestModes:
    """What goes with what."""

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            ("--to udp://h:1 -o x.parquet -j 2", "lets frames leave as they are; --jobs and -o"),
            ("--to udp://h:1 --write-pcapng x.pcapng --keep-original", "--write-pcapng and"),
            ("--to udp://h:1 --deadline sifs --on-overrun drop", "--deadline and --on-overrun"),
            ("--to udp://h:1 --stats 1 --resume --batch 3", "--batch, --stats and --resume"),
            ("--to udp://h:1 --find-max", "keeps nothing; --to would do nothing here"),
            ("--algo crc-flip --find-max -o x.parquet --resume", "-o and --resume"),
            ("--algo crc-flip --find-max --write-pcapng x.pcapng", "--write-pcapng"),
            ("--algo crc-flip --find-max --pps 5 --loop 2", "--pps and --loop"),
            ("--algo crc-flip --trial 2 -c 5 -w x.pcapng", "--trial, -w and -c"),
            ("--algo crc-flip --force", "--force is for --write-pcapng"),
        ],
    )
    def test_no_option_does_nothing(self, captures: list[Path], words: str, said: str) -> None:
        """What would have no effect is refused before anything is opened."""
        before = set(captures[0].parent.iterdir())
        done = run(replay, captures[0], *words.split())
        assert done.exit_code == 2
        assert said in done.stderr
        assert set(captures[0].parent.iterdir()) == before

    def test_the_table_names_options(self) -> None:
        """Each name in it is that of an option."""
        names = {parameter.name for parameter in replay.params}
        assert set(TAKEN_BY) <= names
        assert names - set(TAKEN_BY) == {"sources", "choices", "output_format", "quiet"}


class TestNothingToRepair:
    """What there is instead of bad frames is a warning, and no failure."""

    @pytest.fixture(autouse=True)
    def _in(self, tmp_path: Path) -> None:
        self.path = tmp_path / "run.pcapng"

    def written(self, linktype: int, packets: list[bytes]) -> Path:
        with self.path.open("wb") as file:
            file.write(pcapng.SectionHeader.make().write("<"))
            file.write(pcapng.InterfaceDescription.make(linktype=linktype).write("<"))
            for packet in packets:
                file.write(pcapng.EnhancedPacket.make(0, 0, packet).write("<"))
        return self.path

    def warnings(self) -> list[str]:
        done = run(replay, self.path, "--algo", "crc-flip:max_flips=1", "--format", "json")
        assert done.exit_code == 0, done.output
        lines: list[str] = json.loads(done.stdout)["warnings"]
        assert done.stderr.splitlines() == [f"wtrec: warning: {line}" for line in lines]
        return [line.removeprefix(f"{self.path}: ") for line in lines]

    def test_no_fcs(self, write_capture: Write, udp_frame: Callable[..., bytes]) -> None:
        """As most cards deliver them."""
        write_capture(self.path, [udp_frame(ZEROS)[:-4]] * 3, flags=[0] * 3)
        assert self.warnings() == ["nothing to repair: 3 frames are without an FCS"]

    def test_no_80211(self) -> None:
        """Ethernet."""
        self.written(1, [bytes(60)] * 4)
        assert self.warnings() == ["nothing to repair: 4 packets are not 802.11"]

    def test_no_packets(self) -> None:
        """A capture that ended too soon."""
        self.written(127, [])
        assert self.warnings() == ["nothing to repair: there are no packets"]

    def test_only_good_ones(self, write_capture: Write, udp_frame: Callable[..., bytes]) -> None:
        """That is said by the numbers."""
        write_capture(self.path, [udp_frame(ZEROS)])
        assert self.warnings() == []

    def test_bare_frames(self, udp_frame: Callable[..., bytes]) -> None:
        """Broken ones cannot be told from those without an FCS; info says so, too."""
        good = udp_frame(ZEROS)
        self.written(105, [good, fcs.flip(good, [300]), good])
        (line,) = self.warnings()
        assert line == (
            "1 frames count as without an FCS, and may be broken ones: the capture does not say "
            "that it has FCSs, and 2 frames have a good one"
        )
        shown = run(info, self.path)
        assert (shown.exit_code, shown.stderr) == (0, f"wtrec: warning: {self.path}: {line}\n")
        self.written(105, [good[:-4]] * 2)
        assert run(info, self.path).stderr == ""
