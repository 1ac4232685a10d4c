"""The output of a capture stays valid when a write fails."""

from __future__ import annotations

import errno
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from wtrec.errors import CaptureError
from wtrec.recorder.capture_file import CaptureFile


@pytest.fixture
def ten_thousand_bytes() -> Iterator[None]:
    """No file may grow beyond 10,000 bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class TestWrite:
    """Writes are whole or did not happen."""

    def test_failed_write_is_cut_off(self, tmp_path: Path, request: pytest.FixtureRequest) -> None:
        """A write that fails half way leaves the file as it was, and later writes work."""
        path = tmp_path / "run.pcapng"
        with CaptureFile(path, force=False) as file:
            request.getfixturevalue("ten_thousand_bytes")
            file.write(b"a" * 9_000)
            with pytest.raises(OSError, match="File too large") as failure:
                file.write(b"b" * 2_000)
            assert (failure.value.errno, failure.value.filename) == (errno.EFBIG, str(path))
            assert path.stat().st_size == file.size == 9_000
            file.write(b"c" * 1_000)
        assert path.read_bytes() == b"a" * 9_000 + b"c" * 1_000


class TestOpen:
    """Nothing is overwritten by accident."""

    def test_existing_file(self, tmp_path: Path) -> None:
        """A file that exists is kept, and the message says how to overwrite it."""
        path = tmp_path / "run.pcapng"
        path.write_bytes(b"mine")
        with pytest.raises(CaptureError, match=r"exists; .*--force"):
            CaptureFile(path, force=False)
        assert path.read_bytes() == b"mine"

    def test_force(self, tmp_path: Path) -> None:
        """With force it is replaced."""
        path = tmp_path / "run.pcapng"
        path.write_bytes(b"mine, and long")
        with CaptureFile(path, force=True) as file:
            file.write(b"new")
        assert path.read_bytes() == b"new"

    def test_no_folder(self, tmp_path: Path) -> None:
        """A folder that does not exist is named."""
        with pytest.raises(CaptureError, match=r"nowhere/run.pcapng: cannot write there: No such"):
            CaptureFile(tmp_path / "nowhere" / "run.pcapng", force=False)

    def test_no_litter(self, tmp_path: Path) -> None:
        """Nothing but the capture is visible in the folder, and nothing after it is discarded."""
        file = CaptureFile(tmp_path / "run.pcapng", force=False)
        assert [path.name for path in tmp_path.iterdir()] == ["run.pcapng"]
        file.discard()
        assert list(tmp_path.iterdir()) == []
