"""``wtrec dataset pull``: fetches a dataset."""

from __future__ import annotations

from pathlib import Path

import click

from ..output import say_when_compiling
from .options import FOLDER, QUIET, byte_progress


@click.command(short_help="Fetch a dataset from a remote.")
@click.argument("remote", metavar="REMOTE")
@click.argument("name", metavar="NAME[@VERSION]")
@click.option(
    "-d", "--directory", type=FOLDER, default=Path(), metavar="DIR", help="Where it goes."
)
@click.option(
    "--only",
    metavar="KIND[,KIND]",
    help="Fetch files of these kinds alone: capture, run, tx, results, masks, frames, analysis.",
)
@QUIET
def pull(remote: str, name: str, directory: Path, only: str | None, quiet: bool) -> None:
    """Fetch dataset NAME from REMOTE into the folder NAME-VERSION.

    REMOTE is a folder, a URL (sftp://, s3://, https://), or a name for one. Without a version, it
    is the newest. Every file is checked as it arrives, and the whole before it gets its name. A
    pull that broke off goes on where it was; one with --only is completed by another one.
    """
    say_when_compiling()
    from ...datasets.sharing.dataset import schema
    from ...datasets.sharing.pull import pull as fetch
    from ...datasets.sharing.remotes import open_remote
    from ...datasets.sharing.store import Store
    from ...errors import DatasetError

    kinds = [] if only is None else [kind.strip() for kind in only.split(",")]
    known = schema()["$defs"]["file"]["properties"]["kind"]["enum"]
    if unknown := [kind for kind in kinds if kind not in known]:
        raise click.UsageError(f"--only: no kind {unknown[0]!r}; wanted {', '.join(known)}")
    place = open_remote(remote)
    try:
        source = Store(place)
        name, _, version = name.partition("@")
        versions = [] if version else source.versions(name)
        if not version and not versions:
            raise DatasetError(f"{place.name}: no dataset {name}")
        version = version or versions[-1]
        target = directory / f"{name}-{version}"
        with byte_progress("pull", quiet=quiet) as (start, advance):
            came = fetch(
                source, name, version, target, only=kinds, on_start=start, on_bytes=advance
            )
    finally:
        place.close()
    click.echo(f"{target}: {came:,} bytes copied")
