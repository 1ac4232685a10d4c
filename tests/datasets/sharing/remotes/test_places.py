"""What holds at every kind of place."""

from __future__ import annotations

import contextlib
import hashlib
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from wtrec.datasets.sharing.bag import scan
from wtrec.datasets.sharing.create import create
from wtrec.datasets.sharing.pull import pull
from wtrec.datasets.sharing.remote import read_bounded
from wtrec.datasets.sharing.remote_folder import Folder
from wtrec.datasets.sharing.remote_s3 import S3
from wtrec.datasets.sharing.remote_sftp import Sftp
from wtrec.datasets.sharing.store import Store, object_path
from wtrec.datasets.sharing.verify import verify
from wtrec.errors import DatasetError, WtrecError

METADATA = {"title": "T", "authors": [{"name": "A"}], "licence": "CC0-1.0"}
WRITABLE = pytest.mark.parametrize("place", ["folder", "ssh", "s3"], indirect=True)
CHUNK = 16 << 10


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files here are small; more than one chunk of them is wanted."""
    monkeypatch.setattr(Sftp, "chunk", CHUNK)


def _contents(folder: Path) -> dict[str, bytes]:
    return {path: (folder / path).read_bytes() for path in scan(folder).files}


def _size(folder: Path) -> int:
    return sum(scan(folder).files.values())


@WRITABLE
class TestFiles:
    """The bytes alone."""

    def test_a_file_arrives_and_is_read_from_anywhere(self, place: Any, tmp_path: Path) -> None:
        """Its size and names are known; what is not there is not."""
        content = random.Random(1).randbytes(100_001)
        (tmp_path / "x").write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        ticks: list[int] = []
        with contextlib.closing(place.open()) as remote:
            assert remote.size("a/b/c") is None
            assert remote.names("a/b") == []
            with pytest.raises(FileNotFoundError):
                remote.read("a/b/c", ticks.append)
            remote.send(tmp_path / "x", "a/b/c", digest, ticks.append)
            assert sum(ticks) == remote.size("a/b/c") == len(content)
            assert (remote.names("a"), remote.names("a/b")) == (["b"], ["c"])
            for start in (0, 1, 65_536, 100_000):
                found: list[bytes] = []
                remote.read("a/b/c", found.append, start)
                assert b"".join(found) == content[start:]

    def test_a_file_that_is_another_is_not_there(self, place: Any, tmp_path: Path) -> None:
        """It changed since it was hashed: nothing of it stays."""
        (tmp_path / "x").write_bytes(bytes(50_000))
        with contextlib.closing(place.open()) as remote:
            with pytest.raises(DatasetError, match="SHA-256"):
                remote.send(tmp_path / "x", "a/b", "0" * 64, lambda _: None)
            assert remote.size("a/b") is None
            assert remote.names("incoming") == []

    def test_of_many_who_make_a_file_at_once_one_does(self, place: Any) -> None:
        """And it is whole; nobody else changes it."""
        remotes = [place.open() for _ in range(4)]
        contents = [bytes([number]) * 1000 for number in range(len(remotes))]
        with ThreadPoolExecutor(len(remotes)) as pool:
            jobs = [
                pool.submit(remote.create, "d/x", content)
                for remote, content in zip(remotes, contents, strict=True)
            ]
            made = [job.result() for job in jobs]
        assert sum(made) == 1
        assert read_bounded(remotes[0], "d/x", 2000) == contents[made.index(True)]
        remotes[0].replace("d/x", b"new")
        assert read_bounded(remotes[1], "d/x", 2000) == b"new"
        with pytest.raises(WtrecError, match="more than 2 bytes"):
            read_bounded(remotes[1], "d/x", 2)
        for remote in remotes:
            remote.close()


@WRITABLE
class TestDatasets:
    """Datasets."""

    def test_what_is_pulled_is_what_was_pushed(
        self, place: Any, made: Path, runs: list[Path], tmp_path: Path
    ) -> None:
        """Byte for byte. What is there, or in a dataset beside, is not moved again."""
        with contextlib.closing(place.open()) as remote:
            store = Store(remote)
            assert store.push(made) == _size(made)
            assert store.push(made) == 0
            assert pull(store, "short", "1", tmp_path / "short-1") == _size(made)
            assert _contents(tmp_path / "short-1") == _contents(made)
            create(tmp_path / "n", runs, name="short", version="2", metadata=METADATA)
            new = _size(tmp_path / "n") - sum(
                size for path, size in scan(made).files.items() if path.startswith("data/runs/")
            )
            assert store.push(tmp_path / "n") <= new
            assert pull(store, "short", "2", tmp_path / "short-2") <= new
            assert verify(tmp_path / "short-2").is_sound
            entries = [(each.name, each.version, each.frames) for each in store.entries()]
            assert entries == [("short", "1", 16), ("short", "2", 16)]

    def test_a_damaged_object_is_sent_again_by_a_push_that_checks(
        self, place: Any, made: Path, tmp_path: Path
    ) -> None:
        """One of the right size is seen by its content alone."""
        with contextlib.closing(place.open()) as remote:
            store = Store(remote)
            store.push(made, check=True)
            content = (made / "README.md").read_bytes()
            there = object_path(hashlib.sha256(content).hexdigest())
            remote.replace(there, bytes(len(content)))
            assert store.push(made) == 0
            with pytest.raises(DatasetError, match="push --check"):
                pull(store, "short", "1", tmp_path / "got")
            assert store.push(made, check=True) == len(content)
            assert read_bounded(remote, there, len(content)) == content
            pull(store, "short", "1", tmp_path / "got")

    def test_of_two_who_push_one_name_one_is_told(
        self, place: Any, made: Path, runs: list[Path], tmp_path: Path
    ) -> None:
        """What is there is one of both, whole, and in the catalogue."""
        create(tmp_path / "x", runs[:1], name="short", version="1", metadata=METADATA)
        stores = [Store(place.open()) for _ in range(2)]
        folders = (made, tmp_path / "x")
        with ThreadPoolExecutor(2) as pool:
            jobs = [pool.submit(s.push, f) for s, f in zip(stores, folders, strict=True)]
            errors = [job.exception() for job in jobs]
        assert sum(error is None for error in errors) == 1
        assert any("there is another short 1" in str(error) for error in errors)
        pull(stores[0], "short", "1", tmp_path / "got")
        winner = made if errors[0] is None else tmp_path / "x"
        assert _contents(tmp_path / "got") == _contents(winner)
        assert [each.name for each in stores[0].entries()] == ["short"]
        for store in stores:
            store.remote.close()


def _cut_points(seed: int, count: int, total: int) -> list[int]:
    return [random.Random(f"{seed} {each}").randrange(1, total) for each in range(count)]


def _passed(place: Any, action: Callable[[], object]) -> int:
    place.cutter.cut_after(None)
    action()
    passed: int = place.cutter.passed
    return passed


def _push(place: Any, folder: Path) -> int:
    with contextlib.closing(place.open()) as remote:
        return Store(remote).push(folder)


def _pull(place: Any, target: Path) -> int:
    with contextlib.closing(place.open()) as remote:
        return pull(Store(remote), "long", "1", target)


def _breaks(action: Callable[[], object]) -> bool:
    """Whether it ends with an error, which is then one line."""
    try:
        action()
    except WtrecError as error:
        return "\n" not in str(error)
    return False


class _Cuts:
    """The same for whatever kind of place."""

    def pushes(self, make: Callable[[int], Any], long: Path, tmp_path: Path, cuts: int) -> None:
        """Push with the connection cut at random points, then again without."""
        first = make(-1)
        total = _passed(first, lambda: _push(first, long))
        broke = 0
        for number, after in enumerate(_cut_points(1, cuts, total)):
            place = make(number)
            place.cutter.cut_after(after)
            broke += _breaks(lambda place=place: _push(place, long))  # type: ignore[misc]
            place.cutter.cut_after(None)
            with contextlib.closing(place.open()) as remote:
                store = Store(remote)
                assert store.versions("long") in ([], ["1"])
                if store.versions("long"):  # then all of it is there
                    pull(store, "long", "1", tmp_path / f"early{number}")
            _push(place, long)
            assert _pull(place, tmp_path / f"got{number}") <= _size(long)
            assert verify(tmp_path / f"got{number}").is_sound
        assert broke >= cuts * 0.7

    def pulls(self, place: Any, long: Path, tmp_path: Path, cuts: int) -> None:
        """Pull with the connection cut at random points, then again without."""
        total = _passed(place, lambda: _pull(place, tmp_path / "whole"))
        size = _size(long)
        broke = saved = 0
        for number, after in enumerate(_cut_points(2, cuts, total)):
            folder = tmp_path / str(number)
            folder.mkdir()
            place.cutter.cut_after(after)
            if _breaks(lambda folder=folder: _pull(place, folder / "got")):  # type: ignore[misc]
                broke += 1
                assert not (folder / "got").exists()
                place.cutter.cut_after(None)
                saved += size - _pull(place, folder / "got")
            assert _contents(folder / "got") == _contents(long)
            assert [each.name for each in folder.iterdir()] == ["got"]
        assert broke >= cuts * 0.7
        assert saved > 0


COUNTS = pytest.mark.parametrize("cuts", [2, pytest.param(20, marks=pytest.mark.slow)])


class TestCutsSsh(_Cuts):
    """Over SSH."""

    @COUNTS
    def test_a_push_that_is_cut_goes_on(
        self, ssh_place: Any, long: Path, tmp_path: Path, cuts: int
    ) -> None:
        """At any point; there is never half a dataset."""
        self.pushes(lambda number: ssh_place(tmp_path / f"t{number}"), long, tmp_path, cuts)

    @COUNTS
    def test_a_pull_that_is_cut_goes_on(
        self, ssh_place: Any, long: Path, tmp_path: Path, cuts: int
    ) -> None:
        """Also inside a file."""
        place = ssh_place()
        _push(place, long)
        self.pulls(place, long, tmp_path, cuts)


class TestCutsS3(_Cuts):
    """Over S3."""

    @pytest.fixture(autouse=True)
    def _impatient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nothing is tried again by the library."""
        monkeypatch.setattr(S3, "attempts", 1)

    @COUNTS
    def test_a_push_that_is_cut_goes_on(
        self, s3_place: Any, long: Path, tmp_path: Path, cuts: int
    ) -> None:
        """At any point; there is never half a dataset."""
        self.pushes(lambda _: s3_place(), long, tmp_path, cuts)

    @COUNTS
    def test_a_pull_that_is_cut_goes_on(
        self, s3_place: Any, long: Path, tmp_path: Path, cuts: int
    ) -> None:
        """Also inside a file."""
        place = s3_place()
        _push(place, long)
        self.pulls(place, long, tmp_path, cuts)


class TestCutsHttp(_Cuts):
    """From a web server."""

    @COUNTS
    def test_a_pull_that_is_cut_goes_on(
        self, web: Any, long: Path, tmp_path: Path, cuts: int
    ) -> None:
        """Also inside a file."""
        (tmp_path / "site").mkdir()
        Store(Folder(tmp_path / "site")).push(long)
        self.pulls(web(tmp_path / "site"), long, tmp_path, cuts)


def test_a_dataset_that_is_shared_already_moves_less_than_a_hundredth(
    ssh_place: Any,
    write_capture: Callable[..., Path],
    udp_frame: Callable[..., bytes],
    tmp_path: Path,
) -> None:
    """On the wire, in both directions together: a new version with the same runs."""
    frames = [udp_frame(random.Random(n).randbytes(1400), n % 4096) for n in range(6000)]
    capture = write_capture(tmp_path / "big.pcapng", frames)
    folders = [tmp_path / "here-1", tmp_path / "here-2"]
    for number, folder in enumerate(folders, 1):
        create(folder, [capture], name="big", version=str(number), metadata=METADATA)
    place = ssh_place()
    size = _size(folders[0])
    assert _passed(place, lambda: _push(place, folders[0])) > size
    assert _passed(place, lambda: _push(place, folders[1])) < size / 100
    (tmp_path / "there2").mkdir()
    for number, (least, most) in enumerate([(size, 2 * size), (0, size // 100)], 1):
        target = tmp_path / "there2" / f"big-{number}"
        with contextlib.closing(place.open()) as remote:
            place.cutter.cut_after(None)
            pull(Store(remote), "big", str(number), target)
        assert least < place.cutter.passed < most
