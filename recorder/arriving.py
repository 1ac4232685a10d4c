"""Where a receiver's packets come from: a UDP port, TCP connections, or an interface's frames.

A source is a socket that is ready before it is asked. ``take`` gives the next packet with the
kernel's own time of it; ``drops`` is how many the kernel had no room for.
"""

from __future__ import annotations

import errno
import socket
import struct
import time
from dataclasses import dataclass
from typing import Protocol

from ..clock import NS
from ..errors import CaptureError
from . import bpf
from .transports import packet_socket

MOST_BYTES = 262_144

_SO_TIMESTAMPNS, _SO_MEMINFO, _SO_RCVBUFFORCE = 35, 55, 33
_MEMINFO_DROPS = 8  # SK_MEMINFO_DROPS, its place in what SO_MEMINFO gives
_SOL_PACKET, _PACKET_STATISTICS, _PACKET_IGNORE_OUTGOING = 263, 6, 23
_ETH_P_ALL = 0x0003
_BUFFER = 16 << 20
_TIMESPEC = struct.Struct("@qq")
_ANY = "any"


@dataclass(frozen=True, slots=True)
class Taken:
    """A packet as it came.

    Attributes:
        time: When, ns since 1970 UTC.
        data: Its bytes, as many as were asked for.
        length: How many it has.
        sender: ``address port`` of who sent it; empty for frames.
    """

    time: int
    data: bytes
    length: int
    sender: str = ""


class Source(Protocol):
    """A source of packets."""

    def take(self) -> Taken | None:
        """The next packet; None if there is none yet, or what came was none.

        Raises:
            OSError: There will be no more: ENETDOWN if the interface went down.
        """
        ...

    def drops(self) -> int:
        """Packets that the kernel dropped so far, as nobody took them in time."""
        ...

    def fileno(self) -> int:
        """Readable when there may be a packet."""
        ...

    def close(self) -> None:
        """No more packets."""
        ...


class _Datagrams:
    """What sockets that give whole packets have in common."""

    def __init__(self, sock: socket.socket, most: int) -> None:
        self._socket = sock
        self._buffer = bytearray(most)
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        try:
            sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
        except PermissionError:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)  # up to rmem_max

    def take(self) -> Taken | None:
        """One packet; with MSG_TRUNC the kernel says its whole length."""
        try:
            length, ancillary, _, address = self._socket.recvmsg_into(
                [self._buffer], socket.CMSG_SPACE(_TIMESPEC.size), socket.MSG_TRUNC
            )
        except BlockingIOError:
            return None
        when = time.time_ns()
        for level, kind, data in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS):
                seconds, nanoseconds = _TIMESPEC.unpack(data)
                when = seconds * NS + nanoseconds
        return Taken(when, bytes(self._buffer[:length]), length, self._name(address))

    def _name(self, address: object) -> str:
        del address
        return ""

    def fileno(self) -> int:
        """The socket's."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


class UdpPort(_Datagrams):
    """Datagrams for a port, over IPv4 and IPv6.

    Args:
        interface: That they come in through; ``any`` for all.
        port: The port.
        most: Bytes taken of each.

    Raises:
        CaptureError: No such interface, or the port is taken.
    """

    def __init__(self, interface: str, port: int, most: int = MOST_BYTES) -> None:
        super().__init__(_bound(interface, port, socket.SOCK_DGRAM), most)

    def _name(self, address: object) -> str:
        return _address(address)

    def drops(self) -> int:
        """As the socket counts them."""
        size = struct.calcsize("=9I")
        numbers = self._socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, size)
        return int(struct.unpack("=9I", numbers)[_MEMINFO_DROPS])


class Frames(_Datagrams):
    """Every frame that an interface receives, or those that a filter lets through.

    Args:
        interface: Any interface.
        program: Attached before the socket sees a frame; None for no filter.
        most: Bytes taken of each.

    Raises:
        CaptureError: No rights.
        FilterError: The kernel refuses the program.
    """

    def __init__(self, interface: str, program: bpf.Program | None, most: int = MOST_BYTES) -> None:
        sock = packet_socket(interface)
        try:
            super().__init__(sock, most)
            if program is not None:
                bpf.attach(sock, program)
            sock.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
            sock.bind((interface, _ETH_P_ALL))
        except OSError as error:
            sock.close()
            raise CaptureError(f"{interface}: cannot bind to it: {error.strerror}") from error
        except BaseException:
            sock.close()
            raise
        self._dropped = 0

    def drops(self) -> int:
        """As the kernel counts them; reading resets its count."""
        numbers = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
        self._dropped += struct.unpack("=2I", numbers)[1]
        return self._dropped


class TcpPort:
    """Messages from TCP connections to a port, one connection after the other.

    Args:
        interface: That they come in through; ``any`` for all.
        port: The port.
        message: Bytes of a message. None: TCP has no messages, and whatever a read gives is one.

    Raises:
        CaptureError: No such interface, or the port is taken.
    """

    def __init__(self, interface: str, port: int, message: int | None = None) -> None:
        self._listening = _bound(interface, port, socket.SOCK_STREAM)
        self._listening.setblocking(False)
        self._listening.listen()
        self._message = message
        self._connection: socket.socket | None = None
        self._sender = ""
        self._part = b""

    def take(self) -> Taken | None:
        """The next message, or the rest of one when its connection has ended."""
        try:
            if self._connection is None:
                self._connection, address = self._listening.accept()
                self._connection.setblocking(False)
                self._sender = _address(address)
                return None
            data = self._connection.recv((self._message or MOST_BYTES) - len(self._part))
        except BlockingIOError:
            return None
        except ConnectionError:
            data = b""
        self._part += data
        if not data:
            self._end_connection()
        elif self._message is not None and len(self._part) < self._message:
            return None
        message, self._part = self._part, b""
        return Taken(time.time_ns(), message, len(message), self._sender) if message else None

    def _end_connection(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def drops(self) -> int:
        """TCP drops nothing."""
        return 0

    def fileno(self) -> int:
        """Of the connection, or of who waits for one."""
        return (self._connection or self._listening).fileno()

    def close(self) -> None:
        """Close both sockets."""
        self._end_connection()
        self._listening.close()


def _bound(interface: str, port: int, kind: socket.SocketKind) -> socket.socket:
    """A socket bound to a port of an interface."""
    both = socket.has_dualstack_ipv6()
    sock = socket.socket(socket.AF_INET6 if both else socket.AF_INET, kind)
    try:
        if both:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        if kind == socket.SOCK_STREAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if interface != _ANY:
            name = interface.encode() + b"\0"
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name)
        sock.bind(("::" if both else "0.0.0.0", port))  # noqa: S104 - the interface is the limit
    except OSError as error:
        sock.close()
        what = "no such interface" if error.errno == errno.ENODEV else error.strerror
        raise CaptureError(
            f"{interface}, port {port}: cannot receive there: {what}; any is all interfaces"
        ) from error
    return sock


def _address(address: object) -> str:
    if not isinstance(address, tuple):
        return ""
    return f"{str(address[0]).removeprefix('::ffff:')} {address[1]}"
