from __future__ import annotations

import contextlib
import hashlib
import random
from pathlib import Path
from typing import Any

import pytest

from wtrec.datasets.sharing.remote import RemoteError
from wtrec.datasets.sharing.remote_s3 import S3
from wtrec.datasets.sharing.remotes import open_remote
from wtrec.errors import DatasetError

PART = 5 << 20  # S3 takes no smaller one


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The smallest parts, and one attempt."""
    monkeypatch.setattr(S3, "part", PART)
    monkeypatch.setattr(S3, "attempts", 1)


def test_a_large_object_goes_on_with_the_parts_that_are_there(
    s3_place: Any, tmp_path: Path
) -> None:
    """It becomes visible whole; two who send it at once do not harm each other."""
    content = random.Random(3).randbytes(2 * PART + 1000)
    (tmp_path / "x").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    place = s3_place()
    place.cutter.cut_after(PART + (1 << 20))
    sent: list[int] = []
    remote = place.open()
    with pytest.raises(RemoteError):
        remote.send(tmp_path / "x", "objects/x", digest, sent.append)
    remote.close()
    assert sent == [PART]
    place.cutter.cut_after(None)
    with contextlib.closing(place.open()) as remote:
        assert remote.size("objects/x") is None
        again: list[int] = []
        remote.send(tmp_path / "x", "objects/x", digest, again.append)
        assert again == [PART, 1000]
        found: list[bytes] = []
        remote.read("objects/x", found.append, PART)
        assert b"".join(found) == content[PART:]


def _content(tmp_path: Path) -> tuple[Path, bytes, str]:
    content = random.Random(4).randbytes(PART + 1000)
    (tmp_path / "x").write_bytes(content)
    return tmp_path / "x", content, hashlib.sha256(content).hexdigest()


def _read(remote: Any, path: str) -> bytes:
    found: list[bytes] = []
    remote.read(path, found.append)
    return b"".join(found)


def test_nothing_stays_of_a_large_file_that_has_changed(s3_place: Any, tmp_path: Path) -> None:
    """Nor does what is pushed later go on with it."""
    source, content, digest = _content(tmp_path)
    changed = bytearray(content)
    changed[1000] ^= 255
    source.write_bytes(changed)
    with contextlib.closing(s3_place().open()) as remote:
        with pytest.raises(DatasetError, match="SHA-256"):
            remote.send(source, "objects/x", digest, lambda _: None)
        assert not remote._call("list_multipart_uploads", Bucket=remote._bucket).get("Uploads")
        source.write_bytes(content)
        remote.send(source, "objects/x", digest, lambda _: None)
        assert _read(remote, "objects/x") == content


def test_a_part_of_the_same_length_is_not_taken_for_another(s3_place: Any, tmp_path: Path) -> None:
    """Of an upload that broke off, only what is right is kept."""
    source, content, digest = _content(tmp_path)
    with contextlib.closing(s3_place().open()) as remote:
        upload = remote._of("create_multipart_upload", "objects/x")["UploadId"]
        for number, body in ((1, bytes(PART)), (2, content[PART:])):
            remote._of_upload("upload_part", "objects/x", upload, PartNumber=number, Body=body)
        sent: list[int] = []
        remote.send(source, "objects/x", digest, sent.append)
        assert sent == [PART]
        assert _read(remote, "objects/x") == content


@pytest.fixture
def _strict(s3_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers say that an upload is gone; moto 5.2 breaks off where a part comes for it."""
    del s3_port
    from moto.s3.exceptions import NoSuchUpload
    from moto.s3.models import S3Backend

    upload_part = S3Backend.upload_part

    def checked(self: Any, bucket_name: str, multipart_id: str, *words: Any) -> Any:
        if multipart_id not in self.get_bucket(bucket_name).multiparts:
            raise NoSuchUpload(multipart_id)
        return upload_part(self, bucket_name, multipart_id, *words)

    monkeypatch.setattr(S3Backend, "upload_part", checked)


@pytest.mark.usefixtures("_strict")
def test_who_is_overtaken_in_the_middle_goes_on(s3_place: Any, tmp_path: Path) -> None:
    """The other one has sent the same, and its upload is gone."""
    source, content, digest = _content(tmp_path)
    place = s3_place()
    with contextlib.closing(place.open()) as slow, contextlib.closing(place.open()) as fast:
        overtaken: list[int] = []

        def overtake(count: int) -> None:
            if not overtaken:
                overtaken.append(count)
                fast.send(source, "objects/x", digest, overtaken.append)

        slow.send(source, "objects/x", digest, overtake)
        assert overtaken == [PART, 1000]
        assert _read(slow, "objects/x") == content


def test_a_server_without_conditional_writes_is_refused(
    s3_place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There, of two who push at once, both would be told that they had."""
    call = S3._call

    def careless(self: S3, method: str, **words: Any) -> Any:
        words.pop("IfNoneMatch", None)  # as servers do that do not know it
        return call(self, method, **words)

    monkeypatch.setattr(S3, "_call", careless)
    with contextlib.closing(s3_place().open()) as remote:
        with pytest.raises(RemoteError, match="no conditional writes"):
            remote.create("datasets/x/1", b"x")
        assert remote.names("datasets/x") == []


def test_what_cannot_be_reached_is_one_line(
    s3_place: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No bucket, no server, no key."""
    place = s3_place()
    with pytest.raises((RemoteError, FileNotFoundError), match="bucket"):
        open_remote(place.url.replace("/team", "/x").replace("s3://b", "s3://c"))
    place.cutter.cut_after(0)
    with pytest.raises(RemoteError, match="goes on where it was"):
        place.open()
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(RemoteError, match="no credentials: set AWS_PROFILE"):
        place.open()
