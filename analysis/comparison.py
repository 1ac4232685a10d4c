"""Algorithms against each other on the same frames.

Two shares of repairs differ by chance, and by how hard the frames were. Algorithms that answer
for the same frames are compared on the frames where one of them succeeded and the other did not:
McNemar's test, exact. Frames count that both were given and whose verdicts are known: an original
was found, and neither repair is unjudged. A wrong repair is no success.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .grouping import Grouping, Sums
from .intervals import mcnemar
from .kernels import CORRECT, UNJUDGED
from .scoring import Verdicts

_NOT_GIVEN = -1


class Comparisons:
    """Counts pairs of verdicts, by group.

    Args:
        names: The algorithms, as they are to be called.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = list(names)
        self._pairs = {pair: Sums(3) for pair in itertools.combinations(range(len(self._names)), 2)}

    def add(
        self, groups: NDArray[np.int64], known: NDArray[np.bool_], verdicts: Sequence[Verdicts]
    ) -> None:
        """Count a batch.

        Args:
            groups: The group of each bad frame.
            known: Whether its original was found.
            verdicts: Of each algorithm.
        """
        if not self._pairs:
            return
        aligned = np.full((len(verdicts), len(groups)), _NOT_GIVEN, np.int8)
        for row, each in zip(aligned, verdicts, strict=True):
            row[each.where] = each.codes
        sound = known & (aligned != _NOT_GIVEN) & (aligned != UNJUDGED)
        correct = aligned == CORRECT
        for (first, second), sums in self._pairs.items():
            both = sound[first] & sound[second]
            one, other = correct[first, both], correct[second, both]
            sums.add(groups[both], np.ones(len(one)), one & ~other, other & ~one)

    def to_json(self, grouping: Grouping) -> list[dict[str, Any]]:
        """A row a pair, with a row a group; see docs/throughput.md."""
        return [
            {
                "first": self._names[first],
                "second": self._names[second],
                **_row(*sums.total()),
                "by": [
                    {**grouping.key(group), **_row(*sums.counts(group))}
                    for group in grouping.order()
                ],
            }
            for (first, second), sums in self._pairs.items()
        ]


def _row(frames: int, b: int, c: int) -> dict[str, Any]:
    return {"frames": frames, "b": b, "c": c, "p": mcnemar(b, c) if frames else None}
