"""A call of an algorithm, which is somebody's code: timed; of what it raises, the place is told."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path

from ..clock import MONOTONIC, Clock
from ..errors import AlgorithmError, WtrecError
from .algorithm import Repairs
from .interruption import Interruption


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
        AlgorithmError: It failed.
        Interrupted: It was broken off.
    """
    before = clock.now()
    try:
        with interruption.breaking():
            repairs = call()
    except WtrecError:
        raise
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        theirs = [each for each in frames if not _is_library(each.filename)]
        at = (theirs or frames)[-1]
        raise AlgorithmError(
            f"{name} failed: {type(error).__name__}: {error} ({at.filename}:{at.lineno})"
        ) from error
    return repairs, clock.now() - before


def _is_library(filename: str) -> bool:
    """Whether code is what an algorithm calls, and not its own."""
    path, root = Path(filename), Path(__file__).parents[1]
    is_compiled = not path.is_absolute()  # Cython's names are
    ours = {root / "datasets", root / "replay" / "interruption.py"}
    return is_compiled or "site-packages" in path.parts or bool(ours & {path, *path.parents})
