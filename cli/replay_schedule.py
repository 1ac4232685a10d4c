"""The options of ``wtrec replay`` that say which frames come when, and how they are served."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ..replay.pacing import Pace
    from ..replay.schedule import Schedule


class Positive(click.FloatRange):
    """A number above 0 that is none of infinity and NaN."""

    def __init__(self) -> None:
        super().__init__(min=0, min_open=True)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r}, wanted a finite number", param, ctx)
        return number


_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
NO_OPTIONS: dict[str, Any] = {  # as they are when none is given
    **dict.fromkeys(("topspeed", "rate", "pps", "mbps", "pps_profile", "deadline", "select")),
    **dict.fromkeys(("warm_up", "duration", "limit", "max_gap", "batch")),
    "start_offset": 0.0,
    "loop": 1,
    "on_overrun": "wait",
}
PACES = ("topspeed", "rate", "pps", "mbps", "pps_profile")


def schedule_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Paces, what is selected, and the queue."""
    options = (
        click.option(
            "--topspeed", is_flag=True, help="As fast as the algorithms take them (default)."
        ),
        click.option("--rate", type=Positive(), metavar="X", help="X times as fast as recorded."),
        click.option("--pps", type=Positive(), metavar="N", help="N frames per second."),
        click.option("--mbps", type=Positive(), metavar="N", help="N Mbit of MPDUs per second."),
        click.option(
            "--pps-profile",
            type=_FILE,
            metavar="FILE",
            help="Frames per second by a schedule: lines of seconds and frames a second.",
        ),
        click.option(
            "--max-gap",
            type=Positive(),
            metavar="S",
            help="Count longer gaps in recorded time as S.",
        ),
        click.option(
            "--start-offset",
            type=click.FloatRange(0, 1e9),
            default=0.0,
            metavar="S",
            help="Begin S seconds of recorded time behind the first frame.",
        ),
        click.option(
            "--warm-up",
            type=click.FloatRange(0, 1e9),
            metavar="S",
            help="Show the algorithms S seconds before that, unjudged; all if not given.",
        ),
        click.option(
            "--duration", type=Positive(), metavar="S", help="Only S seconds of recorded time."
        ),
        click.option(
            "--select", metavar="EXPR", help="Only these frames: 'rate_mbps == 54 and not retry'."
        ),
        click.option(
            "--limit", type=click.IntRange(1), metavar="N", help="Only the first N frames."
        ),
        click.option(
            "--loop", type=click.IntRange(1), default=1, metavar="N", help="All that, N times over."
        ),
        click.option(
            "--batch",
            type=click.IntRange(1, 65_536),
            metavar="N",
            help="Up to N frames in a call; 1 if not given, at top speed 65536.",
        ),
        click.option(
            "--deadline",
            metavar="NAME|US",
            help="For answers: sifs, sifs-5ghz, block-ack, application, or microseconds.",
        ),
        click.option(
            "--on-overrun",
            type=click.Choice(["wait", "drop"]),
            default="wait",
            show_default=True,
            help="Frames past the deadline when their turn comes are served, or dropped.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def schedule_of(options: dict[str, Any], *, default_rate: float | None = None) -> Schedule:
    """What the options say; frames that leave do so in recorded time, if no pace is given.

    Raises:
        click.UsageError: They contradict each other.
        FormatError: The file of --pps-profile is no schedule.
    """
    from ..datasets.expression import Expression
    from ..dot11.deadlines import Deadline
    from ..replay.queue import Overrun, Service
    from ..replay.schedule import Schedule
    from ..replay.source import Selection

    given = [name for name in PACES if options[name]]
    if len(given) > 1:
        names = " and ".join("--" + name.replace("_", "-") for name in given)
        raise click.UsageError(f"{names} are different paces: take one")
    try:
        deadline = Deadline.parse(options["deadline"]) if options["deadline"] else None
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--deadline") from None
    try:
        select = Expression(options["select"]) if options["select"] is not None else None
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--select") from None
    overrun = Overrun(options["on_overrun"])
    if overrun == Overrun.DROP and deadline is None:
        raise click.UsageError("--on-overrun drop drops what is past its deadline: give --deadline")
    of_time = ("start_offset", "warm_up", "duration", "limit", "loop", "max_gap")
    selection = Selection(select=select, **{name: options[name] for name in of_time})
    service = Service(options["batch"], deadline, overrun)
    if default_rate is not None and not given:
        options = {**options, "rate": default_rate}
    return Schedule(_pace(options), selection, service)


def _pace(options: dict[str, Any]) -> Pace:
    from ..replay.pacing import FramesPerSecond, MegabitsPerSecond, RecordedTime, TopSpeed
    from ..replay.profile import Profile

    if options["pps_profile"]:
        return Profile.read(options["pps_profile"])
    for name, pace in (
        ("rate", RecordedTime),
        ("pps", FramesPerSecond),
        ("mbps", MegabitsPerSecond),
    ):
        if options[name]:
            return pace(options[name])
    return TopSpeed()
