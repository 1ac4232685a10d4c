"""The page of a comparison: as that of an analysis, with runs laid over each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ...datasets.files import atomic_write
from .comparison_figures import figures
from .draw import Keys
from .page import MOST_ROWS, Section, Table, page, percent, spaced

if TYPE_CHECKING:
    from ..compare import Comparison

Row = Mapping[str, Any]

INDEPENDENT: Final = (
    "Independent runs: shares of frames and of repairs with Newcombe's 95 % interval, bit error "
    "rates with one from both bootstrap intervals (Zou and Donner)"
)
PAIRED: Final = "The same frames of a run, who repaired rightly what the other did not: McNemar"

_SECTIONS: Final = (
    ("errors", "Broken frames and wrong bits", ("broken-frames", "flipped-bits")),
    ("recovery", "Recovery", ("recovery",)),
    ("throughput", "What it is worth", ("goodput",)),
)
_FACTS: Final = ("input", "truth", "wtrec_version", "seed", "block", "phy", "msdu", "ack")
_NAMES: Final = {
    "share_bad": "bad frames",
    "ber": "BER",
    "ber_bad": "BER in bad",
    "right_share": "right",
    "wrong_share": "wrong",
}


def write_report(path: Path, comparison: Comparison) -> None:
    """Write the page.

    Args:
        path: The HTML file to make or to replace.
        comparison: What to show.

    Raises:
        OSError: The file cannot be written.
    """
    atomic_write(path, render(comparison).encode())


def save_figures(folder: Path, comparison: Comparison) -> list[Path]:
    """Write each figure as PDF, PNG and CSV; gives the paths."""
    found = figures(comparison.group_by, comparison.ack, comparison.rows)
    return [path for figure in found for path in figure.save(folder)]


def render(comparison: Comparison) -> str:
    """The page as text."""
    rows, by = comparison.rows, comparison.group_by
    drawn = list(figures(by, comparison.ack, rows))
    tables = {"errors": _of_errors(by, rows), "recovery": _of_recovery(rows)}
    sections = []
    for name, title, stems in _SECTIONS:
        mine = [figure for figure in drawn if figure.name.startswith(stems)]
        if mine or tables.get(name):
            sections.append(Section(name, title, mine, tables=tables.get(name, ())))
    names = [str(run["run"]) for run in rows["runs"]]
    return page(
        title=f"Comparison of {', '.join(names)}",
        lead=f"Differences are to {comparison.baseline}.",
        warnings=[*comparison.notes("warning"), *comparison.notes("loss")],
        numbers=[
            (
                f"frames of {run['run']}, {run['bad']:,} of them with a wrong FCS",
                f"{run['total']:,}",
            )
            for run in rows["runs"]
        ],
        sections=[*sections, _about(rows["runs"])],
    )


def _of_errors(by: Sequence[str], rows: Mapping[str, Sequence[Row]]) -> list[Table]:
    keys = Keys(by)
    counts = ("frames", "good", "bad", "judged", "bit_errors")
    shares = ("share_bad", "ber", "ber_bad")
    header = (keys.title(), "run", *map(spaced, counts))
    tables = [
        Table(
            "Frames and bits, with 95 % intervals",
            (*header, *(part for name in shares for part in (_NAMES[name], "low", "high"))),
            [
                (
                    keys.label(row),
                    row["run"],
                    *(row[name] for name in counts),
                    *(row[f"{name}{end}"] for name in shares for end in ("", "_low", "_high")),
                )
                for row in rows["groups"][:MOST_ROWS]
            ],
        )
    ]
    if rows["differences"]:
        found = [
            (keys.label(row), row["run"], *_difference(row))
            for row in rows["differences"][:MOST_ROWS]
        ]
        tables.append(Table(INDEPENDENT, (keys.title(), "run", *_HEADER), found))
    return tables


_HEADER: Final = (*("measure", "baseline", "run's", "difference", "low", "high", "method"),)


def _difference(row: Row) -> tuple[Any, ...]:
    return (
        _NAMES[row["measure"]],
        *(row[name] for name in ("baseline_value", "value", "difference", "low", "high")),
        row["method"] or f"none: {row['why_not']}",
    )


def _of_recovery(rows: Mapping[str, Sequence[Row]]) -> list[Table]:
    counts = ("attempted", "correct", "wrong", "unjudged", "abstained", "dropped")
    shares = ("right_share", "wrong_share")
    tables = []
    if rows["algorithms"]:
        tables.append(
            Table(
                "Repairs, with Wilson's 95 % interval",
                ("run", "algorithm", *counts, "right", "low", "high", "wrong", "low", "high"),
                [
                    (
                        row["run"],
                        row["label"],
                        *(row[name] for name in counts),
                        *(
                            percent(row[f"{name}{end}"])
                            for name in shares
                            for end in ("", "_low", "_high")
                        ),
                    )
                    for row in rows["algorithms"]
                ],
            )
        )
    if rows["algorithm_differences"]:
        found = [
            (row["label"], row["run"], *_difference(row)) for row in rows["algorithm_differences"]
        ]
        tables.append(Table(INDEPENDENT, ("algorithm", "run", *_HEADER), found))
    if rows["paired"]:
        names = ("run", "first", "second", "frames", "first_only", "second_only", "p")
        found = [tuple(row[name] for name in names) for row in rows["paired"]]
        tables.append(Table(PAIRED, tuple(map(spaced, names)), found))
    return tables


def _about(runs: Sequence[Row]) -> Section:
    facts = [
        (
            str(run["run"]),
            "; ".join(
                [
                    *(f"{spaced(name)}: {run[name]}" for name in _FACTS if run[name] is not None),
                    f"SHA-256 of the capture: {run['capture_sha256']}",
                ]
            ),
        )
        for run in runs
    ]
    return Section("runs", "The runs", facts=facts)
