"""``wtrec recover``: what it says, its exit codes, and what it leaves."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from wtrec.cli.main import wtrec
from wtrec.datasets.journal import Journal
from wtrec.datasets.txlog import TX


def run(*arguments: object, code: int = 0) -> Result:
    """A command, and what it must end with; an error that main() would print counts as 1."""
    result = CliRunner().invoke(wtrec, [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        if code != 1:
            raise result.exception
        return result
    assert result.exit_code == code, result.output
    return result


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run."""
    capture = tmp_path_factory.mktemp("run") / "run.pcapng"
    run("simulate", "-w", capture, "--channel", "bsc", "--ber", "0.001", "--rate", "54",
        "--frames", "40", "--length", "100", "-q")  # fmt: skip
    return capture


def test_a_killed_capture(simulated: Path, tmp_path: Path) -> None:
    """Its whole frames, its metadata, what was lost, and exit code 3; the input stays."""
    broken = tmp_path / "run.pcapng"
    data = simulated.read_bytes()
    cut = data.rindex(b"\5\0\0\0") - 7  # in the last frame, before the statistics
    broken.write_bytes(data[:cut])
    (tmp_path / "run.json").write_bytes(simulated.with_name("run.json").read_bytes())
    done = run("recover", broken, code=3)
    fixed = tmp_path / "run.recovered.pcapng"
    assert f"{fixed}: 39 packets" in done.stdout
    assert "bytes lost behind frame 39: record is cut off" in done.stderr
    assert broken.read_bytes() == data[:cut]
    assert data.startswith(fixed.read_bytes())
    (found,) = json.loads(run("info", fixed, "--format", "json", "-q").stdout)
    assert found["packets"] == 39
    metadata = json.loads((tmp_path / "run.recovered.json").read_text())
    assert metadata["run_id"] == json.loads((tmp_path / "run.json").read_text())["run_id"]
    assert metadata["files"][0]["sha256"] == found["sha256"]


def test_json_of_it(simulated: Path, tmp_path: Path) -> None:
    """Stable keys."""
    broken = tmp_path / "b.pcapng"
    broken.write_bytes(simulated.read_bytes() + bytes(100))
    done = run("recover", broken, "-o", tmp_path / "c.pcapng", "--format", "json", code=3)
    found = json.loads(done.stdout)
    assert found["lost"] == [
        {"offset": simulated.stat().st_size, "bytes": 100, "after": 40, "why": "zeros"}
    ]
    assert (found["packets"], found["whole"], found["format"]) == (40, False, "pcapng")


def test_nothing_lost(simulated: Path, tmp_path: Path) -> None:
    """A whole file is copied, exit code 0; a file that exists stays unless it may go."""
    fixed = tmp_path / "fixed.pcapng"
    run("recover", simulated, "-o", fixed)
    assert fixed.read_bytes() == simulated.read_bytes()
    done = run("recover", simulated, "-o", fixed, code=1)
    assert "exists; name another file with -o" in str(done.exception)
    run("recover", simulated, "-o", fixed, "--force")


@pytest.mark.parametrize(
    ("name", "said"),
    [("x.pcap", "wtrec convert makes another"), ("run.pcapng", "would be read and written")],
)
def test_refused(simulated: Path, name: str, said: str) -> None:
    """Another format, the input itself."""
    done = run("recover", simulated, "-o", simulated.with_name(name), "--force", code=2)
    assert said in done.stderr


def test_nothing_to_save(tmp_path: Path) -> None:
    """Exit code 1, and no file."""
    broken = tmp_path / "broken.pcapng"
    broken.write_bytes(b"\n\r\r\n" + bytes(99))
    done = run("recover", broken, code=1)
    assert "nothing can be saved" in str(done.exception)
    assert list(tmp_path.iterdir()) == [broken]


class TestJournal:
    """What a killed sender left."""

    @pytest.fixture
    def journal(self, tmp_path: Path) -> Path:
        """Three batches of two packets."""
        path = tmp_path / "run.tx.arrows"
        with Journal(path, TX, {"run_id": "7"}) as journal:
            for k in range(3):
                rows = [
                    {"packet_id": n, "time": n, "layer": "payload", "length": 3, "original": b"abc"}
                    for n in (2 * k, 2 * k + 1)
                ]
                journal.append(pa.RecordBatch.from_pylist(rows, schema=TX.schema))
        return path

    def test_whole(self, journal: Path, tmp_path: Path) -> None:
        """Every packet, the metadata, exit code 0."""
        data = journal.read_bytes()
        done = run("recover", journal)
        assert "6 packets that were sent: whole" in done.stdout
        table = pq.read_table(tmp_path / "run.tx.parquet")
        assert table["packet_id"].to_pylist() == list(range(6))
        assert table.schema.metadata[b"wtrec.run_id"] == b"7"
        assert table.schema.metadata[b"wtrec.schema"] == b"tx/1"
        assert journal.read_bytes() == data

    def test_cut(self, journal: Path, tmp_path: Path) -> None:
        """Whole batches are saved wherever it is cut, and every byte is accounted for."""
        data = journal.read_bytes()
        rows: set[int] = set()
        for cut in range(len(data) - 1, 0, -101):
            journal.write_bytes(data[:cut])
            result = CliRunner().invoke(
                wtrec, ["recover", str(journal), "--force", "--format", "json"]
            )
            if result.exit_code == 1:
                assert not (tmp_path / "run.tx.parquet").exists() or rows
                continue
            found = json.loads(result.stdout)
            rows.add(found["packets"])
            lost = sum(part["bytes"] for part in found["lost"])
            assert found["bytes"] + lost == cut
            assert result.exit_code == (3 if lost else 0)
            assert lost or found["bytes"] == cut
        assert {4, 2} <= rows
