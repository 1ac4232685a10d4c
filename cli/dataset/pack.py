"""``wtrec dataset pack``: a dataset as one file."""

from __future__ import annotations

from pathlib import Path

import click

from ..files import NEW_FILE
from ..output import say_when_compiling
from .options import DATASET, QUIET, byte_progress


@click.command(short_help="A dataset as one file, a tar.")
@click.argument("folder", metavar="DATASET", type=DATASET)
@click.option(
    "-o", "--output", type=NEW_FILE, metavar="FILE.tar", help="Default: NAME-VERSION.tar here."
)
@QUIET
def pack(folder: Path, output: Path | None, quiet: bool) -> None:
    """Pack DATASET into one file, which any tar unpacks; it is verified first.

    The same dataset gives the same file, byte for byte.
    """
    say_when_compiling()
    from ...datasets.sharing.pack import pack as make

    with byte_progress("pack", quiet=quiet) as (start, advance):
        made = make(folder, output, on_start=start, on_bytes=advance)
    click.echo(f"{made}: {made.stat().st_size:,} bytes")
