"""The page: one self-contained HTML file: no script, no font, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, NamedTuple

from ...datasets.files import atomic_write
from ..naming import named
from .draw import Json, Keys
from .figure import Figure
from .figures import figures

_TEMPLATE: Final = Path(__file__).with_name("page.html.j2")
_SECTIONS: Final = (
    (
        "errors",
        "Broken frames and wrong bits",
        ("broken-frames", "flipped-bits", "flips-per-frame"),
    ),
    ("patterns", "Where and how bits are wrong", ("positions", "event-lengths", "gaps", "signal")),
    ("recovery", "Recovery", ("recovery",)),
    ("throughput", "What it is worth", ("few-flips", "goodput")),
)


MOST_ROWS: Final = 200  # of a table; the JSON has them all


class Table(NamedTuple):
    """A table of the page: its title, the names of its columns, and rows."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[Any]]


class Section(NamedTuple):
    """A part of the page: what stands under one heading."""

    name: str
    title: str
    figures: Sequence[Figure] = ()
    facts: Sequence[tuple[str, str]] = ()
    tables: Sequence[Table] = ()
    text: str = ""


def write_report(path: Path, analysis: Json, run: Json | None) -> None:
    """Write the report of an analysis.

    Args:
        path: The HTML file to make or to replace.
        analysis: As ``Analysis.to_json`` gives it.
        run: What ``run.json`` holds, if there is one.

    Raises:
        OSError: The file cannot be written.
    """
    atomic_write(path, render(analysis, run).encode())


def save_figures(folder: Path, analysis: Json) -> list[Path]:
    """Write each figure as PDF, PNG and CSV; gives the paths."""
    return [path for figure in figures(analysis) for path in figure.save(folder)]


def render(analysis: Json, run: Json | None) -> str:
    """The page as text."""
    drawn = {figure.name: figure for figure in figures(analysis)}
    sections = [
        Section(name, title, [drawn[key] for key in keys if key in drawn], tables=tables)
        for name, title, keys in _SECTIONS
        for tables in [_tables(name, analysis)]
        if tables or any(key in drawn for key in keys)
    ]
    return page(
        title=f"Frames of {Path(analysis['capture']).name}",
        lead=f"Originals from: {analysis['truth']}.",
        warnings=[*analysis["warnings"], *analysis["losses"]],
        numbers=_numbers(analysis),
        sections=[*sections, _about(run)],
    )


def page(
    *,
    title: str,
    lead: str,
    warnings: Sequence[str],
    numbers: Sequence[tuple[str, str]],
    sections: Sequence[Section],
) -> str:
    """A page of its parts, as text; whatever stands in these is text, too, and no markup."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["cell"] = _cell
    environment.tests["words"] = _is_words
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        title=title,
        lead=lead,
        warnings=warnings,
        numbers=numbers,
        sections=sections,
        footer=f"Made by wtrec {version('wtrec')}.",
    )


def _numbers(analysis: Json) -> list[tuple[str, str]]:
    frames, matching = analysis["frames"], analysis["matching"]
    numbers = [
        ("frames", frames["total"]),
        ("with a wrong FCS", frames["bad"]),
        ("of these matched to what was sent", matching["matched"]),
    ]
    if matching.get("rewritten"):
        numbers.append(("rewritten on the way, with no bit error", matching["rewritten"]))
    numbers.append(("where the driver's word on the FCS differs", frames["claim_disagreements"]))
    return [(what, f"{count:,}") for what, count in numbers]


def _tables(section: str, analysis: Json) -> list[Table]:
    if section == "errors":
        return _of_errors(analysis)
    if section == "recovery" and analysis["algorithms"]:
        return _of_recovery(analysis)
    if section == "throughput" and analysis.get("throughput"):
        return _of_throughput(analysis)
    return []


def _of_errors(analysis: Json) -> list[Table]:
    keys = Keys(analysis["group_by"])
    names = ("frames", "good", "bad", "rewritten", "judged", "bits", "bit_errors", "ber")
    rows = [
        (keys.label(group), *(group[name] for name in names))
        for group in analysis["by"][:MOST_ROWS]
    ]
    matching = analysis["matching"]
    return [
        Table(
            "Frames and bits; BER: of all bits, those of good frames included",
            (keys.title(), *map(spaced, names)),
            rows,
        ),
        Table(
            "Bad frames against the truth",
            [spaced(name) for name in matching],
            [tuple(matching.values())],
        ),
    ]


def _of_recovery(analysis: Json) -> list[Table]:
    algorithms = analysis["algorithms"]
    names = ["attempted", "repaired", "correct", "wrong", "unjudged", "abstained", "dropped"]
    names += ["fcs_holds"]
    shares = ("right_share", "wrong_share")
    rows = [
        (
            named(a, algorithms),
            *(a[name] for name in names),
            *(percent(a[name]) for name in shares),
        )
        for a in algorithms
    ]
    tables = [
        Table("Repairs", ("algorithm", *map(spaced, names), "right", "wrong, of attempted"), rows)
    ]
    pairs = [
        (p["first"], p["second"], p["frames"], p["b"], p["c"], p["p"])
        for p in analysis.get("comparisons", [])
    ]
    if pairs:
        tables.append(
            Table(
                "Who repaired rightly what the other did not (McNemar's test)",
                ("first", "second", "same frames", "first only", "second only", "p"),
                pairs,
            )
        )
    return tables


def _of_throughput(analysis: Json) -> list[Table]:
    keys, ack = Keys(analysis["group_by"]), analysis["model"]["ack"]
    if "rate_mbps" not in keys.columns:
        keys = Keys([*keys.columns, "rate_mbps"])
    rows = []
    for group in analysis["throughput"]["groups"][:MOST_ROWS]:
        if not group["without"]:
            continue
        head = (keys.label(group), group["phy"], percent(group["per"]))
        now = group["without"][ack]
        rows.append((*head, "none", now["goodput_mbps"], None, None, None))
        for each in group["algorithms"]:
            after = (each["ack"] or {}).get(ack)
            if after:
                facts = [percent(after[n]) for n in ("gain", "saved_share", "undetected_errors")]
                name = named(each, group["algorithms"])
                rows.append((*head, name, after["goodput_mbps"], *facts))
    if not rows:
        return []
    header = (keys.title(), "PHY", "broken", "algorithm", "Mbit/s", "gain", "airtime saved")
    return [
        Table(f"Goodput (acknowledgements: {ack})", (*header, "undetected errors"), rows),
    ]


def _about(run: Json | None) -> Section:
    if run is None:
        return Section("run", "The run", text="There is no run.json beside the capture.")
    facts = []
    for key, value in run.items():
        if value in (None, "", [], {}) or key == "files":
            continue
        if isinstance(value, Mapping):
            parts = [f"{k}: {v}" for k, v in value.items() if k != "program"]
            facts.append((spaced(key), "; ".join(parts)))
        elif isinstance(value, list):
            facts.append((spaced(key), ", ".join(map(str, value))))
        else:
            facts.append((spaced(key), str(value)))
    files = [
        (str(file.get("name", "")), f"SHA-256 {file.get('sha256') or 'unknown'}")
        for file in run.get("files", [])
    ]
    return Section("run", "The run", facts=[*facts, *files])


def spaced(name: str) -> str:
    """A key in words."""
    return name.replace("_", " ")


def percent(share: float | None) -> str:
    """A share in percent; ``-`` where there is none."""
    return "-" if share is None else f"{share:.2%}"


def _is_words(value: Any) -> bool:
    """Whether a cell is to be read from the left: text, but no share."""
    return isinstance(value, str) and not value.endswith(("%", "-"))


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
