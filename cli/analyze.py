"""``wtrec analyze``: received frames and repairs against what was sent."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import WtrecError
from .output import finish, number, print_json, print_table, progress, say_when_compiling, share

if TYPE_CHECKING:
    from ..analysis.analyze import Analysis
    from ..analysis.conditions import Conditions
    from ..analysis.scoring import AlgorithmScore
    from ..analysis.truth import Truth

_File = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(short_help="Bit errors, and how many repairs were right.")
@click.argument("capture", metavar="RUN.pcapng", type=_File)
@click.argument("results", metavar="[RESULTS.parquet]...", nargs=-1, type=_File)
@click.option(
    "--tx-log",
    type=_File,
    metavar="TX.parquet",
    help="What was sent; RUN.tx.parquet beside the capture if it is there.",
)
@click.option(
    "--payload",
    metavar="RULE",
    help="What every packet carried: zeros, ones, ramp, or hex digits that repeat.",
)
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
@click.option("-q", "--quiet", is_flag=True, help="No progress, no notes.")
@click.pass_context
def analyze(
    context: click.Context,
    capture: Path,
    results: tuple[Path, ...],
    tx_log: Path | None,
    payload: str | None,
    by: str,
    seed: int,
    block: int,
    output_format: str,
    quiet: bool,
) -> None:
    """Count the bit errors of RUN.pcapng, and judge the repairs in RESULTS.parquet.

    The original of each bad frame comes from a tx log or from a payload rule. Without
    RESULTS.parquet, those beside the capture (RUN.<algo>.parquet) are taken.
    """
    if tx_log is not None and payload is not None:
        raise click.UsageError("--tx-log and --payload are two sources of the truth: take one")
    say_when_compiling()
    from ..analysis.analyze import analyze as run_analysis
    from ..datasets.run import results_beside, tx_log_path

    if tx_log is None and payload is None and tx_log_path(capture).exists():
        tx_log = tx_log_path(capture)
    paths = list(results) or results_beside(capture)
    with contextlib.ExitStack() as stack:
        truth = _truth(stack, tx_log, payload)
        conditions = _conditions(stack, tx_log)
        if not quiet:
            used = [f"truth: {truth.description if truth else 'none (--tx-log or --payload)'}"]
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
                on_progress=tick,
            )
    if output_format == "json":
        print_json(analysis.to_json())
    elif output_format == "csv":
        click.echo(_csv([group.counts() for group in analysis.groups]), nl=False)
    else:
        _print(analysis)
    for warning in analysis.warnings:
        click.echo(f"wtrec: warning: {warning}", err=True)
    finish(context, analysis.losses)


def _truth(stack: contextlib.ExitStack, tx_log: Path | None, payload: str | None) -> Truth | None:
    if payload is not None:
        from ..analysis.payload_truth import PayloadTruth
        from ..datasets.payload import pattern

        try:
            return PayloadTruth(pattern(payload))
        except WtrecError as error:
            raise click.BadParameter(str(error), param_hint="--payload") from None
    if tx_log is None:
        return None
    from ..analysis.txlog_truth import TxLogTruth
    from ..datasets.parquet import TableFile
    from ..datasets.txlog import TX

    return TxLogTruth(stack.enter_context(TableFile(tx_log, TX)))


def _conditions(stack: contextlib.ExitStack, tx_log: Path | None) -> Conditions | None:
    if tx_log is None:
        return None
    from ..analysis.conditions import Conditions
    from ..datasets.parquet import TableFile
    from ..datasets.txlog import TX

    return Conditions(stack.enter_context(TableFile(tx_log, TX)))


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
    rows = [
        [
            *(number(value, "") if value is None else str(value) for value in group.key.values()),
            number(group.frames),
            number(group.bad),
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
    header = ["frames", "bad", "share bad", "(95 %)", "judged", "bit errors"]
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
    """An algorithm with its parameters, as --algo takes it."""
    taken = ",".join(f"{key}={value}" for key, value in json.loads(score.parameters).items())
    return f"{score.name}:{taken}" if taken else score.name
