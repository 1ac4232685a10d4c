from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.datasets.parquet import TableFile
from wtrec.datasets.parts import JoinedFile, Parts, open_regular
from wtrec.datasets.reader import CaptureReader
from wtrec.datasets.schema import Column, Table
from wtrec.errors import FormatError


def _split(path: Path, size: int) -> Parts:
    content = path.read_bytes()
    parts = []
    for at in range(0, len(content), size):
        parts.append(path.with_name(f"{path.name}.part{at:09d}"))
        parts[-1].write_bytes(content[at : at + size])
    return Parts(tuple(parts))


class TestJoinedFile:
    """Parts read as one file."""

    @given(st.lists(st.binary(max_size=9), min_size=1, max_size=5), st.data())
    def test_reads_are_those_of_the_whole(self, pieces: list[bytes], data: st.DataObject) -> None:
        """Wherever they begin, however long they are."""
        whole = b"".join(pieces)
        handles = []
        for piece in pieces:
            handle = os.memfd_create("part")
            os.write(handle, piece)
            handles.append(handle)
        with JoinedFile(handles) as file:
            assert file.size == len(whole)
            for _ in range(5):
                at = data.draw(st.integers(0, len(whole) + 2))
                count = data.draw(st.integers(0, 12))
                file.seek(at)
                assert file.read(count) == whole[at : at + count]
                assert file.tell() == at + len(whole[at : at + count])
            with file.duplicate() as again:
                assert again.read() == whole

    def test_only_regular_files_are_opened(self, tmp_path: Path) -> None:
        """No pipe, no link, no folder."""
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "link").symlink_to(__file__)
        for name in ("pipe", ""):
            with pytest.raises(FormatError, match="not a regular file"):
                open_regular(tmp_path / name)
        with pytest.raises(OSError, match="link"):
            open_regular(tmp_path / "link")


class TestReaders:
    """What takes a path takes parts."""

    @pytest.mark.parametrize("packing", ["", ".gz", ".zst"])
    def test_a_capture_in_parts_has_its_frames(
        self,
        tmp_path: Path,
        packing: str,
        write_capture: Callable[..., Path],
        udp_frame: Callable[..., bytes],
    ) -> None:
        """Plain and packed, split inside of blocks."""
        path = write_capture(tmp_path / "a.pcapng", [udp_frame(bytes(100), k) for k in range(50)])
        content = path.read_bytes()
        if packing == ".gz":
            path.write_bytes(gzip.compress(content))
        if packing == ".zst":
            path.write_bytes(pa.compress(content, codec="zstd", asbytes=True))
        with CaptureReader(path) as one, CaptureReader(_split(path, 77)) as many:
            assert [b.arrow for b in many] == [b.arrow for b in one]
            assert many.frames == 50
            assert many.losses == []

    def test_a_table_in_parts_has_its_rows(self, tmp_path: Path) -> None:
        """Parquet is read from its end."""
        table = Table("t", 1, (Column("n", pa.int64(), "A number."),))
        rows = pa.table({"n": range(1000)}, schema=table.schema)
        pq.write_table(rows, tmp_path / "t.parquet")
        with TableFile(_split(tmp_path / "t.parquet", 500), table) as file:
            assert pa.Table.from_batches(file.batches()) == rows
