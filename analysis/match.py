"""The sent packets around a time, and the search among them.

A :class:`SentWindow` reads a tx log along with the capture, so memory does not grow with
either, and matches many received parts at a time; :mod:`.match_kernel` says how.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .match_kernel import (
    FEW,
    UNMATCHED,
    Packets,
    Queries,
    index,
    match,
    match_ids,
)
from .misread_kernel import match_misread
from .times import NO_TIME

WINDOW_S = 2.0
WINDOW_NS = int(WINDOW_S * 1_000_000_000)

# Windows of two bytes, without a gap where short packets are, then here and there.
GRID = np.concatenate([np.arange(0, 256, 2), np.arange(256, 4096, 32)]).astype(np.int32)

_AT_ONCE = 4096  # packets read at least when more are needed: an index is made for all at once
_MAX_BUCKETS = 1 << 16
_END = int(np.iinfo(np.int64).max)


def pack(
    times: NDArray[np.int64],
    starts: NDArray[np.int64],
    lengths: NDArray[np.int32],
    data: NDArray[np.uint8],
    ids: NDArray[np.uint64],
) -> Packets:
    """Packets without an index."""
    data.flags.writeable = False  # as frames are: kernels are compiled for one kind of array
    order = np.argsort(ids, kind="stable")
    nothing = np.empty((0, 0), np.int32)
    return Packets(
        times,
        starts,
        lengths,
        data,
        ids[order],
        order.astype(np.int64),
        GRID[:0],
        nothing,
        nothing,
        nothing.astype(np.uint16),
    )


def no_packets() -> Packets:
    """A window that is empty."""
    times, lengths = np.empty(0, np.int64), np.empty(0, np.int32)
    return pack(times, times, lengths, np.empty(0, np.uint8), np.empty(0, np.uint64))


def with_index(packets: Packets) -> Packets:
    """The same packets with the index of their windows."""
    size = len(packets.times)
    longest = int(packets.lengths.max(initial=0))
    grid = GRID[longest >= GRID + 2]
    buckets = min(_MAX_BUCKETS, 1 << max(1, size - 1).bit_length())
    indexed = packets._replace(
        grid=grid,
        first=np.empty((len(grid), buckets + 1), np.int32),
        members=np.empty((len(grid), size), np.int32),
        values=np.empty((len(grid), size), np.uint16),
    )
    index(indexed)
    return indexed


def of_some(queries: Queries, some: slice) -> Queries:
    """Some of the received parts."""
    return Queries(
        queries.data,
        queries.starts[some],
        queries.lengths[some],
        queries.times[some],
        queries.ids[some],
        queries.id_counts[some],
        queries.id_bits[some],
    )


class SentWindow:
    """Packets of a tx log around the times that are asked for, which rise but for small jumps.

    Args:
        batches: The log's record batches, in the order of time.
        check: Called with each batch when it is read.
    """

    def __init__(self, batches: Iterator[Any], check: Callable[[Any], None]) -> None:
        self._batches = batches
        self._check = check
        self._read_to = NO_TIME
        self._room = np.empty(0, np.uint8)  # where the bytes of the packets are
        self.packets = no_packets()

    def closest(
        self, queries: Queries
    ) -> Iterator[tuple[slice, Packets, NDArray[np.int8], NDArray[np.int64]]]:
        """Match received parts, in the order of the capture.

        Yields:
            Which of them; the packets of that time, gone with the next ones; outcomes, and
            the packet of each (or -1).
        """
        begin = 0
        while begin < len(queries.times):
            self._advance(int(queries.times[begin]))
            there = queries.times[begin:] <= self._read_to - WINDOW_NS
            count = len(there) if there.all() else max(1, int(there.argmin()))
            some = slice(begin, begin + count)
            part = of_some(queries, some)
            outcomes = np.empty(count, np.int8)
            originals = np.empty(count, np.int64)
            match_ids(part, self.packets, WINDOW_NS, outcomes, originals)
            left = part.times[outcomes == UNMATCHED]
            if not len(self.packets.grid) and self._worth_an_index(left):
                self.packets = with_index(self.packets)
            match(part, self.packets, WINDOW_NS, outcomes, originals)
            match_misread(part, self.packets, WINDOW_NS, outcomes, originals)
            yield some, self.packets, outcomes, originals
            begin += count

    def _worth_an_index(self, times: NDArray[np.int64]) -> bool:
        """Making one costs about as much as four distances to every packet of the window."""
        low = np.searchsorted(self.packets.times, times - WINDOW_NS)
        high = np.searchsorted(self.packets.times, times + WINDOW_NS, side="right")
        candidates = high - low
        return int(candidates[candidates > FEW].sum()) > 4 * len(self.packets.times)

    def _advance(self, time: int) -> None:
        """Keep what was sent around ``time``, and a little before: times may jump back."""
        if self._read_to >= time + WINDOW_NS:
            return
        oldest = time - 2 * WINDOW_NS
        fresh: list[Any] = []
        count = 0
        while self._read_to < time + WINDOW_NS or count < _AT_ONCE:
            batch = next(self._batches, None)
            if batch is None:
                self._read_to = _END
                break
            self._check(batch)
            self._read_to = int(batch.column("time").cast("int64")[-1].as_py())
            if self._read_to >= oldest:
                fresh.append(batch)
                count += len(batch)
        self._join(fresh, oldest)

    def _join(self, fresh: list[Any], oldest: int) -> None:
        """The packets since ``oldest`` and those of fresh batches, in one piece.

        Bytes are moved within one array, which is as large as the window ever was: a new one each
        time would be most of the memory of an analysis, and of the time that this takes.
        """
        old = self.packets
        keep = int(np.searchsorted(old.times, oldest))
        cut = int(old.starts[keep]) if keep < len(old.starts) else len(old.data)
        ids = np.empty(len(old.times), np.uint64)
        ids[old.of_id] = old.ids
        times, lengths, all_ids = [old.times[keep:]], [old.lengths[keep:]], [ids[keep:]]
        contents = [old.data[cut:]]
        for batch in fresh:
            original = batch.column("original")
            bounds = np.frombuffer(original.buffers()[1], np.int32)
            bounds = bounds[original.offset : original.offset + len(original) + 1]
            times.append(batch.column("time").cast("int64").to_numpy())
            lengths.append(np.diff(bounds))
            content = np.frombuffer(original.buffers()[2] or b"", np.uint8)
            contents.append(content[bounds[0] : bounds[-1]])
            all_ids.append(batch.column("packet_id").to_numpy())
        joined = np.concatenate(lengths)
        starts = np.zeros(len(joined), np.int64)
        np.cumsum(joined[:-1], out=starts[1:])
        size = sum(map(len, contents))
        if size > len(self._room):
            self._room = np.empty(size + size // 4, np.uint8)
        end = 0
        for content in contents:  # the first may overlap its place: it is moved as by memmove
            self._room[end : end + len(content)] = content
            end += len(content)
        self.packets = pack(
            np.concatenate(times), starts, joined, self._room[:size], np.concatenate(all_ids)
        )
