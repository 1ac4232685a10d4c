"""What is saved of damaged captures: whole packets, all of them, and nothing that was not there."""

from __future__ import annotations

import gzip
import struct
import subprocess
import time
from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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
)
from wtrec.datasets.recover import recover
from wtrec.datasets.salvage import Copy, Salvage
from wtrec.datasets.walk import Damage, Records, Walk
from wtrec.errors import FormatError, WtrecError

PACKETS = (EnhancedPacket, SimplePacket, ObsoletePacket)
HEAD: list[Block] = [
    SectionHeader.make(os="an OS", comments=["a comment"]),
    InterfaceDescription.make(127, name="mon0", tsresol=9),
]
BLOCKS: list[Block] = [
    *HEAD,
    EnhancedPacket.make(0, 10**9, b"first", flags=0x81),
    NameResolution.make([NameRecord.make(bytes(6), "nobody")]),
    SimplePacket(b"simple", 6),
    InterfaceDescription.make(127),
    Custom(7, b"anything"),
    EnhancedPacket.make(1, 5, bytes(70), comments=["odd one"], dropcount=1),
    ObsoletePacket(1, 0, 6, b"obsolete", 90),
    InterfaceStatistics.make(1, 7, ifrecv=4),
    EnhancedPacket.make(0, 8, b"last"),
]
HEADER = PcapHeader(127)
MAGICS = [b"", b"\n\r\r\n", b"\xd4\xc3\xb2\xa1", b"\x1f\x8b"]


def packets(path: Path) -> list[bytes]:
    """The packets of a capture that is whole."""
    found = []
    with Walk(path) as walk:
        for event in walk:
            assert not isinstance(event, Damage)
            if isinstance(event, Records):
                found += [
                    event.data[start : start + size].tobytes()
                    for start, size in zip(event.where.start, event.where.captured, strict=True)
                ]
    return found


def save(data: bytes, folder: Path, name: str = "broken.pcapng") -> tuple[Salvage, list[bytes]]:
    """Recover from these bytes: what is said, and the packets of the new file."""
    broken, fixed = folder / name, folder / "fixed.pcapng"
    broken.write_bytes(data)
    fixed.unlink(missing_ok=True)
    salvage = recover(broken, fixed)
    assert broken.read_bytes() == data
    assert {path.name for path in folder.iterdir()} == {name, fixed.name}
    found = packets(fixed)
    assert len(found) == salvage.packets
    return salvage, found


def records(count: int, header: PcapHeader = HEADER, step: int = 10**9) -> list[bytes]:
    """Records of pcap, one a second, with packets of many lengths that say who they are."""
    return [
        PcapRecord(1_700_000_000 * 10**9 + k * step, data, len(data)).write(header)
        for k, data in enumerate(b"%d" % k * (k % 40 + 1) for k in range(count))
    ]


def enhanced(count: int) -> list[bytes]:
    """Blocks of packets that say who they are."""
    return [
        EnhancedPacket.make(0, k, b"%d" % k * (k % 40 + 1), flags=0x81).write("<")
        for k in range(count)
    ]


class TestCut:
    """A file that ends too early, at every byte."""

    @pytest.mark.parametrize("order", ["<", ">"])
    def test_pcapng(self, order: ByteOrder, tmp_path: Path) -> None:
        """What is whole before the cut is saved byte for byte; nothing else is."""
        wires = [block.write(order) for block in BLOCKS]
        ends = list(accumulate(map(len, wires)))
        data = b"".join(wires)
        for cut in range(1, len(data) + 1, 3):
            whole = sum(end <= cut for end in ends)
            count = sum(isinstance(block, PACKETS) for block in BLOCKS[:whole])
            if not count and cut not in ends:
                with pytest.raises(FormatError, match="nothing can be saved"):
                    save(data[:cut], tmp_path)
                continue
            salvage, found = save(data[:cut], tmp_path)
            assert (tmp_path / "fixed.pcapng").read_bytes() == data[: ends[whole - 1]]
            assert found == [block.data for block in BLOCKS[:whole] if isinstance(block, PACKETS)]
            lost = [(part.offset, part.length, part.after) for part in salvage.lost]
            start = ends[whole - 1]
            assert lost == ([] if cut in ends else [(start, cut - start, count)])

    @pytest.mark.parametrize("order", ["<", ">"])
    def test_pcap(self, order: ByteOrder, tmp_path: Path) -> None:
        """The same for records, even where times jump by years."""
        header = PcapHeader(127, order=order)
        wires = [header.write(), *records(4, header, step=4 * 10**16)]
        ends = list(accumulate(map(len, wires)))
        data = b"".join(wires)
        for cut in range(1, len(data) + 1, 3):
            whole = sum(end <= cut for end in ends)
            if cut < ends[1] and cut != ends[0]:
                with pytest.raises(FormatError, match="nothing can be saved"):
                    save(data[:cut], tmp_path)
                continue
            save(data[:cut], tmp_path)
            assert (tmp_path / "fixed.pcapng").read_bytes() == data[: ends[whole - 1]]

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
    @given(
        st.lists(st.binary(max_size=60), min_size=1, max_size=12),
        st.data(),
        st.booleans(),
    )
    def test_any_content(
        self, tmp_path: Path, contents: list[bytes], data: st.DataObject, is_pcap: bool
    ) -> None:
        """Exactly the packets in front of the cut, whatever is in them."""
        if is_pcap:
            head = HEADER.write()
            wires = [PcapRecord(10**9 + k, d, len(d)).write(HEADER) for k, d in enumerate(contents)]
        else:
            head = b"".join(block.write("<") for block in HEAD)
            wires = [EnhancedPacket.make(0, k, d).write("<") for k, d in enumerate(contents)]
        whole = head + b"".join(wires)
        cut = data.draw(st.integers(len(head) + len(wires[0]), len(whole)))
        ends = list(accumulate(map(len, wires), initial=len(head)))[1:]
        _, found = save(whole[:cut], tmp_path)
        assert found == contents[: sum(end <= cut for end in ends)]

    def test_a_capture_in_a_packet_that_is_cut_is_left_there(self, tmp_path: Path) -> None:
        """What lies in the packet's data are no packets of this file."""
        inner = b"".join([block.write("<") for block in HEAD] + enhanced(5))
        outer = EnhancedPacket.make(0, 9, inner, flags=0x81, comments=["it has one"]).write("<")
        head = b"".join(block.write("<") for block in HEAD)
        for cut in (1, 5, 9, 30, 31, 99):
            assert save(head + enhanced(1)[0] + outer[:-cut], tmp_path)[1] == [b"0"]
        askew = outer[:4] + b"\xff" + outer[5:]
        assert save(head + askew + enhanced(1)[0], tmp_path)[1] == [b"0"]


class TestMiddle:
    """Damage with sound records behind it."""

    @pytest.mark.parametrize("order", ["<", ">"])
    @pytest.mark.parametrize("at", [0, 4, 20, -4, -1])
    def test_one_block(self, order: ByteOrder, at: int, tmp_path: Path) -> None:
        """Type, a length, or the length of the data is wrong: that packet is lost, no other."""
        head = [block.write(order) for block in HEAD]
        wires = [EnhancedPacket.make(0, k, bytes([k]) * 50).write(order) for k in range(30)]
        data = bytearray(b"".join(head + wires))
        begin = len(b"".join(head + wires[:10]))
        place = begin + at if at >= 0 else begin + len(wires[10]) + at
        size = min(4, -at) if at < 0 else 4
        data[place : place + size] = b"\x7f" * size
        salvage, found = save(bytes(data), tmp_path)
        assert found == [bytes([k]) * 50 for k in range(30) if k != 10]
        if at != 0:  # a block of a type that nobody knows is sound, and kept
            assert [(part.offset, part.after) for part in salvage.lost] == [(begin, 10)]
            assert salvage.lost[0].length == len(wires[10])

    def test_a_hole(self, tmp_path: Path) -> None:
        """Zeros over several blocks: what they touch is lost."""
        head = b"".join(block.write("<") for block in HEAD)
        wires = enhanced(100)
        data = bytearray(head + b"".join(wires))
        ends = list(accumulate(map(len, wires), initial=len(head)))
        data[ends[20] + 7 : ends[40] - 9] = bytes(ends[40] - ends[20] - 16)
        salvage, found = save(bytes(data), tmp_path)
        assert found == [b"%d" % k * (k % 40 + 1) for k in range(100) if not 20 <= k < 40]
        (part,) = salvage.lost
        assert (part.offset, part.length, part.after) == (ends[20], ends[40] - ends[20], 20)
        assert "behind frame 20" in str(part)

    def test_bytes_that_are_missing(self, tmp_path: Path) -> None:
        """Blocks that lie askew behind a gap are found."""
        head = b"".join(block.write("<") for block in HEAD)
        wires = enhanced(50)
        wires[7] = wires[7][:13] + wires[7][18:]
        _, found = save(head + b"".join(wires), tmp_path)
        assert found == [b"%d" % k * (k % 40 + 1) for k in range(50) if k != 7]

    def test_zeros_at_the_end(self, tmp_path: Path) -> None:
        """As after a power cut: they are told apart from packets, in pcap, too."""
        for head, wires in (
            (b"".join(block.write("<") for block in HEAD), enhanced(20)),
            (HEADER.write(), records(20)),
        ):
            for cut in (0, 3):
                data = head + b"".join(wires)
                salvage, found = save(data[: len(data) - cut] + bytes(5000), tmp_path)
                assert len(found) == (20 if not cut else len(found))
                assert found[:19] == [b"%d" % k * (k % 40 + 1) for k in range(19)]
                assert len(salvage.lost) == 1
                if not cut:
                    assert salvage.lost[0].why == "zeros"
                    assert salvage.lost[0].length == 5000

    def test_no_section_header(self, tmp_path: Path) -> None:
        """Of two sections, the second is saved if the first has lost its header."""
        section = b"".join(block.write("<") for block in HEAD) + b"".join(enhanced(3))
        salvage, found = save(bytes(40) + section[40:] + section, tmp_path)
        assert found == [b"0", b"11", b"222"]
        assert (salvage.lost[0].offset, salvage.lost[0].length) == (0, len(section))
        with pytest.raises(FormatError, match="no section header further on"):
            save(bytes(40) + section[40:], tmp_path)

    def test_an_interface_is_lost(self, tmp_path: Path) -> None:
        """Numbers of interfaces may be wrong then, which is said."""
        wires = [block.write("<") for block in HEAD]
        second = bytearray(InterfaceDescription.make(127).write("<"))
        second[4] ^= 1
        salvage, found = save(b"".join([*wires, second, *enhanced(2)]), tmp_path)
        assert found == [b"0", b"11"]
        assert "may be another interface's" in salvage.notes[0]

    @pytest.mark.parametrize("place", [0, 4, 8, 12])
    def test_the_header_of_a_second_section_is_lost(self, tmp_path: Path, place: int) -> None:
        """Its packets seem to be those of the first one's interface, which is said."""
        first = b"".join(block.write("<") for block in HEAD) + b"".join(enhanced(3))
        second = bytearray(first)
        second[place] ^= 1
        salvage, _ = save(first + bytes(second), tmp_path)
        if salvage.lost:  # else its version is another, or its type is one that nobody knows
            assert "may be another interface's" in salvage.notes[0]
        assert salvage.lost or place in {0, 12}

    def test_a_lost_packet_leaves_no_doubt(self, tmp_path: Path) -> None:
        """Nor does what is lost in front of a section's header; a hole between packets does."""
        head = b"".join(block.write("<") for block in HEAD)
        wires = enhanced(9)
        for place in (4, 20, len(wires[5]) - 4):
            broken = bytearray(wires[5])
            broken[place] ^= 0x40
            data = b"".join([head, *wires[:5], broken, *wires[6:]])
            assert save(data, tmp_path)[0].notes == []
        assert save(head + wires[0] + bytes(40) + head + wires[1], tmp_path)[0].notes == []
        (note,) = save(head + wires[0] + bytes(40) + wires[1], tmp_path)[0].notes
        assert "may be another interface's" in note
        statistics = bytearray(InterfaceDescription.make(127).write("<"))
        statistics[0] = 5  # one that was a description, and names no interface that there is
        (note,) = save(head + wires[0] + bytes(statistics) + wires[1], tmp_path)[0].notes
        assert "may be another interface's" in note

    def test_options_without_an_end(self, tmp_path: Path) -> None:
        """Damage before thousands of what may be options takes no longer than other damage."""
        damage = struct.pack("<8I", 6, 13, 0, 1, 1, 4, 4, 1)
        names = NameResolution.make([]).write("<")[:4] + struct.pack("<2I", 12, 12)
        head = b"".join(block.write("<") for block in HEAD)
        options = b"\1\0\0\0" * 16_384
        begin = time.process_time()
        salvage, _ = save(head + enhanced(1)[0] + (damage + names) * 500 + options, tmp_path)
        assert time.process_time() - begin < 1
        assert len(salvage.lost) == 501

    def test_a_section_of_known_length(self, tmp_path: Path) -> None:
        """Its length is no longer told, since it is another."""
        head = SectionHeader(section_length=4000).write("<") + HEAD[1].write("<")
        _, found = save(head + enhanced(1)[0] + b"rubbish!" + enhanced(2)[1], tmp_path)
        assert found == [b"0", b"11"]
        assert (tmp_path / "fixed.pcapng").read_bytes()[16:24] == b"\xff" * 8

    def test_pcap_record(self, tmp_path: Path) -> None:
        """A wrong length, larger or smaller, costs its record; so does a wrong time of day."""
        wires = records(60)
        for place, value in ((8, b"\x40\0\0\0"), (8, b"\1\0\0\0"), (4, b"\xff" * 4), (11, b"\xff")):
            broken = list(wires)
            broken[30] = wires[30][:place] + value + wires[30][place + len(value) :]
            salvage, found = save(HEADER.write() + b"".join(broken), tmp_path)
            assert found == [b"%d" % k * (k % 40 + 1) for k in range(60) if k != 30]
            (part,) = salvage.lost
            assert (part.length, part.after) == (len(wires[30]), 30)

    @pytest.mark.parametrize("value", [0x7FFFFFFF, 20_000, 3])
    @pytest.mark.parametrize("at", [50, 99])
    def test_pcap_records_in_packets(self, tmp_path: Path, value: int, at: int) -> None:
        """A wrong length costs its record alone, though packets carry what looks like records."""
        inner = b"".join(records(5)) + bytes(50)
        wires = [
            PcapRecord(10**18 + k * 10**9, inner, len(inner)).write(HEADER) for k in range(100)
        ]
        wires[at] = wires[at][:8] + value.to_bytes(4, "little") + wires[at][12:]
        salvage, found = save(HEADER.write() + b"".join(wires), tmp_path)
        assert found == [inner] * 99
        (part,) = salvage.lost
        assert (part.length, part.after) == (len(wires[0]), at)

    def test_pcap_hole(self, tmp_path: Path) -> None:
        """Zeros over several records."""
        wires = records(300)
        data = bytearray(HEADER.write() + b"".join(wires))
        ends = list(accumulate(map(len, wires), initial=24))
        data[ends[100] : ends[200]] = bytes(ends[200] - ends[100])
        salvage, found = save(bytes(data), tmp_path)
        assert found == [b"%d" % k * (k % 40 + 1) for k in range(300) if not 100 <= k < 200]
        assert [(p.offset, p.length, p.why) for p in salvage.lost] == [
            (ends[100], ends[200] - ends[100], "zeros")
        ]


class TestAnything:
    """Arbitrary damage."""

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=75)
    @given(
        st.lists(st.tuples(st.integers(0, 10**6), st.binary(min_size=1, max_size=9)), max_size=6),
        st.sampled_from(["<", ">"]),
        st.booleans(),
    )
    def test_overwritten(
        self,
        tmp_path: Path,
        spots: list[tuple[int, bytes]],
        order: ByteOrder,
        is_pcap: bool,
    ) -> None:
        """A valid file, or the error that nothing can be saved; never anything else."""
        header = PcapHeader(127, order=order)
        whole = (
            header.write() + b"".join(records(30, header))
            if is_pcap
            else b"".join(block.write(order) for block in BLOCKS * 3)
        )
        data = bytearray(whole)
        for place, value in spots:
            at = place % len(data)
            data[at : at + len(value)] = value
        try:
            salvage, _ = save(bytes(data), tmp_path)
        except FormatError as failure:
            error = failure.what
            assert "nothing can be saved" in error
        else:
            assert sum(part.length for part in salvage.lost) + salvage.bytes == len(data)

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
    @given(st.binary(min_size=1, max_size=300), st.sampled_from(MAGICS))
    def test_no_capture(self, tmp_path: Path, data: bytes, magic: bytes) -> None:
        """Bytes of any kind."""
        try:
            save(magic + data, tmp_path)
        except FormatError as failure:
            error = failure.what
            assert "nothing can be saved" in error


class TestPacked:
    """Compressed captures."""

    def test_gzip_that_ends_early(self, tmp_path: Path) -> None:
        """What can be unpacked is saved; that more is missing is said."""
        import random

        noise = random.Random(1)
        head = b"".join(block.write("<") for block in HEAD)
        contents = [noise.randbytes(200) for _ in range(2000)]
        wires = [EnhancedPacket.make(0, k, data).write("<") for k, data in enumerate(contents)]
        packed = gzip.compress(head + b"".join(wires))
        salvage, found = save(packed[: len(packed) // 2], tmp_path, "broken.pcapng.gz")
        assert found == contents[: len(found)]
        assert 900 < len(found) < 1100
        assert "the compressed stream ends early" in salvage.notes[0]

    def test_packed_output(self, tmp_path: Path) -> None:
        """A name that ends in .gz or .zst is packed so, and verified."""
        broken = tmp_path / "broken.pcapng"
        broken.write_bytes(b"".join(block.write("<") for block in BLOCKS)[:-1])
        for name in ("a.pcapng.gz", "a.pcapng.zst"):
            assert recover(broken, tmp_path / name).packets == 4
            assert len(packets(tmp_path / name)) == 4
        assert (tmp_path / "a.pcapng.gz").read_bytes()[:2] == b"\x1f\x8b"


class TestPeers:
    """What others say of the new files."""

    def test_tshark_reads_them(self, tmp_path: Path) -> None:
        """The same number of packets, and no complaint."""
        head = b"".join(block.write("<") for block in HEAD)
        for begin, wires, name in (
            (head, enhanced(80), "fixed.pcapng"),
            (HEADER.write(), records(80), "fixed.pcap"),
        ):
            data = bytearray(begin + b"".join(wires))
            middle = len(begin) + sum(map(len, wires[:45]))
            data[middle : middle + 30] = b"\xff" * 30
            (tmp_path / "broken").write_bytes(bytes(data[:-5]))
            salvage = recover(tmp_path / "broken", tmp_path / name)
            done = subprocess.run(
                ["capinfos", "-TmrcK", tmp_path / name], capture_output=True, text=True, check=True
            )
            assert done.stderr == ""
            assert done.stdout.split(",")[1].strip() == f"{salvage.packets}"
            assert salvage.packets == 78


def test_what_differs_when_read_again_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that does not keep what it was given leaves no new file."""
    from wtrec.datasets import recover as module

    broken, fixed = tmp_path / "broken.pcapng", tmp_path / "fixed.pcapng"
    broken.write_bytes(b"".join(block.write("<") for block in BLOCKS))
    verify = module._verify

    def spoiled(temporary: Path, output: Path, copy: Copy) -> None:
        data = bytearray(temporary.read_bytes())
        data[data.index(b"first")] ^= 1
        temporary.write_bytes(data)
        verify(temporary, output, copy)

    monkeypatch.setattr(module, "_verify", spoiled)
    with pytest.raises(WtrecError, match="does not read as it was"):
        recover(broken, fixed)
    assert list(tmp_path.iterdir()) == [broken]
