"""``wtrec dataset pull``: fetches a dataset."""

from __future__ import annotations

from pathlib import Path

import click

from ..output import say_when_compiling
from .options import FOLDER, QUIET, byte_progress


@click.command(short_help="Fetch a dataset from a team's folder.")
@click.argument("store", metavar="STORE", type=FOLDER)
@click.argument("name", metavar="NAME[@VERSION]")
@click.option(
    "-d", "--directory", type=FOLDER, default=Path(), metavar="DIR", help="Where it goes."
)
@QUIET
def pull(store: Path, name: str, directory: Path, quiet: bool) -> None:
    """Fetch dataset NAME from STORE into the folder NAME-VERSION.

    Without a version, it is the newest. Every file is checked as it arrives, and the whole before
    it gets its name. A pull that broke off goes on where it was.
    """
    say_when_compiling()
    from ...datasets.sharing.store import Store
    from ...errors import DatasetError

    source = Store(store)
    name, _, version = name.partition("@")
    versions = source.versions(name)
    if not version and not versions:
        raise DatasetError(f"{store}: no dataset {name}")
    version = version or versions[-1]
    target = directory / f"{name}-{version}"
    with byte_progress("pull", quiet=quiet) as (start, advance):
        copied = source.pull(name, version, target, on_start=start, on_bytes=advance)
    click.echo(f"{target}: {copied:,} bytes copied")
