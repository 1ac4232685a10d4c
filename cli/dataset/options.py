"""What the subcommands of ``wtrec dataset`` share: options, a dataset by its folder, progress."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ...datasets.sharing.dataset import Dataset

_VERSION = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9}){0,2}")  # as in dataset.schema.json

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
FORMAT = click.option(
    "--format",
    "output_format",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="json: for programs; its keys are stable.",
)
QUIET = click.option("-q", "--quiet", is_flag=True, help="No progress, no notes.")


class _DatasetFolder(click.Path):
    """The folder of a dataset, or the name of one that is here."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The folder."""
        return named_dataset(Path(os.fsdecode(super().convert(value, param, ctx))))


DATASET = _DatasetFolder()


def named_dataset(folder: Path) -> Path:
    """A dataset's folder, as the user names it: that, or NAME or NAME@VERSION of one here.

    Raises:
        DatasetError: There is none.
    """
    if folder.is_dir():
        return folder
    from ...errors import DatasetError

    name, _, version = folder.name.partition("@")
    found: dict[Path, list[int]] = {}
    for each in folder.parent.iterdir() if folder.parent.is_dir() else ():
        before, _, behind = each.name.rpartition("-")  # no version has a hyphen, many names have
        is_it = before == name and _VERSION.fullmatch(behind) and behind == (version or behind)
        if is_it and (each / "data" / "dataset.json").is_file():
            found[each] = [int(number) for number in behind.split(".")]
    if not found:
        raise DatasetError(f"{folder}: no such dataset; wtrec dataset list shows those here")
    return max(found, key=found.__getitem__)


def new_dataset_options(command: Any) -> Any:
    """``--version`` and ``-d`` of a command that makes a dataset."""
    command = click.option(
        "-d",
        "--directory",
        type=FOLDER,
        default=Path(),
        metavar="DIR",
        help="Where the folder NAME-VERSION is made; default: here.",
    )(command)
    return click.option(
        "--version",
        default="1",
        show_default=True,
        metavar="N[.N[.N]]",
        help="Version of the dataset.",
    )(command)


def load_dataset(folder: Path) -> Dataset:
    """What ``dataset.json`` in a folder says."""
    from ...datasets.sharing.bag import read_small
    from ...datasets.sharing.dataset import MOST_BYTES, PATH, load

    path = folder / PATH
    return load(read_small(path, MOST_BYTES), str(path))


@contextlib.contextmanager
def byte_progress(
    step: str, *, quiet: bool
) -> Iterator[tuple[Callable[[int], None], Callable[[int], None]]]:
    """A progress bar of bytes on stderr, if that is a terminal, with rate and time left.

    Yields:
        What to call with all bytes that there will be, and with those that were done since.
    """
    if quiet or not sys.stderr.isatty():
        yield lambda _: None, lambda _: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task(step, total=None)
        yield (
            lambda total: bar.update(task, total=total),
            lambda count: bar.update(task, advance=count),
        )
