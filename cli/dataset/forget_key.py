"""``wtrec dataset forget-key``: destroys a key, so that nobody can link new addresses to old."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("forget-key", short_help="Destroy the key of an anonymisation.")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
def forget_key(file: Path) -> None:
    """Overwrite and remove FILE, a key that wtrec dataset anonymize --key-file has made.

    Nobody who has not a copy of it can say any more what an address became, or make the same again.
    Backups, snapshots and disks that never write in place may still have it.
    """
    from ...datasets.anonymize.key import destroy

    destroy(file)
    click.echo(f"{file}: destroyed; copies and backups of it are not")
