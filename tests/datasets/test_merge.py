"""Merging captures: by time, with nothing changed but the numbers of interfaces."""

from __future__ import annotations

import gzip
import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wtrec.cli.main import wtrec
from wtrec.datasets import merge as module
from wtrec.datasets.merge import merge
from wtrec.datasets.pcap import PcapHeader, PcapRecord
from wtrec.datasets.pcapng import (
    Block,
    ByteOrder,
    Custom,
    EnhancedPacket,
    InterfaceDescription,
    InterfaceStatistics,
    NameRecord,
    NameResolution,
    ObsoletePacket,
    SectionHeader,
    SimplePacket,
    read_block,
)
from wtrec.datasets.run import Counters, Run, RunFile, RunInterface
from wtrec.errors import FormatError

from .conftest import write


def blocks_of(path: Path) -> list[Block]:
    """All blocks of a capture."""
    data, at, order, found = path.read_bytes(), 0, None, []
    while at < len(data):
        block, order, at = read_block(data, at, order)
        found.append(block)
    return found


def packets(path: Path) -> list[EnhancedPacket]:
    """Its enhanced packets."""
    return [block for block in blocks_of(path) if isinstance(block, EnhancedPacket)]


def capture(path: Path, name: str, times: list[int], order: ByteOrder = "<") -> Path:
    """A capture of one interface, whose packets say which they are."""
    head: list[Block] = [SectionHeader.make(), InterfaceDescription.make(127, name=name, tsresol=9)]
    body = [
        EnhancedPacket.make(0, time, f"{name}{k}".encode(), comments=[f"{k}"] if k % 3 else None)
        for k, time in enumerate(times)
    ]
    return write(path, [*head, *body], order)


class TestOrder:
    """Which packet comes next."""

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
    @given(
        st.lists(st.lists(st.integers(0, 30), max_size=25).map(sorted), min_size=1, max_size=5),
        st.sampled_from(["<", ">"]),
        st.integers(1, 7),
    )
    def test_sorted_inputs(
        self, tmp_path: Path, times: list[list[int]], order: ByteOrder, room: int
    ) -> None:
        """Merging is sorting, stably, in the order of arguments, however much is read at once."""
        paths = [
            capture(tmp_path / f"{k}.pcapng", "abcde"[k], each, order if k else "<")
            for k, each in enumerate(times)
        ]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "_ROOM", room)
            patch.setattr(module, "_LEAST_ROOM", room)
            merged = merge(paths, tmp_path / "out.pcapng")
        rows = [
            (time, f"{'abcde'[k]}{n}".encode())
            for k, each in enumerate(times)
            for n, time in enumerate(each)
        ]
        found = [(packet.timestamp, packet.data) for packet in packets(tmp_path / "out.pcapng")]
        assert found == sorted(rows, key=lambda row: row[0])
        assert merged.notes == []
        assert merged.packets == [len(each) for each in times]

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
    @given(st.lists(st.lists(st.integers(0, 30), max_size=12), min_size=1, max_size=4))
    def test_unsorted_inputs(self, tmp_path: Path, times: list[list[int]]) -> None:
        """The earliest head comes next, as in mergecap; what is out of order is counted."""
        paths = [capture(tmp_path / f"{k}", "abcd"[k], each) for k, each in enumerate(times)]
        heads = [list(enumerate(each)) for each in times]
        expected = []
        while any(heads):
            k = min((k for k, head in enumerate(heads) if head), key=lambda k: heads[k][0][1])
            expected.append(f"{'abcd'[k]}{heads[k].pop(0)[0]}".encode())
        merged = merge(paths, tmp_path / "out.pcapng")
        assert [packet.data for packet in packets(tmp_path / "out.pcapng")] == expected
        counts = [
            sum(time < max(each[:n], default=time) for n, time in enumerate(each)) for each in times
        ]
        assert merged.notes == [
            f"{path}: {count} packets are earlier than one before them, and stay behind it"
            for path, count in zip(paths, counts, strict=True)
            if count
        ]

    def test_resolutions(self, tmp_path: Path) -> None:
        """Clocks of any resolution are compared exactly, and stay as they are."""
        head = SectionHeader.make()
        stamps = {
            6: [10, 12],
            9: [10_001, 11_999, 12_000],
            0x80 | 30: [(11 << 30) // 10**6],
            3: [0],
        }
        paths = [
            write(
                tmp_path / f"{resolution}",
                [
                    head,
                    InterfaceDescription.make(127, tsresol=resolution),
                    *(EnhancedPacket.make(0, ticks, b"%d" % ticks) for ticks in each),
                ],
            )
            for resolution, each in stamps.items()
        ]
        merge(paths, tmp_path / "out.pcapng")
        found = [
            (packet.interface, packet.timestamp) for packet in packets(tmp_path / "out.pcapng")
        ]
        binary = stamps[0x80 | 30][0]
        assert found == [
            (3, 0),
            (0, 10),
            (1, 10_001),
            (2, binary),
            (1, 11_999),
            (0, 12),
            (1, 12_000),
        ]


class TestContent:
    """What is kept."""

    def test_interfaces_options_and_statistics(self, tmp_path: Path) -> None:
        """Interfaces of several sections and byte orders; each packet's options; the right ISB."""
        blocks: list[Block] = [
            SectionHeader.make(os="an OS", comments=["a comment"]),
            InterfaceDescription.make(127, 100, name="mon0", tsresol=9, filter_text="udp"),
            EnhancedPacket.make(0, 5, b"one", 900, flags=0x81, dropcount=3, comments=["hm", "so"]),
            InterfaceDescription.make(105, name="mon1", tsoffset=1),
            ObsoletePacket(1, 9, 7, b"two", 3),
            NameResolution.make([NameRecord.make(bytes(6), "nobody")]),
            InterfaceStatistics.make(1, 8, ifrecv=40, osdrop=2),
            Custom(7, b"keep"),
            Custom(7, b"drop", copyable=False),
        ]
        for order in ("<", ">"):
            first = write(tmp_path / "a.pcapng", blocks + blocks, order)
            second = capture(tmp_path / "b.pcapng", "mon0", [6])
            merged = merge([second, first], tmp_path / "out.pcapng")
            found = blocks_of(tmp_path / "out.pcapng")
            described = [block for block in found if isinstance(block, InterfaceDescription)]
            assert [block.name for block in described] == ["mon0", "mon0", "mon1", "mon0", "mon1"]
            assert [block.snaplen for block in described] == [0, 100, 0, 100, 0]
            assert described[1].filter_text == "udp"
            assert described[1].comments == ("from a.pcapng",)
            one, two = blocks[2], EnhancedPacket.make(2, 7, b"two", 3, dropcount=9)
            assert isinstance(one, EnhancedPacket)
            expected = [replace(one, interface=1), packets(second)[0], two]
            assert packets(tmp_path / "out.pcapng")[:2] == expected[:2]
            assert two in packets(tmp_path / "out.pcapng")
            counts = [block for block in found if isinstance(block, InterfaceStatistics)]
            assert [(block.interface, block.ifrecv) for block in counts] == [(2, 40), (4, 40)]
            assert sum(isinstance(block, NameResolution) for block in found) == 2
            assert [block.data for block in found if isinstance(block, Custom)] == [b"keep"] * 2
            assert any(f"{first}: 2 blocks are left out" in note for note in merged.notes)
            assert "differ in link type or snap length" in merged.notes[-1]

    def test_pcap_and_packed(self, tmp_path: Path) -> None:
        """Records of pcap in either order and unit become blocks with the same times and bytes."""
        paths = []
        for k, header in enumerate(
            PcapHeader(127, nanoseconds=n, order=o, fcs_bits=32)
            for n in (False, True)
            for o in ("<", ">")
        ):
            wires = [
                PcapRecord(10**18 + 4000 * t + 1000 * k, bytes([k]) * t, 99).write(header)
                for t in range(9)
            ]
            path = tmp_path / f"{k}.pcap.gz"
            path.write_bytes(gzip.compress(header.write() + b"".join(wires)))
            paths.append(path)
        merge(paths, tmp_path / "out.pcapng")
        found = packets(tmp_path / "out.pcapng")
        assert [packet.data for packet in found] == [
            bytes([k]) * t for t in range(9) for k in range(4)
        ]
        assert {packet.original_length for packet in found} == {99}
        described = [
            b for b in blocks_of(tmp_path / "out.pcapng") if isinstance(b, InterfaceDescription)
        ]
        times = [described[packet.interface].to_ns(packet.timestamp) for packet in found]
        assert times == [10**18 + 1000 * n for n in range(36)]
        assert {block.fcslen_bits for block in described} == {32}

    def test_packets_without_a_time(self, tmp_path: Path) -> None:
        """They stay behind the one before them; where they must get a time, it is said."""
        simple: list[Block] = [
            SectionHeader.make(),
            InterfaceDescription.make(127, tsresol=9),
            EnhancedPacket.make(0, 5, b"five"),
            SimplePacket(b"simple", 6),
        ]
        first = write(tmp_path / "a.pcapng", simple)
        second = capture(tmp_path / "b.pcapng", "b", [4, 6])
        merged = merge([first, second], tmp_path / "out.pcapng")
        assert SimplePacket(b"simple\0\0"[:6], 6) in blocks_of(tmp_path / "out.pcapng")
        assert merged.notes == []
        merged = merge([second, first], tmp_path / "out.pcapng")
        found = packets(tmp_path / "out.pcapng")
        assert [packet.data for packet in found] == [b"b0", b"five", b"simple", b"b1"]
        assert "1 packets have no time" in merged.notes[0]
        simple[1] = InterfaceDescription.make(127, tsresol=9, tsoffset=1_600_000_000)
        merged = merge([second, write(first, simple)], tmp_path / "out.pcapng")
        assert "the zero of their clock: 1970, or if_tsoffset" in merged.notes[0]


class TestRun:
    """``run.json`` of the result."""

    def test_counters_are_summed_once_a_run(self, tmp_path: Path) -> None:
        """Files of one run count once; sources, times and texts are those of all."""
        counters = Counters(received=10, dropped_by_kernel=1, written=9, bad_fcs=2)
        part = RunInterface(name="mon0", counters=counters)
        one = Run.begin(interface="mon0", start=500, interfaces=(part,),
                        time_stamp_type="host", snap_length=100, end=900, counters=counters,
                        meta={"place": "hall", "seed": "1"})  # fmt: skip
        other = replace(one, run_id="f" * 32, start=400, interface="mon1", meta={"place": "roof"})
        for name, run in (("a", one), ("b", one), ("c", other)):
            capture(tmp_path / f"{name}.pcapng", name, [1])
            run.save(tmp_path / f"{name}.json")
        merge([tmp_path / f"{name}.pcapng" for name in "abc"], tmp_path / "out.pcapng")
        found = Run.load(tmp_path / "out.json")
        assert found.counters == Counters(received=20, dropped_by_kernel=2, written=18, bad_fcs=4)
        assert (found.start, found.end, found.interface) == (400, 900, "mon0, mon1")
        assert found.meta == {"place": "hall, roof", "seed": "1"}
        assert [part.run_id for part in found.merged_from] == [one.run_id] * 2 + ["f" * 32]
        assert [each.name for each in found.interfaces] == ["mon0", "mon0"]
        assert (found.time_stamp_type, found.filter) == ("host", None)
        assert found.ended_by == "merge"
        merge([tmp_path / "a.pcapng", tmp_path / "b.pcapng"], tmp_path / "same.pcapng")
        assert Run.load(tmp_path / "same.json").run_id == one.run_id

    def test_without_metadata(self, tmp_path: Path) -> None:
        """What was merged is known all the same; what is not is null."""
        path = capture(tmp_path / "a.pcapng", "a", [10**18, 10**18 + 1])
        merge([path], tmp_path / "out.pcapng")
        found = Run.load(tmp_path / "out.json")
        assert (found.start, found.counters, found.interface) == (10**18, None, "a")
        assert found.merged_from[0].name == "a.pcapng"


class TestCommand:
    """``wtrec merge``."""

    def test_mergecap_agrees(self, tmp_path: Path) -> None:
        """The same packets at the same times on the same interfaces, says tshark."""
        paths = [
            capture(
                tmp_path / f"{name}.pcapng",
                name,
                [10**18 + k * step + step % 7 for k in range(200)],
            )
            for name, step in (("x", 7_000), ("y", 5_000), ("z", 11_000))  # never the same time
        ]
        done = CliRunner().invoke(
            wtrec, ["merge", *map(str, paths), "-o", str(tmp_path / "out.pcapng")]
        )
        assert done.exit_code == 0, done.output
        assert "600 packets of 3 files, 3 interfaces" in done.stdout
        subprocess.run(["mergecap", "-w", tmp_path / "theirs.pcapng", *paths], check=True)
        fields = [f"-e{name}" for name in ("frame.time_epoch", "frame.interface_name",
                                           "frame.len", "frame.comment")]  # fmt: skip
        said = [
            subprocess.run(
                ["tshark", "-r", tmp_path / name, "-Tfields", *fields],
                capture_output=True,
                check=True,
            ).stdout
            for name in ("out.pcapng", "theirs.pcapng")
        ]
        assert said[0] == said[1]
        assert said[0].count(b"\n") == 600

    def test_truncated_and_damaged(self, tmp_path: Path) -> None:
        """A tail that is cut off: exit code 3; damage in the middle: what helps, and no file."""
        path = capture(tmp_path / "a.pcapng", "a", [1, 2, 3])
        data = path.read_bytes()
        path.write_bytes(data[:-3])
        output = tmp_path / "out.pcapng"
        done = CliRunner().invoke(wtrec, ["merge", str(path), "-o", str(output)])
        assert done.exit_code == 3
        assert "the file ends inside a record" in done.stderr
        assert len(packets(output)) == 2
        output.unlink()
        path.write_bytes(data[:-60] + b"\xff" * 60)
        done = CliRunner().invoke(wtrec, ["merge", str(path), "-o", str(output), "--force"])
        assert isinstance(done.exception, FormatError)
        assert "wtrec recover saves what is sound behind it" in str(done.exception)
        assert not output.exists()

    def test_refused(self, tmp_path: Path) -> None:
        """No other format, no file that is read, none that exists."""
        path = capture(tmp_path / "a.pcapng", "a", [1])
        for output, said in (("x.pcap", "is .pcapng"), ("a.pcapng", "read and written")):
            done = CliRunner().invoke(
                wtrec, ["merge", str(path), "-o", str(tmp_path / output), "--force"]
            )
            assert done.exit_code == 2
            assert said in done.stderr


def test_all_files_are_opened_before_one_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is no capture is reported at once."""
    measured: list[Path] = []
    monkeypatch.setattr(RunFile, "of", measured.append)
    path = capture(tmp_path / "a.pcapng", "a", [1])
    (tmp_path / "b.pcapng").write_bytes(b"no capture")
    with pytest.raises(FormatError, match="neither pcapng nor pcap"):
        merge([path, tmp_path / "b.pcapng"], tmp_path / "out.pcapng")
    assert measured == []


def test_json_has_the_sources(tmp_path: Path) -> None:
    """Name, size and SHA-256 of each."""
    path = capture(tmp_path / "a.pcapng", "a", [1])
    merge([path], tmp_path / "out.pcapng.zst")
    (part,) = json.loads((tmp_path / "out.json").read_text())["merged_from"]
    assert part["bytes"] == path.stat().st_size
    assert len(part["sha256"]) == 64
