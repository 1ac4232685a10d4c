from __future__ import annotations

import json
import os
import pty
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from wtrec.cli.main import wtrec
from wtrec.datasets.frames import FRAMES
from wtrec.datasets.masks import MASKS
from wtrec.datasets.parquet import TableFile, new_table
from wtrec.datasets.results import RESULTS
from wtrec.datasets.schema import Table
from wtrec.datasets.sharing.create import create
from wtrec.replay.exec.decoder import provenance

from .. import forked

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
PARTS: dict[str, Any] = {
    "metadata": {"title": "T", "authors": [{"name": "A"}], "licence": "CC0-1.0"},
    "part_bytes": 500,
}
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


def _change(path: Path, change: Change, table: Table = RESULTS) -> None:
    """Rewrite a table as somebody else could have made it."""
    with TableFile(path, table) as file:
        rows = [row for batch in file.batches() for row in batch.to_pylist()]
        metadata = dict(file.metadata)
    del metadata["schema"]
    change(rows, metadata)
    import pyarrow as pa

    with new_table(path, table, metadata) as writer:
        writer.write_table(pa.Table.from_pylist(rows, schema=table.schema))


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
        create(tmp_path / "x-1", [run], name="x", version="1", **PARTS)
        before = sorted(path for path in tmp_path.rglob("*"))
        done = _wtrec("dataset", "reproduce", tmp_path / "x@1")
        assert done.exit_code == 0, done.output
        assert "3 file(s) made again: 3 same" in done.stdout
        assert "1 capture(s) and 1 tx log(s) taken as recorded" in done.stdout
        assert sorted(path for path in tmp_path.rglob("*")) == before

    def test_the_readme_has_the_whole_command(self, mine: Path) -> None:
        """With the pace and the selection; it makes the same rows."""
        _done("dataset", "create", "x", mine, *SAID, "-d", mine.parent)
        page = (mine.parent / "x-1" / "README.md").read_text()
        assert "--select 'original_length > 100' --limit 9 --loop 2 --batch 4`" in page
        assert "crc-flip:max_flips=2,gate=0.5" in page
        assert "--pps 100000" in page


class TestTables:
    """Masks and frames, which are computed of the capture, too."""

    @pytest.fixture
    def tables(self, mine: Path) -> Path:
        """The run with both, and nothing else that was computed."""
        for path in (*mine.parent.glob("*.c*.parquet"), mine.with_name("run.analysis.json")):
            path.unlink()
        _done("convert", mine, "-o", mine.with_name("run.masks.parquet"), "-q")
        _done("convert", mine, "-o", mine.with_name("run.frames.parquet"), "-q")
        return mine

    def test_they_are_made_again(self, tables: Path) -> None:
        """Row by row, and what was counted; also where all files are in parts."""
        code, files, done = _reproduced(tables)
        assert code == 0, done.output
        assert set(files) == {"masks.parquet", "frames.parquet"}
        for found in files.values():
            assert (found["verdict"], found["differing"], found["facts"]) == ("same", 0, [])
            assert found["numbers"] == found["rows"]["same"] > 0
        assert json.loads(done.stdout)["recorded"] == ["run/run.pcapng", "run/run.tx.parquet"]
        create(tables.parent / "p-1", [tables], name="p", version="1", **PARTS)
        done = _wtrec("dataset", "reproduce", tables.parent / "p-1", "--format", "json", "-q")
        assert done.exit_code == 0, done.output

    @pytest.mark.parametrize("source", ["siblings", "likely-siblings", "zeros"])
    def test_by_the_truth_that_they_name(self, tables: Path, source: str) -> None:
        """Whichever it was."""
        masks = tables.with_name("run.masks.parquet")
        option = "--payload" if source == "zeros" else "--truth"
        words = ("--to", "masks", "-o", masks, option, source, "--force", "-q")
        assert _wtrec("convert", tables, *words).exit_code in {0, 3}
        code, files, done = _reproduced(tables)
        assert (code, files["masks.parquet"]["verdict"]) == (0, "same"), done.output

    def test_changed_rows_and_counts_are_found(self, tables: Path) -> None:
        """In columns and at frames, as for results."""

        def change(rows: list[dict[str, Any]], said: dict[str, str]) -> None:
            flips = [row["flips"] for row in rows]
            for row, others in zip(rows, reversed(flips), strict=True):
                row["flips"] = others
            said["counts"] = json.dumps({**json.loads(said["counts"]), "good": 0})

        _change(tables.with_name("run.masks.parquet"), change, MASKS)
        signal = tables.with_name("run.frames.parquet")
        _change(signal, lambda rows, _: rows[4].update(signal_dbm=-1), FRAMES)
        code, files, done = _reproduced(tables)
        assert code == 1, done.output
        assert files["masks.parquet"]["rows"]["columns"]["flips"] > 0
        assert files["masks.parquet"]["facts"] == ["good"]
        assert files["frames.parquet"]["rows"]["columns"] == {"signal_dbm": 1}
        assert files["frames.parquet"]["rows"]["first"] == [5]

    @pytest.mark.parametrize(
        ("truth", "reason"),
        [
            ("", "but nothing"),
            ("somebody", "but 'somebody'"),
            ("payload nonsense", "nonsense"),
            ("tx log elsewhere.parquet (mpdu)", "the tx log that it was made with"),
        ],
    )
    def test_masks_of_a_truth_that_is_not_there(
        self, tables: Path, truth: str, reason: str
    ) -> None:
        """Are not judged, and that is said."""
        tables.with_name("run.tx.parquet").unlink()
        masks = tables.with_name("run.masks.parquet")
        _change(masks, lambda _, said: said.update(truth=truth), MASKS)
        code, files, done = _reproduced(tables)
        assert code == 3, done.output
        assert files["masks.parquet"]["verdict"] == "not judged"
        assert reason in files["masks.parquet"]["unjudged"][0]
        assert files["frames.parquet"]["verdict"] == "same"


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

    def test_partial_results_lack_no_row_before_their_end(self, mine: Path) -> None:
        """A row that was taken out at the end is missed; an end that is no number is none."""

        def cut(rows: list[dict[str, Any]], metadata: dict[str, str]) -> None:
            metadata |= {"partial": "true", "covers_to": str(rows[4]["number"])}
            del rows[3:]

        code, found = self._only(mine, cut)
        assert (code, found["verdict"]) == (1, "different")
        assert found["rows"]["alone"] == [0, 2]

    def test_an_end_that_is_no_number_is_none(self, mine: Path) -> None:
        """Then results end at their last row."""

        def cut(rows: list[dict[str, Any]], metadata: dict[str, str]) -> None:
            metadata |= {"partial": "true", "covers_to": "9" * 5000}
            del rows[3:]

        code, found = self._only(mine, cut)
        assert (code, found["verdict"], found["numbers"]) == (3, "same", 3)

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


@pytest.fixture(scope="module")
def decoded(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a decoder that leaves a trace, and the run with its results alone."""
    folder = tmp_path_factory.mktemp("decoded") / "runs"
    shutil.copytree(run.parent, folder)
    for name in ("run.chase.parquet", "run.crc-flip.parquet", "run.analysis.json"):
        (folder / name).unlink()
    program = folder / "decoder"
    code = EXAMPLE.read_text().partition("\n")[2]
    trace = "import pathlib; pathlib.Path('trace').touch()\n"
    head, _, tail = code.partition("import ")
    program.write_text(f"#!{sys.executable}\n{head}{trace}import {tail}")
    program.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        _done("replay", folder / run.name, "--algo", "exec:./decoder", "-q")
    (folder / "trace").unlink()
    return folder


class TestPrograms:
    """What a dataset names is not run, unless its user says so."""

    @pytest.fixture
    def mine(self, decoded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A copy of the run, in which we are."""
        folder = shutil.copytree(decoded, tmp_path / "runs")
        monkeypatch.chdir(folder)
        return folder / "run.pcapng"

    @pytest.fixture
    def program(self, mine: Path) -> Path:
        """The decoder beside it."""
        return mine.with_name("decoder")

    def test_it_is_run_if_it_is_the_same_and_named(self, mine: Path, program: Path) -> None:
        """By its SHA-256, and by its command line to the letter."""
        code, files, _ = _reproduced(mine)
        assert code == 3
        assert "--exec ./decoder" in files["exec-decoder.parquet"]["unjudged"][0]
        assert not mine.with_name("trace").exists()
        code, files, done = _reproduced(mine, "--exec", "./decoder")
        assert (code, files["exec-decoder.parquet"]["verdict"]) == (0, "same"), done.output
        mine.with_name("trace").unlink()
        with program.open("a") as file:
            file.write("# changed\n")
        code, files, _ = _reproduced(mine, "--exec", "./decoder")
        assert code == 3
        assert "SHA-256" in files["exec-decoder.parquet"]["unjudged"][0]
        assert not mine.with_name("trace").exists()

    @pytest.mark.parametrize("named", ["./decoder ", "decoder", "./decoder -x", ""])
    def test_another_command_line_is_not_what_was_meant(
        self, mine: Path, program: Path, named: str
    ) -> None:
        """A typing error runs nothing: what the dataset names is said."""
        _done("dataset", "create", "x", mine, *SAID, "-d", mine.parent)
        done = _wtrec("dataset", "reproduce", mine.parent / "x-1", "--exec", named)
        assert done.exit_code == 2
        assert f"its programs: ./{program.name}" in done.stderr
        assert not mine.with_name("trace").exists()

    @pytest.mark.parametrize("name", ["exec", "exec-decoder", "exec-"])
    @pytest.mark.parametrize("command", ["sh -c 'touch trace'", "sh -c 'touch\ttrace'"])
    def test_a_command_line_of_a_stranger_is_never_run(
        self, mine: Path, program: Path, name: str, command: str
    ) -> None:
        """Whatever the algorithm is called, and however its hash is right."""
        results = mine.with_name("run.exec-decoder.parquet")
        of_it = json.dumps({"command": command, "provenance": provenance(command)})
        _change(results, lambda _, said: said.update(algorithm=name, parameters=of_it))
        code, files, _ = _reproduced(mine)
        assert code == 3
        (said,) = files["exec-decoder.parquet"]["unjudged"]
        assert (f"--exec {shlex.quote(command)}" in said) is command.isprintable()
        assert program.exists()
        assert not mine.with_name("trace").exists()
        if not command.isprintable():
            _reproduced(mine, "--exec", command)
            assert not mine.with_name("trace").exists()

    def test_on_a_terminal_it_is_shown_and_asked_for(self, mine: Path, program: Path) -> None:
        """No is the answer that needs no word."""
        _done("dataset", "create", "x", mine, *SAID, "-d", mine.parent)
        for answer, wanted in (("\n", 3), ("y\n", 0)):
            code, said = _asked(answer, "dataset", "reproduce", str(mine.parent / "x-1"))
            assert code == wanted, said
            assert f"./{program.name}" in said
            assert mine.with_name("trace").exists() is (wanted == 0)


def _asked(answer: str, *words: str) -> tuple[int, str]:
    """Run a command on a terminal where somebody types: exit code, and what is shown there."""
    ours, theirs = pty.openpty()
    os.write(ours, answer.encode())
    with forked.popen(words, stdin=theirs, stderr=theirs, stdout=subprocess.DEVNULL) as asked:
        os.close(theirs)
        said = b""
        while True:
            try:
                said += os.read(ours, 4096)
            except OSError:  # everybody else has closed it
                break
    os.close(ours)
    return asked.returncode, said.decode()
