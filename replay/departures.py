"""Frames leave at their due times: through an outlet, each for itself, repaired if they can be.

Without an algorithm (:func:`depart`) nothing stands between a frame and its due time: the next
batch is decoded by a thread, and the clock is watched. With one, frames are served as in any
replay, and leave (:class:`Departures`) when the call that they were given in has returned: the
repaired ones as they were sent, the others as they came. An answer that comes later is too late.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ..clock import MONOTONIC, NS, wait_until
from ..closing import Closing
from ..datasets.ahead import ahead
from ..datasets.frames import FrameBatch
from ..datasets.walk import Records, Walk
from ..datasets.walk_kernel import LINKTYPE
from ..dot11 import radiotap
from ..dot11.mending import mended
from .algorithm import Repairs
from .interruption import Interrupted, Interruption
from .outlets import Outlet, OutletError
from .pacing import Before, Pace, octets
from .schedule import Schedule
from .source import Source

_RADIOTAP: Final = 127
_SPIN_NS: Final = 25_000  # with the least timer slack, a sleep ends about that late
_PR_SET_TIMERSLACK, _PR_GET_TIMERSLACK = 29, 30  # prctl(2)
_TICK_NS: Final = 1000
_TICKS: Final = 100_000  # 0.1 s: what is later is as late as that
_SWITCH_S: Final = 5e-5  # how long the thread that decodes may keep the interpreter

# In front of bare 802.11 frames: what a driver would say of the FCS.
_HEADERS: Final = (
    b"",
    radiotap.build(),
    radiotap.build(flags=radiotap.Flags.FCS),
    radiotap.build(flags=radiotap.Flags.FCS | radiotap.Flags.BAD_FCS),
)
_BARE, _WITH_FCS, _BAD_FCS = 1, 2, 3


@dataclass
class Departed:
    """What has left.

    Attributes:
        to: The outlet.
        frames: Frames that were given to it.
        repaired: Those of them that were repaired.
        too_late: Repairs that came when the frame had left.
        first, last: When the first and the last left, ns on the monotonic clock.
        first_due, last_due: When they were due; None at top speed.
        refused: Frames that could not leave, by why.
        late: How many frames left so many us after they were due; the last element: or later.
        ended_by: What ended it early.
        unread: What of the capture could not be read.
    """

    to: str
    frames: int = 0
    repaired: int = 0
    too_late: int = 0
    first: int = 0
    last: int = 0
    first_due: int | None = None
    last_due: int | None = None
    refused: dict[str, int] = field(default_factory=dict)
    late: list[int] = field(default_factory=lambda: [0] * _TICKS)
    ended_by: str | None = None
    unread: list[str] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """From the first departure to the last."""
        return (self.last - self.first) / NS

    @property
    def achieved_fps(self) -> float:
        """Frames a second, from the first departure to the last."""
        return (self.frames - 1) / self.seconds if self.last > self.first else 0.0

    @property
    def asked_fps(self) -> float | None:
        """Frames a second that were due; None: at top speed, or at one moment."""
        if self.first_due is None or self.last_due is None or self.last_due <= self.first_due:
            return None
        return (self.frames - 1) * NS / (self.last_due - self.first_due)

    def late_us(self, quantile: float) -> int | None:
        """So late, in us, or less, was this share of the frames; None at top speed."""
        counts = np.cumsum(self.late)
        if not counts[-1]:
            return None
        return int(np.searchsorted(counts, quantile * counts[-1]))

    def to_json(self) -> dict[str, Any]:
        """Stable keys; see docs/replay.md."""
        return {
            "to": self.to,
            "frames": self.frames,
            "repaired": self.repaired,
            "too_late": self.too_late,
            "refused": dict(self.refused),
            "seconds": self.seconds,
            "asked_fps": self.asked_fps,
            "achieved_fps": self.achieved_fps,
            "late_us": {
                name: self.late_us(share)
                for name, share in (("median", 0.5), ("p99", 0.99), ("most", 1.0))
            },
            "ended_by": self.ended_by,
        }

    def losses(self) -> list[str]:
        """What did not leave as it should have, one sentence each."""
        found = list(self.unread)
        found += [f"{self.to}: {count:,} frames: {why}" for why, count in self.refused.items()]
        if self.too_late:
            found.append(f"{self.to}: {self.too_late:,} repairs came when the frame had left")
        if self.ended_by:
            found.append(f"{self.to}: ended by {self.ended_by} after {self.frames:,} frames")
        return found


class _Prepared(NamedTuple):
    """A batch that is ready to leave."""

    data: memoryview
    starts: list[int]
    stops: list[int]
    headers: list[int]  # of ``_HEADERS``
    due: list[int] | None  # ns after the start


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
    with (
        Source(capture, schedule.selection) as source,
        ahead(_prepared(source, schedule.pace)) as batches,
        _undisturbed(),
    ):
        first = next(batches, None)
        start = time.monotonic_ns()
        try:
            with interruption.breaking():
                while first is not None:
                    _leave(first, start, outlet, departed)
                    first = next(batches, None)
        except Interrupted:
            departed.ended_by = interruption.reason
        except OutletError as error:
            departed.ended_by = str(error)
        departed.unread = list(source.losses)
    return departed


def _leave(batch: _Prepared, start: int, outlet: Outlet, departed: Departed) -> None:
    """Let a batch leave: nothing is done here that could be done before."""
    data, send, late, now_ns = batch.data, outlet.send, departed.late, MONOTONIC.now
    due, frames = batch.due, departed.frames
    when = left = left_due = 0
    try:
        for i, (begin, end) in enumerate(zip(batch.starts, batch.stops, strict=True)):
            kind = batch.headers[i]
            packet = data[begin:end] if not kind else _HEADERS[kind] + data[begin:end]
            if due is None:
                now = now_ns()
            else:
                when = start + due[i]
                now = now_ns()
                if now < when:
                    now = wait_until(when, spin_ns=_SPIN_NS)
                late[min((now - when) // _TICK_NS, _TICKS - 1)] += 1
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
        yield _Prepared(
            packets.data.data,
            starts.tolist(),
            (starts + packets.captured[which]).tolist(),
            _headers(frames, packets.linktype[which]),
            None if due is None else due.tolist(),
        )


def _headers(frames: FrameBatch, linktypes: NDArray[np.int64]) -> list[int]:
    """Which header each frame needs in front of it."""
    bare = linktypes != _RADIOTAP
    if not bare.any():
        return [0] * len(frames)
    claims = [
        np.asarray(frames.column(name).fill_null(False).to_numpy(zero_copy_only=False), np.bool_)
        for name in ("fcs_present", "bad_fcs")
    ]
    kinds = np.where(claims[0], np.where(claims[1], _BAD_FCS, _WITH_FCS), _BARE)
    return list(np.where(bare, kinds, 0).tolist())


class Packets(Protocol):
    """Packets by their numbers."""

    def get(self, number: int) -> tuple[memoryview, bool]:
        """A packet, and whether it has a Radiotap header; valid until the next is asked for."""
        ...


class PacketsOf(Closing):
    """The packets of a capture by their numbers, which rise; read along with whoever asks.

    Args:
        capture: The capture.
    """

    def __init__(self, capture: Path) -> None:
        self._walk = Walk(capture)
        self._records: Records | None = None
        self._first = 1

    def get(self, number: int) -> tuple[memoryview, bool]:
        """See :class:`Packets`.

        Raises:
            LookupError: There is none.
        """
        while self._records is None or number >= self._first + self._records.packets:
            event = next(iter(self._walk), None)
            if event is None:
                raise LookupError(number)
            if isinstance(event, Records):
                self._records = event
                self._first = self._walk.packets - event.packets + 1
        k = number - self._first
        where = self._records.where
        start = int(where.start[k])
        data = self._records.data.data[start : start + int(where.captured[k])]
        linktype = self._records.section.table[where.interface[k], LINKTYPE]
        return data, bool(linktype == _RADIOTAP)

    def close(self) -> None:
        """Close the file."""
        self._walk.close()


class Departures:
    """Lets frames leave that an algorithm was given.

    Args:
        packets: Of what is replayed.
        outlet: Where to.
        algorithm: Its name, for notes.
    """

    def __init__(self, packets: Packets, outlet: Outlet, algorithm: str) -> None:
        self.departed = Departed(outlet.name, refused=outlet.refused)
        self._packets = packets
        self._outlet = outlet
        self._algorithm = algorithm

    def leave(self, frames: FrameBatch, repairs: Repairs, due: NDArray[np.int64] | None) -> None:
        """Let frames leave, in their order.

        Args:
            frames: What the algorithm was given.
            repairs: What it answered.
            due: When each was due on the monotonic clock; None at top speed.

        Raises:
            OutletError: Nothing can leave any more.
        """
        departed = self.departed
        offsets = repairs.flip_offsets
        flips = {
            number: repairs.flips[offsets[k] : offsets[k + 1]].tolist()
            for k, number in enumerate(repairs.number.tolist())
            if repairs.repaired[k]
        }
        headers: list[int] | None = None
        for row, number in enumerate(frames.number.tolist()):
            packet, has_radiotap = self._packets.get(number)
            wire: bytes | memoryview = packet
            note = ""
            if number in flips:
                bits = flips.pop(number)
                wire, _ = mended(packet, bits, has_radiotap=has_radiotap)
                note = f"wtrec: repaired by {self._algorithm}; {len(bits)} bits flipped"
                departed.repaired += 1
            if not has_radiotap:
                if headers is None:
                    headers = _headers(frames, np.zeros(len(frames), np.int64))
                wire = _HEADERS[_WITH_FCS if note else headers[row]] + wire
            now = time.monotonic_ns()
            self._outlet.send(wire, note)
            when = None if due is None else int(due[row])
            if when is not None:
                departed.late[min(max(now - when, 0) // _TICK_NS, _TICKS - 1)] += 1
            if not departed.frames:
                departed.first, departed.first_due = now, when
            departed.frames += 1
            departed.last, departed.last_due = now, when
        departed.too_late += len(flips)
