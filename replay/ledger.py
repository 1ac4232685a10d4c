"""Which bad frames are still to be answered for, and the results in the order of the capture.

Every bad frame gets exactly one row: the algorithm's answer, or ``abstained`` when it has
none at the end, or when ``MAX_OPEN`` later bad frames have come (rows are given out in order,
so one frame that stays open holds back all after it). An answer for a frame that is not open
breaks the algorithm's contract.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..datasets.results import ABSTAINED, REPAIRED, RESULTS
from ..errors import AlgorithmError
from .algorithm import Repairs

MAX_OPEN = 1 << 18

_OUTCOMES = pa.array([ABSTAINED, REPAIRED])
_NUMBER, _ORDINAL, _BITS, _QUEUED = range(4)  # rows of the table of open frames


class Ledger:
    """The books of one algorithm.

    Args:
        name: The algorithm's name.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._open = np.zeros((4, 0), np.int64)  # a column for each frame without an answer
        self._asked = 0
        self._answers: list[Any] = [RESULTS.schema.empty_table()]  # not taken yet
        self._taken = 0

    def ask(
        self, numbers: NDArray[np.int64], bits: NDArray[np.int64], queued_ns: NDArray[np.int64]
    ) -> None:
        """Open bad frames, as they are given to the algorithm.

        Args:
            numbers: Their frame numbers, rising, from one call to the next too.
            bits: Their lengths.
            queued_ns: How long each has waited, -1 unknown.
        """
        ordinals = np.arange(self._asked, self._asked + len(numbers))
        self._asked += len(numbers)
        self._open = np.hstack([self._open, np.stack([numbers, ordinals, bits, queued_ns])])

    def answer(self, repairs: Repairs, service_ns: int) -> None:
        """Take the answers of one call.

        Raises:
            AlgorithmError: For a frame that is not bad, was not given yet, or is answered; or
                with flips outside of the frame.
        """
        where = self._find(repairs)
        self._answers.append(_rows(self._name, repairs, self._open[_QUEUED, where], service_ns))
        self._open = np.delete(self._open, where, axis=1)
        self._abstain(int(np.searchsorted(self._open[_ORDINAL], self._asked - MAX_OPEN)))

    @property
    def settled(self) -> int:
        """How many rows :meth:`take` would give: those that no later answer can precede."""
        first_open = self._open[_ORDINAL, 0] if self._open.size else self._asked
        return int(first_open) - self._taken

    def take(self) -> Any:
        """The settled rows, each once, in capture order, as a ``pyarrow.Table``."""
        count = self.settled
        rows = pa.concat_tables(self._answers).sort_by("number")
        self._answers = [rows.slice(count)]
        self._taken += count
        return rows.slice(0, count)

    def close(self) -> None:
        """What is open has no answer: it counts as abstained."""
        self._abstain(self._open.shape[1])

    def _find(self, repairs: Repairs) -> NDArray[np.int64]:
        """The open frames that are answered for."""
        numbers = self._open[_NUMBER]
        where = np.searchsorted(numbers, repairs.number)
        known = where < len(numbers)
        known[known] = numbers[where[known]] == repairs.number[known]
        if not known.all():
            raise AlgorithmError(
                f"{self._name} answered for frame {repairs.number[~known][0]}, which is not bad, "
                "not given to it yet, or answered for already"
            )
        if len(np.unique(where)) != len(where):
            raise AlgorithmError(f"{self._name} answered for a frame twice")
        frame = np.repeat(where, np.diff(repairs.flip_offsets))
        outside = repairs.flips >= self._open[_BITS, frame]
        if outside.any():
            raise AlgorithmError(
                f"{self._name} flips bit {repairs.flips[outside][0]} of frame "
                f"{numbers[frame[outside][0]]}, which has {self._open[_BITS, frame[outside][0]]}"
            )
        return where

    def _abstain(self, count: int) -> None:
        """Answer for the first open frames."""
        if not count:
            return
        unanswered = Repairs.of([(int(number), None) for number in self._open[_NUMBER, :count]])
        self._answers.append(_rows(self._name, unanswered, self._open[_QUEUED, :count], 0))
        self._open = self._open[:, count:]


def _rows(name: str, repairs: Repairs, queued: NDArray[np.int64], service_ns: int) -> Any:
    n = len(repairs)
    names = pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int8)), pa.array([name]))
    outcomes = pa.DictionaryArray.from_arrays(pa.array(repairs.repaired.astype(np.int8)), _OUTCOMES)
    return pa.table(
        [
            pa.array(repairs.number),
            names,
            outcomes,
            pa.ListArray.from_arrays(pa.array(repairs.flip_offsets), pa.array(repairs.flips)),
            pa.array(repairs.expected_false, mask=np.isnan(repairs.expected_false)),
            pa.array(repairs.candidates, mask=repairs.candidates < 0).cast(pa.uint32()),
            pa.array(queued, mask=queued < 0),
            pa.array(np.full(n, service_ns, np.int64)),
            pa.nulls(n, pa.bool_()),
        ],
        schema=RESULTS.schema,
    )
