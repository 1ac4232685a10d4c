"""Where the times of captured frames come from: the kernel's clock, or that of the card.

``host`` is when the kernel got a frame. ``adapter`` is what the card's clock said, which counts
from wherever it likes; the driver has to be able to stamp every frame
(Documentation/networking/timestamping.rst of the kernel: ``SIOCSHWTSTAMP``,
``HWTSTAMP_FILTER_ALL``). The names are those of pcap-tstamp(7).
"""

from __future__ import annotations

import ctypes
import fcntl
import socket
import struct
from typing import Final

from ..errors import CaptureError

HOST, ADAPTER = "host", "adapter"
TYPES: Final = (HOST, ADAPTER)

_SIOCSHWTSTAMP: Final = 0x89B0
_FILTER_ALL: Final = 1
_SOL_PACKET, _PACKET_TIMESTAMP = 263, 17
_RAW_HARDWARE: Final = 1 << 6  # SOF_TIMESTAMPING_RAW_HARDWARE


def choose(sock: socket.socket, interface: str, kind: str) -> None:
    """Choose it for a packet socket, and have the card stamp frames if need be.

    Args:
        sock: The socket.
        interface: The name of its interface.
        kind: One of ``TYPES``.

    Raises:
        CaptureError: The driver cannot stamp every frame, or there is no right to ask for it.
    """
    if kind == HOST:
        return
    config = ctypes.create_string_buffer(struct.pack("=iii", 0, 0, _FILTER_ALL), 12)
    address = ctypes.addressof(config)
    request = struct.pack("@16sN", interface.encode(), address).ljust(40, b"\0")
    try:
        fcntl.ioctl(sock, _SIOCSHWTSTAMP, request)
        _, _, filtered = struct.unpack("=iii", config.raw)
        if filtered != _FILTER_ALL:
            raise CaptureError(
                f"{interface}: its driver stamps some kinds of frames only; leave "
                "--time-stamp-type away"
            )
        sock.setsockopt(_SOL_PACKET, _PACKET_TIMESTAMP, _RAW_HARDWARE)
    except OSError as error:
        raise CaptureError(
            f"{interface}: its driver gives no time stamps of the card's clock "
            f"({error.strerror}); leave --time-stamp-type away: the TSFT of each frame, where the "
            "card has one, is in its Radiotap header all the same"
        ) from error
