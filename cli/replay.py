"""``wtrec replay``: a capture into recovery algorithms."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .output import finish, number, print_json, print_table, progress, say_when_compiling
from .replay_outputs import check_fixed, fixed_options, write_fixed
from .signals import asked_by_signals

if TYPE_CHECKING:
    from ..replay.engine import ReplaySummary
    from ..replay.pacing import Pace

_Positive = click.FloatRange(min=0, min_open=True)


@click.command(short_help="Feed a capture into recovery algorithms.")
@click.argument(
    "capture",
    metavar="RUN.pcapng",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option(
    "--algo",
    "choices",
    multiple=True,
    required=True,
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
    "--resume",
    is_flag=True,
    help="Complete the results of a replay that was ended by Ctrl-C, or killed.",
)
@fixed_options
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
    capture: Path,
    choices: tuple[str, ...],
    topspeed: bool,
    rate: float | None,
    pps: float | None,
    limit: int | None,
    output: Path | None,
    resume: bool,
    fixed: Path | None,
    keep_original: bool,
    force: bool,
    output_format: str,
    quiet: bool,
) -> None:
    """Feed the frames of RUN.pcapng into recovery algorithms and keep what they make of them.

    The algorithms see what a receiver has, never the tx log. How many repairs are right is
    for wtrec analyze to say.
    """
    if sum([topspeed, rate is not None, pps is not None]) > 1:
        raise click.UsageError("--topspeed, --rate and --pps are three paces: take one")
    if not all(math.isfinite(pace) for pace in (rate, pps) if pace is not None):
        raise click.UsageError("--rate and --pps take finite numbers")
    if output is not None and len(choices) > 1:
        raise click.UsageError("-o names one file, but there are several algorithms")
    say_when_compiling()
    from ..datasets.run import results_path, tx_log_path
    from ..replay.algorithm import make
    from ..replay.engine import Contender
    from ..replay.engine import replay as run_replay
    from ..replay.interruption import Interruption

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
    kept = [capture, tx_log_path(capture), *(contender.output for contender in contenders)]
    check_fixed(fixed, kept, len(choices), keep_original=keep_original, force=force)
    interruption = Interruption()
    with progress(quiet=quiet) as tick, asked_by_signals(interruption.ask):
        summary = run_replay(
            capture,
            contenders,
            pace=_pace(rate, pps),
            limit=limit,
            resume=resume,
            interruption=interruption,
            on_progress=lambda reader: tick("replaying", reader),
        )
    if fixed is not None:
        write_fixed(capture, contenders[0].output, fixed, keep_original=keep_original)
    if output_format == "json":
        print_json(_to_json(summary))
    else:
        _print(summary)
    finish(context, summary.losses)


def _pace(rate: float | None, pps: float | None) -> Pace | None:
    from ..replay.pacing import FramesPerSecond, RecordedTime

    if rate is not None:
        return RecordedTime(rate)
    return None if pps is None else FramesPerSecond(pps)


def _to_json(summary: ReplaySummary) -> dict[str, object]:
    return {
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


def _print(summary: ReplaySummary) -> None:
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
        click.echo(f"{score.name}: {score.output}")
        for name, value in score.facts.items():
            click.echo(f"    {name}: {number(value, ',.6g')}")
