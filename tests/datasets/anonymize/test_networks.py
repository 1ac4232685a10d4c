from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from wtrec.datasets.anonymize import networks
from wtrec.datasets.anonymize.networks import Networks
from wtrec.datasets.reader import CaptureReader
from wtrec.dot11 import fcs

AP = b"\x00\xc0\xca\xab\x12\xcd"


def _beacon(name: bytes, sequence: int = 0) -> bytes:
    head = struct.pack("<HH", 0x0080, 0) + b"\xff" * 6 + AP + AP + struct.pack("<H", sequence << 4)
    return fcs.append(head + bytes(12) + bytes([0, len(name)]) + name)


def _learnt(capture: Path) -> Networks:
    found = Networks()
    with CaptureReader(capture) as reader:
        for frames in reader:
            found.learn(frames)
    return found


def test_names_are_those_of_intact_frames(
    tmp_path: Path, write_capture: Callable[..., Path]
) -> None:
    """A damaged frame has names that are none; a hidden network has no name."""
    bad = bytearray(_beacon(b"garbage"))
    bad[40] ^= 1
    frames = [_beacon(b"Home"), bytes(bad), _beacon(bytes(5)), _beacon(b"")]
    found = _learnt(write_capture(tmp_path / "run.pcapng", frames))
    assert found.names == [b"Home"]
    assert set(found.macs) == {AP, b"\xff" * 6}
    assert found.left == 0


def test_too_many_names_are_counted(
    tmp_path: Path, write_capture: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that are known are seen again."""
    monkeypatch.setattr(networks, "MOST", 3)
    frames = [_beacon(b"Home %d" % (number % 5), number) for number in range(10)]
    found = _learnt(write_capture(tmp_path / "run.pcapng", frames))
    assert found.names == [b"Home 0", b"Home 1", b"Home 2"]
    assert found.left == 4
