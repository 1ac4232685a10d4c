"""What commands share on their way out: tables, progress, notes."""

from __future__ import annotations

import contextlib
import functools
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import click

from ..errors import EXIT_LOSS


class Progressing(Protocol):
    """What is on its way through a capture: a reader, or a replay."""

    @property
    def frames(self) -> int:
        """Frames so far."""
        ...

    def progress(self) -> tuple[int, int]:
        """Bytes of the file used so far, and its size."""
        ...


@functools.cache  # commands call each other; once is enough
def say_when_compiling() -> None:
    """Tell the user, should a kernel have to be compiled, why the first call takes its time."""
    from ..jit import cache_folder, can_cache, on_first_compile

    how_long = "once" if can_cache() else f"each time: {cache_folder()} cannot be written"
    on_first_compile(
        lambda: click.echo(f"wtrec: compiling kernels for this machine ({how_long})", err=True)
    )


def print_json(value: Any) -> None:
    """JSON for programs: stable keys, one object."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], title: str = "") -> None:
    """A table: ruled on a terminal, aligned plain text in a pipe."""
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table

        table = Table(title=title or None, title_justify="left")
        for name in header:
            table.add_column(name, justify="right")
        for row in rows:
            table.add_row(*row)
        Console().print(table)
        return
    if title:
        click.echo(title)
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    for row in [header, *rows]:
        cells = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def number(value: float | None, digits: str = ",") -> str:
    """A number for people; ``-`` where there is none."""
    return "-" if value is None else format(value, digits)


def share(part: float | None) -> str:
    """A share in percent; ``-`` where there is none."""
    return "-" if part is None else f"{part:.2%}"


class Tick(Protocol):
    """Moves a progress bar to where a reader stands."""

    def __call__(self, step: str, reader: Progressing, /) -> None:
        """``reader`` is busy with ``step``."""


@contextlib.contextmanager
def progress(*, quiet: bool = False) -> Iterator[Tick]:
    """A progress bar on stderr, if that is a terminal."""
    if quiet or not sys.stderr.isatty():
        yield lambda _step, _reader: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %  {task.fields[frames]:,} frames"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task("", frames=0)

        def tick(step: str, reader: Progressing) -> None:
            done, size = reader.progress()
            bar.update(task, description=step, completed=done, total=size, frames=reader.frames)

        yield tick


def finish(context: click.Context, losses: Sequence[str], *, exit_code: int = 0) -> None:
    """Say what was lost, and leave with the exit code that says so, or a worse one."""
    for loss in losses:
        click.echo(f"wtrec: warning: {loss}", err=True)
    if losses or exit_code:
        context.exit(exit_code or EXIT_LOSS)
