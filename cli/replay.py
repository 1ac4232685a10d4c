"""``wtrec replay``: captures into recovery algorithms."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import EXIT_FAILED, WtrecError
from .output import finish, say_when_compiling
from .replay_departures import (
    STDOUT,
    check_target,
    departures_of,
    departures_option,
    let_depart,
    opened,
    say_departed,
    stdout_for,
)
from .replay_fixed import check_fixed, fixed_options, write_fixed
from .replay_live import FileOrInterface, Interface, LiveAsked, live_options, replay_live
from .replay_modes import Mode, check_mode
from .replay_schedule import Positive, schedule_of, schedule_options
from .signals import asked_by_signals

if TYPE_CHECKING:
    from ..replay.departed import Departed
    from ..replay.engine import Score
    from ..replay.jobs import Task
    from ..replay.processes import Outcome
    from ..replay.schedule import Schedule
    from .conditions import Condition


@click.command(short_help="Feed captures into recovery algorithms.")
@click.argument(
    "sources", metavar="RUN.pcapng...|IFACE", nargs=-1, required=True, type=FileOrInterface()
)
@click.option(
    "--algo",
    "choices",
    multiple=True,
    metavar="NAME[:KEY=VALUE,...]",
    help="A recovery algorithm, see wtrec algos, or exec:COMMAND for a program; repeatable.",
)
@schedule_options
@click.option(
    "--find-max", is_flag=True, help="Find the largest --pps that each algorithm sustains."
)
@click.option(
    "--trial",
    type=Positive(),
    default=1.0,
    show_default=True,
    metavar="S",
    help="How long each trial of --find-max lasts.",
)
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(1, 4096),
    default=1,
    show_default=True,
    metavar="N",
    help="Algorithms and captures at a time, each in a process of its own.",
)
@click.option("--stats", type=Positive(), metavar="S", help="Say every S seconds how it goes.")
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
@departures_option
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
    /,
    sources: tuple[Path | Interface, ...],
    choices: tuple[str, ...],
    output: Path | None,
    output_format: str,
    jobs: int,
    stats: float | None,
    find_max: bool,
    trial: float,
    resume: bool,
    target: str | None,
    fixed: Path | None,
    keep_original: bool,
    force: bool,
    recording: Path | None,
    filter_text: str | None,
    count: int | None,
    stop_at: tuple[Condition, ...],
    quiet: bool,
    **options: Any,
) -> None:
    """Feed the frames of captures into recovery algorithms and keep what they make of them.

    Or those of a monitor interface IFACE, as they are captured.

    The algorithms see what a receiver has, never the tx log. How many repairs are right is
    for wtrec analyze to say.
    """
    as_json = output_format == "json"
    if not choices and target is None:
        raise click.UsageError("give an algorithm (--algo), or where frames go (--to), or both")
    if output is not None and len(choices) * len(sources) > 1:
        raise click.UsageError("-o names one file, but there are several algorithms or captures")
    is_live = any(isinstance(source, Interface) for source in sources)
    check_mode(context, Mode.of(is_live=is_live, find_max=find_max, has_algorithms=bool(choices)))
    check_target(target, len(choices), len(sources), options["loop"], as_json=as_json)
    if target is not None and resume:
        raise click.UsageError("--to is for one replay from its begin: no --resume")
    schedule = schedule_of(options, default_rate=None if target is None else 1.0)
    asked = LiveAsked(recording, filter_text, count, stop_at, force, quiet or target == STDOUT)
    if is_live:
        losses, code = _live(sources, asked, choices, output, target, as_json=as_json)
        finish(context, losses, exit_code=code)
        return
    captures = tuple(source for source in sources if isinstance(source, Path))
    say_when_compiling()
    from ..datasets.run import tx_log_path
    from ..replay.interruption import Interruption
    from ..replay.jobs import run_all
    from . import replay_output as show

    interruption = Interruption()
    with contextlib.ExitStack() as held:
        stdout = held.enter_context(stdout_for(target))
        held.enter_context(asked_by_signals(interruption.ask))
        outlet = held.enter_context(opened(target, stdout, interruption)) if target else None
        if outlet is not None and not choices:
            alone = let_depart(captures[0], outlet, schedule, interruption)
            say_departed(alone, as_json=as_json, alone=True)
            losses, code = alone.losses(), 0
        else:
            tasks = _tasks(captures, choices, output, schedule, resume=resume)
            kept = [*captures, *map(tx_log_path, captures), *(task.output for task in tasks)]
            check_fixed(fixed, kept, len(tasks), keep_original=keep_original, force=force)
            if find_max:
                done = show.largest(tasks, trial, interruption, as_json=as_json, quiet=quiet)
                losses, code = done.losses, EXIT_FAILED if done.errors else 0
            else:
                leaving = held.enter_context(departures_of(captures[0], outlet))
                with show.told(tasks, every=stats, quiet=asked.quiet) as tell:
                    outcomes = run_all(
                        tasks,
                        jobs,
                        tell,
                        interruption=interruption,
                        leaving=leaving.of if leaving is not None else None,
                    )
                write = functools.partial(
                    write_fixed, interruption=interruption, keep_original=keep_original
                )
                departed = leaving.departed if leaving else None
                losses, code = _say(
                    tasks, outcomes, fixed, write, schedule, departed, as_json=as_json
                )
    finish(context, losses, exit_code=code)  # here, so that what was opened ends as it should


def _say(
    tasks: list[Task],
    outcomes: list[Outcome],
    fixed: Path | None,
    write: Callable[[Score, Path, Path], list[str]],
    schedule: Schedule,
    departed: Departed | None,
    *,
    as_json: bool,
) -> tuple[list[str], int]:
    """Say what came of replays, and write the repaired capture; what was lost, and the exit code.

    Raises:
        WtrecError, OSError: That of the only replay.
    """
    from . import replay_output as show

    scores: list[Score] = []
    errors: list[tuple[Task, Exception]] = []
    for task, outcome in zip(tasks, outcomes, strict=True):
        if isinstance(outcome, Exception):
            errors.append((task, outcome))
        else:
            scores.append(outcome)
    if len(tasks) == len(errors) == 1:
        raise errors[0][1]
    lost: list[str] = []
    if fixed is not None:
        try:
            lost = write(scores[0], tasks[0].output, fixed)
        except (WtrecError, OSError) as error:  # the results are there all the same
            errors.append((tasks[0], error))
    summary = show.summary(schedule, scores, errors, departed, more=lost)
    show.print_summary(summary, as_json=as_json)
    if departed is not None:
        say_departed(departed, as_json=as_json)
    return summary.losses, EXIT_FAILED if errors else 0


def _live(
    sources: tuple[Path | Interface, ...],
    asked: LiveAsked,
    choices: tuple[str, ...],
    output: Path | None,
    target: str | None,
    *,
    as_json: bool,
) -> tuple[list[str], int]:
    """Replay what is captured; what was lost, and the exit code of the capture."""
    source, *others = sources
    if others or not isinstance(source, Interface):
        raise click.UsageError("an interface is replayed alone, without other captures")
    if not choices:
        raise click.UsageError(f"{source} is an interface: name an algorithm with --algo")
    if output is not None and asked.recording is None:
        raise click.UsageError("-o keeps results of frames that are not kept: record with -w")
    from ..replay.choice import make
    from ..replay.engine import Contender
    from ..replay.interruption import Interruption
    from ..replay.schedule import Schedule
    from . import replay_output as show

    def contenders(capture: Path) -> list[Contender]:
        tasks = _tasks((capture,), choices, output, Schedule())
        return [Contender(*make(task.choice), task.output) for task in tasks]

    with contextlib.ExitStack() as held:
        stdout = held.enter_context(stdout_for(target))
        outlet = None
        if target is not None:
            outlet = held.enter_context(opened(target, stdout, Interruption(), drops=False))
        done = replay_live(source, asked, contenders, outlet)
        summary = show.summary(Schedule(), done.scores, [], done.departed, live=done.losses)
        show.print_summary(summary, as_json=as_json)
        if done.departed is not None:
            say_departed(done.departed, as_json=as_json)
    return summary.losses, done.exit_code


def _tasks(
    captures: tuple[Path, ...],
    choices: tuple[str, ...],
    output: Path | None,
    schedule: Schedule,
    *,
    resume: bool = False,
) -> list[Task]:
    """Every algorithm on every capture; each is made once before, to see whether it can be.

    Raises:
        click.UsageError: Two would write one file, or one would write over what is read.
        AlgorithmError: No such algorithm.
    """
    from ..datasets.run import results_path, tx_log_path
    from ..replay.calls import Held
    from ..replay.choice import hidden, make
    from ..replay.jobs import Task

    unused = hidden()
    names = []
    for choice in choices:
        for line in unused.get(choice.partition(":")[0], []):
            click.echo(f"wtrec: warning: {line}", err=True)
        algorithm, _ = make(choice)
        names.append(algorithm.name)
        Held(algorithm).close()
    kept = {path.resolve() for each in captures for path in (each, tx_log_path(each))}
    tasks: list[Task] = []
    for capture in captures:
        for choice, name in zip(choices, names, strict=True):
            path = output or results_path(capture, name)
            if path.resolve() in {task.output.resolve() for task in tasks}:
                raise click.UsageError(
                    f"two algorithms or captures would both write {path}: replay them one by one "
                    "with -o"
                )
            if path.resolve() in kept:
                raise click.UsageError(
                    f"the results would overwrite {path}: name another file with -o"
                )
            tasks.append(Task(capture, choice, path, schedule, resume))
    return tasks
