"""Bytes of a capture file, seen through a window that only moves forward.

``view(position, want)`` gives the bytes from ``position`` on: at least ``want`` of
them unless the file ends first, and usually a whole window. Nothing before the last
``position`` stays in memory, so memory is bounded whatever the file's size:

* a plain file is mapped, one window at a time, straight from the page cache;
* gzip (RFC 1952) and Zstandard (RFC 8878) are recognised by their first bytes and
  unpacked as a stream, offsets then being those of the unpacked bytes;
* a file in parts is read as a stream, too.
"""

from __future__ import annotations

import io
import mmap
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError
from .parts import JoinedFile, Parts

WINDOW = 16 << 20  # larger ones are no faster, and batches of long frames are as large as this
_STREAM_WINDOW = 8 << 20  # smaller: what is not used yet is copied at each view
_CHUNK = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


File = io.FileIO | JoinedFile


class Source(Protocol):
    """What a capture reader needs of a file."""

    damage: str  # why the stream ended early ("" while it has not)

    def view(self, position: int, want: int = 0) -> NDArray[np.uint8]:
        """Bytes from ``position`` on; shorter than ``want`` only at the end of the file."""
        ...

    def progress(self) -> tuple[int, int]:
        """Bytes of the file used so far, and its size."""
        ...

    def close(self) -> None:
        """Give the file back; views become invalid."""
        ...


class MappedSource:
    """A plain file, mapped window by window."""

    def __init__(self, file: io.FileIO) -> None:
        self.damage = ""
        self._file = file
        self._size = os.fstat(file.fileno()).st_size
        self._position = 0

    def view(self, position: int, want: int = 0) -> NDArray[np.uint8]:
        """See :class:`Source`."""
        self._position = position
        length = min(max(want, WINDOW), self._size - position)
        if length <= 0:
            return np.zeros(0, np.uint8)
        base = position - position % mmap.ALLOCATIONGRANULARITY
        # ACCESS_COPY gives writable memory, so kernels see one array type everywhere; nothing
        # writes to it. The array keeps the mapping alive exactly as long as somebody uses it.
        window = mmap.mmap(
            self._file.fileno(), position - base + length, access=mmap.ACCESS_COPY, offset=base
        )
        return np.frombuffer(window, np.uint8)[position - base :]

    def progress(self) -> tuple[int, int]:
        """See :class:`Source`."""
        return self._position, self._size

    def close(self) -> None:
        """See :class:`Source`."""
        self._file.close()


class StreamSource:
    """A file that is unpacked while it is read."""

    def __init__(self, file: File, unpack: Callable[[File], Callable[[], bytes]]) -> None:
        self.damage = ""
        self._file = file
        self._size = file.seek(0, os.SEEK_END)
        file.seek(0)
        self._next = unpack(file)
        self._buffer = bytearray()
        self._base = 0
        self._ended = False

    def view(self, position: int, want: int = 0) -> NDArray[np.uint8]:
        """See :class:`Source`."""
        # A new buffer each time: views that were handed out must not change under their user.
        self._buffer = self._buffer[position - self._base :]
        self._base = position
        while not self._ended and len(self._buffer) < max(want, _STREAM_WINDOW):
            try:
                chunk = self._next()
            except (zlib.error, EOFError, OSError) as error:
                self.damage = f"the compressed stream ends early ({error})"
                chunk = b""
            self._ended = not chunk
            self._buffer += chunk
        return np.frombuffer(self._buffer, np.uint8)

    def progress(self) -> tuple[int, int]:
        """See :class:`Source`."""
        return self._file.tell(), self._size

    def close(self) -> None:
        """See :class:`Source`."""
        self._file.close()


def _as_it_is(file: File) -> Callable[[], bytes]:
    return lambda: file.read(_CHUNK) or b""


def _gunzip(file: File) -> Callable[[], bytes]:
    """Unpack gzip members one after the other, giving all bytes before a damaged place."""
    unpacker = zlib.decompressobj(wbits=31)
    packed = b""

    def read() -> bytes:
        nonlocal unpacker, packed
        while True:
            if not packed:
                packed = file.read(_CHUNK) or b""
            if not packed:
                if not unpacker.eof:
                    raise EOFError("no end marker")
                return b""
            if unpacker.eof:
                unpacker = zlib.decompressobj(wbits=31)
            chunk = unpacker.decompress(packed, _CHUNK)
            packed = unpacker.unconsumed_tail or unpacker.unused_data
            if chunk:
                return chunk

    return read


def _unzstd(file: File) -> Callable[[], bytes]:
    """Unpack Zstandard frames one after the other, giving all bytes before a damaged place."""
    import pyarrow as pa

    def start() -> Any:
        file.seek(0)
        borrowed: File  # pyarrow closes what it is given
        if isinstance(file, JoinedFile):
            borrowed = file.duplicate()
        else:
            borrowed = io.FileIO(file.fileno(), closefd=False)
        return pa.CompressedInputStream(pa.PythonFile(borrowed, mode="r"), "zstd")

    stream = start()
    size = 1 << 16
    given = 0

    def read() -> bytes:
        nonlocal stream, size, given
        try:
            chunk = bytes(stream.read(size))
        except OSError:
            if size == 1:
                raise
            # The failing read took with it what it had unpacked. Come back for it byte by byte.
            size = 1
            stream = start()
            for at in range(0, given, _CHUNK):
                stream.read(min(_CHUNK, given - at))
            chunk = bytes(stream.read(size))
        given += len(chunk)
        return chunk

    return read


def _opened(path: str | Path | Parts) -> File:
    return path.open() if isinstance(path, Parts) else Path(path).open("rb", buffering=0)


def open_source(path: str | Path | Parts) -> Source:
    """Open a capture file, plain or compressed, in one piece or in parts.

    Raises:
        FormatError: The file is empty, or a pipe.
        OSError: It cannot be opened.
    """
    file = _opened(path)
    if not file.seekable():
        file.close()
        raise FormatError("a pipe, wanted a file: it is read twice", path=str(path))
    magic = file.read(4) or b""
    file.seek(0)
    if magic.startswith(_GZIP_MAGIC):
        return StreamSource(file, _gunzip)
    if magic == _ZSTD_MAGIC:
        return StreamSource(file, _unzstd)
    if not magic:
        file.close()
        raise FormatError("the file is empty, wanted a pcapng or pcap capture", path=str(path))
    return StreamSource(file, _as_it_is) if isinstance(file, JoinedFile) else MappedSource(file)
