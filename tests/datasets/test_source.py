"""Windows of plain and compressed files."""

from __future__ import annotations

import contextlib
import gzip
import io
import random
import zlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wtrec.datasets import source
from wtrec.datasets.source import MappedSource, Source, StreamSource, open_source
from wtrec.errors import FormatError

DATA = random.Random(0).randbytes(20_000)


@pytest.fixture
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows of a few hundred bytes, so that small files have many."""
    monkeypatch.setattr(source, "WINDOW", 512)
    monkeypatch.setattr(source, "_STREAM_WINDOW", 512)
    monkeypatch.setattr(source, "_CHUNK", 100)


def zstd(data: bytes) -> bytes:
    """One Zstandard frame."""
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return bytes(sink.getvalue())


def packed(data: bytes, how: str) -> bytes:
    """A file's bytes."""
    return zstd(data) if how == "zstd" else gzip.compress(data) if how == "gzip" else data


@contextlib.contextmanager
def opened(path: Path, data: bytes) -> Iterator[Source]:
    """A source of a file with these bytes."""
    path.write_bytes(data)
    it = open_source(path)
    try:
        yield it
    finally:
        it.close()


def everything(it: Source) -> bytes:
    """All bytes, a view after the other."""
    data = b""
    while True:
        view = it.view(len(data), 1)
        if not len(view):
            return data
        data += view.tobytes()


@pytest.mark.usefixtures("small_windows")
@pytest.mark.parametrize("how", ["plain", "gzip", "zstd"])
class TestView:
    """A window that moves forward, over any kind of file."""

    def test_all_bytes(self, how: str, tmp_path: Path) -> None:
        """Views one after the other are the file."""
        with opened(tmp_path / "f", packed(DATA, how)) as it:
            assert everything(it) == DATA
            assert it.damage == ""

    @given(steps=st.lists(st.tuples(st.integers(0, 900), st.integers(0, 3000)), max_size=12))
    @settings(
        deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    def test_any_position_forward(
        self, how: str, tmp_path: Path, steps: list[tuple[int, int]]
    ) -> None:
        """At least what is wanted, or all there is; and earlier views keep their bytes."""
        with opened(tmp_path / "f", packed(DATA, how)) as it:
            at, views = 0, []
            for step, want in steps:
                view = it.view(at, want)
                assert len(view) >= min(want, len(DATA) - at)
                assert view.tobytes() == DATA[at : at + len(view)]
                views.append((at, view))
                at = min(at + step, at + len(view))
            for position, view in views:
                assert view.tobytes() == DATA[position : position + len(view)]

    def test_memory_is_bounded(self, how: str, tmp_path: Path) -> None:
        """A view is a window or what is wanted, not the file."""
        with opened(tmp_path / "f", packed(DATA, how)) as it:
            assert len(it.view(0)) < 1000 + (1 << 16 if how == "zstd" else 0)
            assert len(it.view(100, 5_000)) < 6_000 + (1 << 16 if how == "zstd" else 0)

    def test_the_end(self, how: str, tmp_path: Path) -> None:
        """Behind the last byte a view is empty, and progress is complete."""
        data = packed(DATA, how)
        with opened(tmp_path / "f", data) as it:
            it.view(0, len(DATA))
            assert len(it.view(len(DATA), 100)) == 0
            assert it.progress() == (len(data), len(data))


class TestOpen:
    """Which kind of file it is."""

    @pytest.mark.parametrize(
        ("how", "kind"), [("plain", MappedSource), ("gzip", StreamSource), ("zstd", StreamSource)]
    )
    def test_by_its_first_bytes(self, how: str, kind: type, tmp_path: Path) -> None:
        """Names do not matter."""
        with opened(tmp_path / "name.txt", packed(DATA, how)) as it:
            assert type(it) is kind

    def test_an_empty_file(self, tmp_path: Path) -> None:
        """It is refused by its name."""
        path = tmp_path / "empty.pcapng"
        path.touch()
        with pytest.raises(FormatError, match=r"empty\.pcapng: the file is empty"):
            open_source(path)

    def test_no_file(self, tmp_path: Path) -> None:
        """The system's own error."""
        with pytest.raises(FileNotFoundError):
            open_source(tmp_path / "none")


class TestCompressed:
    """Streams with several parts, and damaged ones."""

    def test_several_members(self, tmp_path: Path) -> None:
        """Concatenated gzip files are one, and so are Zstandard frames."""
        for how in ("gzip", "zstd"):
            data = packed(DATA[:5000], how) + packed(b"", how) + packed(DATA[5000:], how)
            with opened(tmp_path / how, data) as it:
                assert everything(it) == DATA
                assert it.damage == ""

    @pytest.mark.parametrize("size", [20_000, 3_000_000])
    def test_a_truncated_gzip_file(self, size: int, tmp_path: Path) -> None:
        """All bytes that zlib can unpack of it are given, then the damage is told."""
        data = random.Random(1).randbytes(size // 4) * 4
        whole = gzip.compress(data, 1)
        for cut in (20, len(whole) // 3, len(whole) - 9, len(whole) - 8, len(whole) - 1):
            expected = zlib.decompressobj(31).decompress(whole[:cut])
            with opened(tmp_path / "f", whole[:cut]) as it:
                assert everything(it) == expected
                assert "ends early (no end marker)" in it.damage

    def test_a_truncated_zstd_file(self, tmp_path: Path) -> None:
        """All bytes that can be unpacked one by one are given, then the damage is told."""
        whole = zstd(DATA + bytes(150_000) + DATA * 4)
        for cut in (9, len(whole) // 3, len(whole) // 2, len(whole) - 1):
            stream = pa.CompressedInputStream(pa.PythonFile(io.BytesIO(whole[:cut]), "r"), "zstd")
            expected = b""
            with contextlib.suppress(OSError):
                while byte := stream.read(1):
                    expected += byte
            with opened(tmp_path / "f", whole[:cut]) as it:
                assert everything(it) == expected
                assert "ends early" in it.damage
        assert len(expected) > 100_000

    @pytest.mark.parametrize(("how", "place"), [("gzip", 9_000), ("gzip", -5), ("zstd", 6)])
    def test_a_corrupt_place(self, how: str, place: int, tmp_path: Path) -> None:
        """Data or checksum of gzip, a block's header of Zstandard: damage, never an exception."""
        whole = bytearray(packed(DATA, how))
        whole[place] ^= 0xFF
        with opened(tmp_path / "f", bytes(whole)) as it:
            assert len(everything(it)) <= len(DATA)
            assert "ends early" in it.damage

    def test_garbage_behind_a_gzip_file(self, tmp_path: Path) -> None:
        """What was packed before it is given."""
        with opened(tmp_path / "f", gzip.compress(DATA) + b"garbage") as it:
            assert everything(it) == DATA
            assert it.damage
