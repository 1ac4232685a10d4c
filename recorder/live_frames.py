"""Frames of a running capture as batches, for somebody who works on them meanwhile.

    capture loop ──► show: a copy of its blocks ──► waiting, so many bytes at most ──► batches

The capture is never held up. What the user of the batches does not keep up with is passed over and
counted; numbers go on as in the recording, so frame 17 here is frame 17 of the file.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol, Self

from ..closing import Closing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..datasets.frames import FrameBatch
    from ..datasets.walk_kernel import PacketIndex

_MOST_WAITING = 64 << 20  # bytes
_RADIOTAP = 127


class Observer(Protocol):
    """Is shown what a capture writes; a context manager, which is closed in the end."""

    def start(self, linktypes: Sequence[int]) -> None:
        """The capture begins.

        Args:
            linktypes: Of its interfaces, in their order.
        """
        ...

    def show(self, blocks: memoryview, frames: int) -> None:
        """Whole packet blocks, and how many; returns at once."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class Observers(Closing):
    """Several of them."""

    def __init__(self, *several: Observer) -> None:
        self._several = several
        self._held = ExitStack()

    def start(self, linktypes: Sequence[int]) -> None:
        """See :class:`Observer`."""
        for each in self._several:
            self._held.enter_context(each)
            each.start(linktypes)

    def show(self, blocks: memoryview, frames: int) -> None:
        """See :class:`Observer`."""
        for each in self._several:
            each.show(blocks, frames)

    def close(self) -> None:
        """Close all."""
        self._held.close()


class LiveFrames(Closing):
    """Batches of frames, iterated by one thread while another one shows blocks.

    Args:
        most_waiting: Bytes that may wait.

    Attributes:
        shown: Frames that were captured.
        skipped: Those of them that nobody had time for.
    """

    def __init__(self, most_waiting: int = _MOST_WAITING) -> None:
        self.shown = 0
        self.skipped = 0
        self._most = most_waiting
        self._bytes = 0
        self._linktypes: Sequence[int] = ()
        self._waiting: deque[tuple[int, int, bytearray]] = deque()  # first number, frames, blocks
        self._changed = threading.Condition()
        self._ended = False
        self._left = False
        self._at_hand: tuple[NDArray[np.uint8], PacketIndex, int] | None = None

    def start(self, linktypes: Sequence[int]) -> None:
        """See :class:`Observer`."""
        self._linktypes = linktypes

    def show(self, blocks: memoryview, frames: int) -> None:
        """See :class:`Observer`."""
        with self._changed:
            first = self.shown + 1
            self.shown += frames
            if self._left or (self._waiting and self._bytes + len(blocks) > self._most):
                self.skipped += frames
                return
            self._waiting.append((first, frames, bytearray(blocks)))
            self._bytes += len(blocks)
            self._changed.notify()

    def close(self) -> None:
        """The capture is over; batches end when what waits is used."""
        with self._changed:
            self._ended = True
            self._changed.notify()

    def leave(self) -> None:
        """Pass over all that waits, and that will come."""
        with self._changed:
            self._left = True
            self._changed.notify()

    @property
    def waiting(self) -> int:
        """Frames that wait."""
        with self._changed:
            return sum(frames for _, frames, _ in self._waiting)

    def batches(self, most: int) -> Iterator[FrameBatch]:
        """Frames as they come.

        Args:
            most: Most frames of a batch.
        """
        import numpy as np

        from ..datasets.walk_kernel import FULL, PacketIndex, walk_pcapng

        table = np.array(
            [[0, 9, 0, linktype, -1, number] for number, linktype in enumerate(self._linktypes)],
            np.int64,
        )
        index, kinds = PacketIndex.empty(most), np.zeros(7, np.int64)
        while (piece := self._next()) is not None:
            first, frames, blocks = piece
            view, at, reason, done = np.frombuffer(blocks, np.uint8), 0, FULL, 0
            while reason == FULL:
                if self._left:
                    self.skipped += frames - done
                    break
                count, at, reason = walk_pcapng(
                    view, at, False, table, index, most, len(blocks) + 1, kinds
                )
                if count:
                    self._at_hand = view, index, first + done
                    yield from _decoded(view, index, count, table, first + done)
                    done += count

    def get(self, number: int) -> tuple[memoryview, bool]:
        """A packet of the batch at hand, and whether it has a Radiotap header.

        Raises:
            LookupError: There is no batch at hand.
        """
        if self._at_hand is None:
            raise LookupError(number)
        view, index, first = self._at_hand
        k = number - first
        start = int(index.start[k])
        linktype = self._linktypes[int(index.interface[k])]
        return view.data[start : start + int(index.captured[k])], linktype == _RADIOTAP

    def _next(self) -> tuple[int, int, bytearray] | None:
        with self._changed:
            while True:
                if self._left:
                    self.skipped += sum(frames for _, frames, _ in self._waiting)
                    self._waiting.clear()
                    return None
                if self._waiting:
                    piece = self._waiting.popleft()
                    self._bytes -= len(piece[2])
                    return piece
                if self._ended:
                    return None
                self._changed.wait()


def _decoded(
    view: NDArray[np.uint8],
    index: PacketIndex,
    count: int,
    table: NDArray[np.int64],
    first: int,
) -> Iterator[FrameBatch]:
    from ..datasets.decode_kernel import Decoded, decode
    from ..datasets.frames import FrameBatch, arrow_batch

    decoded = Decoded.empty(count, int(index.captured[:count].sum()))
    rows, _, _ = decode(view, index, count, table, first, decoded)
    if rows:
        yield FrameBatch(arrow_batch(decoded, rows))
