"""Search for one frame's candidates stage by stage, and claim one behind a gate.

A :class:`Stage` looks for candidates of one kind: single shapes, pairs of shapes, a few bits. For
a frame that is damaged in another way it says how many it finds by chance, up to each weight.
The *gate* bounds that number: it is what is expected in everything that was searched for a frame,
this weight and earlier stages included. So a stage is searched up to the weight where the gate
closes, and short frames for heavier candidates than long ones.

Second checks (:mod:`.checks`) let the search go on: a candidate that they confirm stands for
many that they would have rejected. Each stage is searched without counting on that first, as
far as the gate allows, and then on, for confirmed candidates only.

A repair is claimed if exactly one candidate has the lowest weight in the first stage that has any.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...datasets.frames import FrameBatch
from ..algorithm import Repairs
from .candidates import Bad, Candidates, choose, runs
from .checks import Checks, Evidence
from .checks_kernel import CONFIRMED, NEUTRAL
from .sums import Sums

_AT_ONCE = 100_000  # candidates that are held in memory


class Stage(Protocol):
    """Candidates of one kind."""

    @property
    def sums(self) -> Sums:
        """How they change a checksum."""
        ...

    def expected(self, bad: Bad) -> NDArray[np.float64]:
        """Candidates to expect by chance up to each weight, shape (frames, weights)."""
        ...

    def find(self, bad: Bad, ceiling: NDArray[np.int64]) -> Candidates:
        """All candidates of frames up to a weight each."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """What to search for in some bad frames.

    Attributes:
        which: Places of the frames among the bad ones of the batch.
        stages: What to search for, one after the other.
        confirmed: Stages after these, for confirmed candidates only.
    """

    which: NDArray[np.int64]
    stages: Sequence[Stage]
    confirmed: Sequence[Stage] = ()


class Planned(abc.ABC):
    """Base of algorithms that search by stages.

    Args:
        gate: Largest expected number of false candidates at which a repair is claimed.
        checks: Second checks, as in :class:`.checks.Checks`.

    Raises:
        ValueError: A parameter out of range.
    """

    def __init__(self, gate: float, checks: str) -> None:
        self._gate = check_gate(gate)
        self._checks = Checks(checks)

    def warm(self, stages: Iterable[Stage]) -> None:
        """Load the kernels, or compile them, now and not while somebody measures."""
        self._checks.learn(FrameBatch.none())
        blank = Bad.blank()
        evidence = self._checks.evidence(blank)
        for stage in stages:
            evidence.judge(stage.find(blank, np.zeros(1, np.int64)))

    @abc.abstractmethod
    def plans(self, frames: FrameBatch, bad: Bad) -> Iterable[Plan]:
        """What to search for in which frames; those in none are abstained on."""

    def recover(self, frames: FrameBatch) -> Repairs:
        """Answer for every bad frame of the batch."""
        bad = Bad.of(frames)
        self._checks.learn(frames)
        evidence = self._checks.evidence(bad)
        answers = Answers(bad)
        for plan in self.plans(frames, bad):
            if len(plan.which):
                _Search(answers, plan, evidence.only(plan.which), self._gate).run()
        return answers.repairs()

    def finish(self) -> Repairs:
        """Nothing is ever left."""
        return Repairs.none()


class Answers:
    """What is found out about bad frames, one after the other.

    Args:
        bad: The frames.
    """

    def __init__(self, bad: Bad) -> None:
        self._bad = bad
        self._rivals = np.full(len(bad), -1)
        self._expected = np.full(len(bad), np.nan)
        self._place = np.full(len(bad), -1)  # of its flips
        self._offsets = [np.zeros(1, np.int64)]
        self._flips = [np.zeros(0, np.int64)]
        self._claims = 0
        self._end = 0

    def searched(self, rows: NDArray[np.int64], rivals: NDArray[np.int64]) -> None:
        """These frames were searched, and had so many candidates of the lowest weight."""
        self._rivals[rows] = np.maximum(self._rivals[rows], rivals)

    def claim(
        self, rows: NDArray[np.int64], claimed: Candidates, expected: NDArray[np.float64]
    ) -> None:
        """These frames are repaired by these candidates; so many false ones were expected."""
        self._place[rows] = self._claims + np.arange(len(rows))
        self._expected[rows] = expected
        self._offsets.append(self._end + claimed.offsets[1:])
        self._flips.append(claimed.flips)
        self._claims += len(rows)
        self._end += int(claimed.offsets[-1])

    def repairs(self) -> Repairs:
        """The answers, in the order of the frames."""
        repaired = self._place >= 0
        offsets, flips = runs(
            np.concatenate(self._offsets), np.concatenate(self._flips), self._place[repaired]
        )
        lengths = np.zeros(len(self._bad), np.int64)
        lengths[repaired] = np.diff(offsets)
        return Repairs(
            self._bad.number,
            repaired,
            np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32),
            flips.astype(np.uint32),
            self._expected,
            self._rivals,
        )


class _Search:
    """One plan in the making: frames leave when they have candidates that may be claimed.

    Args:
        answers: Takes what is found.
        plan: What to search for.
        evidence: What can be checked in the frames of the plan.
        gate: Largest expected number of false candidates.
    """

    def __init__(self, answers: Answers, plan: Plan, evidence: Evidence, gate: float) -> None:
        self._answers = answers
        self._plan = plan
        self._evidence = evidence
        self._gate = gate
        self._left = np.arange(len(plan.which))
        self._spent = np.zeros(len(plan.which))  # false candidates to expect in all of the search

    def run(self) -> None:
        """Search by stages."""
        for stage in self._plan.stages:
            self._confirmed(stage, self._plain(stage))
        for stage in self._plan.confirmed:
            self._confirmed(stage, np.zeros(len(self._plan.which), np.int64))

    def _plain(self, stage: Stage) -> NDArray[np.int64]:
        """Search as far as the gate allows without confirmation; up to which weight that was."""
        which = self._left
        here = self._evidence.only(which)
        steps = np.diff(stage.expected(here.bad), axis=1, prepend=0)
        # Where all that is not confirmed is rejected, a candidate counts for what that is worth.
        worth = np.where(here.sure[:, None], here.chance(stage.sums), 1.0)
        searched = np.zeros(len(self._plan.which), np.int64)
        searched[which] = self._search(stage, which, steps, worth, plain=True)
        return searched

    def _confirmed(self, stage: Stage, searched: NDArray[np.int64]) -> None:
        """Search on beyond these weights, for confirmed candidates."""
        which = self._left[self._evidence.confirms[self._left]]
        here = self._evidence.only(which)
        steps = np.diff(stage.expected(here.bad), axis=1, prepend=0)
        steps[np.arange(steps.shape[1]) <= searched[which, None]] = 0
        worth = here.chance(stage.sums)
        self._search(stage, which, steps, worth, plain=False)

    def _search(
        self,
        stage: Stage,
        which: NDArray[np.int64],
        steps: NDArray[np.float64],
        worth: NDArray[np.float64],
        *,
        plain: bool,
    ) -> NDArray[np.int64]:
        """Search as far as the gate allows, a part of the frames after the other.

        Args:
            stage: The stage.
            which: Places of frames in the plan, shape (n,).
            steps: Candidates to expect of each weight, shape (n, weights).
            worth: Probability that one is admitted that is false, shape (n, weights or 1).
            plain: Candidates need not be confirmed, and so all count for the gate.

        Returns:
            Weight up to which was searched, shape (n,).
        """
        spent = self._spent[which]
        counted = _counted(spent, steps, worth)
        all_of_them = spent[:, None] + steps.cumsum(axis=1)
        ceiling = _ceiling(all_of_them if plain else counted, self._gate)
        coming = np.where(worth > 0, steps, 0).cumsum(axis=1)  # others are all rejected
        coming = np.take_along_axis(coming, ceiling[:, None], axis=1)[:, 0]
        looked = np.flatnonzero(coming > 0)
        parts = (coming[looked].cumsum() // _AT_ONCE).astype(np.int64)
        for part in np.split(looked, np.flatnonzero(np.diff(parts)) + 1):
            if len(part):
                self._claim(stage, which[part], ceiling[part], counted[part], plain=plain)
        last = np.take_along_axis(counted, ceiling[:, None], axis=1)[:, 0]
        self._spent[which[looked]] = last[looked]
        return ceiling

    def _claim(
        self,
        stage: Stage,
        which: NDArray[np.int64],
        ceiling: NDArray[np.int64],
        counted: NDArray[np.float64],
        *,
        plain: bool,
    ) -> None:
        here = self._evidence.only(which)
        candidates = stage.find(here.bad, ceiling)
        verdicts = here.judge(candidates)
        admitted = verdicts == CONFIRMED
        if plain:
            admitted |= (verdicts == NEUTRAL) & ~here.sure[candidates.row]
        choice = choose(len(which), candidates, admitted)
        rows = self._plan.which[which]
        repaired = np.flatnonzero(choice.claimed >= 0)
        claimed = candidates.taken(choice.claimed[repaired])
        self._answers.searched(rows, choice.rivals)
        self._answers.claim(rows[repaired], claimed, counted[repaired, claimed.weight])
        self._left = np.setdiff1d(self._left, which[choice.rivals > 0], assume_unique=True)


def _counted(
    spent: NDArray[np.float64], steps: NDArray[np.float64], worth: NDArray[np.float64]
) -> NDArray[np.float64]:
    """False candidates to expect up to each weight, with those before, shape (n, weights)."""
    admitted = np.multiply(steps, worth, out=np.zeros_like(steps), where=worth > 0)
    return np.asarray(spent[:, None] + admitted.cumsum(axis=1))


def _ceiling(counted: NDArray[np.float64], gate: float) -> NDArray[np.int64]:
    """The largest weight that passes the gate, or 0, which no candidate has."""
    return np.asarray(np.maximum((counted <= gate).sum(axis=1) - 1, 0))


def check_gate(gate: float) -> float:
    """The gate, if it is one.

    Raises:
        ValueError: It is none.
    """
    if not 0 < gate < math.inf:
        raise ValueError(f"gate={gate}, wanted a positive number")
    return gate
