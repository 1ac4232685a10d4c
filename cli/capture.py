"""``wtrec capture``: record frames, the broken ones too, from a monitor interface."""

from __future__ import annotations

import functools
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .filter import read_program, say_what_filters
from .signals import stopped_by_signals

if TYPE_CHECKING:
    from ..datasets.run import Counters
    from ..recorder.capture import CaptureSummary


def _condition(text: str) -> tuple[str, float]:
    """``duration:60``, ``packets:1000`` or ``filesize:100000``."""
    kind, _, number = text.partition(":")
    try:
        amount = float(number) if kind == "duration" else int(number)
    except ValueError:
        amount = 0
    if kind not in {"duration", "packets", "filesize"} or not 0 < amount < 1e9:
        raise click.BadParameter(
            "wanted duration:SECONDS, packets:N or filesize:KB (1 KB is 1000 bytes), "
            f"found {text!r}"
        )
    return kind, amount


def _key_value(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise click.BadParameter(f"wanted key=value, found {text!r}")
    return key, value


@click.command(short_help="Record frames, the broken ones too.")
@click.argument("interface", metavar="IFACE")
@click.option(
    "-w",
    "output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The capture; run-<UTC time>.pcapng if not given. FILE's .json is written beside it.",
)
@click.option(
    "-f",
    "filter_text",
    metavar="EXPR",
    help="Capture filter: pcap-filter(7) and named filters, see wtrec filter.",
)
@click.option(
    "--bpf-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Compiled capture filter: what tcpdump -dd or -ddd prints.",
)
@click.option(
    "-s",
    "--snapshot-length",
    type=click.IntRange(1, 262_144),
    default=262_144,
    metavar="N",
    help="Most bytes kept of a frame.",
)
@click.option(
    "-B",
    "--buffer-size",
    type=click.IntRange(1, 2047),
    default=64,
    show_default=True,
    metavar="MIB",
    help="Room for frames that wait to be written.",
)
@click.option("-c", "count", type=click.IntRange(1), metavar="N", help="Stop after N frames.")
@click.option(
    "-a",
    "--autostop",
    "conditions",
    type=_condition,
    multiple=True,
    metavar="CONDITION",
    help="Stop after duration:SECONDS, packets:N or filesize:KB; repeatable.",
)
@click.option(
    "--meta",
    type=_key_value,
    multiple=True,
    metavar="KEY=VALUE",
    help="Kept in the run's description; repeatable.",
)
@click.option("--comment", default="", metavar="TEXT", help="Kept in the capture.")
@click.option("--force", is_flag=True, help="Overwrite files that exist.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
@click.pass_context
def capture(
    context: click.Context,
    interface: str,
    output: Path | None,
    filter_text: str | None,
    bpf_file: Path | None,
    snapshot_length: int,
    buffer_size: int,
    count: int | None,
    conditions: tuple[tuple[str, float], ...],
    meta: tuple[tuple[str, str], ...],
    comment: str,
    force: bool,
    quiet: bool,
) -> None:
    """Record the frames of monitor interface IFACE, the broken ones too.

    Ends at the first condition of -c and -a, or at Ctrl-C, and says what was received, dropped
    and written. Exit code 3 means that the kernel dropped frames.
    """
    if filter_text is not None and bpf_file is not None:
        raise click.UsageError("-f and --bpf-file are two ways to give one filter: take one")
    program = None if bpf_file is None else read_program(bpf_file)

    from ..recorder.capture import CaptureSettings
    from ..recorder.capture import capture as run_capture
    from ..recorder.stop import Stop

    limits: dict[str, float] = {"packets": count} if count else {}
    for kind, amount in conditions:
        limits[kind] = min(amount, limits.get(kind, amount))
    settings = CaptureSettings(
        interface=interface,
        output=output,
        force=force,
        filter_text=filter_text,
        program=program,
        snap_length=snapshot_length,
        buffer_mib=buffer_size,
        max_frames=int(limits["packets"]) if "packets" in limits else None,
        max_seconds=limits.get("duration"),
        max_bytes=int(limits["filesize"] * 1000) if "filesize" in limits else None,
        meta=dict(meta),
        comment=comment,
    )
    show_progress = not quiet and sys.stderr.isatty()
    with Stop() as stop, stopped_by_signals(stop):
        summary = run_capture(
            settings,
            stop=stop,
            progress=_Progress() if show_progress else None,
            on_filter=functools.partial(say_what_filters, quiet=quiet),
        )
    if show_progress:
        click.echo("\r\x1b[K", nl=False, err=True)
    _print_summary(summary)
    context.exit(summary.exit_code)


class _Progress:
    """One line on the terminal, written over once a second."""

    def __init__(self) -> None:
        self._written = 0
        self._at = time.monotonic()

    def __call__(self, counters: Counters) -> None:
        now = time.monotonic()
        rate = (counters.written - self._written) / (now - self._at)
        self._written, self._at = counters.written, now
        click.echo(
            f"\r\x1b[K{counters.written:,} frames, {rate:,.0f}/s, {_share(counters)} bad FCS, "
            f"{counters.dropped_by_kernel:,} dropped",
            nl=False,
            err=True,
        )


def _print_summary(summary: CaptureSummary) -> None:
    counters = summary.counters
    for line in (
        f"{summary.path}: ended by {summary.run.ended_by}",
        f"  received           {counters.received:>12,}",
        f"  dropped by kernel  {counters.dropped_by_kernel:>12,}",
        f"  written            {counters.written:>12,}",
        f"  bad FCS            {counters.bad_fcs:>12,}  ({_share(counters)}, the driver's claim)",
    ):
        click.echo(line, err=True)
    if summary.error is not None:
        click.echo(f"error: {summary.error}", err=True)


def _share(counters: Counters) -> str:
    return f"{counters.bad_fcs / counters.written:.1%}" if counters.written else "0.0%"
