"""What was saved of a damaged capture, and what was lost."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from .sink import Sink
from .source import Source


@dataclass(frozen=True, slots=True)
class Lost:
    """A part of a file that could not be saved.

    Attributes:
        offset: Where it begins, in the unpacked file.
        length: Its bytes.
        after: Packets in front of it that were saved: it lies behind this frame of the new file.
        why: What is wrong there.
    """

    offset: int
    length: int
    after: int
    why: str

    def __str__(self) -> str:
        where = f"behind frame {self.after}" if self.after else "before the first frame"
        return f"offset {self.offset}: {self.length:,} bytes lost {where}: {self.why}"


@dataclass
class Salvage:
    """What was saved, and what was lost.

    Attributes:
        format: ``pcapng`` or ``pcap``.
        packets: Packets that were saved.
        bytes: Bytes that were saved.
        lost: The parts that were not, in the order of the file.
        notes: What else is to be known, a sentence each; the file is not as it once was.
    """

    format: str = ""
    packets: int = 0
    bytes: int = 0
    lost: list[Lost] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether nothing was lost."""
        return not self.lost and not self.notes

    def lose(self, offset: int, end: int, why: str) -> None:
        """Note a loss; one that begins where the last one ends makes it longer."""
        if end <= offset:
            return
        if self.lost and self.lost[-1].offset + self.lost[-1].length == offset:
            last = self.lost.pop()
            self.lost.append(Lost(last.offset, end - last.offset, last.after, last.why))
        else:
            self.lost.append(Lost(offset, end - offset, self.packets, why))


class Copy:
    """Writes what is saved, and remembers the packets."""

    def __init__(self, write: Sink, salvage: Salvage) -> None:
        self._write = write
        self.salvage = salvage
        self.digest = hashlib.sha256()

    def other(self, wire: bytes) -> None:
        """Save what is no packet."""
        self._write(wire)
        self.salvage.bytes += len(wire)

    def records(self, wire: memoryview, packets: int) -> None:
        """Save so many packets."""
        self._write(wire)
        self.digest.update(wire)
        self.salvage.bytes += len(wire)
        self.salvage.packets += packets


def zeros_or(source: Source, offset: int, end: int, why: str) -> str:
    """Why this part was lost: it may be zeros."""
    return why if any(np.any(chunk) for chunk in _chunks(source, offset, end)) else "zeros"


def _chunks(source: Source, offset: int, end: int) -> Iterator[memoryview]:
    while offset < end:
        view = source.view(offset, 1)[: end - offset]
        yield view.data
        offset += len(view)
