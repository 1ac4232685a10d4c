"""One row for each bad frame, in the order of the capture, whatever an algorithm answers when."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.datasets.results import RESULTS
from wtrec.errors import AlgorithmError
from wtrec.replay import ledger as ledger_module
from wtrec.replay.algorithm import Repairs
from wtrec.replay.ledger import Asked, Ledger

BITS = 800


def asked(*numbers: int) -> Ledger:
    """A ledger with these frames open, each having waited ten times its number."""
    ledger = Ledger("test")
    ask(ledger, list(numbers))
    return ledger


def asked_for(numbers: list[int]) -> Asked:
    column = np.array(numbers, np.int64)
    bits = np.full_like(column, BITS)
    return Asked(column, bits, 5 * column, 10 * column, column % 7)


def ask(ledger: Ledger, numbers: list[int]) -> None:
    ledger.ask(asked_for(numbers))


def taken(ledger: Ledger) -> list[dict[str, Any]]:
    """The rows that are settled."""
    count = ledger.settled
    table = ledger.take()
    assert table.schema.equals(RESULTS.schema)
    assert len(table) == count
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


class TestOrder:
    """Rows come out in the order of frames."""

    @given(st.data())
    def test_any_order_and_delay(self, data: st.DataObject) -> None:
        """Answers in any order, any number of calls late or never: the rows are the same."""
        numbers = sorted(data.draw(st.sets(st.integers(1, 1000), max_size=40)))
        cuts = sorted(data.draw(st.sets(st.integers(0, len(numbers)), max_size=5)) | {len(numbers)})
        unanswered = data.draw(st.sets(st.sampled_from(numbers))) if numbers else set()
        ledger = Ledger("test")
        waiting: list[int] = []
        rows = []
        when: dict[int, int] = {}
        for call, (begin, end) in enumerate(zip([0, *cuts], cuts, strict=False)):
            ask(ledger, numbers[begin:end])
            waiting += [number for number in numbers[begin:end] if number not in unanswered]
            now = data.draw(st.permutations(waiting))
            now = now[: data.draw(st.integers(0, len(now)))]
            waiting = [number for number in waiting if number not in now]
            ledger.answer(
                Repairs.of([(number, [number % BITS]) for number in now]), call, 10_000 + call
            )
            when |= dict.fromkeys(now, call)
            if data.draw(st.booleans()):
                rows += taken(ledger)
        ledger.close()
        rows += taken(ledger)
        assert [
            (
                row["number"],
                row["outcome"],
                row["flips"],
                row["queued_ns"],
                row["service_ns"],
                row["queue_length"],
                row["sojourn_ns"],
            )
            for row in rows
        ] == [
            (
                number,
                "repaired",
                [number % BITS],
                10 * number,
                when[number],
                number % 7,
                10_000 + when[number] - 5 * number,
            )
            if number in when
            else (number, "abstained", [], 10 * number, 0, number % 7, None)
            for number in numbers
        ]
        assert ledger.settled == 0

    def test_late_answers_hold_back(self) -> None:
        """Rows behind an open frame wait for it."""
        ledger = asked(1, 2, 3)
        ledger.answer(Repairs.of([(2, None), (3, None)]), 0, 0)
        assert ledger.settled == 0
        ledger.answer(Repairs.of([(1, None)]), 0, 0)
        assert [row["number"] for row in taken(ledger)] == [1, 2, 3]

    def test_unknown_values_are_null(self) -> None:
        """What an algorithm does not say, and waiting at top speed, is null."""
        ledger = Ledger("test")
        none = np.array([-1])
        ledger.ask(Asked(np.array([4]), np.array([BITS]), np.array([1000]), none, none))
        ledger.answer(Repairs.of([(4, [1])]), 77, 1090)
        (row,) = taken(ledger)
        assert row == {
            "number": 4,
            "algorithm": "test",
            "outcome": "repaired",
            "flips": [1],
            "expected_false": None,
            "candidates": None,
            "queued_ns": None,
            "service_ns": 77,
            "deadline_met": None,
            "queue_length": None,
            "sojourn_ns": 90,
            "loop": 1,
        }


class TestDeadlines:
    """Answers in time, late, never, and frames that were dropped."""

    def test_from_arrival_to_answer(self) -> None:
        """A sojourn of the deadline is within it; what is never answered is neither."""
        ledger = Ledger("test", 100)
        ask(ledger, [2, 4])  # they come at 10 and 20
        ledger.answer(Repairs.of([(2, None)]), 1, 110)
        ledger.drop(asked_for([6]))
        ask(ledger, [8])
        ledger.answer(Repairs.of([(4, [1])]), 1, 121)
        ledger.close()
        assert ledger.late == 2
        rows = taken(ledger)
        assert [(row["number"], row["outcome"], row["deadline_met"]) for row in rows] == [
            (2, "abstained", True),
            (4, "repaired", False),
            (6, "dropped", False),
            (8, "abstained", None),
        ]
        assert [row["sojourn_ns"] for row in rows] == [100, 101, None, None]
        assert [row["queued_ns"] for row in rows] == [20, 40, 60, 80]

    def test_a_dropped_frame_cannot_be_answered_for(self) -> None:
        """It was never given."""
        ledger = asked(3)
        ledger.drop(asked_for([5]))
        with pytest.raises(AlgorithmError, match="frame 5, which"):
            ledger.answer(Repairs.of([(5, None)]), 0, 0)


class TestContract:
    """Answers that nobody asked for."""

    @pytest.mark.parametrize("number", [0, 4, 6, 2**40])
    def test_not_asked(self, number: int) -> None:
        """A good frame, or one that the algorithm has not seen yet."""
        with pytest.raises(AlgorithmError, match=f"test answered for frame {number}, which"):
            asked(3, 5).answer(Repairs.of([(5, None), (number, None)]), 0, 0)

    def test_answered_already(self) -> None:
        """The second answer for a frame."""
        ledger = asked(3, 5)
        ledger.answer(Repairs.of([(5, [1])]), 0, 0)
        for number, why in (
            (5, "is answered for already, or"),
            (4, "is not bad, or was never given"),
            (9, "is not bad, or was not given to it yet"),
        ):
            with pytest.raises(AlgorithmError, match=f"frame {number}, which {why}"):
                ledger.answer(Repairs.of([(number, [1])]), 0, 0)

    def test_twice_at_once(self) -> None:
        """Two answers for a frame in one call."""
        with pytest.raises(AlgorithmError, match="test answered for frame 5 twice in one call"):
            asked(3, 5).answer(Repairs.of([(5, [1]), (5, [1])]), 0, 0)

    def test_outside_of_the_frame(self) -> None:
        """A flip behind the frame's last bit."""
        answers = Repairs.of([(5, [0]), (3, [1, BITS]), (7, None)])
        with pytest.raises(AlgorithmError, match="test: frame 3: bit 800, wanted 0 to 799"):
            asked(3, 5, 7).answer(answers, 0, 0)

    def test_last_bit(self) -> None:
        """The frame's last bit can be flipped."""
        ledger = asked(3)
        ledger.answer(Repairs.of([(3, [BITS - 1])]), 0, 0)
        assert taken(ledger)[0]["flips"] == [BITS - 1]


class TestBounds:
    """Memory does not grow with the capture."""

    def test_many_small_calls(self) -> None:
        """Rows of thousands of calls are kept together, and come out in order."""
        ledger = asked(1)
        for number in range(2, 5000):
            ask(ledger, [number])
            ledger.answer(Repairs.of([(number, [number % BITS])]), 0, 0)
        assert len(ledger._few) < 64
        ledger.close()
        rows = taken(ledger)
        assert [row["number"] for row in rows] == list(range(1, 5000))
        assert [row["flips"] for row in rows[1:]] == [[n % BITS] for n in range(2, 5000)]

    def test_a_frame_that_is_never_answered(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """After so many later bad frames a frame counts as abstained, others answered or not."""
        monkeypatch.setattr(ledger_module, "MAX_OPEN", 10)
        ledger = asked(1)
        for number in range(2, 12):
            ask(ledger, [number])
            ledger.answer(Repairs.of([(number, [0])]), 0, 0)
            assert ledger.settled == (0 if number < 11 else 11)
        rows = taken(ledger)
        assert [row["outcome"] for row in rows] == ["abstained"] + 10 * ["repaired"]
        with pytest.raises(AlgorithmError, match="frame 1,"):
            ledger.answer(Repairs.of([(1, [0])]), 0, 0)

    def test_nothing_is_ever_answered(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """An algorithm that keeps silent has at most so many frames open."""
        monkeypatch.setattr(ledger_module, "MAX_OPEN", 10)
        ledger = Ledger("test")
        for start in range(0, 300, 3):
            ask(ledger, [start + 1, start + 2, start + 3])
            ledger.answer(Repairs.none(), 0, 0)
        assert ledger.settled == 290
        ledger.close()
        assert [row["number"] for row in taken(ledger)] == list(range(1, 301))
