"""``wtrec dataset diff``: what differs between two datasets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ...errors import EXIT_FAILED
from ..output import print_json, say_when_compiling
from .options import DATASET, FORMAT, load_dataset

if TYPE_CHECKING:
    from ...datasets.sharing.diff import Changed, DatasetDiff

_MOST = 60  # characters of a value


@click.command(short_help="What differs between two datasets.")
@click.argument("first", metavar="DATASET", type=DATASET)
@click.argument("second", metavar="OTHER", type=DATASET)
@FORMAT
@click.pass_context
def diff(context: click.Context, first: Path, second: Path, output_format: str) -> None:
    """Say what differs between DATASET and OTHER: metadata, runs, files, frames and rows.

    Each is a folder, or the name of one that is here. Exit code 0 if nothing differs, 1 if
    something does.
    """
    say_when_compiling()
    from ...datasets.sharing.diff import diff as compare

    folders = first, second
    if first.samefile(second):
        click.echo(f"wtrec: note: {first} and {second} are one dataset", err=True)
    found = compare(folders, (load_dataset(folders[0]), load_dataset(folders[1])))
    if output_format == "json":
        print_json({"paths": [str(folder) for folder in folders], **found.to_json()})
    else:
        _print(folders, found)
    if not found.is_same:
        context.exit(EXIT_FAILED)


def _print(folders: tuple[Path, Path], found: DatasetDiff) -> None:
    for name, values in found.metadata.items():
        one, other = (_short(value) for value in values)
        click.echo(f"{name}: {one} -> {other}")
    for what, pair in (("run", found.runs), ("file", found.files)):
        for folder, names in zip(folders, pair, strict=True):
            for name in names:
                click.echo(f"{what} {name}: only in {folder}")
    for changed in found.changed:
        _print_changed(changed)
    kind = "nothing differs" if found.is_same else f"{len(found.changed):,} file(s) differ"
    click.echo(f"{folders[0]}, {folders[1]}: {kind}, {found.same:,} are the same")


def _print_changed(changed: Changed) -> None:
    sizes = f"{changed.sizes[0]:,} -> {changed.sizes[1]:,} bytes"
    click.echo(f"file {changed.path}: {sizes}")
    for name, (one, other) in changed.counts.items():
        click.echo(f"  {name}: {_short(one)} -> {_short(other)}")
    if changed.facts:
        click.echo(f"  made otherwise: {', '.join(changed.facts)}")
    rows = changed.rows
    if rows is None:
        click.echo(f"  rows are not compared: {changed.why_not}")
        return
    click.echo(
        f"  rows: {rows.same:,} same, {rows.differing:,} differ, {rows.alone[0]:,} only in the "
        f"first, {rows.alone[1]:,} only in the second"
    )
    if rows.columns:
        counts = ", ".join(f"{name} {count:,}" for name, count in rows.columns.items())
        click.echo(f"  rows in which a column differs: {counts}")


def _short(value: Any) -> str:
    text = f"{value:,}" if isinstance(value, int) else str(value)
    return text if len(text) <= _MOST else f"{text[:_MOST]}…"
