"""Flat tables of an analysis: nothing of the JSON is lost, and files hold what it says."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from wtrec.analysis.compare_columns import COMPARE_TABLES
from wtrec.analysis.conditions import COLUMNS
from wtrec.analysis.table_columns import TABLES, TableColumns, key_column, key_names
from wtrec.analysis.tables import tables
from wtrec.cli.analyze import analyze
from wtrec.cli.replay import replay
from wtrec.cli.simulate import simulate
from wtrec.datasets.frames import FRAMES
from wtrec.errors import FormatError, MatchError

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "tables.md"


def invoke(command: Any, *words: object) -> str:
    done = CliRunner().invoke(command, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.stdout


@dataclass(frozen=True)
class Saved:
    """One analysis in all its forms."""

    analysis: dict[str, Any]
    parquet: Path
    csv: Path


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    """Bursts at two rates, with retries, two replays, and powers."""
    folder = tmp_path_factory.mktemp("tables")
    capture, powers = folder / "run.pcapng", folder / "powers.toml"
    powers.write_text("[power]\ntx = 1.5\nrx = 0.9\nidle = 0.7\n")
    grid = ["--rate", 12, "--rate", 54, "--ber", 3e-3, "--frames", 90, "--length", 300]
    invoke(simulate, "-w", capture, "--channel", "gilbert", *grid, "--retries", 1, "-q")
    for flips in (1, 2):
        results = folder / f"run.flip{flips}.parquet"
        invoke(replay, capture, "--algo", f"crc-flip:max_flips={flips}", "-o", results, "-q")
    words = [capture, "-q", "--energy", powers, "--by", "rate,snr_db", "--format"]
    for kind in ("parquet", "csv"):
        assert invoke(analyze, *words, kind, "-o", folder / kind) == ""
    path = folder / "saved.json"
    assert invoke(analyze, *words, "json", "-o", path) == ""
    analysis = json.loads(path.read_text())
    assert invoke(analyze, *words, "json") == path.read_text()
    return Saved(analysis, folder / "parquet", folder / "csv")


def renumbered(value: Any, numbers: Iterator[int]) -> Any:
    """The same JSON in which each number is another one."""
    if isinstance(value, dict):
        return {name: renumbered(part, numbers) for name, part in value.items()}
    if isinstance(value, list):
        return [renumbered(part, numbers) for part in value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return next(numbers) if isinstance(value, int) else next(numbers) + 0.5


def numbers_in(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from numbers_in(part)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value


def rendered(table: TableColumns) -> str:
    """A table as docs/tables.md has it."""
    lines = [
        f"### {table.name}\n\n{table.doc}\n\n| column | type | unit | holds |\n|---|---|---|---|"
    ]
    key = {
        "": [],
        "group": ["*the grouping columns*"],
        "rate": ["*the grouping columns, and* `rate_mbps`"],
    }
    lines += [_line(column) for column in table.before]
    lines += [f"| {words} | | | the group |" for words in key[table.by]]
    lines += [_line(column) for column in table.columns]
    return "\n".join(lines) + "\n"


def _line(column: Any) -> str:
    kind = {"int64": "integer", "double": "number", "string": "text", "bool": "true or false"}
    words = kind[str(column.type)] + (", or null" if column.nullable else "")
    return f"| `{column.name}` | {words} | {column.unit} | {column.doc} |"


class TestColumns:
    """What is declared."""

    @pytest.mark.parametrize("table", [*TABLES, *COMPARE_TABLES], ids=lambda table: table.name)
    def test_the_document_has_each(self, table: TableColumns) -> None:
        """docs/tables.md describes every column of every table, as it is declared."""
        assert f"\n{rendered(table)}" in DOCUMENT.read_text()

    def test_the_document_has_no_other(self) -> None:
        """It describes no table that is not there."""
        shown = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("### ")]
        assert shown == [f"### {table.name}" for table in (*TABLES, *COMPARE_TABLES)]

    def test_names_are_no_grouping_columns(self) -> None:
        """Whatever frames are grouped by, no column stands twice."""
        names = [column.name for column in FRAMES.columns if column.name not in {"time", "mpdu"}]
        for table in (*TABLES, *COMPARE_TABLES):
            if table.by:
                schema = table.table([*names, *COLUMNS]).schema
                assert len(set(schema.names)) == len(schema.names), table.name

    def test_keys(self) -> None:
        """They have types of JSON; a rate stands there once; others are refused."""
        types = [str(key_column(name).type) for name in ("rate_mbps", "signal_dbm", "addr2")]
        assert types == ["double", "int64", "string"]
        assert str(key_column("fcs_status").type) == "string"
        assert str(key_column("retry").type) == "bool"
        assert key_names(["snr_db"], "rate") == ["snr_db", "rate_mbps"]
        assert key_names(["rate_mbps", "snr_db"], "rate") == ["rate_mbps", "snr_db"]
        with pytest.raises(MatchError, match="no column 'mood'"):
            key_column("mood")


class TestRows:
    """What is flattened."""

    def test_no_number_is_lost(self, saved: Saved) -> None:
        """Each number of the JSON stands in a table, wherever it comes from."""
        for group in saved.analysis["by"]:
            for part in ("gilbert", "symbol", "copies"):
                assert group["patterns"][part], part
            assert group["patterns"]["equal_bits"]["finger"]
        goodput = saved.analysis["throughput"]["groups"][0]["algorithms"][0]["ack"]["ideal"]
        assert goodput["joule_per_bit"]
        assert saved.analysis["model"]["groups"][0]["uniform"]
        other = renumbered(saved.analysis, itertools.count(1_000_000))
        found = {
            value
            for table in tables(other).values()
            for row in table.to_pylist()
            for value in numbers_in(row)
        }
        lost = set(numbers_in(other)) - found
        assert not lost, f"of {len(found)}"

    def test_groups(self, saved: Saved) -> None:
        """Rows of groups are those of the JSON; places and classes begin where they should."""
        found = tables(saved.analysis)
        expected = [
            {name: value for name, value in group.items() if name != "patterns"}
            for group in saved.analysis["by"]
        ]
        assert found["groups"].to_pylist() == expected
        row = found["positions"].to_pylist()[3]
        place = saved.analysis["by"][0]["patterns"]["position"]
        assert row["first_byte"] == 3 * place["bytes"]
        assert (row["bit_errors"], row["bits"]) == (place["bit_errors"][3], place["bits"][3])
        gaps = [row for row in found["lengths"].to_pylist() if row["distribution"] == "gaps"]
        assert {row["shortest"] for row in gaps if row["longest"] == 128} == {65}
        assert all(row["shortest"] == row["longest"] for row in gaps if row["longest"] <= 64)

    def test_pairs_name_their_algorithms(self, saved: Saved) -> None:
        """Algorithms of one name are told apart by place and parameters."""
        (pair,) = tables(saved.analysis)["comparisons"].to_pylist()
        assert (pair["first"], pair["second"]) == (1, 2)
        flips = [json.loads(pair[f"{end}_parameters"])["max_flips"] for end in ("first", "second")]
        assert flips == [1, 2]

    def test_damage_is_refused(self, saved: Saved) -> None:
        """A number that is none, and a key too many, are errors that name the place."""
        broken = json.loads(json.dumps(saved.analysis))
        broken["by"][0]["frames"] = "many"
        with pytest.raises(FormatError, match="column frames of groups"):
            tables(broken)
        broken["by"][0]["frames"], broken["by"][0]["mood"] = 1, 2
        with pytest.raises(FormatError, match="row 1 of groups: mood"):
            tables(broken)


class TestFiles:
    """``wtrec analyze --format parquet|csv -o``."""

    def test_a_file_for_each_table(self, saved: Saved) -> None:
        """All tables are there, those without rows, too, and nothing else."""
        for kind, folder in (("parquet", saved.parquet), ("csv", saved.csv)):
            assert {path.name for path in folder.iterdir()} == {f"{t.name}.{kind}" for t in TABLES}

    @pytest.mark.parametrize("name", [table.name for table in TABLES])
    def test_all_have_the_same_numbers(self, saved: Saved, name: str) -> None:
        """Parquet has what the JSON has, and CSV the same, to the last digit."""
        expected = tables(saved.analysis)[name]
        found = pq.read_table(saved.parquet / f"{name}.parquet")
        if name not in {"service", "deadlines"}:
            assert found.to_pylist() == expected.to_pylist()
        with (saved.csv / f"{name}.csv").open(newline="") as file:
            header, *rows = csv.reader(file)
        assert header == expected.column_names
        read: dict[str, Any] = {
            "int64": int,
            "double": float,
            "string": str,
            "bool": lambda text: {"True": True, "False": False}[text],
        }
        kinds = [read[str(field.type)] for field in expected.schema]
        values = [
            [None if not cell else kind(cell) for kind, cell in zip(kinds, row, strict=True)]
            for row in rows
        ]
        assert values == [list(row.values()) for row in expected.to_pylist()]

    def test_parquet_says_what_it_holds(self, saved: Saved) -> None:
        """Units and meanings travel with the columns, the table's name with the file."""
        schema = pq.read_schema(saved.parquet / "throughput.parquet")
        assert schema.metadata[b"wtrec.schema"] == b"throughput/1"
        assert schema.metadata[b"wtrec.from"] == b"analysis/1"
        assert schema.field("cycle_us").metadata[b"unit"] == b"us"
        assert schema.field("per").metadata[b"doc"] == b"The packet error rate: bad / frames."
        assert schema.field("snr_db").type == pa.float64()
