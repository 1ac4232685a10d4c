"""``wtrec dataset list``: the datasets in folders, or at remotes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..output import finish, print_json, print_table
from .options import FORMAT, load_dataset

if TYPE_CHECKING:
    from ...datasets.sharing.catalogue import Entry
    from ...datasets.sharing.dataset import Dataset


@click.command("list", short_help="The datasets in folders, or at remotes.")
@click.argument("places", nargs=-1, metavar="[DIR|REMOTE]...")
@FORMAT
@click.pass_context
def list_datasets(context: click.Context, places: tuple[str, ...], output_format: str) -> None:
    """List the datasets that are in DIRs, are these, or are at REMOTEs; without any, those here.

    A REMOTE is a URL, a name for one, or a folder to which datasets were pushed.
    """
    from ...datasets.sharing.dataset import PATH
    from ...errors import WtrecError

    found: list[tuple[Path, Dataset]] = []
    losses = []
    remote: list[tuple[str, Entry]] = []
    for place in places or (".",):
        if _is_remote(place):
            remote += _at(place)
            continue
        folder = Path(place)
        if not folder.is_dir():
            raise click.UsageError(f"{place}: neither a folder nor a remote")
        inside = sorted(each for each in folder.iterdir() if not each.name.startswith("."))
        for path in (folder, *inside):
            if not (path / PATH).is_file():
                continue
            try:
                found.append((path, load_dataset(path)))
            except (WtrecError, OSError) as error:
                losses.append(str(error))
    if output_format == "json":
        print_json(
            [
                *({"path": str(path), **each.to_json()} for path, each in found),
                *({"remote": place, **dataclasses.asdict(each)} for place, each in remote),
            ]
        )
    else:
        rows = [
            (
                each.name,
                each.version,
                f"{len(each.runs):,}",
                f"{each.count('frames'):,}",
                f"{each.count('bad'):,}",
                f"{each.size:,}",
                each.licence,
                str(path),
            )
            for path, each in found
        ]
        rows += [
            (
                each.name,
                each.version,
                f"{each.runs:,}",
                f"{each.frames:,}",
                f"{each.bad:,}",
                f"{each.bytes:,}",
                each.licence,
                place,
            )
            for place, each in remote
        ]
        header = ("name", "version", "runs", "frames", "bad FCS", "bytes", "licence", "where")
        print_table(header, rows)
    finish(context, losses)


def _is_remote(place: str) -> bool:
    from ...datasets.sharing.remotes import is_named

    return is_named(place) or Path(place, "objects").is_dir()


def _at(place: str) -> list[tuple[str, Entry]]:
    """What is at a remote."""
    from ...datasets.sharing.remotes import open_remote
    from ...datasets.sharing.store import Store

    remote = open_remote(place)
    try:
        return [(remote.name, entry) for entry in Store(remote).entries()]
    finally:
        remote.close()
