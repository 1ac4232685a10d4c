"""``wtrec replay --to``: frames that leave, into an interface, a socket or a pipe."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .output import number
from .tap import tap

if TYPE_CHECKING:
    from ..recorder.tun import MonitorTun
    from ..replay.departures import Departed, Departures
    from ..replay.engine import Contender
    from ..replay.interruption import Interruption
    from ..replay.outlets import Outlet
    from ..replay.pacing import Pace

STDOUT = "-"


@contextlib.contextmanager
def stdout_for(target: str | None) -> Iterator[int]:
    """The descriptor of standard output; what else is printed goes to stderr if frames go there.

    Raises:
        click.UsageError: It is a terminal.
    """
    if target != STDOUT:
        yield sys.__stdout__.fileno() if sys.__stdout__ else 1
        return
    if os.isatty(1):
        raise click.UsageError("--to - writes pcapng to a pipe or file, not to a terminal")
    with contextlib.redirect_stdout(sys.stderr):
        yield 1


@contextlib.contextmanager
def opened(
    target: str, stdout: int, interruption: Interruption, *, drops: bool = True
) -> Iterator[Outlet]:
    """The outlet that a user names; privileges are gone when it is open, if it ``drops`` them.

    Raises:
        OutletError: It is no address, or cannot be written to.
        CaptureError: No rights, no TUN driver, or the name is taken.
    """
    from ..recorder.privileges import drop, sudo_user
    from ..replay.outlets import PcapngOutlet, UdpOutlet

    if target == STDOUT:
        yield PcapngOutlet(stdout)
    elif "://" in target:
        with UdpOutlet(target) as outlet:
            yield outlet
    else:
        with tap(
            target,
            on_open=lambda: drop(sudo_user()) if drops else None,
            give_up=lambda: interruption.reason is not None,
        ) as tun:
            yield MonitorOutlet(tun.name, tun)


@dataclass
class MonitorOutlet:
    """A simulated monitor interface."""

    name: str
    tun: MonitorTun
    refused: dict[str, int] = field(default_factory=dict)

    def send(self, packet: bytes | memoryview, note: str = "") -> None:
        """Let it be received on the interface; one that the kernel does not take is counted."""
        del note
        try:
            self.tun.write(packet)
        except OSError as error:
            why = error.strerror or str(error)
            self.refused[why] = self.refused.get(why, 0) + 1


def let_depart(
    capture: Path,
    outlet: Outlet,
    pace: Pace | None,
    limit: int | None,
    interruption: Interruption,
) -> Departed:
    """Let frames leave as they are; at top speed without a pace."""
    from ..replay.departures import depart
    from ..replay.pacing import TopSpeed

    return depart(capture, outlet, pace or TopSpeed(), limit=limit, interruption=interruption)


@contextlib.contextmanager
def departures_of(
    capture: Path, outlet: Outlet | None, contenders: list[Contender]
) -> Iterator[Departures | None]:
    """What lets frames leave when the algorithm has answered for them; None without an outlet."""
    if outlet is None:
        yield None
        return
    from ..replay.departures import Departures, PacketsOf

    with PacketsOf(capture) as packets:
        yield Departures(packets, outlet, contenders[0].algorithm.name)


def say_departed(departed: Departed, output_format: str) -> None:
    """What has left, and how well it kept its times."""
    if output_format == "json":
        return
    asked = departed.asked_fps
    error = "" if asked is None else f", {departed.achieved_fps / asked - 1:+.4%} of what was asked"
    repaired = f", {departed.repaired:,} repaired" if departed.repaired else ""
    click.echo(
        f"to {departed.to}: {departed.frames:,} frames{repaired} in {departed.seconds:.2f} s: "
        f"{departed.achieved_fps:,.1f} frames/s{error}"
    )
    if departed.late_us(1) is not None:
        median, most, latest = (number(departed.late_us(share)) for share in (0.5, 0.99, 1))
        click.echo(f"late by us: median {median}, 99 % {most}, most {latest}")
