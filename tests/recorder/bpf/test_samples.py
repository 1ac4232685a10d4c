"""Sample frames are what their names say, by tshark's word."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Collection
from pathlib import Path

import pytest

from wtrec.datasets import pcapng
from wtrec.recorder.bpf.check import compile_checked
from wtrec.recorder.bpf.explore import explore
from wtrec.recorder.bpf.samples import Sample, samples


def write(path: Path, frames: list[bytes]) -> Path:
    """A capture of whole packets, one a second."""
    with path.open("wb") as file:
        file.write(pcapng.SectionHeader.make().write("<"))
        file.write(pcapng.InterfaceDescription.make(linktype=127, tsresol=9).write("<"))
        for i, frame in enumerate(frames):
            file.write(pcapng.EnhancedPacket.make(0, i * 10**9, frame).write("<"))
    return path


def tshark(path: Path, display_filters: Collection[str]) -> dict[str, set[int]]:
    """Numbers of the frames, from 0, that pass each of the display filters.

    It is started once for all of them, and counts by filter and second.
    """
    done = subprocess.run(
        ["tshark", "-q", "-r", str(path), "-z", ",".join(["io,stat,1", *display_filters])],
        capture_output=True,
        text=True,
        check=True,
    )
    passed: dict[str, set[int]] = {each: set() for each in display_filters}
    for second, counted in re.findall(r"^\| *(\d+) <> .*?\|(.*)\|$", done.stdout, re.MULTILINE):
        frames = map(int, counted.split("|")[::2])  # behind each, their bytes
        for each, number in zip(display_filters, frames, strict=True):
            if number:
                passed[each].add(int(second))
    return passed


# What a capture filter and a display filter of Wireshark's own dissection both say. The display
# filters leave out what libpcap does not find: packets in four-address and HT Control frames.
PLACED = "!(wlan.fc.ds == 3) && !(wlan.fc.order == 1)"
SAME = {
    "udp": f"(udp || (ip.proto == 17)) && {PLACED}",
    "udp port 5005 and wlan[1] & 8 = 0": f"udp.port == 5005 && wlan.fc.retry == 0 && {PLACED}",
    "wlan[1] & 8 != 0 and udp": f"udp && wlan.fc.retry == 1 && {PLACED}",
    "tcp port 80": f"tcp.port == 80 && {PLACED}",
    "icmp": f"icmp && {PLACED}",
    "ip6": f"ipv6 && {PLACED}",
    "arp": f"arp && {PLACED}",
    "host 192.0.2.1": f"ip.addr == 192.0.2.1 && {PLACED}",
    "type data": "wlan.fc.type == 2",
    "type mgt subtype beacon": "wlan.fc.type_subtype == 8",
    "type ctl subtype ack": "wlan.fc.type_subtype == 0x1d",
    "wlan addr1 02:00:00:00:00:01": "wlan.ra == 02:00:00:00:00:01",
    "radio[2:2] > 0x0a00 and type ctl": "radiotap.length > 10 && wlan.fc.type == 1",
    "radio[0] = 0 and tcp": f"tcp && {PLACED}",
    "len > 100 and udp": f"frame.len > 100 && (udp || ip.proto == 17) && {PLACED}",
}


@pytest.fixture(scope="module")
def passed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[int]]:
    """What tshark says of all samples."""
    path = tmp_path_factory.mktemp("tshark") / "samples.pcapng"
    frames = [sample.packet for sample in samples()]
    frames.append(frames[-1])  # at the end of the last second, which is in no interval
    return tshark(write(path, frames), SAME.values())


@pytest.mark.parametrize(("expression", "display_filter"), SAME.items())
def test_verdicts_are_those_of_tshark(
    expression: str, display_filter: str, passed: dict[str, set[int]]
) -> None:
    """On every sample a checked filter decides as Wireshark's dissection does."""
    checked = compile_checked(expression)
    wanted = passed[display_filter]
    tried = checked.tried[: len(samples())]
    assert {i for i, (_, outcomes) in enumerate(tried) if outcomes[1].passed} == wanted
    assert wanted


def test_every_way_is_found() -> None:
    """From samples that all fail, frames are made that pass every condition of a filter."""
    expression = (
        "src net 10.0.0.0/8 and tcp dst port 99 and tcp[13] & 2 != 0 and wlan addr2 2:3:4:5:6:7 "
        "and radio[4:4] > 3 and ip[8] - 2 >= 7"
    )
    checked = compile_checked(expression)
    assert not any(outcomes[1].passed for _, outcomes in checked.tried[: len(samples())])
    assert checked.passing > 5


def test_what_is_fixed_stays() -> None:
    """Changed frames differ where it is said, and nowhere else; fixed bytes never do."""
    program = compile_checked("udp port 5006 or radio[2:2] = 7").program
    bases = {sample.kind: sample.packet for sample in samples()[::2]}
    tried = explore([program], samples()[::2], range(2, 4))
    changed = [sample for sample, _ in tried if sample.changed]
    assert changed
    for sample in changed:
        rebuilt = Sample(sample.kind, bases[sample.kind], sample.header)
        for offset, value in sample.changed:
            assert not set(range(offset, offset + len(value))) & {2, 3}
            rebuilt = rebuilt.patched(offset, value)
        assert rebuilt.packet == sample.packet


def test_no_more_than_asked_for() -> None:
    """Exploration ends at its limit."""
    program = compile_checked("udp port 5006").program
    assert len(explore([program], samples(), range(2, 4), most=30)) == len(samples()) + 30
