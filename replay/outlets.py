"""Where frames leave to while they are replayed: as UDP datagrams, or as pcapng into a pipe.

Every packet leaves with a Radiotap header. In UDP each is a datagram of its own, header and MPDU
and nothing else: what Wireshark's ``udpdump`` takes with the payload ``radiotap``. In pcapng there
is one interface of link type 127, and the time of a packet is that of its departure, as for
somebody who captures it. A monitor interface is made by others; :class:`Outlet` is what it has to
have.
"""

from __future__ import annotations

import errno
import os
import re
import socket
import time
from importlib.metadata import version
from typing import Final, NamedTuple, Protocol

from ..closing import Closing
from ..datasets import pcapng
from ..errors import WtrecError

Bytes = bytes | memoryview

_RADIOTAP: Final = 127
_NANOSECONDS: Final = 9
_LONGEST_DATAGRAM: Final = 65_507  # IPv4
_NOBODY: Final = "nobody listens at the port"


class OutletError(WtrecError):
    """Frames cannot leave."""


class Direct(NamedTuple):
    """How packets leave by a plain write: each is one."""

    descriptor: int
    prefix: bytes  # what stands before each


class Outlet(Protocol):
    """Takes packets one by one.

    Attributes:
        name: What the user calls it.
        refused: Packets that could not leave, and why.
        direct: How they can leave without it; None where it has to do more than write.
    """

    name: str
    refused: dict[str, int]
    direct: Direct | None

    def send(self, packet: Bytes, note: str = "") -> None:
        """Let a packet leave now.

        Args:
            packet: A Radiotap header and an MPDU.
            note: What there is to say of it, if the outlet can say something.

        Raises:
            OutletError: Nothing can leave any more.
        """
        ...


class UdpOutlet(Closing):
    """A UDP socket.

    Args:
        address: ``udp://HOST:PORT``; a host that is an IPv6 address stands in brackets.

    Raises:
        OutletError: It is no such address, or is not known.
    """

    def __init__(self, address: str) -> None:
        self.name = address
        self.refused: dict[str, int] = {}
        found = re.fullmatch(
            r"udp://(?:\[([0-9A-Fa-f:.%\w]+)\]|([^\[\]:/]+)):([0-9]{1,5})", address
        )
        if not found or not 0 < int(found[3]) < 65_536:
            raise OutletError(f"{address}: wanted udp://HOST:PORT, as udp://127.0.0.1:5555")
        try:
            family, kind, protocol, _, target = socket.getaddrinfo(
                found[1] or found[2], int(found[3]), type=socket.SOCK_DGRAM
            )[0]
            self._socket = socket.socket(family, kind, protocol)
            self._socket.connect(target)
        except OSError as error:
            raise OutletError(f"{address}: {error.strerror}") from None
        self.direct: Direct | None = None  # an error is that of the packet before

    def send(self, packet: Bytes, note: str = "") -> None:
        """See :class:`Outlet`; where nobody listens, or the packet is too long, it is counted."""
        del note
        if len(packet) > _LONGEST_DATAGRAM:
            self._count("longer than a datagram")
            return
        try:
            while not self._is_sent(packet):
                pass
            error = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        except OSError as failure:
            raise OutletError(f"{self.name}: {failure.strerror}") from None
        if error == errno.ECONNREFUSED:
            self._count(_NOBODY)
        elif error:
            raise OutletError(f"{self.name}: {os.strerror(error)}")

    def _is_sent(self, packet: Bytes) -> bool:
        """Send it, unless there is first to hear that nobody took one before."""
        try:
            self._socket.send(packet)
        except ConnectionRefusedError:
            self._count(_NOBODY)
            return False
        return True

    def _count(self, why: str) -> None:
        self.refused[why] = self.refused.get(why, 0) + 1

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


class PcapngOutlet(Closing):
    """A pipe or file that gets pcapng, a write for each packet.

    Args:
        descriptor: Where to write; it stays open.
        name: What the user calls it.

    Raises:
        OutletError: It cannot be written to.
    """

    def __init__(self, descriptor: int, name: str = "-") -> None:
        self.name = name
        self.refused: dict[str, int] = {}
        self.direct: Direct | None = None  # each packet has the time of its departure
        self._descriptor = descriptor
        header = pcapng.SectionHeader.make(userappl=f"wtrec {version('wtrec')}")
        interface = pcapng.InterfaceDescription.make(_RADIOTAP, name="replay", tsresol=_NANOSECONDS)
        self._write(header.write("<") + interface.write("<"))

    def send(self, packet: Bytes, note: str = "") -> None:
        """See :class:`Outlet`; the note becomes a comment."""
        comments = [note] if note else None
        block = pcapng.EnhancedPacket.make(0, time.time_ns(), bytes(packet), comments=comments)
        self._write(block.write("<"))

    def _write(self, wire: bytes) -> None:
        left = memoryview(wire)
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
        except BrokenPipeError:
            raise OutletError(f"{self.name}: nobody reads any more") from None
        except OSError as error:
            raise OutletError(f"{self.name}: {error.strerror}") from None

    def close(self) -> None:
        """Nothing is held."""
