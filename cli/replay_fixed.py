"""``wtrec replay --write-pcapng``: its options, and what is done with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .files import NEW_FILE, check_new

if TYPE_CHECKING:
    from ..replay.engine import Score
    from ..replay.interruption import Interruption


def fixed_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--write-pcapng`` and what belongs to it."""
    options = (
        click.option(
            "--write-pcapng",
            "fixed",
            type=NEW_FILE,
            metavar="FIXED.pcapng",
            help="The capture again, with repaired frames in place of broken ones (one algorithm).",
        ),
        click.option(
            "--keep-original",
            is_flag=True,
            help="With --write-pcapng: keep each broken frame, in front of the repaired one.",
        ),
        click.option("--force", is_flag=True, help="Overwrite FIXED.pcapng if it exists."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def check_fixed(
    fixed: Path | None, read: list[Path], algorithms: int, *, keep_original: bool, force: bool
) -> None:
    """Refuse, before anything is replayed, what cannot be written in the end.

    Raises:
        click.UsageError: The options contradict each other, or name a file that is read.
        CaptureError: The file is there.
    """
    if fixed is None:
        if keep_original or force:
            name = "--keep-original" if keep_original else "--force"
            raise click.UsageError(f"{name} is for --write-pcapng")
        return
    if algorithms != 1:
        raise click.UsageError("--write-pcapng takes the repairs of one algorithm: give one --algo")
    if not fixed.name.removesuffix(".gz").removesuffix(".zst").endswith(".pcapng"):
        raise click.UsageError(f"--write-pcapng {fixed}: name it .pcapng (or .pcapng.gz, .zst)")
    check_new([fixed], read, force=force)


def write_fixed(
    score: Score, results: Path, fixed: Path, interruption: Interruption, *, keep_original: bool
) -> list[str]:
    """Write the repaired capture, and say what it is; not if its results are partial.

    Args:
        score: What came of the replay.
        results: Its results.
        fixed: The file.
        interruption: By which it can be ended early; nothing is written then.
        keep_original: Broken frames stay in it, too.

    Returns:
        What was lost, a sentence each.

    Raises:
        FormatError: A file is damaged.
        OSError: A file cannot be opened or written.
    """
    from ..replay.interruption import Interrupted
    from ..replay.repaired import write_repaired

    if score.interrupted is not None:
        return [f"{fixed}: not written, as the results are partial; --resume completes both"]
    try:
        with interruption.breaking():
            done = write_repaired(score.capture, results, fixed, keep_original=keep_original)
    except Interrupted:
        return [f"{fixed}: not written: ended by {interruption.reason}; --resume writes it"]
    notes = [
        f"; {count:,} {what}"
        for count, what in (
            (done.refitted, "have an FCS computed anew, as it did not hold after the flips"),
            (done.without_comment, "are in blocks that hold no comment"),
        )
        if count
    ]
    click.echo(
        f"{fixed}: {done.packets:,} packets, {done.repaired:,} repaired{''.join(notes)}", err=True
    )
    return [loss for loss in done.losses if loss not in score.losses]
