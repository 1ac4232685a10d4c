"""The page: one self-contained HTML file: no script, no font, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, NamedTuple

from ...datasets.files import atomic_write
from .figure import Figure
from .figures import figures, label

Json = Mapping[str, Any]

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


class _Section(NamedTuple):
    name: str
    title: str
    figures: Sequence[Figure] = ()
    facts: Sequence[tuple[str, str]] = ()
    tables: Sequence[tuple[Sequence[str], Sequence[Sequence[Any]]]] = ()
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
    drawn = {figure.name: figure for figure in figures(analysis)}
    sections = [
        _Section(name, title, [drawn[key] for key in keys if key in drawn], tables=tables)
        for name, title, keys in _SECTIONS
        for tables in [_tables(name, analysis)]
        if tables or any(key in drawn for key in keys)
    ]
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        title=f"Frames of {Path(analysis['capture']).name}",
        lead=f"Truth: {analysis['truth']}.",
        warnings=[*analysis["warnings"], *analysis["losses"]],
        numbers=_numbers(analysis),
        sections=[*sections, _about(run)],
        footer=f"Made by wtrec {version('wtrec')}.",
    )


def _numbers(analysis: Json) -> list[tuple[str, str]]:
    frames = analysis["frames"]
    numbers = [
        ("frames", f"{frames['total']:,}"),
        ("with a wrong FCS", f"{frames['bad']:,}"),
        ("of these matched to what was sent", f"{analysis['matching']['matched']:,}"),
    ]
    disagreements = frames.get("claim_disagreements")
    if disagreements is not None:
        numbers.append(("where the driver claims otherwise", f"{disagreements:,}"))
    return numbers


def _tables(section: str, analysis: Json) -> list[tuple[Sequence[str], list[Sequence[Any]]]]:
    if section == "errors":
        header = ("group", "frames", "bad", "judged", "bits", "bit errors")
        rows: list[Sequence[Any]] = [
            (label(g), g["frames"], g["bad"], g["judged"], g["bits"], g["bit_errors"])
            for g in analysis["by"]
        ]
        matching = [list(analysis["matching"].values())]
        return [(header, rows), (list(analysis["matching"]), matching)]
    if section == "recovery" and analysis["algorithms"]:
        names = ("attempted", "repaired", "correct", "wrong", "unjudged", "abstained")
        rows = [(a["name"], *(a[name] for name in names)) for a in analysis["algorithms"]]
        return [(("algorithm", *names), rows)]
    return []


def _about(run: Json | None) -> _Section:
    if run is None:
        return _Section("run", "The run", text="There is no run.json beside the capture.")
    facts = [
        (key.replace("_", " "), ", ".join(f"{k}={v}" for k, v in value.items()))
        if isinstance(value, Mapping)
        else (key.replace("_", " "), str(value))
        for key, value in run.items()
        if value not in (None, "", [], {}) and key != "files"
    ]
    files = [
        (str(file.get("name", "")), str(file.get("sha256", ""))) for file in run.get("files", [])
    ]
    return _Section("run", "The run", facts=[*facts, *files])


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
