"""Filters over captures keep and drop what tcpdump keeps and drops of them."""

from __future__ import annotations

import gzip
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from wtrec.datasets import pcapng
from wtrec.dot11 import radiotap
from wtrec.dot11.fcs import flip
from wtrec.recorder.bpf import Program, compile_expression
from wtrec.recorder.bpf.check import compile_checked
from wtrec.recorder.bpf.on_capture import count
from wtrec.recorder.bpf.samples import OTHERS, samples


def by(expression: str) -> Callable[[int], list[Program]]:
    """The program that libpcap makes of an expression."""
    return lambda linktype: [compile_expression(expression, linktype)]


def tcpdump_keeps(path: Path, expression: str) -> int:
    """How many packets of a capture tcpdump lets pass."""
    done = subprocess.run(
        ["tcpdump", "-r", str(path), "--count", "--", expression],
        capture_output=True,
        text=True,
        check=True,
    )
    return int((done.stdout + done.stderr).split(" packet")[0].split()[-1])


@pytest.mark.parametrize("expression", ["udp", "type ctl", "wlan[1] & 8 = 0 and udp", "less 60"])
def test_as_tcpdump(expression: str, tmp_path: Path) -> None:
    """With libpcap's program, as many frames pass as in tcpdump, be they right or wrong."""
    path = tmp_path / "samples.pcapng"
    with path.open("wb") as file:
        file.write(pcapng.SectionHeader.make().write("<"))
        file.write(pcapng.InterfaceDescription.make(linktype=127, tsresol=9).write("<"))
        for i, sample in enumerate(samples()):
            length = len(sample.packet) + 20 * (i % 3 == 0)  # every third was cut
            block = pcapng.EnhancedPacket.make(0, i, sample.packet, original_length=length)
            file.write(block.write("<"))
    counts = count(path, by(expression))
    assert counts.kept.total() == tcpdump_keeps(path, expression)
    assert counts.kept.total() + counts.dropped.total() == len(samples())


def test_good_and_bad(write_capture: Callable[..., Path], tmp_path: Path) -> None:
    """Frames are counted by our verdict on their FCS; errors in filtered bytes drop a frame."""
    ack, beacon = OTHERS["ACK"], OTHERS["a beacon"]
    frames = [ack, ack, flip(ack, [40]), flip(ack, [2]), beacon, flip(beacon, [100])]
    path = write_capture(tmp_path / "run.pcapng", frames)
    counts = count(path, by("type ctl"))
    assert {k: n for k, n in counts.kept.items() if n} == {"good": 2, "bad": 1}
    assert {k: n for k, n in counts.dropped.items() if n} == {"good": 1, "bad": 2}
    assert (counts.differing, counts.first_differing) == (0, [])


def test_where_programs_differ(write_capture: Callable[..., Path], tmp_path: Path) -> None:
    """Frames that another program decides otherwise are counted, and the first named."""
    frames = [OTHERS["ACK"], OTHERS["a beacon"], OTHERS["CTS"]] * 10
    path = write_capture(tmp_path / "run.pcapng", frames)
    programs = [compile_expression("type ctl"), compile_expression("type ctl subtype ack")]
    counts = count(path, lambda _: [*programs, programs[0]])
    assert counts.differing == 10
    assert counts.first_differing == list(range(3, 33, 3))


def test_several_link_types(tmp_path: Path) -> None:
    """Each link type has its own program, and what is no 802.11 is counted and passed over."""
    path = tmp_path / "mixed.pcapng.gz"
    beacon, ack = OTHERS["a beacon"], OTHERS["ACK"]
    with gzip.open(path, "wb") as file:
        file.write(pcapng.SectionHeader.make().write("<"))
        for linktype in (127, 105, 1):
            file.write(pcapng.InterfaceDescription.make(linktype=linktype).write("<"))
        header = radiotap.build(flags=radiotap.Flags.FCS)
        for interface, packet in ((1, ack), (0, header + beacon), (2, bytes(60)), (1, beacon)):
            file.write(pcapng.EnhancedPacket.make(interface, 0, packet).write("<"))
        file.write(pcapng.EnhancedPacket.make(0, 0, header + ack).write("<"))
    counts = count(path, by("type ctl subtype ack"))
    assert counts.kept.total() == 2
    assert counts.dropped.total() == 2
    assert counts.other_linktypes == 1


def test_what_is_lost(write_capture: Callable[..., Path], tmp_path: Path) -> None:
    """A capture that ends inside a record is counted up to there, and the loss is told."""
    path = write_capture(tmp_path / "run.pcapng", [OTHERS["ACK"]] * 5)
    path.write_bytes(path.read_bytes()[:-10])
    counts = count(path, by("type ctl"))
    assert counts.kept.total() == 4
    assert len(counts.losses) == 1


@pytest.mark.real
def test_of_real_frames(captures: Path) -> None:
    """Libpcap's wrong program drops ten thousand frames of a real capture; the mended one none."""
    path = captures / "aalborg_cooperation" / "gvsp.pcapng"

    def programs(linktype: int) -> list[Program]:
        checked = compile_checked("wlan[1] & 8 = 0 and udp", linktype)
        return [checked.program, checked.libpcap]

    counts = count(path, programs)
    assert (counts.kept["good"], counts.kept["bad"]) == (10_182, 35)
    assert (counts.dropped["good"], counts.dropped["bad"]) == (2_079, 4)
    assert counts.differing == 10_217
    assert tcpdump_keeps(path, "wlan[1] & 8 = 0 and udp") == 0
    assert tcpdump_keeps(path, "udp and wlan[1] & 8 = 0") == 10_217
