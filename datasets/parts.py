"""Files one behind the other, read as the one that they were before they were split.

``cat`` puts the parts of a large file together (see :mod:`wtrec.datasets.sharing.bag`); readers
take :class:`Parts` where they take a path, so that no copy is needed.
"""

from __future__ import annotations

import io
import os
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import FormatError


def open_regular(path: Path) -> int:
    """A descriptor of a regular file, opened for reading without following a link.

    Raises:
        FormatError: It is no regular file.
        OSError: It cannot be opened.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise FormatError("not a regular file", path=str(path))
    return handle


@dataclass(frozen=True, slots=True)
class Parts:
    """Paths of the parts of a file, in their order; as text, the first of them."""

    paths: tuple[Path, ...]

    @property
    def name(self) -> str:
        """What the file was called before it was split."""
        return re.sub(r"\.part[0-9]+$", "", self.paths[0].name)

    def __str__(self) -> str:
        return str(self.paths[0])

    def open(self) -> JoinedFile:
        """The file that they are.

        Raises:
            FormatError: A part is no regular file.
            OSError: A part cannot be opened.
        """
        return JoinedFile([open_regular(path) for path in self.paths])


class JoinedFile(io.RawIOBase):
    """One file that can be read and sought; it closes the descriptors that it is made of."""

    def __init__(self, handles: Sequence[int]) -> None:
        super().__init__()
        self._handles = list(handles)
        self._begins = [0]
        self._position = 0
        for handle in self._handles:
            self._begins.append(self._begins[-1] + os.fstat(handle).st_size)

    def duplicate(self) -> JoinedFile:
        """The same, from its beginning, for somebody who closes what he is given."""
        return JoinedFile([os.dup(handle) for handle in self._handles])

    @property
    def size(self) -> int:
        """Bytes of all parts."""
        return self._begins[-1]

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next byte comes from."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go elsewhere."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Read into all of a buffer, less only at the end."""
        view = memoryview(buffer).cast("B")
        done = 0
        for handle, begin, end in zip(self._handles, self._begins, self._begins[1:], strict=False):
            while done < len(view) and begin <= self._position < end:
                piece = view[done : done + end - self._position]
                count = os.preadv(handle, [piece], self._position - begin)
                if not count:  # it has become shorter
                    return done
                done += count
                self._position += count
        return done

    def close(self) -> None:
        """Give the files back."""
        while self._handles:
            os.close(self._handles.pop())
        super().close()
