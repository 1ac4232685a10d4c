"""Feed a capture into recovery algorithms and keep the books.

The engine reads the capture alone. It never opens a tx log, so an algorithm cannot see the
truth by accident. Every algorithm gets the same frames, each in a pass of its own (:mod:`.run`),
and a results file of its own, which appears when its pass has ended well: what another algorithm
does, or where it fails, makes no difference to it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from ..clock import MONOTONIC, Clock
from ..datasets.files import sha256_of
from ..datasets.parquet import new_table
from ..datasets.results import RESULTS
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
        return min((score.achieved_fps for score in self.scores), default=0.0)

    @property
    def losses(self) -> list[str]:
        """What was lost, one sentence each."""
        of_captures = [line for score in self._one_each for line in score.losses]
        return of_captures + [
            f"{score.name}: {line}" for score in self.scores for line in score.problems
        ]

    @property
    def _one_each(self) -> list[Score]:
        """One score of each capture: all algorithms get the same frames."""
        return list({score.capture: score for score in self.scores}.values())


def replay(
    capture: Path,
    contenders: Sequence[Contender],
    schedule: Schedule | None = None,
    *,
    clock: Clock = MONOTONIC,
    tell: Tell = lambda _: None,
) -> ReplaySummary:
    """Replay a capture into algorithms, one after the other; one results file each.

    Args:
        capture: The capture.
        contenders: The algorithms, fresh ones: they keep state.
        schedule: Which frames, at what pace, how served; by default all, at top speed.
        clock: That frames are due on.
        tell: Is told from time to time where the replay stands.

    Raises:
        AlgorithmError: An algorithm broke its contract; there are no results of it, nor of those
            behind it.
        FormatError: The capture is damaged in its middle; no results are written.
    """
    schedule = schedule or Schedule()
    with ThreadPoolExecutor(1) as hasher:  # beside the work: it needs no interpreter lock
        digest = hasher.submit(sha256_of, capture)
        scores = [
            replay_one(capture, contender, schedule, digest.result, clock=clock, tell=tell)
            for contender in contenders
        ]
    return ReplaySummary(str(schedule.pace), scores)


def replay_one(
    capture: Path,
    contender: Contender,
    schedule: Schedule,
    digest: Callable[[], str],
    *,
    clock: Clock = MONOTONIC,
    tell: Tell = lambda _: None,
    spin_ns: int = SPIN_NS,
) -> Score:
    """Replay a capture into one algorithm, and write its results.

    Args:
        capture: The capture.
        contender: The algorithm.
        schedule: Which frames, at what pace, how served.
        digest: Gives the capture's SHA-256, when it is wanted.
        clock: That frames are due on.
        tell: Is told from time to time where the replay stands.
        spin_ns: How long the clock is watched before a frame is due.

    Raises:
        AlgorithmError: The algorithm broke its contract; no results are written.
        FormatError: The capture is damaged in its middle; no results are written.
    """
    metadata = {
        "algorithm": contender.algorithm.name,
        "parameters": json.dumps(contender.parameters),
        "capture": capture.name,
        "wtrec_version": version("wtrec"),
        **schedule.metadata(),
    }
    with new_table(contender.output, RESULTS, metadata) as writer:
        run = Run(contender, schedule, writer.write_table, clock=clock, tell=tell, spin_ns=spin_ns)
        score = run.replay(capture)
        writer.add_key_value_metadata(
            {
                "wtrec.capture_sha256": digest(),
                "wtrec.achieved_fps": f"{score.achieved_fps:.1f}",
                "wtrec.facts": json.dumps(dict(score.facts)),
                "wtrec.problems": json.dumps(list(score.problems)),
                "wtrec.queue": json.dumps(score.queue),
            }
        )
    return score
