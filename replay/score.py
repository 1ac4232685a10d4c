"""Who takes part in a replay, where it stands, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .algorithm import Algorithm
from .source import LeftOut


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
        output: Its results file; None if none is kept.
        capture: Of what.
        frames: Frames that were replayed.
        attempted: Bad frames among them, those that were dropped included.
        repaired: Those that it claims to have repaired.
        dropped: Those that it was not given, as they were too late.
        service_ns: Time that its calls took.
        seconds: From when the first frame was due (at top speed: from when the capture was opened,
            or the frames before the offset were done) to the end of the last call.
        taken_seconds: At a pace, from when the first frame was taken to when the last was.
        asked_fps: Frames a second that the pace asked for; None: at top speed.
        queue: The figures of its queue.
        facts: What it measured beside its answers (``Algorithm`` says how), by name.
        problems: What went wrong inside of it, a line each.
        interrupted: What ended it early; its results are partial then.
        covers_to: The last frame that they cover then.
        was_complete: There was nothing to resume.
        left_out: Frames that were not replayed.
        reordered, clock_steps, gaps_cut: Of the capture's times, see :mod:`.timeline`.
        losses: What of the capture could not be read.
        warnings: Why there may be nothing to repair in it.
    """

    name: str
    output: Path | None
    capture: Path
    frames: int = 0
    attempted: int = 0
    repaired: int = 0
    dropped: int = 0
    service_ns: int = 0
    seconds: float = 0.0
    taken_seconds: float = 0.0
    asked_fps: float | None = None
    queue: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, float] = field(default_factory=dict)
    problems: Sequence[str] = ()
    interrupted: str | None = None
    covers_to: int = 0
    was_complete: bool = False
    left_out: LeftOut = field(default_factory=LeftOut)
    reordered: int = 0
    clock_steps: int = 0
    gaps_cut: int = 0
    losses: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def abstained(self) -> int:
        """Bad frames that it left as they are."""
        return self.attempted - self.repaired - self.dropped

    @property
    def achieved_fps(self) -> float:
        """Frames per second: at a pace, from the first to the last; at top speed, over all."""
        if self.asked_fps is not None and self.taken_seconds:
            return (self.frames - 1) / self.taken_seconds
        return self.frames / self.seconds if self.seconds else 0.0


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a replay stands.

    Attributes:
        name: The algorithm.
        frames: Frames so far, all passes.
        dropped: Those of them that were dropped.
        missed: Answers so far that were too late.
        seconds: Since the start of the clock.
        due_seconds: When the frame that was taken last was due; None: at top speed.
        done: Bytes of the capture used so far, all passes.
        size: Of all.
    """

    name: str
    frames: int
    dropped: int
    missed: int
    seconds: float
    due_seconds: float | None
    done: int
    size: int

    def progress(self) -> tuple[int, int]:
        """Bytes of the file used so far, and its size."""
        return self.done, self.size


Tell = Callable[[Standing], object]
