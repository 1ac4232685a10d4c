"""What is found out of a program that does not answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from wtrec.datasets.reader import CaptureReader
from wtrec.replay.exec.stream import DecoderError, Stream


def test_its_child_holds_its_stdout(program: Callable[[str], Path], capture: Path) -> None:
    """A program that has died does not hang: how it ended is said, and who keeps us waiting."""
    with CaptureReader(capture) as reader:
        (frames,) = reader
    stream = Stream([str(program("#!/bin/sh\nsleep 100 &\nexit 3\n"))], 0.1)
    end, found = time.monotonic() + 60, ""
    try:
        while "ended" not in found and time.monotonic() < end:  # it may take its time to exit
            with pytest.raises(DecoderError) as error:
                stream.ask(frames.arrow, 0)
            found = str(error.value)
    finally:
        stream.kill()
    assert found == (
        "gave no answer within 0.1 s: it ended with exit code 3, and something that it started "
        "holds its stdout open"
    )
