from __future__ import annotations

import shutil
from pathlib import Path

import bagit
import pytest

from wtrec.datasets.sharing.bag import scan
from wtrec.datasets.sharing.create import create
from wtrec.datasets.sharing.holes import FETCH
from wtrec.datasets.sharing.pack import pack
from wtrec.datasets.sharing.pull import pull
from wtrec.datasets.sharing.remote_folder import Folder
from wtrec.datasets.sharing.store import Store
from wtrec.datasets.sharing.verify import verify
from wtrec.errors import DatasetError

METADATA = {"title": "T", "authors": [{"name": "A"}], "licence": "CC0-1.0"}


@pytest.fixture
def store(made: Path, tmp_path: Path) -> Store:
    """One with a dataset."""
    (tmp_path / "store").mkdir()
    store = Store(Folder(tmp_path / "store"))
    store.push(made)
    return store


def _contents(folder: Path) -> dict[str, bytes]:
    return {path: (folder / path).read_bytes() for path in scan(folder).files}


class TestOnly:
    """A part of a dataset."""

    def test_a_part_is_verified_as_a_part(self, store: Store, made: Path, tmp_path: Path) -> None:
        """What is not here is said, and how large it is; its digest is that of the whole."""
        got = tmp_path / "got"
        came = pull(store, "short", "1", got, only=["masks", "results"])
        verdict = verify(got)
        assert verdict.is_sound
        assert verdict.digest == verify(made).digest
        whole = scan(made).files
        here = scan(got).files
        assert verdict.absent == {path: whole[path] for path in whole if path not in here}
        assert came == sum(size for path, size in here.items() if path != FETCH)
        kinds = {path.split(".", 1)[1] for path in here if path.startswith("data/runs/")}
        assert kinds == {"masks.parquet", "crc-flip.parquet"}
        assert not bagit.Bag(str(got)).is_valid()  # of another program: it is not whole

    def test_another_pull_completes_it(self, store: Store, made: Path, tmp_path: Path) -> None:
        """Where it stands; by and by, or all of it."""
        got = tmp_path / "got"
        pull(store, "short", "1", got, only=["masks"])
        (got / "data/runs/near/near.masks.parquet").write_bytes(b"damaged")
        pull(store, "short", "1", got, only=["results"])
        here = sum(size for path, size in scan(got).files.items() if path != FETCH)
        assert verify(got).is_sound
        came = pull(store, "short", "1", got)
        assert _contents(got) == _contents(made)
        assert came == sum(scan(made).files.values()) - here
        assert bagit.Bag(str(got)).is_valid()
        with pytest.raises(DatasetError, match="got exists"):
            pull(store, "short", "1", got)

    def test_what_is_there_beside_it_stays(
        self, store: Store, runs: list[Path], tmp_path: Path
    ) -> None:
        """A part of another dataset is not touched, nor are a user's own files."""
        got = tmp_path / "got"
        pull(store, "short", "1", got, only=["masks"])
        create(tmp_path / "n", runs, name="short", version="2", metadata=METADATA)
        store.push(tmp_path / "n")
        with pytest.raises(DatasetError, match="a part of another dataset"):
            pull(store, "short", "2", got)
        (got / "data/link").symlink_to("/etc")
        with pytest.raises(DatasetError, match="data/link: a link"):
            pull(store, "short", "1", got)
        (got / "data/link").unlink()
        (got / "mine").write_text("x")
        with pytest.raises(DatasetError, match="mine: no manifest lists it"):
            pull(store, "short", "1", got)
        assert (got / "mine").read_text() == "x"

    def test_kinds_that_there_are_not_are_said(self, store: Store, tmp_path: Path) -> None:
        """With those that there are."""
        shutil.rmtree(tmp_path / "store" / "datasets")
        create(tmp_path / "n", [_plain(tmp_path)], name="plain", version="1", metadata=METADATA)
        store.push(tmp_path / "n")
        with pytest.raises(DatasetError, match="plain 1 has no masks; it has capture"):
            pull(store, "plain", "1", tmp_path / "got", only=["masks"])

    def test_a_part_is_not_published_nor_packed(self, store: Store, tmp_path: Path) -> None:
        """It would be a dataset with holes."""
        pull(store, "short", "1", tmp_path / "got", only=["masks"])
        (tmp_path / "other").mkdir()
        with pytest.raises(DatasetError, match="are not there; pull it whole"):
            Store(Folder(tmp_path / "other")).push(tmp_path / "got")
        with pytest.raises(DatasetError, match="are not here: pull it whole"):
            pack(tmp_path / "got", tmp_path / "got.tar")

    @pytest.mark.parametrize(
        ("line", "problem"),
        [
            ("file:///x 3 ../out", "leads out"),
            ("file:///x 3 README.md", "does not belong"),
            ("file:///x 3 data/dataset.json", "does not belong"),
            ("file:///x 3 data/runs/near/nothing", "does not belong"),
            ("file:///x -3 data/runs/near/near.pcapng", "wanted a URL"),
            ("file:///x 3", "wanted a URL"),
        ],
    )
    def test_a_list_of_holes_that_lies_is_a_problem(
        self, bag: Path, line: str, problem: str
    ) -> None:
        """It cannot hide that something else is missing."""
        (bag / FETCH).write_text(f"{line}\n")
        assert [problem in each.what for each in verify(bag).problems] == [True]

    def test_a_hole_of_another_size_is_a_problem(self, bag: Path) -> None:
        """The description says how large it is."""
        path = "data/runs/near/near.pcapng"
        (bag / path).unlink()
        (bag / FETCH).write_text(f"file:///x 3 {path}\n")
        assert any("3 bytes, wanted" in each.what for each in verify(bag).problems)


def _plain(folder: Path) -> Path:
    from click.testing import CliRunner

    from wtrec.cli.main import wtrec

    words = ["simulate", "-w", str(folder / "plain.pcapng"), "--frames", "2", "--length", "200"]
    assert CliRunner().invoke(wtrec, words).exit_code == 0
    return folder / "plain.pcapng"


def test_what_another_dataset_here_has_does_not_travel(
    store: Store, runs: list[Path], tmp_path: Path
) -> None:
    """Unless it is damaged there."""
    here = tmp_path / "here"
    here.mkdir()
    pull(store, "short", "1", here / "short-1")
    create(tmp_path / "n", runs, name="short", version="2", metadata=METADATA)
    store.push(tmp_path / "n")
    files = scan(tmp_path / "n").files
    tags = sum(size for path, size in files.items() if not path.startswith("data/runs/"))
    victim = "data/runs/near/near.pcapng"
    (here / "short-1" / victim).write_bytes(bytes(files[victim]))
    assert pull(store, "short", "2", here / "short-2") <= tags + files[victim]
    assert _contents(here / "short-2") == _contents(tmp_path / "n")
