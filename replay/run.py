"""One algorithm's own pass over a capture.

Nothing of a replay is shared between algorithms but the file: each reads it for itself, has a queue
and a clock's start of its own, and is not made late by its neighbours.

First come the frames before the offset, at once; then the clock starts. While frames are served
at a pace, a thread decodes the next ones, so that the frames behind a batch of the reader are not
late for it. At top speed nothing is read meanwhile: the time of a call is the algorithm's alone.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..clock import MONOTONIC, NS, Clock
from ..datasets.ahead import ahead
from ..datasets.frames import FcsStatus, FrameBatch
from ..datasets.tally import Tally
from .algorithm import Repairs
from .calls import called, report_of
from .departures import Departures
from .figures import Figures
from .interruption import Interrupted, Interruption
from .ledger import Asked, Ledger
from .outlets import OutletError
from .queue import SPIN_NS, Occupancy, Queue, Take
from .schedule import Schedule
from .score import Contender, Score, Standing, Tell
from .source import Piece, Source

_ROW_GROUP: Final = (
    65_536  # rows that are written at once, or a slow pace would make a group a frame
)
_TELL_NS: Final = NS // 10  # progress is told that often


class Results(Protocol):
    """What takes the results; :class:`~wtrec.datasets.results_file.ResultsFile` is one."""

    covered: int
    tally: Tally

    @property
    def is_due(self) -> bool:
        """Whether it wants what there is."""
        ...

    def write_table(self, rows: Any) -> None:
        """Take the next rows; it passes over those that it ``covered`` before."""
        ...


class Unkept:
    """Keeps no results."""

    covered = 0
    is_due = False

    def __init__(self) -> None:
        self.tally = Tally()

    def write_table(self, rows: Any) -> None:
        """Count them."""
        self.tally.add(rows)


class Run:
    """An algorithm, its queue and its books.

    Args:
        contender: The algorithm, a fresh one: it keeps state. It stays open.
        schedule: How the capture is replayed.
        results: Takes results, a ``pyarrow.Table`` in the order of the capture at a time.
        interruption: By which the run can be ended early.
        leaving: Lets frames leave when they are served.
        clock: That frames are due on.
        tell: Is told from time to time where the replay stands.
        spin_ns: How long the clock is watched before a frame is due.
    """

    def __init__(
        self,
        contender: Contender,
        schedule: Schedule,
        results: Results,
        *,
        interruption: Interruption | None = None,
        leaving: Departures | None = None,
        clock: Clock = MONOTONIC,
        tell: Tell = lambda _: None,
        spin_ns: int = SPIN_NS,
    ) -> None:
        deadline = schedule.service.deadline
        self._algorithm = contender.algorithm
        self._output = contender.output
        self._schedule = schedule
        self._results = results
        self._interruption = interruption or Interruption()
        self._leaving = leaving
        self._clock = clock
        self._tell = tell
        self._told = 0
        self._ledger = Ledger(self._algorithm.name, deadline.ns if deadline else None)
        self._figures = Figures()
        self._occupancy = Occupancy()
        waiting = self._interruption.breaking
        self._queue = Queue(schedule.pace, schedule.service, clock, spin_ns, waiting)
        self._first: int | None = None  # number of the first judged frame
        self._began = self._ended = 0
        self._served_from: int | None = None  # when earlier results had been passed over
        self._taken: tuple[int, int] | None = None  # when the first frames were, and the last

    def replay(self, capture: Path) -> Score:
        """Replay a capture, once for each run.

        Raises:
            AlgorithmError: The algorithm broke its contract.
            FormatError: The capture is damaged in its middle.
        """
        score = Score(self._algorithm.name, self._output, capture)
        with contextlib.ExitStack() as stack:
            source = stack.enter_context(Source(capture, self._schedule.selection))
            pieces: Iterator[Piece] = iter(source)
            if self._schedule.is_paced:
                pieces = stack.enter_context(ahead(source))
            self._began = self._ended = self._told = self._clock.now()
            try:
                for piece in pieces:
                    if piece.judged:
                        self._resume(piece, source, score)
                    else:
                        self._warm(piece.frames)
                self._stand(source, score.frames)
                repairs, took = self._call(self._algorithm.finish)
                self._ledger.answer(repairs, took, self._ended)
                self._ledger.close()
                score.service_ns += took
                self._leave(FrameBatch.none(), repairs, None)
            except Interrupted:
                score.interrupted = self._interruption.reason
            except OutletError as error:
                score.interrupted = str(error)
            self._enter(source)
            self._finish(source, score)
        return score

    def _resume(self, piece: Piece, source: Source, score: Score) -> None:
        """Serve a piece; at a pace, what earlier results cover comes at once."""
        frames, elapsed = piece.frames, piece.elapsed
        at = 0
        if self._schedule.is_paced:
            at = int(np.searchsorted(frames.number, self._results.covered, side="right"))
        if at:
            if self._first is None:
                self._first = int(frames.number[0])
            score.frames += at
            self._queue.skip(frames.slice(0, at), elapsed[:at])
            self._warm(frames.slice(0, at))
            self._served_from = self._clock.now()
        if at < len(frames):
            later = frames.slice(at, len(frames) - at)
            self._serve(Piece(later, elapsed[at:]), source, score)

    def _finish(self, source: Source, score: Score) -> None:
        started = self._queue.started if self._schedule.is_paced else self._began
        score.seconds = (self._ended - (started or self._began)) / NS
        if self._schedule.is_paced and self._queue.last_due:
            score.asked_fps = (score.frames - 1) * NS / self._queue.last_due
            score.taken_seconds = self._taken_seconds()
        tally = self._results.tally
        score.attempted, score.repaired = tally.rows, tally.repaired
        score.dropped = tally.dropped
        begin = self._served_from or started or self._began
        score.queue = self._figures.to_json(
            (self._ended - begin) / NS,
            tally if self._schedule.service.deadline is not None else None,
        )
        score.facts, score.problems = report_of(
            self._algorithm, self._interruption, has_finished=score.interrupted is None
        )
        score.left_out = source.left_out
        score.losses = source.losses
        score.warnings = source.warnings
        timeline = source.timeline
        score.reordered, score.clock_steps = timeline.reordered, timeline.clock_steps
        score.gaps_cut = timeline.gaps_cut

    def _taken_seconds(self) -> float:
        """From when the first frame was taken, or would have been, to when the last was."""
        if self._taken is None:
            return 0.0
        first, last = self._taken
        if self._served_from is not None and self._queue.started is not None:
            first = self._queue.started
        return (last - first) / NS

    def _warm(self, frames: FrameBatch) -> None:
        """Show frames whose answers do not count."""
        now = self._clock.now()
        bad = np.flatnonzero(frames.fcs_status == FcsStatus.BAD)
        none = np.full(len(bad), -1)
        lengths = 8 * np.diff(frames.offsets)[bad].astype(np.int64)
        self._ledger.ask(Asked(frames.number[bad], lengths, np.full(len(bad), now), none, none))
        repairs, _ = self._call(functools.partial(self._algorithm.recover, frames))
        self._ledger.answer(repairs, 0, now)
        self._began = self._clock.now()

    def _serve(self, piece: Piece, source: Source, score: Score) -> None:
        """Give the algorithm a piece, as its frames come and their turn does."""
        frames = piece.frames
        if self._first is None:
            self._first = int(frames.number[0])
        number = frames.number
        bad = np.flatnonzero(frames.fcs_status == FcsStatus.BAD)
        bits = 8 * np.diff(frames.offsets).astype(np.int64)
        at = 0
        for take in self._queue.takes(frames, piece.elapsed):
            self._taken = (self._taken[0] if self._taken else take.now, take.now)
            end = int(bad.searchsorted(take.end))
            rows, at = bad[at:end], end
            waited, found = None, _NONE
            if take.due is not None:
                waited, found = take.now - take.due, self._occupancy.found(take.due)
            asked = _asked(take, number, bits, rows, found) if len(rows) else None
            if take.dropped:
                if asked:
                    self._ledger.drop(asked)
                self._figures.drop(waited if waited is not None else _NONE, found)
                self._ended = take.now
                self._leave(
                    frames.slice(take.begin, take.end - take.begin), Repairs.none(), take.due
                )
            else:
                if asked:
                    self._ledger.ask(asked)
                given = frames.slice(take.begin, take.end - take.begin)
                repairs, took = self._call(functools.partial(self._algorithm.recover, given))
                self._ledger.answer(repairs, took, self._ended)
                self._figures.serve(take.end - take.begin, waited, found, took)
                score.service_ns += took
                self._leave(given, repairs, take.due)
            score.frames += take.end - take.begin
            if take.due is not None:
                self._occupancy.end(self._ended)
            settled = self._ledger.settled
            if settled >= _ROW_GROUP or (settled and self._results.is_due):
                self._enter(source)
            if self._ended - self._told >= _TELL_NS:
                self._stand(source, score.frames)

    def _call(self, call: Callable[[], Repairs]) -> tuple[Repairs, int]:
        """One call of the algorithm, and how long it took."""
        repairs, took = called(self._algorithm.name, call, self._interruption, self._clock)
        self._ended = self._clock.now()
        return repairs, took

    def _leave(self, frames: FrameBatch, repairs: Repairs, due: NDArray[np.int64] | None) -> None:
        if self._leaving is not None:
            self._leaving.leave(frames, repairs, due)

    def _enter(self, source: Source) -> None:
        """Write the results that are settled."""
        rows = self._ledger.take()
        number = rows.column("number").to_numpy()
        rows = rows.filter(pa.array(number >= (self._first or 0)))
        if self._first is None or not len(rows):
            return
        number = rows.column("number").to_numpy()
        if source.span:
            loop = (number - 1) // source.span
            rows = _replaced(rows, "number", pa.array(number - loop * source.span))
            rows = _replaced(rows, "loop", pa.array((loop + 1).astype(np.int32)))
        self._results.write_table(rows)

    def _stand(self, source: Source, frames: int) -> None:
        self._told = self._ended
        is_paced = self._schedule.is_paced
        started = self._queue.started or self._began
        self._tell(
            Standing(
                self._algorithm.name,
                frames,
                self._figures.dropped,
                self._ledger.late,
                (self._ended - started) / NS,
                self._queue.last_due / NS if is_paced else None,
                *source.progress(),
            )
        )


_NONE = np.zeros(0, np.int64)


def _asked(
    take: Take,
    number: NDArray[np.int64],
    bits: NDArray[np.int64],
    rows: NDArray[np.int64],
    found: NDArray[np.int64],
) -> Asked:
    """What the ledger is asked of bad frames; number and bits are of the whole piece."""
    number, bits = number[rows], bits[rows]
    if take.due is None:
        none = np.full(len(rows), -1)
        return Asked(number, bits, np.full(len(rows), take.now), none, none)
    which = rows - take.begin
    arrival = take.due[which]
    return Asked(number, bits, arrival, take.now - arrival, found[which])


def _replaced(table: Any, name: str, column: Any) -> Any:
    at = table.schema.get_field_index(name)
    return table.set_column(at, table.schema.field(at), column)
