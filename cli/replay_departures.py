"""``wtrec replay --to``: frames that leave, into an interface, a socket or a pipe."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .output import number, print_json
from .tap import tap

if TYPE_CHECKING:
    from ..recorder.tun import MonitorTun
    from ..replay.departed import Departed
    from ..replay.departures import Departures, Packets
    from ..replay.interruption import Interruption
    from ..replay.outlets import Direct, Outlet
    from ..replay.schedule import Schedule

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
    from ..replay.outlets import Direct, PcapngOutlet, UdpOutlet

    if target == STDOUT:
        yield PcapngOutlet(stdout, waiting=interruption.breaking)
    elif "://" in target:
        with UdpOutlet(target) as outlet:
            yield outlet
    else:
        with tap(
            target,
            on_open=lambda: drop(sudo_user(), alone=False) if drops else None,
            give_up=lambda: interruption.reason is not None,
        ) as tun:
            yield MonitorOutlet(tun.name, tun, Direct(tun.fileno(), tun.PREFIX))


@dataclass
class MonitorOutlet:
    """A simulated monitor interface."""

    name: str
    tun: MonitorTun
    direct: Direct | None
    refused: dict[str, int] = field(default_factory=dict)

    def send(self, packet: bytes | memoryview, note: str = "") -> None:
        """Let it be received on the interface; one that the kernel does not take is counted."""
        del note
        try:
            self.tun.write(packet)
        except OSError as error:
            why = error.strerror or str(error)
            self.refused[why] = self.refused.get(why, 0) + 1


def departures_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--to``."""
    return click.option(
        "--to",
        "target",
        metavar="IFACE|udp://HOST:PORT|-",
        help="Let frames leave at their due times, repaired if there is an algorithm: into a "
        "monitor interface that is made for them, as UDP datagrams, or as pcapng to stdout. The "
        "pace is --rate 1 if none is given.",
    )(command)


def check_target(
    target: str | None, algorithms: int, captures: int, loops: int, *, as_json: bool
) -> None:
    """Refuse what cannot leave.

    Raises:
        click.UsageError: Options contradict each other.
    """
    if target is None:
        return
    if target == STDOUT and as_json:
        raise click.UsageError("--to - and --format json both want stdout: take one")
    if algorithms > 1:
        raise click.UsageError("--to sends the repairs of one algorithm: give one --algo")
    if captures > 1:
        raise click.UsageError("--to sends the frames of one capture: give one")
    if algorithms and loops > 1:
        raise click.UsageError("--to with --algo sends the frames once: no --loop")


def let_depart(
    capture: Path, outlet: Outlet, schedule: Schedule, interruption: Interruption
) -> Departed:
    """Let frames leave as they are."""
    from ..replay.depart import depart

    return depart(capture, outlet, schedule, interruption=interruption)


class Leaving:
    """Makes what lets frames leave, of an algorithm's name."""

    def __init__(self, packets: Packets, outlet: Outlet) -> None:
        self.departed: Departed | None = None
        self._packets = packets
        self._outlet = outlet

    def of(self, algorithm: str) -> Departures:
        """What lets frames leave that this algorithm was given."""
        from ..replay.departures import Departures

        departures = Departures(self._packets, self._outlet, algorithm)
        self.departed = departures.departed
        return departures


@contextlib.contextmanager
def departures_of(capture: Path, outlet: Outlet | None) -> Iterator[Leaving | None]:
    """For a replay of this capture; None without an outlet."""
    if outlet is None:
        yield None
        return
    from ..replay.departures import PacketsOf

    with PacketsOf(capture) as packets:
        yield Leaving(packets, outlet)


def say_departed(departed: Departed, *, as_json: bool, alone: bool = False) -> None:
    """What has left, and how well it kept its times; in JSON, only if there is no other object."""
    if as_json:
        if alone:
            print_json({"departed": departed.to_json(), "losses": departed.losses()})
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
