"""``wtrec convert``: masks out of a run, laid over other content, the same errors again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from wtrec.cli.main import wtrec
from wtrec.datasets.parquet import new_table
from wtrec.datasets.txlog import TX
from wtrec.dot11 import fcs

Write = Callable[..., Path]


def run(*arguments: object, code: int = 0) -> Result:
    """A command, and what it must end with."""
    result = CliRunner().invoke(wtrec, [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        if code:
            return result
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def analysis(capture: Path, *options: object) -> dict[str, Any]:
    """What ``analyze`` says of it."""
    found: dict[str, Any] = json.loads(
        run("analyze", capture, *options, "--format", "json", "-q").stdout
    )
    return found


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run through a bit-flip channel at two rates."""
    capture = tmp_path_factory.mktemp("run") / "run.pcapng"
    run("simulate", "-w", capture, "--channel", "bsc", "--ber", "0.0005", "--ber", "0.02",
        "--rate", "6", "--rate", "54", "--frames", "40", "--length", "300", "-q")  # fmt: skip
    return capture


@pytest.fixture
def masks(simulated: Path, tmp_path: Path) -> Path:
    """Its masks."""
    output = tmp_path / "run.masks.parquet"
    run("convert", simulated, "--to", "masks", "-o", output)
    return output


def flips(path: Path) -> list[dict[str, Any]]:
    """The rows of a masks file but for frame numbers."""
    rows: list[dict[str, Any]] = pq.read_table(path).drop_columns(["number"]).to_pylist()
    return rows


class TestRoundTrip:
    """Errors survive the change of what they are laid over."""

    @pytest.mark.parametrize("over", ["log", "payloads", "zeros", "text"])
    def test_same_numbers(
        self, simulated: Path, masks: Path, tmp_path: Path, over: str, write_log: Write
    ) -> None:
        """BER, shares and every flip are the same over the log, over payloads, over a rule."""
        onto: tuple[object, ...] = ("--payload", "zeros")
        if over in {"log", "text"}:
            onto = ("--over", simulated.with_name("run.tx.parquet"))
        if over == "payloads":
            onto = (
                "--over",
                write_log(tmp_path / "p.parquet", [bytes([n]) * 236 for n in range(9)]),
            )
        source = masks
        if over == "text":
            source = tmp_path / "trace.csv"
            run("convert", masks, "--to", "csv", "-o", source)
        laid = tmp_path / "laid.pcapng"
        said = run("convert", source, "--to", "pcapng", *onto, "-o", laid)
        before, after = analysis(simulated), analysis(laid)
        for group in (*before["by"], *after["by"]):
            del group["patterns"]["copies"]  # which frames are copies follows from the payloads
        assert after["by"] == before["by"]
        assert after["matching"] == before["matching"]
        assert (
            f"{before['frames']['total']:,} frames, {before['frames']['bad']:,} bad" in said.stderr
        )
        again = tmp_path / "again.masks.parquet"
        run("convert", laid, "--to", "masks", "-o", again)
        assert flips(again) == flips(masks)

    def test_text_and_back(self, masks: Path, tmp_path: Path) -> None:
        """CSV has all that masks have."""
        text, again = tmp_path / "trace.csv", tmp_path / "again.masks.parquet"
        run("convert", masks, "--to", "csv", "-o", text)
        run("convert", text, "--to", "masks", "-o", again)
        assert pq.read_table(again).to_pylist() == pq.read_table(masks).to_pylist()

    def test_no_payload_in_it(self, masks: Path, simulated: Path) -> None:
        """Masks name the capture, the truth and the counts, and are no results of a replay."""
        metadata = pq.ParquetFile(masks).metadata.metadata
        assert metadata[b"wtrec.truth"].startswith(b"tx log ")
        assert len(metadata[b"wtrec.capture_sha256"]) == 64
        assert json.loads(metadata[b"wtrec.counts"])["unmatched"] == 0
        assert b"wtr1" not in masks.read_bytes()
        beside = simulated.with_name("run.masks.parquet")
        beside.write_bytes(masks.read_bytes())
        assert analysis(simulated)["algorithms"] == []


class TestLoss:
    """What cannot be converted is said."""

    def test_unknown_truth(self, tmp_path: Path, write_capture: Write, udp_frame: Any) -> None:
        """Bad frames without an original have no mask: counted, said, exit code 3."""
        good = udp_frame(bytes(50))
        frames = [good, fcs.flip(good, [500]), fcs.flip(udp_frame(bytes(70)), [500]), b"\0" * 9]
        capture = write_capture(tmp_path / "lab.pcapng", frames)
        output = tmp_path / "lab.masks.parquet"
        done = run("convert", capture, "--to", "masks", "--payload", "zeros", "-o", output, code=3)
        assert (
            "no mask for 2 bad frames of unknown truth: 1 unmatched, 1 not a frame" in done.stderr
        )
        assert [row["flips"] for row in flips(output)] == [[], [500]]

    def test_no_original(self, tmp_path: Path) -> None:
        """Masks of a length that no original has are left out: counted, said, exit code 3."""
        trace = tmp_path / "trace.csv"
        trace.write_text("bits,flips,rate_mbps\n800,1,6\n80,1,6\n800,,866.7\n")
        laid = tmp_path / "laid.pcapng"
        done = run("convert", trace, "--to", "pcapng", "--payload", "a5", "-o", laid, code=3)
        assert "1 masks were left out: no original is as long (10 bytes)" in done.stderr
        assert "1 frames have a rate that was not written" in done.stderr
        assert analysis(laid)["frames"]["total"] == 2

    def test_siblings(self, tmp_path: Path, write_capture: Write, udp_frame: Any) -> None:
        """Masks from intact copies alone."""
        again, first = udp_frame(bytes(50), 7, retry=True), udp_frame(bytes(50), 7)
        capture = write_capture(tmp_path / "lab.pcapng", [fcs.flip(first, [600, 610]), again])
        output = tmp_path / "lab.masks.parquet"
        run("convert", capture, "--to", "masks", "--truth", "siblings", "-o", output)
        assert [row["flips"] for row in flips(output)] == [[600, 610], []]


class TestUsage:
    """Mistakes of the caller."""

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["{run}", "--to", "csv", "-o", "{new}"], "is a capture: --to masks first"),
            (["{masks}", "--to", "pcapng", "-o", "{new}"], "needs --over TX.parquet or --payload"),
            (["{masks}", "--to", "csv", "--truth", "siblings", "-o", "{new}"], "has masks already"),
            (["{run}", "--to", "masks", "--over", "{masks}", "-o", "{new}"], "goes with --to"),
            (["{masks}", "--to", "masks", "-o", "{masks}"], "would be read and written"),
            (["{masks}", "--to", "pcapng", "--payload", "xyz", "-o", "{new}"], "payload rule"),
            (
                ["{run}", "--to", "masks", "--truth", "siblings", "--payload", "ff", "-o", "{new}"],
                "--payload and --truth are two sources",
            ),
        ],
    )
    def test_refused(
        self, simulated: Path, masks: Path, tmp_path: Path, arguments: list[str], said: str
    ) -> None:
        """Each is told what to do."""
        names = {"run": simulated, "masks": masks, "new": tmp_path / "new"}
        done = run("convert", *(part.format(**names) for part in arguments), code=2)
        assert said in done.stderr
        assert not (tmp_path / "new").exists()

    def test_existing_files_stay(self, simulated: Path, masks: Path) -> None:
        """Nothing is overwritten unless asked for."""
        done = run("convert", simulated, "--to", "masks", "-o", masks, code=1)
        assert "exists" in str(done.exception)
        run("convert", simulated, "--to", "masks", "-o", masks, "--force")


@pytest.fixture
def write_log() -> Write:
    """A tx log of payloads."""

    def write(path: Path, payloads: list[bytes]) -> Path:
        rows = [
            {"packet_id": n, "time": n, "layer": "payload", "length": len(data), "original": data}
            for n, data in enumerate(payloads)
        ]
        with new_table(path, TX, {}) as log:
            log.write_table(pa.Table.from_pylist(rows, schema=TX.schema))
        return path

    return write
