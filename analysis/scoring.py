"""Was a repair right? The results of a replay against the truth, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..datasets.frames import FrameBatch
from ..datasets.parquet import TableFile
from ..datasets.results import DROPPED, REPAIRED, RESULTS
from ..datasets.results_file import covers_to
from ..errors import FormatError, MatchError
from .intervals import ends
from .kernels import CORRECT, UNJUDGED, WRONG, fcs_holds, judge_flips
from .truth import Known, Outcome

ABSTAINED, NOT_GIVEN = 3, 4
"""Beside the kernel's verdicts: the frame was left as it was; or it was dropped by the replay, and
so not repaired."""


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What became of the bad frames of a batch that an algorithm was given.

    Attributes:
        where: Their places among the bad frames of the batch, shape (n,), rising.
        codes: ``CORRECT``, ``WRONG``, ``UNJUDGED``, ``ABSTAINED`` or ``NOT_GIVEN``, shape (n,).
        bounds: Frame k's flips are ``flips[bounds[k]:bounds[k + 1]]``, shape (n + 1,).
        flips: Bit positions.
        service_ns: Time of the call that answered, shape (n,).
    """

    where: NDArray[np.int64]
    codes: NDArray[np.int8]
    bounds: NDArray[np.int64]
    flips: NDArray[np.int64]
    service_ns: NDArray[np.int64]

    @classmethod
    def none(cls) -> Verdicts:
        """Of no frame."""
        no = np.zeros(0, np.int64)
        return cls(no, no.astype(np.int8), np.zeros(1, np.int64), no, no)


@dataclass(frozen=True, slots=True)
class Counts:
    """What an algorithm did in a group of frames; see :class:`AlgorithmScore`."""

    attempted: int
    repaired: int
    correct: int
    wrong: int
    unjudged: int
    dropped: int

    def to_json(self) -> dict[str, Any]:
        """Stable keys; see docs/analyze.md."""
        return {
            "attempted": self.attempted,
            "repaired": self.repaired,
            "abstained": self.attempted - self.repaired - self.dropped,
            "dropped": self.dropped,
            "correct": self.correct,
            "wrong": self.wrong,
            "unjudged": self.unjudged,
            **shares(self.correct, self.wrong, self.attempted),
        }


def shares(correct: int, wrong: int, attempted: int) -> dict[str, Any]:
    """Shares of right and wrong repairs among bad frames, with Wilson's 95 % intervals."""
    found: dict[str, Any] = {}
    for name, part in (("right", correct), ("wrong", wrong)):
        found[f"{name}_share"] = part / attempted if attempted else None
        found[f"{name}_interval"] = ends(part, attempted)
    return found


@dataclass
class AlgorithmScore:
    """What one algorithm did, and how much of it was right.

    Attributes:
        name: The algorithm.
        parameters: As JSON.
        path: Its results.
        attempted: Bad frames that were replayed into it, those that were dropped included.
        repaired: Those it claims to have repaired: correct, wrong and unjudged together.
        correct: The known part has become what was sent.
        wrong: It has not.
        unjudged: Nothing is known of the frame, or the known part had no error and was left
            alone.
        dropped: Too late when their turn came, and so never given to it: not repaired.
        fcs_holds: Repaired frames whose FCS is good after the repair, whatever the verdict.
        later_loops: There are answers of later passes over the capture, which are not judged.
        by: The counts by group, with the groups' keys.
        covers_to: Of partial results: they answer for bad frames up to this number.
        not_covered: Bad frames behind it.
    """

    name: str
    parameters: str
    path: Path
    attempted: int = 0
    repaired: int = 0
    correct: int = 0
    wrong: int = 0
    unjudged: int = 0
    dropped: int = 0
    fcs_holds: int = 0
    later_loops: bool = False
    by: list[dict[str, Any]] = field(default_factory=list)
    covers_to: int | None = None
    not_covered: int = 0

    @property
    def abstained(self) -> int:
        """Bad frames that it left as they were."""
        return self.attempted - self.repaired - self.dropped

    def to_json(self) -> dict[str, Any]:
        """Stable keys; see docs/analyze.md."""
        return {
            "name": self.name,
            "parameters": self.parameters,
            "attempted": self.attempted,
            "repaired": self.repaired,
            "abstained": self.abstained,
            "dropped": self.dropped,
            "correct": self.correct,
            "wrong": self.wrong,
            "unjudged": self.unjudged,
            "fcs_holds": self.fcs_holds,
            **shares(self.correct, self.wrong, self.attempted),
            "by": self.by,
        }


class Scorer:
    """Judges one results file along with the capture.

    Args:
        results: The file, opened; rows are in the order of frame numbers.
    """

    def __init__(self, results: TableFile) -> None:
        metadata = results.metadata
        self.capture_sha256 = metadata.get("capture_sha256", "")
        self.score = AlgorithmScore(
            metadata.get("algorithm", results.path.stem),
            metadata.get("parameters", "{}"),
            results.path,
            covers_to=covers_to(metadata),
        )
        self._path = results.path
        self._batches: Iterator[Any] = results.batches(65_536)
        self._ahead = pa.Table.from_batches([], schema=RESULTS.schema)

    def judge(
        self,
        frames: FrameBatch,
        rows: NDArray[np.int64],
        known: Known,
        errors: NDArray[np.int64],
    ) -> Verdicts:
        """Judge the answers for the bad frames of a batch.

        Args:
            frames: The batch.
            rows: Its bad frames.
            known: What is known of these.
            errors: Bit errors in the known part of each.

        Raises:
            MatchError: The results answer for a frame that is not bad here.
            FormatError: The answers are not in the order of frames, or their flips are outside of
                the frame, not sorted, or named twice.
        """
        if self.score.covers_to is not None:
            behind = frames.number[rows] > self.score.covers_to
            damaged = known.outcome != Outcome.REWRITTEN
            self.score.not_covered += int(np.count_nonzero(behind & damaged))
        answers = self._take(int(frames.number[-1]))
        if not len(answers):
            return Verdicts.none()
        bad = frames.number[rows]
        numbers = answers.column("number").to_numpy()
        where = np.searchsorted(bad, numbers)
        if (where == len(bad)).any() or (bad[where] != numbers).any():
            raise MatchError(
                f"{self._path}: answers for frames that are not bad in this capture; "
                "replay this capture again"
            )
        damaged = known.outcome[where] != Outcome.REWRITTEN  # the others have no bit error
        answers, where = answers.filter(pa.array(damaged)), where[damaged]
        if not len(answers):
            return Verdicts.none()
        bounds, positions = self._flips(answers, 8 * np.diff(frames.offsets)[rows[where]])
        self.score.attempted += len(answers)
        outcomes = answers.column("outcome").cast(pa.string()).to_numpy(False)
        repaired, dropped = outcomes == REPAIRED, outcomes == DROPPED
        self.score.repaired += int(repaired.sum())
        verdicts = np.full(len(answers), UNJUDGED, np.int8)
        judge_flips(
            frames.data,
            frames.offsets,
            rows[where],
            known.begins[where],
            *_pick(known, where),
            errors[where],
            bounds,
            positions,
            verdicts,
        )
        holds = np.zeros(len(answers), np.bool_)
        fcs_holds(frames.data, frames.offsets, rows[where], bounds, positions, holds)
        self.score.fcs_holds += int(holds[repaired].sum())
        judged = verdicts[repaired]
        self.score.correct += int((judged == CORRECT).sum())
        self.score.wrong += int((judged == WRONG).sum())
        self.score.unjudged += int((judged == UNJUDGED).sum())
        self.score.dropped += int(dropped.sum())
        verdicts[~repaired] = ABSTAINED
        verdicts[dropped] = NOT_GIVEN
        service = answers.column("service_ns").to_numpy()
        return Verdicts(where, verdicts, bounds, positions, service)

    def _flips(
        self, answers: Any, bits: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where each answer's flips begin and end, and all flips; ``bits``: the frames' lengths."""
        flips = answers.column("flips").combine_chunks()
        bounds = np.asarray(flips.offsets.to_numpy(), np.int64) - flips.offsets[0].as_py()
        positions = np.asarray(flips.flatten().to_numpy(), np.int64)
        frame = np.repeat(np.arange(len(answers)), np.diff(bounds))
        wrong = positions >= bits[frame]
        wrong[1:] |= (np.diff(positions) <= 0) & (np.diff(frame) == 0)
        if wrong.any():
            number = answers.column("number")[int(frame[wrong.argmax()])].as_py()
            raise FormatError(
                f"the flips of frame {number} are not rising bit positions of that frame",
                path=str(self._path),
                hint="replay this capture again",
            )
        return bounds, positions

    def _take(self, last_number: int) -> Any:
        """The answers up to a frame number, those taken before excepted."""
        parts = [self._ahead]
        while not len(parts[-1]) or parts[-1].column("number")[-1].as_py() <= last_number:
            batch = next(self._batches, None)
            if batch is None:
                break
            part = _first_loop(pa.Table.from_batches([batch]))
            parts.append(part)
            if len(part) < len(batch):  # later passes over the same frames follow
                self.score.later_loops = True
                self._batches = iter(())
        table = pa.concat_tables(parts, promote_options="permissive")
        numbers = table.column("number").to_numpy()
        if (np.diff(numbers) <= 0).any():
            raise FormatError("the answers are not in the order of frames", path=str(self._path))
        count = int(np.searchsorted(numbers, last_number, side="right"))
        self._ahead = table.slice(count)
        return table.slice(0, count)


def _first_loop(answers: Any) -> Any:
    """Those of the first pass over the capture; they come first. Old files know no other."""
    if "loop" not in answers.column_names:
        return answers
    later = np.flatnonzero(answers.column("loop").to_numpy() > 1)
    return answers.slice(0, int(later[0])) if len(later) else answers


def _pick(known: Known, where: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Bounds and originals of some of the frames, in their order."""
    starts, stops = known.bounds[where], known.bounds[where + 1]
    bounds = np.concatenate([[0], np.cumsum(stops - starts)])
    parts = [known.originals[a:b] for a, b in zip(starts, stops, strict=True)]
    return bounds, np.concatenate(parts) if parts else known.originals[:0]
