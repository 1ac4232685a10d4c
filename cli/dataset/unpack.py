"""``wtrec dataset unpack``: a dataset out of one file."""

from __future__ import annotations

from pathlib import Path

import click

from ..files import FILE
from ..output import say_when_compiling
from .options import FOLDER, QUIET, byte_progress


@click.command(short_help="A dataset out of such a file, verified.")
@click.argument("archive", metavar="FILE.tar", type=FILE)
@click.option(
    "-d", "--directory", type=FOLDER, default=Path(), metavar="DIR", help="Where its folder goes."
)
@QUIET
def unpack(archive: Path, directory: Path, quiet: bool) -> None:
    """Unpack a dataset into the folder NAME-VERSION.

    Whoever made FILE.tar: nothing is written elsewhere, and nothing stays that is not a sound
    dataset.
    """
    say_when_compiling()
    from ...datasets.sharing.pack import unpack as take_out

    with byte_progress("unpack", quiet=quiet) as (start, advance):
        target = take_out(archive, directory, on_start=start, on_bytes=advance)
    click.echo(f"{target}: verified")
