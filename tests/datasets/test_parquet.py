"""Parquet files of our tables."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wtrec.datasets.frames import FRAMES
from wtrec.datasets.parquet import TableFile, new_table
from wtrec.datasets.results import RESULTS
from wtrec.datasets.schema import Column, Table
from wtrec.datasets.txlog import TX
from wtrec.errors import FormatError

POINTS = Table("points", 1, (Column("x", pa.int64(), "In m."),))


def write(path: Path, count: int, table: Table = POINTS) -> None:
    """A file of ``count`` points."""
    with new_table(path, table, {"origin": "a test"}) as writer:
        writer.write_batch(pa.RecordBatch.from_pydict({"x": list(range(count))}, table.schema))


class TestNewTable:
    """Files that appear whole or not at all."""

    def test_round_trip(self, tmp_path: Path) -> None:
        """Rows, number of rows and metadata come back, in batches of the size asked for."""
        path = tmp_path / "points.parquet"
        write(path, 25)
        with TableFile(path, POINTS) as file:
            assert file.rows == 25
            assert file.metadata == {"schema": "points/1", "origin": "a test"}
            batches = [batch.column("x").to_pylist() for batch in file.batches(10)]
        assert batches == [list(range(10)), list(range(10, 20)), list(range(20, 25))]

    def test_nothing_is_left_of_a_failure(self, tmp_path: Path) -> None:
        """Neither the file nor a temporary one."""

        def fail() -> None:
            with new_table(tmp_path / "points.parquet", POINTS, {}) as writer:
                writer.write_batch(pa.RecordBatch.from_pydict({"x": [1]}, POINTS.schema))
                assert list(tmp_path.iterdir())
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            fail()
        assert list(tmp_path.iterdir()) == []

    def test_a_failure_keeps_the_old_file(self, tmp_path: Path) -> None:
        """Rows of another schema are refused, and what was there stays."""
        path = tmp_path / "points.parquet"
        write(path, 5)
        with pytest.raises(ValueError, match="schema"), new_table(path, POINTS, {}) as writer:
            writer.write_batch(pa.RecordBatch.from_pydict({"y": [1]}))
        assert list(tmp_path.iterdir()) == [path]
        with TableFile(path, POINTS) as file:
            assert file.rows == 5

    def test_permissions(self, tmp_path: Path) -> None:
        """A new file has those that open would give it."""
        path = tmp_path / "points.parquet"
        before = os.umask(0o027)
        try:
            write(path, 1)
        finally:
            os.umask(before)
        assert stat.S_IMODE(path.stat().st_mode) == 0o640

    @pytest.mark.parametrize("table", [FRAMES, TX, RESULTS])
    def test_our_tables_keep_their_types(self, table: Table, tmp_path: Path) -> None:
        """Dictionaries, lists, times and fixed binary come back as they were."""
        path = tmp_path / "a.parquet"
        with new_table(path, table, {}):
            pass
        with TableFile(path, table) as file:
            assert file.rows == 0

    def test_metadata_that_is_known_at_the_end(self, tmp_path: Path) -> None:
        """What the writer adds behind the rows comes back too."""
        path = tmp_path / "points.parquet"
        with new_table(path, POINTS, {"origin": "a test"}) as writer:
            writer.add_key_value_metadata({"wtrec.count": "0"})
        with TableFile(path, POINTS) as file:
            assert file.metadata == {"schema": "points/1", "origin": "a test", "count": "0"}

    def test_metadata_takes_any_text(self, tmp_path: Path) -> None:
        """It is stored as UTF-8."""
        path = tmp_path / "points.parquet"
        with new_table(path, POINTS, {"müll": "☃ = 1"}):
            pass
        with TableFile(path, POINTS) as file:
            assert (file.metadata["müll"], file.rows) == ("☃ = 1", 0)


class TestTableFile:
    """Reading, also files that are not what they should be."""

    def test_memory_stays_flat(self, tmp_path: Path) -> None:
        """Of 32 MB in one row group or in many, only a few are in memory at a time."""
        path = tmp_path / "blobs.parquet"
        blobs = Table("blobs", 1, (Column("x", pa.binary(), "Noise."),))
        draw = np.random.default_rng(1)
        for groups in (1, 32):
            with new_table(path, blobs, {}) as writer:
                for _ in range(groups):
                    rows = [draw.bytes(1000) for _ in range(32_000 // groups)]
                    writer.write_table(pa.table({"x": rows}, blobs.schema))
                    del rows
            assert path.stat().st_size > 30_000_000
            before = pa.total_allocated_bytes()
            held = []
            with TableFile(path, blobs) as file:
                for batch in file.batches(1000):
                    del batch
                    held.append(pa.total_allocated_bytes() - before)
            assert len(held) == 32
            assert max(held) < 8_000_000

    def test_another_table(self, tmp_path: Path) -> None:
        """Its name is told."""
        path = tmp_path / "a.parquet"
        write(path, 1, Table("lines", 1, POINTS.columns))
        with pytest.raises(FormatError, match=r"a\.parquet: a table of lines, wanted .* points"):
            TableFile(path, POINTS)

    def test_a_newer_version(self, tmp_path: Path) -> None:
        """It is not read wrongly."""
        path = tmp_path / "a.parquet"
        write(path, 1, Table("points", 2, POINTS.columns))
        with pytest.raises(FormatError, match=r"a\.parquet: points version 2, .*; update wtrec"):
            TableFile(path, POINTS)

    def test_anybodys_parquet(self, tmp_path: Path) -> None:
        """A file without our metadata."""
        path = tmp_path / "a.parquet"
        pq.write_table(pa.table({"x": [1]}), path)
        with pytest.raises(FormatError, match=r"a\.parquet: no wtrec table, wanted"):
            TableFile(path, POINTS)

    @pytest.mark.parametrize("content", [b"", b"hello", b"PAR1" + bytes(99) + b"PAR1"])
    def test_no_parquet(self, content: bytes, tmp_path: Path) -> None:
        """One line that names the file."""
        path = tmp_path / "a.parquet"
        path.write_bytes(content)
        with pytest.raises(FormatError, match=r"a\.parquet: not a Parquet file \(.*\)$"):
            TableFile(path, POINTS)

    def test_a_truncated_file(self, tmp_path: Path) -> None:
        """Parquet ends in its footer: cut anywhere, nothing else than FormatError comes."""
        path = tmp_path / "a.parquet"
        write(path, 100)
        whole = path.read_bytes()
        for cut in range(len(whole)):
            path.write_bytes(whole[:cut])
            with pytest.raises(FormatError, match="not a Parquet file"):
                TableFile(path, POINTS)

    def test_damage_inside(self, tmp_path: Path) -> None:
        """Rows that cannot be unpacked are FormatError too."""
        path = tmp_path / "a.parquet"
        write(path, 10_000)
        whole = bytearray(path.read_bytes())
        whole[4:400] = b"\xff" * 396
        path.write_bytes(whole)
        with (
            TableFile(path, POINTS) as file,
            pytest.raises(FormatError, match=r"a\.parquet: damaged"),
        ):
            list(file.batches())

    def test_no_file(self, tmp_path: Path) -> None:
        """The system's own error."""
        with pytest.raises(FileNotFoundError):
            TableFile(tmp_path / "none", POINTS)
