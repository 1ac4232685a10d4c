"""The disk that a capture goes to: is there room, and can it keep up?"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

from .findings import Finding, Status

_MIB = 1 << 20
_MOST, _SECONDS = 64 * _MIB, 1.0
# A channel's data rates end at 6.75 MB/s for 802.11a/g, 75 MB/s for two streams at 40 MHz
_SLOW, _ENOUGH = 7.0, 75.0
_LEAST_ROOM = 1 << 30
_FIX = "take a folder on another disk: wtrec capture -w, wtrec doctor --dir"


def disk(folder: Path) -> list[Finding]:
    """Room in a folder, and how fast files are written there."""
    try:
        free = shutil.disk_usage(folder).free
        rate = _measure(folder, min(_MOST, free // 4))
    except OSError as error:
        return [
            Finding("disk", Status.PROBLEM, f"{folder}: cannot write there: {error.strerror}", _FIX)
        ]
    return [room(folder, free), speed(folder, rate)]


def room(folder: Path, free: int) -> Finding:
    """What so many free bytes mean."""
    text = f"{folder.absolute()}: {free / 1e9:,.1f} GB free"
    if free < _LEAST_ROOM:
        return Finding("disk-room", Status.WARNING, text, _FIX)
    return Finding("disk-room", Status.OK, text)


def speed(folder: Path, rate: float) -> Finding:
    """What so many MB/s mean."""
    text = f"{folder.absolute()}: {rate:,.0f} MB/s"
    if rate < _SLOW:
        return Finding(
            "disk-speed", Status.PROBLEM, f"{text}, slower than a busy 802.11g channel", _FIX
        )
    if rate < _ENOUGH:
        return Finding(
            "disk-speed", Status.WARNING, f"{text}, slower than a busy 802.11n channel", _FIX
        )
    return Finding("disk-speed", Status.OK, text)


def _measure(folder: Path, size: int) -> float:
    """MB/s of a file that is written and synced, for a second at most."""
    piece = os.urandom(_MIB)
    written = 0
    with tempfile.TemporaryFile(dir=folder) as file:
        start = time.monotonic()
        while written < max(size, _MIB) and time.monotonic() < start + _SECONDS:
            written += file.write(piece)
        file.flush()
        os.fsync(file.fileno())
        return written / 1e6 / max(time.monotonic() - start, 1e-6)
