from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.datasets.sharing.bag import (
    BagWriter,
    parse_info,
    parse_manifest,
    read_small,
    scan,
)
from wtrec.datasets.sharing.dataset import schema
from wtrec.datasets.sharing.names import part_names
from wtrec.errors import DatasetError, FormatError


class TestBagWriter:
    """Bags are whole, or are not there."""

    def test_sha256sum_alone_checks_it(self, tmp_path: Path) -> None:
        """Every file but the tag manifest is in a list that sha256sum reads."""
        with BagWriter(tmp_path / "bag", part_bytes=100) as bag:
            bag.write("data/a b.txt", b"a")
            bag.write("README.md", b"b")
            bag.finish({"Contact-Name": "A\nB"})
        done = subprocess.run(
            ["sha256sum", "--strict", "-c", "manifest-sha256.txt", "tagmanifest-sha256.txt"],
            cwd=tmp_path / "bag",
            capture_output=True,
            text=True,
            check=True,
        )
        names = {line.removesuffix(": OK") for line in done.stdout.splitlines()}
        assert names | {"tagmanifest-sha256.txt"} == set(scan(tmp_path / "bag").files)
        assert "Contact-Name: A B\n" in (tmp_path / "bag" / "bag-info.txt").read_text()

    @pytest.mark.parametrize("size", [0, 1, 99, 100, 101, 200, 250])
    def test_cat_puts_parts_together(self, tmp_path: Path, size: int) -> None:
        """A file that is too large stands there in parts, with the hash of the whole."""
        content = os.urandom(size)
        (tmp_path / "source").write_bytes(content)
        ticks: list[int] = []
        with BagWriter(tmp_path / "bag", part_bytes=100) as bag:
            copied = bag.copy("data/x/f", tmp_path / "source", ticks.append)
            bag.finish({})
        assert copied.bytes == size == sum(ticks)
        assert copied.sha256 == hashlib.sha256(content).hexdigest()
        wanted = [f"f.part{k:03d}" for k in range(1, -(-size // 100) + 1)] if size > 100 else []
        assert list(copied.parts) == wanted
        folder = tmp_path / "bag" / "data" / "x"
        done = subprocess.run(["sh", "-c", "cat f*"], cwd=folder, capture_output=True, check=True)
        assert done.stdout == content

    @pytest.mark.parametrize("count", [2, 999, 1000, 1001, 10_000])
    def test_parts_sort_as_they_follow(self, count: int) -> None:
        """So a shell's ``*`` has them in order, however many there are."""
        names = part_names("f", 10 * count - 9, 10)
        assert len(names) == count
        assert names == sorted(names)

    def test_there_are_no_more_parts_than_the_schema_takes(self, tmp_path: Path) -> None:
        """Nothing is copied then."""
        most = schema()["$defs"]["file"]["properties"]["parts"]["maxItems"]
        assert len(part_names("f", most, 1)) == most
        (tmp_path / "f").write_bytes(bytes(most + 1))
        with (
            BagWriter(tmp_path / "bag", part_bytes=1) as bag,
            pytest.raises(DatasetError, match="f: 10,001 parts of 1 bytes, wanted 10,000 at most"),
        ):
            bag.copy("data/f", tmp_path / "f", on_bytes=lambda _: pytest.fail("copied"))

    def test_an_unfinished_bag_leaves_nothing(self, tmp_path: Path) -> None:
        """Neither its name nor a temporary one."""
        with BagWriter(tmp_path / "b", part_bytes=9) as bag:
            bag.write("data/a", b"a")
            assert len(list(tmp_path.iterdir())) == 1
        assert list(tmp_path.iterdir()) == []

    def test_what_is_there_stays(self, tmp_path: Path) -> None:
        """A dataset is not replaced, not even one that came meanwhile."""
        (tmp_path / "there").mkdir()
        with pytest.raises(DatasetError, match="exists"):
            BagWriter(tmp_path / "there", part_bytes=9)
        with BagWriter(tmp_path / "soon", part_bytes=9) as bag:
            (tmp_path / "soon").mkdir()
            (tmp_path / "soon" / "x").touch()
            with pytest.raises(DatasetError, match="meanwhile"):
                bag.finish({})
        assert sorted(path.name for path in tmp_path.iterdir()) == ["soon", "there"]

    def test_a_file_that_grows_is_refused(self, tmp_path: Path) -> None:
        """Its hash would be of no moment of it."""
        source = tmp_path / "growing"
        source.write_bytes(bytes(50))

        def grow(_: int) -> None:
            with source.open("ab") as file:
                file.write(b"more")

        with BagWriter(tmp_path / "bag", part_bytes=100) as bag:
            with pytest.raises(DatasetError, match="changed while it was copied"):
                bag.copy("data/f", source, grow)
            with pytest.raises(DatasetError, match="leads out"):
                bag.write("../f", b"")


class TestScan:
    """Listing a folder of somebody else."""

    def test_links_and_pipes_are_listed_apart_and_not_followed(self, tmp_path: Path) -> None:
        """A link to a large folder is a line, not its files."""
        (tmp_path / "link").symlink_to("/usr")
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "file").write_bytes(b"abc")
        (tmp_path / "a\nb").touch()
        found = scan(tmp_path)
        assert found.files == {"file": 3}
        assert set(found.others) == {"link", "pipe", "a\nb"}

    def test_only_small_regular_files_are_read(self, tmp_path: Path) -> None:
        """A pipe does not block, a large file is not loaded."""
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "large").write_bytes(bytes(11))
        for name in ("pipe", "large"):
            with pytest.raises(FormatError):
                read_small(tmp_path / name, 10)
        assert read_small(tmp_path / "large", 11) == bytes(11)


class TestParsing:
    """Manifests and labels of somebody else."""

    @pytest.mark.parametrize(
        "line",
        [
            "A" * 64 + "  data/x",
            "a" * 64 + " data/x",
            "a" * 64 + " *data/x",
            "a" * 63 + "  data/x",
            "a" * 64 + "  ../x",
            "a" * 64 + "  /etc/passwd",
            "a" * 64 + "  data\\x",
            "",
        ],
    )
    def test_wrong_lines_are_named(self, line: str) -> None:
        """One problem a line; the others are taken."""
        problems: list[str] = []
        good = "b" * 64 + "  data/good\n"
        listed = parse_manifest(f"{line}\n{good}{good}".encode(), problems.append)
        assert listed == {"data/good": "b" * 64}
        assert [problem.split(":")[0] for problem in problems] == ["line 1", "line 3"]

    @given(st.binary(max_size=200))
    def test_any_bytes_are_taken(self, content: bytes) -> None:
        """Whatever stands there, problems are what comes of it."""
        problems: list[str] = []
        parse_manifest(content, problems.append)
        parse_info(content, problems.append)

    def test_labels_are_read(self) -> None:
        """The first of each label."""
        problems: list[str] = []
        assert parse_info(b"A: b: c\nA: d\nrubbish\n", problems.append) == {"A": "b: c"}
        assert problems == ["line 3: wanted LABEL: VALUE"]
