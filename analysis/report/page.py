"""The page: one self-contained HTML file: no script, no font, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, NamedTuple

from ...datasets.files import atomic_write
from .draw import Json, Keys
from .figure import Figure
from .figures import figures
from .worth_figures import named

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


_MOST: Final = 200  # rows of a table; the JSON has them all


class _Table(NamedTuple):
    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[Any]]


class _Section(NamedTuple):
    name: str
    title: str
    figures: Sequence[Figure] = ()
    facts: Sequence[tuple[str, str]] = ()
    tables: Sequence[_Table] = ()
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
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["cell"] = _cell
    environment.tests["words"] = _is_words
    drawn = {figure.name: figure for figure in figures(analysis)}
    sections = [
        _Section(name, title, [drawn[key] for key in keys if key in drawn], tables=tables)
        for name, title, keys in _SECTIONS
        for tables in [_tables(name, analysis)]
        if tables or any(key in drawn for key in keys)
    ]
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        title=f"Frames of {Path(analysis['capture']).name}",
        lead=f"Originals from: {analysis['truth']}.",
        warnings=[*analysis["warnings"], *analysis["losses"]],
        numbers=_numbers(analysis),
        sections=[*sections, _about(run)],
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


def _tables(section: str, analysis: Json) -> list[_Table]:
    if section == "errors":
        return _of_errors(analysis)
    if section == "recovery" and analysis["algorithms"]:
        return _of_recovery(analysis)
    if section == "throughput" and analysis.get("throughput"):
        return _of_throughput(analysis)
    return []


def _of_errors(analysis: Json) -> list[_Table]:
    keys = Keys(analysis["group_by"])
    names = ("frames", "good", "bad", "rewritten", "judged", "bits", "bit_errors", "ber")
    rows = [
        (keys.label(group), *(group[name] for name in names)) for group in analysis["by"][:_MOST]
    ]
    matching = analysis["matching"]
    return [
        _Table(
            "Frames and bits; BER: of all bits, those of good frames included",
            (keys.title(), *map(_spaced, names)),
            rows,
        ),
        _Table(
            "Bad frames against the truth",
            [_spaced(name) for name in matching],
            [tuple(matching.values())],
        ),
    ]


def _of_recovery(analysis: Json) -> list[_Table]:
    algorithms = analysis["algorithms"]
    names = ("attempted", "repaired", "correct", "wrong", "unjudged", "abstained", "fcs_holds")
    shares = ("right_share", "wrong_share")
    rows = [
        (
            named(a, algorithms),
            *(a[name] for name in names),
            *(_percent(a[name]) for name in shares),
        )
        for a in algorithms
    ]
    tables = [
        _Table("Repairs", ("algorithm", *map(_spaced, names), "right", "wrong, of attempted"), rows)
    ]
    pairs = [
        (p["first"], p["second"], p["frames"], p["b"], p["c"], p["p"])
        for p in analysis.get("comparisons", [])
    ]
    if pairs:
        tables.append(
            _Table(
                "Who repaired rightly what the other did not (McNemar's test)",
                ("first", "second", "same frames", "first only", "second only", "p"),
                pairs,
            )
        )
    return tables


def _of_throughput(analysis: Json) -> list[_Table]:
    keys, ack = Keys(analysis["group_by"]), analysis["model"]["ack"]
    if "rate_mbps" not in keys.columns:
        keys = Keys([*keys.columns, "rate_mbps"])
    rows = []
    for group in analysis["throughput"]["groups"][:_MOST]:
        if not group["without"]:
            continue
        head = (keys.label(group), group["phy"], _percent(group["per"]))
        now = group["without"][ack]
        rows.append((*head, "none", now["goodput_mbps"], None, None, None))
        for each in group["algorithms"]:
            after = (each["ack"] or {}).get(ack)
            if after:
                facts = [_percent(after[n]) for n in ("gain", "saved_share", "undetected_errors")]
                name = named(each, group["algorithms"])
                rows.append((*head, name, after["goodput_mbps"], *facts))
    if not rows:
        return []
    header = (keys.title(), "PHY", "broken", "algorithm", "Mbit/s", "gain", "airtime saved")
    return [
        _Table(f"Goodput (acknowledgements: {ack})", (*header, "undetected errors"), rows),
    ]


def _about(run: Json | None) -> _Section:
    if run is None:
        return _Section("run", "The run", text="There is no run.json beside the capture.")
    facts = []
    for key, value in run.items():
        if value in (None, "", [], {}) or key == "files":
            continue
        if isinstance(value, Mapping):
            parts = [f"{k}: {v}" for k, v in value.items() if k != "program"]
            facts.append((_spaced(key), "; ".join(parts)))
        elif isinstance(value, list):
            facts.append((_spaced(key), ", ".join(map(str, value))))
        else:
            facts.append((_spaced(key), str(value)))
    files = [
        (str(file.get("name", "")), f"SHA-256 {file.get('sha256') or 'unknown'}")
        for file in run.get("files", [])
    ]
    return _Section("run", "The run", facts=[*facts, *files])


def _spaced(name: str) -> str:
    return name.replace("_", " ")


def _percent(share: float | None) -> str:
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
