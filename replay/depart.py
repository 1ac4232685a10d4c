"""Frames leave as they are, when they are due: nothing stands between a frame and its due time.

The next batch is decoded by a thread, and the clock is watched; where a packet leaves by a plain
write, :mod:`.depart_kernel` does that.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import gc
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..clock import MONOTONIC, wait_until
from ..datasets.ahead import ahead
from .depart_kernel import FAILED, FIRST, LAST, NEXT, load, write_due
from .departed import Departed
from .interruption import Interrupted, Interruption
from .outlets import Direct, Outlet, OutletError
from .pacing import Before, Pace, octets
from .schedule import Schedule
from .slices import short_slices
from .source import Source
from .wire_headers import HEADERS, headers

# A sleep may end so late, and a processor that goes to sleep for less wakes later still.
_SPIN_NS: Final = 150_000
_LEAD_NS: Final = 5_000_000  # for the way to the first frame: all are due so much later
_PR_SET_TIMERSLACK, _PR_GET_TIMERSLACK = 29, 30  # prctl(2)
_SWITCH_S: Final = 5e-5  # how long the thread that decodes may keep the interpreter


class _Prepared(NamedTuple):
    """A batch that is ready to leave."""

    data: NDArray[np.uint8]
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
    headers: NDArray[np.int64]  # of ``HEADERS``
    due: NDArray[np.int64] | None  # ns after the start


class _Listed(NamedTuple):
    """The same for Python, where lists are quicker."""

    data: memoryview
    starts: list[int]
    stops: list[int]
    headers: list[int]
    due: list[int] | None


def depart(
    capture: Path,
    outlet: Outlet,
    schedule: Schedule,
    *,
    interruption: Interruption | None = None,
) -> Departed:
    """Let the frames of a capture leave as they are, when they are due.

    Args:
        capture: The capture.
        outlet: Where to.
        schedule: Which frames, and when they are due.
        interruption: By which it can be ended early.

    Raises:
        FormatError: The capture is damaged in its middle.
    """
    interruption = interruption or Interruption()
    departed = Departed(outlet.name, refused=outlet.refused)
    with Source(capture, schedule.selection) as source, contextlib.ExitStack() as stack:
        ready = _prepared(source, schedule.pace)
        batches: Iterator[Callable[[int], None]] = stack.enter_context(
            ahead(_leaving(ready, outlet, departed))
        )
        stack.enter_context(_undisturbed())
        stack.enter_context(short_slices())
        leave = next(batches, None)
        start = time.monotonic_ns() + _LEAD_NS
        try:
            with interruption.breaking():
                while leave is not None:
                    leave(start)
                    leave = next(batches, None)
        except Interrupted:
            departed.ended_by = interruption.reason
        except OutletError as error:
            departed.ended_by = str(error)
        departed.unread = list(source.losses)
    return departed


def _leaving(
    batches: Iterator[_Prepared], outlet: Outlet, departed: Departed
) -> Iterator[Callable[[int], None]]:
    """What lets each batch leave, told when all began."""
    if outlet.direct is not None:
        load()
    for batch in batches:
        if outlet.direct is not None:
            yield _Direct(batch, outlet, outlet.direct, departed)
        else:
            yield functools.partial(_leave, _listed(batch), outlet, departed)


class _Direct:
    """A batch leaves by writes."""

    def __init__(
        self, batch: _Prepared, outlet: Outlet, direct: Direct, departed: Departed
    ) -> None:
        self._batch, self._outlet, self._departed = batch, outlet, departed
        self._descriptor = direct.descriptor
        heads = [direct.prefix + header for header in HEADERS]
        # A bytearray, for what can only be read is another type to the compiler.
        self._heads = np.frombuffer(bytearray().join(heads), np.uint8)
        self._head_starts = np.cumsum([0, *map(len, heads)])
        longest = int((batch.stops - batch.starts).max(initial=0))
        self._room = np.empty(max(map(len, heads)) + longest, np.uint8)

    def __call__(self, start: int) -> None:
        """Let it leave; signals are looked at between two calls of the kernel."""
        batch, state = self._batch, np.zeros(4, np.int64)
        due = np.empty(0, np.int64) if batch.due is None else batch.due + start
        try:
            while state[NEXT] < len(batch.starts):
                self._write(due, state)
                if state[FAILED]:
                    self._say_why(state, due)
        finally:
            self._count(state, due)

    def _write(self, due: NDArray[np.int64], state: NDArray[np.int64]) -> None:
        batch = self._batch
        write_due(
            self._descriptor, batch.data, batch.starts, batch.stops, self._heads,
            self._head_starts, batch.headers, due, _SPIN_NS, self._room, self._departed.late, state,
        )  # fmt: skip

    def _say_why(self, state: NDArray[np.int64], due: NDArray[np.int64]) -> None:
        """Once more by the outlet itself, which counts it, or raises."""
        k = int(state[NEXT])
        batch = self._batch
        packet = batch.data[batch.starts[k] : batch.stops[k]].tobytes()
        self._outlet.send(HEADERS[batch.headers[k]] + packet)
        now = MONOTONIC.now()
        if len(due):
            self._departed.count_late(now - int(due[k]))
        state[:] = k + 1, state[FIRST] or now, now, 0

    def _count(self, state: NDArray[np.int64], due: NDArray[np.int64]) -> None:
        departed, count = self._departed, int(state[NEXT])
        if not count:
            return
        if not departed.frames:
            departed.first = int(state[FIRST])
            departed.first_due = int(due[0]) if len(due) else None
        departed.frames += count
        departed.last = int(state[LAST])
        departed.last_due = int(due[count - 1]) if len(due) else None


def _listed(batch: _Prepared) -> _Listed:
    return _Listed(
        batch.data.data,
        batch.starts.tolist(),
        batch.stops.tolist(),
        batch.headers.tolist(),
        None if batch.due is None else batch.due.tolist(),
    )


def _leave(batch: _Listed, outlet: Outlet, departed: Departed, start: int) -> None:
    """Let a batch leave: nothing is done here that could be done before."""
    data, send, count_late, now_ns = batch.data, outlet.send, departed.count_late, MONOTONIC.now
    due, frames = batch.due, departed.frames
    when = left = left_due = 0
    try:
        for i, (begin, end) in enumerate(zip(batch.starts, batch.stops, strict=True)):
            kind = batch.headers[i]
            packet = data[begin:end] if not kind else HEADERS[kind] + data[begin:end]
            if due is None:
                now = now_ns()
            else:
                when = start + due[i]
                now = now_ns()
                if now < when:
                    now = wait_until(when, spin_ns=_SPIN_NS)
                count_late(now - when)
            send(packet)
            left, left_due = now, when
            frames += 1
            if frames == 1:
                departed.first = now
                departed.first_due = when if due is not None else None
    finally:
        if frames > departed.frames:
            departed.frames, departed.last = frames, left
            departed.last_due = left_due if due is not None else None


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Sleeps end in time, and neither garbage collector nor other threads hold us up for long.

    A thread that only watched the clock would have used up its time slice when a frame is due.
    """
    libc = ctypes.CDLL(None)
    slack, interval = libc.prctl(_PR_GET_TIMERSLACK), sys.getswitchinterval()
    libc.prctl(_PR_SET_TIMERSLACK, ctypes.c_ulong(1))
    sys.setswitchinterval(_SWITCH_S)
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        sys.setswitchinterval(interval)
        libc.prctl(_PR_SET_TIMERSLACK, ctypes.c_ulong(slack))


def _prepared(source: Source, pace: Pace) -> Iterator[_Prepared]:
    before = Before(0, 0)
    for piece in source:
        if not piece.judged:
            continue
        frames = piece.frames
        due = pace.due(frames, piece.elapsed, before)
        before = Before(before.frames + len(frames), before.octets + int(octets(frames).sum()))
        packets = source.reader.packets_at_hand
        assert packets is not None  # noqa: S101 - a piece was given
        which = frames.number - (source.passes - 1) * source.span - packets.first_number
        starts = packets.start[which]
        stops = starts + packets.captured[which]
        yield _Prepared(packets.data, starts, stops, headers(frames, packets.linktype[which]), due)
