"""``wtrec dataset push``: publishes a dataset."""

from __future__ import annotations

from pathlib import Path

import click

from ..output import say_when_compiling
from .options import FOLDER, QUIET, byte_progress


@click.command(short_help="Publish a dataset in a team's folder.")
@click.argument("folder", metavar="DATASET", type=FOLDER)
@click.argument("store", metavar="STORE", type=click.Path(file_okay=False, path_type=Path))
@click.option("--init", is_flag=True, help="Make STORE if it is not there.")
@QUIET
def push(folder: Path, store: Path, init: bool, quiet: bool) -> None:
    """Publish DATASET in STORE, a folder that a team shares.

    It is verified first. Files that are there already are not copied again; the dataset is visible
    when all of it is there, and does not change any more.
    """
    if init:
        store.mkdir(exist_ok=True)
    elif not store.is_dir():
        raise click.UsageError(f"{store} is not there: mount it, or make it with --init")
    say_when_compiling()
    from ...datasets.sharing.store import Store

    with byte_progress("push", quiet=quiet) as (start, advance):
        copied = Store(store).push(folder, on_start=start, on_bytes=advance)
    click.echo(f"{folder}: in {store}, {copied:,} bytes copied")
