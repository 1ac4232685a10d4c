"""``wtrec dataset push``: publishes a dataset."""

from __future__ import annotations

import contextlib
from pathlib import Path

import click

from ..output import say_when_compiling
from .options import DATASET, QUIET, byte_progress


@click.command(short_help="Publish a dataset at a remote.")
@click.argument("folder", metavar="DATASET", type=DATASET)
@click.argument("remote", metavar="REMOTE")
@click.option("--init", is_flag=True, help="Make REMOTE, a folder, if it is not there.")
@click.option(
    "--check",
    is_flag=True,
    help="Read back each file that is there or was sent, and send again what is damaged.",
)
@QUIET
def push(folder: Path, remote: str, init: bool, check: bool, quiet: bool) -> None:
    """Publish DATASET at REMOTE: a folder, a URL (sftp://, s3://), or a name for one.

    It is verified first. Files that are there already, in their size, are not copied again; the
    dataset is visible when all of it is there, and does not change any more. A push that broke off
    goes on where it was.
    """
    from ...datasets.sharing import remotes

    made = False
    if remotes.is_named(remote):
        if init:
            raise click.UsageError("--init makes a folder here: make other places where they are")
    else:
        made = init and not Path(remote).exists()
        if made:
            Path(remote).mkdir()
        elif not Path(remote).is_dir():
            raise click.UsageError(
                f"{remote} is not there: mount it, make it with --init, or give it a name with "
                "wtrec dataset remote add"
            )
    say_when_compiling()
    from ...datasets.sharing.store import Store

    place = remotes.open_remote(remote)
    try:
        with byte_progress("push", quiet=quiet) as (start, advance):
            copied = Store(place).push(folder, check=check, on_start=start, on_bytes=advance)
    except BaseException:
        if made:  # a place of nothing is none; what has been copied stays for the next time
            with contextlib.suppress(OSError):
                Path(remote).rmdir()
        raise
    finally:
        place.close()
    click.echo(f"{folder}: in {place.name}, {copied:,} bytes copied")
