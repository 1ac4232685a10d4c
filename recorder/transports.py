"""Ways to give a packet to the network, none of which waits, or drops it without a word.

``send`` gives the kernel one packet, or raises ``Full`` if it has no room: ``EAGAIN`` says that
the socket's buffer is full, ``ENOBUFS`` that the queue of the interface is. To learn of the
second, a UDP socket needs IP_RECVERR: without it, Linux drops the packet and reports success
(``udp_send_skb``). With it, ICMP errors of *earlier* packets come up as errors of ``send``, too;
these are counted as ``refused``, and the packet is sent.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from typing import Any, Protocol

from ..errors import CaptureError, WtrecError
from .steps import Step

_IP_RECVERR, _IPV6_RECVERR = 11, 25
_FULL = {errno.EAGAIN, errno.ENOBUFS}
_ICMP = {
    errno.ECONNREFUSED,
    errno.EHOSTUNREACH,
    errno.ENETUNREACH,
    errno.EPROTO,
    errno.ENOPROTOOPT,
    errno.EHOSTDOWN,
}
_CONNECT_SECONDS = 10.0


class TransportError(WtrecError):
    """The network takes no more of this run's packets."""


class Full(Exception):  # noqa: N818 - no error: the caller waits and tries again
    """The kernel has no room now; ``queue`` says whether the interface's queue is what is full."""

    def __init__(self, *, queue: bool) -> None:
        super().__init__()
        self.queue = queue


class Transport(Protocol):
    """Where packets go.

    Attributes:
        mode: Its name.
        layer: What the tx log has of a packet: ``payload`` or ``mpdu``.
        destination: Address that packets go to.
        refused: ICMP errors that came back.
    """

    mode: str
    layer: str
    destination: str
    refused: int

    def use(self, step: Step) -> None:
        """Send as this step says, as far as the sender has a say."""
        ...

    def original(self, payload: bytes, packet_id: int) -> bytes:
        """What the tx log has of a packet."""
        ...

    def send(self, original: bytes, start: int) -> int:
        """Give it to the kernel from byte ``start`` on; how many bytes it has taken by now.

        Raises:
            Full: There is no room.
            TransportError: There never will be.
        """
        ...

    def fileno(self) -> int:
        """Writable when it is worth to try again."""
        ...

    def close(self) -> None:
        """Nothing more is sent."""
        ...


def _open(
    kind: socket.SocketKind, host: str, port: int, interface: str | None
) -> tuple[socket.socket, Any]:
    """A socket for the host's first address, and that address as the socket takes it."""
    try:
        found = socket.getaddrinfo(host, port, type=kind)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise TransportError(f"{host}: no address: {reason}") from None
    family, _, _, _, address = found[0]
    sock = socket.socket(family, kind)
    if interface is not None:
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")
        except OSError as error:
            sock.close()
            raise TransportError(f"{interface}: cannot send there: {error.strerror}") from error
    return sock, address


class Udp:
    """Datagrams, over IPv4 or IPv6; a broadcast address will do.

    Args:
        host: Name or address.
        port: Port.
        interface: Send through it whatever the routes say; None: as they say.

    Raises:
        TransportError: No such host or interface.
    """

    mode, layer = "udp", "payload"

    def __init__(self, host: str, port: int, interface: str | None = None) -> None:
        self.refused = 0
        self._socket, self._address = _open(socket.SOCK_DGRAM, host, port, interface)
        self.destination = str(self._address[0])
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        if self._socket.family == socket.AF_INET6:
            self._socket.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
        else:
            self._socket.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)

    def use(self, step: Step) -> None:
        """The network card has its own mind: a hook may change it."""

    def original(self, payload: bytes, packet_id: int) -> bytes:
        """The payload."""
        del packet_id
        return payload

    def send(self, original: bytes, start: int) -> int:
        """One datagram, whole."""
        del start
        for _ in range(8):  # each error of an earlier packet shows once
            try:
                return self._socket.sendto(original, self._address)
            except OSError as error:
                if error.errno in _FULL:
                    raise Full(queue=error.errno == errno.ENOBUFS) from None
                if error.errno not in _ICMP or not self._drain():
                    raise TransportError(f"{self.destination}: {error.strerror}") from error
        raise Full(queue=False)  # errors come in faster than packets go out

    def _drain(self) -> int:
        """Take the ICMP errors from the socket; how many there were."""
        count = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                self._socket.recvmsg(64, 512, socket.MSG_ERRQUEUE)
                count += 1
        self.refused += count
        return count

    def fileno(self) -> int:
        """The socket's."""
        return self._socket.fileno()

    def close(self) -> None:
        """Count the last errors, and close."""
        with contextlib.suppress(OSError):
            self._drain()
        self._socket.close()


class Tcp:
    """A TCP connection: messages follow each other in its stream, a segment each where it fits.

    Args:
        host: Name or address; somebody must listen there.
        port: Port.
        interface: Send through it whatever the routes say; None: as they say.

    Raises:
        TransportError: No such host or interface, or no connection.
    """

    mode, layer = "tcp", "payload"

    def __init__(self, host: str, port: int, interface: str | None = None) -> None:
        self.refused = 0
        self._socket, address = _open(socket.SOCK_STREAM, host, port, interface)
        self.destination = str(address[0])
        try:
            self._socket.settimeout(_CONNECT_SECONDS)
            self._socket.connect(address)
        except OSError as error:
            self._socket.close()
            raise TransportError(
                f"{host} port {port}: no connection: {error.strerror or error}; start the "
                f"receiver first: wtrec receive IFACE -m tcp -p {port}"
            ) from error
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def use(self, step: Step) -> None:
        """The network card has its own mind: a hook may change it."""

    def original(self, payload: bytes, packet_id: int) -> bytes:
        """The payload."""
        del packet_id
        return payload

    def send(self, original: bytes, start: int) -> int:
        """As much of the message as there is room for."""
        try:
            return start + self._socket.send(memoryview(original)[start:])
        except OSError as error:
            if error.errno in _FULL:
                raise Full(queue=False) from None
            raise TransportError(f"{self.destination}: {error.strerror}") from error

    def fileno(self) -> int:
        """The socket's."""
        return self._socket.fileno()

    def close(self) -> None:
        """End the stream; what the kernel has taken is still delivered."""
        self._socket.close()


def packet_socket(interface: str) -> socket.socket:
    """A packet socket that is bound nowhere yet, and so receives nothing.

    Raises:
        CaptureError: No rights.
    """
    try:
        return socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    except PermissionError as error:
        raise CaptureError(
            f"{interface}: no right to a packet socket; it needs CAP_NET_RAW: run it with sudo"
        ) from error


def is_full(error: OSError) -> bool:
    """Whether there is no room for a packet now."""
    return error.errno in _FULL
