"""``wtrec replay``: a capture into recovery algorithms."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .output import finish, number, print_json, print_table, progress, say_when_compiling
from .replay_departures import (
    STDOUT,
    departures_of,
    let_depart,
    opened,
    say_departed,
    stdout_for,
)
from .replay_live import FileOrInterface, Interface, LiveAsked, live_options, replay_live
from .replay_outputs import check_fixed, fixed_options, write_fixed
from .signals import asked_by_signals

if TYPE_CHECKING:
    from ..replay.departures import Departures
    from ..replay.engine import Contender, ReplaySummary
    from ..replay.pacing import Pace
    from .conditions import Condition

_Positive = click.FloatRange(min=0, min_open=True)


@click.command(short_help="Feed a capture into recovery algorithms.")
@click.argument("source", metavar="RUN.pcapng|IFACE", type=FileOrInterface())
@click.option(
    "--algo",
    "choices",
    multiple=True,
    metavar="NAME[:KEY=VALUE,...]",
    help="A recovery algorithm, see wtrec algos, or exec:COMMAND for a program; repeatable.",
)
@click.option("--topspeed", is_flag=True, help="As fast as the algorithms take them (default).")
@click.option("--rate", type=_Positive, metavar="X", help="X times as fast as recorded.")
@click.option("--pps", type=_Positive, metavar="N", help="N frames per second.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Only the first N frames.")
@click.option(
    "-o",
    "output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="RESULTS.parquet",
    help="The results (one algorithm only); RUN.<algo>.parquet beside the capture if not given.",
)
@click.option(
    "--to",
    "target",
    metavar="IFACE|udp://HOST:PORT|-",
    help="Let frames leave at their due times, repaired if there is an algorithm: into a monitor "
    "interface that is made for them, as UDP datagrams, or as pcapng to stdout. The pace is "
    "--rate 1 if none is given.",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Complete the results of a replay that was ended by Ctrl-C, or killed.",
)
@fixed_options
@live_options
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
)
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
@click.pass_context
def replay(
    context: click.Context,
    source: Path | Interface,
    choices: tuple[str, ...],
    topspeed: bool,
    rate: float | None,
    pps: float | None,
    limit: int | None,
    output: Path | None,
    target: str | None,
    resume: bool,
    fixed: Path | None,
    keep_original: bool,
    force: bool,
    recording: Path | None,
    filter_text: str | None,
    count: int | None,
    stop_at: tuple[Condition, ...],
    output_format: str,
    quiet: bool,
) -> None:
    """Feed the frames of RUN.pcapng into recovery algorithms and keep what they make of them.

    Or those of a monitor interface IFACE, as they are captured.

    The algorithms see what a receiver has, never the tx log. How many repairs are right is
    for wtrec analyze to say.
    """
    if sum([topspeed, rate is not None, pps is not None]) > 1:
        raise click.UsageError("--topspeed, --rate and --pps are three paces: take one")
    if not all(math.isfinite(pace) for pace in (rate, pps) if pace is not None):
        raise click.UsageError("--rate and --pps take finite numbers")
    if output is not None and len(choices) > 1:
        raise click.UsageError("-o names one file, but there are several algorithms")
    if not choices and target is None:
        raise click.UsageError("give an algorithm (--algo), or where frames go (--to), or both")
    if target == STDOUT and output_format == "json":
        raise click.UsageError("--to - and --format json both want stdout: take one")
    if target is not None and len(choices) > 1:
        raise click.UsageError("--to sends the repairs of one algorithm: give one --algo")
    if target is not None and resume:
        raise click.UsageError("--resume goes on with results: frames that left with --to are gone")
    asked = LiveAsked(recording, filter_text, count, stop_at, force, quiet or target == STDOUT)
    if isinstance(source, Interface):
        if not choices:
            raise click.UsageError(f"{source} is an interface: name an algorithm with --algo")
        if rate or pps or topspeed or limit or resume or fixed or keep_original:
            raise click.UsageError(
                f"{source} is an interface, which has its own pace: replay its recording (-w) later"
            )
        if output is not None and recording is None:
            raise click.UsageError("-o keeps results of frames that are not kept: record with -w")
        losses, code = _live(source, asked, choices, output, target, output_format)
        finish(context, losses)
        context.exit(code)
    if asked.is_any:
        raise click.UsageError(f"{source} is a file: -w, -f, -c and -a are for an interface")
    capture = source
    say_when_compiling()
    from ..datasets.run import tx_log_path
    from ..replay.engine import replay as run_replay
    from ..replay.interruption import Interruption

    interruption = Interruption()
    pace = _pace(rate, pps, default=1.0 if target is not None and not topspeed else None)
    with contextlib.ExitStack() as held:
        stdout = held.enter_context(stdout_for(target))
        held.enter_context(asked_by_signals(interruption.ask))
        outlet = held.enter_context(opened(target, stdout, interruption)) if target else None
        if outlet is not None and not choices:
            departed = let_depart(capture, outlet, pace, limit, interruption)
            if output_format == "json":
                print_json({"departed": departed.to_json(), "losses": departed.losses()})
            say_departed(departed, output_format)
            losses = departed.losses()
        else:
            contenders = _contenders(capture, choices, output)
            kept = [capture, tx_log_path(capture), *(each.output for each in contenders)]
            check_fixed(fixed, kept, len(choices), keep_original=keep_original, force=force)
            departures = held.enter_context(departures_of(capture, outlet, contenders))
            with progress(quiet=quiet or target == STDOUT) as tick:
                summary = run_replay(
                    capture,
                    contenders,
                    pace=pace,
                    limit=limit,
                    resume=resume,
                    interruption=interruption,
                    departures=departures,
                    on_progress=lambda reader: tick("replaying", reader),
                )
            if fixed is not None:
                write_fixed(capture, contenders[0].output, fixed, keep_original=keep_original)
            if output_format == "json":
                print_json(_to_json(summary, departures))
            else:
                _print(summary)
            losses = summary.losses
            if departures is not None:
                say_departed(departures.departed, output_format)
                losses = [*losses, *departures.departed.losses()]
    finish(context, losses)


def _live(
    interface: Interface,
    asked: LiveAsked,
    choices: tuple[str, ...],
    output: Path | None,
    target: str | None,
    output_format: str,
) -> tuple[list[str], int]:
    """Replay what is captured; what was lost, and the exit code of the capture."""
    from ..replay.interruption import Interruption

    with contextlib.ExitStack() as held:
        stdout = held.enter_context(stdout_for(target))
        outlet = None
        if target is not None:
            outlet = held.enter_context(opened(target, stdout, Interruption(), drops=False))
        summary, departures, code = replay_live(
            interface, asked, lambda path: _contenders(path, choices, output), outlet
        )
        if output_format == "json":
            print_json(_to_json(summary, departures))
        else:
            _print(summary, has_results=asked.recording is not None)
        if departures is not None:
            say_departed(departures.departed, output_format)
            return [*summary.losses, *departures.departed.losses()], code
    return summary.losses, code


def _contenders(capture: Path, choices: tuple[str, ...], output: Path | None) -> list[Contender]:
    """Make the algorithms, and see that their results overwrite nothing."""
    from ..datasets.run import results_path, tx_log_path
    from ..replay.algorithm import make
    from ..replay.engine import Contender

    contenders: list[Contender] = []
    for choice in choices:
        algorithm, parameters = make(choice)
        path = output or results_path(capture, algorithm.name)
        if path in {contender.output for contender in contenders}:
            raise click.UsageError(
                f"two algorithms would both write {path}: replay them one by one with -o"
            )
        if path.resolve() in {capture.resolve(), tx_log_path(capture).resolve()}:
            raise click.UsageError(f"the results would overwrite {path}: name another file with -o")
        contenders.append(Contender(algorithm, parameters, path))
    return contenders


def _pace(rate: float | None, pps: float | None, *, default: float | None) -> Pace | None:
    from ..replay.pacing import FramesPerSecond, RecordedTime

    if pps is not None:
        return FramesPerSecond(pps)
    rate = default if rate is None else rate
    return None if rate is None else RecordedTime(rate)


def _to_json(summary: ReplaySummary, departures: Departures | None) -> dict[str, object]:
    return {
        **({"departed": departures.departed.to_json()} if departures else {}),
        "frames": summary.frames,
        "bad": summary.bad,
        "seconds": summary.seconds,
        "pace": summary.pace,
        "achieved_fps": summary.achieved_fps,
        "algorithms": [
            {
                "name": score.name,
                "results": str(score.output),
                "attempted": score.attempted,
                "repaired": score.repaired,
                "abstained": score.abstained,
                "service_ns": score.service_ns,
                "facts": dict(score.facts),
                "problems": list(score.problems),
            }
            for score in summary.scores
        ],
        "interrupted": summary.interrupted,
        "complete": [str(path) for path in summary.complete],
        "losses": summary.losses,
    }


def _print(summary: ReplaySummary, *, has_results: bool = True) -> None:
    click.echo(
        f"{summary.frames:,} frames, {summary.bad:,} bad, in {summary.seconds:.2f} s: "
        f"{summary.achieved_fps:,.0f} frames/s ({summary.pace})"
    )
    rows = [
        [
            score.name,
            number(score.attempted),
            number(score.repaired),
            number(score.abstained),
            number(score.service_ns / 1000 / score.attempted if score.attempted else None, ",.1f"),
        ]
        for score in summary.scores
    ]
    print_table(["algorithm", "bad frames", "repaired", "abstained", "us/bad frame"], rows)
    for path in summary.complete:
        click.echo(f"{path}: complete, nothing to resume")
    for score in summary.scores:
        click.echo(f"{score.name}: {score.output if has_results else 'no results are kept'}")
        for name, value in score.facts.items():
            click.echo(f"    {name}: {number(value, ',.6g')}")
