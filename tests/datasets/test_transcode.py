"""Captures in other formats: the same packets, the same times, and what is lost is said."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wtrec.cli.main import wtrec
from wtrec.datasets import reader
from wtrec.datasets.frames import FRAMES
from wtrec.datasets.parquet import TableFile
from wtrec.datasets.pcap import PcapHeader, PcapRecord, read_header, read_record
from wtrec.datasets.pcapng import (
    Block,
    EnhancedPacket,
    InterfaceDescription,
    InterfaceStatistics,
    SectionHeader,
    SimplePacket,
)
from wtrec.datasets.reader import read_frames
from wtrec.datasets.transcode import to_frames, to_pcap, to_pcapng
from wtrec.errors import FormatError

from .conftest import write


def records(path: Path) -> tuple[PcapHeader, list[PcapRecord]]:
    """All of a pcap file."""
    data = path.read_bytes()
    header, at, found = read_header(data), 24, []
    while at < len(data):
        record, at = read_record(data, at, header)
        found.append(record)
    return header, found


def convert(*arguments: object) -> Result:
    """The command."""
    return CliRunner().invoke(wtrec, ["convert", *map(str, arguments)])


RECORDS = st.lists(
    st.builds(
        lambda time, data, more: PcapRecord(time * 1000, data, len(data) + more),
        st.integers(0, (1 << 32) * 10**6 - 1),
        st.binary(max_size=40),
        st.integers(0, 9),
    ),
    max_size=12,
)


class TestThereAndBack:
    """pcap, pcapng, and pcap again."""

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
    @given(
        st.builds(
            PcapHeader,
            st.integers(0, 0xFFFF),
            st.integers(1, 300_000),
            st.booleans(),
            st.sampled_from([None, 0, 16, 32, 240]),
            st.sampled_from(["<", ">"]),
        ),
        RECORDS,
        st.sampled_from(["", ".gz", ".zst"]),
    )
    def test_pcap(
        self, tmp_path: Path, header: PcapHeader, wanted: list[PcapRecord], packed: str
    ) -> None:
        """The same packets byte for byte, the same times, the same header in our byte order."""
        there, back = tmp_path / f"b.pcapng{packed}", tmp_path / "c.pcap"
        (tmp_path / "a.pcap").write_bytes(
            header.write() + b"".join(record.write(header) for record in wanted)
        )
        assert to_pcapng(tmp_path / "a.pcap", there).packets == len(wanted)
        to_pcap(there, back)
        found_header, found = records(back)
        assert found == wanted
        assert found_header.linktype == header.linktype
        assert found_header.nanoseconds == header.nanoseconds
        assert found_header.fcs_bits == header.fcs_bits

    def test_pcapng_stays_as_it_is(self, tmp_path: Path) -> None:
        """Packing and unpacking a pcapng file changes no byte."""
        path = capture(tmp_path / "a.pcapng")
        to_pcapng(path, tmp_path / "b.pcapng.gz")
        to_pcapng(tmp_path / "b.pcapng.gz", tmp_path / "c.pcapng.zst")
        to_pcapng(tmp_path / "c.pcapng.zst", tmp_path / "d.pcapng")
        assert (tmp_path / "d.pcapng").read_bytes() == path.read_bytes()


def capture(path: Path) -> Path:
    """Something of everything."""
    return write(
        path,
        [
            SectionHeader.make(comments=["a comment"]),
            InterfaceDescription.make(127, 900, name="mon0", tsresol=9, fcslen_bits=32),
            EnhancedPacket.make(0, 10**18 + 1, b"one", 7, dropcount=4, comments=["hm"]),
            SimplePacket(b"two", 3),
            InterfaceDescription.make(127, 90, name="mon1", tsresol=6, fcslen_bits=32),
            EnhancedPacket.make(1, 10**15 + 2, b"three"),
            InterfaceStatistics.make(0, 0, ifrecv=3),
        ],
    )


class TestPcap:
    """What becomes of pcapng."""

    def test_what_is_not_kept_is_said(self, tmp_path: Path) -> None:
        """Comments, names, options, drops, statistics, times that are missing."""
        done = convert(capture(tmp_path / "a.pcapng"), "-o", tmp_path / "b.pcap")
        assert done.exit_code == 0, done.output
        assert done.stderr.splitlines() == [
            (
                f"wtrec: note: {tmp_path / 'b.pcap'}: pcap does not keep 1 comments of sections "
                "and interfaces; 2 names of interfaces; 2 interfaces apart; 1 packets' options "
                "(flags, ids, comments); 4 drops noted between packets; 1 blocks of statistics; 1 "
                "packets without a time: they have 1970 now"
            ),
            f"{tmp_path / 'b.pcap'}: 3 packets",
        ]
        header, found = records(tmp_path / "b.pcap")
        assert (header.nanoseconds, header.snaplen, header.fcs_bits) == (True, 900, 32)
        assert found == [
            PcapRecord(10**18 + 1, b"one", 7),
            PcapRecord(0, b"two", 3),
            PcapRecord(10**18 + 2000, b"three", 5),
        ]

    def test_several_link_types(self, tmp_path: Path) -> None:
        """A clear error, and no file; interfaces without a packet do not count."""
        blocks: list[Block] = [
            SectionHeader.make(),
            InterfaceDescription.make(127),
            InterfaceDescription.make(105),
            EnhancedPacket.make(0, 1, b"x"),
        ]
        path = write(tmp_path / "a.pcapng", blocks)
        assert to_pcap(path, tmp_path / "b.pcap").packets == 1
        write(path, [*blocks, EnhancedPacket.make(1, 1, b"x")])
        with pytest.raises(
            FormatError, match=r"link types 127 \(1 packets\), 105 \(1 packets\), w"
        ):
            to_pcap(path, tmp_path / "c.pcap")
        assert not (tmp_path / "c.pcap").exists()

    def test_a_time_that_does_not_fit(self, tmp_path: Path) -> None:
        """The year 2106 and 1969 are refused, not wrapped."""
        for offset in (1 << 32, -1):
            path = write(
                tmp_path / "a.pcapng",
                [
                    SectionHeader.make(),
                    InterfaceDescription.make(127, tsoffset=offset),
                    EnhancedPacket.make(0, 0, b"x"),
                ],
            )
            with pytest.raises(FormatError, match=r"packet 1 is of .* pcap holds no other times"):
                to_pcap(path, tmp_path / "b.pcap")

    def test_editcap_agrees(
        self, tmp_path: Path, write_capture: Callable[..., Path], udp_frame: Callable[..., bytes]
    ) -> None:
        """The same file as editcap makes, but for the snap length in its header."""
        path = write_capture(tmp_path / "a.pcapng", [udp_frame(bytes(k)) for k in range(50)])
        to_pcap(path, tmp_path / "ours.pcap")
        subprocess.run(["editcap", "-F", "nsecpcap", path, tmp_path / "theirs.pcap"], check=True)
        ours, theirs = (records(tmp_path / f"{name}.pcap") for name in ("ours", "theirs"))
        assert ours[1] == theirs[1]
        assert len(ours[1]) == 50
        to_pcapng(tmp_path / "ours.pcap", tmp_path / "again.pcapng")
        done = subprocess.run(
            ["capinfos", "-TmrcK", tmp_path / "again.pcapng"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.split(",")[1].strip() == "50"


class TestFrames:
    """The table."""

    def test_the_same_rows(
        self, tmp_path: Path, write_capture: Callable[..., Path], udp_frame: Callable[..., bytes]
    ) -> None:
        """What read_frames gives is in the file, and beside it what else the capture says."""
        path = write_capture(tmp_path / "a.pcapng", [udp_frame(bytes(k)) for k in range(50)])
        done = convert(path, "-o", tmp_path / "a.parquet")
        assert done.exit_code == 0, done.output
        with TableFile(tmp_path / "a.parquet", FRAMES) as table:
            metadata = table.metadata
        assert pq.read_table(tmp_path / "a.parquet").equals(read_frames(path).read_all())
        assert metadata["capture"] == "a.pcapng"
        assert len(metadata["capture_sha256"]) == 64
        assert json.loads(metadata["interfaces"])[0]["linktype"] == 127
        assert json.loads(metadata["counts"])["frames"] == 50

    def test_a_row_group_a_batch(
        self,
        tmp_path: Path,
        write_capture: Callable[..., Path],
        udp_frame: Callable[..., bytes],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Readers need no more memory than we do."""
        monkeypatch.setattr(reader, "MAX_FRAMES", 10)
        path = write_capture(tmp_path / "a.pcapng", [udp_frame(b"")] * 25)
        to_frames(path, tmp_path / "a.parquet")
        file = pq.ParquetFile(tmp_path / "a.parquet")
        rows = [file.metadata.row_group(k).num_rows for k in range(file.num_row_groups)]
        assert rows == [10, 10, 5]

    def test_others_are_left_out(self, tmp_path: Path) -> None:
        """Packets that are no 802.11 frames: counted, said, exit code 3."""
        path = write(
            tmp_path / "a.pcapng",
            [SectionHeader.make(), InterfaceDescription.make(1), EnhancedPacket.make(0, 0, b"x")],
        )
        done = convert(path, "-o", tmp_path / "a.parquet")
        assert done.exit_code == 3
        assert "1 packets are no 802.11 frames, and left out" in done.stderr


class TestUsage:
    """Names, and mistakes."""

    def test_a_name_that_says_nothing(self, tmp_path: Path) -> None:
        """It is asked for; truth does not go with formats; inputs stay."""
        path = capture(tmp_path / "a.pcapng")
        for arguments, said in (
            (["-o", tmp_path / "x"], "does not say what to write; add --to"),
            (["-o", tmp_path / "x.pcap", "--payload", "ff"], "not with --to pcap"),
            (["-o", path, "--force"], "would be read and written"),
            (["-o", tmp_path / "x.csv"], "is a capture: --to masks first"),
        ):
            done = convert(path, *arguments)
            assert done.exit_code == 2
            assert said in done.stderr
        assert list(tmp_path.iterdir()) == [path]

    def test_truncated(self, tmp_path: Path) -> None:
        """What is whole is converted; exit code 3."""
        path = capture(tmp_path / "a.pcapng")
        path.write_bytes(path.read_bytes()[:-3])
        for name in ("b.pcap", "b.pcapng", "b.parquet"):
            done = convert(path, "-o", tmp_path / name)
            assert done.exit_code == 3
            assert "the file ends inside a record" in done.stderr
