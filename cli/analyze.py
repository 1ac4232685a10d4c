"""``wtrec analyze``: received frames and repairs against what was sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .files import FILE
from .formats import TABLE, check_output, format_options, write_numbers
from .one_run import Manner, analysis_options, analyze_run
from .output import finish, number, print_table, say_when_compiling, share
from .report import report_options, reporter
from .throughput_table import assumptions, print_evaluation
from .truth import one_of, truth_options

if TYPE_CHECKING:
    from ..analysis.analyze import Analysis
    from ..analysis.scoring import AlgorithmScore


@click.command(short_help="Bit errors, and how many repairs were right.")
@click.argument("capture", metavar="RUN.pcapng", type=FILE)
@click.argument("results", metavar="[RESULTS.parquet]...", nargs=-1, type=FILE)
@truth_options
@analysis_options
@format_options
@click.option(
    "--deadline",
    "deadlines",
    multiple=True,
    metavar="NAME|US",
    help="Of the decoding, in us, or sifs, sifs-5ghz, block-ack, application; repeatable. Decode "
    "times are printed if there is one; json always has them.",
)
@report_options
@click.option("-q", "--quiet", is_flag=True, help="No progress, no notes.")
@click.pass_context
def analyze(
    context: click.Context,
    capture: Path,
    results: tuple[Path, ...],
    tx_log: Path | None,
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
    deadlines: tuple[str, ...],
    report: Path | None,
    figures: Path | None,
    quiet: bool,
) -> None:
    """Count the bit errors of RUN.pcapng, and judge the repairs in RESULTS.parquet.

    The original of each bad frame comes from a tx log, from a payload rule, or from intact
    copies of the same packet (--truth siblings). Without
    RESULTS.parquet, those beside the capture (RUN.<algo>.parquet) are taken.
    """
    one_of(tx_log, payload, source)
    from ..datasets.run import results_beside, run_json_path, tx_log_path

    beside = (run_json_path(capture), tx_log_path(capture), *results_beside(capture))
    check_output(output_format, output, report, [capture, tx_log, energy, *beside, *results])
    say_when_compiling()
    from ..analysis.provenance import SCHEMA
    from ..analysis.tables import tables

    write_report = reporter(capture, report, figures)
    assumed = assumptions(phy, msdu, ack, energy, deadlines)
    manner = Manner(payload, source, by, seed, block, assumed, quiet)
    analysis = analyze_run(capture, results, tx_log, manner)
    write_report(analysis)
    write_numbers(
        output_format,
        output,
        as_json=analysis.to_json,
        as_tables=lambda: tables(analysis.to_json()),
        schema=SCHEMA,
    )
    if output_format == TABLE:
        _print(analysis)
        print_evaluation(analysis, timed=bool(deadlines))
    for warning in analysis.warnings:
        click.echo(f"wtrec: warning: {warning}", err=True)
    finish(context, analysis.losses)


def _print(analysis: Analysis) -> None:
    census = analysis.census
    click.echo(
        f"{census.total:,} frames: {census.good:,} good, {census.bad:,} bad, "
        f"{census.absent:,} without FCS, {census.unverifiable:,} unverifiable; "
        f"the driver disagrees on {census.claim_disagreements:,}"
    )
    ends = ", ".join(
        f"{count:,} {outcome.name.lower().replace('_', ' ')}"
        for outcome, count in sorted(analysis.matching.items())
    )
    click.echo(f"bad frames against the truth: {ends or 'none'}")
    # Frames that no bit error made bad have a column only where there are any.
    is_rewritten = any(group.rewritten for group in analysis.groups)
    rows = [
        [
            *(number(value, "") if value is None else str(value) for value in group.key.values()),
            number(group.frames),
            number(group.bad),
            *([number(group.rewritten)] if is_rewritten else []),
            share(group.share_bad),
            _interval(group.share_bad_interval, ".2%"),
            number(group.judged),
            number(group.bit_errors),
            number(group.ber, ".3g"),
            _interval(group.numbers.ber_interval, ".2g"),
            number(group.ber_bad, ".3g"),
            _interval(group.numbers.ber_bad_interval, ".2g"),
        ]
        for group in analysis.groups
    ]
    header = ["frames", "bad", *(["rewritten"] if is_rewritten else [])]
    header += ["share bad", "(95 %)", "judged", "bit errors"]
    header += ["BER", "(95 %)", "BER in bad", "(95 %)"]
    print_table([*analysis.by, *header], rows)
    if analysis.algorithms:
        is_dropping = any(score.dropped for score in analysis.algorithms)
        scores = [
            [
                _choice(score),
                number(score.attempted),
                number(score.repaired),
                number(score.correct),
                number(score.wrong),
                number(score.unjudged),
                number(score.fcs_holds),
                number(score.abstained),
                *([number(score.dropped)] if is_dropping else []),
            ]
            for score in analysis.algorithms
        ]
        names = ["algorithm", "attempted", "repaired", "correct", "WRONG", "unjudged"]
        names += ["FCS holds", "abstained", *(["dropped"] if is_dropping else [])]
        print_table(names, scores)


def _interval(ends: tuple[float, float] | None, digits: str) -> str:
    """Both ends; ``-`` where there are none."""
    return "-" if ends is None else f"{ends[0]:{digits}} .. {ends[1]:{digits}}"


def _choice(score: AlgorithmScore) -> str:
    """An algorithm with its parameters, as --algo takes it; of a program, the command alone."""
    parameters = json.loads(score.parameters)
    parameters.pop("provenance", None)
    if score.name.startswith("exec-"):
        return f"exec:{parameters.get('command', '')}"
    taken = ",".join(f"{key}={value}" for key, value in parameters.items())
    return f"{score.name}:{taken}" if taken else score.name
