"""Captures and programs for the tests of exec."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from wtrec.dot11 import fcs

FRAMES = 24  # every third one bad, the first in front: 1, 4, 7, ...


def _children() -> set[str]:
    """The process numbers of our children, zombies too."""
    tasks = Path("/proc/self/task").glob("*/children")
    return {number for task in tasks for number in task.read_text().split()}


@pytest.fixture(autouse=True)
def no_child_is_left() -> Iterator[None]:
    """Every test ends with the children it began with."""
    before = _children()
    yield
    assert _children() <= before


@pytest.fixture
def capture(
    tmp_path: Path, write_capture: Callable[..., Path], udp_frame: Callable[..., bytes]
) -> Path:
    """A capture of 24 frames of 67 bytes; frames 1, 4, 7, ... are bad."""
    mpdus = [
        fcs.flip(udp_frame(bytes(3), i), [] if i % 3 else [100 + i, 200]) for i in range(FRAMES)
    ]
    return write_capture(tmp_path / "run.pcapng", mpdus)


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str], Path]:
    """``program(text)``: an executable file with this text."""

    def write(text: str) -> Path:
        path = tmp_path / "decoder"
        path.write_text(text)
        path.chmod(0o755)
        return path

    return write
