from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from wtrec.datasets import pcapng
from wtrec.datasets.anonymize.capture import Done, write_capture
from wtrec.datasets.anonymize.frames import Frames
from wtrec.datasets.anonymize.key import Key
from wtrec.datasets.anonymize.originals import State
from wtrec.datasets.frames import FcsStatus, FrameBatch
from wtrec.datasets.reader import CaptureReader
from wtrec.datasets.transcode import to_pcap
from wtrec.dot11 import fcs, radiotap


def _written(capture: Path) -> tuple[Path, Done]:
    output = capture.with_name("new.pcapng")
    with output.open("wb") as file:
        done = write_capture(capture, file.write, Frames(Key(bytes(32)), []), [])
    return output, done


def _read(capture: Path) -> tuple[FrameBatch, CaptureReader]:
    with CaptureReader(capture) as reader:
        (frames,) = reader
    return frames, reader


def _capture(path: Path, packets: list[bytes], *, linktype: int = 127, cut: int = 0) -> Path:
    with path.open("wb") as file:
        file.write(pcapng.SectionHeader.make().write("<"))
        file.write(pcapng.InterfaceDescription.make(linktype, tsresol=9, fcslen_bits=32).write("<"))
        for number, packet in enumerate(packets):
            kept = packet[: len(packet) - cut]
            block = pcapng.EnhancedPacket.make(0, 10**18 + number, kept, len(packet))
            file.write(block.write("<"))
    return path


def test_classic_pcap_becomes_pcapng_with_the_same_frames(
    tmp_path: Path, write_capture: Callable[..., Path], udp_frame: Callable[..., bytes]
) -> None:
    """Times and lengths as they were."""
    frames = [udp_frame(b"payload" * 9, number) for number in range(3)]
    to_pcap(write_capture(tmp_path / "run.pcapng", frames), tmp_path / "run.pcap")
    output, done = _written(tmp_path / "run.pcap")
    new, reader = _read(output)
    old, _ = _read(tmp_path / "run.pcap")
    assert reader.format == "pcapng"
    assert done.states == {State.OWN: 3}
    assert new.column("time").equals(old.column("time"))
    assert (new.fcs_status == FcsStatus.GOOD).all()
    assert b"payload" not in output.read_bytes()


def test_what_is_no_frame_becomes_zeros(tmp_path: Path) -> None:
    """Ethernet, and a Radiotap header that is not sound, which stays that."""
    ethernet = _capture(tmp_path / "run.pcapng", [b"somebody's secret"], linktype=1)
    output, done = _written(ethernet)
    assert done.without_frame == 1
    assert b"secret" not in output.read_bytes()
    broken = _capture(tmp_path / "run.pcapng", [b"\1\0\x08\0somebody's secret"])
    output, done = _written(broken)
    _, reader = _read(output)
    assert (reader.malformed, done.without_frame) == (1, 1)
    assert b"secret" not in output.read_bytes()


@pytest.mark.parametrize("wrong", [0x04, 0x14, 0x08, 0x28, 0x48, 0x0C, 0x80, 0x90, 0x30])
def test_a_damaged_beacon_tells_nothing_whatever_it_says_that_it_is(
    tmp_path: Path, wrong: int
) -> None:
    """Bits of its type are wrong: station, network and elements go all the same."""
    station = b"\x00\xc0\xca\xab\x12\xcd"
    elements = b"\0\x0cCafeLovelace" + b"\1\x04\2\4\x0b\x16" + b"\xdd\x0a\0\x50\xf2\4SERIAL"
    clock = b"clocking"
    body = b"\xff" * 6 + 2 * station + b"\x10\0" + clock + b"\x64\0\x11\4" + elements
    frame = bytearray(fcs.append(b"\x80\0\0\0" + body))
    frame[0] ^= wrong
    packet = radiotap.build(flags=0x50, rate=12) + frame
    output, done = _written(_capture(tmp_path / "run.pcapng", [packet]))
    assert done.states == {State.UNKNOWN: 1}
    new, _ = _read(output)
    assert fcs.syndrome(new.mpdu(0)) == fcs.syndrome(bytes(frame))
    content = output.read_bytes()
    assert not [at for at in range(10, 16 + 8) if bytes(frame[at : at + 6]) in content]
    assert not [at for at in range(24, len(frame) - 9) if bytes(frame[at : at + 6]) in content]


def test_frames_that_cannot_be_checked_keep_their_status(
    tmp_path: Path, udp_frame: Callable[..., bytes]
) -> None:
    """Cut ones, those without FCS, one with padding inside; their contents are replaced."""
    frame = udp_frame(b"secrets" * 9)
    plain = radiotap.build(rate=12) + frame[:-4]
    with_fcs = radiotap.build(flags=0x10, rate=12) + frame
    for packet, cut, status, unpadded in (
        (with_fcs, 20, FcsStatus.UNVERIFIABLE, len(frame) - 20),
        (plain, 0, FcsStatus.ABSENT, len(frame) - 4),
    ):
        capture = _capture(tmp_path / "run.pcapng", [packet], cut=cut)
        output, done = _written(capture)
        new, _ = _read(output)
        assert new.fcs_status.tolist() == [status]
        assert done.states == {State.UNCHECKED: 1}
        assert len(new.mpdu(0)) == unpadded
        assert b"secrets" not in output.read_bytes()


def test_padding_behind_the_header_stays_and_is_empty(
    tmp_path: Path, udp_frame: Callable[..., bytes]
) -> None:
    """A QoS header of 26 bytes, padded to 28."""
    body = udp_frame(b"x" * 40)
    frame = fcs.append(b"\x88\1" + body[2:24] + b"\0\0" + body[24:-4])
    packet = radiotap.build(flags=0x30, rate=12) + frame[:26] + b"\xaa\xbb" + frame[26:]
    output, _ = _written(_capture(tmp_path / "run.pcapng", [packet]))
    new, _ = _read(output)
    assert new.fcs_status.tolist() == [FcsStatus.GOOD]
    assert len(new.mpdu(0)) == len(frame)
    assert b"\xaa\xbb" not in output.read_bytes()
