"""A bucket as a remote, on AWS or any server that speaks S3 (s3fs).

Keys, profile and endpoint are found as all programs for S3 do: environment, ``~/.aws``, the role of
the machine. A list of a dataset is made by a conditional write (``If-None-Match: *``), which fails
if there is one; a server that does not know these is noticed, and nothing is published there.

An object larger than a part is sent in parts, each of which the server checks (CRC-32, by
botocore). One that broke off goes on with the parts that are there, whoever sent them, if their
ETag says that they are what they should be. It is the MD5 of a part, but where the bucket encrypts
with keys of KMS or customers; there, all parts go again. An object becomes visible as a whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ...errors import DatasetError
from .remote import CHUNK, OnBytes, RemoteError, Sink, blocks_of
from .remote_loop import AGAIN, optional, waited

_MOST_PARTS = 9000  # S3 takes 10,000
_TAKEN = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}
_ABSENT = {"NoSuchKey", "NotFound", "404"}
_TYPES = {".html": "text/html; charset=utf-8", ".json": "application/json"}


class _EndedError(Exception):
    """There is no such upload any more."""


class S3:
    """A bucket, or what is below a prefix in it.

    Args:
        bucket: Its name.
        prefix: Of all keys, without ``/`` at its ends; may be empty.
        endpoint: URL of the server, where it is not AWS.
        profile: Of ``~/.aws``.

    Raises:
        RemoteError: There is no such bucket, or it cannot be reached.
    """

    workers = 4
    lists = True
    part = 16 << 20
    """Bytes of a part, at least; S3 wants 5 MiB or more."""
    attempts = 5
    """How often a request is tried that fails for a reason that may pass."""

    def __init__(self, bucket: str, prefix: str, *, endpoint: str = "", profile: str = "") -> None:
        self._errors = optional("botocore.exceptions")
        self._http = optional("aiohttp")
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self.name = f"s3://{bucket}/{prefix}".rstrip("/")
        options: dict[str, Any] = {"skip_instance_cache": True, "use_listings_cache": False}
        if endpoint:
            options["endpoint_url"] = endpoint
        if profile:
            options["profile"] = profile
        options["config_kwargs"] = {
            "connect_timeout": 20,
            "read_timeout": 60,
            "retries": {"total_max_attempts": self.attempts},
        }
        self._fs = optional("s3fs").S3FileSystem(**options)
        self._fs.retries = 1  # botocore does it already
        self._call("list_objects_v2", Bucket=bucket, Prefix=self._prefix, MaxKeys=1)
        self._is_conditional = False

    def size(self, path: str) -> int | None:
        """See :class:`~.remote.Remote`."""
        try:
            found = self._of("head_object", path)
        except FileNotFoundError:
            return None
        return int(found["ContentLength"])

    def read(self, path: str, sink: Sink, start: int = 0) -> None:
        """See :class:`~.remote.Remote`."""
        self._explained(self._read, path, sink, start)

    def names(self, folder: str) -> list[str]:
        """See :class:`~.remote.Remote`."""
        prefix = f"{self._prefix}{folder}/"
        words: dict[str, Any] = {"Bucket": self._bucket, "Prefix": prefix, "Delimiter": "/"}
        found: list[str] = []
        while True:
            page = self._call("list_objects_v2", **words)
            found += [each["Key"][len(prefix) :] for each in page.get("Contents", ())]
            found += [each["Prefix"][len(prefix) : -1] for each in page.get("CommonPrefixes", ())]
            if not page.get("IsTruncated"):
                return sorted(name for name in found if name)
            words["ContinuationToken"] = page["NextContinuationToken"]

    def send(self, source: Path, path: str, digest: str, on_bytes: OnBytes) -> None:
        """See :class:`~.remote.Remote`."""
        size = source.stat().st_size
        part = max(self.part, -(-size // _MOST_PARTS))
        if size <= part:
            content = b"".join(blocks_of(source, digest, part))
            self._of("put_object", path, Body=content)
            on_bytes(len(content))
            return
        try:
            self._send_parts(path, blocks_of(source, digest, part), on_bytes)
        except _EndedError:  # somebody else has sent the same, and was faster
            if self.size(path) != size:
                raise RemoteError(f"{self.name}/{path} did not arrive whole: {AGAIN}") from None

    def _send_parts(self, path: str, blocks: Iterator[bytes], on_bytes: OnBytes) -> None:
        upload, there = self._begun(path)
        parts = []
        try:
            for number, block in enumerate(blocks, 1):
                tag = f'"{hashlib.md5(block, usedforsecurity=False).hexdigest()}"'
                if there.get(number) != (tag, len(block)):
                    sent = self._of_upload(
                        "upload_part", path, upload, PartNumber=number, Body=block
                    )
                    tag = sent["ETag"]
                    on_bytes(len(block))
                parts.append({"PartNumber": number, "ETag": tag})
            self._of_upload(
                "complete_multipart_upload", path, upload, MultipartUpload={"Parts": parts}
            )
        except RemoteError:  # it goes on
            raise
        except DatasetError:  # it has changed: nothing may go on with what is there
            with contextlib.suppress(RemoteError, _EndedError):
                self._of_upload("abort_multipart_upload", path, upload)
            raise

    def create(self, path: str, content: bytes) -> bool:
        """See :class:`~.remote.Remote`."""
        if not self._is_conditional:
            self._see_whether_conditional()
        return self._put_new(path, content)

    def replace(self, path: str, content: bytes) -> None:
        """See :class:`~.remote.Remote`."""
        kind = _TYPES.get(Path(path).suffix, "application/octet-stream")
        self._of("put_object", path, Body=content, ContentType=kind)

    def tidy(self, age_s: float) -> None:
        """Lifecycle rules of the bucket do that."""

    def url(self, path: str) -> str:
        """See :class:`~.remote.Remote`."""
        return f"{self.name}/{quote(path)}"

    def close(self) -> None:
        """See :class:`~.remote.Remote`."""
        self._fs.close_session(self._fs.loop, self._fs._s3)  # noqa: SLF001 - no other way

    def _put_new(self, path: str, content: bytes) -> bool:
        try:
            self._of("put_object", path, Body=content, IfNoneMatch="*")
        except OSError as error:
            if _code(error) in _TAKEN:
                return False
            raise
        return True

    def _see_whether_conditional(self) -> None:
        """Refuse a server that would let one dataset take the place of another."""
        probe = f"incoming/{secrets.token_hex(8)}"
        self._of("put_object", probe, Body=b"")
        taken = not self._put_new(probe, b"")
        self._of("delete_object", probe)
        if not taken:
            raise RemoteError(
                f"{self.name}: this server has no conditional writes (If-None-Match), without "
                "which two who push at once could overwrite each other: update it"
            )
        self._is_conditional = True

    def _begun(self, path: str) -> tuple[str, dict[int, tuple[str, int]]]:
        """An upload that goes on, with ETag and size of its parts; or a new one."""
        key = self._prefix + path
        begun = self._call("list_multipart_uploads", Bucket=self._bucket, Prefix=key)
        for upload in begun.get("Uploads", ()):
            if upload["Key"] != key:
                continue
            there: dict[int, tuple[str, int]] = {}
            words: dict[str, Any] = {}
            while True:
                page = self._of_upload("list_parts", path, upload["UploadId"], **words)
                for part in page.get("Parts", ()):
                    there[part["PartNumber"]] = part["ETag"], part["Size"]
                if not page.get("IsTruncated"):
                    return upload["UploadId"], there
                words["PartNumberMarker"] = page["NextPartNumberMarker"]
        return self._of("create_multipart_upload", path)["UploadId"], {}

    async def _read(self, path: str, sink: Sink, start: int) -> None:
        words = {"Range": f"bytes={start}-"} if start else {}
        answer = await self._fs._call_s3(  # noqa: SLF001 - the coroutine of call_s3
            "get_object", Bucket=self._bucket, Key=self._prefix + path, **words
        )
        body = answer["Body"]
        try:
            while chunk := await body.read(CHUNK):
                sink(chunk)
        finally:
            body.close()

    def _of_upload(self, method: str, path: str, upload: str, **words: Any) -> Mapping[str, Any]:
        try:
            return self._of(method, path, UploadId=upload, **words)
        except FileNotFoundError:
            raise _EndedError from None

    def _of(self, method: str, path: str, **words: Any) -> Mapping[str, Any]:
        return self._call(method, Bucket=self._bucket, Key=self._prefix + path, **words)

    def _call(self, method: str, **words: Any) -> Mapping[str, Any]:
        async def call() -> Mapping[str, Any]:
            answer: Mapping[str, Any] = await self._fs._call_s3(method, **words)  # noqa: SLF001
            return answer

        answer: Mapping[str, Any] = self._explained(call)
        return answer

    def _explained(self, function: Any, *words: Any) -> Any:
        """What a coroutine function makes; its errors as people understand them."""
        try:
            return waited(function, *words)
        except self._errors.NoCredentialsError:
            raise RemoteError(
                f"{self.name}: no credentials: set AWS_PROFILE or AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY, or see aws configure"
            ) from None
        except (self._errors.BotoCoreError, self._http.ClientError) as error:
            raise RemoteError(f"{self.name}: {_line(error)}: {AGAIN}") from None
        except PermissionError as error:
            raise RemoteError(f"{self.name}: not allowed: {_line(error)}") from None
        except FileNotFoundError as error:
            if _code(error) == "NoSuchBucket":
                raise RemoteError(
                    f"{self.name}: no such bucket: make it, or check the URL and its endpoint"
                ) from None
            raise
        except OSError as error:
            if _code(error) in _TAKEN:
                raise
            if _code(error) in _ABSENT:
                raise FileNotFoundError(2, _line(error), self.name) from None
            raise RemoteError(f"{self.name}: {_line(error)}: {AGAIN}") from None


def _code(error: BaseException) -> str:
    answer = getattr(error.__cause__, "response", None) or {}
    return str(answer.get("Error", {}).get("Code", ""))


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
