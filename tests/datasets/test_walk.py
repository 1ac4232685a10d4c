"""Events of a walk: where they lie, and going on behind damage."""

from __future__ import annotations

from pathlib import Path

import pytest

from wtrec.datasets.pcap import PcapHeader, PcapRecord
from wtrec.datasets.pcapng import EnhancedPacket, InterfaceDescription, SectionHeader
from wtrec.datasets.walk import Between, Damage, Records, Walk
from wtrec.errors import FormatError

HEAD = SectionHeader.make().write("<") + InterfaceDescription.make(127).write("<")
PACKETS = [EnhancedPacket.make(0, k, bytes([k])).write("<") for k in range(10)]


def test_events_cover_the_file(tmp_path: Path) -> None:
    """Every byte is in one event, at its offset, in pcapng and in pcap."""
    header = PcapHeader(127)
    old = header.write() + b"".join(PcapRecord(k, bytes(k), k).write(header) for k in range(10))
    for data in (HEAD + b"".join(PACKETS), old):
        path = tmp_path / "x"
        path.write_bytes(data)
        for room in (1, 3, 100):
            at = 0
            with Walk(path, room) as walk:
                for event in walk:
                    assert isinstance(event, Records | Between)
                    offset = event.offset + (event.begin if isinstance(event, Records) else 0)
                    assert offset == at
                    assert bytes(event.wire) == data[at : at + len(event.wire)]
                    at += len(event.wire)
                assert walk.packets == 10
            assert at == len(data)


def test_resume(tmp_path: Path) -> None:
    """Behind damage the walk goes on where it is told, and ends where it is not."""
    path = tmp_path / "x"
    path.write_bytes(HEAD + PACKETS[0] + b"rubbish!" * 3 + PACKETS[1])
    for resumes in (True, False):
        with Walk(path) as walk:
            for event in walk:
                if isinstance(event, Damage):
                    assert event.offset == len(HEAD + PACKETS[0])
                    with pytest.raises(FormatError, match="the 1 packets before it are whole, wtr"):
                        walk.loss(event)
                    if resumes:
                        walk.resume(event.offset + 24)
            assert walk.packets == 1 + resumes


def test_pcap_has_no_start(tmp_path: Path) -> None:
    """Its records say too little without the header of the file."""
    path = tmp_path / "x"
    path.write_bytes(bytes(8) + PcapHeader(127).write())
    with pytest.raises(ValueError, match="not from offset 8"):
        Walk(path, start=8)
