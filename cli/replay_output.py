"""What ``wtrec replay`` says: how it goes, and what came of it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from .output import number, print_json, print_table, progress, share

if TYPE_CHECKING:
    from ..replay.departed import Departed
    from ..replay.engine import Score, Standing
    from ..replay.find_max import Largest, Trial
    from ..replay.interruption import Interruption
    from ..replay.jobs import Task
    from ..replay.schedule import Schedule


@dataclass(frozen=True, slots=True)
class Summary:
    """What came of all replays.

    Attributes:
        schedule: How they were made.
        scores: Of those that ended well.
        errors: Of the others.
        departed: What has left meanwhile.
        live: What of a live capture was lost; None if there was none.
        more: What else was lost.
    """

    schedule: Schedule
    scores: list[Score]
    errors: list[tuple[Task, Exception]]
    departed: Departed | None = None
    live: list[str] | None = None
    more: Sequence[str] = ()

    @property
    def losses(self) -> list[str]:
        """What was lost, one sentence each."""
        from ..replay.engine import ReplaySummary

        left = self.departed.losses() if self.departed else []
        scores = self.scores
        if self.live is not None:  # which says itself what is partial: nothing completes that
            scores = [replace(score, interrupted=None) for score in scores]
        of_scores = ReplaySummary(scores=scores).losses
        return [*(self.live or []), *of_scores, *left, *self.more]

    @property
    def warnings(self) -> list[str]:
        """What there was instead of bad frames, one sentence each."""
        return list(dict.fromkeys(line for score in self.scores for line in score.warnings))

    @property
    def pace(self) -> str:
        """As it was asked."""
        return str(self.schedule.pace) if self.live is None else "live"


def summary(
    schedule: Schedule,
    scores: list[Score],
    errors: list[tuple[Task, Exception]],
    departed: Departed | None = None,
    live: list[str] | None = None,
    more: Sequence[str] = (),
) -> Summary:
    """What came of all replays."""
    return Summary(schedule, scores, errors, departed, live, more)


@contextlib.contextmanager
def told(
    tasks: Sequence[Task], *, every: float | None, quiet: bool
) -> Iterator[Callable[[int, Standing], None]]:
    """Show where replays stand: a bar on a terminal, and lines on stderr every so many seconds."""
    lines = Stats(every, len(tasks) > 1) if every else None
    with progress(quiet=quiet or every is not None) as tick:

        def tell(at: int, standing: Standing) -> None:
            step = f"replaying into {standing.name}"
            if len(tasks) > 1:
                step += f" ({at + 1} of {len(tasks)})"
            tick(f"{step}: {_pace(standing)}", standing)
            if lines:
                lines.tell(tasks[at], standing)

        yield tell


def _pace(now: Standing) -> str:
    """Frames a second so far, and how many were asked for."""
    achieved = f"{now.frames / max(now.seconds, 1e-9):,.0f}"
    if not now.due_seconds:
        return f"{achieved} frames/s"
    return f"{achieved} of {now.frames / now.due_seconds:,.0f} frames/s"


class Stats:
    """Lines about how replays go, each about the time since the one before.

    Args:
        every: Seconds between lines of one replay.
        named: Whether lines say which replay they are of.
    """

    def __init__(self, every: float, named: bool) -> None:
        self._every = every
        self._named = named
        self._last: dict[int, tuple[float, Standing | None]] = {}

    def tell(self, task: Task, standing: Standing) -> None:
        """Write a line, if it is time for one."""
        now = time.monotonic()
        since, before = self._last.setdefault(id(task), (now, None))
        if now - since < self._every:
            return
        self._last[id(task)] = now, standing
        head = f"{task.capture.name}, {standing.name}: " if self._named else ""
        click.echo(f"{head}{_line(before, standing)}", err=True)


def _line(before: Standing | None, now: Standing) -> str:
    frames = now.frames - (before.frames if before else 0)
    seconds = now.seconds - (before.seconds if before else 0)
    parts = [
        f"{now.seconds:.1f} s, {now.frames:,} frames, {frames / max(seconds, 1e-9):,.0f} frames/s"
    ]
    if now.due_seconds is not None:
        due = now.due_seconds - ((before.due_seconds or 0) if before else 0)
        parts.append(f"asked {frames / max(due, 1e-9):,.0f}")
        parts.append(f"{1000 * max(0.0, now.seconds - now.due_seconds):,.1f} ms behind")
    parts += [f"{now.dropped:,} dropped"] if now.dropped else []
    parts += [f"{now.missed:,} answers late"] if now.missed else []
    return ", ".join(parts)


def print_summary(of: Summary, *, as_json: bool) -> None:
    """What came of all replays, for people or for programs."""
    if as_json:
        print_json(to_json(of))
    elif of.scores:
        _print(of)
    for line in of.warnings:
        click.echo(f"wtrec: warning: {line}", err=True)
    _say_errors(of.errors)


def _say_errors(errors: Sequence[tuple[Task, Exception]]) -> None:
    for task, error in errors:
        click.echo(f"wtrec: {task.choice}: {_said(error, task)}", err=True)


def _errors_json(errors: Sequence[tuple[Task, Exception]]) -> list[dict[str, str]]:
    return [
        {"capture": str(task.capture), "algorithm": task.choice, "error": _said(error, task)}
        for task, error in errors
    ]


def _said(error: Exception, task: Task) -> str:
    """An error's line, which names the capture, or a file of the operating system's errors."""
    if isinstance(error, OSError):
        return f"{error.filename or task.capture}: {error.strerror or error}"
    text = str(error)
    return text if str(task.capture) in text else f"{task.capture}: {text}"


def to_json(of: Summary) -> dict[str, Any]:
    """Stable keys; see docs/replay.md."""
    from ..replay.engine import ReplaySummary

    whole = ReplaySummary(of.pace, of.scores)
    service = of.schedule.service
    return {
        "frames": whole.frames,
        "bad": whole.bad,
        "seconds": whole.seconds,
        "pace": whole.pace,
        "achieved_fps": whole.achieved_fps,
        "selection": of.schedule.selection.to_json(),
        "batch": service.most(of.schedule.pace),
        "deadline_us": service.deadline.us if service.deadline else None,
        "on_overrun": str(service.on_overrun),
        "algorithms": [_score_json(score) for score in of.scores],
        "errors": _errors_json(of.errors),
        **({"departed": of.departed.to_json()} if of.departed else {}),
        "warnings": of.warnings,
        "losses": of.losses,
    }


def _score_json(score: Score) -> dict[str, Any]:
    return {
        "name": score.name,
        "capture": str(score.capture),
        "results": str(score.output) if score.output else None,
        "interrupted": score.interrupted,
        "was_complete": score.was_complete,
        "frames": score.frames,
        "attempted": score.attempted,
        "repaired": score.repaired,
        "abstained": score.abstained,
        "dropped": score.dropped,
        "service_ns": score.service_ns,
        "seconds": score.seconds,
        "asked_fps": score.asked_fps,
        "achieved_fps": score.achieved_fps,
        "queue": dict(score.queue),
        "left_out": score.left_out.to_json(),
        "reordered": score.reordered,
        "clock_steps": score.clock_steps,
        "gaps_cut": score.gaps_cut,
        "facts": dict(score.facts),
        "problems": list(score.problems),
    }


def _print(of: Summary) -> None:
    for score in of.scores:
        if score.was_complete:
            click.echo(f"{score.output}: complete, nothing to resume")
    of = replace(of, scores=[score for score in of.scores if not score.was_complete])
    if not of.scores:
        return
    for score in of.scores:
        asked = "" if score.asked_fps is None else f" of {score.asked_fps:,.0f} asked for"
        click.echo(
            f"{score.capture.name}, {score.name}: {score.frames:,} frames, "
            f"{score.attempted:,} bad, in {score.seconds:.2f} s: "
            f"{score.achieved_fps:,.0f} frames/s{asked} ({of.pace})"
        )
        _print_left_out(score)
    rows = [
        [
            *_names(of, score),
            number(score.attempted),
            number(score.repaired),
            number(score.abstained),
            *([number(score.dropped)] if score.dropped else []),
            number(score.service_ns / 1000 / score.attempted if score.attempted else None, ",.1f"),
        ]
        for score in of.scores
    ]
    dropped = any(score.dropped for score in of.scores)
    for row, score in zip(rows, of.scores, strict=True):
        if dropped and not score.dropped:
            row.insert(-1, number(0))
    head = _head(of)
    names = [*head, "bad frames", "repaired", "abstained", *(["dropped"] if dropped else [])]
    print_table([*names, "us/bad frame"], rows)
    if of.schedule.is_paced:
        _print_queue(of)
    for score in of.scores:
        click.echo(f"{score.name}: {score.output or 'no results are kept'}")
        for name, value in score.facts.items():
            click.echo(f"    {name}: {number(value, ',.6g')}")


def _print_left_out(score: Score) -> None:
    left = score.left_out
    parts = [
        (left.warm_up, "before the offset, seen but not judged"),
        (left.before, "before that, not seen"),
        (left.unselected, "not selected"),
    ]
    said = [f"{count:,} {what}" for count, what in parts if count]
    if said:
        click.echo(f"    left out: {'; '.join(said)}; {left.bad:,} of these frames are bad")
    jumps = [
        (score.clock_steps, "jumps back of the clock"),
        (score.reordered, "frames out of order"),
        (score.gaps_cut, "gaps cut short"),
    ]
    said = [f"{count:,} {what}" for count, what in jumps if count]
    if said:
        click.echo(f"    recorded time: {', '.join(said)}")


def _print_queue(of: Summary) -> None:
    service = of.schedule.service
    rows = []
    for score in of.scores:
        queue = score.queue
        answered = (queue["met"] or 0) + (queue["missed"] or 0)
        row = [
            *_names(of, score),
            number(queue["batch_mean"], ",.1f"),
            *(number(queue["wait_us"][key], ",.0f") for key in ("p50", "p99", "max")),
            *(number(queue["service_us"][key], ",.0f") for key in ("p50", "p99")),
            *(number(queue["sojourn_us"][key], ",.0f") for key in ("p50", "p99")),
            number(queue["length_mean"], ",.2f"),
            number(queue["length_max"]),
            share(queue["utilization"]),
        ]
        if service.deadline:
            row += [
                number(queue["missed"]),
                share(queue["missed"] / answered if answered else None),
            ]
            row += [number(queue["dropped"])]
        rows.append(row)
    names = [*_head(of), "batch", "wait p50", "p99", "max", "call p50", "p99", "sojourn p50", "p99"]
    names += ["queue mean", "max", "busy"]
    names += ["late", "share late", "dropped"] if service.deadline else []
    title = f"queue, us, up to {service.most(of.schedule.pace):,} frames in a call"
    if service.deadline:
        title += f", deadline {service.deadline}, on overrun {service.on_overrun}"
    print_table(names, rows, title + ":")


def _head(of: Summary) -> list[str]:
    several = len({score.capture for score in of.scores}) > 1
    return ["capture", "algorithm"] if several else ["algorithm"]


def _names(of: Summary, score: Score) -> list[str]:
    return [score.capture.name, score.name] if len(_head(of)) > 1 else [score.name]


@dataclass(frozen=True, slots=True)
class Searched:
    """What came of ``--find-max``.

    Attributes:
        found: A rate for each search.
        errors: Of searches that failed.
        losses: What of it is not known, one sentence each.
    """

    found: list[Largest]
    errors: list[tuple[Task, Exception]]
    losses: list[str]


def largest(
    tasks: Sequence[Task],
    seconds: float,
    interruption: Interruption,
    *,
    as_json: bool,
    quiet: bool,
) -> Searched:
    """Find and print the largest rate of each algorithm on each capture.

    Each is said when it is found. One that fails does not end the others.
    """
    from ..errors import WtrecError
    from ..replay.find_max import find_max

    def tell(trial: Trial) -> None:
        if not quiet:
            kept_up = "sustained" if trial.sustained else "not sustained"
            click.echo(f"{trial.pps:,.0f} frames/s: {kept_up}", err=True)

    done = Searched([], [], [])
    for task in tasks:
        if done.found and interruption.reason is not None:
            done.losses.append(
                f"{task.capture}, {task.choice}: not begun: ended by {interruption.reason}"
            )
            continue
        try:
            each = find_max(task, seconds, interruption=interruption, tell=tell)
        except (WtrecError, OSError) as error:
            done.errors.append((task, error))
            continue
        done.found.append(each)
        if not quiet and len(tasks) > 1:
            click.echo(f"{each.capture.name}, {each.name}: {each.pps:,.0f} frames/s", err=True)
        if each.interrupted is not None:
            done.losses.append(
                f"{each.capture}, {each.name}: the search was ended by {each.interrupted}: "
                f"{each.pps:,.0f} frames/s or more"
            )
    if as_json:
        print_json(
            {
                "find_max": [each.to_json() for each in done.found],
                "errors": _errors_json(done.errors),
                "losses": done.losses,
            }
        )
    elif done.found:
        rows = [
            [each.capture.name, each.name, number(each.pps, ",.0f"), number(len(each.trials))]
            for each in done.found
        ]
        print_table(["capture", "algorithm", "frames/s", "trials"], rows, "largest sustained pace:")
    _say_errors(done.errors)
    return done
