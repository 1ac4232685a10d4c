"""The sender: packets at their deadlines, every one that the kernel took in the tx log.

Packet n of a step is due at the step's start + n times the interval, in exact arithmetic. A
packet that is late (the machine was busy, the network had no room) goes out at once, and
so do those behind it until the schedule is met again: the rate is kept, nothing is left out. The
time in the log is read right before the packet is given to the kernel, from the monotonic clock,
so it never falls; see :mod:`.clock_state`.
"""

from __future__ import annotations

import json
import select
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction

from ..clock import MONOTONIC, NS, Clock, wait_until
from ..datasets.payload import Fill
from ..errors import EXIT_FAILED, EXIT_LOSS, WtrecError
from . import clock_state
from .sent_log import SentLog
from .steps import Hook, Step
from .stop import Stop
from .transports import Full, Transport

SPIN_NS = 300_000
_IDLE_NS = 20_000_000  # with so much time until the next packet, the log is brought up to date
_QUEUE_SECONDS = 0.0002  # between attempts at a full queue, of which nothing tells when it has room
_BUFFER_SECONDS = 0.05
_LAST_SECONDS = 1.0  # to complete a TCP message when the run shall end

NEVER = 1 << 62


@dataclass(frozen=True, slots=True, kw_only=True)
class SendSettings:
    """What to send.

    Attributes:
        fill: Makes payloads.
        length: Bytes of the payload, 0 for as many as the fill's text has.
        interval: Ns between packets, 0 for top speed.
        count: Packets of each step, None for no end.
        steps: The steps.
        hook: Run at the start of each step.
    """

    fill: Fill
    length: int
    interval: Fraction
    count: int | None = None
    steps: Sequence[Step] = (Step(),)
    hook: Hook | None = None


@dataclass(slots=True)
class StepReport:
    """What was sent at one step.

    Attributes:
        values: The step's.
        first_packet: Id of its first packet.
        packets: How many were sent.
        seconds: From the first to the last of them.
        late_max_us: How late the latest was.
    """

    values: dict[str, str]
    first_packet: int
    packets: int = 0
    seconds: float = 0.0
    late_max_us: float = 0.0

    @property
    def pps(self) -> float | None:
        """Packets per second; None of fewer than two."""
        return (self.packets - 1) / self.seconds if self.seconds else None


@dataclass(slots=True)
class SendReport:
    """What came of a run.

    Attributes:
        steps: What was sent at each.
        full_buffer: How often the socket had no room (EAGAIN), and was waited for.
        full_queue: How often the interface's queue had none (ENOBUFS).
        refused: ICMP errors that came back: nobody listens there.
        unlogged: Packets that were sent and are not in the log, as it could not be written.
        partial: Bytes that were sent of a TCP message that could not be completed.
        dropped: Packets that the interface dropped meanwhile, whoever sent them; None if unknown.
        ended_by: ``count``, the reason that ``Stop`` was given, or ``error``.
        error: A sentence, where it did not end as asked.
    """

    steps: list[StepReport] = field(default_factory=list)
    full_buffer: int = 0
    full_queue: int = 0
    refused: int = 0
    unlogged: int = 0
    partial: int = 0
    dropped: int | None = None
    ended_by: str = "count"
    error: str | None = None

    @property
    def sent(self) -> int:
        """Packets that the kernel took, whole."""
        return sum(step.packets for step in self.steps)

    @property
    def pps(self) -> float | None:
        """Packets per second while packets were sent: hooks do not count."""
        pairs = sum(max(0, step.packets - 1) for step in self.steps)
        seconds = sum(step.seconds for step in self.steps)
        return pairs / seconds if seconds else None

    @property
    def late_max_us(self) -> float:
        """How late the latest packet was."""
        return max((step.late_max_us for step in self.steps), default=0.0)

    @property
    def exit_code(self) -> int:
        """0 done, 1 ended by an error, 3 done but the interface dropped packets."""
        if self.error is not None:
            return EXIT_FAILED
        return EXIT_LOSS if self.dropped or self.partial else 0


class Sender:
    """One run, from an open transport into an open log.

    Args:
        settings: What to send.
        transport: Where to.
        log: Gets what was sent.
        stop: Ask it to finish.
        offset: What makes UTC of the monotonic clock, ns.
        clock: The monotonic clock; its sleep shall end when ``stop`` is asked.
        on_step: Called when a step begins, before its hook.
    """

    def __init__(
        self,
        settings: SendSettings,
        transport: Transport,
        log: SentLog,
        stop: Stop,
        *,
        offset: int,
        clock: Clock | None = None,
        on_step: Callable[[Step], None] = lambda _step: None,
    ) -> None:
        self.report = SendReport()
        self._settings = settings
        self._transport = transport
        self._log = log
        self._stop = stop
        self._clock = clock or stoppable(stop)
        self._offset = offset
        self._on_step = on_step
        self._next_id = 0

    def run(self) -> SendReport:
        """Send until every step is done, ``stop`` is asked, or something breaks.

        Errors under way end the run, and stand in the report; the log has what was sent.
        """
        report = self.report
        try:
            for step in self._settings.steps:
                self._on_step(step)
                if self._settings.hook is not None:
                    self._settings.hook.run(step, self._stop)
                if self._stop.reason is not None:
                    break
                self._run_step(step)
            if self._stop.reason is not None:
                report.ended_by = self._stop.reason
        except WtrecError as error:
            report.ended_by, report.error = "error", str(error)
        self._transport.close()
        report.refused = self._transport.refused
        self._end_log()
        return report

    def _run_step(self, step: Step) -> None:
        settings, clock, log = self._settings, self._clock, self._log
        stop, asked = self._stop, _asked(self._stop)
        interval, per = settings.interval.numerator, settings.interval.denominator
        self._transport.use(step)
        log.begin_step(step, self._transport.layer, self._transport.destination)
        done = StepReport(dict(step.values), self._next_id)
        self.report.steps.append(done)
        count = NEVER if settings.count is None else settings.count
        start = clock.now()
        first = last = latest = 0
        for number in range(count):
            payload = settings.fill(self._next_id, settings.length)
            original = self._transport.original(payload, self._next_id)
            due = start + number * interval // per
            if due - clock.now() > _IDLE_NS:
                log.flush()
            wait_until(due, clock, spin_ns=SPIN_NS, give_up=asked)
            if stop.reason is not None:
                break
            time = self._give(original)
            if time is None:
                break
            first, last = first or time, time
            latest = max(latest, time - due if interval else 0)
            done.packets += 1
            done.seconds = (last - first) / NS
            done.late_max_us = latest / 1000
            log.add(self._next_id, time + self._offset, original)
            self._next_id += 1
        log.flush()

    def _give(self, original: bytes) -> int | None:
        """Let the kernel have a packet, as soon as it takes it; when that was.

        None if the run shall end first, and the packet was not sent.
        """
        taken = 0
        time = 0
        give_up = NEVER
        while taken < len(original):
            now = self._clock.now()
            try:
                before, taken = taken, self._transport.send(original, taken)
                if not before:
                    time = now
            except Full as full:
                if self._stop.reason is not None:
                    give_up = min(give_up, now + int(_LAST_SECONDS * NS) if taken else now)
                if now >= give_up:
                    self.report.partial = taken
                    return None
                self._wait_for_room(full)
        return time

    def _wait_for_room(self, full: Full) -> None:
        if full.queue:
            self.report.full_queue += 1
            self._clock.sleep(_QUEUE_SECONDS)
        else:
            self.report.full_buffer += 1
            select.select([], [self._transport], [], _BUFFER_SECONDS)

    def _end_log(self) -> None:
        report, log = self.report, self._log
        try:
            log.flush()
            log.finish(self._at_the_end())
        except WtrecError as error:
            report.unlogged = log.held
            report.ended_by = "error"
            report.error = "; ".join(filter(None, [report.error, str(error)]))

    def _at_the_end(self) -> dict[str, str]:
        """The log's metadata that is known only now."""
        report = self.report
        ntp = clock_state.ntp_state()
        return {
            "achieved_pps": "" if report.pps is None else f"{report.pps:.3f}",
            "late_max_us": f"{report.late_max_us:.0f}",
            "full_buffer": str(report.full_buffer),
            "full_queue": str(report.full_queue),
            "refused": str(report.refused),
            "ended_by": report.ended_by,
            "error": report.error or "",
            "steps": json.dumps([asdict(step) for step in report.steps]),
            "clock_offset_end_ns": str(clock_state.realtime_offset()),
            "ntp_end": str(ntp or ""),
        }


def stoppable(stop: Stop) -> Clock:
    """The monotonic clock with a sleep that ends when somebody asks to stop."""
    return Clock(MONOTONIC.now, lambda seconds: select.select([stop], [], [], seconds))


def _asked(stop: Stop) -> Callable[[], bool]:
    return lambda: stop.reason is not None
