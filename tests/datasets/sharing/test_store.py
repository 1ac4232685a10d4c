from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from wtrec.datasets.sharing import store as store_module
from wtrec.datasets.sharing.bag import scan
from wtrec.datasets.sharing.create import create
from wtrec.datasets.sharing.pack import pack, unpack
from wtrec.datasets.sharing.pull import pull
from wtrec.datasets.sharing.remote import OnBytes, RemoteError
from wtrec.datasets.sharing.remote_folder import Folder
from wtrec.datasets.sharing.store import LEFT_S, Store, object_path, parse_listing
from wtrec.errors import DatasetError

METADATA = {"title": "T", "authors": [{"name": "A"}], "licence": "CC0-1.0"}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty one."""
    (tmp_path / "store").mkdir()
    return Store(Folder(tmp_path / "store"))


@pytest.fixture
def pushed(store: Store, made: Path) -> Store:
    """One with a dataset."""
    store.push(made)
    return store


def _root(store: Store) -> Path:
    assert isinstance(store.remote, Folder)
    return store.remote.path


def _index(store: Store) -> Path:
    return _root(store) / "datasets" / "short" / "1"


def _contents(folder: Path) -> dict[str, bytes]:
    return {path: (folder / path).read_bytes() for path in scan(folder).files}


class TestPush:
    """Publishing."""

    def test_what_is_pulled_is_what_was_pushed(
        self, pushed: Store, made: Path, tmp_path: Path
    ) -> None:
        """Byte for byte; nothing else is left."""
        ticks: list[int] = []
        copied = pull(pushed, "short", "1", tmp_path / "got", on_bytes=ticks.append)
        assert _contents(tmp_path / "got") == _contents(made)
        assert copied == sum(ticks) == sum(scan(made).files.values())
        assert sorted(os.listdir(tmp_path)) == ["got", "store"]  # noqa: PTH208 - names alone

    def test_shared_files_travel_once(
        self, pushed: Store, made: Path, runs: list[Path], tmp_path: Path
    ) -> None:
        """A second version copies what is new; pushing again copies nothing."""
        assert pushed.push(made) == 0
        second = create(tmp_path / "n", runs, name="short", version="1.10", metadata=METADATA)
        assert 0 < pushed.push(second.path) < sum(scan(made).files.values()) - second.dataset.size
        create(tmp_path / "m", runs, name="short", version="1.9", metadata=METADATA)
        pushed.push(tmp_path / "m")
        assert pushed.versions("short") == ["1", "1.9", "1.10"]

    def test_a_version_does_not_change(
        self, pushed: Store, runs: list[Path], tmp_path: Path
    ) -> None:
        """Another dataset of the same name and version is refused."""
        before = _index(pushed).read_bytes()
        create(tmp_path / "x", runs[:1], name="short", version="1", metadata=METADATA)
        with pytest.raises(DatasetError, match="there is another short 1"):
            pushed.push(tmp_path / "x")
        assert _index(pushed).read_bytes() == before

    def test_of_two_who_push_at_once_one_is_told(
        self, store: Store, made: Path, runs: list[Path], tmp_path: Path
    ) -> None:
        """And what is there is one of both, whole."""
        create(tmp_path / "x", runs[:1], name="short", version="1", metadata=METADATA)
        with ThreadPoolExecutor(2) as pool:
            jobs = [pool.submit(store.push, folder) for folder in (made, tmp_path / "x")]
            errors = [job.exception() for job in jobs]
        assert sum(error is None for error in errors) == 1
        pull(store, "short", "1", tmp_path / "got")
        winner = made if errors[0] is None else tmp_path / "x"
        assert _contents(tmp_path / "got") == _contents(winner)

    def test_a_damaged_dataset_is_not_published(self, store: Store, bag: Path) -> None:
        """Nor one that breaks off: without its list it is not there."""
        (bag / "README.md").write_text("x")
        with pytest.raises(DatasetError, match=r"README\.md: SHA-256"):
            store.push(bag)
        assert store.versions("short") == []

    def test_a_push_that_broke_off_is_not_visible_and_goes_on(
        self, store: Store, made: Path, tmp_path: Path
    ) -> None:
        """Files that are there are not copied again."""
        done: list[int] = []

        def breaks(count: int) -> None:
            done.append(count)
            if len(done) == 4:
                raise ConnectionError

        with pytest.raises(ConnectionError):
            store.push(made, on_bytes=breaks)
        assert store.versions("short") == []
        assert store.push(made) == sum(scan(made).files.values()) - sum(done[:3])
        pull(store, "short", "1", tmp_path / "got")

    def test_what_was_left_a_week_ago_is_removed(self, store: Store, made: Path) -> None:
        """What is newer stays: somebody may be at work on it."""
        folder = _root(store) / "objects" / "ab"
        folder.mkdir(parents=True)
        for name, age in ((".old", LEFT_S + 60), (".new", LEFT_S - 60), ("object", LEFT_S + 60)):
            (folder / name).touch()
            then = time.time() - age
            os.utime(folder / name, (then, then))
        store.push(made)
        assert not (folder / ".old").exists()
        assert (folder / ".new").exists()
        assert (folder / "object").exists()

    def test_what_does_not_arrive_as_it_was_sent_is_said(
        self, store: Store, made: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """By its size always, by its content if asked; the dataset is not there then."""
        send, is_short = Folder.send, False

        def sends(self: Folder, source: Path, path: str, digest: str, on_bytes: OnBytes) -> None:
            send(self, source, path, digest, on_bytes)
            content = (self.path / path).read_bytes()
            (self.path / path).write_bytes(content[1:] if is_short else content[1:] + b"!")

        monkeypatch.setattr(Folder, "send", sends)
        with pytest.raises(RemoteError, match="did not arrive as it was sent"):
            store.push(made, check=True)
        assert store.versions("short") == []
        is_short = True
        with pytest.raises(RemoteError, match="did not arrive as it was sent"):
            store.push(made)
        assert store.versions("short") == []


class _Busy(Folder):
    """A folder that says "taken" a number of times, as S3 does while somebody else tries."""

    refusals = 0

    def create(self, path: str, content: bytes) -> bool:
        self.refusals -= 1
        return self.refusals < 0 and super().create(path, content)


class TestTaken:
    """A list that could not be made is not taken for one that is there."""

    @pytest.fixture
    def busy(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> _Busy:
        """An empty place."""
        monkeypatch.setattr(store_module, "_PAUSE_S", 0.0)
        (tmp_path / "store").mkdir()
        return _Busy(tmp_path / "store")

    def test_it_is_tried_again(self, busy: _Busy, made: Path) -> None:
        """Until it is there."""
        busy.refusals = 2
        Store(busy).push(made)
        assert Store(busy).versions("short") == ["1"]

    def test_a_push_that_published_nothing_says_so(self, busy: _Busy, made: Path) -> None:
        """It ends with an error, not with success."""
        busy.refusals = 1000
        with pytest.raises(DatasetError, match="short/1: not there, and the remote does not take"):
            Store(busy).push(made)
        assert Store(busy).versions("short") == []


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names, in the end, of all that was made durable."""
    found: set[str] = set()
    fsync = os.fsync

    def noting(handle: int) -> None:
        found.add(f"{os.fstat(handle).st_dev} {os.fstat(handle).st_ino}")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", noting)
    return found


def _forgotten(folder: Path, synced: set[str]) -> list[str]:
    return [
        str(path.relative_to(folder))
        for path in (folder, *folder.rglob("*"))
        if f"{path.stat().st_dev} {path.stat().st_ino}" not in synced
    ]


class TestDurable:
    """All files and all folders are on the disk, also those that were copied from beside."""

    def test_at_the_remote(self, store: Store, made: Path, synced: set[str]) -> None:
        """Folders above new folders, too."""
        store.push(made)
        assert _forgotten(_root(store), synced) == []

    def test_here(self, pushed: Store, runs: list[Path], tmp_path: Path, synced: set[str]) -> None:
        """Of a pull, of another one that moves little, of a part that is completed."""
        create(tmp_path / "x", runs, name="short", version="2", metadata=METADATA)
        pushed.push(tmp_path / "x")
        (tmp_path / "here").mkdir()
        for version in ("1", "2"):
            synced.clear()
            pull(pushed, "short", version, tmp_path / "here" / version)
            assert _forgotten(tmp_path / "here" / version, synced) == []
        synced.clear()
        (tmp_path / "part").mkdir()
        for only in (["masks"], []):
            pull(pushed, "short", "1", tmp_path / "part" / "1", only=only)
        assert _forgotten(tmp_path / "part", synced) == []

    def test_from_an_archive(self, made: Path, tmp_path: Path, synced: set[str]) -> None:
        """The folder that it is unpacked into, too."""
        pack(made, tmp_path / "x.tar")
        (tmp_path / "here").mkdir()
        synced.clear()
        unpack(tmp_path / "x.tar", tmp_path / "here")
        assert _forgotten(tmp_path / "here", synced) == []


@pytest.mark.parametrize(("root", "file"), [(0o2775, 0o664), (0o750, 0o640), (0o700, 0o600)])
def test_permissions_are_those_of_the_root(store: Store, made: Path, root: int, file: int) -> None:
    """Whatever the umask of who pushes."""
    _root(store).chmod(root)
    umask = os.umask(0o077)
    try:
        store.push(made)
    finally:
        os.umask(umask)
    modes = {(each.is_dir(), each.stat().st_mode & 0o7777) for each in _root(store).rglob("*")}
    assert modes == {(True, root), (False, file)}


def _listed(store: Store, lines: list[str]) -> None:
    with _index(store).open("a") as file:
        file.writelines(lines)


class TestPull:
    """Fetching."""

    def test_a_pull_that_broke_off_goes_on(self, pushed: Store, tmp_path: Path) -> None:
        """There is no dataset before; what had come is not copied again, unless it is damaged."""
        done: list[int] = []

        def breaks(count: int) -> None:
            done.append(count)
            if len(done) == 5:
                raise ConnectionError

        with pytest.raises(ConnectionError):
            pull(pushed, "short", "1", tmp_path / "got", on_bytes=breaks)
        assert not (tmp_path / "got").exists()
        partial = tmp_path / ".got.pulling"
        (partial / "link").symlink_to("/etc")
        first = next(iter(scan(partial).files))
        size = (partial / first).stat().st_size
        (partial / first).write_bytes(bytes(size))
        total = sum(path.stat().st_size for path in (_root(pushed) / "objects").rglob("??/*"))
        copied = pull(pushed, "short", "1", tmp_path / "got")
        assert copied == total - sum(done[:5]) + size

    def test_an_object_that_is_another_is_refused(self, pushed: Store, tmp_path: Path) -> None:
        """By its hash, as it arrives."""
        victim = max((_root(pushed) / "objects").rglob("??/*"), key=lambda p: p.stat().st_size)
        content = bytearray(victim.read_bytes())
        content[0] ^= 1
        victim.write_bytes(content)
        with pytest.raises(DatasetError, match="SHA-256 is"):
            pull(pushed, "short", "1", tmp_path / "got")
        assert not (tmp_path / "got").exists()

    def test_an_object_that_is_a_link_is_not_followed(self, pushed: Store, tmp_path: Path) -> None:
        """Nor is a pipe waited for."""
        victim = min((_root(pushed) / "objects").rglob("??/*"))
        victim.unlink()
        os.mkfifo(victim)
        with pytest.raises(DatasetError, match="not a regular file"):
            pull(pushed, "short", "1", tmp_path / "got")

    @pytest.mark.parametrize(
        "path",
        [
            "../out",
            "/out",
            "data/../../out",
            "data/a\\b",
            "data/NUL",
            "README.md/x",
            "readme.md",
        ],
    )
    def test_a_list_that_leads_elsewhere_writes_nothing(
        self, pushed: Store, tmp_path: Path, path: str
    ) -> None:
        """Not even the good files of it."""
        evil = b"evil"
        digest = hashlib.sha256(evil).hexdigest()
        (_root(pushed) / "objects" / digest[:2]).mkdir(exist_ok=True)
        (_root(pushed) / "objects" / digest[:2] / digest).write_bytes(evil)
        with _index(pushed).open("a") as file:
            file.write(f"{digest}  {path}\n")
        with pytest.raises(DatasetError, match="short/1: "):
            pull(pushed, "short", "1", tmp_path / "got")
        assert sorted(os.listdir(tmp_path)) == ["store"]  # noqa: PTH208 - names alone

    def test_a_list_that_names_an_object_often_writes_nothing(
        self, pushed: Store, tmp_path: Path
    ) -> None:
        """Only files that dataset.json has are fetched, and none of them is before it is known."""
        big = bytes(1 << 20)
        digest = hashlib.sha256(big).hexdigest()
        (_root(pushed) / "objects" / digest[:2]).mkdir(exist_ok=True)
        (_root(pushed) / "objects" / digest[:2] / digest).write_bytes(big)
        _listed(pushed, [f"{digest}  data/runs/near/f{number}\n" for number in range(300)])
        came: list[int] = []
        with pytest.raises(DatasetError, match=r"not sound: data/runs/near/f0: .* does not have"):
            pull(pushed, "short", "1", tmp_path / "got", on_bytes=came.append)
        assert sum(came) < 100_000
        assert os.listdir(tmp_path) == ["store"]  # noqa: PTH208 - names alone

    def test_room_is_wanted_for_each_place_of_a_file(
        self, pushed: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Not for each object; what has arrived is counted."""
        digest = hashlib.sha256(b"x").hexdigest()
        place = _root(pushed) / "objects" / digest[:2] / digest
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(b"x")
        _listed(pushed, [f"{digest}  notes{number}\n" for number in range(10)])
        listed = parse_listing(_index(pushed).read_bytes(), "")
        sizes = {
            path: (_root(pushed) / object_path(digest)).stat().st_size
            for path, digest in listed.items()
        }
        tags = sum(size for path, size in sizes.items() if not path.startswith("data/"))
        free = [sizes["data/dataset.json"], tags - 1]
        usage = shutil.disk_usage(tmp_path)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=free.pop(0)))
        with pytest.raises(DatasetError, match=f"{tags:,} bytes wanted, {tags - 1:,} are free"):
            pull(pushed, "short", "1", tmp_path / "got")

    def test_an_object_of_another_size_does_not_travel(self, pushed: Store, tmp_path: Path) -> None:
        """dataset.json says how large it is."""
        listed = parse_listing(_index(pushed).read_bytes(), "")
        victim = _root(pushed) / object_path(listed["data/runs/near/near.pcapng"])
        size = victim.stat().st_size
        victim.write_bytes(bytes(size + 1000))
        with pytest.raises(DatasetError, match=rf"near.pcapng: {size + 1000:,} bytes, .*{size:,}"):
            pull(pushed, "short", "1", tmp_path / "got")

    def test_a_list_without_a_file_of_the_dataset_is_refused(
        self, pushed: Store, tmp_path: Path
    ) -> None:
        """Nor may one have another content than dataset.json says, or no dataset.json."""
        listing = _index(pushed).read_bytes()
        for path in ("data/runs/near/near.pcapng", "data/dataset.json"):
            lines = listing.splitlines(keepends=True)
            (line,) = [each for each in lines if each.endswith(f"  {path}\n".encode())]
            _index(pushed).write_bytes(listing.replace(line, b""))
            with pytest.raises(DatasetError, match=f"not sound: {path}: not in its list"):
                pull(pushed, "short", "1", tmp_path / "got")
        (line,) = [each for each in lines if each.endswith(b"  README.md\n")]
        readme = line[:64]
        (line,) = [each for each in lines if each.endswith(b"  data/runs/near/near.pcapng\n")]
        _index(pushed).write_bytes(listing.replace(line[:64], readme))
        with pytest.raises(DatasetError, match="has another SHA-256"):
            pull(pushed, "short", "1", tmp_path / "got")
        assert os.listdir(tmp_path) == ["store"]  # noqa: PTH208 - names alone

    def test_a_list_of_another_dataset_is_refused(self, pushed: Store, tmp_path: Path) -> None:
        """What comes under a name has that name."""
        _index(pushed).rename(_index(pushed).with_name("2"))
        with pytest.raises(DatasetError, match="another dataset"):
            pull(pushed, "short", "2", tmp_path / "got")
        assert sorted(os.listdir(tmp_path)) == ["store"]  # noqa: PTH208 - names alone

    @pytest.mark.parametrize(
        ("name", "version"), [("../x", "1"), ("short", "../1"), ("short", "9")]
    )
    def test_what_is_not_there(
        self, pushed: Store, tmp_path: Path, name: str, version: str
    ) -> None:
        """Names are no paths."""
        with pytest.raises(DatasetError):
            pull(pushed, name, version, tmp_path / "got")

    def test_two_who_pull_to_the_same_place_do_not_meet(
        self, pushed: Store, tmp_path: Path
    ) -> None:
        """The second is told."""
        (tmp_path / ".got.pulling").mkdir()
        handle = os.open(tmp_path / ".got.pulling", os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_EX)
        try:
            with pytest.raises(DatasetError, match="somebody else"):
                pull(pushed, "short", "1", tmp_path / "got")
        finally:
            os.close(handle)
