"""``wtrec convert``: captures in other formats, their error masks, and masks over other content."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from .files import FILE, NEW_FILE, check_new
from .output import finish, progress, say_when_compiling
from .truth import journal_losses, one_of, open_truth, rule, truth_options

_MASKS = ".masks.parquet"
_KINDS = {".pcapng": "pcapng", ".pcap": "pcap", ".parquet": "frames", ".csv": "csv"}


@click.command(short_help="Captures as pcap, pcapng, Parquet, error masks; masks over payloads.")
@click.argument("source_file", metavar="FILE", type=FILE)
@click.option(
    "--to",
    "kind",
    type=click.Choice(["pcapng", "pcap", "frames", "masks", "csv"]),
    help="What to write [default: what the new file's name ends in]. Of a capture: pcapng, pcap, "
    "frames (.parquet), masks (.masks.parquet; no payloads in it). Of masks: csv; pcapng, laid "
    "over other payloads.",
)
@click.option(
    "-o",
    "output",
    type=NEW_FILE,
    required=True,
    metavar="FILE",
    help="The file to write; a capture is packed if its name ends in .gz or .zst.",
)
@click.option(
    "--over",
    type=FILE,
    metavar="TX.parquet",
    help="With --to pcapng: what to lay the masks over, packets of a tx log; or --payload RULE.",
)
@truth_options
@click.option("--force", is_flag=True, help="Overwrite files that exist.")
@click.option("-q", "--quiet", is_flag=True, help="No progress, no notes.")
@click.pass_context
def convert(
    context: click.Context,
    source_file: Path,
    kind: str | None,
    output: Path,
    over: Path | None,
    tx_log: Path | None,
    payload: str | None,
    source: str | None,
    force: bool,
    quiet: bool,
) -> None:
    """Convert FILE: a capture, masks (.masks.parquet), or an error trace (.csv).

    pcapng keeps all that a capture has; pcap has one link type, packets and their times; frames is
    a table with a row a frame. A mask says which bits of a frame were wrong, and nothing of its
    content.
    """
    is_masks = source_file.suffix in {".parquet", ".csv"}
    kind = kind or _by_name(output, is_masks=is_masks)
    if not is_masks and kind == "csv":
        raise click.UsageError(f"{source_file} is a capture: --to masks first")
    if is_masks and kind in {"pcap", "frames"}:
        raise click.UsageError(f"{source_file} are masks: --to pcapng first")
    if not is_masks and kind != "masks":
        if over or tx_log or payload or source:
            raise click.UsageError(f"--over, --tx-log, --payload and --truth: not with --to {kind}")
        from ..datasets.run import run_json_path
        from ..datasets.sidecar import copied_run_path

        sidecar = None if kind == "frames" else copied_run_path(source_file, output)
        written = [output, sidecar] if sidecar else [output]
        check_new(written, [source_file, run_json_path(source_file)], force=force)
        _transcode(context, source_file, kind, output, quiet=quiet)
        return
    if kind == "pcapng" and (over is None) == (payload is None):
        raise click.UsageError("--to pcapng needs --over TX.parquet or --payload RULE")
    if kind != "pcapng" and over is not None:
        raise click.UsageError("--over goes with --to pcapng")
    if is_masks and (tx_log or source or (payload and kind != "pcapng")):
        raise click.UsageError(f"{source_file} has masks already: there is no truth to name")
    one_of(tx_log, payload, source)
    from ..datasets.run import tx_log_path

    written = [output, tx_log_path(output)] if kind == "pcapng" else [output]
    check_new(written, [source_file, *([over] if over else [])], force=force)
    say_when_compiling()
    if not is_masks:
        losses, note = _to_masks(source_file, output, tx_log, payload, source, quiet=quiet)
    elif kind == "pcapng":
        losses, note = _to_capture(source_file, output, over, payload)
    else:
        losses, note = _rewrite(source_file, output)
    if not quiet:
        click.echo(f"{output}: {note}", err=True)
    finish(context, losses)


def _by_name(output: Path, *, is_masks: bool) -> str:
    from ..datasets.sink import capture_suffix

    if output.name.endswith(_MASKS) or (is_masks and output.suffix == ".parquet"):
        return "masks"
    kind = _KINDS.get(capture_suffix(output))
    if kind is None:
        raise click.UsageError(f"-o {output}: its name does not say what to write; add --to")
    return kind


def _transcode(
    context: click.Context, source_file: Path, kind: str, output: Path, *, quiet: bool
) -> None:
    """A capture in another format."""
    say_when_compiling()
    from ..datasets import transcode

    write = {
        "pcapng": transcode.to_pcapng,
        "pcap": transcode.to_pcap,
        "frames": transcode.to_frames,
    }[kind]
    done = write(source_file, output)
    if kind != "frames":
        from ..datasets.sidecar import copy_run

        done.notes += copy_run(source_file, output)
    if not quiet:
        for note in done.notes:
            click.echo(f"wtrec: note: {output}: {note}", err=True)
        what = "frames" if kind == "frames" else "packets"
        click.echo(f"{output}: {done.packets:,} {what}", err=True)
    finish(context, done.losses)


def _to_masks(
    capture: Path,
    output: Path,
    tx_log: Path | None,
    payload: str | None,
    source: str | None,
    *,
    quiet: bool,
) -> tuple[list[str], str]:
    from ..analysis.mask_writer import write_masks
    from ..analysis.truth import Outcome
    from ..datasets.run import tx_log_path
    from ..datasets.txlog import tx_log_beside

    if tx_log is None and payload is None and source is None:
        tx_log = tx_log_beside(capture)
        if tx_log is None:
            raise click.UsageError(
                f"no {tx_log_path(capture)} beside the capture: name --tx-log, --payload or --truth"
            )
    with contextlib.ExitStack() as stack:
        truth = open_truth(stack, capture, tx_log, payload, source)
        if truth is None:
            raise click.UsageError("there is no truth: name --tx-log, --payload or --truth")
        if not quiet:
            click.echo(f"truth: {truth.description}", err=True)
        with progress(quiet=quiet) as tick:
            written = write_masks(capture, truth, output, tick)
    note = (
        f"{written.masks:,} masks: {written.good:,} of intact frames, "
        f"{written.matching[Outcome.MATCHED]:,} of bad ones"
    )
    if rewritten := written.matching[Outcome.REWRITTEN]:
        note += f"; {rewritten:,} frames were rewritten, not damaged, and have none"
    return [*written.missing, *journal_losses(tx_log)], note


def _masks(path: Path) -> Iterator[Any]:
    if path.suffix == ".csv":
        from ..datasets.masks_csv import read_csv

        return read_csv(path)
    from ..datasets.masks import read_masks

    return read_masks(path)


def _to_capture(
    path: Path, output: Path, over: Path | None, payload: str | None
) -> tuple[list[str], str]:
    from ..analysis.lay import around_pattern, from_log, lay
    from ..datasets.txlog import open_tx_log

    metadata = {"mode": "masks", "payload": payload or "", "masks": path.name}
    with contextlib.ExitStack() as stack:
        if over is not None:
            log = stack.enter_context(open_tx_log(over))
            originals = from_log(log)
            metadata["payload"] = log.metadata.get("payload", "")
        else:
            originals = around_pattern(rule(payload or ""))
        laid = lay(_masks(path), originals, output, metadata)
    return [*laid.losses, *journal_losses(over)], f"{laid.frames:,} frames, {laid.bad:,} bad"


def _rewrite(path: Path, output: Path) -> tuple[list[str], str]:
    """From masks to text, or the other way."""
    from ..datasets.files import replacing, sha256_of
    from ..datasets.masks import MASKS
    from ..datasets.masks_csv import write_csv
    from ..datasets.parquet import new_table

    if output.suffix == ".csv":
        with replacing(output) as temporary:
            write_csv(_masks(path), temporary)
        return [], "masks as text"
    metadata = {"source": path.name, "source_sha256": sha256_of(path)}
    masks = 0
    with new_table(output, MASKS, metadata) as table:
        for batch in _masks(path):
            table.write_batch(batch)
            masks += len(batch)
    return [], f"{masks:,} masks"
