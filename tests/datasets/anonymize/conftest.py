"""A key that is always the same, a look into every file of a bag, and answers of algorithms."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from wtrec.datasets.anonymize.key import Key
from wtrec.datasets.reader import CaptureReader
from wtrec.replay.algorithm import Algorithm, Repairs

WINDOW = 6  # bytes
_TOO_PLAIN = 5  # fewer different bytes may stand in any file


@pytest.fixture(scope="session")
def key() -> Key:
    """The key of all tests: what they find does not depend on chance."""
    return Key(bytes(range(32)))


def _contents(path: Path, *, numbers: bool = True) -> bytes:
    """What a file holds, and of a table its columns and metadata unpacked, too.

    Without ``numbers``, of a table that alone, and no column of numbers: they and packed bytes
    look like anything that is short and has many zeros.
    """
    held = path.read_bytes()
    if path.suffix != ".parquet":
        return held
    sink = io.BytesIO()
    table = pq.read_table(path)
    if not numbers:
        plain = [field.name for field in table.schema if not _is_number(field.type)]
        table = table.select(plain)
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return held * numbers + sink.getvalue()


def _is_number(kind: Any) -> bool:
    value = kind.value_type if pa.types.is_list(kind) else kind
    return bool(pa.types.is_primitive(value))


def _windows(data: bytes, width: int = WINDOW) -> NDArray[np.uint64]:
    """Each six bytes that follow each other, or another number up to eight, as numbers."""
    size = max(0, len(data) - width + 1)
    padded = np.frombuffer(data + bytes(8), np.uint8)
    numbers = np.zeros(size, np.uint64)
    for k in range(width):
        numbers |= padded[k : k + size].astype(np.uint64) << np.uint64(8 * k)
    return numbers


def _wanted(strings: Iterable[bytes], width: int) -> NDArray[np.uint64]:
    """The windows of strings, in either order, but for those that stand in any file."""
    every = [_windows(part, width) for text in set(strings) for part in (text, text[::-1])]
    wanted = np.unique(np.concatenate([np.zeros(0, np.uint64), *every]))
    octets = np.sort(wanted[:, None].view(np.uint8)[:, :width], axis=1)
    distinct = (octets[:, 1:] != octets[:, :-1]).sum(axis=1) + 1
    return np.asarray(wanted[distinct >= _TOO_PLAIN], np.uint64)


@pytest.fixture(scope="session")
def found_strings() -> Callable[[Path, Iterable[bytes]], int]:
    """How many six bytes of these strings, in either order, stand in any file of a folder.

    Those of fewer than five different bytes stand in any file: zeros, counters.
    """

    def find(folder: Path, strings: Iterable[bytes]) -> int:
        wanted = _wanted(strings, WINDOW)
        files = [path for path in folder.rglob("*") if path.is_file()]
        return sum(int(np.isin(_windows(_contents(path)), wanted).sum()) for path in files)

    return find


@pytest.fixture(scope="session")
def found_by_chance() -> Callable[[Path, list[bytes], int], tuple[int, float]]:
    """The same for many strings and windows of any width, and how many would be there by chance.

    Among random bytes, that is: of 10^7 windows of six bytes and 10^7 that are looked for, one in
    three is there.
    """

    def find(folder: Path, strings: list[bytes], width: int) -> tuple[int, float]:
        wanted = _wanted(strings, width)
        found, expected = 0, 0.0
        for path in folder.rglob("*"):
            if path.is_file():
                windows = np.unique(_windows(_contents(path), width))
                found += len(np.intersect1d(windows, wanted, assume_unique=True))
                expected += len(windows) * len(wanted) / 256.0**width
        return found, expected

    return find


@pytest.fixture(scope="session")
def found_texts() -> Callable[[Path, Iterable[bytes]], list[bytes]]:
    """Which of these stand in any file of a folder."""

    def find(folder: Path, texts: Iterable[bytes]) -> list[bytes]:
        files = [path for path in folder.rglob("*") if path.is_file()]
        plain = [_contents(path, numbers=False) for path in files]
        every = [_contents(path) for path in files]
        return [
            text
            for text in texts
            if any(text in content for content in (every if len(set(text)) > 3 else plain))
        ]

    return find


Answer = tuple[bool, tuple[int, ...]]


@pytest.fixture(scope="session")
def answers() -> Callable[[Path, Callable[[], Algorithm]], dict[int, Answer]]:
    """What an algorithm makes of a capture: by frame, whether it repairs it, and which bits."""

    @functools.cache  # several tests ask for those of one capture, which nobody changes
    def run(capture: Path, make: Callable[[], Any]) -> dict[int, Answer]:
        algorithm: Algorithm = make()
        found: dict[int, Answer] = {}

        def take(repairs: Repairs) -> None:
            offsets = repairs.flip_offsets
            for k, number in enumerate(repairs.number.tolist()):
                flips = repairs.flips[offsets[k] : offsets[k + 1]].tolist()
                found[number] = bool(repairs.repaired[k]), tuple(flips)

        with CaptureReader(capture) as reader:
            for frames in reader:
                take(algorithm.recover(frames))
        take(algorithm.finish())
        return found

    return run
