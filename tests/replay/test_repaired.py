"""The repaired capture: what is copied, what is mended, and what other programs read of it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from wtrec.datasets import pcapng
from wtrec.datasets.pcapng_options import Option
from wtrec.datasets.reader import CaptureReader
from wtrec.datasets.transcode import to_pcap
from wtrec.dot11 import fcs, radiotap
from wtrec.errors import FormatError
from wtrec.replay.algorithm import PerFrameAlgorithm
from wtrec.replay.choice import make
from wtrec.replay.engine import Contender, replay
from wtrec.replay.repaired import write_repaired

Write = Callable[..., Path]
Frame = Callable[..., bytes]

BAD = {4: [700, 701], 9: [333], 10: [12], 15: [400, 900]}  # number: bits in error


@pytest.fixture
def intact(udp_frame: Frame) -> list[bytes]:
    """Sixteen frames as they were sent."""
    return [udp_frame(bytes([i]) * (60 + i), i) for i in range(16)]


@pytest.fixture
def capture(tmp_path: Path, write_capture: Write, intact: list[bytes]) -> Path:
    """These frames as they came, four of them broken."""
    received = [fcs.flip(frame, BAD.get(i, [])) for i, frame in enumerate(intact, 1)]
    return write_capture(tmp_path / "run.pcapng", received)


def results_of(capture: Path, choice: str = "crc-flip") -> Path:
    algorithm, parameters = make(choice)
    output = capture.with_suffix(".results.parquet")
    replay(capture, [Contender(algorithm, parameters, output)])
    return output


def blocks(path: Path) -> list[tuple[pcapng.Block, bytes]]:
    """Every block, and its bytes."""
    data, at, order, found = path.read_bytes(), 0, None, []
    while at < len(data):
        block, order, end = pcapng.read_block(data, at, order)
        found.append((block, data[at:end]))
        at = end
    return found


def tshark(path: Path, *fields: str, read_filter: str = "frame") -> list[list[str]]:
    names = [word for name in fields for word in ("-e", name)]
    done = subprocess.run(
        ["tshark", "-r", str(path), "-o", "wlan.check_checksum:TRUE", "-Y", read_filter,
         "-T", "fields", *names],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert not done.stderr.replace("Running as user", "").strip().startswith("tshark:")
    return [line.split("\t") for line in done.stdout.splitlines()]


class TestInPlace:
    """Repaired frames instead of broken ones."""

    def test_the_frames_are_those_that_were_sent(
        self, capture: Path, tmp_path: Path, intact: list[bytes]
    ) -> None:
        """Every frame is as it was sent, and our own reader finds no bad one."""
        output = tmp_path / "fixed.pcapng"
        fixed = write_repaired(capture, results_of(capture), output)
        assert (fixed.packets, fixed.repaired, fixed.refitted, fixed.losses) == (16, 4, 0, [])
        with CaptureReader(output) as reader:
            (frames,) = list(reader)
            assert [frames.mpdu(row) for row in range(16)] == intact
            assert frames.column("bad_fcs").to_pylist() == [False] * 16

    def test_the_rest_is_copied_byte_for_byte(self, capture: Path, tmp_path: Path) -> None:
        """All blocks but the section header and the repaired packets are the same bytes."""
        output = tmp_path / "fixed.pcapng"
        write_repaired(capture, results_of(capture), output)
        before, after = blocks(capture), blocks(output)
        assert len(before) == len(after)
        differ = [i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a[1] != b[1]]
        assert differ == [0, *(1 + number for number in BAD)]

    @pytest.mark.parametrize("pack", ["", ".gz", ".zst"])
    def test_tshark_dissects_them_with_a_good_fcs(
        self, capture: Path, tmp_path: Path, pack: str
    ) -> None:
        """The FCS is good, the claim of a bad one is gone, and comments say what was done."""
        output = tmp_path / f"fixed.pcapng{pack}"
        write_repaired(capture, results_of(capture), output)
        rows = tshark(output, "wlan.fcs.status", "radiotap.flags.badfcs", "udp.dstport")
        assert rows == [["1", rows[0][1], "5005"]] * 16
        assert rows[0][1] in {"0", "False"}
        comments = tshark(output, "frame.number", "frame.comment", read_filter="frame.comment")
        assert [int(number) for number, _ in comments] == list(BAD)
        for (_, comment), (number, bits) in zip(comments, BAD.items(), strict=True):
            assert f"frame {number} of run.pcapng, repaired by crc-flip:" in comment
            assert f"{len(bits)} bits flipped: {', '.join(map(str, bits))};" in comment
            assert "expected false candidates " in comment

    def test_the_original_in_front(self, capture: Path, tmp_path: Path) -> None:
        """If asked, each broken packet stays as it was, and the repaired one follows it."""
        output = tmp_path / "fixed.pcapng"
        write_repaired(capture, results_of(capture), output, keep_original=True)
        assert len(blocks(output)) == len(blocks(capture)) + 4
        broken = {
            wire for block, wire in blocks(capture) if isinstance(block, pcapng.EnhancedPacket)
        }
        broken -= {wire for block, wire in blocks(output)}
        assert not broken
        status = [row[0] for row in tshark(output, "wlan.fcs.status")]
        assert status.count("0") == 4
        assert all(status[i + 1] == "1" for i, each in enumerate(status) if each == "0")


def mark(capture: Path, options: tuple[Option, ...]) -> None:
    """Give every packet of a capture these options."""
    capture.write_bytes(
        b"".join(
            replace(block, options=options).write("<")
            if isinstance(block, pcapng.EnhancedPacket)
            else wire
            for block, wire in blocks(capture)
        )
    )


class TestOptions:
    """What a packet's block says of it."""

    @pytest.mark.parametrize("keep", [False, True])
    def test_flags_hashes_and_drops(self, capture: Path, tmp_path: Path, *, keep: bool) -> None:
        """The CRC error is cleared alone, a stale hash goes, and drops are said once."""
        flags = pcapng.BAD_FRAME_FLAGS | pcapng.LinkError.SYMBOL
        made = pcapng.EnhancedPacket.make(
            0, 0, b"", flags=flags, hashes=[(2, b"1234")], dropcount=7, comments=["mine"]
        )
        mark(capture, made.options)
        output = tmp_path / "fixed.pcapng"
        write_repaired(capture, results_of(capture), output, keep_original=keep)
        found = [
            block
            for block, _ in blocks(output)
            if isinstance(block, pcapng.EnhancedPacket) and len(block.comments) == 2
        ]
        assert len(found) == 4
        for block in found:
            assert int(block.flags or 0) == flags & ~pcapng.LinkError.CRC
            assert block.hashes == ()
            assert block.dropcount == (None if keep else 7)
            assert block.comments[0] == "mine"
        with CaptureReader(capture) as before, CaptureReader(output) as after:
            assert sum(map(len, before)) + 4 * keep == sum(map(len, after))
            assert before.drops == after.drops

    def test_unknown_options_stay(self, capture: Path, tmp_path: Path) -> None:
        """What we do not know is carried along."""
        odd = Option(0x7ABC, b"odd!")
        mark(capture, (odd,))
        output = tmp_path / "fixed.pcapng"
        write_repaired(capture, results_of(capture), output)
        for block, _ in blocks(output):
            if isinstance(block, pcapng.EnhancedPacket):
                assert odd in block.options


class TestKinds:
    """Captures of other kinds."""

    def test_a_big_endian_section(self, capture: Path, tmp_path: Path, intact: list[bytes]) -> None:
        """Repaired packets are written in the order of their section."""
        big = tmp_path / "big.pcapng"
        big.write_bytes(b"".join(block.write(">") for block, _ in blocks(capture)))
        output = tmp_path / "fixed.pcapng"
        write_repaired(big, results_of(big), output)
        assert output.read_bytes()[8:12] == bytes.fromhex("1a2b3c4d")
        with CaptureReader(output) as reader:
            (frames,) = list(reader)
            assert [frames.mpdu(row) for row in range(16)] == intact
        assert len(tshark(output, "frame.comment", read_filter="frame.comment")) == 4

    def test_classic_pcap(self, capture: Path, tmp_path: Path, intact: list[bytes]) -> None:
        """It becomes pcapng, with the same times."""
        pcap = tmp_path / "run.pcap"
        to_pcap(capture, pcap)
        output = tmp_path / "fixed.pcapng"
        write_repaired(pcap, results_of(pcap), output)
        with CaptureReader(capture) as before, CaptureReader(output) as after:
            (old,), (new,) = list(before), list(after)
            assert [new.mpdu(row) for row in range(16)] == intact
            assert new.column("time").equals(old.column("time"))

    def test_simple_packets_stay_simple(
        self, tmp_path: Path, write_capture: Write, intact: list[bytes]
    ) -> None:
        """A packet without a time is repaired, gets none, and is counted as one without comment."""
        received = [fcs.flip(frame, BAD.get(i, [])) for i, frame in enumerate(intact, 1)]
        capture = write_capture(tmp_path / "run.pcapng", received, times=[None] * 16)
        output = tmp_path / "fixed.pcapng"
        fixed = write_repaired(capture, results_of(capture), output)
        assert (fixed.repaired, fixed.without_comment) == (4, 4)
        with CaptureReader(output) as reader:
            (frames,) = list(reader)
            assert [frames.mpdu(row) for row in range(16)] == intact
            assert frames.column("time").null_count == 16

    def test_padding_behind_the_header_goes(
        self, tmp_path: Path, udp_frame: Frame, write_capture: Write
    ) -> None:
        """Where hardware padded the header, the repaired frame has no padding, nor the flag."""
        frame = bytearray(udp_frame(b"\7" * 60))
        frame[0] |= 0x80  # QoS data: a header of 26 bytes
        good = fcs.append(bytes(frame[:24]) + b"\0\0" + bytes(frame[24:-4]))
        broken = fcs.flip(good, [300, 301])
        padded = broken[:26] + b"\0\0" + broken[26:]
        flags = radiotap.Flags.FCS | radiotap.Flags.BAD_FCS | radiotap.Flags.DATAPAD
        capture = write_capture(tmp_path / "run.pcapng", [padded], flags=[int(flags)])
        output = tmp_path / "fixed.pcapng"
        assert write_repaired(capture, results_of(capture), output).repaired == 1
        packet = next(b for b, _ in blocks(output) if isinstance(b, pcapng.EnhancedPacket))
        header = radiotap.parse(packet.data)
        assert header.get("flags") == radiotap.Flags.FCS
        assert packet.data[header.length :] == good
        assert packet.original_length == len(packet.data)
        assert tshark(output, "wlan.fcs.status") == [["1"]]

    def test_a_capture_that_is_cut_off(self, capture: Path, tmp_path: Path) -> None:
        """What is whole is written, and the loss is said."""
        capture.write_bytes(capture.read_bytes()[:-10])
        output = tmp_path / "fixed.pcapng"
        fixed = write_repaired(capture, results_of(capture), output)
        assert fixed.packets == 15
        assert "the file ends inside a record" in fixed.losses[0]


class LeavesTheFcs(PerFrameAlgorithm):
    """Repairs a frame's content, but not its FCS."""

    name = "leaves-the-fcs"

    def repair(self, mpdu: bytes, row: int, frames: object) -> bytes:
        del row, frames
        return fcs.flip(mpdu, [320])


def test_an_fcs_that_does_not_hold_is_computed_anew(capture: Path, tmp_path: Path) -> None:
    """The frame has a valid FCS all the same, and its comment says whose it is."""
    results = tmp_path / "results.parquet"
    replay(capture, [Contender(LeavesTheFcs(), {}, results)])
    output = tmp_path / "fixed.pcapng"
    fixed = write_repaired(capture, results, output)
    assert (fixed.repaired, fixed.refitted) == (4, 4)
    rows = tshark(output, "wlan.fcs.status", "frame.comment", read_filter="frame.comment")
    assert [status for status, _ in rows] == ["1"] * 4
    assert all("the FCS did not hold after the flips" in comment for _, comment in rows)


def test_results_of_another_capture_are_refused(
    capture: Path, tmp_path: Path, write_capture: Write, intact: list[bytes]
) -> None:
    """An answer for a frame that is not there leaves no file."""
    results = results_of(capture)
    short = write_capture(tmp_path / "short.pcapng", intact[:5])
    output = tmp_path / "fixed.pcapng"
    with pytest.raises(FormatError, match="they answer for frame 9"):
        write_repaired(short, results, output)
    assert not output.exists()
