"""``wtrec dataset info``: what a dataset is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..output import print_json, print_table
from .options import DATASET, FORMAT, load_dataset

if TYPE_CHECKING:
    from ...datasets.sharing.dataset import Dataset


@click.command(short_help="What a dataset is, and what it holds.")
@click.argument("folder", metavar="DATASET", type=DATASET)
@FORMAT
def info(folder: Path, output_format: str) -> None:
    """Say what DATASET is and holds, as its dataset.json does; nothing else of it is read."""
    found = load_dataset(folder)
    if output_format == "json":
        print_json({"path": str(folder), **found.to_json()})
        return
    _print(folder, found)


def _print(folder: Path, found: Dataset) -> None:
    from ...datasets.sharing.dataset import TEXTS

    lines = [
        ("name", f"{found.name}, version {found.version}"),
        ("title", found.title),
        ("authors", ", ".join(author.name for author in found.authors)),
        ("licence", found.licence),
        ("doi", found.doi),
        ("keywords", ", ".join(found.keywords)),
        ("recorded", f"{found.start} to {found.end}" if found.start else ""),
        ("made", f"{found.created} by wtrec {found.wtrec_version}"),
        ("size", f"{len(found.runs):,} run(s), {found.size:,} bytes"),
        *((name.replace("_", " "), " ".join(getattr(found, name).split())) for name in TEXTS),
    ]
    click.echo(f"{folder}:")
    for label, text in lines:
        if text:
            click.echo(f"  {label:<24}{text}")
    rows = []
    for run in found.runs:
        for file in run.files:
            counts = ", ".join(
                f"{name} {count:,}"
                for name, count in file.counts.items()
                if name in _SHOWN and (count or name in {"frames", "rows"})
            )
            parts = f" in {len(file.parts)} parts" if file.parts else ""
            rows.append((run.id, file.name, file.kind, f"{file.bytes:,}{parts}", counts or "-"))
    print_table(("run", "file", "kind", "bytes", "holds"), rows)


_SHOWN = ("frames", "good", "bad", "rows", "repaired", "abstained", "written")
