"""Capture: from a monitor interface into a pcapng file, losing nothing without counting it.

    ring block ──► kernel writes its frames as Enhanced Packet Blocks ──► one write to the file

``capture`` does the whole job and returns what came of it, whatever ended it: a limit, a
request to stop, an interface that went away, a full disk. It raises only before the first
frame. The capture's section header and ``run.json`` hold the same description of the run.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ..datasets.pcapng import InterfaceDescription, SectionHeader
from ..datasets.run import Counters, Filter, Run, RunFile, run_json_path
from ..errors import EXIT_FAILED, EXIT_LOSS, CaptureError
from . import bpf
from .capture_file import CaptureFile
from .interface import Interface, monitor_interface
from .stop import Stop
from .wireless.link import noted_flags
from .wireless.nl80211 import channel

if TYPE_CHECKING:
    from .bpf.examine import Examined
    from .capture_loop import Limits, Progress

_NANOSECONDS = 9  # if_tsresol


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureSettings:
    """What to capture, how, and until when.

    Attributes:
        interface: Name of a monitor interface that is up.
        output: The capture's path; None makes ``run-<UTC time>.pcapng`` in the current folder.
        force: Overwrite what is there.
        filter_text: pcap-filter(7) expression, in which named filters may stand; None for none.
        program: A compiled filter; ``filter_text`` is then only what it was compiled from.
        snap_length: Most bytes kept of a frame.
        buffer_mib: Size of the ring in MiB.
        max_frames: Stop after so many frames.
        max_seconds: Stop after so many seconds.
        max_bytes: Stop before the file is larger.
        meta: The user's keys and values, kept in ``run.json``.
        comment: The user's sentence, kept in ``run.json`` and as the capture's first comment.
    """

    interface: str
    output: Path | None = None
    force: bool = False
    filter_text: str | None = None
    program: bpf.Program | None = None
    snap_length: int = bpf.MAX_SNAP_LENGTH
    buffer_mib: int = 64
    max_frames: int | None = None
    max_seconds: float | None = None
    max_bytes: int | None = None
    meta: Mapping[str, str] = field(default_factory=dict)
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureSummary:
    """What came of a capture.

    Attributes:
        path: The capture.
        run: Its description as ``run.json`` has it, with counters and reason.
        error: Why it ended before it should have, None if it ended as asked.
    """

    path: Path
    run: Run
    counters: Counters
    error: str | None

    @property
    def exit_code(self) -> int:
        """0 done, 1 ended by an error, 3 done but the kernel dropped frames."""
        if self.error is not None:
            return EXIT_FAILED
        return EXIT_LOSS if self.counters.dropped_by_kernel else 0


def capture(
    settings: CaptureSettings,
    *,
    stop: Stop | None = None,
    progress: Progress | None = None,
    on_filter: Callable[[Examined], None] = lambda _examined: None,
) -> CaptureSummary:
    """Capture until a limit is reached, ``stop`` is asked for, or something breaks.

    Args:
        settings: What to capture.
        stop: Ask it to finish, from a signal handler or another thread.
        progress: Called about once a second with the numbers so far.
        on_filter: Called with what was found out about the filter, if there is one, before it is
            attached.

    Raises:
        CaptureError: The interface, the rights or the output file do not allow it.
        FilterError: The expression does not compile.
    """
    facts = monitor_interface(settings.interface)
    examined = _examine(settings, facts)
    if examined is not None:
        on_filter(examined)
        settings = replace(settings, filter_text=examined.expression or settings.filter_text)
    program = _program(settings, examined)
    from .capture_loop import CaptureLoop, warm_up
    from .ring import Ring

    path = settings.output or Path(f"run-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.pcapng")
    warm_up()
    start = time.time_ns()
    run = _describe(settings, facts, program, path, start)
    with (
        Ring(settings.interface, program, settings.buffer_mib) as ring,
        _create(path, settings, facts, run) as file,
    ):
        loop = CaptureLoop(ring, facts, file, _limits(settings, start), settings.snap_length)
        loop.run(stop, progress)
        loop.finish(start)
    run = replace(
        run,
        end=loop.end,
        counters=loop.counters,
        files=(RunFile.of(path),),
        ended_by=loop.ended_by,
    )
    error = loop.error
    try:
        run.save(run_json_path(path))
    except OSError as failure:
        error = error or f"{run_json_path(path)}: cannot write it: {failure.strerror}"
    return CaptureSummary(path=path, run=run, counters=loop.counters, error=error)


def _examine(settings: CaptureSettings, facts: Interface) -> Examined | None:
    from .bpf.examine import examine_expression, examine_program

    if settings.program is not None:
        return examine_program(settings.program, facts.linktype, settings.snap_length)
    if settings.filter_text is not None:
        return examine_expression(settings.filter_text, facts.linktype, settings.snap_length)
    return None


def _program(settings: CaptureSettings, examined: Examined | None) -> bpf.Program | None:
    """What is attached to the socket: also the snap length is cheapest kept there."""
    if examined is not None:
        return examined.program
    if settings.snap_length < bpf.MAX_SNAP_LENGTH:
        return bpf.accept_all(settings.snap_length)
    return None


def _limits(settings: CaptureSettings, start: int) -> Limits:
    from .capture_loop import NEVER, Limits

    seconds = settings.max_seconds
    return Limits(
        frames=NEVER if settings.max_frames is None else settings.max_frames,
        bytes=NEVER if settings.max_bytes is None else settings.max_bytes,
        not_after=NEVER if seconds is None else start + int(seconds * 1e9),
    )


def _describe(
    settings: CaptureSettings,
    facts: Interface,
    program: bpf.Program | None,
    path: Path,
    start: int,
) -> Run:
    filtered = settings.filter_text is not None or settings.program is not None
    return Run.begin(
        interface=settings.interface,
        start=start,
        snap_length=settings.snap_length,
        driver=facts.driver,
        channel=channel(settings.interface),
        monitor_flags=noted_flags(settings.interface),
        filter=Filter(text=settings.filter_text, program=bpf.to_decimal(program))
        if filtered and program
        else None,
        meta=settings.meta,
        comment=settings.comment,
        files=(RunFile(name=path.name),),
    )


def _create(path: Path, settings: CaptureSettings, facts: Interface, run: Run) -> CaptureFile:
    """The output with its headers, and ``run.json`` beside it.

    Raises:
        CaptureError: One of them exists, or cannot be written.
    """
    sidecar = run_json_path(path)
    if sidecar.exists() and not settings.force:
        raise CaptureError(
            f"{sidecar} exists; name another capture with -w, or overwrite it with --force"
        )
    section = SectionHeader.make(
        hardware=platform.machine(),
        os=run.os,
        userappl=f"wtrec {run.wtrec_version}",
        comments=[*([run.comment] if run.comment else []), run.to_json(indent=None)],
    )
    program = settings.program
    interface = InterfaceDescription.make(
        facts.linktype,
        settings.snap_length,
        name=facts.name,
        tsresol=_NANOSECONDS,
        filter_text=settings.filter_text,
        filter_program=program.to_bytes("<") if program else None,
        os=run.os,
        hardware=", ".join(filter(None, [facts.driver, facts.hardware])) or None,
    )
    headers = section.write("<") + interface.write("<")
    if settings.max_bytes is not None and settings.max_bytes < len(headers):
        raise CaptureError(
            f"{path}: a file of {settings.max_bytes} bytes has no room for its own headers, "
            f"{len(headers)} bytes"
        )
    file = CaptureFile(path, force=settings.force)
    try:
        file.write(headers)
        run.save(sidecar)
    except OSError as error:
        file.discard()
        raise CaptureError(f"{path}: cannot write there: {error.strerror}") from error
    return file
