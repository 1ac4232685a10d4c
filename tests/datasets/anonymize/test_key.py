from __future__ import annotations

import os
from pathlib import Path

import pytest

from wtrec.datasets.anonymize.key import Key, Stream, destroy, key_file
from wtrec.errors import DatasetError


def test_a_new_key_file_is_its_owners_alone_and_gives_the_same_key_again(tmp_path: Path) -> None:
    """It is made where there is none, and then read."""
    path = tmp_path / "key"
    made = key_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert key_file(path).derive("x") == made.derive("x")
    assert key_file(tmp_path / "other").derive("x") != made.derive("x")


def test_what_others_may_read_or_is_no_key_is_refused(tmp_path: Path) -> None:
    """A file with open permissions, and one with other content."""
    path = tmp_path / "key"
    key_file(path)
    path.chmod(0o640)
    with pytest.raises(DatasetError, match="chmod 600"):
        key_file(path)
    path.chmod(0o600)
    path.write_text("abc")
    with pytest.raises(DatasetError, match="64 hex digits"):
        key_file(path)


def test_a_destroyed_key_is_overwritten_and_gone(tmp_path: Path) -> None:
    """Whoever still has the file open reads zeros."""
    path = tmp_path / "key"
    key_file(path)
    with path.open("rb") as still_open:
        destroy(path)
        assert not path.exists()
        content = still_open.read()
        assert content
        assert set(content) == {0}


def test_nothing_else_is_destroyed(tmp_path: Path) -> None:
    """A file that is no key, a link, a pipe, one of two names."""
    (tmp_path / "text").touch(0o600)
    (tmp_path / "text").write_text("0" * 65)
    key_file(tmp_path / "key")
    (tmp_path / "link").symlink_to("key")
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(DatasetError, match="64 hex digits"):
        destroy(tmp_path / "text")
    with pytest.raises(OSError, match="link"):
        destroy(tmp_path / "link")
    with pytest.raises(DatasetError, match="not a regular file"):
        destroy(tmp_path / "pipe")
    (tmp_path / "other").hardlink_to(tmp_path / "key")
    with pytest.raises(DatasetError, match="2 names"):
        destroy(tmp_path / "key")
    assert (tmp_path / "text").read_text() == "0" * 65
    assert set((tmp_path / "other").read_bytes()) != {0}


def test_streams_depend_on_content_key_and_purpose() -> None:
    """The same of the same, and another of anything else."""
    one, other = Key.random(), Key.random()
    content = bytes(100)
    replaced = Stream(one, "a").replace(content)
    assert len(replaced) == 100
    assert replaced == Stream(one, "a").replace(content)
    others = [Stream(one, "b"), Stream(other, "a")]
    assert replaced not in [stream.replace(content) for stream in others]
    assert replaced[:99] != Stream(one, "a").replace(content[:99])
