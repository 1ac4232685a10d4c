"""``wtrec info``: what a capture holds."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .output import finish, number, print_json, print_table, progress, say_when_compiling

if TYPE_CHECKING:
    from ..datasets.info import CaptureInfo


@click.command(short_help="What a capture holds.")
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE...",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="json: an array with one object a file; its keys are stable.",
)
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
@click.pass_context
def info(context: click.Context, files: tuple[Path, ...], output_format: str, quiet: bool) -> None:
    """Say what each capture FILE holds: frames, state of their FCS, rates, interfaces.

    The FCS of every frame is checked; what the driver claimed about it is counted beside.
    Reads pcapng and pcap, also packed with gzip or zstd.
    """
    say_when_compiling()
    from ..datasets.info import read_info

    with progress(quiet=quiet) as tick:
        infos = [read_info(path, on_progress=functools.partial(tick, path.name)) for path in files]
    if output_format == "json":
        print_json([item.to_json() for item in infos])
    else:
        for item in infos:
            _print(item)
    finish(context, [loss for item in infos for loss in item.losses])


def _print(item: CaptureInfo) -> None:
    facts = item.to_json()
    frames = item.frames
    lines = [
        ("format", f"{item.format}, {item.size:,} bytes"),
        ("sha256", item.sha256),
        ("packets", number(item.packets)),
        ("802.11 frames", number(frames.total)),
        ("  good FCS", number(frames.good)),
        ("  bad FCS", number(frames.bad)),
        ("  FCS absent", number(frames.absent)),
        ("  FCS unverifiable", number(frames.unverifiable)),
        ("  driver disagrees", number(frames.claim_disagreements)),
    ]
    if item.other_linktypes:
        lines.append(("other packets", number(item.other_linktypes)))
    if item.malformed:
        lines.append(("malformed headers", number(item.malformed)))
    if item.drops:
        lines.append(("dropped", f"{item.drops:,} (the file's own count)"))
    if item.first is not None:
        order = "" if item.in_order else " (not in order)"
        lines += [("first", facts["first"]), ("last", facts["last"] + order)]
    for name in ("application", "os", "hardware"):
        if facts[name]:
            lines.append((name, facts[name]))
    for interface in item.interfaces:
        parts = [f"link type {interface.linktype}"]
        parts += [f"snap length {interface.snaplen}"] if interface.snaplen else []
        parts += [f"filter {interface.filter!r}"] if interface.filter else []
        name = interface.name or "unnamed"
        lines.append((f"interface {interface.id}", f"{name}: {', '.join(parts)}"))
    for counts in item.statistics:
        texts = [f"{name} {count:,}" for name, count in counts.items() if name != "interface"]
        lines.append((f"counters {counts['interface']}", ", ".join(texts)))
    lines.append(("blocks", ", ".join(f"{n} {count:,}" for n, count in item.blocks.items())))
    lines += [("comment", comment) for comment in item.comments]
    click.echo(f"{item.path}:")
    for label, text in lines:
        click.echo(f"  {label:<20}{text}")
    if item.rates:
        rows = [
            [number(rate, "g"), number(count), f"{count / frames.total:.1%}"]
            for rate, count in item.rates.items()
        ]
        print_table(["Mbit/s", "frames", "share"], rows)
