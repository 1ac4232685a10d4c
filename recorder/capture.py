"""Capture: from monitor interfaces into pcapng files, losing nothing without counting it.

    ring block ──► kernel writes its frames as Enhanced Packet Blocks ──► one write to the file

The sockets come first: frames wait in their rings while privileges are dropped, the filter is
checked and kernels are compiled. A filter's expression is compiled within milliseconds, in the way
that is right where libpcap errs, and attached at once; when the check is done, its result is locked
in place. Until then a filter that drops everything stands there.

``capture`` does the whole job and returns what came of it, whatever ended it: a limit, a
request to stop, an interface that went away, a full disk. It raises only before the first
frame. The captures' section headers and ``run.json`` hold the same description of the run.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import EXIT_FAILED, EXIT_LOSS, CaptureError
from . import bpf, privileges, time_stamps
from .interface import Interface, monitor_interface
from .ring import Ring, Stash
from .rotation import Limits, Moment, Rotation
from .stop import Stop

if TYPE_CHECKING:
    from ..datasets.run import Counters, Run
    from .bpf.check import CompiledFilter
    from .bpf.examine import Examined
    from .capture_files import CaptureFiles
    from .capture_loop import CaptureLoop, Progress
    from .feed import Feed
    from .live_frames import Observer
    from .no_files import NoFiles
    from .wireless.channels import Channel

_CLOCK_STEP = 100_000_000  # ns: less is how clocks run


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureSettings:
    """What to capture, how, and until when.

    Attributes:
        interfaces: Names of monitor interfaces that are up, of one link type.
        output: The capture's path; None makes ``run-<UTC time>.pcapng`` in the current folder.
        record: Write files; else frames are shown to the observer alone.
        force: Overwrite what is there.
        filter_text: pcap-filter(7) expression, in which named filters may stand; None for none.
        program: A compiled filter; ``filter_text`` is then only what it was compiled from.
        snap_length: Most bytes kept of a frame.
        buffer_mib: Size of each interface's ring in MiB.
        time_stamp_type: Where times come from, see :mod:`.time_stamps`.
        limits: Where it ends.
        rotation: When another file begins; None for a single one.
        channel: Where to tune the interfaces; None leaves them where they are.
        fcsfail: Whether they deliver frames with a bad FCS; None leaves that as it is.
        print_names: Where the name of each file that is complete is printed.
        flush_seconds: How often what was written is made durable; 0 leaves it to the kernel.
        drop_privileges: Give up all capabilities once the sockets are open.
        user: Whom to become then; None: nobody else.
        alone: Refuse that where there are other threads, see ``privileges.drop``.
        meta: The user's keys and values, kept in ``run.json``.
        comment: The user's sentence, kept in ``run.json`` and as the captures' first comment.
    """

    interfaces: Sequence[str]
    output: Path | None = None
    record: bool = True
    force: bool = False
    filter_text: str | None = None
    program: bpf.Program | None = None
    snap_length: int = bpf.MAX_SNAP_LENGTH
    buffer_mib: int = 64
    time_stamp_type: str = time_stamps.HOST
    limits: Limits = field(default_factory=Limits)
    rotation: Rotation | None = None
    channel: Channel | None = None
    fcsfail: bool | None = None
    print_names: str | None = None
    flush_seconds: float = 0
    drop_privileges: bool = False
    user: privileges.User | None = None
    alone: bool = True
    meta: Mapping[str, str] = field(default_factory=dict)
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureSummary:
    """What came of a capture.

    Attributes:
        path: The capture; of several files, the last.
        run: Its description as ``run.json`` has it, with counters and reason.
        error: Why it ended before it should have, None if it ended as asked.
        notes: What the user should know beside that, a sentence each.
    """

    path: Path
    run: Run
    counters: Counters
    error: str | None
    notes: tuple[str, ...] = ()

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
    on_start: Callable[[], None] = lambda: None,
    on_filter: Callable[[Examined], None] = lambda _examined: None,
    on_end: Callable[[int], None] = lambda _size: None,
    observer: Observer | None = None,
) -> CaptureSummary:
    """Capture until a limit is reached, ``stop`` is asked for, or something breaks.

    Args:
        settings: What to capture.
        stop: Ask it to finish, or to begin a new file, from a signal handler or another thread.
        progress: Called about once a second with the numbers so far.
        on_start: Called when frames are caught, and privileges dropped.
        on_filter: Called with what was found out about the filter, if there is one, before it is
            locked.
        on_end: Called when all is written, with the size of the last file, which is hashed now;
            another request to ``stop`` leaves its hash out.
        observer: Is shown the frames beside the capture, as ``LiveRates``; closed in the end.

    Raises:
        CaptureError: The interfaces, the rights or the output file do not allow it.
        FilterError: The expression does not compile.
    """
    facts = _interfaces(settings)
    if settings.channel is not None or settings.fcsfail is not None:
        from .wireless.adjust import adjust

        for name in settings.interfaces:
            adjust(name, channel=settings.channel, fcsfail=settings.fcsfail)
    with contextlib.ExitStack() as held:
        start = Moment.now()
        rings = [held.enter_context(_ring(each, settings)) for each in facts]
        # From here on, nothing needs privileges.
        if settings.drop_privileges:
            privileges.drop(settings.user, alone=settings.alone)
        stash = held.enter_context(Stash(rings))
        compiled = _compile(settings, facts[0].linktype)
        if compiled is not None:
            start = Moment.now()
            for ring in rings:
                ring.attach(compiled.linked, lock=False)
        _load(".capture_files", ".capture_headers", ".capture_loop", ".feed")
        on_start()
        examined = _examine(settings, compiled, facts[0].linktype)
        if examined is not None:
            on_filter(examined)
            for ring in rings:
                ring.attach(examined.program, lock=True)
            settings = replace(
                settings,
                filter_text=examined.expression or settings.filter_text,
                program=examined.program,
            )
        if observer is not None:
            held.enter_context(observer)
            observer.start([each.linktype for each in facts])
        with _files(settings, facts, start) as files:
            from .capture_loop import CaptureLoop, warm_up
            from .feed import Feed

            warm_up()
            stash.close()
            feeds = [
                Feed(ring, each, number, settings.snap_length)
                for number, (ring, each) in enumerate(zip(rings, facts, strict=True))
            ]
            loop = CaptureLoop(
                feeds,
                files,
                settings.limits,
                settings.rotation,
                start,
                None if observer is None else observer.show,
            )
            loop.run(stop, progress)
            loop.finish()
            on_end(files.size)
            asked = 0 if stop is None else stop.asked
            return _summary(
                loop, feeds, files, start, lambda: stop is not None and stop.asked > asked
            )


def _load(*modules: str) -> None:
    """Load modules as the user that we are now.

    Raises:
        CaptureError: It cannot be done, most likely because they cannot be read.
    """
    try:
        for name in modules:
            importlib.import_module(name, __package__)
    except ImportError as error:
        raise CaptureError(
            f"{error}: the user that we are now cannot read the modules of wtrec or Python; "
            "install them where everybody can, or name another user with -Z"
        ) from error


def _files(
    settings: CaptureSettings, facts: Sequence[Interface], start: Moment
) -> CaptureFiles | NoFiles:
    """The first file, with its headers; the settings have the program that is attached, if any."""
    from .capture_files import CaptureFiles
    from .capture_headers import describe, headers

    if not settings.record:
        from .no_files import NoFiles

        return NoFiles(describe(settings, facts, start.real))
    return CaptureFiles(
        settings.output or Path(f"run-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.pcapng"),
        describe(settings, facts, start.real),
        lambda run: headers(settings, facts, run),
        several=settings.rotation is not None,
        keep=settings.rotation.files if settings.rotation else None,
        print_names=settings.print_names,
        flush_seconds=settings.flush_seconds,
        force=settings.force,
    )


def _summary(
    loop: CaptureLoop,
    feeds: Sequence[Feed],
    files: CaptureFiles | NoFiles,
    start: Moment,
    skip_hash: Callable[[], bool],
) -> CaptureSummary:
    """Write down what came of it."""
    now = Moment.now()
    change = (now.real - now.monotonic) - (start.real - start.monotonic)
    run = replace(
        files.run,
        end=loop.end,
        counters=loop.counters,
        interfaces=tuple(
            replace(each, counters=feed.counters)
            for each, feed in zip(files.run.interfaces, feeds, strict=True)
        ),
        clock_change_ns=change if abs(change) >= _CLOCK_STEP else 0,
        ended_by=loop.ended_by,
    )
    error = loop.error
    try:
        files.complete(run, skip_hash)
    except OSError as failure:
        error = error or f"{failure.filename}: cannot write it: {failure.strerror}"
    return CaptureSummary(
        path=files.path,
        run=files.run,
        counters=loop.counters,
        error=error,
        notes=tuple(files.notes),
    )


def _interfaces(settings: CaptureSettings) -> list[Interface]:
    """The facts of all interfaces.

    Raises:
        CaptureError: One is not ready, is named twice, or has another link type than the first.
    """
    facts = [monitor_interface(name) for name in settings.interfaces]
    for number, each in enumerate(facts):
        if each.name in settings.interfaces[:number]:
            raise CaptureError(f"{each.name} is named twice")
        if each.linktype != facts[0].linktype:
            raise CaptureError(
                f"{facts[0].name} has link type {facts[0].linktype}, {each.name} {each.linktype}: "
                "libpcap reads no file that has both; capture each into a file of its own"
            )
    return facts


def _ring(facts: Interface, settings: CaptureSettings) -> Ring:
    """An open ring, in which there is nothing yet if a filter is still to come."""
    program = None
    if settings.program is not None or settings.filter_text is not None:
        program = bpf.accept_none()
    elif settings.snap_length < bpf.MAX_SNAP_LENGTH:  # cheapest kept in the kernel
        program = bpf.accept_all(settings.snap_length)
    return Ring(facts.name, program, settings.buffer_mib, settings.time_stamp_type)


def _compile(settings: CaptureSettings, linktype: int) -> CompiledFilter | None:
    """The filter, not checked yet; a program stands for itself."""
    if settings.program is None and settings.filter_text is None:
        return None
    _load(".bpf.examine")  # alone: the filter is not to wait for the rest
    from .bpf.check import CompiledFilter
    from .bpf.examine import compile_expanded

    if settings.program is not None:
        program = bpf.with_snaplen(settings.program, settings.snap_length)
        return CompiledFilter("", linktype, program, program, {}, 0)
    return compile_expanded(settings.filter_text or "", linktype, settings.snap_length)


def _examine(
    settings: CaptureSettings, compiled: CompiledFilter | None, linktype: int
) -> Examined | None:
    if compiled is None:
        return None
    from .bpf.examine import examine_compiled, examine_program

    if settings.program is not None:
        return examine_program(settings.program, linktype, settings.snap_length)
    return examine_compiled(compiled)
