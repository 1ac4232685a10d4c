"""The options of ``wtrec analyze`` that write a report or its figures."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import WtrecError

if TYPE_CHECKING:
    from ..analysis.analyze import Analysis


def report_options(command: Any) -> Any:
    """Add ``--report`` and ``--figures``."""
    for option in (
        click.option(
            "--figures",
            "figures",
            type=click.Path(file_okay=False, path_type=Path),
            metavar="DIR",
            help="Write each figure there as PDF, PNG and CSV.",
        ),
        click.option(
            "--report",
            "report",
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="OUT.html",
            help="Write a page with figures and tables: one file that needs no other.",
        ),
    ):
        command = option(command)
    return command


def check_tools(report: Path | None, figures: Path | None) -> None:
    """Refuse what cannot be drawn, before anything is read.

    Raises:
        WtrecError: What draws is not installed.
    """
    needed = [*(["jinja2"] if report else []), *(["matplotlib"] if report or figures else [])]
    missing = [name for name in needed if find_spec(name) is None]
    if missing:
        raise WtrecError(f"{' and '.join(missing)} not installed; pip install 'wtrec[report]'")


def reporter(
    capture: Path, report: Path | None, figures: Path | None
) -> Callable[[Analysis], None]:
    """What writes the report and the figures that were asked for, once there is an analysis.

    Whatever may fail for reasons outside of the analysis does so here, before it.

    Raises:
        WtrecError: What draws is not installed.
        FormatError: The run.json beside the capture is damaged.
    """
    check_tools(report, figures)
    run = _run_of(capture) if report else None

    def write(analysis: Analysis) -> None:
        if not (report or figures):
            return
        from ..analysis.report.page import save_figures, write_report

        found = analysis.to_json()
        if report:
            write_report(report, found, run)
        if figures:
            save_figures(figures, found)

    return write


def _run_of(capture: Path) -> dict[str, Any] | None:
    """What is known of the run; None if nothing stands beside the capture."""
    from ..datasets.run import Run, run_json_path

    path = run_json_path(capture)
    if not path.exists():
        return None
    run: dict[str, Any] = json.loads(Run.load(path).to_json())
    return run
