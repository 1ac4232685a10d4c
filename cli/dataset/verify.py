"""``wtrec dataset verify``: whether all of a dataset is as it was made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ...errors import EXIT_FAILED
from ..output import print_json, say_when_compiling
from .options import DATASET, FORMAT, QUIET, byte_progress

if TYPE_CHECKING:
    from ...datasets.sharing.verdict import Verdict


@click.command(short_help="Whether all of a dataset is as it was made.")
@click.argument("folder", metavar="DATASET", type=DATASET)
@FORMAT
@QUIET
@click.pass_context
def verify(context: click.Context, folder: Path, output_format: str, quiet: bool) -> None:
    """Verify DATASET: hashes, schema, names, and whether every file reads and counts as it says.

    All problems are listed; exit code 1 if there is one.
    """
    say_when_compiling()
    from ...datasets.sharing.verify import verify as check

    with byte_progress("verify", quiet=quiet) as (start, advance):
        verdict = check(folder, on_start=start, on_bytes=advance)
    if output_format == "json":
        print_json(_verdict(verdict))
    else:
        for problem in verdict.problems:
            click.echo(str(problem))
        for note in verdict.notes if not quiet else ():
            click.echo(f"wtrec: note: {note}", err=True)
        if verdict.absent:
            size = sum(verdict.absent.values())
            for path, count in sorted(verdict.absent.items()):
                click.echo(f"{path}: not here, {count:,} bytes")
            said = f"{len(verdict.absent):,} files, {size:,} bytes are not here"
            click.echo(f"{folder}: a part of the dataset: {said}")
        problems = f"{len(verdict.problems):,} problem(s)" if verdict.problems else "no problem"
        click.echo(f"{folder}: {problems} in {verdict.files:,} files, {verdict.bytes:,} bytes")
    if not verdict.is_sound:
        context.exit(EXIT_FAILED)


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "path": str(verdict.path),
        "sound": verdict.is_sound,
        "digest": verdict.digest,
        "files": verdict.files,
        "bytes": verdict.bytes,
        "problems": [{"path": each.path, "what": each.what} for each in verdict.problems],
        "notes": verdict.notes,
        "absent": [{"path": path, "bytes": size} for path, size in verdict.absent.items()],
    }
