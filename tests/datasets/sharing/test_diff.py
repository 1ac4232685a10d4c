from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from wtrec.cli.main import wtrec
from wtrec.datasets.sharing.create import create
from wtrec.datasets.sharing.dataset import PATH, load
from wtrec.datasets.sharing.diff import DatasetDiff, diff

METADATA: dict[str, Any] = {"title": "Two", "authors": [{"name": "A"}], "licence": "CC0-1.0"}


def _diff(one: Path, other: Path) -> DatasetDiff:
    datasets = [load((each / PATH).read_bytes(), str(each)) for each in (one, other)]
    return diff((one, other), (datasets[0], datasets[1]))


@pytest.fixture(scope="module")
def changed(runs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another version: a run less, a bit of a frame, no masks, results of other parameters."""
    folder = tmp_path_factory.mktemp("changed")
    shutil.copytree(runs[0].parent, folder / "runs")
    near = folder / "runs" / "near.pcapng"
    for path in folder.glob("runs/near.*.parquet"):
        if "tx" not in path.name:
            path.unlink()
    content = bytearray(near.read_bytes())
    content[-300] ^= 1  # in the last frame
    near.write_bytes(content)
    words = ["replay", str(near), "--algo", "crc-flip:max_flips=1", "-q"]
    assert CliRunner().invoke(wtrec, words).exit_code == 0
    target = folder / "short-2"
    create(target, [near], name="short", version="2", metadata=METADATA, part_bytes=9000)
    return target


class TestDiff:
    """What differs between two datasets."""

    def test_a_dataset_and_its_copy_are_the_same(self, made: Path, bag: Path) -> None:
        """Whatever their folders are called."""
        found = _diff(made, bag)
        assert found.is_same
        assert found.same == 9

    def test_all_that_differs_is_counted(self, made: Path, changed: Path) -> None:
        """Metadata, runs, files; frames and rows by column."""
        found = _diff(made, changed)
        assert {"title", "version", "keywords", "purpose"} <= set(found.metadata)
        assert "created" not in found.metadata
        assert found.runs == (["far"], [])
        assert found.files == (["near/near.frames.parquet", "near/near.masks.parquet"], [])
        files = {each.path: each for each in found.changed}
        assert set(files) == {"near/near.pcapng", "near/near.crc-flip.parquet"}
        frames = files["near/near.pcapng"].rows
        assert frames is not None
        assert (frames.same, frames.differing, frames.alone) == (7, 1, (0, 0))
        assert "mpdu" in frames.columns
        results = files["near/near.crc-flip.parquet"]
        assert {"parameters", "capture_sha256"} <= set(results.facts)
        assert results.rows is not None
        assert results.rows.columns["service_ns"] > 0
        back = _diff(changed, made)
        assert back.runs == ([], ["far"])
        assert len(back.changed) == 2

    def test_files_that_are_not_here_or_cannot_be_read_say_so(
        self, made: Path, changed: Path, bag: Path
    ) -> None:
        """And the rest is compared."""
        (bag / "data/runs/near/near.pcapng").unlink()
        os.truncate(bag / "data/runs/near/near.crc-flip.parquet", 100)
        del made
        reasons = [each.why_not for each in _diff(bag, changed).changed]
        assert "not a Parquet file" in reasons[0]
        assert reasons[1] == "not here: it was fetched in part"


class TestCommand:
    """wtrec dataset diff."""

    def test_exit_codes_are_those_of_diff(self, made: Path, changed: Path, bag: Path) -> None:
        """0 the same, 1 different; as text and as JSON."""
        done = CliRunner().invoke(wtrec, ["dataset", "diff", str(made), str(bag)])
        assert done.exit_code == 0, done.output
        assert "nothing differs, 9 are the same" in done.stdout
        done = CliRunner().invoke(wtrec, ["dataset", "diff", str(made), str(changed)])
        assert done.exit_code == 1, done.output
        for words in ("title: Two short runs -> Two", "run far: only in", "7 same, 1 differ"):
            assert words in done.stdout
        words_ = ["dataset", "diff", str(made), str(changed), "--format", "json"]
        found = json.loads(CliRunner().invoke(wtrec, words_).stdout)
        assert found["same"] is False
        assert found["metadata"]["version"] == ["1", "2"]
