from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from wtrec.cli.main import wtrec
from wtrec.datasets.sharing.bag import scan
from wtrec.datasets.sharing.pack import pack, unpack
from wtrec.errors import DatasetError, WtrecError

Change = Callable[[tarfile.TarInfo], object]


@pytest.fixture(scope="module")
def packed(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dataset as a file."""
    return pack(made, tmp_path_factory.mktemp("packed") / "short.tar")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty folder, in one that is watched."""
    place = tmp_path / "outer" / "place"
    place.mkdir(parents=True)
    return place


def _rewritten(packed: Path, target: Path, change: Change) -> Path:
    """The archive with its capture's header changed, in all other respects as it was."""
    with tarfile.open(packed) as old, tarfile.open(target, "w") as new:
        for member in old:
            data = old.extractfile(member)
            assert data is not None
            body = data.read()
            if member.name.endswith("near.pcapng"):
                change(member)
            new.addfile(member, io.BytesIO(body))
    return target


def _refused(archive: Path, place: Path) -> str:
    before = sorted(place.parent.rglob("*"))
    with pytest.raises(WtrecError) as caught:
        unpack(archive, place)
    assert sorted(place.parent.rglob("*")) == before
    return str(caught.value)


class TestPack:
    """A dataset as one file."""

    def test_it_comes_back_as_it_was(self, made: Path, packed: Path, place: Path) -> None:
        """With its own name, whatever the file is called."""
        found = unpack(packed, place)
        assert found == place / "short-1"
        assert list(place.iterdir()) == [found]
        for path in scan(made).files:
            assert (found / path).read_bytes() == (made / path).read_bytes()

    def test_the_archive_may_be_named_by_a_link(
        self, packed: Path, place: Path, tmp_path: Path
    ) -> None:
        """It is the user's own word."""
        (tmp_path / "link.tar").symlink_to(packed)
        assert unpack(tmp_path / "link.tar", place) == place / "short-1"

    def test_the_same_dataset_gives_the_same_bytes(
        self, bag: Path, packed: Path, tmp_path: Path
    ) -> None:
        """Whoever owns its files, and whenever they were written."""
        for path in bag.rglob("*"):
            os.utime(path, (1, 1))
        assert pack(bag, tmp_path / "again.tar").read_bytes() == packed.read_bytes()

    @pytest.mark.parametrize("form", ["ustar", "gnu", "posix"])
    def test_tar_reads_it_and_writes_such_files(
        self, packed: Path, place: Path, tmp_path: Path, form: str
    ) -> None:
        """In any of its formats, with folders as members."""
        subprocess.run(["tar", "-xf", packed, "-C", tmp_path], check=True)
        again = tmp_path / "again.tar"
        command = ["tar", f"--format={form}", "-cf", str(again), "-C", str(tmp_path), "short-1"]
        subprocess.run(command, check=True)
        assert unpack(again, place).name == "short-1"

    def test_what_is_there_stays_and_what_is_unsound_is_not_packed(
        self, packed: Path, bag: Path, place: Path, tmp_path: Path
    ) -> None:
        """Neither a file nor a folder is replaced."""
        with pytest.raises(DatasetError, match="exists"):
            pack(bag, packed)
        (place / "short-1").mkdir()
        assert "exists" in _refused(packed, place)
        (bag / "README.md").write_text("x")
        with pytest.raises(DatasetError, match=r"README\.md: SHA-256"):
            pack(bag, tmp_path / "x.tar")
        assert not (tmp_path / "x.tar").exists()

    def test_the_commands(self, bag: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Wtrec dataset pack and unpack."""
        monkeypatch.chdir(bag.parent)
        done = CliRunner().invoke(wtrec, ["dataset", "pack", "short"])
        assert done.exit_code == 0, done.output
        done = CliRunner().invoke(wtrec, ["dataset", "unpack", "short-1.tar", "-d", str(place)])
        assert done.exit_code == 0, done.output
        assert (place / "short-1").is_dir()


class TestHostile:
    """Archives that mean harm: nothing is written outside, and nothing stays."""

    @pytest.mark.parametrize(
        "name",
        [
            "../outside",
            "short-1/../../outside",
            "/tmp/outside-of-wtrec",  # noqa: S108 - it must not be made
            "short-1/data\\..\\x",
            "short-1/./x",
            "short-1//x",
            "short-1/NUL",
            "short-1/a\nb",
            "short-1/.hidden",
            "short-1/" + "x/" * 9 + "x",
            "short-1/" + "x" * 300,
            "other-1/x",
            "short-1",
            "short-1/data",
            "short-1/README.MD",
            "short-1/README.md",
        ],
    )
    def test_names(self, packed: Path, place: Path, tmp_path: Path, name: str) -> None:
        """Outside, absolute, odd, too long, in another folder, of a folder, for a second time."""

        def rename(member: tarfile.TarInfo) -> None:
            member.name = name

        said = _refused(_rewritten(packed, tmp_path / "x.tar", rename), place)
        assert ", offset " in said
        assert not Path("/tmp/outside-of-wtrec").exists()  # noqa: S108

    @pytest.mark.parametrize(
        "kind",
        [
            tarfile.SYMTYPE,
            tarfile.LNKTYPE,
            tarfile.CHRTYPE,
            tarfile.BLKTYPE,
            tarfile.FIFOTYPE,
            tarfile.CONTTYPE,
        ],
    )
    @pytest.mark.parametrize("link", ["/etc/passwd", "../../outside", "short-1/README.md"])
    def test_links_devices_and_pipes(
        self, packed: Path, place: Path, tmp_path: Path, kind: bytes, link: str
    ) -> None:
        """None is made, none is followed."""

        def turn(member: tarfile.TarInfo) -> None:
            member.type, member.linkname, member.size = kind, link, 0

        said = _refused(_rewritten(packed, tmp_path / "x.tar", turn), place)
        assert "no regular file" in said

    def test_a_link_that_later_members_lead_through(self, place: Path, tmp_path: Path) -> None:
        """The first is refused already."""
        with tarfile.open(tmp_path / "x.tar", "w") as archive:
            link = tarfile.TarInfo("short-1/data")
            link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path)
            archive.addfile(link)
            archive.addfile(tarfile.TarInfo("short-1/data/x"))
        assert "no regular file" in _refused(tmp_path / "x.tar", place)

    def test_sizes_that_cannot_be(self, packed: Path, place: Path, tmp_path: Path) -> None:
        """A terabyte in a small file, less than nothing, headers of a gigabyte."""
        for size in (1 << 40, -512):
            member = tarfile.TarInfo("short-1/x")
            member.size = size
            header = member.tobuf(tarfile.GNU_FORMAT)
            (tmp_path / "x.tar").write_bytes(header + packed.read_bytes())
            assert _refused(tmp_path / "x.tar", place)
        for kind in (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME):
            member = tarfile.TarInfo("x")
            member.type, member.size = kind, 1 << 30
            with (tmp_path / "x.tar").open("wb") as file:
                file.write(member.tobuf(tarfile.GNU_FORMAT))
                file.truncate(2 << 30)  # a hole: no room is taken
            assert "no file needs" in _refused(tmp_path / "x.tar", place)
        (tmp_path / "x.tar").unlink()

    @pytest.mark.parametrize("form", ["gnu", "posix"])
    def test_sparse_files(self, place: Path, tmp_path: Path, form: str) -> None:
        """A hole of a gigabyte takes no room in an archive, and would fill a disk."""
        (tmp_path / "short-1").mkdir()
        with (tmp_path / "short-1" / "hole").open("wb") as file:
            file.truncate(1 << 30)
        command = ["tar", f"--format={form}", "-S", "-cf", "x.tar", "short-1"]
        subprocess.run(command, cwd=tmp_path, check=True)
        assert (tmp_path / "x.tar").stat().st_size < 1 << 20
        assert "regular file" in _refused(tmp_path / "x.tar", place)

    def test_content_that_is_not_what_its_hash_says(
        self, packed: Path, place: Path, tmp_path: Path
    ) -> None:
        """Found before it has a name."""
        archive = _rewritten(packed, tmp_path / "x.tar", lambda _: None)
        content = bytearray(archive.read_bytes())
        with tarfile.open(archive) as tar:
            member = tar.getmember("short-1/data/runs/near/near.pcapng")
        content[member.offset_data + member.size // 2] ^= 1
        archive.write_bytes(content)
        said = _refused(archive, place)
        assert "near.pcapng" in said
        assert "not a sound dataset" in said

    def test_one_that_was_cut_or_packed(self, packed: Path, place: Path, tmp_path: Path) -> None:
        """Says so; what is compressed could grow without end."""
        for part in (0, 100, 512, 5000, packed.stat().st_size // 2):
            (tmp_path / "x.tar").write_bytes(packed.read_bytes()[:part])
            assert _refused(tmp_path / "x.tar", place)
        shutil.copy(packed, tmp_path / "y.tar")
        subprocess.run(["gzip", tmp_path / "y.tar"], check=True)
        assert "gunzip it first" in _refused(tmp_path / "y.tar.gz", place)

    @given(st.data())
    def test_any_damage_is_an_error_or_changes_nothing(
        self,
        packed: Path,
        made: Path,
        tmp_path_factory: pytest.TempPathFactory,
        data: st.DataObject,
    ) -> None:
        """Random bytes in random headers: an error, or the same dataset."""
        place = tmp_path_factory.mktemp("any") / "place"
        place.mkdir()
        content = bytearray(packed.read_bytes())
        with tarfile.open(packed) as archive:
            offsets = [member.offset for member in archive]
        for _ in range(data.draw(st.integers(1, 3))):
            at = data.draw(st.sampled_from(offsets)) + data.draw(st.integers(0, 511))
            content[at] = data.draw(st.integers(0, 255))
        (place.parent / "x.tar").write_bytes(content)
        try:
            found = unpack(place.parent / "x.tar", place)
        except WtrecError:
            assert list(place.iterdir()) == []
        else:
            assert scan(found).files == scan(made).files
        assert {each.name for each in place.parent.iterdir()} == {"place", "x.tar"}
