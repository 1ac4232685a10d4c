from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import bagit
import pytest
from click.testing import CliRunner

from wtrec.cli.main import wtrec
from wtrec.datasets.journal import Journal
from wtrec.datasets.parquet import TableFile
from wtrec.datasets.run import Run
from wtrec.datasets.sharing.create import create
from wtrec.datasets.sharing.dataset import PATH, Dataset, load, schema
from wtrec.datasets.sharing.diff import diff
from wtrec.datasets.sharing.verify import verify
from wtrec.datasets.txlog import TX
from wtrec.errors import DatasetError, FormatError

METADATA: dict[str, Any] = {"title": "T", "authors": [{"name": "A"}], "licence": "CC0-1.0"}


def _dataset(folder: Path) -> Dataset:
    return load((folder / PATH).read_bytes(), str(folder))


@pytest.fixture
def near(runs: list[Path], tmp_path: Path) -> Path:
    """The first run in a folder of its own, to be changed."""
    return Path(shutil.copytree(runs[0].parent, tmp_path / "runs")) / runs[0].name


class TestCreate:
    """What goes into a dataset."""

    def test_it_has_all_that_belongs_to_its_runs(self, made: Path) -> None:
        """Capture, run.json, tx log, results, masks and frames, as they were."""
        near, far = _dataset(made).runs
        assert [(file.name, file.kind) for file in near.files] == [
            ("near.json", "run"),
            ("near.pcapng", "capture"),
            ("near.tx.parquet", "tx"),
            ("near.masks.parquet", "masks"),
            ("near.frames.parquet", "frames"),
            ("near.crc-flip.parquet", "results"),
        ]
        assert [file.kind for file in far.files] == ["run", "capture", "tx"]

    def test_files_are_copied_byte_for_byte(self, made: Path, runs: list[Path]) -> None:
        """Into the folder of their run."""
        for run in _dataset(made).runs:
            for file in run.files:
                assert (made / run.folder / file.name).read_bytes() == (
                    runs[0].parent / file.name
                ).read_bytes()

    def test_it_is_a_bag(self, made: Path) -> None:
        """So says bagit-python."""
        assert bagit.Bag(str(made)).validate()

    def test_it_says_how_results_were_made(self, made: Path) -> None:
        """Algorithm, parameters and version; the page has the command."""
        (results,) = _dataset(made).runs[0].of_kind("results")
        assert results.facts["algorithm"] == "crc-flip"
        assert json.loads(results.facts["parameters"])["max_flips"] == 3
        assert "wtrec_version" in results.facts
        page = (made / "README.md").read_text()
        assert "wtrec replay near.pcapng --algo crc-flip:max_flips=3" in page
        assert "Ada Lovelace (A lab, ada@example.org)" in page
        assert "Nothing is said of: collection environment" in page

    def test_large_files_are_in_parts_and_verify(self, near: Path, tmp_path: Path) -> None:
        """Of each kind, packed captures and the journal of a killed sender among them."""
        folder = near.parent
        with (
            TableFile(folder / "far.tx.parquet", TX) as log,
            Journal(folder / "far.tx.arrows", TX, {"run_id": log.metadata["run_id"]}) as left,
        ):
            for batch in log.batches(2):
                left.append(batch)
        with (folder / "far.tx.arrows").open("ab") as file:
            file.write(b"\xff" * 300)  # cut in a batch
        (folder / "far.tx.parquet").unlink()
        words = ["analyze", str(near), "-q", "--format", "json"]
        analysis = CliRunner().invoke(wtrec, [*words, "-o", str(folder / "near.analysis.json")])
        assert analysis.exit_code == 0, analysis.output
        packed = folder / "packed.pcapng.gz"
        packed.write_bytes(gzip.compress(near.read_bytes()))
        captures = [near, folder / "far.pcapng", packed]
        facts: dict[str, Any] = {"name": "s", "metadata": METADATA, "part_bytes": 200}
        made = create(tmp_path / "s-1", captures, version="1", **facts)
        files = [file for run in made.dataset.runs for file in run.files]
        kinds = schema()["$defs"]["file"]["properties"]["kind"]["enum"]
        assert {file.kind for file in files if file.parts} == set(kinds)
        assert made.losses == ["far/far.tx.arrows: 300 bytes behind its last whole batch"]
        assert verify(made.path).problems == []
        with (folder / "far.tx.arrows").open("ab") as file:
            file.truncate(file.tell() - 1)
        whole = create(tmp_path / "s-2", captures, version="2", **facts | {"part_bytes": 1 << 30})
        assert [file.counts for run in whole.dataset.runs for file in run.files] == [
            file.counts for file in files
        ]
        (changed,) = diff((made.path, whole.path), (made.dataset, whole.dataset)).changed
        assert changed.path == "far/far.tx.arrows"
        assert changed.rows is not None
        assert (changed.rows.same, changed.rows.is_same) == (8, True)
        assert bagit.Bag(str(made.path)).validate()
        first = made.path / "data" / "runs" / "near"
        joined = b"".join(path.read_bytes() for path in sorted(first.glob("near.pcapng.part*")))
        assert joined == near.read_bytes()

    def test_runs_of_the_same_name_get_folders_of_their_own(
        self, runs: list[Path], near: Path, tmp_path: Path
    ) -> None:
        """And the same run twice is one."""
        captures = [runs[0], near, runs[0]]
        made = create(tmp_path / "s-1", captures, name="s", version="1", metadata=METADATA)
        assert [run.id for run in made.dataset.runs] == ["near", "near-2"]
        assert verify(made.path).problems == []

    def test_a_capture_in_several_files_is_one_run(self, near: Path, tmp_path: Path) -> None:
        """All that run.json names and that are there."""
        names = [f"long_0000{k}_2026010112000{k}.pcapng" for k in (1, 2)]
        for name in names:
            near.with_name(name).write_bytes(near.read_bytes())
        run = json.loads(near.with_suffix(".json").read_text())
        run["files"] = [{"name": name} for name in [*names, "gone.pcapng", "../near.pcapng"]]
        near.with_name("long.json").write_text(json.dumps(run))
        captures = [near.with_name(name) for name in names]
        made = create(tmp_path / "s-1", captures, name="s", version="1", metadata=METADATA)
        (only,) = made.dataset.runs
        assert [file.name for file in only.of_kind("capture")] == names
        assert only.id == "long"
        assert verify(made.path).problems == []

    def test_a_cut_capture_is_taken_with_its_loss(self, near: Path, tmp_path: Path) -> None:
        """It is said, and verify finds the same."""
        alone = tmp_path / "cut.pcapng"
        alone.write_bytes(near.read_bytes()[:-10])
        made = create(tmp_path / "s-1", [alone], name="s", version="1", metadata=METADATA)
        assert len(made.losses) == 1
        assert "cut: it has no run.json" in made.notes
        verdict = verify(made.path)
        assert verdict.problems == []
        assert len(verdict.notes) == 1


class TestRefusals:
    """What does not become a dataset, and leaves nothing."""

    def _refused(self, tmp_path: Path, *captures: Path, **changes: Any) -> str:
        before = sorted(tmp_path.iterdir())
        facts = {"name": "s", "version": "1", "metadata": METADATA} | changes
        with pytest.raises((DatasetError, FormatError)) as caught:
            create(tmp_path / "s-1", captures, **facts)
        assert sorted(tmp_path.iterdir()) == before
        return str(caught.value)

    @pytest.mark.parametrize("name", ["Upper", "../x", "a/b", "", ".x"])
    def test_names(self, runs: list[Path], tmp_path: Path, name: str) -> None:
        """Such that they cannot be folders everywhere."""
        assert "name" in self._refused(tmp_path, runs[0], name=name)

    def test_missing_and_wrong_metadata(self, runs: list[Path], tmp_path: Path) -> None:
        """All that is missing in one line."""
        assert "title, licence" in self._refused(
            tmp_path, runs[0], metadata={"authors": [{"name": "A"}]}
        )
        assert "doi" in self._refused(tmp_path, runs[0], metadata={**METADATA, "doi": "x"})

    def test_results_of_another_capture(self, near: Path, tmp_path: Path) -> None:
        """Frame numbers would mean other frames."""
        near.write_bytes(near.with_name("far.pcapng").read_bytes())
        said = self._refused(tmp_path, near)
        assert "near.crc-flip.parquet: of another capture" in said
        assert "near.masks.parquet: of another capture" in said

    def test_a_tx_log_of_another_run(self, near: Path, tmp_path: Path) -> None:
        """By its run id."""
        shutil.copy(near.with_name("far.tx.parquet"), near.with_name("near.tx.parquet"))
        assert "near.tx.parquet: of run" in self._refused(tmp_path, near)

    def test_damaged_files(self, near: Path, tmp_path: Path) -> None:
        """All of them are named."""
        near.with_name("near.tx.parquet").write_bytes(b"PAR1")
        near.with_name("near.masks.parquet").write_bytes(b"")
        said = self._refused(tmp_path, near)
        assert "near.tx.parquet: not a Parquet file" in said
        assert "near.masks.parquet: not a Parquet file" in said

    def test_names_of_files(self, near: Path, tmp_path: Path) -> None:
        """Windows has no file of such a name."""
        odd = near.with_name("a|b.pcapng")
        odd.write_bytes(near.read_bytes())
        assert "rename it" in self._refused(tmp_path, odd)

    @pytest.mark.parametrize(
        ("name", "wanted"),
        [
            ("a..pcapng", "its run would be 'a.'"),
            ("run .pcapng", "its run would be 'run '"),
            ("r" * 188 + ".pcapng", "its parts, '"),
        ],
    )
    def test_names_of_runs_and_of_parts(
        self, near: Path, tmp_path: Path, name: str, wanted: str
    ) -> None:
        """They become files, too."""
        odd = near.with_name(name)
        odd.write_bytes(near.read_bytes())
        said = self._refused(tmp_path, odd, part_bytes=1000)
        assert wanted in said
        assert "rename it" in said

    def test_a_file_of_too_many_parts(
        self, near: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Before anything is copied."""
        monkeypatch.setattr("wtrec.datasets.sharing.names.MOST_PIECES", 9)
        said = self._refused(
            tmp_path, near, part_bytes=100, on_bytes=lambda _: pytest.fail("copied")
        )
        assert "near.json: " in said
        assert "parts of 100 bytes, wanted 9 at most" in said

    def test_a_dataset_that_is_there(self, runs: list[Path], tmp_path: Path) -> None:
        """Versions do not change."""
        (tmp_path / "s-1").mkdir()
        assert "make a new version" in self._refused(tmp_path, runs[0])


def test_what_run_json_counts_otherwise_is_a_note(near: Path, tmp_path: Path) -> None:
    """It is as it was recorded, and people should know."""
    sidecar = near.with_suffix(".json")
    value = json.loads(sidecar.read_text())
    value["counters"] = {"received": 9, "dropped_by_kernel": 0, "written": 9, "bad_fcs": 0}
    sidecar.write_text(json.dumps(value))
    assert Run.load(sidecar).counters is not None
    made = create(tmp_path / "s-1", [near], name="s", version="1", metadata=METADATA)
    assert any("says that 9 were written" in note for note in made.notes)
    verdict = verify(made.path)
    assert verdict.problems == []
    assert any("says that 9 were written" in note for note in verdict.notes)
