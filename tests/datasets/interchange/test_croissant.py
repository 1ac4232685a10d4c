from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from wtrec.datasets.interchange.croissant import croissant
from wtrec.datasets.sharing.bag import MANIFEST
from wtrec.datasets.sharing.dataset import Dataset

_LOAD = """
import json, sys
import mlcroissant
found = mlcroissant.Dataset(sys.argv[1])
assert not found.metadata.ctx.issues.errors, found.metadata.ctx.issues.report()
rows = {each.id: list(found.records(each.id)) for each in found.metadata.record_sets}
print(json.dumps({
    name: [len(each), sum(len(row.get(f"{name}/flips", ())) for row in each)]
    for name, each in rows.items()
}))
"""


class TestCroissant:
    """Croissant 1.0."""

    def test_every_file_is_there_with_its_hash(self, made: Path, dataset: Dataset) -> None:
        """As the manifest has it, at a URL below the base."""
        found = croissant(made, dataset, base="https://example.org/a/")
        lines = (made / MANIFEST).read_text().splitlines()
        hashes = {path: digest for digest, _, path in (line.partition("  ") for line in lines)}
        assert {each["@id"]: each["sha256"] for each in found["distribution"]} == hashes
        for each in found["distribution"]:
            assert each["contentUrl"] == f"https://example.org/a/{each['@id']}"
            assert each["contentSize"] == f"{(made / each['@id']).stat().st_size} B"

    def test_every_table_is_a_record_set_with_its_columns(
        self, made: Path, dataset: Dataset
    ) -> None:
        """Described as the file's own schema does."""
        found = croissant(made, dataset)
        tables = {path.stem: path for path in made.glob("data/runs/near/*.parquet")}
        assert {each["name"].removeprefix("near/") for each in found["recordSet"]} == set(tables)
        for records in found["recordSet"]:
            schema = pq.read_schema(tables[records["name"].removeprefix("near/")])
            columns = {each["source"]["extract"]["column"]: each for each in records["field"]}
            assert list(columns) == schema.names
            for name, field in columns.items():
                assert field["description"] == schema.field(name).metadata[b"doc"].decode()
                assert field.get("repeated", False) is (name == "flips")

    def test_files_that_are_not_here_have_no_records(self, made: Path, dataset: Dataset) -> None:
        """Nor a size: a dataset may have been fetched in part."""
        away = next(made.glob("data/runs/near/*.masks.parquet"))
        away.rename(made.parent / "away")
        try:
            found = croissant(made, dataset)
        finally:
            (made.parent / "away").rename(away)
        assert "near/near.masks" not in {each["name"] for each in found["recordSet"]}
        (file,) = [each for each in found["distribution"] if "masks" in each["name"]]
        assert "contentSize" not in file

    @pytest.mark.slow
    def test_mlcroissant_validates_and_loads_it(
        self, made: Path, dataset: Dataset, validators: Path
    ) -> None:
        """Every record set has as many rows, and as many flips, as its file."""
        path = made.parent / "croissant.json"
        path.write_text(json.dumps(croissant(made, dataset, base=f"{made.name}/")))
        cli = [str(validators.with_name("mlcroissant")), "validate", "--jsonld", str(path)]
        done = subprocess.run(cli, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "Done" in done.stderr
        done = subprocess.run(
            [validators, "-c", _LOAD, path], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout.splitlines()[-1])
        for table in made.glob("data/runs/near/*.parquet"):
            read = pq.read_table(table)
            flips = read.column("flips").to_pylist() if "flips" in read.column_names else []
            wanted = [len(read), sum(len(each) for each in flips)]
            assert found.pop(f"near/{table.stem}") == wanted
        assert not found
