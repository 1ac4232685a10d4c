"""When a capture's file is full, what the next one is called, and when the capture is over.

Sizes and numbers of frames are limits that the loop meets frame by frame. Times are met by the
clock, and the clock of the frames (CLOCK_REALTIME) can be set under way. So a duration is counted
on CLOCK_MONOTONIC, which never jumps; only when it is over, its end is turned into a time that
frames can be compared with. An interval is a matter of the wall clock: a file of an hour ends on
the hour, whatever the clock was before.

Keys and file names are those of dumpcap(1): ``run_00001_20260101120000.pcapng``.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

NEVER = 2**63 - 1
_GIGA = 1_000_000_000
_MOST_NUMBER = 100_000  # dumpcap's, of a file's number


class Moment(NamedTuple):
    """A moment on both clocks, in nanoseconds: since 1970, and since some other moment."""

    real: int
    monotonic: int

    @classmethod
    def now(cls) -> Moment:
        """This one."""
        return cls(time.time_ns(), time.monotonic_ns())


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Where a capture ends by itself, over all its files; None where it does not.

    Attributes:
        frames: Number of frames.
        seconds: Since its start.
        bytes: Size of the file; with rotation, of each file.
        files: Number of files that were written.
    """

    frames: int | None = None
    seconds: float | None = None
    bytes: int | None = None
    files: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """When a new file begins; None where it does not.

    Attributes:
        seconds: Since the file's start.
        interval: Where the time of day is a multiple of so many seconds.
        bytes: Before the file is larger.
        frames: Number of its frames.
        files: How many files are kept: the oldest is deleted when there are more. None: all.
    """

    seconds: float | None = None
    interval: float | None = None
    bytes: int | None = None
    frames: int | None = None
    files: int | None = None

    @property
    def has_condition(self) -> bool:
        """Whether a file ends by itself."""
        return not (self.seconds is self.interval is self.bytes is self.frames is None)


class Cut(NamedTuple):
    """A moment that divides frames: those of later times belong to the next file, or to none.

    Attributes:
        at: Nanoseconds since 1970.
        reason: For example ``duration``, ``interval`` or ``SIGHUP``.
        ends: Whether the capture is over.
    """

    at: int
    reason: str
    ends: bool


class Schedule:
    """The cuts that the clock makes.

    Args:
        limits: Of the capture.
        rotation: Of its files, None for a single one.
        start: Its first moment.
    """

    def __init__(self, limits: Limits, rotation: Rotation | None, start: Moment) -> None:
        self._file_length = _nanoseconds(rotation.seconds if rotation else None)
        self._interval = _nanoseconds(rotation.interval if rotation else None)
        self._end = _after(start.monotonic, _nanoseconds(limits.seconds))
        self._began = start.monotonic  # the file at hand
        self._file_end = _after(self._began, self._file_length)
        self._boundary = self._next_boundary(start.real)

    def due(self, now: Moment) -> Cut | None:
        """The first of the cuts that the clock has passed, if there is one.

        Whoever asks late is told of all of them, one after the other. Boundaries that the clock
        passed because it was set forward are no more than one cut, at the last of them.
        """
        if self._boundary - now.real > (self._interval or NEVER):  # it was set back
            self._boundary = self._next_boundary(now.real)
        at = self._boundary
        passed = now.monotonic - (now.real - at)
        if self._interval is not None and passed < self._began:  # it was set forward
            at = now.real // self._interval * self._interval
            passed = now.monotonic
        moment, _, reason = min(
            (self._end, 0, "duration"),
            (self._file_end, 1, "duration"),
            (passed if now.real >= self._boundary else NEVER, 1, "interval"),
        )
        if moment > now.monotonic:
            return None
        real = at if reason == "interval" else now.real - (now.monotonic - moment)
        return Cut(real, reason, ends=moment == self._end)

    def new_file(self, cut: Cut, now: Moment) -> None:
        """A file begins at a cut, which may be a while ago.

        How long ago is told by the real clock. If that was set meanwhile, it still was no earlier
        than the beginning of the file before, and is not to come.
        """
        passed = now.monotonic - (now.real - cut.at)
        self._began = min(max(passed, self._began), now.monotonic)
        self._file_end = _after(self._began, self._file_length)
        self._boundary = self._next_boundary(cut.at)

    def patience(self, now: Moment) -> float:
        """Seconds until a cut may be due."""
        until_end = min(self._end, self._file_end) - now.monotonic
        return max(0, min(until_end, self._boundary - now.real)) / _GIGA

    def _next_boundary(self, real: int) -> int:
        if self._interval is None:
            return NEVER
        return (real // self._interval + 1) * self._interval


def file_name(base: Path, number: int, start: int) -> Path:
    """The name of a file of several, as dumpcap makes it, but in UTC: no hour comes twice.

    Args:
        base: What the user asked for.
        number: From 1 on.
        start: Its first moment, nanoseconds since 1970.
    """
    when = datetime.fromtimestamp(start // _GIGA, UTC)
    return base.with_name(
        f"{base.stem}_{number % _MOST_NUMBER:05}_{when:%Y%m%d%H%M%S}{base.suffix}"
    )


def _nanoseconds(seconds: float | None) -> int | None:
    return None if seconds is None else max(1, round(seconds * _GIGA))


def _after(start: int, length: int | None) -> int:
    return NEVER if length is None else start + length
