"""``send``: from what the user asks for to a run that was sent, and its tx log."""

from __future__ import annotations

import contextlib
import hashlib
import re
import socket
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path

from ..clock import NS
from ..datasets.payload import DESCRIBED_LENGTH, MESSAGE, SELF_DESCRIBING, fill
from ..datasets.run import tx_log_path
from . import clock_state
from .inject import MAX_PAYLOAD, Header, Injector
from .interface import transmit_drops
from .sender import Sender, SendReport, SendSettings
from .sent_log import SentLog
from .steps import Hook, Step
from .stop import Stop
from .transports import Tcp, Transport, Udp

DEFAULT_LENGTH = 1000
MAX_UDP_PAYLOAD = 65_507


@dataclass(frozen=True, slots=True, kw_only=True)
class SendRequest:
    """A run to send.

    Attributes:
        mode: ``udp``, ``tcp`` or ``inject``.
        host: Name or address; for ``inject`` an IPv4 address.
        port: UDP or TCP port.
        interface: To send through, whatever the routes say; ``inject`` needs it.
        header: Of injected frames.
        delay: Seconds between packets, 0 for top speed; or
        pps: packets per second.
        count: Packets of each step, None for no end.
        length: Bytes of the UDP or TCP payload; None: 1000, or the text alone for ``msgN``.
        fill: Rule of the payload, see :mod:`wtrec.datasets.payload`.
        seed: The run id follows from it and from the rest of the request; None: a new id.
        run_id: 32 hex digits; None: as ``seed`` says.
        output: The tx log; None: ``run-<UTC time>.tx.parquet`` in the current folder.
        force: Overwrite it.
        steps: The steps.
        hook: Run at the start of each.
    """

    mode: str
    host: str
    port: int = 5005
    interface: str | None = None
    header: Header | None = None
    delay: Fraction | None = None
    pps: Fraction | None = None
    count: int | None = None
    length: int | None = None
    fill: str = SELF_DESCRIBING
    seed: int | None = None
    run_id: str | None = None
    output: Path | None = None
    force: bool = False
    steps: Sequence[Step] = (Step(),)
    hook: Hook | None = None

    def __post_init__(self) -> None:
        is_message = self.fill.lower() == MESSAGE.lower()
        length = self.length or (1 if is_message else DEFAULT_LENGTH)
        least = DESCRIBED_LENGTH if self.fill == SELF_DESCRIBING else 1
        most = {"udp": MAX_UDP_PAYLOAD, "inject": MAX_PAYLOAD}.get(self.mode, 1 << 20)
        if not least <= length <= most:
            raise ValueError(
                f"length={length}, wanted {least} to {most} bytes of payload for {self.mode} "
                f"and {self.fill}"
            )
        if self.run_id is not None and not re.fullmatch("[0-9a-f]{32}", self.run_id):
            raise ValueError(f"run_id={self.run_id!r}, wanted 32 hex digits in lower case")
        if len(self.steps) > 1 and self.count is None:
            raise ValueError("several steps need a count: of packets at each")
        if self.mode == "inject" and (self.interface is None or self.header is None):
            raise ValueError("inject needs an interface and a header")
        for step in self.steps:  # refuse all of what cannot be done before anything is sent
            if self.hook is not None:
                self.hook.command(step)
            if self.header is not None:
                self.header.radiotap(step)
        if self.header is not None:
            self.header.mpdu(b"", 0)
        fill(self.fill, "")

    @property
    def interval(self) -> Fraction:
        """Ns between packets."""
        if self.delay is not None:
            return self.delay * NS
        return Fraction(NS) / (self.pps or 100)


@dataclass(frozen=True, slots=True)
class SendSummary:
    """What came of a run: its id, its tx log, and the report of the sender."""

    run_id: str
    path: Path
    report: SendReport


def send(
    request: SendRequest,
    stop: Stop | None = None,
    on_step: Callable[[Step], None] = lambda _step: None,
) -> SendSummary:
    """Send a run.

    Args:
        request: What to send.
        stop: Ask it to finish, from a signal handler or another thread.
        on_step: Called with each step when it begins.

    Raises:
        WtrecError: It cannot begin; what goes wrong later stands in the report.
    """
    run_id = request.run_id or _run_id(request)
    settings = SendSettings(
        fill=fill(request.fill, run_id),
        length=_length(request),
        interval=request.interval,
        count=request.count,
        steps=request.steps,
        hook=request.hook,
    )
    path = request.output or Path(f"run-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.tx.parquet")
    offset = clock_state.realtime_offset()
    with contextlib.ExitStack() as stack:
        stop = stop or stack.enter_context(Stop())
        transport = _transport(request)
        stack.callback(transport.close)
        log = SentLog(path, _metadata(request, run_id, offset), force=request.force)
        stack.callback(log.close)
        before = _drops(request)
        report = Sender(settings, transport, log, stop, offset=offset, on_step=on_step).run()
        after = _drops(request)
        if before is not None and after is not None:
            report.dropped = after - before
    return SendSummary(run_id, path, report)


def log_path(name: Path) -> Path:
    """The tx log that a name means: itself, or what belongs to ``run.pcapng`` or to ``run``."""
    return name if name.suffix == ".parquet" else tx_log_path(name)


def _run_id(request: SendRequest) -> str:
    if request.seed is None:
        return uuid.uuid4().hex
    told = [request.mode, request.host, request.port, request.length, request.fill, request.seed]
    return hashlib.sha256(repr(told).encode()).hexdigest()[:32]


def _length(request: SendRequest) -> int:
    if request.length is not None:
        return request.length
    return 0 if request.fill.lower() == MESSAGE.lower() else DEFAULT_LENGTH


def _transport(request: SendRequest) -> Transport:
    if request.mode == "inject" and request.interface is not None and request.header is not None:
        return Injector(request.interface, request.header)
    if request.mode == "tcp":
        return Tcp(request.host, request.port, request.interface)
    return Udp(request.host, request.port, request.interface)


def _drops(request: SendRequest) -> int | None:
    return None if request.interface is None else transmit_drops(request.interface)


def _metadata(request: SendRequest, run_id: str, offset: int) -> dict[str, str]:
    """What the log says from its first moment on."""
    return {
        "run_id": run_id,
        "host": socket.gethostname(),
        "mode": request.mode,
        "payload": MESSAGE if request.fill.lower() == MESSAGE.lower() else request.fill,
        "seed": "" if request.seed is None else str(request.seed),
        "port": str(request.port),
        "interface": request.interface or "",
        "payload_length": str(_length(request)),
        "asked_pps": "" if not request.interval else f"{float(NS / request.interval):.12g}",
        "hook": request.hook.template if request.hook else "",
        "wtrec_version": version("wtrec"),
        "clock_offset_start_ns": str(offset),
        "ntp_start": str(clock_state.ntp_state() or ""),
    }
