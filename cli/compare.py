"""``wtrec compare``: several runs and algorithms side by side, with their differences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import MatchError
from .compare_table import print_comparison
from .files import FILE
from .formats import TABLE, check_output, format_options, write_numbers
from .one_run import Manner, analysis_options, analyze_run
from .output import finish, say_when_compiling
from .report import check_tools, report_options
from .throughput_table import assumptions
from .truth import one_of, rule_options

if TYPE_CHECKING:
    from ..analysis.compare import Run
    from ..analysis.inputs import Input


@click.command(short_help="Several runs, or several algorithms, in one table.")
@click.argument("inputs", metavar="FILE...", nargs=-1, required=True, type=FILE)
@click.option(
    "--label",
    "labels",
    multiple=True,
    metavar="TEXT",
    help="What a run is called, in the order of the runs; default: its file's name.",
)
@rule_options
@analysis_options
@format_options
@report_options
@click.option("-q", "--quiet", is_flag=True, help="No progress, no notes.")
@click.pass_context
def compare(
    context: click.Context,
    inputs: tuple[Path, ...],
    labels: tuple[str, ...],
    payload: str | None,
    source: str | None,
    by: str,
    seed: int,
    block: int,
    output_format: str,
    output: Path | None,
    phy: str,
    msdu: int | None,
    ack: str,
    energy: Path | None,
    report: Path | None,
    figures: Path | None,
    quiet: bool,
) -> None:
    """Compare runs with the first of them, and algorithms on the same frames.

    FILE is a capture, results of one (RUN.<algo>.parquet), or a saved analysis (JSON of wtrec
    analyze). Captures are analyzed as wtrec analyze does: against their RUN.tx.parquet unless
    another truth is named, with the results beside them unless some are named. Saved analyses
    are taken as they are.
    """
    one_of(None, payload, source)
    from ..analysis.inputs import labels as short_names
    from ..analysis.inputs import sort_inputs
    from ..datasets.run import results_beside, run_json_path, tx_log_path

    try:
        runs = sort_inputs(inputs)
    except MatchError as error:
        raise click.UsageError(str(error)) from None
    beside = [path(run.path) for run in runs for path in (run_json_path, tx_log_path)]
    beside += [path for run in runs for path in results_beside(run.path)]
    check_output(output_format, output, report, [*inputs, energy, *beside])
    names = _names(labels, short_names(runs))
    check_tools(report, figures)
    manner = Manner(
        payload, source, by, seed, block, assumptions(phy, msdu, ack, energy, ()), quiet
    )
    say_when_compiling()
    from ..analysis.compare import SCHEMA
    from ..analysis.compare import compare as compare_runs

    comparison = compare_runs(_read(runs, names, manner, context))
    if report or figures:
        from ..analysis.report.comparison import save_figures, write_report

        if report:
            write_report(report, comparison)
        if figures:
            save_figures(figures, comparison)
    write_numbers(
        output_format,
        output,
        as_json=comparison.to_json,
        as_tables=comparison.tables,
        schema=SCHEMA,
    )
    if output_format == TABLE:
        print_comparison(comparison)
    for warning in comparison.notes("warning"):
        click.echo(f"wtrec: warning: {warning}", err=True)
    finish(context, comparison.notes("loss"))


def _names(given: Sequence[str], default: Sequence[str]) -> list[str]:
    """What runs are called."""
    if given and len(given) != len(default):
        raise click.UsageError(f"{len(given)} labels for {len(default)} runs: one for each")
    names = list(given or default)
    if len(set(names)) < len(names):
        raise click.UsageError("two runs with the same --label")
    return names


def _read(
    runs: Sequence[Input], names: Sequence[str], manner: Manner, context: click.Context
) -> list[Run]:
    """Load what is saved, then analyze the captures: as those were, if --by is not given."""
    from ..analysis.compare import Run
    from ..analysis.saved import load
    from ..analysis.tables import tables

    found: list[Any] = [load(run.path) if run.is_saved else None for run in runs]
    saved = [each["run"].to_pylist()[0]["group_by"] for each in found if each is not None]
    is_default = context.get_parameter_source("by") is click.core.ParameterSource.DEFAULT
    if saved and saved[0] and is_default:
        manner = manner.grouped(saved[0])
    for place, run in enumerate(runs):
        if not run.is_saved:
            analysis = analyze_run(run.path, run.results, None, manner)
            found[place] = tables(analysis.to_json())
    return [
        Run.of(name, str(run.path), each)
        for name, run, each in zip(names, runs, found, strict=True)
    ]
