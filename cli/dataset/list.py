"""``wtrec dataset list``: the datasets in folders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..output import finish, print_json, print_table
from .options import FOLDER, FORMAT, load_dataset

if TYPE_CHECKING:
    from ...datasets.sharing.dataset import Dataset


@click.command("list", short_help="The datasets in folders.")
@click.argument("folders", nargs=-1, metavar="[DIR]...", type=FOLDER)
@FORMAT
@click.pass_context
def list_datasets(context: click.Context, folders: tuple[Path, ...], output_format: str) -> None:
    """List the datasets that are in DIRs, or are these; without any, those here."""
    from ...datasets.sharing.dataset import PATH
    from ...errors import WtrecError

    found: list[tuple[Path, Dataset]] = []
    losses = []
    for folder in folders or (Path(),):
        inside = sorted(each for each in folder.iterdir() if not each.name.startswith("."))
        for path in (folder, *inside):
            if not (path / PATH).is_file():
                continue
            try:
                found.append((path, load_dataset(path)))
            except (WtrecError, OSError) as error:
                losses.append(str(error))
    if output_format == "json":
        print_json([{"path": str(path), **each.to_json()} for path, each in found])
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
        header = ("name", "version", "runs", "frames", "bad FCS", "bytes", "licence", "folder")
        print_table(header, rows)
    finish(context, losses)
