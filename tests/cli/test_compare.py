"""``wtrec compare`` as users run it, and where ``wtrec analyze`` writes its numbers."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from wtrec.analysis.compare_columns import COMPARE_TABLES
from wtrec.cli.analyze import analyze
from wtrec.cli.compare import compare
from wtrec.cli.replay import replay
from wtrec.datasets.run import results_path
from wtrec.dot11 import fcs

ZEROS = bytes(50)
TRUTH = ("--payload", "zeros")
HOSTILE = "<script>alert(1)</script>"


def invoke(command: object, *words: object) -> Result:
    return CliRunner().invoke(command, [str(word) for word in words])  # type: ignore[arg-type]


def done(command: object, *words: object) -> str:
    result = invoke(command, *words)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def runs(
    tmp_path: Path, write_capture: Callable[..., Path], udp_frame: Callable[..., bytes]
) -> list[Path]:
    """Two runs of 40 frames at two rates; of each rate 4 are bad in the first, 10 in the other."""
    paths = []
    for name, bad in (("before", 4), ("after", 10)):
        frames = [udp_frame(ZEROS, sequence=n) for n in range(40)]
        for n in (*range(bad), *range(20, 20 + bad)):
            frames[n] = fcs.flip(frames[n], [500 + n])
        path = tmp_path / f"{name}.pcapng"
        paths.append(write_capture(path, frames, rates=[6.0] * 20 + [54.0] * 20))
        done(replay, path, "--algo", "crc-flip", "-q")
    return paths


class TestCompare:
    """wtrec compare."""

    def test_two_runs(self, runs: list[Path]) -> None:
        """Shares side by side, their difference with its interval, and the method by name."""
        shown = invoke(compare, *runs, *TRUTH)
        assert shown.exit_code == 0, shown.output
        lines = [re.split(r"  +", line.strip()) for line in shown.stdout.splitlines()]
        groups = [line[:6] for line in lines if line[:1] == ["6.0"] and line[2] == "20"]
        assert groups == [
            ["6.0", "before", "20", "4", "20.00%", "8.07% .. 41.60%"],
            ["6.0", "after", "20", "10", "50.00%", "29.93% .. 70.07%"],
        ]
        difference = next(line for line in lines if line[:3] == ["6.0", "after", "share bad"])
        assert difference[3:6] == ["20.00%", "50.00%", "+30.00%"]
        assert difference[7] == "Newcombe"
        assert f"results: {results_path(runs[1], 'crc-flip')}" in shown.stderr
        assert "difference to before; intervals are those of independent runs:" in shown.stdout

    def test_as_analyze_says(self, runs: list[Path]) -> None:
        """Groups and algorithms are those of wtrec analyze, with the same options."""
        words = [*TRUTH, "--by", "retry", "--msdu", 100, "--format", "json", "-q"]
        found = json.loads(done(compare, *runs, *words))
        alone = [json.loads(done(analyze, path, *words)) for path in runs]
        for row, analysis in zip(found["groups"], alone, strict=True):
            (group,) = analysis["by"]
            del group["patterns"], row["run"]
            assert row == group
        for row, analysis in zip(found["algorithms"], alone, strict=True):
            assert row["correct"] == analysis["algorithms"][0]["correct"] > 0
        assert [run["msdu"] for run in found["runs"]] == [100, 100]

    def test_saved_analyses(self, runs: list[Path], tmp_path: Path) -> None:
        """What was saved gives what its capture gives; captures follow its grouping."""
        saved = tmp_path / "colleague.json"
        done(analyze, runs[0], *TRUTH, "--by", "retry", "--format", "json", "-o", saved, "-q")
        words = [*TRUTH, "--format", "json", "-q"]
        found = json.loads(done(compare, saved, runs[1], *words))
        assert found["group_by"] == ["retry"]
        direct = json.loads(done(compare, *runs, "--by", "retry", *words))
        for rows in (found, direct):
            for part in ("groups", "algorithms", "differences"):
                for row in rows[part]:
                    row.pop("baseline", None)
                    row["run"] = row["run"].replace("colleague", "before")
        assert found["groups"] == direct["groups"]
        assert found["differences"] == direct["differences"]
        shown = invoke(compare, saved, runs[1], "--by", "rate", *words)
        assert "--by: rate_mbps for after, retry for colleague" in shown.stderr

    def test_several_algorithms_on_one_capture(self, runs: list[Path], tmp_path: Path) -> None:
        """Named results are taken instead of those beside the capture; McNemar's test is named."""
        named = [tmp_path / f"mine{flips}" for flips in (1, 2)]
        for flips, path in enumerate(named, 1):
            done(replay, runs[0], "--algo", f"crc-flip:max_flips={flips}", "-o", path, "-q")
        shown = invoke(compare, runs[0], *named, *TRUTH)
        assert "on the same frames (McNemar):" in shown.stdout
        assert "difference to" not in shown.stdout
        assert re.search(r"before +crc-flip:max_flips=1 +crc-flip:max_flips=2 +8 ", shown.stdout)
        assert str(results_path(runs[0], "crc-flip")) not in shown.stderr

    def test_labels(self, runs: list[Path]) -> None:
        """Runs are called as one likes, each otherwise."""
        words = [*runs, *TRUTH, "--format", "json", "-q"]
        found = json.loads(done(compare, *words, "--label", "x", "--label", "y z"))
        assert found["baseline"] == "x"
        assert {row["run"] for row in found["groups"]} == {"x", "y z"}
        assert invoke(compare, *words, "--label", "x").exit_code == 2
        assert invoke(compare, *words, "--label", "x", "--label", "x").exit_code == 2

    def test_loss_is_exit_code_3(self, runs: list[Path], tmp_path: Path) -> None:
        """A truncated capture is compared up to there, also if that was in a saved analysis."""
        runs[1].write_bytes(runs[1].read_bytes()[:-30])
        results_path(runs[1], "crc-flip").unlink()
        shown = invoke(compare, *runs, *TRUTH, "-q")
        assert shown.exit_code == 3
        assert "wtrec: warning: after: " in shown.stderr
        saved = tmp_path / "cut.json"
        invoke(analyze, runs[1], *TRUTH, "--format", "json", "-o", saved)
        again = invoke(compare, runs[0], saved, *TRUTH, "-q")
        assert again.exit_code == 3
        assert "wtrec: warning: cut: " in again.stderr

    def test_tables_in_files(self, runs: list[Path], tmp_path: Path) -> None:
        """Parquet and CSV have all tables, as the JSON has them; CSV alone prints the groups."""
        words = [*runs, *TRUTH, "-q", "--format"]
        found = json.loads(done(compare, *words, "json"))
        for kind in ("parquet", "csv"):
            done(compare, *words, kind, "-o", tmp_path / kind)
            files = {path.name for path in (tmp_path / kind).iterdir()}
            assert files == {f"{table.name}.{kind}" for table in COMPARE_TABLES}
        for table in COMPARE_TABLES:
            path = tmp_path / "parquet" / f"{table.name}.parquet"
            assert pq.read_table(path).to_pylist() == found[table.name]
        rows = list(csv.DictReader(io.StringIO(done(compare, *words, "csv"))))
        assert [(row["rate_mbps"], row["run"]) for row in rows] == [
            *(("6.0", "before"), ("6.0", "after"), ("54.0", "before"), ("54.0", "after"))
        ]
        assert (tmp_path / "csv" / "groups.csv").read_text() == done(compare, *words, "csv")

    def test_report(self, runs: list[Path], tmp_path: Path) -> None:
        """One page with the runs overlaid; names are text; figures as files, too."""
        page, figures = tmp_path / "out.html", tmp_path / "figures"
        words = [*runs, *TRUTH, "--label", HOSTILE, "--label", "$x^", "-q"]
        plain = done(compare, *words)
        assert done(compare, *words, "--report", page, "--figures", figures) == plain
        text = page.read_text()
        assert "<script" not in text
        assert "http" not in text
        names = re.findall(r'<figure id="figure-([a-z-]+)">', text)
        assert names == ["broken-frames", "flipped-bits", "recovery", "goodput"]
        broken = text[text.index('id="figure-broken-frames"') :].partition("<details>")[0]
        assert ">run $x^<" in broken
        assert ">run &lt;script&gt;" in broken
        for method in ("Newcombe&#39;s 95 % interval", "newcombe", "mover"):
            assert method in text
        assert {path.name for path in figures.iterdir()} == {
            f"{name}.{kind}" for name in names for kind in ("pdf", "png", "csv")
        }
        rows = list(csv.reader((figures / "broken-frames.csv").read_text().splitlines()))
        assert [row[:4] for row in rows[1:3]] == [
            [HOSTILE, "6 Mbit/s", "20", "4"],
            ["$x^", "6 Mbit/s", "20", "10"],
        ]

    def test_many_lines(self, runs: list[Path], tmp_path: Path) -> None:
        """More lines than can be told apart: goodput has a figure for each algorithm."""
        saved = [tmp_path / f"{n}.json" for n in range(4)]
        analysis = json.loads(done(analyze, runs[0], *TRUTH, "--format", "json", "-q"))
        for n, path in enumerate(saved):
            path.write_text(json.dumps({**analysis, "capture_sha256": str(n)}))
        page = tmp_path / "out.html"
        done(compare, *saved, "--report", page, "-q")
        names = re.findall(r'<figure id="figure-([a-z0-9-]+)">', page.read_text())
        assert names[-2:] == ["goodput", "goodput-1"]

    @pytest.mark.parametrize(
        "words",
        [
            ["--format", "parquet"],
            ["-o", "x"],
            ["--payload", "zeros", "--truth", "siblings"],
            ["before.crc-flip.parquet", "other"],
        ],
    )
    def test_wrong_usage(self, runs: list[Path], tmp_path: Path, words: list[str]) -> None:
        """Exit code 2, before anything is read or written."""
        (tmp_path / "other").write_bytes(b"PAR1")
        before = {path.name for path in tmp_path.iterdir()}
        named = [tmp_path / word if (tmp_path / word).exists() else word for word in words]
        shown = invoke(compare, *runs, *named)
        assert shown.exit_code == 2, shown.output
        assert {path.name for path in tmp_path.iterdir()} == before

    def test_what_is_no_analysis(self, runs: list[Path], tmp_path: Path) -> None:
        """A run.json among the files is an error that names it and what is wanted."""
        path = tmp_path / "run.json"
        path.write_text('{"schema_version": 1}')
        shown = invoke(compare, runs[0], path, *TRUTH)
        assert shown.exit_code == 1
        assert str(shown.exception) == (
            f"{path}: no saved analysis, wanted one; save one with wtrec analyze --format json "
            "-o FILE"
        )


class TestAnalyzeOutput:
    """``wtrec analyze -o``."""

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["--format", "parquet"], "name their folder with -o FOLDER"),
            (["-o", "x"], "-o goes with --format json, csv or parquet"),
            (["--format", "json", "-o", "folder"], "is a folder"),
            (["--format", "csv", "-o", "before.pcapng"], "is a file"),
            (["--format", "json", "-o", "before.pcapng"], "-o would overwrite"),
            (["--format", "json", "-o", "before.json"], "-o would overwrite"),
            (["--format", "json", "-o", "before.tx.parquet"], "-o would overwrite"),
            (["--format", "json", "-o", "before.crc-flip.parquet"], "-o would overwrite"),
            (["--report", "before.pcapng"], "--report would overwrite"),
        ],
    )
    def test_refused(
        self, runs: list[Path], tmp_path: Path, words: list[str], message: str
    ) -> None:
        """What cannot be written, or is the run's own, is wrong usage; nothing is changed."""
        (tmp_path / "folder").mkdir()
        content = runs[0].read_bytes()
        (tmp_path / "before.crc-flip.parquet").touch()
        named = ("-o", "--report")
        at = [str(tmp_path / w) if words[i - 1] in named else w for i, w in enumerate(words)]
        shown = invoke(analyze, runs[0], *TRUTH, *at)
        assert shown.exit_code == 2
        assert message in shown.output
        assert runs[0].read_bytes() == content
        assert not (tmp_path / "before.json").exists()
