"""Search for one frame's candidates stage by stage, and claim one behind a gate.

A :class:`Stage` looks for candidates of one kind: single shapes, pairs of shapes, a few bits. For
a frame that is damaged in another way it says how many it finds by chance, up to each weight.
The *gate* bounds that number: it is what is expected in everything that was searched for a frame,
this weight and earlier stages included. So a stage is searched up to the weight where the gate
closes, and short frames for heavier candidates than long ones.

Second checks (:mod:`.checks`) let the search go on: a candidate that they confirm stands for
65,536 that they would have rejected. Each stage is searched without counting on that first, as
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


class Stage(Protocol):
    """Candidates of one kind."""

    def expected(self, bits: NDArray[np.int64]) -> NDArray[np.float64]:
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
                search(answers, plan, evidence.only(plan.which), self._gate)
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


def search(answers: Answers, plan: Plan, evidence: Evidence, gate: float) -> None:
    """Search by stages; frames leave when they have candidates that may be claimed."""
    left = np.arange(len(plan.which))
    spent = np.zeros(len(plan.which))  # false candidates to expect in what was searched
    stages = [
        *((stage, True) for stage in plan.stages),
        *((stage, False) for stage in plan.confirmed),
    ]
    for stage, unconfirmed in stages:
        searched = np.zeros(len(plan.which), np.int64)
        for on in (False, True) if unconfirmed else (True,):
            which = left[evidence.worth[left] < 1] if on else left
            if not len(which):
                continue
            here = evidence.only(which)
            expected = stage.expected(here.bad.bits)
            # What is known already to be rejected unless confirmed counts as if it were.
            worth = here.worth if on else np.where(here.sure, here.worth, 1.0)
            already = np.take_along_axis(expected, searched[which, None], axis=1)
            if on:
                expected = np.maximum(expected - already, 0)
            counted = spent[which, None] + expected * worth[:, None]
            plain = counted if on else spent[which, None] + expected
            ceiling = np.maximum((plain <= gate).sum(axis=1) - 1, 0)
            looked = (ceiling > searched[which]) & (
                np.take_along_axis(expected, ceiling[:, None], axis=1)[:, 0] > 0
            )
            which, ceiling, counted = which[looked], ceiling[looked], counted[looked]
            if not len(which):
                continue
            here = evidence.only(which)
            candidates = stage.find(here.bad, ceiling)
            verdicts = here.judge(candidates)
            admitted = verdicts == CONFIRMED
            if not on:
                admitted |= (verdicts == NEUTRAL) & ~here.sure[candidates.row]
            choice = choose(len(which), candidates, admitted)
            answers.searched(plan.which[which], choice.rivals)
            repaired = np.flatnonzero(choice.claimed >= 0)
            claimed = candidates.taken(choice.claimed[repaired])
            answers.claim(plan.which[which[repaired]], claimed, counted[repaired, claimed.weight])
            spent[which] = np.take_along_axis(counted, ceiling[:, None], axis=1)[:, 0]
            searched[which] = ceiling
            left = np.setdiff1d(left, which[choice.rivals > 0], assume_unique=True)


def check_gate(gate: float) -> float:
    """The gate, if it is one.

    Raises:
        ValueError: It is none.
    """
    if not 0 < gate < math.inf:
        raise ValueError(f"gate={gate}, wanted a positive number")
    return gate
