"""Which bad frames are still to be answered for, and the results in the order of the capture.

Every bad frame gets exactly one row: the algorithm's answer, ``dropped`` if it was never given to
the algorithm, or ``abstained`` when there is no answer at the end, or when ``MAX_OPEN`` later bad
frames have come (rows are given out in order, so one frame that stays open holds back all after
it). An answer for a frame that is not open breaks the algorithm's contract.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..datasets.results import ABSTAINED, DROPPED, REPAIRED, RESULTS
from ..errors import AlgorithmError
from .algorithm import Repairs

MAX_OPEN = 1 << 18

_OUTCOMES = pa.array([ABSTAINED, REPAIRED, DROPPED])
_ABSTAINED, _REPAIRED, _DROPPED = range(3)
_NUMBER, _ORDINAL, _BITS, _SINCE, _QUEUED, _FOUND, _OPEN = range(7)  # rows of the table
_SMALLEST = 1024  # columns of the table
_FEW = 64  # calls whose rows are kept as they came


class Asked(NamedTuple):
    """Bad frames, as they are given to the algorithm; one element each.

    Attributes:
        number: Frame numbers, rising, from one time to the next too.
        bits: Their lengths.
        since: When they came, on the clock: from then on sojourn counts.
        queued_ns: How long they have waited, -1 unknown.
        found: How many frames were there when they came, -1 unknown.
    """

    number: NDArray[np.int64]
    bits: NDArray[np.int64]
    since: NDArray[np.int64]
    queued_ns: NDArray[np.int64]
    found: NDArray[np.int64]


class _Rows(NamedTuple):
    """Rows of the results, in any order; -1 is null."""

    number: NDArray[Any]
    outcome: NDArray[Any]
    lengths: NDArray[Any]  # of the flips
    flips: NDArray[Any]
    expected_false: NDArray[Any]
    candidates: NDArray[Any]
    queued_ns: NDArray[Any]
    service_ns: NDArray[Any]
    found: NDArray[Any]
    sojourn_ns: NDArray[Any]


_NO_ROWS = _Rows(*(np.zeros(0, np.int64) for _ in _Rows._fields))


class Ledger:
    """The books of one algorithm.

    Args:
        name: The algorithm's name.
        deadline_ns: From arrival to answer; None: there is none.

    Attributes:
        late: Answers so far that came later than that, and frames that were dropped.
    """

    def __init__(self, name: str, deadline_ns: int | None = None) -> None:
        self.late = 0
        self._name = name
        self._deadline_ns = deadline_ns
        self._table = np.zeros((7, _SMALLEST), np.int64)  # a column for each frame
        self._begin = self._end = 0  # those in use: from the first open one to the last
        self._asked = 0
        self._rows: list[_Rows] = []  # not taken yet
        self._few: list[_Rows] = []  # those of the last calls
        self._taken = 0

    def ask(self, asked: Asked) -> None:
        """Open bad frames."""
        count = len(asked.number)
        if not count:
            return
        self._make_room(count)
        ordinal = np.arange(self._asked, self._asked + count)
        self._table[:, self._end : self._end + count] = (
            asked.number,
            ordinal,
            asked.bits,
            asked.since,
            asked.queued_ns,
            asked.found,
            np.ones(count, np.int64),
        )
        self._end += count
        self._asked += count

    def drop(self, asked: Asked) -> None:
        """Enter bad frames that are not given to the algorithm."""
        count = len(asked.number)
        if not count:
            return
        self._asked += count
        self.late += count
        none = np.zeros(count, np.int64)
        self._append(
            _Rows(
                asked.number,
                np.full(count, _DROPPED, np.int8),
                none,
                np.zeros(0, np.uint32),
                np.full(count, np.nan),
                none - 1,
                asked.queued_ns,
                none,
                asked.found,
                none - 1,
            )
        )

    def answer(self, repairs: Repairs, service_ns: int, now: int) -> None:
        """Take the answers of one call.

        Args:
            repairs: The answers.
            service_ns: Time that the call took.
            now: When it ended, on the clock.

        Raises:
            AlgorithmError: For a frame that is not bad, was not given yet, or is answered; or
                with flips outside of the frame.
        """
        if len(repairs):
            where = self._find(repairs)
            sojourn_ns = now - self._table[_SINCE, where]
            if self._deadline_ns is not None:
                self.late += int((sojourn_ns > self._deadline_ns).sum())
            self._enter(repairs, where, service_ns, sojourn_ns)
        oldest = self._asked - MAX_OPEN
        if self._end > self._begin and self._table[_ORDINAL, self._begin] < oldest:
            ordinals = self._table[_ORDINAL, self._begin : self._end]
            self._abstain(self._begin + int(np.searchsorted(ordinals, oldest)))

    @property
    def settled(self) -> int:
        """How many rows :meth:`take` would give: those that no later answer can precede."""
        is_open = self._end > self._begin
        first_open = self._table[_ORDINAL, self._begin] if is_open else self._asked
        return int(first_open) - self._taken

    def take(self) -> Any:
        """The settled rows, each once, in capture order, as a ``pyarrow.Table``."""
        count = self.settled
        if not count:  # to sort what waits behind an open frame takes long
            return self._arrow(_NO_ROWS)
        rows = self._sorted()
        self._taken += count
        offsets = np.concatenate([[0], np.cumsum(rows.lengths)])
        cut = int(offsets[count])
        self._rows = [
            _Rows(*(part[cut:] if name == "flips" else part[count:] for name, part in _named(rows)))
        ]
        head = _Rows(
            *(part[:cut] if name == "flips" else part[:count] for name, part in _named(rows))
        )
        return self._arrow(head)

    def close(self) -> None:
        """What is open has no answer: it counts as abstained."""
        self._abstain(self._end)

    def _make_room(self, count: int) -> None:
        used = self._end - self._begin
        if self._end + count <= self._table.shape[1]:
            return
        # Twice of what is in use: so a column is moved once on average.
        size = max(_SMALLEST, 2 * (used + count))
        table = np.zeros((len(self._table), size), np.int64)
        table[:, :used] = self._table[:, self._begin : self._end]
        self._table, self._begin, self._end = table, 0, used

    def _append(self, rows: _Rows) -> None:
        """Keep rows; those of many small calls take less room as one."""
        self._few.append(rows)
        if len(self._few) >= _FEW:
            self._gather()

    def _gather(self) -> None:
        if self._few:
            columns = zip(*self._few, strict=True)
            self._rows.append(_Rows(*(np.concatenate(parts) for parts in columns)))
            self._few.clear()

    def _find(self, repairs: Repairs) -> NDArray[np.int64]:
        """The columns of the frames that are answered for."""
        numbers = self._table[_NUMBER, self._begin : self._end]
        if len(repairs) == 1:  # the same in fewer steps, for batches of one
            at = self._begin + int(numbers.searchsorted(repairs.number[0]))
            if at < self._end and self._table[_NUMBER, at] == repairs.number[0]:
                fits = not len(repairs.flips) or repairs.flips[-1] < self._table[_BITS, at]
                if fits and self._table[_OPEN, at]:
                    return np.array([at])
        where = np.searchsorted(numbers, repairs.number)
        known = where < len(numbers)
        known[known] = numbers[where[known]] == repairs.number[known]
        where += self._begin
        known[known] = self._table[_OPEN, where[known]] == 1
        if not known.all():
            number = int(repairs.number[~known][0])
            raise AlgorithmError(
                f"{self._name} answered for frame {number}, which {self._closed(number)}"
            )
        if len(where) > 1 and len(np.unique(where)) != len(where):
            every, times = np.unique(repairs.number, return_counts=True)
            raise AlgorithmError(
                f"{self._name} answered for frame {every[times > 1][0]} twice in one call"
            )
        frame = np.repeat(where, np.diff(repairs.flip_offsets))
        outside = repairs.flips >= self._table[_BITS, frame]
        if outside.any():
            number, bits = self._table[[_NUMBER, _BITS], frame[outside][0]]
            raise AlgorithmError(
                f"{self._name}: frame {number}: bit {repairs.flips[outside][0]}, "
                f"wanted 0 to {bits - 1}"
            )
        return where

    def _closed(self, number: int) -> str:
        """Why a frame is not open, as far as it is known: old columns are not kept for ever."""
        kept = self._table[_NUMBER, : self._end]
        at = int(np.searchsorted(kept, number))
        if at == self._end:
            return "is not bad, or was not given to it yet"
        if kept[at] == number:
            return "is answered for already, or has been open for too long"
        if at or self._end == self._asked:
            return "is not bad, or was never given to it"
        return "is not bad, or is answered for already"

    def _enter(
        self,
        repairs: Repairs,
        where: NDArray[np.int64],
        service_ns: int,
        sojourn_ns: NDArray[np.int64],
    ) -> None:
        self._append(
            _Rows(
                repairs.number,
                repairs.repaired.astype(np.int8),
                np.diff(repairs.flip_offsets).astype(np.int64),
                repairs.flips,
                repairs.expected_false,
                repairs.candidates,
                self._table[_QUEUED, where],
                np.full(len(where), service_ns, np.int64),
                self._table[_FOUND, where],
                sojourn_ns,
            )
        )
        self._table[_OPEN, where] = 0
        while self._begin < self._end:
            some = self._table[_OPEN, self._begin : min(self._begin + _SMALLEST, self._end)]
            if some.any():
                self._begin += int(some.argmax())
                break
            self._begin += len(some)

    def _abstain(self, stop: int) -> None:
        """Answer for the open frames up to a column."""
        where = self._begin + np.flatnonzero(self._table[_OPEN, self._begin : stop])
        if not len(where):
            return
        unanswered = Repairs.of([(int(number), None) for number in self._table[_NUMBER, where]])
        self._enter(unanswered, where, 0, np.full(len(where), -1, np.int64))

    def _sorted(self) -> _Rows:
        """All rows that were not taken, in one, in the order of the capture."""
        self._gather()
        if not self._rows:
            return _NO_ROWS
        rows = _Rows(*(np.concatenate(parts) for parts in zip(*self._rows, strict=True)))
        order = np.argsort(rows.number, kind="stable")
        begins = np.cumsum(rows.lengths) - rows.lengths
        lengths = rows.lengths[order]
        # The flips of row k come from begins[order[k]] on.
        ends = np.cumsum(lengths)
        places = np.arange(len(rows.flips)) + np.repeat(begins[order] - (ends - lengths), lengths)
        columns = (
            rows.flips[places] if name == "flips" else part[order] for name, part in _named(rows)
        )
        return _Rows(*columns)

    def _arrow(self, rows: _Rows) -> Any:
        n = len(rows.number)
        names = pa.DictionaryArray.from_arrays(np.zeros(n, np.int8), pa.array([self._name]))
        outcomes = pa.DictionaryArray.from_arrays(rows.outcome.astype(np.int8), _OUTCOMES)
        offsets = np.concatenate([[0], np.cumsum(rows.lengths)]).astype(np.int32)
        met = pa.nulls(n, pa.bool_())
        if self._deadline_ns is not None:
            in_time = (rows.sojourn_ns >= 0) & (rows.sojourn_ns <= self._deadline_ns)
            silent = (rows.sojourn_ns < 0) & (rows.outcome != _DROPPED)
            met = pa.array(in_time, mask=silent)
        columns = {
            "number": pa.array(rows.number.astype(np.int64)),
            "algorithm": names,
            "outcome": outcomes,
            "flips": pa.ListArray.from_arrays(
                pa.array(offsets), pa.array(rows.flips.astype(np.uint32))
            ),
            "expected_false": pa.array(
                rows.expected_false.astype(np.float64), mask=np.isnan(rows.expected_false)
            ),
            "candidates": _optional(rows.candidates).cast(pa.uint32()),
            "queued_ns": _optional(rows.queued_ns),
            "service_ns": pa.array(rows.service_ns.astype(np.int64)),
            "deadline_met": met,
            "queue_length": _optional(rows.found),
            "sojourn_ns": _optional(rows.sojourn_ns),
            "loop": pa.array(np.ones(n, np.int32)),
        }
        return pa.table([columns[field.name] for field in RESULTS.schema], schema=RESULTS.schema)


def _named(rows: _Rows) -> zip[tuple[str, NDArray[Any]]]:
    return zip(_Rows._fields, rows, strict=True)


def _optional(column: NDArray[np.int64]) -> Any:
    return pa.array(column.astype(np.int64), mask=column < 0)
