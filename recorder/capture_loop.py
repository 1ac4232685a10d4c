"""The loop of a capture: blocks of the rings into the file, until something ends it.

A *cut* is a moment: frames that came after it are not written into the file at hand, frames that
came before it are, even those that the kernel still holds in a block that is not full. A cut ends
the capture, or the file: then the frames behind it begin the next one. With several interfaces,
the one that is at the cut waits for the others.
"""

from __future__ import annotations

import errno
import os
import select
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..datasets.run import Counters
from ..errors import NO_ROOM
from .capture_files import CaptureFiles
from .feed import Feed, Taken
from .interface import driver_drops
from .no_files import NoFiles
from .ring import RETIRE_SECONDS, RingBlock
from .ring_kernel import BYTE_LIMIT, FRAME_LIMIT, TIME_LIMIT, write_block
from .rotation import NEVER, Cut, Limits, Moment, Rotation, Schedule
from .stop import Stop

_MOST_BYTES_PER_SECOND = 1e9  # that a ring must have room for while nobody looks at it
_DRAIN_SECONDS = 2 * RETIRE_SECONDS  # by then the kernel has handed over what it had
_PROGRESS_SECONDS = 1.0
_COUNT_SECONDS = 600.0  # the kernel's 32-bit counts hold longer than that


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The numbers of a running capture.

    Attributes:
        counters: Of all interfaces.
        interfaces: Of each, by its name.
        path: The file at hand.
        size: Bytes in it.
    """

    counters: Counters
    interfaces: dict[str, Counters]
    path: Path
    size: int


Progress = Callable[[Snapshot], None]


def warm_up() -> None:
    """Have the kernel compiled."""
    empty = np.zeros(64, dtype=np.uint8)
    words = empty.view(np.uint32)
    write_block(empty, words, empty, words, 0, 0, True, 0, 0, 0, 0, 0)


class CaptureLoop:
    """One capture, from its open rings into its files.

    Args:
        feeds: Of all interfaces.
        files: Where to.
        limits: Where it ends.
        rotation: When another file begins, None for a single one.
        start: Its first moment.
        observer: Is shown what was written, and how many frames that are, to copy what it wants.

    Attributes:
        end: The moment it ended, nanoseconds since 1970.
        ended_by: What ended it: ``packets``, ``duration``, ``filesize``, ``files``,
            ``interface gone``, ``interface down``, ``write failed``, or the reason that ``Stop``
            was given.
    """

    def __init__(
        self,
        feeds: Sequence[Feed],
        files: CaptureFiles | NoFiles,
        limits: Limits,
        rotation: Rotation | None,
        start: Moment,
        observer: Callable[[memoryview, int], None] | None = None,
    ) -> None:
        self.end = 0
        self.ended_by: str | None = None
        self._interface_error: str | None = None
        self._failure: OSError | None = None
        self._feeds = feeds
        self._files = files
        self._limits = limits
        self._rotation = rotation
        self._observer = observer
        self._schedule = Schedule(limits, rotation, start)
        self._cut: Cut | None = None
        self._drained_at = 0.0
        self._done = False
        self._file_start = start.real
        self._file_frames = 0
        self._written = 0
        self._out = np.empty(max(feed.ring.block_size for feed in feeds), dtype=np.uint8)
        self._out_words = self._out.view(np.uint32)
        self._trailer_size = len(self._statistics(0, last=False))
        self._poll = select.poll()
        room = min(feed.ring.size for feed in feeds) / 4
        self._rest = min(RETIRE_SECONDS, room / _MOST_BYTES_PER_SECOND)

    @property
    def counters(self) -> Counters:
        """The numbers so far; while it runs, of received frames only those that were counted."""
        return Counters.sum(feed.counters for feed in self._feeds)

    @property
    def error(self) -> str | None:
        """A sentence, where it did not end as asked."""
        failure, path = self._failure, self._files.path
        if self._interface_error is not None or failure is None:
            return self._interface_error
        whole = f"{self._files.size} bytes"
        advice = "; make room, or keep fewer files: -b filesize:KB -b files:N"
        advice = advice if failure.errno in NO_ROOM else ""
        if failure.filename in {None, str(path)}:
            return f"{path}: {failure.strerror}; its {whole} are whole{advice}"
        return f"{failure.filename}: {failure.strerror}; {path} is whole, {whole}{advice}"

    def run(self, stop: Stop | None, progress: Progress | None) -> None:
        """Capture until the last frame is written."""
        for feed in self._feeds:
            self._poll.register(feed.ring, select.POLLIN | select.POLLERR)
        self._poll.register(self._files, select.POLLIN)
        if stop is not None:
            self._poll.register(stop, select.POLLIN)
        tell_at = time.monotonic() + _PROGRESS_SECONDS if progress else float("inf")
        count_at = time.monotonic() + _COUNT_SECONDS
        rested = True
        while not self._done:
            self._look(stop)
            if self._pass():
                rested = False
            elif not rested:  # then several blocks at once: to wake up for each costs more
                time.sleep(self._rest)
                rested = True
            else:
                self._wait(min(tell_at, count_at))
            now = time.monotonic()
            self._files.flush_when_due(now)
            if now >= count_at:
                self._count_drops()
                count_at = now + _COUNT_SECONDS
            if progress is not None and now >= tell_at:
                progress(self._snapshot())
                tell_at = max(tell_at + _PROGRESS_SECONDS, now)

    def finish(self) -> None:
        """Write the statistics of the last file."""
        try:
            self._files.end(self._statistics(self.end, last=True))
        except OSError as failure:
            self._fails(failure)

    def _pass(self) -> bool:
        """Empty a block of each ring; whether there was one."""
        busy = False
        for feed in self._feeds:
            block = None if feed.at_cut else feed.ring.current()
            if block is not None and not self._done:
                busy = True
                self._write(feed, block)
        if self._cut is None or self._done:
            return busy
        drained = not busy and time.monotonic() >= self._drained_at
        if drained or all(feed.at_cut for feed in self._feeds):
            if self._cut.ends:
                self._done = True
            else:
                self._next_file(self._cut)
            return True
        return busy

    def _look(self, stop: Stop | None) -> None:
        """See whether a moment has come that divides frames."""
        if self._cut is not None:  # what is asked for meanwhile comes after it
            return
        now = Moment.now()
        for feed in self._feeds:
            failure = feed.ring.failure()
            if failure:
                self._interface_fails(feed.name, failure, now)
                return
        if self._files.failure is not None:  # the file at hand is good: what came belongs into it
            self._failure = self._files.failure
            self._set_cut(Cut(now.real, "write failed", ends=True))
        elif stop is not None and stop.reason is not None:
            self._set_cut(Cut(now.real, stop.reason, ends=True))
        elif (cut := self._schedule.due(now)) is not None:
            self._set_cut(cut)
        elif stop is not None and stop.wants_new_file() and self._rotation is not None:
            self._set_cut(Cut(now.real, "request", ends=False))

    def _interface_fails(self, name: str, failure: int, now: Moment) -> None:
        if failure == errno.ENETDOWN:
            gone = driver_drops(name) is None
            reason = "interface gone" if gone else "interface down"
            self._interface_error = f"{name} {'is gone' if gone else 'went down'}"
        else:
            reason = "interface failed"
            self._interface_error = f"{name}: {os.strerror(failure)}"
        self._set_cut(Cut(now.real, reason, ends=True))

    def _set_cut(self, cut: Cut) -> None:
        self._cut = cut
        self._drained_at = time.monotonic() + _DRAIN_SECONDS
        if cut.ends:
            self.ended_by, self.end = cut.reason, cut.at
            self._count_drops()

    def _end_now(self, reason: str, at: int | None = None) -> None:
        """No further frame is written."""
        if not self._done and not (self._cut is not None and self._cut.ends):
            self._set_cut(Cut(time.time_ns() if at is None else at, reason, ends=True))
        self._done = True

    def _write(self, feed: Feed, block: RingBlock) -> None:
        """Write a block's frames, up to the next limit."""
        rotation, limits = self._rotation, self._limits
        frames = NEVER if limits.frames is None else limits.frames - self._written
        most_bytes = limits.bytes
        if rotation is not None:
            most_bytes = rotation.bytes
            if rotation.frames is not None:
                frames = min(frames, rotation.frames - self._file_frames)
        size = NEVER if most_bytes is None else most_bytes - self._files.size - self._trailer_size
        taken = self._take(feed, block, frames, size)
        if (
            taken is not None
            and taken.limit == BYTE_LIMIT
            and rotation is not None
            and not self._file_frames
        ):  # a frame that is larger than a whole file has one for itself
            taken = self._take(feed, block, 1, NEVER)
        if taken is None:
            return
        if self._written == limits.frames:
            self._end_now("packets")
        elif taken.limit == TIME_LIMIT:
            feed.at_cut = True
        elif taken.limit in {FRAME_LIMIT, BYTE_LIMIT}:
            reason = "packets" if taken.limit == FRAME_LIMIT else "filesize"
            if rotation is None:
                self._end_now(reason)
            else:  # just before the frame that is too much, however long it has waited
                self._next_file(Cut(taken.next_time - 1, reason, ends=False))
        if rotation is not None and self._file_frames == rotation.frames and self._is_last_file:
            self._end_now("files")

    def _take(self, feed: Feed, block: RingBlock, frames: int, size: int) -> Taken | None:
        """Write frames up to limits; None if that failed."""
        taken = feed.take(
            block,
            self._out,
            self._out_words,
            frames=frames,
            size=size,
            not_after=NEVER if self._cut is None else self._cut.at,
        )
        if taken.frames:
            try:
                self._files.write(self._out[: taken.size].data)
            except OSError as failure:
                self._fails(failure)
                return None
            if self._observer is not None:
                self._observer(self._out[: taken.size].data, taken.frames)
            feed.wrote(taken)
            self._file_frames += taken.frames
            self._written += taken.frames
        return taken

    @property
    def _is_last_file(self) -> bool:
        return self._files.number == self._limits.files

    def _next_file(self, cut: Cut) -> None:
        """Go on in a new file, which begins at the cut."""
        if cut is self._cut:  # a file may also be full while interfaces are on their way to a cut
            self._cut = None
            for feed in self._feeds:
                feed.at_cut = False
        if self._is_last_file:
            self._end_now("files", cut.at)
            return
        try:
            self._files.next(
                self._statistics(cut.at, last=False), start=cut.at, counters=self.counters
            )
        except OSError as failure:
            self._fails(failure)
            return
        self._schedule.new_file(cut, Moment.now())
        self._file_start, self._file_frames = cut.at, 0
        for feed in self._feeds:
            feed.begin_file()

    def _wait(self, until: float) -> None:
        """Sleep until there is something to do, even without a frame."""
        if self._cut is not None:
            time.sleep(RETIRE_SECONDS / 4)
            return
        now = Moment.now()
        wait = min(until, self._files.flush_at) - now.monotonic / 1e9
        self._poll.poll(max(1.0, 1e3 * min(wait, self._schedule.patience(now), 3600.0)))

    def _count_drops(self) -> None:
        for feed in self._feeds:
            feed.count_drops()

    def _fails(self, failure: OSError) -> None:
        self._end_now("write failed")
        self._failure = self._failure or failure

    def _statistics(self, end: int, *, last: bool) -> bytes:
        return b"".join(feed.statistics(self._file_start, end, last=last) for feed in self._feeds)

    def _snapshot(self) -> Snapshot:
        return Snapshot(
            counters=self.counters,
            interfaces={feed.name: feed.counters for feed in self._feeds},
            path=self._files.path,
            size=self._files.size,
        )
