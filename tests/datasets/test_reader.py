"""Whole captures: what the reader gives, counts and streams."""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from wtrec.datasets import reader as reader_module
from wtrec.datasets import source
from wtrec.datasets.frames import FRAMES, FcsStatus
from wtrec.datasets.pcap import PcapHeader, PcapRecord
from wtrec.datasets.pcapng import (
    Block,
    ByteOrder,
    Custom,
    EnhancedPacket,
    InterfaceDescription,
    InterfaceStatistics,
    ObsoletePacket,
    SectionHeader,
    SimplePacket,
    UnknownBlock,
)
from wtrec.datasets.reader import CaptureReader, read_frames
from wtrec.dot11 import fcs, radiotap
from wtrec.errors import FormatError, LossWarning

from .conftest import write

RADIOTAP = radiotap.build(flags=radiotap.Flags.FCS, rate=12, dbm_antenna_signal=-40)
SECOND = 10**9


def frame(number: int, size: int = 20) -> bytes:
    """A good frame behind its header; its number is in it."""
    body = b"\x08\x02" + bytes(22) + number.to_bytes(4, "big") + bytes(size)
    return RADIOTAP + fcs.append(body)


def numbers(batch: pa.RecordBatch) -> list[int]:
    """The numbers that ``frame`` put into the frames of a batch."""
    return [int.from_bytes(mpdu[24:28], "big") for mpdu in batch.column("mpdu").to_pylist()]


def simple_capture(path: Path, count: int, size: int = 20) -> Path:
    """A section, an interface, and as many frames."""
    packets = [EnhancedPacket.make(0, k, frame(k, size)) for k in range(count)]
    return write(path, [SectionHeader(), InterfaceDescription.make(127, tsresol=9), *packets])


class TestPcapng:
    """What of a pcapng file becomes what."""

    @pytest.mark.parametrize("order", ["<", ">"])
    def test_all_that_is_counted(self, order: ByteOrder, tmp_path: Path) -> None:
        """Interfaces, packets of every kind, statistics, drops, and blocks by their type."""
        blocks: list[Block] = [
            SectionHeader.make(userappl="a test"),
            Custom(1, b"skipped."),
            InterfaceDescription.make(127, 300, name="mon0", filter_text="udp", tsresol=9),
            EnhancedPacket.make(0, 5 * SECOND + 1, frame(0), dropcount=7),
            SimplePacket(frame(1), len(frame(1))),
            InterfaceDescription.make(1, name="eth0"),
            EnhancedPacket.make(1, 1, b"not 802.11"),
            ObsoletePacket(0, 3, 6 * SECOND, frame(2), len(frame(2))),
            UnknownBlock(0x4567, b"whatever"),
            EnhancedPacket.make(0, 7 * SECOND, b"\7" + bytes(20)),
            InterfaceStatistics.make(0, 1, ifrecv=5),
        ]
        with CaptureReader(write(tmp_path / "a", blocks, order)) as reader:
            rows = [row for batch in reader for row in batch.arrow.to_pylist()]
        assert reader.format == "pcapng"
        assert [section.userappl for section in reader.sections] == ["a test"]
        assert [(i.id, i.name, i.filter, i.linktype, i.snaplen) for i in reader.interfaces] == [
            (0, "mon0", "udp", 127, 300),
            (1, "eth0", "", 1, 0),
        ]
        assert [i.is_80211 for i in reader.interfaces] == [True, False]
        assert [(number, s.ifrecv) for number, s in reader.statistics] == [(0, 5)]
        expected = {"SHB": 1, "CB": 1, "IDB": 2, "EPB": 3, "SPB": 1, "PB": 1, "0x4567": 1, "ISB": 1}
        assert reader.blocks == expected
        assert (reader.packets, reader.frames, reader.other_linktypes) == (5, 4, 1)
        assert (reader.malformed, reader.drops, reader.losses) == (1, 10, [])
        assert [row["number"] for row in rows] == [1, 2, 4, 5]
        assert [row["mpdu"] for row in rows] == [
            *(frame(k)[len(RADIOTAP) :] for k in range(3)),
            b"",
        ]

    def test_times_are_exact(self, tmp_path: Path) -> None:
        """Nanoseconds of every clock as integers, with its offset; simple packets have none."""
        clocks = [(9, None), (None, None), (0x94, None), (9, -3_600), (12, 10)]
        blocks: list[Block] = [SectionHeader()]
        blocks += [
            InterfaceDescription.make(127, tsresol=resolution, tsoffset=offset)
            for resolution, offset in clocks
        ]
        ticks = [
            1_700_000_000_123_456_789,
            1_700_000_000_123_457,
            (1_700_000_000 << 20) + 3,
            1_700_000_000_123_456_789,
            1_700_000_123_456_789,
        ]
        blocks += [EnhancedPacket.make(k, tick, frame(k)) for k, tick in enumerate(ticks)]
        blocks.append(SimplePacket(frame(9), 99))
        with CaptureReader(write(tmp_path / "a", blocks)) as reader:
            (batch,) = reader
        assert batch.column("time").cast("int64").to_pylist() == [
            1_700_000_000_123_456_789,
            1_700_000_000_123_457_000,
            1_700_000_000_000_002_861,
            1_699_996_400_123_456_789,
            1_710_000_123_456,
            None,
        ]

    def test_sections(self, tmp_path: Path) -> None:
        """Interfaces start again in each section, in its byte order, but are counted on."""
        data = b""
        for k, order in enumerate("<><"):
            interfaces: list[Block] = [
                InterfaceDescription.make(127, tsresol=9, name=f"{k}.{n}") for n in range(k + 1)
            ]
            packets: list[Block] = [EnhancedPacket.make(k, SECOND + k, frame(k))]
            for block in [SectionHeader(), *interfaces, *packets]:
                data += block.write("<" if order == "<" else ">")
        path = tmp_path / "a"
        path.write_bytes(data)
        with CaptureReader(path) as reader:
            rows = [row for batch in reader for row in batch.arrow.to_pylist()]
        assert len(reader.sections) == 3
        assert [reader.interfaces[row["interface"]].name for row in rows] == ["0.0", "1.1", "2.2"]
        assert [row["time"].value for row in rows] == [SECOND, SECOND + 1, SECOND + 2]

    def test_many_interfaces(self, tmp_path: Path) -> None:
        """Thousands of them, packets in between, take no quadratic time."""
        blocks: list[Block] = [SectionHeader()]
        for k in range(20_000):
            blocks.append(InterfaceDescription.make(127, tsoffset=k))
            if k % 1000 == 999:
                blocks.append(EnhancedPacket.make(k, 0, frame(k)))
        with CaptureReader(write(tmp_path / "a", blocks)) as reader:
            rows = [row for batch in reader for row in batch.arrow.to_pylist()]
        assert [row["interface"] for row in rows] == list(range(999, 20_000, 1000))
        assert [row["time"].value for row in rows] == [k * SECOND for k in range(999, 20_000, 1000)]


class TestPcap:
    """Classic pcap."""

    @pytest.mark.parametrize("order", ["<", ">"])
    @pytest.mark.parametrize("nanoseconds", [True, False])
    def test_frames(self, order: ByteOrder, nanoseconds: bool, tmp_path: Path) -> None:
        """Both byte orders, both clocks."""
        header = PcapHeader(127, 999, nanoseconds, None, order)
        times = [1_700_000_000_123_456_789, 1, 4_294_967_295_999_999_999]
        records = [PcapRecord(t, frame(k), len(frame(k)) + k) for k, t in enumerate(times)]
        path = tmp_path / "a.pcap"
        path.write_bytes(header.write() + b"".join(r.write(header) for r in records))
        with CaptureReader(path) as reader:
            (batch,) = reader
        tick = 1 if nanoseconds else 1000
        expected = [time // tick * tick for time in times]
        assert batch.column("time").cast("int64").to_pylist() == expected
        assert numbers(batch.arrow) == [0, 1, 2]
        lengths = [len(mpdu) for mpdu in batch.column("mpdu").to_pylist()]
        originals = batch.column("original_length").to_pylist()
        assert originals == [n + k for k, n in enumerate(lengths)]
        assert (reader.format, reader.blocks, reader.interfaces[0].snaplen) == (
            "pcap",
            {"record": 3},
            999,
        )

    def test_an_fcs_length_in_the_header(self, tmp_path: Path) -> None:
        """Link type 105 learns from it that frames end with their FCS."""
        header = PcapHeader(105, fcs_bits=32)
        path = tmp_path / "a.pcap"
        bad = fcs.flip(fcs.append(b"\x08\x02" + bytes(30)), [77])
        path.write_bytes(header.write() + PcapRecord(0, bad, len(bad)).write(header))
        with CaptureReader(path) as reader:
            (batch,) = reader
        assert batch.fcs_status.tolist() == [FcsStatus.BAD]


class TestBatches:
    """How frames are cut into batches."""

    @pytest.mark.parametrize("packed", [False, True])
    def test_small_windows_give_the_same(
        self, packed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Frames that cross windows, or are larger than one, are the frames of one big window."""
        packets = [EnhancedPacket.make(0, k, frame(k, k * k % 9000)) for k in range(200)]
        path = write(tmp_path / "a", [SectionHeader(), InterfaceDescription(127), *packets])
        if packed:
            path.write_bytes(gzip.compress(path.read_bytes()))
        whole = read_frames(path).read_all()
        monkeypatch.setattr(source, "WINDOW", 4096)
        monkeypatch.setattr(source, "_STREAM_WINDOW", 4096)
        monkeypatch.setattr(source, "_CHUNK", 1000)
        with CaptureReader(path) as reader:
            batches = [batch.arrow for batch in reader]
        assert len(batches) > 50
        assert pa.Table.from_batches(batches).equals(whole)
        assert whole.num_rows == 200

    def test_limit_of_frames(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """No batch holds more, none is lost."""
        monkeypatch.setattr(reader_module, "MAX_FRAMES", 7)
        with CaptureReader(simple_capture(tmp_path / "a", 30)) as reader:
            batches = list(reader)
        assert [len(batch) for batch in batches] == [7, 7, 7, 7, 2]
        assert [n for batch in batches for n in numbers(batch.arrow)] == list(range(30))
        assert [n for batch in batches for n in batch.number] == list(range(1, 31))

    def test_the_real_limit_of_frames(self, tmp_path: Path) -> None:
        """65,536 frames a batch."""
        path = tmp_path / "a"
        head = SectionHeader().write("<") + InterfaceDescription(127).write("<")
        path.write_bytes(head + EnhancedPacket.make(0, 0, frame(0)).write("<") * 70_000)
        with CaptureReader(path) as reader:
            assert [len(batch) for batch in reader] == [65_536, 70_000 - 65_536]

    def test_limit_of_bytes(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A batch ends with the frame that reaches it."""
        monkeypatch.setattr(reader_module, "MAX_BYTES", 1000)
        with CaptureReader(simple_capture(tmp_path / "a", 20, 372)) as reader:
            batches = list(reader)
        assert len(frame(0, 372)) > 400
        assert [len(batch) for batch in batches] == [3] * 6 + [2]

    def test_iterating_goes_on(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A loop that is left and begun again misses nothing and repeats nothing."""
        monkeypatch.setattr(reader_module, "MAX_FRAMES", 10)
        with CaptureReader(simple_capture(tmp_path / "a", 30)) as reader:
            first = next(iter(reader))
            rest = list(reader)
            assert list(reader) == []
        assert [len(batch) for batch in [first, *rest]] == [10, 10, 10]
        assert reader.packets == 30

    def test_progress(self, tmp_path: Path) -> None:
        """Ends at the file's size."""
        path = simple_capture(tmp_path / "a", 30)
        with CaptureReader(path) as reader:
            assert reader.progress() == (0, path.stat().st_size)
            list(reader)
            assert reader.progress() == (path.stat().st_size, path.stat().st_size)

    def test_batches_outlive_the_reader(self, tmp_path: Path) -> None:
        """They own their bytes."""
        path = simple_capture(tmp_path / "a", 30)
        with CaptureReader(path) as reader:
            (batch,) = reader
        path.write_bytes(b"")
        assert numbers(batch.arrow) == list(range(30))


class TestReadFrames:
    """The Arrow stream."""

    def test_pandas(self, tmp_path: Path) -> None:
        """By pyarrow's own way and by pandas'."""
        path = simple_capture(tmp_path / "a", 30)
        for table in (read_frames(path).read_pandas(), pd.DataFrame.from_arrow(read_frames(path))):
            assert table["number"].tolist() == list(range(1, 31))
            assert table["fcs_status"].unique().tolist() == ["good"]
            assert table["rate_mbps"].tolist() == [6.0] * 30

    def test_polars(self, tmp_path: Path) -> None:
        """As it is."""
        table = pl.from_arrow(read_frames(simple_capture(tmp_path / "a", 30)))
        assert isinstance(table, pl.DataFrame)
        assert table["number"].to_list() == list(range(1, 31))
        assert table["fcs_status"].cast(pl.String).unique().to_list() == ["good"]
        assert table["mpdu"][3] == frame(3)[len(RADIOTAP) :]

    def test_duckdb(self, tmp_path: Path) -> None:
        """In SQL, by the variable's name."""
        frames = read_frames(simple_capture(tmp_path / "a", 30))
        query = "SELECT fcs_status, count(*), min(epoch_ns(time)) FROM frames GROUP BY ALL"
        with duckdb.connect() as connection:
            connection.register("frames", frames)
            assert connection.execute(query).fetchall() == [("good", 30, 0)]

    def test_schema_is_known_before_the_first_frame(self, tmp_path: Path) -> None:
        """Even of a capture without frames."""
        stream = read_frames(simple_capture(tmp_path / "a", 0))
        assert stream.schema.equals(FRAMES.schema, check_metadata=True)
        assert stream.read_all().num_rows == 0

    def test_a_truncated_file_warns(self, tmp_path: Path) -> None:
        """All whole frames, then LossWarning."""
        path = simple_capture(tmp_path / "a", 30)
        path.write_bytes(path.read_bytes()[:-1])
        with pytest.warns(LossWarning, match="the 29 packets before it are whole"):
            assert read_frames(path).read_all().num_rows == 29

    def test_a_corrupt_file_raises(self, tmp_path: Path) -> None:
        """FormatError comes through Arrow as it is, behind the frames before it."""
        path = simple_capture(tmp_path / "a", 30)
        path.write_bytes(path.read_bytes() + b"\6\0\0\0" + b"\1" * 20)
        stream = read_frames(path)
        assert stream.read_next_batch().num_rows == 30
        with pytest.raises(FormatError, match="the 30 packets before it are whole"):
            stream.read_next_batch()

    def test_no_capture(self, tmp_path: Path) -> None:
        """What is wrong with the file is told at once, not at the first frame."""
        path = tmp_path / "a.txt"
        path.write_text("hello")
        with pytest.raises(FormatError, match="neither pcapng nor pcap: it begins with 68 65 6c"):
            read_frames(path)


MEMORY = """
import resource, sys
from wtrec.datasets.reader import CaptureReader
with CaptureReader(sys.argv[1]) as reader:
    for batch in reader:
        pass
assert reader.frames == int(sys.argv[2])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_memory_stays_flat(tmp_path: Path) -> None:
    """A file three times as large takes no more memory to read."""
    head = SectionHeader().write("<") + InterfaceDescription(127).write("<")
    packets = EnhancedPacket.make(0, 0, frame(0, 900)).write("<") * 1000
    peaks = []
    for thousands in (100, 300):
        path = tmp_path / "big.pcapng"
        with path.open("wb") as file:
            file.write(head)
            for _ in range(thousands):
                file.write(packets)
        command = [sys.executable, "-c", MEMORY, str(path), str(thousands * 1000)]
        result = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks.append(int(result.stdout) // 1024)
    path.unlink()
    assert peaks[1] - peaks[0] < 40, f"MiB: {peaks}"


def statuses(path: Path) -> tuple[CaptureReader, Counter[str]]:
    """A reader after its last batch, and how often each verdict came."""
    counts: Counter[str] = Counter()
    with CaptureReader(path) as reader:
        for batch in reader:
            counts.update(FcsStatus(code).name for code in batch.fcs_status)
    return reader, counts


@pytest.mark.real
class TestRealCaptures:
    """Public captures."""

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("aalborg_cooperation/gvsp.pcapng", {"GOOD": 12_261, "BAD": 39}),
            ("packetnet/80211_plus_radiotap_header.pcap", {"GOOD": 216, "BAD": 9}),
            ("aircrack-ng/test1.pcap", {"GOOD": 180, "ABSENT": 12}),
            ("wireshark/wpa-test-decode.pcap.gz", {"GOOD": 4274}),
            ("packetnet/80211_beacon_no_fcs.pcap", {"ABSENT": 1}),
            ("tcpdump/radiotap-heapoverflow.pcap", {"ABSENT": 1}),
            ("wireshark/many_interfaces.pcapng.1", {}),
            ("wireshark/tls12-dsb.pcapng", {}),
        ],
    )
    def test_verdicts(self, captures: Path, name: str, expected: dict[str, int]) -> None:
        """As many good and bad frames as are known to be in there, and nothing lost."""
        reader, counts = statuses(captures / name)
        assert counts == expected
        assert reader.losses == []
        assert reader.malformed == ("heapoverflow" in name)

    @pytest.mark.parametrize(
        ("name", "claimed"),
        [("aalborg_cooperation/gvsp.pcapng", 39), ("packetnet/80211_plus_radiotap_header.pcap", 0)],
    )
    def test_what_the_driver_says_of_bad_frames(
        self, captures: Path, name: str, claimed: int
    ) -> None:
        """One flags every bad frame and no other, one flags none."""
        table = read_frames(captures / name).read_all()
        flagged = table.filter(table["bad_fcs"])
        assert flagged.num_rows == claimed
        assert set(flagged["fcs_status"].to_pylist()) <= {"bad"}

    def test_interfaces(self, captures: Path) -> None:
        """Eleven in one section, and how many packets none of them has for us."""
        reader, _ = statuses(captures / "wireshark/many_interfaces.pcapng.1")
        assert len(reader.interfaces) == 11
        assert (reader.packets, reader.frames, reader.other_linktypes) == (64, 0, 64)

    @pytest.mark.parametrize("order", ["le", "be"])
    def test_conformance_files(self, captures: Path, order: str) -> None:
        """Every block of every file is counted as its description says, none refused."""
        texts = sorted((captures / f"pcapng-test-generator/output_{order}").rglob("*.txt"))
        assert len(texts) == 21
        for text in texts:
            described = dict(re.findall(r"^\t(\w+): (\d+)$", text.read_text(), re.MULTILINE))
            reader, _ = statuses(text.with_suffix(".pcapng"))
            assert reader.blocks == {kind: int(count) for kind, count in described.items()}, text
            assert reader.losses == []
