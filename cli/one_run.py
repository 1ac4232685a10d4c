"""One capture analyzed, with the truth and the results that stand beside it.

What ``wtrec analyze`` does once, and ``wtrec compare`` for each run.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .files import FILE
from .output import progress
from .truth import journal_losses, open_truth

if TYPE_CHECKING:
    from ..analysis.analyze import Analysis
    from ..analysis.conditions import Conditions
    from ..analysis.throughput import Assumptions


def analysis_options(command: Any) -> Any:
    """Add ``--by``, ``--seed``, ``--block``, ``--phy``, ``--msdu``, ``--ack``, ``--energy``."""
    for option in (
        click.option("--energy", type=FILE, metavar="FILE.toml", help="Powers of a station in W."),
        click.option(
            "--ack",
            type=click.Choice(["ideal", "arq", "none"]),
            default="ideal",
            show_default=True,
            help="When a repair is acknowledged: within SIFS, later, or never; json has all three.",
        ),
        click.option(
            "--msdu",
            type=click.IntRange(1, 2304),
            metavar="BYTES",
            help="Of the throughput: bytes of an MSDU; default: the mean of each group's frames.",
        ),
        click.option(
            "--phy",
            type=click.Choice(["auto", "b", "b-short", "g", "g-protected", "a"]),
            default="auto",
            show_default=True,
            help="Of the throughput: for the rates that it has; auto: from rate and channel.",
        ),
        click.option(
            "--block",
            type=click.IntRange(min=1),
            default=1,
            show_default=True,
            metavar="FRAMES",
            help="Consecutive frames to resample together: longer than the fading lasts.",
        ),
        click.option(
            "--seed",
            type=click.IntRange(min=0),
            default=1,
            show_default=True,
            help="Of the resampling behind the intervals of bit error rates.",
        ),
        click.option(
            "--by",
            default="rate_mbps",
            show_default=True,
            metavar="COLUMN[,COLUMN]",
            help="Columns to group by: rate, signal, retry ...; of the tx log: snr_db, "
            "tx_power_dbm ...",
        ),
    ):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class Manner:
    """How captures are analyzed: what the options say.

    Attributes:
        payload: The rule, if that is the truth.
        source: Of ``--truth``.
        by: Columns, with commas between.
        seed: Of the resampling.
        block: Of the resampling.
        assumptions: Of the throughput.
        quiet: No progress, no notes.
    """

    payload: str | None
    source: str | None
    by: str
    seed: int
    block: int
    assumptions: Assumptions
    quiet: bool

    def grouped(self, by: str) -> Manner:
        """The same with other columns to group by."""
        return replace(self, by=by)


def analyze_run(
    capture: Path, results: Sequence[Path], tx_log: Path | None, manner: Manner
) -> Analysis:
    """Analyze a capture, and say which truth and which results that took.

    Args:
        capture: The capture.
        results: Without any, those beside the capture.
        tx_log: None: that beside the capture, if no other truth is named.
        manner: How.
    """
    from ..analysis.analyze import analyze
    from ..datasets.run import results_beside
    from ..datasets.txlog import tx_log_beside

    if not (tx_log or manner.payload or manner.source):
        tx_log = tx_log_beside(capture)
    paths = list(results) or results_beside(capture)
    with contextlib.ExitStack() as stack:
        truth = open_truth(stack, capture, tx_log, manner.payload, manner.source)
        conditions = _conditions(stack, tx_log)
        if not manner.quiet:
            used = [
                f"truth: {truth.description if truth else 'none (--tx-log, --payload or --truth)'}"
            ]
            used += [f"results: {path}" for path in paths]
            click.echo("\n".join(used), err=True)
        with progress(quiet=manner.quiet) as tick:
            analysis = analyze(
                capture,
                truth=truth,
                conditions=conditions,
                results=paths,
                by=manner.by.split(","),
                seed=manner.seed,
                block=manner.block,
                assumptions=manner.assumptions,
                on_progress=tick,
            )
    analysis.losses = [*analysis.losses, *journal_losses(tx_log)]
    return analysis


def _conditions(stack: contextlib.ExitStack, tx_log: Path | None) -> Conditions | None:
    if tx_log is None:
        return None
    from ..analysis.conditions import Conditions
    from ..datasets.txlog import open_tx_log

    return Conditions(stack.enter_context(open_tx_log(tx_log)))
