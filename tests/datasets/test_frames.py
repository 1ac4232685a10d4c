"""Frame batches and their numpy views."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wtrec.datasets.frames import FRAMES, FcsStatus, FrameBatch
from wtrec.datasets.pcap import PcapHeader, PcapRecord
from wtrec.datasets.reader import CaptureReader
from wtrec.dot11 import fcs, radiotap

FRAME = fcs.append(b"\x08\x02" + bytes(30))
PAYLOADS = [FRAME, fcs.flip(FRAME, [99]), FRAME[:-4], b"", FRAME * 2]
FLAGS = [0x10, 0x50, 0x00, 0x10, 0x10]


@pytest.fixture
def batch(tmp_path: Path) -> FrameBatch:
    """Five frames: good, bad, without FCS, empty, bad."""
    header = PcapHeader(127)
    path = tmp_path / "a.pcap"
    records = [
        PcapRecord(k, radiotap.build(flags=flags) + mpdu, 9 + len(mpdu)).write(header)
        for k, (flags, mpdu) in enumerate(zip(FLAGS, PAYLOADS, strict=True))
    ]
    path.write_bytes(header.write() + b"".join(records))
    with CaptureReader(path) as reader:
        (batch,) = reader
    return batch


class TestViews:
    """What algorithms work on."""

    def test_columns(self, batch: FrameBatch) -> None:
        """Numbers, verdicts and bytes are those of the capture."""
        assert len(batch) == 5
        assert batch.number.tolist() == [1, 2, 3, 4, 5]
        assert [FcsStatus(code).name for code in batch.fcs_status] == [
            "GOOD",
            "BAD",
            "ABSENT",
            "ABSENT",
            "BAD",
        ]
        assert [batch.mpdu(row) for row in range(5)] == PAYLOADS
        assert np.diff(batch.offsets).tolist() == [len(mpdu) for mpdu in PAYLOADS]

    @pytest.mark.parametrize(("start", "length"), [(0, 5), (1, 3), (4, 1), (2, 0)])
    def test_slices(self, batch: FrameBatch, start: int, length: int) -> None:
        """A slice of the batch has the views of its frames."""
        part = batch.slice(start, length)
        assert part.number.tolist() == batch.number[start : start + length].tolist()
        assert part.fcs_status.tolist() == batch.fcs_status[start : start + length].tolist()
        assert [part.mpdu(k) for k in range(length)] == PAYLOADS[start : start + length]
        assert len(part.offsets) == length + 1

    def test_views_share_the_memory(self, batch: FrameBatch) -> None:
        """Frames are not copied."""
        assert np.shares_memory(batch.data, batch.slice(2, 2).data)

    def test_of_other_origin(self, batch: FrameBatch) -> None:
        """A batch that came as an Arrow IPC stream, or is empty, has the same views."""
        sink = io.BytesIO()
        with pa.ipc.new_stream(sink, FRAMES.schema) as writer:
            writer.write_batch(batch.arrow.slice(1, 3))
            writer.write_batch(batch.arrow.slice(0, 0))
        sink.seek(0)
        with pa.ipc.open_stream(sink) as stream:
            some, none = (FrameBatch(one) for one in stream)
        assert [some.mpdu(k) for k in range(3)] == PAYLOADS[1:4]
        assert some.fcs_status.tolist() == batch.fcs_status[1:4].tolist()
        assert (len(none), none.fcs_status.tolist(), len(none.data)) == (0, [], 0)
        assert FrameBatch(pa.RecordBatch.from_pylist([], schema=FRAMES.schema)).data.size == 0


class TestSchema:
    """What the columns promise."""

    def test_batches_keep_it(self, batch: FrameBatch) -> None:
        """Types, order, nullability; and no null where none may be."""
        assert batch.arrow.schema.equals(FRAMES.schema, check_metadata=True)
        batch.arrow.validate(full=True)
        for field in batch.arrow.schema:
            assert field.nullable or batch.arrow.column(field.name).null_count == 0

    def test_parquet_keeps_it(self, batch: FrameBatch, tmp_path: Path) -> None:
        """Written as Parquet and read again, it is the same table."""
        path = tmp_path / "frames.parquet"
        pq.write_table(pa.Table.from_batches([batch.arrow]), path)
        again = pq.read_table(path)
        FRAMES.check(again.schema, path)
        assert again.to_pylist() == batch.arrow.to_pylist()

    def test_every_column_is_explained(self) -> None:
        """A sentence that travels with the file; whatever can be null says when."""
        for column in FRAMES.columns:
            assert column.doc.endswith(".")
            assert FRAMES.schema.field(column.name).metadata[b"doc"] == column.doc.encode()
