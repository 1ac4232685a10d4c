"""``wtrec doctor``: can frames be captured here, and do bad ones arrive?"""

from __future__ import annotations

from pathlib import Path

import click

from ..errors import EXIT_FAILED
from .output import print_json

_COLOURS = {"ok": "green", "warning": "yellow", "problem": "red", "unknown": "cyan"}


@click.command(short_help="Can I capture here, and do bad frames arrive?")
@click.argument("interface", metavar="[IFACE]", required=False)
@click.option(
    "--listen",
    "seconds",
    type=click.FloatRange(0, 3600, min_open=True),
    default=5.0,
    show_default=True,
    metavar="SECONDS",
    help="How long the frames of IFACE are looked at.",
)
@click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    metavar="FOLDER",
    help="Where captures shall go; the current folder if not given.",
)
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="json: an array with one object a finding; its keys are stable.",
)
@click.pass_context
def doctor(
    context: click.Context,
    interface: str | None,
    seconds: float,
    folder: Path,
    output_format: str,
) -> None:
    """Look for what stands in the way of a capture, and say what mends it.

    Without IFACE, only the machine is looked at. With it, its card, too, and for some seconds the
    frames that arrive: are there bad ones, is their FCS there, are the driver's claims true?
    Exit code 1 means that there is a problem.
    """
    from ..recorder.doctor import Status, examine

    found = []
    for finding in examine(interface, seconds=seconds, folder=folder):
        found.append(finding)
        if output_format == "table":
            status = click.style(f"{finding.status.value:<8}", fg=_COLOURS[finding.status.value])
            click.echo(f"{status} {finding.check:<18} {finding.text}")
            if finding.fix:
                click.echo(f"{'':<8} {'':<18} → {finding.fix}")
    if output_format == "json":
        print_json([finding.to_json() for finding in found])
    if any(finding.status is Status.PROBLEM for finding in found):
        context.exit(EXIT_FAILED)
