"""The loop of a capture: ring blocks into the file, until something ends it.

The end is a moment: frames that came after it are not written, frames that came before it
are, even those that the kernel still holds in a block that is not full. Frames that were
dropped are noted on the first frame behind the gap (``epb_dropcount``): the first block that
the kernel marks since the drops were counted last begins with it. If there were several gaps
before that block was read, it has the sum.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..datasets.pcapng import InterfaceStatistics
from ..datasets.run import Counters
from .bpf import DLT_IEEE802_11_RADIO
from .capture_file import CaptureFile
from .interface import Interface, driver_drops
from .ring import RETIRE_SECONDS, Ring, RingBlock
from .ring_kernel import BYTE_LIMIT, FRAME_LIMIT, NO_LIMIT, TIME_LIMIT, write_block
from .stop import Stop

NEVER = 2**63 - 1
_DRAIN_SECONDS = 2 * RETIRE_SECONDS  # by then the kernel has handed over what it had
_PROGRESS_SECONDS = 1.0
_LIMITS = {FRAME_LIMIT: "packets", BYTE_LIMIT: "filesize", TIME_LIMIT: "duration"}

Progress = Callable[[Counters], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Where a capture ends by itself; ``NEVER`` where it does not.

    Attributes:
        frames: Number of frames.
        bytes: Size of the file.
        not_after: Time of the last frame, nanoseconds since 1970.
    """

    frames: int = NEVER
    bytes: int = NEVER
    not_after: int = NEVER


def warm_up() -> None:
    """Have the kernel compiled before frames flow."""
    empty = np.zeros(64, dtype=np.uint8)
    words = empty.view(np.uint32)
    write_block(empty, words, empty, words, True, 0, 0, 0, 0, 0)


class CaptureLoop:
    """One capture, from its open ring into its open file.

    Attributes:
        end: The moment it ended, nanoseconds since 1970.
        ended_by: What ended it: ``packets``, ``duration``, ``filesize``, ``interface gone``,
            ``interface down``, ``write failed``, or the reason that ``Stop`` was given.
        error: A sentence, where it did not end as asked.
    """

    def __init__(
        self, ring: Ring, facts: Interface, file: CaptureFile, limits: Limits, snap_length: int
    ) -> None:
        self.end = 0
        self.ended_by: str | None = None
        self.error: str | None = None
        self._ring = ring
        self._interface = facts.name
        self._radiotap = facts.linktype == DLT_IEEE802_11_RADIO
        self._file = file
        self._limits = limits
        self._not_after = limits.not_after
        self._snap_length = snap_length
        self._out = np.empty(ring.block_size, dtype=np.uint8)
        self._out_words = self._out.view(np.uint32)
        self._written = 0
        self._bad = 0
        self._gap = 0
        self._driver_drops = driver_drops(facts.name)
        self._trailer_size = len(self._statistics(0))

    @property
    def counters(self) -> Counters:
        """The numbers so far; while it runs, of received frames only those that were counted."""
        return Counters(
            received=max(self._ring.received, self._written),
            dropped_by_kernel=self._ring.dropped,
            written=self._written,
            bad_fcs=self._bad,
        )

    def run(self, stop: Stop | None, progress: Progress | None) -> None:
        """Write frames until the capture has ended and what came before its end is written."""
        if stop is not None:
            self._ring.wake_on(stop.fileno())
        tell_at = time.monotonic() + _PROGRESS_SECONDS
        drained_at = 0.0
        while True:
            if self.ended_by is None and self._ends(stop):
                drained_at = time.monotonic() + _DRAIN_SECONDS
            block = self._ring.current()
            if block is not None:
                done = self._write(block)
                self._ring.release()
                if done:
                    return
            elif self.ended_by is None:
                self._ring.wait(self._patience(tell_at if progress else None))
            elif time.monotonic() < drained_at:
                time.sleep(RETIRE_SECONDS / 4)
            else:
                return
            if progress is not None and time.monotonic() >= tell_at:
                progress(self.counters)
                tell_at += _PROGRESS_SECONDS

    def finish(self, start: int) -> None:
        """Write the statistics of the capture, which began at ``start``, and sync the file."""
        try:
            self._file.write(self._statistics(start))
            self._file.sync()
        except OSError as failure:
            self._fails(failure)

    def _ends(self, stop: Stop | None) -> bool:
        """Whether the moment has come; frames of later times are not written any more."""
        failure = self._ring.failure()
        if stop is not None and stop.reason is not None:
            self._end(stop.reason)
        elif failure == errno.ENETDOWN:
            gone = driver_drops(self._interface) is None
            self._end("interface gone" if gone else "interface down")
            self.error = f"{self._interface} {'is gone' if gone else 'went down'}"
        elif failure:
            self._end("interface failed")
            self.error = f"{self._interface}: {os.strerror(failure)}"
        elif time.time_ns() > self._limits.not_after:
            self._end("duration")
        return self.ended_by is not None

    def _end(self, reason: str) -> None:
        """Now is the end, unless it has come already."""
        if self.ended_by is None:
            self.ended_by = reason
            # asked for only now: what came before the reason was seen has come before the end
            self.end = self._not_after = min(time.time_ns(), self._not_after)
            self._gap += self._ring.count_drops()

    def _patience(self, tell_at: float | None) -> float:
        """Seconds until there is something to do even without a frame."""
        until_limit = (self._limits.not_after - time.time_ns()) / 1e9
        until_told = float("inf") if tell_at is None else tell_at - time.monotonic()
        return max(0.001, min(until_limit, until_told, 3600.0))

    def _write(self, block: RingBlock) -> bool:
        """Write a block's frames; whether the last frame of the capture has been written."""
        if block.after_loss and block.first_time > self._ring.counted_at:
            self._gap += self._ring.count_drops()
        size, frames, bad, limit = write_block(
            block.data,
            block.words,
            self._out,
            self._out_words,
            self._radiotap,
            self._snap_length,
            self._limits.frames - self._written,
            self._limits.bytes - self._file.size - self._trailer_size,
            self._not_after,
            self._gap,
        )
        if frames:
            self._gap = 0
            try:
                self._file.write(self._out[:size].data)
            except OSError as failure:
                self._fails(failure)
                return True
            self._written += frames
            self._bad += bad
        if self._written == self._limits.frames:
            limit = FRAME_LIMIT
        if limit != NO_LIMIT:
            self._end(_LIMITS[limit])
        return limit != NO_LIMIT

    def _fails(self, failure: OSError) -> None:
        self._end("write failed")
        self.error = self.error or (
            f"{self._file.path}: {failure.strerror}; the capture is whole up to its last "
            f"{self._file.size} bytes"
        )

    def _statistics(self, start: int) -> bytes:
        before, now = self._driver_drops, driver_drops(self._interface)
        counters = self.counters
        return InterfaceStatistics.make(
            0,
            self.end,
            starttime=start,
            endtime=self.end,
            ifrecv=counters.received,
            ifdrop=None if before is None or now is None else now - before,
            filteraccept=counters.received,
            osdrop=counters.dropped_by_kernel,
            usrdeliv=counters.written,
        ).write("<")
