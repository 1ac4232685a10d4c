"""A comparison for people: one table a question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .output import number, print_table, share

if TYPE_CHECKING:
    from ..analysis.compare import Comparison

Row = Mapping[str, Any]

_MEASURES = {
    "share_bad": "share bad",
    "ber": "BER",
    "ber_bad": "BER in bad",
    "right_share": "right",
    "wrong_share": "WRONG",
}
_GROUP = (
    *("run", "frames", "bad", "share bad", "(95 %)", "judged", "bit errors"),
    *("BER", "(95 %)", "BER in bad", "(95 %)"),
)
_RATES = ("ber", "ber_bad")  # too small for percent
_METHODS = {"newcombe": "Newcombe", "mover": "both bootstraps"}


def print_comparison(comparison: Comparison) -> None:
    """Frames by group and run, differences of runs, algorithms, and these on the same frames."""
    rows, by = comparison.rows, comparison.group_by
    runs = rows["runs"]
    print_table(
        ["run", "frames", "good", "bad", "matched", "truth"],
        [
            [
                str(run["run"]),
                *(number(run[name]) for name in ("total", "good", "bad", "matched")),
                str(run["truth"]),
            ]
            for run in runs
        ],
    )
    print_table(
        [*by, *_GROUP],
        [_group(row, by) for row in rows["groups"]],
    )
    header = ["measure", "baseline", "run's", "difference", "(95 %)", "by"]
    if rows["differences"]:
        found = [
            [*_key(row, by), str(row["run"]), *_difference(row)] for row in rows["differences"]
        ]
        print_table([*by, "run", *header], found, _title(comparison, "differences"))
    if rows["algorithms"]:
        names = ["attempted", "right", "WRONG", "unjudged", "abstained", "dropped"]
        names += ["right share", "(95 %)"]
        print_table(["run", "algorithm", *names], [_algorithm(row) for row in rows["algorithms"]])
    if rows["algorithm_differences"]:
        found = [
            [str(row["label"]), str(row["run"]), *_difference(row)]
            for row in rows["algorithm_differences"]
        ]
        title = _title(comparison, "algorithm_differences")
        print_table(["algorithm", "run", *header], found, title)
    if rows["paired"]:
        print_table(
            ["run", "first", "second", "same frames", "first only", "second only", "p"],
            [
                [
                    *(str(row[name]) for name in ("run", "first", "second")),
                    *(number(row[name]) for name in ("frames", "first_only", "second_only")),
                    number(row["p"], ".2g"),
                ]
                for row in rows["paired"]
            ],
            "who repaired rightly what the other did not, on the same frames (McNemar):",
        )


def _title(comparison: Comparison, name: str) -> str:
    """Of a table of differences: what their intervals are for, if there are any."""
    has_intervals = any(row["method"] for row in comparison.rows[name])
    what = "intervals are those of independent runs" if has_intervals else "without intervals"
    return f"difference to {comparison.baseline}; {what}:"


def _group(row: Row, by: Sequence[str]) -> list[str]:
    return [
        *_key(row, by),
        str(row["run"]),
        number(row["frames"]),
        number(row["bad"]),
        share(row["share_bad"]),
        _interval(row, "share_bad", ".2%"),
        number(row["judged"]),
        number(row["bit_errors"]),
        number(row["ber"], ".3g"),
        _interval(row, "ber", ".2g"),
        number(row["ber_bad"], ".3g"),
        _interval(row, "ber_bad", ".2g"),
    ]


def _algorithm(row: Row) -> list[str]:
    names = ("attempted", "correct", "wrong", "unjudged", "abstained", "dropped")
    return [
        str(row["run"]),
        str(row["label"]),
        *(number(row[name]) for name in names),
        share(row["right_share"]),
        _interval(row, "right_share", ".2%"),
    ]


def _difference(row: Row) -> list[str]:
    is_rate = row["measure"] in _RATES
    digits, signed = (".3g", "+.3g") if is_rate else (".2%", "+.2%")
    ends = "-" if row["low"] is None else f"{row['low']:{signed}} .. {row['high']:{signed}}"
    return [
        _MEASURES[row["measure"]],
        number(row["baseline_value"], digits),
        number(row["value"], digits),
        number(row["difference"], signed),
        ends,
        _METHODS[row["method"]] if row["method"] else f"- ({row['why_not']})",
    ]


def _interval(row: Row, name: str, digits: str) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return "-" if low is None else f"{low:{digits}} .. {high:{digits}}"


def _key(row: Row, by: Sequence[str]) -> list[str]:
    return ["-" if row[name] is None else str(row[name]) for name in by]
