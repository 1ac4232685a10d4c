from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from wtrec.cli.main import wtrec
from wtrec.datasets.parquet import TableFile, new_table
from wtrec.datasets.results import RESULTS

SAID = ("--title", "T", "--author", "Ada", "--licence", "CC0-1.0", "-q")
HOW = (
    "--select",
    "original_length > 100",
    "--limit",
    "9",
    "--warm-up",
    "1",
    "--batch",
    "4",
    "--loop",
    "2",
)
EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "decoder.py"
Change = Callable[[list[dict[str, Any]], dict[str, str]], object]


def _wtrec(*words: object) -> Result:
    return CliRunner().invoke(wtrec, [str(word) for word in words])


def _done(*words: object) -> None:
    done = _wtrec(*words)
    assert done.exit_code == 0, f"{done.output}{done.stderr}{done.exception!r}"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A capture with the results of several algorithms, made in several ways, and an analysis."""
    capture = tmp_path_factory.mktemp("run") / "run.pcapng"
    words = ("--rate", 54, "--snr", 16.5, "--frames", 24, "--length", 200, "--seed", 3)
    _done("simulate", "-w", capture, *words, "--retries", 2)
    _done("replay", capture, "--algo", "crc-flip:max_flips=2,gate=0.5", "--pps", 1e5, "-q")
    _done("replay", capture, "--algo", "chase", *HOW, "-q")
    _done(
        "analyze",
        capture,
        "--by",
        "rate,retry",
        "--seed",
        5,
        "--block",
        2,
        "--ack",
        "arq",
        "--deadline",
        70,
        "-q",
        "--format",
        "json",
        "-o",
        capture.with_name("run.analysis.json"),
    )
    return capture


@pytest.fixture
def mine(run: Path, tmp_path: Path) -> Path:
    """A copy of the run, to be changed."""
    return Path(shutil.copytree(run.parent, tmp_path / "runs")) / run.name


def _change(results: Path, change: Change) -> None:
    """Rewrite results as somebody else could have made them."""
    with TableFile(results, RESULTS) as file:
        rows = [row for batch in file.batches() for row in batch.to_pylist()]
        metadata = dict(file.metadata)
    del metadata["schema"]
    change(rows, metadata)
    import pyarrow as pa

    with new_table(results, RESULTS, metadata) as writer:
        writer.write_table(pa.Table.from_pylist(rows, schema=RESULTS.schema))


def _reproduced(capture: Path, *words: str) -> tuple[int, Mapping[str, dict[str, Any]], Result]:
    """Make a dataset of a run and reproduce it: exit code, what is said of each file."""
    folder = capture.parents[1]
    _done("dataset", "create", "x", capture, *SAID, "-d", folder)
    done = _wtrec("dataset", "reproduce", folder / "x", *words, "--format", "json", "-q")
    found = json.loads(done.stdout)
    assert found["same"] is (done.exit_code == 0)
    shutil.rmtree(folder / "x-1")
    files = {each["path"].removeprefix("run/run."): each for each in found["files"]}
    return done.exit_code, files, done


class TestSame:
    """Numbers that come out as they were."""

    def test_results_and_analyses_of_any_manner_are_the_same(self, mine: Path) -> None:
        """Of a paced replay, of a selection in passes, of groups, intervals and deadlines."""
        code, files, _ = _reproduced(mine)
        assert code == 0
        assert set(files) == {"crc-flip.parquet", "chase.parquet", "analysis.json"}
        for file in files.values():
            assert (file["verdict"], file["differing"]) == ("same", 0)
            assert file["numbers"] > 0
            assert file["unjudged"] == file["notes"] == []
        assert files["chase.parquet"]["rows"]["same"] == files["chase.parquet"]["numbers"]

    def test_files_in_parts_are_put_together(self, run: Path, tmp_path: Path) -> None:
        """In the temporary folder; the dataset stays as it was."""
        from wtrec.datasets.sharing.create import create

        said = {"title": "T", "authors": [{"name": "A"}], "licence": "CC0-1.0"}
        create(tmp_path / "x-1", [run], name="x", version="1", metadata=said, part_bytes=5000)
        before = sorted(path for path in tmp_path.rglob("*"))
        done = _wtrec("dataset", "reproduce", tmp_path / "x@1")
        assert done.exit_code == 0, done.output
        assert "3 file(s) made again: 3 same" in done.stdout
        assert sorted(path for path in tmp_path.rglob("*")) == before

    def test_the_readme_has_the_whole_command(self, mine: Path) -> None:
        """With the pace and the selection; it makes the same rows."""
        _done("dataset", "create", "x", mine, *SAID, "-d", mine.parent)
        page = (mine.parent / "x-1" / "README.md").read_text()
        assert "--select 'original_length > 100' --limit 9 --loop 2 --batch 4`" in page
        assert "crc-flip:max_flips=2,gate=0.5" in page
        assert "--pps 100000" in page


class TestDifferent:
    """Numbers that do not."""

    def test_a_changed_bit_of_results_is_found(self, mine: Path) -> None:
        """Exit code 1; in which column of how many rows, and at which frame first."""
        at: list[int] = []

        def change(rows: list[dict[str, Any]], _: dict[str, str]) -> None:
            row = next(row for row in rows if row["flips"])
            row["flips"][0] ^= 1
            at.append(row["number"])

        _change(mine.with_name("run.crc-flip.parquet"), change)
        code, files, _ = _reproduced(mine)
        assert code == 1
        found = files["crc-flip.parquet"]
        assert (found["verdict"], found["differing"]) == ("different", 1)
        assert found["rows"]["columns"] == {"flips": 1}
        assert found["rows"]["first"] == [1, at[0]]
        assert files["chase.parquet"]["verdict"] == "same"

    def test_rows_too_many_and_too_few_and_facts(self, mine: Path) -> None:
        """Each is counted."""

        def change(rows: list[dict[str, Any]], metadata: dict[str, str]) -> None:
            rows.pop(0)
            metadata["facts"] = json.dumps({**json.loads(metadata["facts"]), "more": 1.0})

        _change(mine.with_name("run.chase.parquet"), change)
        code, files, done = _reproduced(mine)
        assert code == 1, done.output
        assert files["chase.parquet"]["rows"]["alone"] == [0, 1]
        assert files["chase.parquet"]["facts"] == ["more"]

    def test_a_changed_number_of_an_analysis_is_found(self, mine: Path) -> None:
        """With its place."""
        path = mine.with_name("run.analysis.json")
        said = json.loads(path.read_text())
        said["by"][0]["bit_errors"] += 1
        path.write_text(json.dumps(said))
        code, files, done = _reproduced(mine)
        assert code == 1, done.output
        assert files["analysis.json"]["places"] == ["by[0].bit_errors"]

    def test_an_unsound_dataset_is_refused_first(self, mine: Path) -> None:
        """A difference would mean nothing."""
        folder = mine.parent
        _done("dataset", "create", "x", mine, *SAID, "-d", folder)
        (folder / "x-1" / "README.md").write_text("x")
        done = _wtrec("dataset", "reproduce", folder / "x-1")
        assert "README.md: SHA-256" in str(done.exception)


class TestUnjudged:
    """What cannot be said: exit code 3, with the reason."""

    def _only(self, mine: Path, change: Change, *words: str) -> tuple[int, dict[str, Any]]:
        for name in ("run.chase.parquet", "run.analysis.json"):
            mine.with_name(name).unlink()
        _change(mine.with_name("run.crc-flip.parquet"), change)
        code, files, _ = _reproduced(mine, *words)
        return code, files["crc-flip.parquet"]

    @pytest.mark.parametrize(
        ("metadata", "reason"),
        [
            ({"algorithm": "magic"}, "no algorithm 'magic'"),
            ({"parameters": '{"tries": 3}'}, "no parameter 'tries' in this version"),
            ({"parameters": '{"max_flips": "3"}'}, "wanted int"),
            ({"parameters": "[]"}, "wanted a JSON object"),
            ({"selection": '{"loop": -1}'}, "loop=-1"),
            ({"selection": '{"select": "import os"}'}, "selection"),
            ({"batch": "none"}, "batch"),
        ],
    )
    def test_what_cannot_be_made_again(
        self, mine: Path, metadata: dict[str, str], reason: str
    ) -> None:
        """An algorithm or a parameter that is not here, metadata that are none."""
        code, found = self._only(mine, lambda _, said: said.update(metadata))
        assert (code, found["verdict"], found["numbers"]) == (3, "not judged", None)
        assert reason in found["unjudged"][0]

    def test_another_version_is_a_note(self, mine: Path) -> None:
        """The numbers are compared all the same."""
        code, found = self._only(mine, lambda _, said: said.update(wtrec_version="0.0.9"))
        assert (code, found["verdict"]) == (0, "same")
        assert found["notes"] == [f"made by wtrec 0.0.9, this is {version('wtrec')}"]

    def test_another_package_is_a_note(self, mine: Path) -> None:
        """Of an algorithm that came from elsewhere."""
        _, found = self._only(mine, lambda _, said: said.update(package="other 1.0"))
        assert found["notes"] == ["crc-flip was of other 1.0, here it is of wtrec itself"]

    def test_partial_results_are_judged_as_far_as_they_go(self, mine: Path) -> None:
        """And that is said."""

        def cut(rows: list[dict[str, Any]], metadata: dict[str, str]) -> None:
            del rows[4:]
            metadata |= {"partial": "true", "covers_to": str(rows[-1]["number"])}

        code, found = self._only(mine, cut)
        assert (code, found["verdict"], found["numbers"]) == (3, "same", 4)
        assert found["unjudged"][0].startswith("partial: nothing is said of frames behind")

    def test_dropped_frames_are_counted(self, mine: Path) -> None:
        """They were never given to the algorithm; the others are compared."""

        def drop(rows: list[dict[str, Any]], _: dict[str, str]) -> None:
            rows[0] |= {"outcome": "dropped", "flips": [], "candidates": None}

        code, found = self._only(mine, drop)
        assert (code, found["verdict"], found["rows"]["passed"]) == (3, "same", 1)
        assert "1 frames were dropped" in found["unjudged"][0]

    def test_an_analysis_with_powers_or_without_its_results(self, mine: Path) -> None:
        """Says why it cannot be made again."""
        path = mine.with_name("run.analysis.json")
        energy = mine.with_name("energy.toml")
        energy.write_text("[power]\ntx = 1\nrx = 1\nidle = 1\n")
        _done("analyze", mine, "--energy", energy, "-q", "--format", "json", "-o", path)
        code, files, _ = _reproduced(mine)
        assert code == 3
        assert "--energy" in files["analysis.json"]["unjudged"][0]
        _done("analyze", mine, "-q", "--format", "json", "-o", path)
        mine.with_name("run.chase.parquet").unlink()
        code, files, _ = _reproduced(mine)
        assert code == 3
        assert "results of chase" in files["analysis.json"]["unjudged"][0]

    def test_a_dataset_without_numbers(self, mine: Path) -> None:
        """There is nothing to say."""
        for path in (*mine.parent.glob("*.c*.parquet"), mine.with_name("run.analysis.json")):
            path.unlink()
        code, files, _ = _reproduced(mine)
        assert (code, files) == (3, {})


class TestPrograms:
    """What a dataset names is not run, unless its user says so."""

    @pytest.fixture
    def program(self, mine: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A decoder that leaves a trace; the run has results of it."""
        import sys

        monkeypatch.chdir(mine.parent)
        for name in ("run.chase.parquet", "run.crc-flip.parquet", "run.analysis.json"):
            mine.with_name(name).unlink()
        program = mine.with_name("decoder")
        code = EXAMPLE.read_text().partition("\n")[2]
        trace = "import pathlib; pathlib.Path('trace').touch()\n"
        head, _, tail = code.partition("import ")
        program.write_text(f"#!{sys.executable}\n{head}{trace}import {tail}")
        program.chmod(0o755)
        _done("replay", mine, "--algo", "exec:./decoder", "-q")
        mine.with_name("trace").unlink()
        return program

    def test_it_is_run_if_it_is_the_same_and_wanted(self, mine: Path, program: Path) -> None:
        """By its SHA-256."""
        code, files, _ = _reproduced(mine)
        assert code == 3
        assert "--exec" in files["exec-decoder.parquet"]["unjudged"][0]
        assert not mine.with_name("trace").exists()
        code, files, done = _reproduced(mine, "--exec")
        assert (code, files["exec-decoder.parquet"]["verdict"]) == (0, "same"), done.output
        mine.with_name("trace").unlink()
        with program.open("a") as file:
            file.write("# changed\n")
        code, files, _ = _reproduced(mine, "--exec")
        assert code == 3
        assert "SHA-256" in files["exec-decoder.parquet"]["unjudged"][0]
        assert not mine.with_name("trace").exists()
