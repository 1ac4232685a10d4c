"""``wtrec replay mon0``: algorithms on frames as they are captured.

this thread: capture ──► recording, numbers by rate, frames that wait
another one:                                             └──► algorithms ──► results, departures
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..closing import Closing
from .conditions import Condition, limits_and_rotation, stop_condition
from .live import Display, print_rates, print_summary, stderr_is_terminal
from .output import say_when_compiling
from .signals import asked_by_signals

if TYPE_CHECKING:
    from ..recorder.live_frames import LiveFrames
    from ..recorder.stop import Stop
    from ..replay.departed import Departed
    from ..replay.departures import Departures
    from ..replay.engine import Contender, Score
    from ..replay.live import LiveReplay
    from ..replay.outlets import Outlet

_BATCH = 512  # frames: a call should not take long


class Interface(str):
    """The name of an interface, where a file could stand, too."""

    __slots__ = ()


class FileOrInterface(click.ParamType[Path | Interface]):
    """A capture that exists, or the name of an interface."""

    name = "file or interface"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Path | Interface:
        """A path, or an :class:`Interface`."""
        if isinstance(value, Path | Interface):
            return value
        path = Path(value)
        if not path.exists() and value in {name for _, name in socket.if_nameindex()}:
            return Interface(value)
        if not path.exists():
            self.fail(f"{value}: there is no such file, nor such an interface", param, ctx)
        if path.is_dir():
            self.fail(f"{value} is a folder, wanted a capture or an interface", param, ctx)
        return path


def live_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What is for an interface alone."""
    options = (
        click.option(
            "-w",
            "recording",
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="RUN.pcapng",
            help="Of an interface: record what is captured, and keep the results.",
        ),
        click.option(
            "-f", "filter_text", metavar="EXPR", help="Of an interface: as of wtrec capture."
        ),
        click.option(
            "-c",
            "count",
            type=click.IntRange(1),
            metavar="N",
            help="Of an interface: stop after N frames.",
        ),
        click.option(
            "-a",
            "--autostop",
            "stop_at",
            type=stop_condition,
            multiple=True,
            metavar="CONDITION",
            help="Of an interface: as of wtrec capture.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class LiveAsked:
    """What the user wants of an interface."""

    recording: Path | None
    filter_text: str | None
    count: int | None
    stop_at: tuple[Condition, ...]
    force: bool
    quiet: bool


class _Follower(Closing):
    """Starts the algorithms when privileges are dropped, and shows them what is captured."""

    def __init__(self, frames: LiveFrames, stop: Stop, begin: Callable[[], LiveReplay]) -> None:
        self.replay: LiveReplay | None = None
        self.failure: BaseException | None = None
        self._frames = frames
        self._stop = stop
        self._begin = begin
        self._given_up = False
        self._thread = threading.Thread(target=self._run, name="replay", daemon=True)

    def start(self, linktypes: Sequence[int]) -> None:
        self._frames.start(linktypes)
        self.replay = self._begin()
        self._thread.start()

    def show(self, blocks: memoryview, frames: int) -> None:
        self._frames.show(blocks, frames)

    def close(self) -> None:
        self._frames.close()

    def give_up(self) -> None:
        """Do not wait for a call of an algorithm any more."""
        self._given_up = True

    def join(self) -> bool:
        """Wait until the algorithms have had all that waits; whether they have.

        The thread is not told to end where it is in a call: it may be in somebody's code.
        """
        waiting = self._frames.waiting
        if self._thread.is_alive() and waiting:
            text = f"wtrec: {waiting:,} frames wait for the algorithms; Ctrl-C leaves them"
            click.echo(text, err=True)
        while self._thread.is_alive() and not self._given_up:
            self._thread.join(0.1)
        return not self._thread.is_alive()

    def end(self) -> None:
        """Whatever happened: nothing is written by the thread when this has returned."""
        self._frames.leave()
        if self.replay is not None and not self.join():
            self.replay.abandon(self._stop.reason or "a signal")

    def said(self) -> str:
        """The numbers so far."""
        if self.replay is None:
            return ""
        parts = [
            f"{score.name}: {score.repaired:,} of {score.attempted:,} repaired"
            for score in self.replay.scores
        ]
        if self._frames.skipped:
            parts.append(f"{self._frames.skipped:,} frames skipped")
        return "".join(f", {part}" for part in parts)

    def _run(self) -> None:
        assert self.replay is not None  # noqa: S101 - it was started
        try:
            self.replay.run(self._frames.batches(_BATCH))
        except BaseException as error:
            self.failure = error
            self._frames.leave()
            self._stop.ask("algorithm failed")


@dataclass(frozen=True, slots=True)
class LiveDone:
    """What came of a live replay.

    Attributes:
        scores: Of each algorithm.
        losses: What was lost, one sentence each.
        departed: What has left.
        exit_code: Of the capture.
    """

    scores: list[Score]
    losses: list[str]
    departed: Departed | None
    exit_code: int


def replay_live(
    interface: Interface,
    asked: LiveAsked,
    make: Callable[[Path], list[Contender]],
    outlet: Outlet | None,
) -> LiveDone:
    """Capture, and give frames to algorithms meanwhile.

    Args:
        interface: A monitor interface that is up.
        asked: What the user wants of it.
        make: Makes the algorithms, for a recording of this name.
        outlet: Where frames go.

    Raises:
        CaptureError: The interface, the rights or a file do not allow it.
        AlgorithmError: An algorithm failed.
    """
    from ..recorder.capture import CaptureSettings, capture
    from ..recorder.live import LiveRates
    from ..recorder.live_frames import LiveFrames, Observers
    from ..recorder.privileges import sudo_user
    from ..recorder.stop import Stop
    from ..replay.departures import Departures
    from ..replay.live import LiveReplay

    limits, _, _ = limits_and_rotation(asked.count, asked.stop_at, ())
    settings = CaptureSettings(
        interfaces=[interface],
        output=asked.recording,
        record=asked.recording is not None,
        force=asked.force,
        filter_text=asked.filter_text,
        limits=limits,
        drop_privileges=True,
        alone=False,
        user=sudo_user(),
    )
    frames, rates = LiveFrames(), LiveRates()
    departures: list[Departures] = []
    with contextlib.ExitStack() as held:

        def begin() -> LiveReplay:
            contenders = make(asked.recording or Path(interface))
            if outlet is not None:
                departures.append(Departures(frames, outlet, contenders[0].algorithm.name))
            name = asked.recording.name if asked.recording is not None else None
            live = held.enter_context(
                LiveReplay(contenders, name, departures[0] if departures else None)
            )
            held.callback(follower.end)
            return live

        stop = held.enter_context(Stop())
        follower = _Follower(frames, stop, begin)
        held.enter_context(asked_by_signals(_asker(stop, frames, follower.give_up)))
        display = Display(
            on_terminal=not asked.quiet and stderr_is_terminal(), rates=rates, more=follower.said
        )
        started = time.monotonic()
        summary = capture(
            settings,
            stop=stop,
            progress=display,
            on_start=say_when_compiling,
            observer=Observers(rates, follower),
        )
        display.close()
        has_ended = follower.join()
        if not asked.quiet:
            print_rates(rates)
        print_summary(summary)
        if follower.failure is not None:
            raise follower.failure
        live = follower.replay
        assert live is not None  # noqa: S101 - the capture began
        if not has_ended:
            live.abandon(stop.reason or "a signal")
        seconds = time.monotonic() - started
        for score in live.scores:
            score.seconds = seconds
        live.finish(
            {
                "capture_sha256": (summary.run.files[-1].sha256 or "") if summary.run.files else "",
                "achieved_fps": f"{live.frames / seconds:.1f}",
                "skipped": str(frames.skipped),
            }
        )
    return LiveDone(
        live.scores,
        list(_losses(summary.counters.dropped_by_kernel, frames, live)),
        departures[0].departed if departures else None,
        summary.exit_code,
    )


def _asker(stop: Stop, frames: LiveFrames, give_up: Callable[[], object]) -> Callable[[str], None]:
    """The first signal ends the capture, the second leaves what waits, the third a call."""
    has_left = False

    def ask(reason: str) -> None:
        nonlocal has_left
        if stop.reason is None:
            stop.ask(reason)
        elif not has_left:
            has_left = True
            frames.leave()
        else:
            give_up()

    return ask


def _losses(dropped: int, frames: LiveFrames, live: LiveReplay) -> Iterator[str]:
    if dropped:
        yield f"{dropped:,} frames were dropped by the kernel"
    if frames.skipped:
        yield (
            f"{frames.skipped:,} of {frames.shown:,} captured frames were not given to the "
            "algorithms, which did not keep up"
        )
    if live.gone is not None:
        yield live.gone
    for score in live.scores:
        if score.interrupted is not None:
            what = f"{score.output}: partial" if score.output else score.name
            yield (
                f"{what}: ended by {score.interrupted} while {live.left_at} was called: "
                f"{score.attempted:,} bad frames are answered for"
            )
