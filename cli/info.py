"""``wtrec info``: what a capture holds."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .output import finish, number, print_json, print_table, progress, say_when_compiling

if TYPE_CHECKING:
    from ..datasets.drops import Account
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
    for item in infos:
        for doubt in item.frames.doubts:
            click.echo(f"wtrec: warning: {item.path}: {doubt}", err=True)
    finish(context, [loss for item in infos for loss in item.losses])


def _account(account: Account) -> list[tuple[str, str]]:
    """What became of an interface's frames, as far as anybody says."""
    counts = {
        "received": account.received,
        "dropped by kernel": account.dropped_by_kernel,
        "dropped by interface": account.dropped_by_interface,
        "written": account.written,
        "in the file": account.packets,
    }
    texts = [f"{name} {count:,}" for name, count in counts.items() if count is not None]
    if account.unexplained and account.unexplained > 0:
        texts.append(f"neither dropped nor written {account.unexplained:,}")
    lines = [("  frames", ", ".join(texts))]
    if account.cut:
        lines.append(("  cut", f"{account.cut:,} packets, by the snap length"))
    if account.first and account.last and account.largest:
        lines.append(("  drops noted", f"{account.noted:,} in {account.gaps:,} gaps"))
        for name, gap in (
            ("first", account.first),
            ("last", account.last),
            ("largest", account.largest),
        ):
            facts = gap.to_json()
            silence = "" if gap.silent_ns is None else f", {gap.silent_ns / 1e6:,.3f} ms of silence"
            when = f" at {facts['time']}" if facts["time"] else ""
            text = f"{gap.lost:,} before packet {gap.number:,}{when}{silence}"
            lines.append((f"    {name}", text))
    if (account.dropped_by_kernel or 0) > account.noted:
        unplaced = (account.dropped_by_kernel or 0) - account.noted
        lines.append(("  drops not noted", f"{unplaced:,}: nobody says between which packets"))
    return lines


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
    if item.first is not None:
        order = f" ({item.unsorted:,} packets not in order)" if item.unsorted else ""
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
        lines += _account(item.accounts[interface.id])
    if item.run is not None:
        counts = {"received": item.run.received, "dropped by kernel": item.run.dropped_by_kernel}
        counts |= {"written": item.run.written}
        lines.append(("run.json", ", ".join(f"{name} {n:,}" for name, n in counts.items())))
    lines += [("  disagreement", text) for text in item.disagreements]
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
