"""``wtrec monitor``: make, delete and list monitor interfaces."""

from __future__ import annotations

from dataclasses import asdict

import click

from ..recorder.wireless.channels import WIDTH_NAMES, Channel
from .output import print_json, print_table


@click.group(short_help="Make, delete and list monitor interfaces.")
def monitor() -> None:
    """Make, delete and list monitor interfaces: where frames are captured, the broken ones too."""


@monitor.command(short_help="Make a monitor interface and bring it up.")
@click.argument("phy", metavar="PHY")
@click.argument("name", metavar="NAME")
@click.option("--channel", metavar="N", help="Tune it to channel N (from 1000 on: MHz).")
@click.option(
    "--width",
    type=click.Choice(WIDTH_NAMES),
    default="20",
    show_default=True,
    help="Width in MHz; the sign says where the other 20 MHz are.",
)
@click.option("--fcsfail/--no-fcsfail", default=True, help="Frames with a bad FCS, too.")
@click.option("--plcpfail/--no-plcpfail", default=False, help="Frames with a bad PLCP, too.")
@click.option("--control/--no-control", default=True, help="Control frames, too.")
@click.option("--otherbss/--no-otherbss", default=True, help="Frames of other networks, too.")
def add(phy: str, name: str, channel: str | None, width: str, **flags: bool) -> None:
    """Make monitor interface NAME on the card PHY (see `wtrec monitor list`) and bring it up.

    If a step fails, nothing is left behind. Needs CAP_NET_ADMIN.
    """
    if channel is None and width != "20":
        raise click.UsageError("--width is the width of a --channel: give both")
    from ..recorder.wireless import managers
    from ..recorder.wireless.monitor import add as add_interface

    wanted = None if channel is None else Channel.parse(channel, width)
    chosen = tuple(flag for flag, is_on in flags.items() if is_on)
    made = add_interface(phy, name, flags=chosen, channel=wanted)
    click.echo(
        f"{made.name}: monitor interface of {phy}, up, channel {made.channel or 'not set'}, "
        f"flags {' '.join(chosen) or 'none'}",
        err=True,
    )
    if managers.managed_devices().get(name):
        click.echo(
            f"wtrec: warning: NetworkManager manages {name} and may take it back: "
            f"nmcli device set {name} managed no",
            err=True,
        )


@monitor.command("del", short_help="Delete a monitor interface.")
@click.argument("name", metavar="NAME")
def delete(name: str) -> None:
    """Delete monitor interface NAME. Needs CAP_NET_ADMIN."""
    from ..recorder.wireless.monitor import delete as delete_interface

    delete_interface(name)
    click.echo(f"{name}: deleted", err=True)


@monitor.command("list", short_help="List cards and their interfaces.")
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="json: an array with one object an interface; its keys are stable.",
)
def list_interfaces(output_format: str) -> None:
    """List the phys, their interfaces, and simulated monitor interfaces."""
    from ..recorder.wireless.monitor import entries
    from ..recorder.wireless.nl80211 import NoWirelessError

    try:
        found = entries()
    except NoWirelessError as error:  # an empty list, and why
        found = []
        click.echo(f"wtrec: {error}", err=True)
    if output_format == "json":
        print_json([asdict(entry) for entry in found])
    elif found:
        print_table(
            ("phy", "interface", "type", "state", "channel", "flags", "driver"),
            [
                (
                    entry.phy or "-",
                    entry.interface or "-",
                    entry.type or ("can monitor" if entry.can_monitor else "no monitor mode"),
                    "-" if entry.interface is None else "up" if entry.up else "down",
                    entry.channel or "-",
                    "-" if entry.flags is None else " ".join(entry.flags) or "none",
                    entry.driver or "-",
                )
                for entry in found
            ],
        )
