"""Which bad frames are still to be answered for, and the results in the order of the capture.

Every bad frame gets exactly one row: the algorithm's answer, or ``abstained`` when it has
none at the end, or when ``MAX_OPEN`` later bad frames have come (so that memory stays
bounded). An answer for a frame that is not open breaks the algorithm's contract.
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


class Ledger:
    """The books of one algorithm.

    Args:
        name: The algorithm's name.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._open = np.zeros(0, np.int64)  # frame numbers without an answer, rising
        self._queued = np.zeros(0, np.int64)  # ns that each had waited, -1 unknown
        self._answers: list[Any] = []  # pyarrow tables, not written yet

    def ask(self, numbers: NDArray[np.int64], queued_ns: NDArray[np.int64]) -> None:
        """Open bad frames, as they are given to the algorithm."""
        self._open = np.concatenate([self._open, numbers])
        self._queued = np.concatenate([self._queued, queued_ns])

    def answer(self, repairs: Repairs, service_ns: int) -> None:
        """Take the answers of one call.

        Raises:
            AlgorithmError: For a frame that is not bad, was not given yet, or is answered.
        """
        where = np.searchsorted(self._open, repairs.number)
        known = where < len(self._open)
        known[known] = self._open[where[known]] == repairs.number[known]
        if not known.all() or len(np.unique(repairs.number)) != len(repairs):
            wrong = repairs.number[~known]
            which = f"frame {wrong[0]}" if len(wrong) else "a frame twice"
            raise AlgorithmError(
                f"{self._name} answered for {which}: not an open bad frame of this capture"
            )
        self._answers.append(_rows(self._name, repairs, self._queued[where], service_ns))
        keep = np.ones(len(self._open), np.bool_)
        keep[where] = False
        self._open, self._queued = self._open[keep], self._queued[keep]
        if len(self._open) > MAX_OPEN:
            self._abstain(len(self._open) - MAX_OPEN)

    def settled(self) -> Any:
        """Rows that no later answer can precede, in capture order, as a ``pyarrow.Table``."""
        answers = pa.concat_tables([RESULTS.schema.empty_table(), *self._answers])
        answers = answers.sort_by("number")
        first_open = self._open[0] if len(self._open) else np.iinfo(np.int64).max
        count = int(np.searchsorted(answers.column("number").to_numpy(), first_open))
        self._answers = [answers.slice(count)] if count < len(answers) else []
        return answers.slice(0, count)

    def close(self) -> None:
        """What is open has no answer: it counts as abstained."""
        self._abstain(len(self._open))

    def _abstain(self, count: int) -> None:
        unanswered = Repairs.of([(int(number), None) for number in self._open[:count]])
        self._answers.append(_rows(self._name, unanswered, self._queued[:count], 0))
        self._open, self._queued = self._open[count:], self._queued[count:]


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
