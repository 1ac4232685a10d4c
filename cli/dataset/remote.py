"""``wtrec dataset remote``: names for the places where a team keeps its datasets."""

from __future__ import annotations

import click

from ..output import print_json, print_table
from .options import FORMAT


@click.group(short_help="Names for places where datasets are kept.")
def remote() -> None:
    """Name the places where a team keeps its datasets, in ~/.config/wtrec/config.toml."""


@remote.command(short_help="Give a place a name.")
@click.argument("name")
@click.argument("url")
def add(name: str, url: str) -> None:
    """Give URL the NAME: a folder, sftp://, s3://, http:// or https://.

    No password in it: see docs/remotes.md for where secrets are.
    """
    from ...datasets.sharing import remotes

    click.echo(f"{name}: {remotes.add(name, url)}")


@remote.command("list", short_help="The names that there are.")
@FORMAT
def list_remotes(output_format: str) -> None:
    """List the names, and what they stand for."""
    from ...datasets.sharing import remotes

    found = sorted(remotes.named().items())
    if output_format == "json":
        print_json([{"name": name, "url": url} for name, url in found])
    else:
        print_table(("name", "url"), found)


@remote.command(short_help="Forget a name.")
@click.argument("name")
def remove(name: str) -> None:
    """Forget NAME; the place and what is there stay."""
    from ...datasets.sharing import remotes

    remotes.remove(name)
