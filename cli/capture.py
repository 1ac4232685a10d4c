"""``wtrec capture``: record frames, the broken ones too, from monitor interfaces."""

from __future__ import annotations

import contextlib
import functools
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..recorder.time_stamps import HOST, TYPES
from ..recorder.wireless.channels import WIDTH_NAMES, Channel
from .conditions import Condition, limits_and_rotation, rotation_condition, stop_condition
from .filter import read_program, say_what_filters
from .live import Display, print_rates, print_summary, stderr_is_terminal
from .output import say_when_compiling
from .signals import stopped_by_signals

if TYPE_CHECKING:
    from ..recorder.privileges import User

_MOST_COMMENT = 65_535  # bytes: the longest option of pcapng


def _key_value(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise click.BadParameter(f"wanted key=value, found {text!r}")
    return key, value


def _output(path: Path | None) -> Path | None:
    if path == Path("-"):
        raise click.BadParameter(
            "a capture is a file; wtrec replay IFACE --algo NAME --to - writes to standard output"
        )
    if path is not None and path.suffix in {".gz", ".zst"}:
        raise click.BadParameter(f"a capture is not packed; wtrec convert makes {path.name} of it")
    return path


def _comment(text: str) -> str:
    length = len(text.encode(errors="replace"))
    if length > _MOST_COMMENT:
        raise click.BadParameter(f"wanted at most {_MOST_COMMENT:,} bytes, found {length:,}")
    return text


@click.command(short_help="Record frames, the broken ones too.")
@click.argument("interfaces", nargs=-1, metavar="IFACE...")
@click.option("-i", "more", multiple=True, metavar="IFACE", help="The same, as others have it.")
@click.option(
    "-w",
    "output",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=lambda _context, _option, path: _output(path),
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
    help="Room for frames that wait to be written, for each interface.",
)
@click.option("-c", "count", type=click.IntRange(1), metavar="N", help="Stop after N frames.")
@click.option(
    "-a",
    "--autostop",
    "stop_at",
    type=stop_condition,
    multiple=True,
    metavar="CONDITION",
    help="Stop after duration:SECONDS, packets:N, filesize:KB or files:N; repeatable.",
)
@click.option(
    "-b",
    "--ring-buffer",
    "rotate_at",
    type=rotation_condition,
    multiple=True,
    metavar="CONDITION",
    help="A new file after duration:SECONDS, packets:N or filesize:KB, or where the time is a "
    "multiple of interval:SECONDS; files:N keeps the last N; printname:FILE prints the name of "
    "each file that is complete. Repeatable.",
)
@click.option(
    "--flush",
    "flush_seconds",
    type=click.FloatRange(0, 3600),
    default=5.0,
    show_default=True,
    metavar="SECONDS",
    help="How often what was written is made safe against a loss of power; 0: left to the kernel.",
)
@click.option("--channel", metavar="N", help="Tune to channel N first (from 1000 on: MHz).")
@click.option(
    "--width",
    type=click.Choice(WIDTH_NAMES),
    default="20",
    show_default=True,
    help="Width of it in MHz; the sign says where the other 20 MHz are.",
)
@click.option(
    "--fcsfail/--no-fcsfail",
    default=None,
    help="Have frames with a bad FCS delivered, or not; as it is if not given.",
)
@click.option(
    "-Z",
    "user_name",
    metavar="USER",
    help="Who to be once the interfaces are open, and who owns the files; the user of sudo if not "
    "given.",
)
@click.option(
    "--meta",
    type=_key_value,
    multiple=True,
    metavar="KEY=VALUE",
    help="Kept in the run's description; repeatable.",
)
@click.option(
    "--time-stamp-type",
    type=click.Choice(TYPES),
    default=HOST,
    show_default=True,
    help="Whose clock gives times: the system's or, if its driver can, the card's.",
)
@click.option("--comment", type=_comment, default="", metavar="TEXT", help="Kept in the capture.")
@click.option("--force", is_flag=True, help="Overwrite files that exist.")
@click.option(
    "-S", "lines", is_flag=True, help="A line an interface once a second, in a pipe, too."
)
@click.option("--live", is_flag=True, help="Frames, bad ones, retries and signal by rate.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
@click.pass_context
def capture(
    context: click.Context,
    interfaces: tuple[str, ...],
    more: tuple[str, ...],
    output: Path | None,
    filter_text: str | None,
    bpf_file: Path | None,
    snapshot_length: int,
    buffer_size: int,
    count: int | None,
    stop_at: tuple[Condition, ...],
    rotate_at: tuple[Condition, ...],
    flush_seconds: float,
    channel: str | None,
    width: str,
    fcsfail: bool | None,
    user_name: str | None,
    meta: tuple[tuple[str, str], ...],
    time_stamp_type: str,
    comment: str,
    force: bool,
    lines: bool,
    live: bool,
    quiet: bool,
) -> None:
    """Record the frames of monitor interfaces IFACE..., the broken ones too.

    Ends at the first condition of -c and -a, or at Ctrl-C, and says what was received, dropped
    and written. With -b, SIGHUP begins a new file. Exit code 3 means that the kernel dropped
    frames.
    """
    interfaces += more
    if not interfaces:
        raise click.UsageError("no interface: wtrec capture mon0; wtrec monitor list shows them")
    if filter_text is not None and bpf_file is not None:
        raise click.UsageError("-f and --bpf-file are two ways to give one filter: take one")
    program = None if bpf_file is None else read_program(bpf_file)
    if channel is None and width != "20":
        raise click.UsageError("--width is the width of a --channel: give both")
    limits, rotation, print_names = limits_and_rotation(count, stop_at, rotate_at)

    from ..recorder.capture import CaptureSettings
    from ..recorder.capture import capture as run_capture
    from ..recorder.live import LiveRates
    from ..recorder.stop import Stop

    settings = CaptureSettings(
        interfaces=interfaces,
        output=output,
        force=force,
        filter_text=filter_text,
        program=program,
        snap_length=snapshot_length,
        buffer_mib=buffer_size,
        time_stamp_type=time_stamp_type,
        limits=limits,
        rotation=rotation,
        print_names=print_names,
        flush_seconds=flush_seconds,
        channel=None if channel is None else Channel.parse(channel, width),
        fcsfail=fcsfail,
        drop_privileges=True,
        user=_user(user_name),
        meta=dict(meta),
        comment=comment,
    )
    with contextlib.ExitStack() as held:
        stop = held.enter_context(Stop())
        held.enter_context(stopped_by_signals(stop, hangup_rotates=rotation is not None))
        rates = LiveRates() if live else None
        display = Display(
            on_terminal=not quiet and stderr_is_terminal(), lines=lines and not quiet, rates=rates
        )
        summary = run_capture(
            settings,
            stop=stop,
            progress=display,
            on_start=say_when_compiling,
            on_filter=functools.partial(say_what_filters, quiet=quiet),
            on_end=display.hashing,
            observer=rates,
        )
        display.close()
    if rates is not None:
        print_rates(rates)
    print_summary(summary)
    context.exit(summary.exit_code)


def _user(name: str | None) -> User | None:
    """Whom to become."""
    from ..recorder.privileges import sudo_user, user_named

    return sudo_user() if name is None else user_named(name)
