"""What a decoder may answer: for frames that are bad, given and open, bits that are theirs.

Everything that is wrong with an answer is found here, whole batches at a time, and said with the
frame; an answer that is refused makes its frame abstained and spoils no other.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...datasets.frames import MAX_BYTES, FcsStatus, FrameBatch
from ..algorithm import Repairs
from ..ledger import MAX_OPEN

# The columns of an answer; the last two may be missing.
ANSWERS: Final = pa.schema(
    [
        pa.field("number", pa.int64()),
        pa.field("flips", pa.list_(pa.uint32())),
        pa.field("expected_false", pa.float64()),
        pa.field("candidates", pa.uint32()),
    ]
)
_WANTED: Final = ("number", "flips")
_FLIPS: Final = ANSWERS.field("flips").type
_NUMBER, _ORDINAL, _BITS = range(3)  # rows of the table of open frames
_ROW: Final = 28  # bytes of an answer without its flips; with their offset and validity bits
_FLIP: Final = 4  # bytes


def check_schema(schema: Any) -> str:
    """What is wrong with the schema of a decoder's stream; empty if nothing is."""
    for name in dict.fromkeys([*_WANTED, *schema.names]):
        if name not in ANSWERS.names:
            return f"answers with a column {name!r}, wanted " + ", ".join(ANSWERS.names)
        found = [schema.field(at).type for at in schema.get_all_field_indices(name)]
        wanted = ANSWERS.field(name).type
        if len(found) != 1 or not _alike(found[0], wanted):
            have = " and ".join(map(str, found)) or "missing"
            return f"answers with the column {name} {have}, wanted {wanted}"
    return ""


def _alike(found: Any, wanted: Any) -> bool:
    """Of one type, whatever a list calls its elements, and whether it says that none is null."""
    if pa.types.is_list(wanted):
        return bool(pa.types.is_list(found) and found.value_type == wanted.value_type)
    return bool(found == wanted)


class OpenFrames:
    """The bad frames that a decoder was given and has not answered for.

    The engine's ledger gives a frame up after ``MAX_OPEN`` later ones; this does so no later.
    """

    def __init__(self) -> None:
        self._open = np.zeros((3, 0), np.int64)
        self._given = 0
        self._last = 0

    def __len__(self) -> int:
        return self._open.shape[1]

    @property
    def need(self) -> int:
        """The bytes that answers to all of them can need.

        Of flips, those to every bit of the largest batch of frames there is, at most: late answers
        to a hundred thousand frames flip few bits of each.
        """
        bits = min(int(self._open[_BITS].sum()), 8 * MAX_BYTES)
        return _ROW * len(self) + _FLIP * bits

    def give(self, frames: FrameBatch) -> None:
        """The decoder is given these."""
        bad = frames.fcs_status == FcsStatus.BAD
        numbers, bits = frames.number[bad], 8 * np.diff(frames.offsets)[bad].astype(np.int64)
        ordinals = np.arange(self._given, self._given + len(numbers))
        self._given += len(numbers)
        self._last = int(frames.number[-1])
        self._open = np.hstack([self._open, np.stack([numbers, ordinals, bits])])

    def forget(self) -> NDArray[np.int64]:
        """No decoder knows them any more; their numbers."""
        numbers: NDArray[np.int64] = self._open[_NUMBER]
        self._open = self._open[:, :0]
        return numbers

    def take(self, answers: Any) -> tuple[Any, list[str]]:
        """Judge a batch of answers.

        Args:
            answers: A ``pyarrow.RecordBatch`` whose schema was checked.

        Returns:
            A ``pyarrow.Table`` of ``ANSWERS`` for frames that were open, each once, null flips
            where the answer was refused; and a line for each answer that was refused.
        """
        table = _completed(answers)
        row = np.arange(len(table))
        without = table["number"].is_null().to_numpy()
        number = table["number"].fill_null(0).to_numpy()
        where = np.searchsorted(self._open[_NUMBER], number)
        known = where < len(self)
        known[known] = self._open[_NUMBER, where[known]] == number[known]
        first = np.zeros(len(table), np.bool_)
        first[np.unique(number, return_index=True)[1]] = True
        entered = ~without & known & first
        bits = np.zeros(len(table), np.int64)
        bits[known] = self._open[_BITS, where[known]]

        refused = {}
        for i in row[without].tolist():
            refused[i] = f"row {i}: an answer without a frame number"
        for i in row[~without & known & ~first].tolist():
            refused[i] = f"frame {number[i]}: answered twice"
        for i in row[~without & ~known].tolist():
            early = number[i] > self._last
            why = "was not given yet" if early else "is not bad, has its answer, or was given up"
            refused[i] = f"frame {number[i]}: answered for, but it {why}"
        for i, what in _wrong_values(table, bits).items():
            if entered[i]:
                refused[i] = f"frame {number[i]}: {what}; abstained"
        good = entered.copy()
        good[list(refused)] = False
        flips = _flips(table)
        offsets, values = pa.array(_offsets(flips)), flips.flatten()
        null = ~good | flips.is_null().to_numpy(zero_copy_only=False)
        kept = pa.ListArray.from_arrays(offsets, values, type=_FLIPS, mask=pa.array(null))
        table = table.set_column(1, ANSWERS.field("flips"), kept).filter(pa.array(entered))
        self._open = np.delete(self._open, where[entered], axis=1)
        given_up = np.searchsorted(self._open[_ORDINAL], self._given - MAX_OPEN)
        self._open = self._open[:, given_up:]
        return table, [refused[i] for i in sorted(refused)]


def _completed(answers: Any) -> Any:
    """With the columns that may be missing, as a table of ``ANSWERS``."""
    columns = [
        answers.column(name).cast(kind)
        if name in answers.schema.names
        else pa.nulls(answers.num_rows, kind)
        for name, kind in zip(ANSWERS.names, ANSWERS.types, strict=True)
    ]
    return pa.table(columns, schema=ANSWERS).combine_chunks()


def _flips(table: Any) -> Any:
    """The column of flips as one array."""
    return pa.concat_arrays([pa.array([], _FLIPS), *table["flips"].chunks])


def _offsets(flips: Any) -> NDArray[np.int32]:
    """Where the flips of each answer begin and end in ``flips.flatten()``."""
    lengths = flips.value_lengths().fill_null(0).to_numpy()
    return np.cumsum(np.concatenate([[0], lengths]), dtype=np.int32)


def _wrong_values(table: Any, bits: NDArray[np.int64]) -> dict[int, str]:
    """What is wrong with flips and expectations, by the row of the answer."""
    flips = _flips(table)
    parent = np.repeat(np.arange(len(flips)), np.diff(_offsets(flips)))
    values = flips.flatten()
    null = values.is_null().to_numpy(zero_copy_only=False)
    bit = values.fill_null(0).to_numpy().astype(np.int64)
    falling = np.zeros(len(bit), np.bool_)
    falling[1:] = (parent[1:] == parent[:-1]) & (bit[1:] <= bit[:-1])
    expected = table["expected_false"].fill_null(0).to_numpy()
    wrong = {}
    for i in np.flatnonzero(~(expected >= 0) | np.isinf(expected)).tolist():
        wrong[i] = f"expected_false is {expected[i]}, wanted null or a number from 0 up"
    for at in np.flatnonzero(falling).tolist():
        wrong[int(parent[at])] = (
            f"flips bit {bit[at]} after bit {bit[at - 1]}, wanted each once, rising"
        )
    for at in np.flatnonzero(bit >= bits[parent]).tolist():
        wrong[int(parent[at])] = f"flips bit {bit[at]}, wanted below {bits[parent[at]]}"
    for at in np.flatnonzero(null).tolist():
        wrong[int(parent[at])] = "flips a null, wanted bit positions"
    return wrong


def abstained(numbers: NDArray[np.int64]) -> Any:
    """A table of ``ANSWERS`` that abstains on these frames."""
    nulls = [pa.nulls(len(numbers), kind) for kind in ANSWERS.types[1:]]
    return pa.table([pa.array(numbers), *nulls], schema=ANSWERS)


def to_repairs(tables: list[Any]) -> Repairs:
    """The answers of several tables."""
    table = pa.concat_tables([ANSWERS.empty_table(), *tables]).combine_chunks()
    flips = _flips(table)
    repaired = flips.is_valid().to_numpy(zero_copy_only=False)
    expected = table["expected_false"].fill_null(np.nan).to_numpy()
    return Repairs(
        table["number"].to_numpy(),
        repaired,
        _offsets(flips),
        flips.flatten().to_numpy(),
        np.where(repaired, expected, np.nan),
        table["candidates"].cast(pa.int64()).fill_null(-1).to_numpy(),
    )
