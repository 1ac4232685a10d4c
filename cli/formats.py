"""Where numbers go, and how: the options ``--format`` and ``-o``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from .output import print_json

TABLE, JSON, CSV, PARQUET = "table", "json", "csv", "parquet"


def format_options(command: Any) -> Any:
    """Add ``--format`` and ``-o``."""
    for option in (
        click.option(
            "-o",
            "--output",
            type=click.Path(path_type=Path),
            metavar="PATH",
            help="The file to write with json, the folder of a file a table with csv and parquet.",
        ),
        click.option(
            "--format",
            "output_format",
            type=click.Choice([TABLE, JSON, CSV, PARQUET]),
            default=TABLE,
            show_default=True,
            help="json has everything, with stable keys; csv and parquet, too, with -o; csv alone "
            "prints the groups.",
        ),
    ):
        command = option(command)
    return command


def check_output(
    output_format: str, output: Path | None, report: Path | None, inputs: Iterable[Path | None]
) -> None:
    """Refuse, before anything is read, an output that cannot be written, or is an input.

    Args:
        output_format: Of ``--format``.
        output: Of ``-o``.
        report: Of ``--report``.
        inputs: What must stay as it is.

    Raises:
        click.UsageError: It is one.
    """
    kept = {path.resolve() for path in inputs if path}
    if report and report.resolve() in kept:
        raise click.UsageError(f"--report would overwrite {report}: name another file")
    if output is None:
        if output_format == PARQUET:
            raise click.UsageError(
                "--format parquet writes a file a table: name their folder with -o FOLDER"
            )
        return
    if output_format == TABLE:
        raise click.UsageError("-o goes with --format json, csv or parquet")
    if output_format == JSON:
        if output.is_dir():
            raise click.UsageError(f"{output} is a folder: --format json writes a file")
        if output.resolve() in kept:
            raise click.UsageError(f"-o would overwrite {output}: name another file")
    elif output.exists() and not output.is_dir():
        raise click.UsageError(f"{output} is a file: --format {output_format} writes a folder")


def write_numbers(
    output_format: str,
    output: Path | None,
    *,
    as_json: Callable[[], dict[str, Any]],
    as_tables: Callable[[], Mapping[str, Any]],
    schema: str,
) -> None:
    """Write or print what ``--format`` says; for ``table`` nothing.

    Args:
        output_format: Of ``--format``.
        output: Of ``-o``.
        as_json: Everything as one object.
        as_tables: Everything as tables.
        schema: Of the object; stands in Parquet files, too.
    """
    if output_format == TABLE:
        return
    from ..datasets.files import atomic_write
    from ..datasets.rows import csv_text, write_tables

    if output_format == JSON and output:
        text = json.dumps(as_json(), indent=2, ensure_ascii=False)
        atomic_write(output, f"{text}\n".encode(errors="backslashreplace"))
    elif output_format == JSON:
        print_json(as_json())
    elif output:
        write_tables(output, output_format, as_tables(), {"from": schema})
    else:
        click.echo(csv_text(as_tables()["groups"]), nl=False)
