"""The options that say where originals come from, and the truth that they mean."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import WtrecError
from .files import FILE

if TYPE_CHECKING:
    from ..analysis.truth import Truth

SIBLINGS, LIKELY_SIBLINGS = "siblings", "likely-siblings"


def rule_options(command: Any) -> Any:
    """Add ``--payload`` and ``--truth``, which hold for any number of captures."""
    for option in (
        click.option(
            "--truth",
            "source",
            type=click.Choice([SIBLINGS, LIKELY_SIBLINGS]),
            help="Intact copies of the same packet in the capture: relayed, repeated, or heard "
            "by another interface. The FCS proves them; likely-siblings takes those, too, of "
            "which the FCS field was hit.",
        ),
        click.option(
            "--payload",
            metavar="RULE",
            help="What every packet carried: zeros, ones, ramp, or hex digits that repeat.",
        ),
    ):
        command = option(command)
    return command


def truth_options(command: Any) -> Any:
    """Add ``--tx-log``, ``--payload`` and ``--truth``."""
    return click.option(
        "--tx-log",
        type=FILE,
        metavar="TX.parquet",
        help="What was sent; RUN.tx.parquet beside the capture if it is there, or RUN.tx.arrows, "
        "which a sender that was killed leaves.",
    )(rule_options(command))


def one_of(tx_log: Path | None, payload: str | None, source: str | None) -> None:
    """Refuse two sources of the truth."""
    named = {"--tx-log": tx_log, "--payload": payload, "--truth": source}
    given = [name for name, value in named.items() if value is not None]
    if len(given) > 1:
        raise click.UsageError(f"{' and '.join(given)} are two sources of the truth: take one")


def open_truth(
    stack: contextlib.ExitStack,
    capture: Path,
    tx_log: Path | None,
    payload: str | None,
    source: str | None,
) -> Truth | None:
    """The truth that the options name; None if they name none."""
    if source is not None:
        from ..analysis.siblings import SiblingsTruth

        return stack.enter_context(SiblingsTruth(capture, likely=source == LIKELY_SIBLINGS))
    if payload is not None:
        from ..analysis.payload_truth import PayloadTruth

        return PayloadTruth(rule(payload))
    if tx_log is None:
        return None
    from ..analysis.txlog_truth import TxLogTruth
    from ..datasets.txlog import open_tx_log

    return TxLogTruth(stack.enter_context(open_tx_log(tx_log)))


def journal_losses(tx_log: Path | None) -> list[str]:
    """What is lost by a tx log whose sender did not come to its end, for the exit code."""
    from ..datasets.txlog import is_journal

    if tx_log is None or not is_journal(tx_log):
        return []
    return [f"{tx_log}: its sender did not come to its end; packets it sent last may be missing"]


def rule(payload: str) -> Any:
    """The pattern of ``--payload``."""
    from ..datasets.payload import pattern

    try:
        return pattern(payload)
    except WtrecError as error:
        raise click.BadParameter(str(error), param_hint="--payload") from None
