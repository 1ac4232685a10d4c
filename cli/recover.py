"""``wtrec recover``: what can be saved of a damaged capture, or of a sender's journal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .files import FILE, NEW_FILE, check_new
from .output import finish, print_json, say_when_compiling

if TYPE_CHECKING:
    from ..datasets.recover import Salvage

_JOURNAL = ".arrows"
_ROWS = {"tx": "packets that were sent", "results": "bad frames that were answered for"}


@click.command(short_help="Save what is whole of a damaged capture.")
@click.argument("file", metavar="FILE", type=FILE)
@click.option(
    "-o",
    "--output",
    type=NEW_FILE,
    metavar="FILE",
    help="The new file [default: RUN.recovered.pcapng for RUN.pcapng].",
)
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="json: an object on what was saved and lost; its keys are stable.",
)
@click.option("--force", is_flag=True, help="Overwrite the new file if it exists.")
@click.option("-q", "--quiet", is_flag=True, help="Say only what was lost.")
@click.pass_context
def recover(
    context: click.Context,
    file: Path,
    output: Path | None,
    output_format: str,
    force: bool,
    quiet: bool,
) -> None:
    """Copy every whole record of a damaged capture FILE into a new one.

    FILE may be cut off, have damage in its middle, end in zeros, or be packed and end early: pcapng
    or pcap, plain or packed with gzip or zstd. It is only read. The new file is read again, and
    compared, before it gets its name.

    A journal that a killed `wtrec send` left (RUN.tx.arrows) becomes RUN.tx.parquet, and that of a
    killed `wtrec replay` (RUN.<algo>.arrows) RUN.<algo>.parquet, which says that it is partial.

    \b
    Exit codes: 0 nothing was lost, 1 nothing could be saved, 2 wrong usage, 3 something was lost.
    """  # noqa: D301 - click reads the backspace
    is_journal = file.suffix == _JOURNAL
    if output is None:
        output = file.with_suffix(".parquet") if is_journal else _beside(file)
    _check_name(file, output, is_journal=is_journal)
    from ..datasets.run import run_json_path

    sidecar = run_json_path(file)
    has_sidecar = not is_journal and sidecar.exists()
    written = [output, run_json_path(output)] if has_sidecar else [output]
    check_new(written, [file, sidecar], force=force)
    if is_journal:
        _recover_journal(context, file, output, output_format, quiet=quiet)
        return
    say_when_compiling()
    from ..datasets.recover import recover as save

    salvage = save(file, output)
    losses = [f"{file}: {text}" for text in salvage.notes]
    losses += [f"{file}, {part}" for part in salvage.lost]
    if has_sidecar:
        losses += _copy_sidecar(sidecar, output)
    if output_format == "json":
        print_json(_facts(file, output, salvage))
    elif not quiet:
        end = "whole" if salvage.is_whole else "what could be saved"
        click.echo(f"{output}: {salvage.packets:,} packets, {salvage.bytes:,} bytes: {end}")
    finish(context, losses)


def _beside(file: Path) -> Path:
    from ..datasets.run import stem
    from ..datasets.sink import capture_suffix

    suffix = capture_suffix(file)
    return file.with_name(f"{stem(file)}.recovered{suffix or '.pcapng'}")


def _check_name(file: Path, output: Path, *, is_journal: bool) -> None:
    if is_journal:
        if output.suffix != ".parquet":
            raise click.UsageError(f"-o {output}: a journal becomes a .parquet file")
        return
    from ..datasets.sink import capture_suffix

    wanted, found = capture_suffix(file), capture_suffix(output)
    if found != wanted and {wanted, found} <= {".pcap", ".pcapng"}:
        raise click.UsageError(
            f"-o {output}: the new file is {wanted} as {file} is; wtrec convert makes another of it"
        )


def _copy_sidecar(sidecar: Path, output: Path) -> list[str]:
    """The run's metadata for the new file: it is the same run, of another file."""
    from dataclasses import replace

    from ..datasets.run import Run, RunFile, run_json_path
    from ..errors import FormatError

    try:
        run = Run.load(sidecar)
    except FormatError as error:
        return [f"{error}; {output} has no metadata beside it"]
    replace(run, files=(RunFile.of(output),)).save(run_json_path(output))
    return []


def _facts(file: Path, output: Path, salvage: Salvage) -> dict[str, object]:
    return {
        "path": str(file),
        "output": str(output),
        "format": salvage.format,
        "packets": salvage.packets,
        "bytes": salvage.bytes,
        "whole": salvage.is_whole,
        "lost": [
            {"offset": part.offset, "bytes": part.length, "after": part.after, "why": part.why}
            for part in salvage.lost
        ],
        "notes": salvage.notes,
    }


def _recover_journal(
    context: click.Context, file: Path, output: Path, output_format: str, *, quiet: bool
) -> None:
    from ..datasets.recover_journal import recover_journal

    saved = recover_journal(file, output)
    losses = []
    if saved.lost:
        losses.append(
            f"{file}, offset {saved.bytes}: {saved.lost:,} bytes lost behind row {saved.rows}: "
            "a batch is cut off, or damaged"
        )
    if output_format == "json":
        lost = [{"offset": saved.bytes, "bytes": saved.lost, "after": saved.rows, "why": "cut off"}]
        print_json(
            {
                "path": str(file),
                "output": str(output),
                "format": "journal",
                "packets": saved.rows,
                "bytes": saved.bytes,
                "whole": not saved.lost,
                "lost": lost if saved.lost else [],
                "notes": [],
            }
        )
    elif not quiet:
        end = "what could be saved" if saved.lost else "whole"
        click.echo(f"{output}: {saved.rows:,} {_ROWS[saved.table]}: {end}")
    finish(context, losses)
