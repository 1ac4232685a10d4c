"""Hex dumps, read back by text2pcap, and of the frame of the seed report."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import dpkt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.recorder.hexdump import hexdump


def test_lines(listing: bytes) -> None:
    """Offset, bytes, and what of them is ASCII."""
    lines = list(hexdump(listing))
    assert lines[0] == "000000  00 00 27 00 2b 40 08 a0 20 08 00 00 00 00 00 00  ..'.+@.. ......."
    assert lines[-1].startswith("000070  34 8f 80 cc 4d c1 b9 3b ba 9d a8 1b f3  ")
    assert list(hexdump(b"msg37")) == [f"000000  {'6d 73 67 33 37':47}  msg37"]
    assert not list(hexdump(b""))


@given(st.binary(max_size=200))
def test_every_byte_once(data: bytes) -> None:
    """The hex columns are the data."""
    assert bytes.fromhex("".join(line[8:55] for line in hexdump(data))) == data


@pytest.mark.skipif(not shutil.which("text2pcap"), reason="needs text2pcap")
def test_text2pcap_reads_it(listing: bytes, tmp_path: Path) -> None:
    """A dump becomes the same frames again."""
    frames = [listing, bytes(range(256)), b"0a0b 0c", b"\0"]
    text = "\n".join("\n".join(hexdump(frame)) + "\n" for frame in frames)
    (tmp_path / "dump").write_text(text)
    subprocess.run(
        ["text2pcap", "-q", "-F", "pcap", "-l", "127", tmp_path / "dump", tmp_path / "out.pcap"],
        check=True,
        capture_output=True,
    )
    with (tmp_path / "out.pcap").open("rb") as file:
        assert [data for _, data in dpkt.pcap.Reader(file)] == frames
