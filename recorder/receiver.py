"""The receiver: packets as they arrive, and what became of them in the end.

Four modes, which differ in how much of a packet the kernel has taken off: ``udp`` and ``tcp`` give
what was sent, ``raw`` every frame of the interface, ``bpf`` the frames that a filter lets through.
"""

from __future__ import annotations

import select
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..errors import EXIT_FAILED, EXIT_LOSS, CaptureError
from . import bpf
from .arrivals import Arrivals
from .arriving import MOST_BYTES, Frames, Source, TcpPort, UdpPort
from .interface import interface_facts
from .received import FrameFacts, frame_facts, udp_payload
from .stop import Stop

if TYPE_CHECKING:
    from .bpf.examine import Examined

MODES = ("udp", "tcp", "raw", "bpf")
_RADIOTAP, _ETHERNET = 127, 1
_ETHERNET_LIKE = {1, 772}  # ARPHRD of Ethernet and of the loopback interface


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveRequest:
    """What to receive, and until when.

    Attributes:
        interface: Its name; for ``udp`` and ``tcp`` also ``any``.
        mode: One of ``MODES``.
        port: Of ``udp`` and ``tcp``; in mode ``bpf`` without another filter, UDP packets for
            or from it.
        most: Bytes taken of each packet; of ``tcp``, bytes of a message. None: as they come.
        timeout: End when nothing came for so many seconds; None: never.
        count: End after so many packets; None: never.
        filter_text: For ``bpf``: pcap-filter(7) expression.
        program: For ``bpf``: a compiled filter.
    """

    interface: str
    mode: str
    port: int = 5005
    most: int | None = None
    timeout: float | None = None
    count: int | None = None
    filter_text: str | None = None
    program: bpf.Program | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """One packet.

    Attributes:
        number: Counts from 1.
        time: When it came, ns since 1970 UTC.
        length: Its bytes.
        data: Those that were taken.
        sender: ``address port``, empty for frames.
        facts: What its Radiotap header says; None where there is none.
        run_key: Which run's packet it is, if its payload is intact and says so.
        packet_id: Which packet of that run.
    """

    number: int
    time: int
    length: int
    data: bytes
    sender: str = ""
    facts: FrameFacts | None = None
    run_key: str | None = None
    packet_id: int | None = None


@dataclass(slots=True)
class ReceiveReport:
    """What was received.

    Attributes:
        packets: How many.
        bytes: Their lengths together.
        cut: How many were longer than what was taken of them.
        bad_fcs: Frames that the driver flags as bad.
        fcs: Frames by what our own look at the FCS says.
        malformed: Frames with a Radiotap header that cannot be read.
        dropped: Packets that the kernel had no room for.
        arrivals: Packets by run and id.
        ended_by: ``count``, ``timeout``, the reason that ``Stop`` was given, or ``error``.
        error: A sentence, where it did not end as asked.
    """

    packets: int = 0
    bytes: int = 0
    cut: int = 0
    bad_fcs: int = 0
    fcs: Counter[str] = field(default_factory=Counter)
    malformed: int = 0
    dropped: int = 0
    arrivals: Arrivals = field(default_factory=Arrivals)
    ended_by: str = ""
    error: str | None = None

    @property
    def exit_code(self) -> int:
        """0 done, 1 ended by an error, 3 done but the kernel dropped packets."""
        if self.error is not None:
            return EXIT_FAILED
        return EXIT_LOSS if self.dropped else 0


class Receiver:
    """An open source of packets; a context manager.

    Args:
        request: What to receive.
        stop: Ask it to finish.

    Attributes:
        linktype: Of frames: 127, 105 or 1; 0 for ``udp`` and ``tcp``.
        report: The books, complete when ``packets`` has ended.
        filter: The checked filter of mode ``bpf``; None without one.

    Raises:
        CaptureError: The interface or the rights do not allow it.
        FilterError: The filter does not compile.
    """

    def __init__(self, request: ReceiveRequest, stop: Stop) -> None:
        self.report = ReceiveReport()
        self.linktype = _linktype(request) if request.mode in {"raw", "bpf"} else 0
        self._request = request
        self._stop = stop
        self.filter = _filter(request, self.linktype) if request.mode == "bpf" else None
        self._source = _open(request, self.filter)

    def packets(self) -> Iterator[Packet]:
        """Packets until a limit is reached, ``stop`` is asked, or the interface goes away."""
        request, report = self._request, self.report
        try:
            while report.packets != request.count:
                ready, _, _ = select.select(
                    [self._source.fileno(), self._stop.fileno()], [], [], request.timeout
                )
                if self._stop.reason is not None:
                    report.ended_by = self._stop.reason
                    return
                if not ready:
                    report.ended_by = "timeout"
                    return
                while report.packets != request.count and self._stop.reason is None:
                    taken = self._source.take()
                    if taken is None:
                        break
                    report.packets += 1
                    report.bytes += taken.length
                    report.cut += taken.length > len(taken.data)
                    yield self._packet(taken.time, taken.data, taken.length, taken.sender)
            report.ended_by = "count"
        except OSError as error:
            report.ended_by = "error"
            report.error = f"{request.interface}: {error.strerror}"
        finally:
            report.dropped = self._source.drops()

    def _packet(self, time: int, data: bytes, length: int, sender: str) -> Packet:
        report = self.report
        facts = None
        payload: bytes | None = data
        if self.linktype == _RADIOTAP:
            facts = frame_facts(data, length)
            report.bad_fcs += bool(facts.bad_fcs)
            report.malformed += bool(facts.problem)
            if not facts.problem:
                report.fcs[facts.fcs] += 1
        if self.linktype:
            payload = udp_payload(data, self.linktype, facts)
        found = report.arrivals.add(payload or b"")
        key, packet_id = found or (None, None)
        return Packet(
            number=report.packets,
            time=time,
            length=length,
            data=data,
            sender=sender,
            facts=facts,
            run_key=key,
            packet_id=packet_id,
        )

    def close(self) -> None:
        """Receive no more."""
        self._source.close()


def _linktype(request: ReceiveRequest) -> int:
    facts = interface_facts(request.interface)
    if not facts.up:
        raise CaptureError(f"{facts.name} is down; bring it up: ip link set {facts.name} up")
    if facts.linktype:
        return facts.linktype
    if facts.hardware_type in _ETHERNET_LIKE:
        return _ETHERNET
    raise CaptureError(
        f"{facts.name} has hardware type {facts.hardware_type}, wanted a monitor interface (803) "
        "or Ethernet (1)"
    )


def _filter(request: ReceiveRequest, linktype: int) -> Examined:
    from .bpf.examine import examine_expression, examine_program

    if request.program is not None:
        return examine_program(request.program, linktype)
    return examine_expression(request.filter_text or f"udp port {request.port}", linktype)


def _open(request: ReceiveRequest, examined: Examined | None) -> Source:
    most = request.most or MOST_BYTES
    match request.mode:
        case "udp":
            return UdpPort(request.interface, request.port, most)
        case "tcp":
            return TcpPort(request.interface, request.port, request.most)
    return Frames(request.interface, examined.program if examined else None, most)
