"""Read capture files, pcapng or classic pcap, as frame batches.

:mod:`wtrec.datasets.walk` finds the packets, :mod:`wtrec.datasets.decode_kernel` turns them into
columns; this module drives both, and counts everything.

What a damaged file gives: all whole frames before the damage. If the file merely
ends inside a record, that is a loss (``CaptureReader.losses``) and iteration ends;
if a record contradicts itself, :class:`FormatError` follows the last whole frame.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..closing import Closing
from ..errors import LossWarning
from .decode_kernel import Decoded, decode
from .frames import FRAMES, MAX_BYTES, MAX_FRAMES, FrameBatch, arrow_batch
from .parts import Parts
from .source import Source
from .walk import Damage, Interface, Records, Walk
from .walk_kernel import LINKTYPE

__all__ = ["CaptureReader", "Interface", "Packets", "read_frames"]


class Packets(NamedTuple):
    """Whole packets, Radiotap headers and all, as they lie in the file."""

    data: NDArray[np.uint8]  # a window of the file
    start: NDArray[np.int64]  # offset of each packet in it
    captured: NDArray[np.int64]  # its bytes there
    original: NDArray[np.int64]  # its bytes before the capture cut it
    linktype: NDArray[np.int64]
    first_number: int  # of the first of them in the file, from 1


class CaptureReader(Closing):
    """The frames of one capture, as batches of :class:`FrameBatch`; a context manager.

    Counters and lists grow while it is iterated; iterating again goes on where it stopped.

    Args:
        path: The file.
        watch: Is shown all packets, 802.11 or not, before they are decoded.

    Attributes:
        path: The file.
        format: ``pcapng`` or ``pcap``.
        interfaces: Every interface so far.
        sections: Every pcapng section header so far.
        statistics: Every Interface Statistics Block so far, with the interface's global id.
        blocks: Number of blocks of each type (of records, for pcap).
        packets: All packets, 802.11 or not.
        frames: Those that became rows.
        other_linktypes: Those that did not, for their link type.
        malformed: Frames whose Radiotap header is not sound; their row has no MPDU.
        drops: Packets that the file itself says were lost between its packets.
        losses: What of the file could not be read, one sentence each.
        packets_at_hand: What the batch given last was made from, and what is between its frames;
            only until the next one. None before the first.

    Raises:
        FormatError: Not a capture, or (while iterating) a record that contradicts itself.
        OSError: The file cannot be opened.
    """

    def __init__(
        self, path: str | Path | Parts, *, watch: Callable[[Records], None] = lambda _: None
    ) -> None:
        self.frames = 0
        self.other_linktypes = 0
        self.malformed = 0
        self.drops = 0
        self.losses: list[str] = []
        self.packets_at_hand: Packets | None = None
        self._watch = watch
        self._walk = Walk(path, MAX_FRAMES, MAX_BYTES)
        self.packets = 0
        self.path = self._walk.path
        self.format = self._walk.format
        self.interfaces = self._walk.interfaces
        self.sections = self._walk.sections
        self.statistics = self._walk.statistics
        self.blocks = self._walk.blocks
        self._batches = self._read()

    def close(self) -> None:
        """Close the file; iteration ends."""
        self._batches.close()
        self._walk.close()

    @property
    def source(self) -> Source:
        """The bytes of the file."""
        return self._walk.source

    def progress(self) -> tuple[int, int]:
        """Bytes of the file used so far, and its size."""
        return self.source.progress()

    def __iter__(self) -> Iterator[FrameBatch]:
        return self._batches

    def _read(self) -> Generator[FrameBatch]:
        for event in self._walk:
            if isinstance(event, Records):
                self._watch(event)
                yield from self._batch(event)
            elif isinstance(event, Damage):
                self.losses.append(self._walk.loss(event))
        if self._walk.source.damage:
            self.losses.append(f"{self.path}: {self._walk.source.damage}")

    def _batch(self, records: Records) -> Iterator[FrameBatch]:
        """Decode the indexed packets and count them."""
        index = records.where
        count = records.packets
        decoded = Decoded.empty(count, int(index.captured.sum()))
        table = records.section.table
        first = self.packets + 1
        rows, others, malformed = decode(records.data, index, count, table, first, decoded)
        self.packets_at_hand = Packets(
            records.data,
            index.start,
            index.captured,
            index.original,
            table[index.interface, LINKTYPE],
            first,
        )
        drops = index.drops
        self.packets += count
        self.frames += rows
        self.other_linktypes += others
        self.malformed += malformed
        self.drops += sum(drops[drops != 0].tolist())  # each may be near int64's limit
        if rows:
            yield FrameBatch(arrow_batch(decoded, rows))


def read_frames(path: str | Path) -> Any:
    """The 802.11 frames of a capture as an Arrow stream.

    Args:
        path: A pcapng or pcap file, plain or packed with gzip or zstd.

    Returns:
        A ``pyarrow.RecordBatchReader`` with the columns of
        :data:`wtrec.datasets.frames.FRAMES`, read as it is consumed, in bounded memory.
        polars and DuckDB take it as it is, pandas by ``DataFrame.from_arrow``.

    Raises:
        FormatError: Not a capture, or damage in its middle.
        OSError: The file cannot be opened.

    Warns:
        LossWarning: The file ends inside a record; all frames before it were given.
    """
    import pyarrow as pa

    reader = CaptureReader(path)

    def batches() -> Iterator[Any]:
        with reader:
            for batch in reader:
                yield batch.arrow
        for loss in reader.losses:
            warnings.warn(loss, LossWarning, stacklevel=2)

    return pa.RecordBatchReader.from_batches(FRAMES.schema, batches())
