"""Files of one or several runs, sorted: captures, their results, and saved analyses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..datasets.run import is_results_of, stem
from ..errors import MatchError

_PARQUET = b"PAR1"
_BLANKS = b" \t\r\n"


@dataclass(slots=True)
class Input:
    """One run.

    Attributes:
        path: Its capture, or its saved analysis.
        is_saved: Which of both.
        results: Results of the capture that were named; others may stand beside it.
    """

    path: Path
    is_saved: bool
    results: list[Path] = field(default_factory=list)


def sort_inputs(paths: Sequence[Path]) -> list[Input]:
    """The runs, in the order in which they were named.

    What a file is, its first bytes say. Results belong to the capture by whose name theirs
    begins, or else to the only capture.

    Raises:
        MatchError: A file stands there twice, there is no run, or results belong to none.
        OSError: A file cannot be read.
    """
    twice = [path for path, count in Counter(path.resolve() for path in paths).items() if count > 1]
    if twice:
        raise MatchError(f"{twice[0]} is named twice")
    inputs: list[Input] = []
    results: list[Path] = []
    for path in paths:
        begin = _begin(path)
        if begin.startswith(_PARQUET):
            results.append(path)
        else:
            inputs.append(Input(path, begin.lstrip(_BLANKS).startswith(b"{")))
    captures = [each for each in inputs if not each.is_saved]
    if not inputs:
        raise MatchError("there are results only: name their capture, too")
    for path in results:
        _owner(path, captures).results.append(path)
    return inputs


def labels(inputs: Sequence[Input]) -> list[str]:
    """What runs are called: as short as tells them apart."""
    stems = [_stem(each) for each in inputs]
    if len(set(stems)) == len(stems):
        return stems
    return [str(each.path) for each in inputs]


def _stem(given: Input) -> str:
    return given.path.stem if given.is_saved else stem(given.path)


def _owner(results: Path, captures: Sequence[Input]) -> Input:
    named = [each for each in captures if is_results_of(results, each.path)]
    if len(named) > 1:
        named = [each for each in named if each.path.parent == results.parent]
    if not named and len(captures) == 1:
        named = [captures[0]]
    if len(named) != 1:
        raise MatchError(
            f"{results}: results of which capture? Name it, and call them STEM.ALGORITHM.parquet"
        )
    return named[0]


def _begin(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(64)
