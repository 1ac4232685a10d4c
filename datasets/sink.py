"""New capture files: written whole or not at all, packed as their name says.

``run.pcapng.gz`` is gzip (RFC 1952, without a time, so that the same content gives the same file),
``run.pcapng.zst`` Zstandard (RFC 8878).
"""

from __future__ import annotations

import contextlib
import gzip
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from .files import replacing

Sink = Callable[[Any], object]  # takes bytes, or what has them

_BUFFER = 1 << 20
_GZIP_LEVEL = 6
_PACKED = {".gz", ".zst"}


def capture_suffix(path: Path) -> str:
    """What a capture's name says of its format: ``.pcapng`` for ``run.pcapng.gz``."""
    return (path.with_suffix("") if path.suffix in _PACKED else path).suffix


@contextlib.contextmanager
def packing(path: Path, suffix: str) -> Iterator[Sink]:
    """Write ``path``, packed as a name with this suffix says.

    Raises:
        OSError: It cannot be written.
    """
    with contextlib.ExitStack() as stack:
        file: Any = stack.enter_context(path.open("wb", buffering=_BUFFER))
        if suffix == ".gz":
            file = stack.enter_context(gzip.GzipFile("", "wb", _GZIP_LEVEL, file, mtime=0))
        elif suffix == ".zst":
            import pyarrow as pa

            file = stack.enter_context(pa.CompressedOutputStream(file, "zstd"))
        yield file.write


@contextlib.contextmanager
def new_capture(path: Path) -> Iterator[Sink]:
    """Write a capture, which appears when all went well.

    Raises:
        OSError: It cannot be written; ``path`` is as it was.
    """
    with replacing(path) as temporary, packing(temporary, path.suffix) as write:
        yield write
