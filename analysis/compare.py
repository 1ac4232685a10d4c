"""Several analyses side by side: the first is the baseline, the others differ from it.

What may be said of a difference depends on the frames behind it:

* *Independent runs* (two captures): an interval for the difference, made from the interval of
  each. Shares of frames have Newcombe's, bit error rates one from both bootstrap intervals.
* *The same frames* of one capture, several algorithms: McNemar's test, which the analysis of that
  capture has made.
* Neither: the same capture analyzed twice, simulations with one seed (they share their noise), or
  recordings of the same time. Then there is a difference, and no interval.

Numbers that were made in other ways are compared nonetheless, with a warning for each.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final

from ..datasets.rows import as_arrow
from .compare_columns import COMPARE_TABLES
from .intervals import Interval, difference, wilson
from .naming import named
from .table_columns import key_names

SCHEMA = "comparison/1"

Row = dict[str, Any]

_ODD: Final = {  # columns of a run's row: what they are called, and what it means if they differ
    "wtrec_version": ("the wtrec version", "numbers may be made in other ways"),
    "truth_kind": ("the kind of truth", "bits and repairs are judged by other things"),
    "group_by": ("--by", "its groups are left out"),
    "seed": ("--seed", "intervals of bit error rates are other draws"),
    "block": ("--block", "intervals of bit error rates are of other units"),
    "phy": ("--phy", "goodput is not comparable"),
    "msdu": ("--msdu", "goodput is not comparable"),
    "ack": ("--ack", "the baseline's is shown"),
}
_NOT_SAID: Final = {"msdu": "that of the frames"}


@dataclass(frozen=True, slots=True)
class Run:
    """One analysis.

    Attributes:
        label: What it is called; every run is called otherwise.
        input: The file that was given.
        tables: Rows of its tables, by name.
    """

    label: str
    input: str
    tables: Mapping[str, list[Row]]

    @classmethod
    def of(cls, label: str, given: str, tables: Mapping[str, Any]) -> Run:
        """From tables as :func:`wtrec.analysis.tables.tables` makes them."""
        return cls(label, given, {name: table.to_pylist() for name, table in tables.items()})

    @property
    def facts(self) -> Row:
        """What is known of the run, and how it was analyzed."""
        return self.tables["run"][0]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result: rows of each table of ``COMPARE_TABLES``, by name.

    Attributes:
        group_by: The grouping columns.
        ack: The assumption about the ACK that is to be shown.
        rows: The tables.
    """

    group_by: list[str]
    ack: str
    rows: Mapping[str, list[Row]]

    @property
    def baseline(self) -> str:
        """The run that others are compared with."""
        return str(self.rows["runs"][0]["run"])

    def notes(self, kind: str) -> list[str]:
        """Sentences of a kind, with the run that they are of."""
        return [
            f"{note['run']}: {note['text']}" if note["run"] else note["text"]
            for note in self.rows["notes"]
            if note["kind"] == kind
        ]

    def tables(self) -> dict[str, Any]:
        """The tables, as Arrow has them."""
        return {
            each.name: as_arrow(each.table(self.group_by), self.rows[each.name])
            for each in COMPARE_TABLES
        }

    def to_json(self) -> dict[str, Any]:
        """Stable keys; see docs/compare.md."""
        return {
            "schema": SCHEMA,
            "wtrec_version": version("wtrec"),
            "baseline": self.baseline,
            "group_by": self.group_by,
            "ack": self.ack,
            **self.rows,
        }


def compare(runs: Sequence[Run]) -> Comparison:
    """Compare runs with the first of them.

    Args:
        runs: One or more, each with a label of its own.
    """
    baseline = runs[0]
    group_by = [name for name in baseline.facts["group_by"].split(",") if name]
    labels = _labels(runs)
    same = [run for run in runs if run.facts["group_by"] == baseline.facts["group_by"]]
    keys, cells = key_names(group_by), key_names(group_by, "rate")
    rows: dict[str, list[Row]] = {
        "runs": [{"run": run.label, "input": run.input, **run.facts} for run in runs],
        "notes": list(_notes(runs, labels)),
        "groups": _sorted(
            [{"run": run.label, **row} for run in same for row in run.tables["groups"]], keys
        ),
        "differences": _sorted(
            [row for run in same[1:] for row in _group_differences(baseline, run, keys)], keys
        ),
        "algorithms": [
            {"run": run.label, "label": label, **row}
            for run in runs
            for label, row in zip(labels[run.label], run.tables["algorithms"], strict=True)
        ],
        "algorithm_differences": [
            row for run in runs[1:] for row in _algorithm_differences(baseline, run, labels)
        ],
        "paired": [row for run in runs for row in _paired(run, labels[run.label])],
        "goodput": _sorted(
            [
                {
                    "run": run.label,
                    "label": row["algorithm"] and labels[run.label][row["algorithm"] - 1],
                    **row,
                }
                for run in same
                for row in run.tables["goodput"]
            ],
            cells,
        ),
    }
    return Comparison(group_by, str(baseline.facts["ack"]), rows)


def dependence(one: Run, other: Run) -> str | None:
    """Why two runs are not independent of each other; None: nothing speaks against it."""
    a, b = one.facts, other.facts
    if a["capture_sha256"] == b["capture_sha256"]:
        return "the same capture"
    seeds = a["simulation_seed"], b["simulation_seed"]
    if None not in seeds:
        return "simulated with the same seed" if seeds[0] == seeds[1] else None
    times = a["start"], a["end"], b["start"], b["end"]
    if any(seeds) or None in times:
        return None
    # RFC 3339 in UTC with nine decimals each: text in the order of time
    is_apart = a["end"] < b["start"] or b["end"] < a["start"]
    return None if is_apart else "recorded at the same time"


def _labels(runs: Sequence[Run]) -> dict[str, list[str]]:
    """What each run's algorithms are called: alike where name and parameters are alike."""
    everything = [row for run in runs for row in run.tables["algorithms"]]
    distinct = list({(row["name"], row["parameters"]): row for row in everything}.values())
    found: dict[str, list[str]] = {}
    for run in runs:
        mine: list[str] = []
        for row in run.tables["algorithms"]:
            label, number = named(row, distinct), 2
            candidate = label
            while candidate in mine:  # replayed twice with the same parameters
                candidate, number = f"{label} ({number})", number + 1
            mine.append(candidate)
        found[run.label] = mine
    return found


def _notes(runs: Sequence[Run], labels: Mapping[str, list[str]]) -> Iterator[Row]:
    baseline = runs[0]
    for run in runs[1:]:
        for text in _oddities(baseline, run, labels):
            yield {"run": None, "kind": "warning", "text": text}
    for run in runs:
        for note in run.tables["notes"]:
            yield {"run": run.label, **note}


def _oddities(baseline: Run, run: Run, labels: Mapping[str, list[str]]) -> Iterator[str]:
    """What makes a run differ from the baseline beside its frames."""
    why = dependence(baseline, run)
    if why == "the same capture":
        yield (
            f"{run.label} and {baseline.label} are {why}: differences have no interval; analyze "
            "it once with all results, for McNemar's test"
        )
    elif why:
        yield f"{run.label} and {baseline.label} are {why}: differences have no interval"
    for name, (what, meaning) in _ODD.items():
        ours, theirs = run.facts[name], baseline.facts[name]
        if ours != theirs:
            yield _other(run, what, ours, baseline, theirs, meaning, name)
    if run.facts["truth_kind"] == baseline.facts["truth_kind"] == "payload":
        ours, theirs = run.facts["truth"], baseline.facts["truth"]
        if ours != theirs:
            yield _other(run, "the payload rule", ours, baseline, theirs, "errors may depend on it")
    for mine, other in _matched(baseline, run, labels):
        ours, theirs = (json.loads(row["parameters"]) for row in (mine, other))
        for key in sorted({*ours, *theirs} - {"provenance"}):
            if ours.get(key) != theirs.get(key):
                yield _other(
                    run,
                    f"{key} of {mine['name']}",
                    ours.get(key),
                    baseline,
                    theirs.get(key),
                    "its repairs are not comparable",
                )
        if ours.get("provenance") != theirs.get("provenance"):
            yield f"{mine['name']} is another program in {run.label} than in {baseline.label}"


def _other(
    run: Run, what: str, ours: Any, baseline: Run, theirs: Any, meaning: str, name: str = ""
) -> str:
    said = [_NOT_SAID.get(name, "not set") if it is None else it for it in (ours, theirs)]
    return f"{what}: {said[0]} for {run.label}, {said[1]} for {baseline.label}: {meaning}"


def _matched(baseline: Run, run: Run, labels: Mapping[str, list[str]]) -> Iterator[tuple[Row, Row]]:
    """A run's algorithms and the baseline's: alike, or else the only ones of a name in both."""
    mine, theirs = (
        [
            {"label": label, **row}
            for label, row in zip(labels[each.label], each.tables["algorithms"], strict=True)
        ]
        for each in (run, baseline)
    )
    by_label = {row["label"]: row for row in theirs}
    for row in mine:
        same_name = [other for other in theirs if other["name"] == row["name"]]
        is_only = len(same_name) == sum(each["name"] == row["name"] for each in mine) == 1
        other = by_label.get(row["label"]) or (same_name[0] if is_only else None)
        if other:
            yield row, other


def _group_differences(baseline: Run, run: Run, keys: Sequence[str]) -> Iterator[Row]:
    why = dependence(baseline, run)
    before = {_values(row, keys): row for row in baseline.tables["groups"]}
    for row in run.tables["groups"]:
        other = before.get(_values(row, keys))
        if other is None:
            continue
        head = {"run": run.label, "baseline": baseline.label, **{key: row[key] for key in keys}}
        of_shares = [wilson(each["bad"], each["good"] + each["bad"]) for each in (other, row)]
        yield head | _difference("share_bad", other, row, of_shares, "newcombe", why)
        for measure in ("ber", "ber_bad"):
            drawn = [_interval(each, measure) for each in (other, row)]
            yield head | _difference(measure, other, row, drawn, "mover", why)


def _algorithm_differences(
    baseline: Run, run: Run, labels: Mapping[str, list[str]]
) -> Iterator[Row]:
    why = dependence(baseline, run)
    for mine, other in _matched(baseline, run, labels):
        head = {"run": run.label, "baseline": baseline.label, "label": mine["label"]}
        head["baseline_label"] = other["label"]
        for measure, part in (("right_share", "correct"), ("wrong_share", "wrong")):
            both = [wilson(each[part], each["attempted"]) for each in (other, mine)]
            yield head | _difference(measure, other, mine, both, "newcombe", why)


def _difference(
    measure: str,
    before: Row,
    after: Row,
    intervals: Sequence[Interval | None],
    method: str,
    why: str | None,
) -> Row:
    first, second = before[measure], after[measure]
    of_first, of_second = intervals
    row: Row = {"measure": measure, "baseline_value": first, "value": second}
    row |= {"difference": None, "low": None, "high": None, "method": None, "why_not": why}
    if first is None or second is None:
        return row | {"why_not": "nothing to compare"}
    row["difference"] = second - first
    if why is None and (of_first is None or of_second is None):
        row["why_not"] = "too few errors"
    elif why is None and of_first and of_second:
        low, high = difference(first, of_first, second, of_second)
        row |= {"low": low, "high": high, "method": method}
    return row


def _paired(run: Run, labels: Sequence[str]) -> Iterator[Row]:
    for pair in run.tables["comparisons"]:
        frames, b, c = pair["frames"], pair["b"], pair["c"]
        yield {
            "run": run.label,
            "first": labels[pair["first"] - 1],
            "second": labels[pair["second"] - 1],
            "frames": frames,
            "first_only": b,
            "second_only": c,
            "difference": (c - b) / frames if frames else None,
            "p": pair["p"],
            "method": "mcnemar",
        }


def _interval(row: Row, name: str) -> Interval | None:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return None if low is None or high is None else (low, high)


def _values(row: Row, keys: Sequence[str]) -> tuple[Any, ...]:
    return tuple(row[key] for key in keys)


def _sorted(rows: list[Row], keys: Sequence[str]) -> list[Row]:
    """Rows of all runs by key, null first; those of a key in the order of the runs."""
    return sorted(rows, key=lambda row: [(row[key] is not None, row[key]) for key in keys])
