"""Frames that are due wait in a queue, and one server, the algorithm, takes them in batches.

A frame arrives when it is due. When the algorithm is free it is given what waits, oldest first,
up to ``batch`` frames in a call. So what a frame waits for is the calls before it; how long it
waits in all, and what it meets on arrival, is known exactly, since nothing else takes frames.

When the algorithm falls behind, frames wait (``wait``: every frame is served, however late, and
the backlog is worked off in calls that follow each other at once), or (``drop``) a frame whose
deadline has passed when its turn comes is not given to the algorithm at all. After a stall, no
more frames come at once then than are due within a deadline.

At top speed there are no arrivals: frames come when they are taken, and none wait.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..clock import MONOTONIC, Clock, wait_until
from ..datasets.frames import MAX_FRAMES, FrameBatch
from ..dot11.deadlines import Deadline
from .pacing import Before, Pace, TopSpeed, octets

SPIN_NS: Final = 100_000  # a sleep ends some 50 us late; that much of a wait is watched
_REMEMBERED: Final = 1 << 20  # calls of which it is known when they ended


class Overrun(StrEnum):
    """What becomes of frames when the algorithm is behind."""

    WAIT = "wait"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Service:
    """How frames are served.

    Attributes:
        batch: Most frames in a call; None: one at a pace, 65,536 at top speed.
        deadline: From arrival to answer; None: there is none.
        on_overrun: What becomes of frames that are late already when their turn comes.

    Raises:
        ValueError: Frames are to be dropped, but there is no deadline.
    """

    batch: int | None = None
    deadline: Deadline | None = None
    on_overrun: Overrun = Overrun.WAIT

    def __post_init__(self) -> None:
        if self.batch is not None and not 1 <= self.batch <= MAX_FRAMES:
            raise ValueError(f"a batch of {self.batch} frames, wanted 1 to {MAX_FRAMES}")
        if self.on_overrun == Overrun.DROP and self.deadline is None:
            raise ValueError("what is past its deadline is dropped, and there is no deadline")

    def most(self, pace: Pace) -> int:
        """Most frames in a call."""
        return self.batch or (MAX_FRAMES if isinstance(pace, TopSpeed) else 1)


@dataclass(frozen=True, slots=True)
class Take:
    """Frames of a batch whose turn has come: ``begin`` to ``end`` of it.

    Attributes:
        begin: The first.
        end: Behind the last.
        now: When that was, on the clock.
        due: When each had arrived, on the clock; None at top speed.
        dropped: Their deadlines have passed: they are not served.
    """

    begin: int
    end: int
    now: int
    due: NDArray[np.int64] | None
    dropped: bool = False


class Queue:
    """Says when frames arrive and whose turn it is.

    Args:
        pace: When frames are due.
        service: How they are served.
        clock: That frames are due on.
        spin_ns: How long the clock is watched at the end of a wait.
        waiting: What a wait is done in.

    Attributes:
        started: When the first frame was due, on the clock; None before.
        last_due: When the frame that was taken last was due, in ns from the start.
    """

    def __init__(
        self,
        pace: Pace,
        service: Service,
        clock: Clock = MONOTONIC,
        spin_ns: int = SPIN_NS,
        waiting: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self.started: int | None = None
        self.last_due = 0
        self._waiting = waiting
        self._has_skipped = False
        self._pace = pace
        self._most = service.most(pace)
        drops = service.on_overrun == Overrun.DROP and service.deadline is not None
        self._patience = service.deadline.ns if drops and service.deadline else None
        self._clock = clock
        self._spin_ns = spin_ns
        self._frames = 0
        self._octets = 0

    def skip(self, frames: FrameBatch, elapsed: NDArray[np.int64]) -> None:
        """Pass over frames that were served by an earlier replay: the next ones are due now."""
        due = self._pace.due(frames, elapsed, Before(self._frames, self._octets))
        self._frames += len(frames)
        self._octets += int(octets(frames).sum())
        self._has_skipped = True
        if due is not None:
            self.last_due = max(self.last_due, int(due[-1]))

    def takes(self, frames: FrameBatch, elapsed: NDArray[np.int64]) -> Iterator[Take]:
        """Wait until frames are due, and give them out; all of them, in order.

        What is asked for next must have been served before: its turn comes only then.
        """
        due = self._pace.due(frames, elapsed, Before(self._frames, self._octets))
        self._frames += len(frames)
        self._octets += int(octets(frames).sum())
        if self.started is None:
            passed = int(due[0]) if due is not None and self._has_skipped else 0
            self.started = self._clock.now() - passed
        at = 0
        if due is None:
            while at < len(frames):
                end = min(at + self._most, len(frames))
                yield Take(at, end, self._clock.now(), None)
                at = end
            return
        due = np.maximum(due, self.last_due)
        arrival = self.started + due
        while at < len(frames):
            now = self._clock.now()
            if now < arrival[at]:
                with self._waiting():
                    now = wait_until(int(arrival[at]), self._clock, spin_ns=self._spin_ns)
            too_late = at
            if self._patience is not None:
                too_late = int(arrival.searchsorted(now - self._patience, side="left"))
            dropped = too_late > at
            if dropped:
                end = too_late
            elif self._most == 1:
                end = at + 1
            else:
                end = min(int(arrival.searchsorted(now, side="right")), at + self._most)
            self.last_due = int(due[end - 1])
            yield Take(at, end, now, arrival[at:end], dropped)
            at = end


class Occupancy:
    """Who was there when a frame arrived: waiting, or being served.

    Args:
        remembered: Calls that are kept in mind at most.
    """

    def __init__(self, remembered: int = _REMEMBERED) -> None:
        self._calls: deque[tuple[int, int]] = deque()  # when one ended, and who had gone by then
        self._remembered = remembered
        self._gone = 0  # by the last call that is not in mind any more
        self._unknown_before: int | None = None
        self._came = 0

    def found(self, arrival: NDArray[np.int64]) -> NDArray[np.int64]:
        """How many frames each of the next arrivals finds before it.

        Args:
            arrival: On the clock, never falling.

        Returns:
            Their numbers; -1 where that is not known any more, as over a million calls were made
            since the frame has arrived.
        """
        if len(arrival) == 1:  # the same without arrays, for batches of one
            return np.array([self._found(int(arrival[0]))])
        before = np.arange(self._came, self._came + len(arrival))
        self._came += len(arrival)
        ended, gone = [0], [self._gone]
        while self._calls and self._calls[0][0] <= arrival[-1]:
            end, self._gone = self._calls.popleft()
            ended.append(end)
            gone.append(self._gone)
        if len(ended) == 1:
            found = before - gone[0]
        else:
            ended[0] = min(ended[1], int(arrival[0]))
            found = before - np.array(gone)[np.searchsorted(ended, arrival, side="right") - 1]
        if self._unknown_before is not None:
            found[arrival < self._unknown_before] = -1
        return found

    def _found(self, arrival: int) -> int:
        calls = self._calls
        while calls and calls[0][0] <= arrival:
            self._gone = calls.popleft()[1]
        self._came += 1
        if self._unknown_before is not None and arrival < self._unknown_before:
            return -1
        return self._came - 1 - self._gone

    def end(self, now: int) -> None:
        """All that arrived so far has gone at ``now``."""
        if len(self._calls) == self._remembered:
            self._unknown_before, self._gone = self._calls.popleft()
        self._calls.append((now, self._came))
