"""The largest rate that an algorithm sustains, by bisection.

A trial replays at a constant number of frames a second, for about as long as is asked for: the
frames again and again if they are few, or the first of them only. A fresh algorithm serves them. It
has **sustained** the rate if it was not behind at the end (by more than 0.5 % of the trial, and
one call) and dropped none or next to none (0.5 %); with a deadline, if also at most 1 % of the
answers came later than it. The result is within 1 % of where that ends, as far as the machine
is as fast in one trial as in the next.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from ..clock import MONOTONIC, Clock
from .calls import Held
from .choice import make
from .interruption import Interrupted, Interruption
from .jobs import Task, rehearse
from .pacing import FramesPerSecond, TopSpeed
from .queue import SPIN_NS
from .run import Run, Unkept
from .schedule import Schedule
from .score import Contender, Score, Standing, Tell

BEHIND: Final = 0.005
LATE: Final = 0.01
_WIDTH: Final = 0.01  # of the interval where bisection ends
_HOPELESS: Final = 1 / 1000  # of the speed without a pace
_ENOUGH: Final = 1e12  # frames a second, which only a clock in a test makes possible
_FEWEST: Final = 30  # frames of a trial


@dataclass(frozen=True, slots=True)
class Trial:
    """One trial.

    Attributes:
        pps: Frames a second.
        frames: Frames.
        seconds: From the first frame to the end of the last call.
        behind: Share of the time that the algorithm was behind at the end, one call excepted.
        dropped: Share of the frames that were dropped.
        missed: Share of the answers that were too late; None: no deadline, or no answer.
    """

    pps: float
    frames: int
    seconds: float
    behind: float
    dropped: float
    missed: float | None

    @property
    def sustained(self) -> bool:
        """Whether the algorithm kept up."""
        return self.behind <= BEHIND and self.dropped <= BEHIND and (self.missed or 0) <= LATE

    def to_json(self) -> dict[str, Any]:
        """Stable keys; see docs/replay.md."""
        return {name: getattr(self, name) for name in (*self.__slots__, "sustained")}


@dataclass(frozen=True, slots=True)
class Largest:
    """The largest rate.

    Attributes:
        name: The algorithm.
        capture: Of what.
        pps: Frames a second; 0: none, as every one misses the deadline.
        trials: How it was found.
        interrupted: What ended the search early; the largest rate is ``pps`` or more then.
    """

    name: str
    capture: Path
    pps: float
    trials: tuple[Trial, ...]
    interrupted: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Stable keys; see docs/replay.md."""
        return {
            "capture": str(self.capture),
            "name": self.name,
            "pps": self.pps,
            "interrupted": self.interrupted,
            "trials": [trial.to_json() for trial in self.trials],
        }


class _Enough(Exception):  # noqa: N818 - no error
    """The speed without a pace is known."""


def find_max(
    task: Task,
    seconds: float = 1.0,
    *,
    interruption: Interruption | None = None,
    clock: Clock = MONOTONIC,
    spin_ns: int = SPIN_NS,
    tell: Callable[[Trial], object] = lambda _: None,
) -> Largest:
    """Find the largest rate; no results are written.

    Args:
        task: Capture, algorithm, selection and service; its pace is not used.
        seconds: How long a trial lasts.
        interruption: By which the search can be ended early.
        clock: That frames are due on.
        spin_ns: How long the clock is watched before a frame is due.
        tell: Is told of each trial.

    Raises:
        AlgorithmError: The algorithm broke its contract.
        FormatError: The capture is damaged in its middle.
    """
    interruption = interruption or Interruption()
    name = task.choice

    def replayed(schedule: Schedule, stand: Tell = lambda _: None) -> Score:
        algorithm, parameters = make(task.choice)
        nonlocal name
        name = algorithm.name
        run = Run(
            Contender(algorithm, parameters, task.output),
            schedule,
            Unkept(),
            interruption=interruption,
            clock=clock,
            tell=stand,
            spin_ns=spin_ns,
        )
        with Held(algorithm):
            score = run.replay(task.capture)
        if score.interrupted is not None:
            raise Interrupted
        return score

    def unpaced() -> tuple[int, float]:
        """Frames of about ``seconds`` without a pace, or all, and how long they took."""
        selection = replace(task.schedule.selection, loop=1)
        frames, took = 0, 0.0

        def look(standing: Standing) -> None:
            nonlocal frames, took
            frames, took = standing.frames, standing.seconds
            if took >= seconds:
                raise _Enough

        with contextlib.suppress(_Enough):
            score = replayed(Schedule(TopSpeed(), selection, service), look)
            frames, took = score.frames, score.seconds
        return frames, took

    def trial(pps: float) -> Trial:
        wanted = max(_FEWEST, math.ceil(seconds * pps))
        selection = replace(
            task.schedule.selection,
            limit=min(wanted, frames),
            loop=max(1, round(wanted / frames)),
        )
        score = replayed(Schedule(FramesPerSecond(pps), selection, service))
        done = _trial(pps, score)
        tell(done)
        trials.append(done)
        return done

    rehearse(task.choice, task.capture)
    service = replace(task.schedule.service, batch=task.schedule.service.batch or 1)
    trials = list[Trial]()
    low = 0.0
    try:
        frames, took = unpaced()
        if not frames:
            return Largest(name, task.capture, 0.0, ())
        high = fastest = frames / took if took else 1e9
        while high < _ENOUGH and trial(high).sustained:
            low, high = high, 2 * high
        while high - low > _WIDTH * high and high > _HOPELESS * fastest:
            middle = (low + high) / 2
            low, high = (middle, high) if trial(middle).sustained else (low, middle)
    except Interrupted:
        return Largest(name, task.capture, low, tuple(trials), interruption.reason)
    return Largest(name, task.capture, low, tuple(trials))


def _trial(pps: float, score: Score) -> Trial:
    asked = (score.frames - 1) / pps
    call = (score.queue["service_us"]["max"] or 0.0) / 1e6
    answered = (score.queue["met"] or 0) + (score.queue["missed"] or 0)
    return Trial(
        pps,
        score.frames,
        score.seconds,
        max(0.0, score.seconds - asked - call) / max(score.seconds, 1e-9),
        score.queue["dropped"] / score.frames,
        score.queue["missed"] / answered if answered else None,
    )
