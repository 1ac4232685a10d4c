"""Tables that are being written: what a kill, a full disk or a stranger leaves of them."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.datasets.journal import Journal, JournalFile, journal_path
from wtrec.datasets.masks import MASKS
from wtrec.datasets.parquet import TableFile
from wtrec.datasets.txlog import TX, open_tx_log, packets, tx_log_beside
from wtrec.errors import FormatError

METADATA = {"run_id": "ab", "mode": "ü"}


def rows(first: int, count: int) -> pa.RecordBatch:
    """Packets with these ids."""
    return pa.RecordBatch.from_pylist(
        [
            {
                "packet_id": n,
                "time": 10 * n,
                "layer": "payload",
                "length": n % 7,
                "original": bytes([n % 256]) * (n % 7),
                "rate_mbps": 5.5 if n % 2 else None,
            }
            for n in range(first, first + count)
        ],
        schema=TX.schema,
    )


def ids(batches: Iterator[pa.RecordBatch]) -> list[int]:
    return [packet for batch in batches for packet in batch.column("packet_id").to_pylist()]


def journal_of(path: Path, sizes: list[int]) -> list[int]:
    """Write batches of these sizes; how long the file was after each."""
    ends = []
    with Journal(path, TX, METADATA) as journal:
        ends.append(path.stat().st_size)
        first = 0
        for size in sizes:
            journal.append(rows(first, size))
            ends.append(path.stat().st_size)
            first += size
        assert journal.rows == first
    return ends


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file of this process can grow beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a journal in it, ``whole``."""
    folder = tmp_path_factory.mktemp("journal")
    journal_of(folder / "whole", [3, 2])
    return folder


class TestJournal:
    """Writing, and reading what is there."""

    def test_read_while_it_is_written(self, tmp_path: Path) -> None:
        """All that was appended can be read at once, and so can the metadata."""
        path = tmp_path / "run.tx.arrows"
        with Journal(path, TX, METADATA) as journal:
            assert ids(JournalFile(path, TX).batches()) == []
            for first in (0, 5, 10):
                journal.append(rows(first, 5))
                with JournalFile(path, TX) as reading:
                    assert reading.metadata == METADATA | {"schema": "tx/1"}
                    batches = list(reading.batches(3))
                assert max(map(len, batches)) == 3
                assert pa.Table.from_batches(batches).equals(
                    pa.Table.from_batches([rows(0, first + 5)])
                )

    def test_cut_anywhere(self, tmp_path: Path) -> None:
        """Of a file that is cut at any byte, every batch that is whole is read, and no other."""
        path = tmp_path / "run.tx.arrows"
        ends = journal_of(path, [3, 1, 4])
        whole = path.read_bytes()
        near = {end + by for end in ends for by in range(-9, 10) if end + by <= len(whole)}
        for length in sorted(near | set(range(0, len(whole), 61))):
            path.write_bytes(whole[:length])
            count = sum([3, 1, 4][: sum(end <= length for end in ends[1:])])
            try:
                assert ids(JournalFile(path, TX).batches()) == list(range(count))
            except FormatError as error:
                assert "not an Arrow stream" in str(error)  # noqa: PT017
                assert length < ends[0]

    @given(data=st.data())
    def test_damage(self, folder: Path, data: st.DataObject) -> None:
        """Whatever bytes there are, rows come out or a FormatError."""
        path = folder / "run.tx.arrows"
        content = bytearray((folder / "whole").read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        path.write_bytes(content)
        try:
            for batch in JournalFile(path, TX).batches():
                batch.to_pylist()
        except FormatError:
            pass

    @given(st.binary(max_size=200))
    def test_any_bytes(self, folder: Path, content: bytes) -> None:
        """A file that is none is refused."""
        path = folder / "run.tx.arrows"
        path.write_bytes(content)
        with pytest.raises(FormatError, match=r"run\.tx\.arrows: not an Arrow stream"):
            JournalFile(path, TX)

    def test_no_room_at_all(self, tmp_path: Path) -> None:
        """Where not even the begin can be written, nothing is left that says that there is one."""
        path = tmp_path / "run.tx.arrows"
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
        try:
            with pytest.raises(OSError, match="File too large"):
                Journal(path, TX, METADATA)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert not path.exists()

    def test_another_table(self, tmp_path: Path) -> None:
        """A journal of another table is refused."""
        path = tmp_path / "run.tx.arrows"
        Journal(path, MASKS, {}).close()
        with pytest.raises(FormatError, match="a table of masks, wanted a table of tx"):
            JournalFile(path, TX)

    def test_a_file_that_exists_is_kept(self, tmp_path: Path) -> None:
        """Nothing is written over."""
        (tmp_path / "a").write_text("mine")
        with pytest.raises(FileExistsError):
            Journal(tmp_path / "a", TX, {})
        assert (tmp_path / "a").read_text() == "mine"

    def test_no_room(self, tmp_path: Path) -> None:
        """An append without room fails, and leaves the file as it was before."""
        path = tmp_path / "run.tx.arrows"
        with Journal(path, TX, METADATA) as journal:
            journal.append(rows(0, 5))
            before = path.read_bytes()
            with room_for(len(before) + 100), pytest.raises(OSError, match="too large"):
                journal.append(rows(5, 500))
            assert path.read_bytes() == before
            assert journal.rows == 5
            journal.finish(tmp_path / "run.tx.parquet", METADATA)
        with TableFile(tmp_path / "run.tx.parquet", TX) as log:
            assert ids(log.batches()) == list(range(5))


class TestFinish:
    """The end: a Parquet file, and no journal."""

    @pytest.mark.parametrize("sizes", [[], [1], [100, 1, 50]])
    def test_the_same_rows(self, tmp_path: Path, sizes: list[int]) -> None:
        """All rows in order, with the metadata of the end."""
        parquet = tmp_path / "run.tx.parquet"
        with Journal(journal_path(parquet), TX, METADATA) as journal:
            first = 0
            for size in sizes:
                journal.append(rows(first, size))
                first += size
            journal.finish(parquet, {"ended_by": "count"})
        with TableFile(parquet, TX) as log:
            assert ids(log.batches()) == list(range(first))
            assert log.metadata["ended_by"] == "count"
        assert [path.name for path in tmp_path.iterdir()] == ["run.tx.parquet"]

    def test_no_room(self, tmp_path: Path) -> None:
        """Without room for the Parquet file there is none, and the journal stays."""
        parquet = tmp_path / "run.tx.parquet"
        with Journal(journal_path(parquet), TX, METADATA) as journal:
            journal.append(rows(0, 50))
            with room_for(1000), pytest.raises(OSError, match="too large"):
                journal.finish(parquet, METADATA)
        assert [path.name for path in tmp_path.iterdir()] == ["run.tx.arrows"]
        assert ids(JournalFile(journal_path(parquet), TX).batches()) == list(range(50))

    def test_a_journal_that_somebody_damaged(self, tmp_path: Path) -> None:
        """Rows that are missing are an error, not a shorter log."""
        parquet = tmp_path / "run.tx.parquet"
        path = journal_path(parquet)
        with Journal(path, TX, METADATA) as journal:
            journal.append(rows(0, 50))
            path.write_bytes(path.read_bytes()[:-8])
            with pytest.raises(FormatError, match="0 rows can be read, 50 were written"):
                journal.finish(parquet, METADATA)
        assert [path.name for path in tmp_path.iterdir()] == ["run.tx.arrows"]


class TestTxLog:
    """Logs and journals as what reads them finds them."""

    def test_beside_a_capture(self, tmp_path: Path) -> None:
        """The log if there is one, else the journal, else nothing."""
        capture = tmp_path / "run.pcapng.gz"
        assert tx_log_beside(capture) is None
        journal_of(tmp_path / "run.tx.arrows", [2])
        assert tx_log_beside(capture) == tmp_path / "run.tx.arrows"
        (tmp_path / "run.tx.parquet").touch()
        assert tx_log_beside(capture) == tmp_path / "run.tx.parquet"

    def test_either_is_opened(self, tmp_path: Path) -> None:
        """Both give the same packets."""
        parquet = tmp_path / "run.tx.parquet"
        journal_of(journal_path(parquet), [3, 4])
        with open_tx_log(journal_path(parquet)) as log:
            assert ids(packets(log)) == list(range(7))
        with Journal(tmp_path / "other", TX, METADATA) as journal:
            journal.append(rows(0, 7))
            journal.finish(parquet, METADATA)
        with open_tx_log(parquet) as log:
            assert ids(packets(log)) == list(range(7))
            assert log.metadata == METADATA | {"schema": "tx/1"}
