"""Figures of several runs, each from the rows of a comparison: runs laid over each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from . import worth_figures
from .draw import MOST_PLACES, MOST_SERIES, Keys, against
from .figure import Figure

Row = Mapping[str, Any]

_MOST_BARS: Final = 30
_SHARES: Final = {
    "share_bad": (
        "broken-frames",
        "Broken frames",
        "Share of the received frames whose FCS is wrong, with Wilson's 95 % interval.",
        "broken frames, % of received",
    ),
    "ber_bad": (
        "flipped-bits",
        "Wrong bits in broken frames",
        "Share of the known bits of broken frames that are wrong, with a bootstrap interval.",
        "wrong bits, % of known",
    ),
}


def figures(
    group_by: Sequence[str], ack: str, rows: Mapping[str, Sequence[Row]]
) -> Iterator[Figure]:
    """All figures that the comparison has numbers for.

    Args:
        group_by: The grouping columns.
        ack: The assumption about the ACK that goodput is shown for.
        rows: The tables of the comparison.
    """
    for measure in _SHARES:
        if any(row[measure] is not None for row in rows["groups"]):
            yield _by_run(group_by, measure, rows["groups"])
    attempted = [row for row in rows["algorithms"] if row["attempted"]]
    if attempted:
        shown = attempted[:_MOST_BARS]
        names = [f"{row['run']}: {row['label']}" for row in shown]
        yield worth_figures.recovery(names, shown, "run and algorithm")
    yield from _goodput(group_by, ack, rows["goodput"])


def _by_run(group_by: Sequence[str], measure: str, groups: Sequence[Row]) -> Figure:
    name, title, caption, axis = _SHARES[measure]
    found = [row for row in groups if row[measure] is not None]
    shown, left_out = _shown(found, group_by)
    columns = ["run", *group_by]
    ends = (measure, f"{measure}_low", f"{measure}_high")
    points = [(tuple(row[key] for key in columns), *(row[end] for end in ends)) for row in shown]
    keys = Keys(group_by)
    return Figure(
        name,
        title,
        caption + left_out,
        ("run", keys.title(), "frames", "bad", "judged", measure.replace("_", " "), "low", "high"),
        [
            (
                row["run"],
                keys.label(row),
                *(row[what] for what in ("frames", "bad", "judged", *ends)),
            )
            for row in shown
        ],
        lambda axes: against(axes, columns, points, axis),
    )


def _goodput(group_by: Sequence[str], ack: str, rows: Sequence[Row]) -> Iterator[Figure]:
    """Goodput by run: all algorithms in one figure if these can be told apart, else one each."""
    columns = list(group_by) if "rate_mbps" in group_by else ["rate_mbps", *group_by]
    mine = [
        {**row, "run": f"{row['run']}, {row['label'] or 'no repair'}"}
        for row in rows
        if row["ack"] == ack
    ]
    if len({_line(row, columns) for row in mine}) <= MOST_SERIES:
        parts = [("goodput", "Goodput", mine)] if mine else []
    else:
        parts = [
            (
                f"goodput-{place}" if label else "goodput",
                f"Goodput with {label}" if label else "Goodput without repairs",
                [row for row in mine if row["label"] == label],
            )
            for place, label in enumerate(dict.fromkeys(row["label"] for row in mine))
        ]
    for name, title, points in parts:
        yield _goodput_figure(name, title, columns, ack, points)


def _goodput_figure(
    name: str, title: str, columns: Sequence[str], ack: str, rows: Sequence[Row]
) -> Figure:
    shown, left_out = _shown(rows, columns)
    key = ["run", *columns]
    ends = ("goodput_mbps", "goodput_mbps_low", "goodput_mbps_high")
    points = [(tuple(row[part] for part in key), *(row[end] for end in ends)) for row in shown]
    keys = Keys(columns)
    return Figure(
        name,
        title,
        f"Right packets less wrong ones, with bounds of 95 %; acknowledgements: {ack}." + left_out,
        ("run and algorithm", keys.title(), "goodput, Mbit/s", "low", "high"),
        [(row["run"], keys.label(row), *(row[end] for end in ends)) for row in shown],
        lambda axes: against(axes, key, points, "goodput, Mbit/s", 1),
    )


def _line(row: Row, columns: Sequence[str]) -> tuple[Any, ...]:
    """What the points of one line have in common: all but the last column."""
    return (row["run"], *(row[name] for name in columns[:-1]))


def _shown(rows: Sequence[Row], columns: Sequence[str]) -> tuple[list[Row], str]:
    """Rows of as many lines and places as can be told apart, and a sentence on the others."""
    lines = list(dict.fromkeys(_line(row, columns) for row in rows))[:MOST_SERIES]
    places = list(dict.fromkeys(_place(row, columns) for row in rows))[:MOST_PLACES]
    shown = [row for row in rows if _line(row, columns) in lines and _place(row, columns) in places]
    if len(shown) == len(rows):
        return shown, ""
    return shown, f" The first lines and places: {len(shown)} of {len(rows)} points."


def _place(row: Row, columns: Sequence[str]) -> Any:
    return row[columns[-1]] if columns else None
