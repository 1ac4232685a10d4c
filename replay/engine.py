"""Feed a capture into recovery algorithms and keep the books.

The engine reads the capture alone. It never opens a tx log, so an algorithm cannot see the
truth by accident. Every algorithm gets the same frames, each in a pass of its own (:mod:`.run`),
and a results file of its own, which appears when its pass has ended well: what another algorithm
does, or where it fails, makes no difference to it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from ..clock import MONOTONIC, Clock
from ..datasets.files import sha256_of
from ..datasets.results_file import Earlier, ResultsFile, earlier_results, of_capture
from ..errors import AlgorithmError
from .calls import Held
from .choice import package_of
from .departures import Departures
from .interruption import Interruption
from .queue import SPIN_NS
from .run import Run
from .schedule import Schedule
from .score import Contender, Score, Standing, Tell

__all__ = ["Contender", "ReplaySummary", "Score", "Standing", "Tell", "replay", "replay_one"]


@dataclass
class ReplaySummary:
    """What was replayed, how fast, and what came of it.

    Attributes:
        pace: What was asked for.
        scores: Of each algorithm, of each capture.
    """

    pace: str = ""
    scores: list[Score] = field(default_factory=list)

    @property
    def frames(self) -> int:
        """Frames that were replayed into each algorithm, of all captures."""
        return sum(score.frames for score in self._one_each)

    @property
    def bad(self) -> int:
        """Bad ones among them."""
        return sum(score.attempted for score in self._one_each)

    @property
    def seconds(self) -> float:
        """How long the passes took, one after the other."""
        return sum(score.seconds for score in self.scores)

    @property
    def achieved_fps(self) -> float:
        """Frames per second of the slowest pass."""
        passes = [score.achieved_fps for score in self.scores if not score.was_complete]
        return min(passes, default=0.0)

    @property
    def losses(self) -> list[str]:
        """What was lost, one sentence each."""
        of_captures = list(dict.fromkeys(line for s in self.scores for line in s.losses))
        of_captures += [f"{score.name}: {line}" for score in self.scores for line in score.problems]
        return of_captures + [
            f"{score.output}: partial: ended by {score.interrupted}, it covers frames up to "
            f"{score.covers_to}; --resume completes it"
            for score in self.scores
            if score.interrupted is not None
        ]

    @property
    def _one_each(self) -> list[Score]:
        """Of each capture the score with the most frames: all algorithms get the same ones."""
        fullest: dict[Path, Score] = {}
        for score in self.scores:
            if score.capture not in fullest or score.frames > fullest[score.capture].frames:
                fullest[score.capture] = score
        return list(fullest.values())


def replay(
    capture: Path,
    contenders: Sequence[Contender],
    schedule: Schedule | None = None,
    *,
    resume: bool = False,
    interruption: Interruption | None = None,
    departures: Departures | None = None,
    clock: Clock = MONOTONIC,
    tell: Tell = lambda _: None,
) -> ReplaySummary:
    """Replay a capture into algorithms, one after the other; one results file each.

    If it is interrupted, the results say that they are partial; if it is killed, a journal stays.
    Either is what a later replay resumes: the algorithm gets all frames again, as it may keep
    state, and those of its answers count that are not there yet.

    Args:
        capture: The capture.
        contenders: The algorithms, fresh ones: they keep state. They are closed.
        schedule: Which frames, at what pace, how served; by default all, at top speed.
        resume: Go on with what an earlier replay has left, if it has.
        interruption: By which it can be ended early.
        departures: Lets frames leave when the algorithm has answered for them.
        clock: That frames are due on.
        tell: Is told from time to time where the replay stands.

    Raises:
        AlgorithmError: An algorithm broke its contract; there are no results of it, nor of those
            behind it.
        FormatError: The capture is damaged in its middle; no results are written.
    """
    schedule = schedule or Schedule()
    with ThreadPoolExecutor(1) as hasher, ExitStack() as stack:
        # the hash, beside the work: it needs no interpreter lock
        digest = hasher.submit(sha256_of, capture)
        held = [stack.enter_context(Held(contender.algorithm)) for contender in contenders]
        scores: list[Score] = []
        for contender, algorithm in zip(contenders, held, strict=True):
            score = replay_one(
                capture,
                contender,
                schedule,
                digest.result,
                resume=resume,
                interruption=interruption,
                departures=departures,
                clock=clock,
                tell=tell,
            )
            algorithm.close()
            score.problems = [*score.problems, *algorithm.problems]
            scores.append(score)
    return ReplaySummary(str(schedule.pace), scores)


def replay_one(
    capture: Path,
    contender: Contender,
    schedule: Schedule,
    digest: Callable[[], str],
    *,
    resume: bool = False,
    interruption: Interruption | None = None,
    departures: Departures | None = None,
    clock: Clock = MONOTONIC,
    tell: Tell = lambda _: None,
    spin_ns: int = SPIN_NS,
) -> Score:
    """Replay a capture into one algorithm, and write its results.

    Args:
        capture: The capture.
        contender: The algorithm; it stays open.
        schedule: Which frames, at what pace, how served.
        digest: Gives the capture's SHA-256, when it is wanted.
        resume: Go on with what an earlier replay has left, if it has.
        interruption: By which it can be ended early.
        departures: Lets frames leave when the algorithm has answered for them.
        clock: That frames are due on.
        tell: Is told from time to time where the replay stands.
        spin_ns: How long the clock is watched before a frame is due.

    Raises:
        AlgorithmError: The algorithm broke its contract; no results are written.
        FormatError: The capture is damaged in its middle; no results are written.
    """
    metadata = {
        **of_capture(capture),
        "algorithm": contender.algorithm.name,
        "parameters": json.dumps(contender.parameters),
        "capture": capture.name,
        "wtrec_version": version("wtrec"),
        **schedule.metadata(),
    }
    if package := package_of(contender.algorithm.name):
        metadata["package"] = package
    earlier = _earlier(contender.output, metadata, schedule, digest) if resume else None
    if earlier is not None and earlier.is_complete:
        return Score(contender.algorithm.name, contender.output, capture, was_complete=True)
    with ResultsFile(contender.output, metadata, earlier) as results:
        run = Run(
            contender,
            schedule,
            results,
            interruption=interruption,
            leaving=departures,
            clock=clock,
            tell=tell,
            spin_ns=spin_ns,
        )
        score = run.replay(capture)
        more = {
            "capture_sha256": digest(),
            "achieved_fps": f"{score.achieved_fps:.1f}",
            "facts": json.dumps(dict(score.facts)),
            "problems": json.dumps(list(score.problems)),
            "queue": json.dumps(score.queue),
        }
        if score.interrupted is None:
            results.finish(more)
        else:
            score.covers_to = results.last
            results.stop(more)
    return score


def _earlier(
    output: Path, metadata: Mapping[str, str], schedule: Schedule, digest: Callable[[], str]
) -> Earlier | None:
    """What there is to go on with.

    Raises:
        AlgorithmError: It is of another replay, or of one that nobody can go on with.
    """
    if schedule.selection.loop > 1:
        raise AlgorithmError(f"{output}: --resume goes on with one pass, not with --loop")
    earlier = earlier_results(output)
    if earlier is not None:
        if "capture_sha256" in earlier.metadata:
            earlier.check({"capture_sha256": digest()})
        earlier.check(metadata)
    return earlier
