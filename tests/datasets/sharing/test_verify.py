from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wtrec.datasets.sharing.bag import MANIFEST, TAG_MANIFEST, scan
from wtrec.datasets.sharing.dataset import PATH
from wtrec.datasets.sharing.verify import verify


def _reseal(bag: Path) -> None:
    """Make all hashes right again, as somebody does who means harm."""
    payload = [size for path, size in scan(bag).files.items() if path.startswith("data/")]
    (bag / "bag-info.txt").write_text(f"Payload-Oxum: {sum(payload)}.{len(payload)}\n")
    for name in (MANIFEST, TAG_MANIFEST):
        lines = [
            f"{hashlib.sha256((bag / path).read_bytes()).hexdigest()}  {path}\n"
            for path in scan(bag).files
            if path.startswith("data/") is (name == MANIFEST) and path != TAG_MANIFEST
        ]
        (bag / name).write_text("".join(lines))


def _change(bag: Path, change: Callable[[dict[str, Any]], object]) -> None:
    value = json.loads((bag / PATH).read_text())
    change(value)
    (bag / PATH).write_text(json.dumps(value))


def _said(bag: Path) -> list[str]:
    return [str(problem) for problem in verify(bag).problems]


class TestBytes:
    """A dataset that is no longer as it was."""

    def test_one_as_it_was_made_has_no_problem(self, made: Path) -> None:
        """And every file was hashed."""
        ticks: list[int] = []
        verdict = verify(made, on_bytes=ticks.append)
        assert verdict.problems == []
        assert verdict.notes == []
        assert verdict.files == len(scan(made).files)
        assert verdict.bytes == sum(scan(made).files.values()) == sum(ticks)
        assert verdict.digest == hashlib.sha256((made / TAG_MANIFEST).read_bytes()).hexdigest()

    @pytest.mark.parametrize("turns", [3, pytest.param(12, marks=pytest.mark.slow)])
    def test_a_flipped_byte_is_found_wherever_it_is(self, bag: Path, turns: int) -> None:
        """In every file, its first and last byte among them: the problem names that file."""
        randomness = random.Random(1)
        files = scan(bag).files
        for k in range(turns * len(files)):
            name = list(files)[k % len(files)]
            path, size = bag / name, files[name]
            turn = k // len(files)
            at = {0: 0, 1: size - 1}.get(turn, randomness.randrange(size))
            content = path.read_bytes()
            flipped = bytearray(content)
            flipped[at] ^= randomness.randrange(1, 256)
            path.write_bytes(flipped)
            problems = verify(bag).problems
            path.write_bytes(content)
            if name in {MANIFEST, TAG_MANIFEST}:
                assert problems, f"{name} at {at}"
            else:
                assert name in {each.path for each in problems}, f"{name} at {at}"
        assert verify(bag).problems == []

    def test_all_problems_are_listed(self, bag: Path) -> None:
        """A file that is missing, one too many, one cut, one that is a link, one changed."""
        run = bag / "data" / "runs" / "near"
        (run / "near.masks.parquet").unlink()
        (run / "more").write_bytes(b"x")
        os.truncate(run / "near.tx.parquet", 10)
        (bag / "README.md").write_text("changed")
        (run / "near.json").rename(bag.parent / "elsewhere.json")
        (run / "near.json").symlink_to(bag.parent / "elsewhere.json")
        paths = {problem.path for problem in verify(bag).problems}
        names = ("near.masks.parquet", "more", "near.tx.parquet", "near.json")
        assert paths >= {f"data/runs/near/{name}" for name in names} | {"README.md"}

    @pytest.mark.parametrize("name", ["bagit.txt", "bag-info.txt", MANIFEST, TAG_MANIFEST, PATH])
    def test_a_missing_file_of_the_bag_is_named(self, bag: Path, name: str) -> None:
        """Each is needed."""
        (bag / name).unlink()
        assert any(f"{name}: missing" in said for said in _said(bag))

    def test_a_folder_of_anything_else_has_problems(self, tmp_path: Path) -> None:
        """Not an error: it says what is missing."""
        assert len(_said(tmp_path)) == 5


class TestHostile:
    """A dataset whose hashes are right, and which means harm."""

    def test_resealing_alone_is_no_problem(self, bag: Path) -> None:
        """So what follows is not about hashes."""
        _reseal(bag)
        assert _said(bag) == []

    @pytest.mark.parametrize(
        "path", ["../../../etc/passwd", "/etc/passwd", "data/../../x", "data/a\\..\\x", "data/NUL"]
    )
    def test_a_manifest_that_names_files_elsewhere(self, bag: Path, path: str) -> None:
        """They are refused by name, never opened."""
        with (bag / MANIFEST).open("a") as file:
            file.write(f"{'0' * 64}  {path}\n")
        said = _said(bag)
        assert any(line.startswith(f"{MANIFEST}: line") for line in said)
        assert not any(line.startswith(path) for line in said)

    def test_of_one_file_there_are_not_problems_without_end(self, bag: Path) -> None:
        """A hundred are listed, the others counted, and those of other files not forgotten."""
        with (bag / MANIFEST).open("a") as file:
            file.writelines(f"x{k}\n" for k in range(3000))
        (bag / "README.md").write_text("x")
        problems = verify(bag).problems
        found = [each.what for each in problems if each.path == MANIFEST]
        assert len(found) == 101
        assert found[-1] == "and 2,901 more"  # its own hash differs, too
        assert any(each.path == "README.md" for each in problems)

    @pytest.mark.parametrize("member", ["id", "name", "parts"])
    @pytest.mark.parametrize("path", ["..", "../../..", "/etc", "a/../../x"])
    def test_a_dataset_json_that_names_files_elsewhere(
        self, bag: Path, member: str, path: str
    ) -> None:
        """Nothing of it is read."""

        def lead_out(value: dict[str, Any]) -> None:
            run = value["runs"][0]
            where = run if member == "id" else run["files"][1]
            where[member] = [path] if member == "parts" else path

        _change(bag, lead_out)
        _reseal(bag)
        assert any(line.startswith(f"{PATH}: {path!a}: ") for line in _said(bag))

    def test_links_devices_and_pipes(self, bag: Path) -> None:
        """Are not followed and do not block."""
        run = bag / "data" / "runs" / "near"
        (run / "near.pcapng").unlink()
        (run / "near.pcapng").symlink_to("/dev/zero")
        (run / "near.masks.parquet").unlink()
        os.mkfifo(run / "near.masks.parquet")
        (bag / "data" / "up").symlink_to("/")
        said = _said(bag)
        assert "data/runs/near/near.pcapng: a link, wanted regular files alone" in said
        assert "data/up: a link, wanted regular files alone" in said
        assert any("near.masks.parquet: a device, pipe or socket" in line for line in said)

    def test_names_that_are_the_same_elsewhere(self, bag: Path) -> None:
        """On a file system that folds case."""
        (bag / "data" / "runs" / "near" / "NEAR.pcapng").write_bytes(b"")
        assert any("some systems take it for" in line for line in _said(bag))

    @pytest.mark.parametrize(
        "bomb",
        [
            b"[" * 1_000_000,
            b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
            b"9" * 1_000_000,
            b'{"schema_version":1,"schema_version":1}',
            b'{"schema_version":1,"runs":[' + b"{}," * 300_000 + b"{}]}",
            b'{"schema_version":1,"keywords":["' + b"a" * (8 << 20) + b'"]}',
            b'{"schema_version":1,"$ref":"file:///etc/passwd","$schema":"http://localhost/"}',
            b'"\\ud800"',
            b"\xff\xfe",
        ],
        ids=map(str, range(9)),
    )
    def test_json_that_is_a_bomb(self, bag: Path, bomb: bytes) -> None:
        """Deep, long, wide, twice the same: problems, of which there are not too many."""
        (bag / PATH).write_bytes(bomb)
        _reseal(bag)
        said = [line for line in _said(bag) if line.startswith(f"{PATH}: ")]
        assert 1 <= len(said) <= 102
        assert max(map(len, said)) < 1000

    def test_a_huge_file_is_not_read(self, bag: Path) -> None:
        """A hole of a terabyte costs no time."""
        for name in ("README.md", PATH, MANIFEST, "data/runs/near/near.pcapng"):
            os.truncate(bag / name, 1 << 40)
        said = _said(bag)
        for name in ("README.md", PATH, MANIFEST):
            assert any(line.startswith(f"{name}: ") and "needs" in line for line in said)

    def test_numbers_that_are_not_those_of_the_files(self, bag: Path) -> None:
        """Counts, facts, losses, sizes, hashes, times and the run id."""

        def lie(value: dict[str, Any]) -> None:
            value["start"] = "2000-01-01T00:00:00Z"
            run = value["runs"][0]
            run["run_id"] = "0" * 32
            files = {file["kind"]: file for file in run["files"]}
            files["capture"]["counts"]["bad"] += 1
            files["capture"]["losses"] = ["the end"]
            files["tx"]["counts"]["rows"] += 1
            files["results"]["facts"]["algorithm"] = "magic"
            files["masks"]["sha256"] = "0" * 64

        _change(bag, lie)
        _reseal(bag)
        said = "\n".join(_said(bag))
        for words in (
            "start is 2000",
            "near.json: run id",
            "near.pcapng: bad: found",
            "near.pcapng: what cannot be read of it",
            "near.tx.parquet: rows: found 8",
            "near.crc-flip.parquet: algorithm is not",
            "near.masks.parquet: SHA-256 is",
        ):
            assert words in said

    def test_a_file_of_another_size_is_not_read(self, bag: Path) -> None:
        """Its size is enough to know that it is wrong."""

        def shorten(value: dict[str, Any]) -> None:
            value["runs"][0]["files"][1]["bytes"] -= 1

        _change(bag, shorten)
        _reseal(bag)
        (problem,) = verify(bag).problems
        assert problem.path == "data/runs/near/near.pcapng"
        assert "bytes, wanted" in problem.what

    def test_files_that_cannot_be_read(self, bag: Path) -> None:
        """A capture with damage in its middle, a table that is none, a run.json that is none."""
        run = bag / "data" / "runs" / "near"
        content = bytearray((run / "near.pcapng").read_bytes())
        content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
        (run / "near.pcapng").write_bytes(content)
        size = (run / "near.tx.parquet").stat().st_size
        (run / "near.tx.parquet").write_bytes(b"PAR1" * (size // 4) + b"x" * (size % 4))
        size = (run / "near.json").stat().st_size
        (run / "near.json").write_bytes(b"[" * size)
        _reseal(bag)
        said = "\n".join(_said(bag))
        assert "near.pcapng: offset" in said
        assert "near.tx.parquet: not a Parquet file" in said
        assert "near.json: no JSON" in said
