"""Which frames of a capture are replayed, and how often: the source of a replay.

A :class:`Selection` says it; a :class:`Source` reads the capture and gives :class:`Piece` after
piece, each with the recorded time of its frames. The order is: ``start_offset`` and ``duration``
(recorded time from the capture's first frame), then ``select``, then ``limit``, and all that is
left ``loop`` times.

Frames before ``start_offset`` are given, too, as pieces that are not judged: algorithms may need
to have seen them. Frames that the offset and ``select`` leave out are counted, bad ones on
their own; those behind ``duration`` and ``limit`` are not, as nobody has read them.

Each further pass is what a longer capture would hold. Frame numbers go on behind the last number
of the pass before, and recorded time (``time``, ``tsft_us``) goes on, with the mean gap between
frames at the seam.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..clock import NS
from ..closing import Closing
from ..datasets.census import Census
from ..datasets.expression import Expression
from ..datasets.frames import FcsStatus, FrameBatch
from ..datasets.reader import CaptureReader
from ..errors import AlgorithmError
from .timeline import Timeline

_FOREVER = 1 << 62


@dataclass(frozen=True, slots=True)
class Selection:
    """Which frames, and how often.

    Attributes:
        start_offset: Seconds of recorded time that are passed over.
        warm_up: Seconds before that, of which the algorithms see the frames; None: all.
        duration: Seconds of recorded time from there; None: to the end.
        select: Which frames of these; None: all.
        limit: How many of these at most, in each pass; None: all.
        loop: How often.
        max_gap: The longest gap in recorded time, in seconds; None: as they are.
    """

    start_offset: float = 0.0
    warm_up: float | None = None
    duration: float | None = None
    select: Expression | None = None
    limit: int | None = None
    loop: int = 1
    max_gap: float | None = None

    def to_json(self) -> dict[str, Any]:
        """What was chosen; empty for all frames, once."""
        every = {name: getattr(self, name) for name in self.__slots__}
        default = Selection()
        return {
            name: str(value) if name == "select" else value
            for name, value in every.items()
            if value != getattr(default, name)
        }


@dataclass(slots=True)
class Piece:
    """Frames that come one after the other.

    Attributes:
        frames: The frames; numbers rise from piece to piece.
        elapsed: Ns of recorded time from the first judged frame to each, never falling.
        judged: Whether their answers count.
    """

    frames: FrameBatch
    elapsed: NDArray[np.int64]
    judged: bool = True


@dataclass(slots=True)
class LeftOut:
    """Frames of the capture that are not replayed: of the first pass, as far as it was read.

    Attributes:
        warm_up: Those before the offset that algorithms see.
        before: Those before the offset that they do not see.
        unselected: Those that ``select`` left out, anywhere.
        bad: Bad frames among all of these.
    """

    warm_up: int = 0
    before: int = 0
    unselected: int = 0
    bad: int = 0

    def to_json(self) -> dict[str, int]:
        """Stable keys; see docs/replay.md."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True)
class _Pass:
    """What the first pass tells about the ones after it."""

    frames: int = 0
    first: int | None = None  # recorded time of the first judged frame
    last: int = 0
    number: int = 0  # of the last judged frame

    @property
    def period(self) -> int:
        """From the begin of a pass to that of the next."""
        span = self.last - (self.first or 0)
        return span + (round(span / (self.frames - 1)) if self.frames > 1 else 0)


class Source(Closing):
    """The frames of a replay, as pieces; a context manager.

    Args:
        capture: The capture.
        selection: Which of its frames.

    Attributes:
        reader: Of the pass that is read.
        passes: Passes that have begun.
        left_out: What is not replayed.
        timeline: Of the first pass.
        census: Of all frames that the first pass has read.
        losses: What of the capture could not be read.

    Raises:
        FormatError: Not a capture, or (while iterating) a record that contradicts itself.
        OSError: It cannot be opened.
    """

    def __init__(self, capture: Path, selection: Selection) -> None:
        self.reader = self._counted = CaptureReader(capture)
        self.passes = 0
        self.left_out = LeftOut()
        self.timeline = Timeline(_ns(selection.max_gap))
        self.census = Census()
        self.losses: list[str] = []
        self._capture = capture
        self._selection = selection
        self._first = _Pass()
        self._pieces = self._read()

    @property
    def span(self) -> int:
        """How much frame numbers rise from pass to pass; 0 before the first has ended."""
        return self._first.number if self.passes > 1 else 0

    @property
    def warnings(self) -> list[str]:
        """What there is where no bad frames are, or what they may hide among; a sentence each."""
        lines = [f"{self._capture}: {doubt}" for doubt in self.census.doubts]
        if lines or self.census.bad:
            return lines
        there = (
            (self._counted.other_linktypes, "packets are not 802.11"),
            (self._counted.malformed, "frames have a Radiotap header that is not sound"),
            (self.census.absent - self._counted.malformed, "frames are without an FCS"),
            (self.census.unverifiable, "frames have an FCS that cannot be checked"),
        )
        found = [f"{count:,} {what}" for count, what in there if count > 0]
        if not self._counted.packets:
            found = ["there are no packets"]
        return [f"{self._capture}: nothing to repair: {', '.join(found)}"] if found else []

    def close(self) -> None:
        """Close the capture; iteration ends."""
        self._pieces.close()
        self.reader.close()

    def progress(self) -> tuple[int, int]:
        """Bytes used so far, and in all."""
        done, size = self.reader.progress()
        return done + size * (max(self.passes, 1) - 1), size * self._selection.loop

    def __iter__(self) -> Iterator[Piece]:
        return self._pieces

    def _read(self) -> Generator[Piece]:
        self.passes = 1
        for piece in self._pass(self.reader, self.timeline, self.left_out):
            self._note(piece)
            yield piece
        self.losses = self.reader.losses
        for number in range(1, self._selection.loop):
            self.reader.close()
            self.reader = CaptureReader(self._capture)
            self.passes = number + 1
            timeline = Timeline(_ns(self._selection.max_gap))
            for piece in self._pass(self.reader, timeline, LeftOut()):
                if piece.judged:
                    yield self._later(piece, number)

    def _note(self, piece: Piece) -> None:
        """Learn from the first pass; recorded time begins with its first judged frame."""
        if not piece.judged:
            return
        first = self._first
        if first.first is None:
            first.first = int(piece.elapsed[0])
        first.frames += len(piece.frames)
        first.last = int(piece.elapsed[-1])
        first.number = int(piece.frames.number[-1])
        piece.elapsed = piece.elapsed - first.first

    def _later(self, piece: Piece, number: int) -> Piece:
        """A piece of a later pass; ``number`` from 1."""
        shift = number * self._first.period
        if shift + self._first.last >= _FOREVER:
            raise AlgorithmError(
                f"{self._capture}: pass {number + 1} would begin {shift / NS:.3g} s later: the "
                "capture's times reach too far; --max-gap shortens gaps"
            )
        arrow = piece.frames.arrow
        for name, more in (
            ("number", number * self._first.number),
            ("time", pa.scalar(shift, pa.duration("ns"))),
            ("tsft_us", pa.scalar(shift // 1000, pa.uint64())),
        ):
            at = arrow.schema.get_field_index(name)
            field_ = arrow.schema.field(at)
            moved = pc.call_function("add", [arrow.column(at), more]).cast(field_.type)
            arrow = arrow.set_column(at, field_, moved)
        elapsed = piece.elapsed - (self._first.first or 0) + shift
        return Piece(FrameBatch(arrow), elapsed)

    def _pass(
        self, reader: CaptureReader, timeline: Timeline, left_out: LeftOut
    ) -> Iterator[Piece]:
        """The capture once, from begin to end of what is asked for."""
        wanted = self._selection
        begin = _ns(wanted.start_offset) or 0
        warm = 0 if wanted.warm_up is None else max(0, begin - (_ns(wanted.warm_up) or 0))
        end = _FOREVER if wanted.duration is None else begin + (_ns(wanted.duration) or 0)
        left = _FOREVER if wanted.limit is None else wanted.limit
        for frames in reader:
            if reader is self._counted:
                self.census.add(frames)
            elapsed = timeline.elapsed(frames)
            seen, first, last = (int(i) for i in np.searchsorted(elapsed, [warm, begin, end]))
            left_out.before += seen
            left_out.bad += _bad(frames.slice(0, first))
            early = self._selected(frames, elapsed, seen, first, LeftOut())
            left_out.warm_up += len(early.frames)
            left_out.unselected += (first - seen) - len(early.frames)
            if len(early.frames):
                yield replace(early, judged=False)
            last = self._within(frames, first, last, left)
            piece = self._selected(frames, elapsed, first, last, left_out)
            left -= len(piece.frames)
            if len(piece.frames):
                yield piece
            if last < len(frames) or not left:
                return

    def _within(self, frames: FrameBatch, begin: int, end: int, limit: int) -> int:
        """Where the frames end that hold so many selected ones, or all end."""
        if self._selection.select is None:
            return min(end, begin + limit)
        chosen = np.flatnonzero(self._selection.select(frames.slice(begin, end - begin)))
        return end if len(chosen) <= limit else begin + int(chosen[limit - 1]) + 1

    def _selected(
        self,
        frames: FrameBatch,
        elapsed: NDArray[np.int64],
        begin: int,
        end: int,
        left_out: LeftOut,
    ) -> Piece:
        """Some of a batch, without what ``select`` leaves out."""
        part, elapsed = frames.slice(begin, end - begin), elapsed[begin:end]
        if self._selection.select is None or not len(part):
            return Piece(part, elapsed)
        chosen = self._selection.select(part)
        left_out.unselected += int((~chosen).sum())
        left_out.bad += int((part.fcs_status[~chosen] == FcsStatus.BAD).sum())
        if not chosen.all():
            part, elapsed = FrameBatch(part.arrow.filter(pa.array(chosen))), elapsed[chosen]
        return Piece(part, elapsed)


def _bad(frames: FrameBatch) -> int:
    return int((frames.fcs_status == FcsStatus.BAD).sum()) if len(frames) else 0


def _ns(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * NS)
