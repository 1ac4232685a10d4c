"""What the tables of a comparison are; those that an analysis has, too, begin with the run."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from ..datasets.schema import Column
from .table_columns import ALGORITHMS, GOODPUT, GROUPS, RUN, TableColumns

_REAL, _TEXT = pa.float64(), pa.string()
_OF_RUN: Final = (Column("run", _TEXT, "The run, as it is called here."),)
_OF_BOTH: Final = (*_OF_RUN, Column("baseline", _TEXT, "The first run, compared with."))
_LABEL = Column("label", _TEXT, "The algorithm, with the parameters in which others differ.")
_DIFFERENCE: Final = (
    Column("baseline_value", _REAL, "That of the baseline.", nullable=True),
    Column("value", _REAL, "That of the run.", nullable=True),
    Column("difference", _REAL, "value - baseline_value. Null if one is.", nullable=True),
    Column("low", _REAL, "Lower end of its 95 % interval. Null without.", nullable=True),
    Column("high", _REAL, "Upper end. Null without.", nullable=True),
    Column(
        "method",
        _TEXT,
        "Of the interval: `newcombe`, or `mover` from two bootstrap intervals. Null without.",
        nullable=True,
    ),
    Column("why_not", _TEXT, "Why there is no interval. Null with one.", nullable=True),
)

COMPARE_TABLES: Final[tuple[TableColumns, ...]] = (
    TableColumns(
        "runs",
        "A run, and how it was analyzed.",
        (*_OF_RUN, Column("input", _TEXT, "The file that was given."), *RUN.columns),
    ),
    TableColumns(
        "notes",
        "A sentence on what to know before one believes the numbers, or on what was lost.",
        (
            Column("run", _TEXT, "The run. Null: of the comparison.", nullable=True),
            Column("kind", _TEXT, "`warning` or `loss`."),
            Column("text", _TEXT, "The sentence."),
        ),
    ),
    TableColumns("groups", "A group of frames of a run.", GROUPS.columns, "group", before=_OF_RUN),
    TableColumns(
        "differences",
        "A group of a run beside that of the baseline, and a share of it.",
        (Column("measure", _TEXT, "`share_bad`, `ber` or `ber_bad`."), *_DIFFERENCE),
        "group",
        before=_OF_BOTH,
    ),
    TableColumns("algorithms", "An algorithm in a run.", (*_OF_RUN, _LABEL, *ALGORITHMS.columns)),
    TableColumns(
        "algorithm_differences",
        "An algorithm in a run beside that in the baseline.",
        (
            *_OF_BOTH,
            _LABEL,
            Column("baseline_label", _TEXT, "That of the baseline's algorithm."),
            Column("measure", _TEXT, "`right_share` or `wrong_share`."),
            *_DIFFERENCE,
        ),
    ),
    TableColumns(
        "paired",
        "Two algorithms on the same frames of a run.",
        (
            *_OF_RUN,
            Column("first", _TEXT, "The first one's label."),
            Column("second", _TEXT, "The second one's."),
            Column(
                "frames",
                pa.int64(),
                "Frames that both were given and whose verdicts are known.",
                unit="frames",
            ),
            Column("first_only", pa.int64(), "Those that the first alone repaired.", unit="frames"),
            Column(
                "second_only", pa.int64(), "Those that the second alone repaired.", unit="frames"
            ),
            Column(
                "difference",
                _REAL,
                "(second_only - first_only) / frames. Null without frames.",
                nullable=True,
                unit="share",
            ),
            Column(
                "p",
                _REAL,
                "McNemar's exact two-sided p-value. Null without frames.",
                nullable=True,
                unit="probability",
            ),
            Column("method", _TEXT, "`mcnemar`."),
        ),
    ),
    TableColumns(
        "goodput",
        "A group of a run at a data rate, without repairs or with those of an algorithm, under "
        "an assumption about the ACK.",
        (
            Column("label", _TEXT, "The algorithm's label. Null: no repairs.", nullable=True),
            *GOODPUT.columns,
        ),
        "rate",
        before=_OF_RUN,
    ),
)
