"""``wtrec merge``: several captures as one, by time."""

from __future__ import annotations

from pathlib import Path

import click

from .files import FILE, NEW_FILE, check_new
from .output import finish, say_when_compiling

_SUFFIX = ".pcapng"


@click.command(short_help="Several captures as one, by time.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=FILE)
@click.option(
    "-o",
    "-w",
    "--output",
    type=NEW_FILE,
    required=True,
    metavar="FILE",
    help="The new file: pcapng, packed if its name ends in .gz or .zst.",
)
@click.option("--force", is_flag=True, help="Overwrite the new file if it exists.")
@click.option("-q", "--quiet", is_flag=True, help="Say only what was lost.")
@click.pass_context
def merge(
    context: click.Context, files: tuple[Path, ...], output: Path, force: bool, quiet: bool
) -> None:
    """Merge capture FILEs, pcapng or pcap, by the time of their packets.

    Every interface stays one of its own, with its name, its clock and its statistics; packets keep
    their options and comments. Of packets of the same time, those of the FILE named first go first.
    """
    from ..datasets.run import run_json_path
    from ..datasets.sink import capture_suffix

    if capture_suffix(output) != _SUFFIX:
        raise click.UsageError(f"-o {output}: a merged capture is .pcapng, .pcapng.gz or .zst")
    sidecars = [run_json_path(file) for file in files]
    check_new([output, run_json_path(output)], [*files, *sidecars], force=force)
    say_when_compiling()
    from ..datasets.merge import merge as write

    merged = write(files, output)
    if not quiet:
        for note in merged.notes:
            click.echo(f"wtrec: note: {note}", err=True)
        click.echo(
            f"{output}: {sum(merged.packets):,} packets of {len(files)} files, "
            f"{merged.interfaces} interfaces"
        )
    finish(context, merged.losses)
