"""``wtrec analyze``: received frames and repairs against what was sent."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .output import finish, number, print_json, print_table, progress, say_when_compiling, share
from .report import report_options, reporter
from .throughput_table import assumptions, print_evaluation
from .truth import FILE, journal_losses, one_of, open_truth, truth_options

if TYPE_CHECKING:
    from ..analysis.analyze import Analysis
    from ..analysis.conditions import Conditions
    from ..analysis.scoring import AlgorithmScore


@click.command(short_help="Bit errors, and how many repairs were right.")
@click.argument("capture", metavar="RUN.pcapng", type=FILE)
@click.argument("results", metavar="[RESULTS.parquet]...", nargs=-1, type=FILE)
@truth_options
@click.option(
    "--by",
    default="rate_mbps",
    show_default=True,
    metavar="COLUMN[,COLUMN]",
    help="Columns to group by: rate, signal, retry ...; of the tx log: snr_db, tx_power_dbm ...",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="Of the resampling behind the intervals of bit error rates.",
)
@click.option(
    "--block",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="FRAMES",
    help="Consecutive frames to resample together: longer than the fading lasts.",
)
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["table", "json", "csv"]),
    default="table",
    show_default=True,
    help="json has everything, with stable keys; csv has the groups.",
)
@click.option(
    "--phy",
    type=click.Choice(["auto", "b", "b-short", "g", "g-protected", "a"]),
    default="auto",
    show_default=True,
    help="Of the throughput: for the rates that it has; auto: from rate and channel.",
)
@click.option(
    "--msdu",
    type=click.IntRange(1, 2304),
    metavar="BYTES",
    help="Of the throughput: bytes of an MSDU; default: the mean of each group's frames.",
)
@click.option(
    "--ack",
    type=click.Choice(["ideal", "arq", "none"]),
    default="ideal",
    show_default=True,
    help="When a repair is acknowledged: within SIFS, later, or never; json has all three.",
)
@click.option("--energy", type=FILE, metavar="FILE.toml", help="Powers of a station in W.")
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
    say_when_compiling()
    from ..analysis.analyze import analyze as run_analysis
    from ..datasets.run import results_beside
    from ..datasets.txlog import tx_log_beside

    write_report = reporter(capture, report, figures)
    assumed = assumptions(phy, msdu, ack, energy, deadlines)
    named = tx_log or payload or source
    if not named:
        tx_log = tx_log_beside(capture)
    paths = list(results) or results_beside(capture)
    with contextlib.ExitStack() as stack:
        truth = open_truth(stack, capture, tx_log, payload, source)
        conditions = _conditions(stack, tx_log)
        if not quiet:
            used = [
                f"truth: {truth.description if truth else 'none (--tx-log, --payload or --truth)'}"
            ]
            used += [f"results: {path}" for path in paths]
            click.echo("\n".join(used), err=True)
        with progress(quiet=quiet) as tick:
            analysis = run_analysis(
                capture,
                truth=truth,
                conditions=conditions,
                results=paths,
                by=by.split(","),
                seed=seed,
                block=block,
                assumptions=assumed,
                on_progress=tick,
            )
    write_report(analysis)
    if output_format == "json":
        print_json(analysis.to_json())
    elif output_format == "csv":
        click.echo(_csv([group.counts() for group in analysis.groups]), nl=False)
    else:
        _print(analysis)
        print_evaluation(analysis, timed=bool(deadlines))
    for warning in analysis.warnings:
        click.echo(f"wtrec: warning: {warning}", err=True)
    finish(context, [*analysis.losses, *journal_losses(tx_log)])


def _conditions(stack: contextlib.ExitStack, tx_log: Path | None) -> Conditions | None:
    if tx_log is None:
        return None
    from ..analysis.conditions import Conditions
    from ..datasets.txlog import open_tx_log

    return Conditions(stack.enter_context(open_tx_log(tx_log)))


def _csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return text.getvalue()


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
            ]
            for score in analysis.algorithms
        ]
        names = ["algorithm", "attempted", "repaired", "correct", "WRONG", "unjudged"]
        names += ["FCS holds", "abstained"]
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
