"""Calls of an algorithm, which is somebody's code: timed; of what it raises, the place is told."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..clock import MONOTONIC, Clock
from ..closing import Closing
from ..errors import FAILURES, AlgorithmError, WtrecError, in_words
from .algorithm import Algorithm, Repairs
from .choice import EXEC
from .interruption import Interrupted, Interruption


def called(
    name: str,
    call: Callable[[], Repairs],
    interruption: Interruption,
    clock: Clock = MONOTONIC,
) -> tuple[Repairs, int]:
    """Call an algorithm.

    Args:
        name: Its name.
        call: The call.
        interruption: By which it is broken off.
        clock: That measures how long it takes.

    Returns:
        What it answered, and how many ns that took.

    Raises:
        AlgorithmError: It failed, or answered with something else than repairs.
        Interrupted: It was broken off.
    """
    before = clock.now()
    try:
        with interruption.breaking():
            repairs = call()
    except AlgorithmError as error:
        if str(error).startswith((name, EXEC)):
            raise
        raise AlgorithmError(f"{name}: {error}") from error
    except WtrecError:
        raise
    except FAILURES as error:
        raise AlgorithmError(f"{name} failed: {_told(error)}") from error
    took = clock.now() - before
    if not isinstance(repairs, Repairs):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise AlgorithmError(
            f"{name} answered with {type(repairs).__name__}, wanted Repairs (Repairs.none() for "
            "no answer)"
        )
    return repairs, took


def report_of(
    algorithm: Algorithm, interruption: Interruption, *, has_finished: bool
) -> tuple[dict[str, float], list[str]]:
    """What an algorithm says of itself when no more frames come.

    A call that fails, or is broken off, is a problem: the answers are there all the same.

    Args:
        algorithm: The algorithm.
        interruption: By which calls are broken off, if it was not asked before.
        has_finished: Whether its ``finish`` has returned; without that, it has no facts.

    Returns:
        Its facts and its problems.
    """
    problems: list[str] = []

    def asked(what: str) -> Any:
        call = getattr(algorithm, what, None)
        if call is None:
            return None
        try:
            if interruption.reason is not None:
                return _PLAIN[what](call())
            with interruption.breaking():
                return _PLAIN[what](call())
        except Interrupted:
            problems.append(f"{what}() was broken off by {interruption.reason}")
        except FAILURES as error:
            problems.append(f"{what}() failed: {_told(error)}")
        return None

    facts: dict[str, float] = (asked("facts") or {}) if has_finished else {}
    said: list[str] = asked("problems") or []
    return facts, [*said, *problems]


def _numbers(facts: Mapping[str, Any]) -> dict[str, float]:
    """Facts as JSON can have them."""
    found: dict[str, float] = {}
    for name, value in facts.items():
        number = value.item() if isinstance(value, np.generic) else value
        if not isinstance(number, int | float):
            raise AlgorithmError(f"{name} is of type {type(value).__name__}, wanted a number")
        found[str(name)] = number
    return found


def _lines(problems: Any) -> list[str]:
    return [str(line) for line in problems]


_PLAIN: dict[str, Callable[[Any], Any]] = {"facts": _numbers, "problems": _lines}


class Held(Closing):
    """An algorithm that is closed in the end, once, however the end comes.

    Attributes:
        problems: A line if its ``close`` has failed.
    """

    def __init__(self, algorithm: Algorithm) -> None:
        self.problems: list[str] = []
        self._close: Callable[[], object] | None = getattr(algorithm, "close", None)

    def close(self) -> None:
        """Close it, if that was not done."""
        close, self._close = self._close, None
        if close is None:
            return
        try:
            close()
        except FAILURES as error:
            self.problems.append(f"close() failed: {_told(error)}")


def _told(error: BaseException) -> str:
    """What was raised, and where in the algorithm."""
    if isinstance(error, WtrecError):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [each for each in frames if not _is_library(each.filename)]
    at = (theirs or frames)[-1]
    return f"{in_words(error)} ({at.filename}:{at.lineno})"


def _is_library(filename: str) -> bool:
    """Whether code is what an algorithm calls, and not its own."""
    path, root = Path(filename), Path(__file__).parents[1]
    is_compiled = not path.is_absolute()  # Cython's names are
    ours = {root / "datasets", root / "replay" / "interruption.py"}
    return is_compiled or "site-packages" in path.parts or bool(ours & {path, *path.parents})
