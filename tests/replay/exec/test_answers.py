"""Which answers stand, and what is said of those that do not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from wtrec.datasets.frames import FrameBatch
from wtrec.datasets.reader import CaptureReader
from wtrec.replay.exec import answers as module
from wtrec.replay.exec.answers import ANSWERS, OpenFrames, abstained, check_schema, to_repairs
from wtrec.replay.ledger import Asked, Ledger

BITS = 536
FLIPS = pa.list_(pa.uint32())


@pytest.fixture
def frames(capture: Path) -> FrameBatch:
    """Frames 1 to 24, of which 1, 4, 7, ... are bad, 67 bytes each."""
    with CaptureReader(capture) as reader:
        (batch,) = reader
    return batch


@pytest.fixture
def given(frames: FrameBatch) -> OpenFrames:
    """A decoder has got the first twelve of them."""
    opened = OpenFrames()
    opened.give(frames.slice(0, 12))
    return opened


def batch(numbers: Sequence[int | None], flips: Sequence[Any], **more: Any) -> Any:
    arrays = {"number": pa.array(numbers, pa.int64()), "flips": pa.array(flips, FLIPS), **more}
    return pa.RecordBatch.from_pydict(arrays)


class TestSchema:
    """The columns of a decoder's stream."""

    @pytest.mark.parametrize(
        "fields",
        [
            [("number", pa.int64()), ("flips", FLIPS)],
            [("candidates", pa.uint32()), ("flips", FLIPS), ("number", pa.int64())],
            [("number", pa.int64()), ("flips", pa.list_(pa.field("element", pa.uint32(), False)))],
            list(ANSWERS),
        ],
    )
    def test_sound(self, fields: list[Any]) -> None:
        """In any order, with or without the last two."""
        schema = pa.schema(fields)
        assert check_schema(schema) == ""
        answers = schema.empty_table().combine_chunks()
        empty = pa.RecordBatch.from_arrays([pa.array([], f.type) for f in schema], schema=schema)
        assert OpenFrames().take(empty)[0].schema == ANSWERS
        assert len(answers) == 0

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ([("number", pa.int64())], "answers with the column flips missing, wanted list<"),
            ([("number", pa.int32()), ("flips", FLIPS)], "number int32, wanted int64"),
            ([("number", pa.int64()), ("flips", pa.large_list(pa.uint32()))], "flips large_list"),
            ([("number", pa.int64()), ("flips", pa.list_(pa.int64()))], "flips list<item: int64>"),
            ([*ANSWERS, ("note", pa.string())], "column 'note', wanted number, flips, expected_"),
            ([*ANSWERS, ("number", pa.int64())], "number int64 and int64, wanted int64"),
            ([("number", pa.int64()), ("flips", FLIPS), ("candidates", pa.int8())], "candidates"),
        ],
    )
    def test_wrong(self, fields: list[Any], message: str) -> None:
        """Missing, of another type, twice, or one that nobody knows."""
        assert message in check_schema(pa.schema(fields))


class TestTake:
    """Answers against the frames that are open."""

    def test_sound(self, given: OpenFrames) -> None:
        """In any order, each once; the rest stays open."""
        table, refused = given.take(
            batch([7, 1], [None, [0, BITS - 1]], expected_false=pa.array([None, 0.5]))
        )
        assert refused == []
        assert table.to_pylist() == [
            {"number": 7, "flips": None, "expected_false": None, "candidates": None},
            {"number": 1, "flips": [0, BITS - 1], "expected_false": 0.5, "candidates": None},
        ]
        assert given.forget().tolist() == [4, 10]
        assert len(given) == 0

    @pytest.mark.parametrize(
        ("number", "message"),
        [
            (None, "row 1: an answer without a frame number"),
            (2, "frame 2: answered for, but it is not bad, has its answer, or was given up"),
            (13, "frame 13: answered for, but it was not given yet"),
            (-5, "frame -5: answered for, but it is not bad, has its answer, or was given up"),
            (1 << 62, f"frame {1 << 62}: answered for, but it was not given yet"),
            (4, "frame 4: answered twice"),
        ],
    )
    def test_wrong_frame(self, given: OpenFrames, number: int | None, message: str) -> None:
        """It is refused, and the others stand."""
        table, refused = given.take(batch([4, number, 7], [[1], [2], [3]]))
        assert refused == [message]
        assert table["number"].to_pylist() == [4, 7]
        assert table["flips"].to_pylist() == [[1], [3]]

    def test_answered_before(self, given: OpenFrames) -> None:
        """An answer is final."""
        given.take(batch([4], [[1]]))
        table, refused = given.take(batch([4], [[2]]))
        assert len(table) == 0
        assert "has its answer" in refused[0]

    @pytest.mark.parametrize(
        ("flips", "message"),
        [
            ([BITS], "flips bit 536, wanted below 536"),
            ([3, 3], "flips bit 3 after bit 3, wanted each once, rising"),
            ([4, 3], "flips bit 3 after bit 4, wanted each once, rising"),
            ([1, None], "flips a null, wanted bit positions"),
            ([(1 << 32) - 1], "flips bit 4294967295, wanted below 536"),
        ],
    )
    def test_wrong_flips(self, given: OpenFrames, flips: list[int], message: str) -> None:
        """The frame is abstained on, and its neighbours are not."""
        table, refused = given.take(batch([1, 4, 7], [[9], flips, [2]]))
        assert refused == [f"frame 4: {message}; abstained"]
        assert table["flips"].to_pylist() == [[9], None, [2]]
        assert given.forget().tolist() == [10]

    @pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
    def test_wrong_expectation(self, given: OpenFrames, value: float) -> None:
        """It is a number of candidates."""
        _, refused = given.take(batch([4], [[1]], expected_false=pa.array([value])))
        assert refused == [
            f"frame 4: expected_false is {value}, wanted null or a number from 0 up; abstained"
        ]

    def test_need(self, given: OpenFrames) -> None:
        """Answers to all open frames fit, of every bit; those that are answered need none."""
        full = batch([1, 4, 7, 10], [list(range(BITS))] * 4)
        assert len(given) == 4
        assert full.nbytes <= given.need <= full.nbytes + 4 * 28
        given.take(batch([1, 4, 10], [None] * 3))
        assert given.need == 28 + 4 * BITS

    def test_need_is_bounded(self, given: OpenFrames, monkeypatch: pytest.MonkeyPatch) -> None:
        """However many frames are open, their flips are those of one batch of frames at most."""
        monkeypatch.setattr(module, "MAX_BYTES", 100)
        assert given.need == 4 * 28 + 4 * 800

    def test_never_later_than_the_ledger(
        self, frames: FrameBatch, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A frame that the engine has given up is refused here, and the engine never sees it."""
        monkeypatch.setattr(module, "MAX_OPEN", 3)
        monkeypatch.setattr("wtrec.replay.ledger.MAX_OPEN", 3)
        opened, ledger = OpenFrames(), Ledger("x")
        for start in (0, 12):
            some = frames.slice(start, 12)
            opened.give(some)
            bad = some.fcs_status == 1
            number = some.number[bad]
            ledger.ask(Asked(number, 8 * np.diff(some.offsets)[bad], number, number, number))
            table, refused = opened.take(batch([start + 10], [[1]]))
            assert not refused
            ledger.answer(to_repairs([table]), 1, 0)
        for number in (1, 7, 13, 16):
            table, refused = opened.take(batch([number], [[1]]))
            assert len(refused) == (number < 16)
            ledger.answer(to_repairs([table]), 1, 0)


class TestRepairs:
    """Tables of answers as the engine takes them."""

    def test_none(self) -> None:
        """No tables, and empty ones."""
        assert len(to_repairs([])) == 0
        assert len(to_repairs([ANSWERS.empty_table()])) == 0

    def test_joined(self, given: OpenFrames) -> None:
        """Null is abstained, an empty list is a repair without flips; unknown stays unknown."""
        more = {
            "expected_false": pa.array([0.25, 0.5]),
            "candidates": pa.array([1, 2], pa.uint32()),
        }
        first, _ = given.take(batch([1, 4], [[3, 5], None], **more))
        second, _ = given.take(batch([7], [[]]))
        repairs = to_repairs([first, second, abstained(np.array([10]))])
        assert repairs.number.tolist() == [1, 4, 7, 10]
        assert repairs.repaired.tolist() == [True, False, True, False]
        assert repairs.flip_offsets.tolist() == [0, 2, 2, 2, 2]
        assert repairs.flips.tolist() == [3, 5]
        assert repairs.expected_false[0] == 0.25
        assert np.isnan(repairs.expected_false[1:]).all()
        assert repairs.candidates.tolist() == [1, 2, -1, -1]
