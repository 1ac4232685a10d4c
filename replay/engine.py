"""Feed a capture into recovery algorithms and keep the books.

The engine reads the capture alone. It never opens a tx log, so an algorithm cannot see the
truth by accident. Every algorithm gets the same frames in the same batches; the time that
each call takes is measured on its own.
"""

from __future__ import annotations

import contextlib
import functools
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..clock import NS, wait_until
from ..datasets.files import sha256_of
from ..datasets.frames import FcsStatus, FrameBatch
from ..datasets.reader import CaptureReader
from ..datasets.results_file import Earlier, ResultsFile, earlier_results, of_capture
from .algorithm import Algorithm, Repairs
from .calls import called
from .departures import Departures
from .interruption import Interrupted, Interruption
from .ledger import Ledger
from .outlets import OutletError
from .pacing import Pace, TopSpeed

_ROW_GROUP = 65_536  # rows that are written at once, or a slow pace would make a group a frame


@dataclass(frozen=True)
class Contender:
    """One algorithm of a run, and where its results go."""

    algorithm: Algorithm
    parameters: Mapping[str, Any]
    output: Path


@dataclass
class Score:
    """What an algorithm did, before anybody judges it.

    Attributes:
        name: The algorithm's name.
        output: Its results file.
        attempted: Bad frames that it was given.
        repaired: Those that it claims to have repaired.
        service_ns: Time that its calls took.
        facts: What it measured beside its answers (``Algorithm`` says how), by name.
        problems: What went wrong inside of it, a line each.
    """

    name: str
    output: Path
    attempted: int = 0
    repaired: int = 0
    service_ns: int = 0
    facts: Mapping[str, float] = field(default_factory=dict)
    problems: Sequence[str] = ()

    @property
    def abstained(self) -> int:
        """Bad frames that it left as they are."""
        return self.attempted - self.repaired


@dataclass
class ReplaySummary:
    """What was replayed, how fast, and what came of it."""

    frames: int = 0
    bad: int = 0
    seconds: float = 0.0
    pace: str = ""
    losses: list[str] = field(default_factory=list)
    scores: list[Score] = field(default_factory=list)
    interrupted: str | None = None  # by what
    complete: list[Path] = field(default_factory=list)  # results that were so before

    @property
    def achieved_fps(self) -> float:
        """Frames per second over the whole replay."""
        return self.frames / self.seconds if self.seconds else 0.0


def replay(
    capture: Path,
    contenders: list[Contender],
    *,
    pace: Pace | None = None,
    limit: int | None = None,
    resume: bool = False,
    interruption: Interruption | None = None,
    departures: Departures | None = None,
    on_progress: Callable[[CaptureReader], None] = lambda _: None,
) -> ReplaySummary:
    """Replay a capture into algorithms; one results file each.

    If it is interrupted, the results say that they are partial; if it is killed, journals stay.
    Either is what a later replay resumes: algorithms get all frames again, as they may keep state,
    and those of their answers count that are not there yet.

    Args:
        capture: The capture.
        contenders: The algorithms, fresh ones: they keep state.
        pace: When frames are due; top speed by default.
        limit: Stop after so many frames.
        resume: Go on with what an earlier replay has left, if it has.
        interruption: By which it can be ended early.
        departures: Lets frames leave as the first algorithm has answered for them.
        on_progress: Called after each batch.

    Raises:
        AlgorithmError: An algorithm broke its contract; no results are written. What is left of an
            earlier replay is of another one, or another one is writing.
        FormatError: The capture is damaged in its middle; no results are written.
    """
    pace = pace or TopSpeed()
    interruption = interruption or Interruption()
    summary = ReplaySummary(pace=str(pace))
    with contextlib.ExitStack() as stack:
        for contender in contenders:
            stack.callback(getattr(contender.algorithm, "close", _nothing))
        hasher = stack.enter_context(ThreadPoolExecutor(1))
        digest = hasher.submit(sha256_of, capture)  # beside the work: it needs no interpreter lock
        begun = list(_begun(contenders, capture, pace, limit, resume, digest))
        is_complete = [earlier is not None and earlier.is_complete for _, _, earlier in begun]
        summary.complete = [
            c.output for c, done in zip(contenders, is_complete, strict=True) if done
        ]
        begun = [each for each, done in zip(begun, is_complete, strict=True) if not done]
        contenders = [contender for contender, _, _ in begun]
        if not contenders:
            return summary
        summary.scores = [Score(c.algorithm.name, c.output) for c in contenders]
        writers = [
            stack.enter_context(ResultsFile(contender.output, metadata, earlier))
            for contender, metadata, earlier in begun
        ]
        books = [Ledger(c.algorithm.name) for c in contenders]
        reader = stack.enter_context(CaptureReader(capture))
        started = time.monotonic_ns()
        try:
            again = min(writer.covered for writer in writers)
            limited = _limited(reader, limit)
            for frames, queued in _paced(limited, pace, started, interruption, again):
                came = time.monotonic_ns()
                bad = frames.fcs_status == FcsStatus.BAD
                summary.frames += len(frames)
                summary.bad += int(bad.sum())
                for contender, ledger, score, writer in zip(
                    contenders, books, summary.scores, writers, strict=True
                ):
                    ledger.ask(frames.number[bad], 8 * np.diff(frames.offsets)[bad], queued[bad])
                    call = functools.partial(contender.algorithm.recover, frames)
                    repairs = _answer(ledger, score, call, interruption)
                    if departures is not None and contender is contenders[0]:
                        departures.leave(frames, repairs, None if queued[0] < 0 else came - queued)
                    if ledger.settled >= _ROW_GROUP or writer.is_due:
                        writer.write_table(ledger.take())
                on_progress(reader)
            for contender, ledger, score in zip(contenders, books, summary.scores, strict=True):
                repairs = _answer(ledger, score, contender.algorithm.finish, interruption)
                ledger.close()
                if departures is not None and contender is contenders[0]:
                    departures.leave(FrameBatch.none(), repairs, None)
        except Interrupted:
            summary.interrupted = interruption.reason
        except OutletError as error:
            summary.interrupted = str(error)
        summary.seconds = (time.monotonic_ns() - started) / NS
        summary.losses = list(reader.losses)
        for contender, ledger, score, writer in zip(
            contenders, books, summary.scores, writers, strict=True
        ):
            writer.write_table(ledger.take())
            score.attempted, score.repaired = writer.rows, writer.repaired
            score.facts = getattr(contender.algorithm, "facts", dict)()
            score.problems = getattr(contender.algorithm, "problems", list)()
            summary.losses += [f"{score.name}: {line}" for line in score.problems]
            metadata = {
                "capture_sha256": digest.result(),
                "achieved_fps": f"{summary.achieved_fps:.1f}",
                "facts": json.dumps(dict(score.facts)),
                "problems": json.dumps(list(score.problems)),
            }
            if summary.interrupted is None:
                writer.finish(metadata)
            else:
                writer.stop(metadata)
                summary.losses.append(
                    f"{score.output}: partial: ended by {summary.interrupted}, it covers frames up "
                    f"to {writer.last}; --resume completes it"
                )
    return summary


def _nothing() -> None:
    """The ``close`` of algorithms that have none."""


def _answer(
    ledger: Ledger, score: Score, call: Callable[[], Repairs], interruption: Interruption
) -> Repairs:
    """One call of an algorithm, timed and entered; what it has answered."""
    repairs, took = called(score.name, call, interruption)
    score.service_ns += took
    ledger.answer(repairs, took)
    return repairs


def _limited(reader: CaptureReader, limit: int | None) -> Iterator[FrameBatch]:
    left = limit
    for frames in reader:
        if left is None:
            yield frames
            continue
        yield frames.slice(0, min(left, len(frames)))
        left -= len(frames)
        if left <= 0:
            return


def _paced(
    batches: Iterator[FrameBatch],
    pace: Pace,
    started: int,
    interruption: Interruption,
    again: int = 0,
) -> Iterator[tuple[FrameBatch, NDArray[np.int64]]]:
    """Give out frames when they are due, all that are due by then at once.

    Those up to number ``again`` were replayed before: they come at once, and the pace begins
    behind them.

    Yields:
        Frames, and for each how long it has waited in ns (-1 at top speed).
    """
    begin: int | None = started
    for frames in batches:
        due = pace.due(frames)
        if due is None:
            yield frames, np.full(len(frames), -1, np.int64)
            continue
        at = int(np.searchsorted(frames.number, again, side="right"))
        if at:
            yield frames.slice(0, at), np.full(at, -1, np.int64)
            begin = None
            if at == len(frames):
                continue
        if begin is None:
            begin = time.monotonic_ns() - int(due[at])
        due += begin
        while at < len(frames):
            with interruption.breaking():
                now = wait_until(int(due[at]))
            end = int(np.searchsorted(due, now, side="right"))
            yield frames.slice(at, end - at), now - due[at:end]
            at = end


def _begun(
    contenders: list[Contender],
    capture: Path,
    pace: Pace,
    limit: int | None,
    resume: bool,
    digest: Future[str],
) -> Iterator[tuple[Contender, dict[str, str], Earlier | None]]:
    """What the results of each contender say at the start, and what they go on with."""
    for contender in contenders:
        metadata = _metadata(contender, capture, pace, limit)
        earlier = earlier_results(contender.output) if resume else None
        if earlier is not None:
            sha256 = (
                {"capture_sha256": digest.result()} if "capture_sha256" in earlier.metadata else {}
            )
            earlier.check({**metadata, **sha256})
        yield contender, metadata, earlier


def _metadata(contender: Contender, capture: Path, pace: Pace, limit: int | None) -> dict[str, str]:
    return {
        **of_capture(capture),
        "limit": "" if limit is None else str(limit),
        "algorithm": contender.algorithm.name,
        "parameters": json.dumps(contender.parameters),
        "capture": capture.name,
        "pace": str(pace),
        "wtrec_version": version("wtrec"),
    }
