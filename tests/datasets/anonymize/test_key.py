from __future__ import annotations

from pathlib import Path

import pytest

from wtrec.datasets.anonymize.key import Key, Stream, key_file
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
