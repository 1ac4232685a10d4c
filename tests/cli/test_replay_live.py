"""``wtrec replay mon0``: algorithms on frames as they are captured."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from wtrec.analysis.analyze import analyze
from wtrec.cli.main import wtrec
from wtrec.datasets.files import sha256_of
from wtrec.datasets.parquet import TableFile
from wtrec.datasets.reader import CaptureReader
from wtrec.datasets.results import RESULTS
from wtrec.dot11 import fcs, radiotap
from wtrec.recorder.interface import has_listener
from wtrec.recorder.tun import MonitorTun
from wtrec.replay.choice import make
from wtrec.replay.engine import Contender, replay

from .. import forked

Frame = Callable[..., bytes]

WTREC = str(Path(sys.executable).with_name("wtrec"))
pytestmark = pytest.mark.root


@pytest.fixture
def frames(udp_frame: Frame) -> list[bytes]:
    """Two hundred packets of a monitor interface, every fourth one broken."""
    found = []
    for i in range(200):
        mpdu = fcs.flip(udp_frame(bytes([i]) * 60, i), [] if i % 4 else [400 + i, 600])
        bad = radiotap.Flags.BAD_FCS if i % 4 == 0 else 0
        found.append(radiotap.build(flags=radiotap.Flags.FCS | bad, rate=12) + mpdu)
    return found


_LIVE: list[subprocess.Popen[str]] = []


@pytest.fixture(autouse=True)
def _none_is_left() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    """A test that fails leaves no process."""
    yield
    while _LIVE:
        process = _LIVE.pop()
        process.kill()
        process.communicate()


class Live:
    """A live replay that runs; ``forks`` is quicker, but skips what Python does at its exit."""

    def __init__(self, *arguments: object, interface: str = "mon0", forks: bool = True) -> None:
        words = ["replay", interface, *map(str, arguments)]
        pipe = subprocess.PIPE
        self.process: subprocess.Popen[str] = (
            forked.popen(words, stdout=pipe, stderr=pipe, text=True)
            if forks
            else subprocess.Popen([WTREC, *words], stdout=pipe, stderr=pipe, text=True)
        )
        _LIVE.append(self.process)
        while not has_listener("mon0") and self.process.poll() is None:
            time.sleep(0.01)

    def end(self, number: int | None = None) -> int:
        if number is not None:
            self.process.send_signal(number)
        self.out, self.said = self.process.communicate(timeout=60)
        return self.process.returncode


def rows_of(path: Path) -> list[dict[str, Any]]:
    with TableFile(path, RESULTS) as results:
        return [
            {key: row[key] for key in ("number", "outcome", "flips")}
            for batch in results.batches()
            for row in batch.to_pylist()
        ]


def test_recorded_and_replayed(mon0: MonitorTun, tmp_path: Path, frames: list[bytes]) -> None:
    """The recording has every frame, and results are those of a replay of it; both are judged."""
    capture = tmp_path / "run.pcapng"
    live = Live("--algo", "crc-flip", "-w", capture, "-c", 200, "--format", "json")
    mon0.write_many(frames)
    assert live.end() == 0, live.said
    said = json.loads(live.out)
    assert (said["frames"], said["bad"], said["pace"], said["losses"]) == (200, 50, "live", [])
    (algorithm,) = said["algorithms"]
    assert (algorithm["attempted"], algorithm["repaired"]) == (50, 50)
    output = tmp_path / "run.crc-flip.parquet"
    assert algorithm["results"] == str(output)
    rows = rows_of(output)
    again = tmp_path / "again.parquet"
    crc_flip, parameters = make("crc-flip")
    replay(capture, [Contender(crc_flip, parameters, again)])
    assert rows == rows_of(again)
    with TableFile(output, RESULTS) as results:
        metadata = results.metadata
    assert metadata["capture_sha256"] == sha256_of(capture)
    assert (metadata["pace"], metadata["skipped"]) == ("live", "0")
    assert re.search(r"6 +200 +50 +25.0%", live.said)  # the table by rate
    (score,) = analyze(capture, results=[output]).algorithms
    assert (score.attempted, score.fcs_holds) == (50, 50)


def test_without_a_recording(
    mon0: MonitorTun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frames: list[bytes]
) -> None:
    """Ctrl-C ends it; what was repaired is told, and no file is left."""
    monkeypatch.chdir(tmp_path)
    live = Live("--algo", "crc-flip", "--algo", "crc-burst")
    mon0.write_many(frames)
    time.sleep(1)
    assert live.end(signal.SIGINT) == 0, live.said
    assert re.search(r"200 frames, 50 bad, in .* \(live\)", live.out)
    assert re.search(r"crc-flip +50 +50", live.out)
    assert "crc-flip: no results are kept" in live.out
    assert "not recorded: ended by SIGINT" in live.said
    assert not list(tmp_path.iterdir())


def test_repaired_frames_go_on(mon0: MonitorTun, tmp_path: Path, frames: list[bytes]) -> None:
    """With --to, frames leave as they come, repaired."""
    output = tmp_path / "out.pcapng"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [WTREC, "replay", "mon0", "--algo", "crc-flip", "--to", "-", "-c", "200"],
            stdout=file, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        while not has_listener("mon0") and process.poll() is None:
            time.sleep(0.01)
        mon0.write_many(frames)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert "to -: 200 frames, 50 repaired" in said
    with CaptureReader(output) as reader:
        (found,) = list(reader)
    assert found.column("fcs_status").to_pylist() == ["good"] * 200


def test_an_algorithm_that_is_too_slow(
    mon0: MonitorTun, tmp_path: Path, frames: list[bytes]
) -> None:
    """The recording is whole all the same; what the algorithm did not get is counted, a loss."""
    slow = tmp_path / "slow.py"
    slow.write_text(
        "import sys, time, pyarrow as pa\n"
        "stream = pa.ipc.open_stream(sys.stdin.buffer)\n"
        "for batch in stream: time.sleep(3600)\n"
    )
    capture = tmp_path / "run.pcapng"
    live = Live("--algo", f"exec:timeout=1:{sys.executable} {slow}", "-w", capture)
    for _ in range(15):
        mon0.write_many(frames)
        time.sleep(0.02)
    live.process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    code = live.end(signal.SIGINT)
    assert code == 3, live.said
    with CaptureReader(capture) as reader:
        assert sum(map(len, reader)) == 3000
    skipped = re.search(r"([\d,]+) of 3,000 captured frames were not given to the", live.said)
    assert skipped is not None, live.said
    (results,) = tmp_path.glob("*.parquet")
    with TableFile(results, RESULTS) as table:
        assert table.metadata["skipped"] == skipped[1].replace(",", "")
    given = 3000 - int(skipped[1].replace(",", ""))
    assert abs(len(rows_of(results)) - given / 4) < 1  # every fourth frame is bad


def test_an_algorithm_that_hangs(mon0: MonitorTun, tmp_path: Path, frames: list[bytes]) -> None:
    """The third Ctrl-C does not wait for it; the recording is whole, the results are partial."""
    hangs = tmp_path / "hangs.py"
    hangs.write_text("import time; time.sleep(3600)")
    capture = tmp_path / "run.pcapng"
    choice = f"exec:timeout=3600:{sys.executable} {hangs}"
    live = Live("--algo", choice, "-w", capture, forks=False)
    mon0.write_many(frames)
    time.sleep(1)
    for _ in range(2):
        live.process.send_signal(signal.SIGINT)
        time.sleep(0.5)
    assert live.process.poll() is None
    assert live.end(signal.SIGINT) == 3, live.said
    assert "ended by SIGINT while exec-" in live.said
    left = subprocess.run(["pgrep", "-f", str(hangs)], check=False, capture_output=True, text=True)
    assert not left.stdout
    with CaptureReader(capture) as reader:
        assert sum(map(len, reader)) == 200
    (results,) = tmp_path.glob("*.parquet")
    with TableFile(results, RESULTS) as table:
        assert table.metadata["partial"] == "true"


def test_an_algorithm_that_fails(mon0: MonitorTun, tmp_path: Path) -> None:
    """Its name is asked for before anything is captured; nothing is left."""
    del mon0
    live = Live("--algo", "nonsense", "-w", tmp_path / "run.pcapng")
    assert live.end() == 2
    assert "no algorithm 'nonsense'" in live.said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["mon0"], "give an algorithm (--algo)"),
        (["mon0", "--to", "-"], "name an algorithm with --algo"),
        (["mon0", "--algo", "auto", "--pps", "5"], "has its own pace"),
        (["mon0", "--algo", "auto", "--resume"], "has its own pace"),
        (["mon0", "--algo", "auto", "-o", "x.parquet"], "record with -w"),
        (["mon77", "--algo", "auto"], "mon77: there is no such file, nor such an interface"),
        ([".", "--algo", "auto"], ". is a folder"),
    ],
)
@pytest.mark.usefixtures("mon0")
def test_what_cannot_be(arguments: list[str], said: str) -> None:
    """Options that an interface does not take are usage errors."""
    done = CliRunner().invoke(wtrec, ["replay", *arguments])
    assert done.exit_code == 2
    assert said in done.stderr
