"""What a search spends on each frame: how many false candidates it expects in all that it looks at.

In a frame that an algorithm cannot repair it claims something false as often as that: the sum over
the frames that were not repaired rightly is what wrong repairs are to be compared with. With a
repair less is stored (``expected_false``): what was searched up to it. With frames that were
abstained on, which most of these are, nothing is.
"""

# ruff: noqa: SLF001 - a search keeps this to itself, as nobody else needs it

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from wtrec.datasets.frames import FrameBatch
from wtrec.replay.algorithm import Algorithm, Repairs
from wtrec.replay.algorithms import search

_run = search._Search.run
_here = threading.local()  # benchmarks run algorithms side by side


@contextmanager
def watched() -> Iterator[None]:
    """While this lasts, :func:`recover` knows what searches spend."""
    with mock.patch.object(search._Search, "run", _watched):
        yield


def recover(algorithm: Algorithm, frames: FrameBatch) -> tuple[Repairs, dict[int, float]]:
    """The answers of an algorithm, and what it has spent on each frame that it searched for."""
    spent: dict[int, float] = {}
    _here.spent = spent
    return algorithm.recover(frames), spent


def _watched(one: search._Search) -> None:
    _run(one)
    numbers = one._answers._bad.number[one._plan.which]
    _here.spent.update(zip(numbers.tolist(), one._spent.tolist(), strict=True))
