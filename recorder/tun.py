"""A monitor interface without a radio: to the kernel it is one, its frames come from here.

A TUN device whose hardware type is set to ARPHRD_IEEE80211_RADIOTAP: AF_PACKET, libpcap
and BPF filters see link type 127, as on a card in monitor mode. Each write is one
frame on the interface, each frame injected into the interface is one read. Between
device and program four bytes stand before the frame (``struct tun_pi``):

     0               2               4
    +---------------+---------------+------------------------------------+
    | flags 0       | proto 0x0004  | Radiotap header, MPDU              |
    +---------------+---------------+------------------------------------+

0x0004 is ETH_P_802_2, what mac80211 gives frames on a monitor interface.
Needs CAP_NET_ADMIN and /dev/net/tun (TUN: Documentation/networking/tuntap.rst).
"""

from __future__ import annotations

import fcntl
import os
import select
import socket
import struct
from collections.abc import Iterable
from typing import Final

from ..closing import Closing
from ..errors import CaptureError
from .interface import ARPHRD_IEEE80211_RADIOTAP

_TUNSETIFF, _TUNSETLINK = 0x400454CA, 0x400454CD
_IFF_TUN = 0x0001
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _SIOCSIFMTU = 0x8913, 0x8914, 0x8922
_IFF_UP = 1
_MTU = 65_535
_IFNAMSIZ = 16  # with the byte that ends it


class MonitorTun(Closing):
    """A monitor interface that exists until it is closed.

    Args:
        name: Its name; a ``%d`` in it becomes the first free number.

    Attributes:
        PREFIX: What stands before each frame where it is written.

    Raises:
        CaptureError: No rights, no TUN driver, or the name is taken.
    """

    PREFIX: Final = struct.pack(">HH", 0, 0x0004)

    def __init__(self, name: str = "mon%d") -> None:
        if not 0 < len(name.encode()) < _IFNAMSIZ:
            raise CaptureError(
                f"{name!r} is no name of an interface: wanted 1 to {_IFNAMSIZ - 1} bytes"
            )
        if name in (known for _, known in socket.if_nameindex()):
            raise CaptureError(f"{name} exists: a simulated monitor interface needs a new name")
        try:
            self._fd = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise CaptureError(
                f"/dev/net/tun: {error.strerror}; a simulated monitor interface needs root "
                "(CAP_NET_ADMIN) and the kernel's tun module: modprobe tun"
            ) from error
        try:
            self.name = self._create(name)
        except OSError as error:
            os.close(self._fd)
            raise CaptureError(
                f"{name}: cannot make a simulated monitor interface: {error.strerror}; it needs "
                "root (CAP_NET_ADMIN) and a name that is free"
            ) from error

    def _create(self, name: str) -> str:
        request = struct.pack("=16sH22x", name.encode(), _IFF_TUN)
        packed_name = fcntl.ioctl(self._fd, _TUNSETIFF, request)[:16]
        fcntl.ioctl(self._fd, _TUNSETLINK, ARPHRD_IEEE80211_RADIOTAP)  # only while it is down
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            fcntl.ioctl(sock, _SIOCSIFMTU, struct.pack("=16si20x", packed_name, _MTU))
            current = fcntl.ioctl(sock, _SIOCGIFFLAGS, struct.pack("=16s24x", packed_name))
            (flags,) = struct.unpack_from("=H", current, 16)
            up = struct.pack("=16sH22x", packed_name, flags | _IFF_UP)
            fcntl.ioctl(sock, _SIOCSIFFLAGS, up)
        return packed_name.rstrip(b"\0").decode()

    def fileno(self) -> int:
        """The descriptor that frames are written to."""
        return self._fd

    def write(self, frame: bytes | memoryview) -> None:
        """Let one frame (Radiotap header and MPDU) be received on the interface."""
        os.writev(self._fd, (self.PREFIX, frame))

    def write_many(self, frames: Iterable[bytes]) -> int:
        """Let frames be received one after the other, as fast as it goes; how many they were."""
        fd, write, prefix, count = self._fd, os.write, self.PREFIX, 0
        for frame in frames:
            write(fd, prefix + frame)
            count += 1
        return count

    def read(self, timeout: float | None = None) -> bytes | None:
        """The next frame injected into the interface; None after ``timeout`` seconds without."""
        ready, _, _ = select.select([self._fd], [], [], timeout)
        if not ready:
            return None
        return os.read(self._fd, len(self.PREFIX) + _MTU)[len(self.PREFIX) :]

    def close(self) -> None:
        """Take the interface away."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
