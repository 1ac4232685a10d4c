"""The analysis of one run: capture, truth and results in, numbers out.

The capture is read twice, each time in bounded memory: once for the truth to learn where
payloads lie, once to match, count and judge. One core decodes and matches, the other does the
rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.ahead import ahead
from ..datasets.census import Census
from ..datasets.files import sha256_of
from ..datasets.frames import FRAMES, FcsStatus, FrameBatch
from ..datasets.parquet import TableFile
from ..datasets.reader import CaptureReader
from ..datasets.results import RESULTS
from ..errors import MatchError
from .conditions import Conditions
from .evaluation import Evaluation
from .grouping import Grouping
from .payload_truth import PayloadTruth
from .provenance import SCHEMA, Provenance, recorded
from .scoring import AlgorithmScore, Scorer
from .signal import SignalCensus
from .statistics import Statistics
from .tally import Group, Tally
from .throughput import Assumptions
from .truth import Known, NoTruth, Outcome, Truth

# Columns that bit errors can hit; those before them in FRAMES come from the radio.
_OF_THE_HEADER = [column.name for column in FRAMES.columns][
    [column.name for column in FRAMES.columns].index("type") :
]


@dataclass
class Analysis:
    """Every number of a run."""

    capture: Path
    truth: str
    census: Census
    by: list[str]
    matching: Counter[Outcome] = field(default_factory=Counter)
    groups: list[Group] = field(default_factory=list)
    algorithms: list[AlgorithmScore] = field(default_factory=list)
    signal: SignalCensus = field(default_factory=SignalCensus)
    evaluation: Evaluation | None = None
    losses: list[str] = field(default_factory=list)
    provenance: Provenance = field(default_factory=Provenance)

    @property
    def warnings(self) -> list[str]:
        """What to know before one believes the numbers, one sentence each."""
        bad, matched = self.census.bad, self.matching[Outcome.MATCHED]
        bad -= self.matching[Outcome.REWRITTEN]  # no bit error made these bad
        found = []
        if bad and self.truth == NoTruth.description:
            found.append("there is no truth: no bit and no repair is judged")
        elif bad and not matched:
            found.append(f"no bad frame matches {self.truth}: is it of this run?")
        elif matched < bad:
            found.append(self._were_they_as_bad_as_can_be(bad - matched, bad))
        damaged = [name for name in self.by if name in _OF_THE_HEADER]
        if bad and damaged:
            found.append(
                f"groups by {', '.join(damaged)} are as received: a bad frame whose header was "
                "hit may stand in the wrong one"
            )
        to_repair = self.census.bad - self.matching[Outcome.REWRITTEN]
        found += [
            f"{score.path.name} answers for {score.attempted} of {to_repair} bad frames"
            if score.covers_to is None
            else f"{score.path.name} is partial: it covers frames up to {score.covers_to}; "
            f"{score.not_covered} of {to_repair} bad frames are behind it, and not judged; "
            "wtrec replay --resume completes it"
            for score in self.algorithms
            if score.attempted < to_repair or score.covers_to is not None
        ]
        found += [
            f"{score.path.name}: {score.dropped:,} of {score.attempted:,} bad frames were dropped "
            "by the replay, too late when their turn came: they count as not repaired"
            for score in self.algorithms
            if score.dropped
        ]
        found += [
            f"{score.path.name} is of several passes over the capture: the first is judged"
            for score in self.algorithms
            if score.later_loops
        ]
        return found

    def _were_they_as_bad_as_can_be(self, left: int, bad: int) -> str:
        judged = sum(group.judged for group in self.groups)
        known = sum(group.bits for group in self.groups)
        errors = sum(group.bit_errors for group in self.groups)
        bits = known + sum(group.numbers.good_bits for group in self.groups)
        unknown = left * known / judged if judged else 0.0
        worst = (errors + unknown / 2) / (bits + unknown) if bits else 0.0
        return (
            f"{left:,} of {bad:,} bad frames are not judged, and likely the worst: if half of "
            "their bits are wrong, as they are behind a misread scrambler, the bit error rate is "
            f"{worst:.3g}, not {errors / bits if bits else 0.0:.3g}"
        )

    def to_json(self) -> dict[str, Any]:
        """Stable keys; see docs/analyze.md."""
        return {
            "schema": SCHEMA,
            "capture": str(self.capture),
            "truth": self.truth,
            **self.provenance.to_json(),
            "frames": self.census.to_json(),
            "matching": {outcome.name.lower(): self.matching[outcome] for outcome in Outcome},
            "group_by": self.by,
            "by": [group.to_json() for group in self.groups],
            "signal": self.signal.to_json(),
            "algorithms": [score.to_json() for score in self.algorithms],
            "partial": [
                {
                    "results": score.path.name,
                    "covers_to": score.covers_to,
                    "not_covered": score.not_covered,
                }
                for score in self.algorithms
                if score.covers_to is not None
            ],
            **(self.evaluation.to_json() if self.evaluation else {}),
            "warnings": self.warnings,
            "losses": self.losses,
        }


def analyze(
    capture: Path,
    *,
    truth: Truth | None = None,
    conditions: Conditions | None = None,
    results: Sequence[Path] = (),
    by: Sequence[str] = ("rate_mbps",),
    seed: int = 1,
    block: int = 1,
    assumptions: Assumptions | None = None,
    on_progress: Callable[[str, CaptureReader], None] = lambda _step, _reader: None,
) -> Analysis:
    """Analyze a capture.

    Args:
        capture: The capture.
        truth: Where originals come from; None: no bit is judged.
        conditions: The tx log, to group by its columns.
        results: Results files of replays of this capture.
        by: Columns to group by.
        seed: Of the resampling behind intervals, 0 or more.
        block: Consecutive frames of a group that are resampled together.
        assumptions: Of the throughput: what a capture does not say.
        on_progress: Called after each batch with the step's name and the reader.

    Raises:
        MatchError: Results of another capture; no such column.
        FormatError: A damaged file.
    """
    truth = truth or NoTruth()
    grouping = Grouping(by, conditions)
    analysis = Analysis(capture, truth.description, Census(), grouping.by)
    # By a payload rule all packets are alike: which are copies of one is not known.
    statistics = Statistics(seed, block, tells_apart=not isinstance(truth, PayloadTruth))
    with ExitStack() as stack:
        scorers = [Scorer(stack.enter_context(TableFile(path, RESULTS))) for path in results]
        analysis.algorithms = [scorer.score for scorer in scorers]
        evaluation = Evaluation(grouping, analysis.algorithms, assumptions or Assumptions())
        judge = _Judge(analysis, truth, grouping, Tally(grouping), statistics, scorers, evaluation)
        hasher = stack.enter_context(ThreadPoolExecutor(1))
        digest = hasher.submit(sha256_of, capture)
        if not isinstance(truth, NoTruth):
            with CaptureReader(capture) as reader, ahead(reader) as batches:
                for frames in batches:
                    truth.learn(frames)
                    on_progress("learning", reader)
        with CaptureReader(capture) as reader, ahead(judge.matched(reader)) as batches:
            for matched in batches:
                judge.add(matched)
                on_progress("judging", reader)
            analysis.losses = reader.losses
        sha256 = digest.result()
        for scorer in scorers:
            if scorer.capture_sha256 != sha256:
                raise MatchError(
                    f"{scorer.score.path}: results of another capture (SHA-256 differs); "
                    "replay this capture again"
                )
    analysis.groups = judge.tally.groups(statistics)
    evaluation.finish()
    analysis.evaluation = evaluation
    analysis.provenance = Provenance(sha256, truth.kind, seed, block, recorded(capture))
    return analysis


@dataclass(frozen=True, slots=True)
class _Matched:
    """A batch and what is known of it.

    Attributes:
        frames: The batch.
        bad: Its bad frames.
        known: What is known of these.
        errors: Bit errors of each of these.
        good_bits: Bits of each frame that is good and would be judged, as far as is known by now.
    """

    frames: FrameBatch
    bad: NDArray[np.int64]
    known: Known
    errors: NDArray[np.int64]
    good_bits: NDArray[np.float64] | None


@dataclass(frozen=True, slots=True)
class _Judge:
    """What becomes of a batch: matched once, its groups numbered once, and all counters fed."""

    analysis: Analysis
    truth: Truth
    grouping: Grouping
    tally: Tally
    statistics: Statistics
    scorers: list[Scorer]
    evaluation: Evaluation

    def matched(self, batches: Iterable[FrameBatch]) -> Iterator[_Matched]:
        """Match batches; while this works on one, :meth:`add` may count the one before it."""
        for frames in batches:
            bad: NDArray[np.int64] = np.flatnonzero(frames.fcs_status == FcsStatus.BAD)
            known, good_bits = self.statistics.match(self.truth, frames, bad)
            yield _Matched(frames, bad, known, known.errors(frames, bad), good_bits)

    def add(self, matched: _Matched) -> None:
        """Count and judge one batch."""
        frames, bad, known, errors = matched.frames, matched.bad, matched.known, matched.errors
        self.analysis.census.add(frames)
        self.analysis.signal.add(frames)
        for code, count in zip(*np.unique(known.outcome, return_counts=True), strict=True):
            self.analysis.matching[Outcome(int(code))] += int(count)
        groups = self.grouping.of(frames)
        judged = known.outcome == Outcome.MATCHED
        self.tally.add(
            frames,
            groups,
            bad[judged],
            8 * np.diff(known.bounds)[judged],
            errors[judged],
            rewritten=bad[known.outcome == Outcome.REWRITTEN],
        )
        self.statistics.add(frames, groups, bad, known, errors, matched.good_bits)
        verdicts = [scorer.judge(frames, bad, known, errors) for scorer in self.scorers]
        self.evaluation.add(frames, groups, bad, known, errors, verdicts)
