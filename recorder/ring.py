"""The AF_PACKET socket that frames are captured through: a TPACKET_V3 ring.

The kernel writes frames into blocks of memory that it shares with us and hands over a block
when it is full, or after 20 ms. The order of the calls matters: filter, lock, ring, and only
then bind, so that no frame slips in unfiltered.

When every block is ours, frames are dropped. The kernel counts them, marks the blocks that it
closes afterwards (TP_STATUS_LOSING) until the count is read, and reading resets the count
(Documentation/networking/packet_mmap.rst).
"""

from __future__ import annotations

import mmap
import select
import socket
import struct
import time

import numpy as np
from numpy.typing import NDArray

from ..closing import Closing
from ..errors import CaptureError
from . import bpf

RETIRE_SECONDS = 0.020

_ETH_P_ALL = 0x0003
_SOL_PACKET = 263
_PACKET_RX_RING, _PACKET_STATISTICS, _PACKET_VERSION, _PACKET_IGNORE_OUTGOING = 5, 6, 10, 23
_TPACKET_V3 = 2
_TP_STATUS_KERNEL, _TP_STATUS_USER, _TP_STATUS_LOSING = 0, 1, 4
_FRAME_SIZE = 2048  # only a divisor of the block size to TPACKET_V3, which packs frames
_MIB = 1 << 20


class RingBlock:
    """One block of the ring.

    Attributes:
        data: Its memory.
        words: The same memory as 32-bit words.
    """

    __slots__ = ("data", "words")

    def __init__(self, data: NDArray[np.uint8]) -> None:
        self.data = data
        self.words: NDArray[np.uint32] = data.view(np.uint32)

    @property
    def ours(self) -> bool:
        """Whether the kernel has handed it over."""
        return bool(self.words[2] & _TP_STATUS_USER)

    @property
    def after_loss(self) -> bool:
        """Whether frames had been dropped, and not been counted yet, when it was handed over."""
        return bool(self.words[2] & _TP_STATUS_LOSING)

    @property
    def first_time(self) -> int:
        """When its first frame came, nanoseconds since 1970."""
        return int(self.words[8]) * 1_000_000_000 + int(self.words[9])

    def release(self) -> None:
        """Give it back to the kernel."""
        self.words[2] = _TP_STATUS_KERNEL


class Ring(Closing):
    """An open ring on one interface; frames flow from the moment it is made.

    Args:
        interface: Name of the interface.
        program: Only frames that it accepts enter the ring; None lets in all.
        buffer_mib: Size of the ring.

    Attributes:
        received: Frames that passed the filter up to the last ``count_drops``.
        dropped: Of these, those for which the ring had no room.
        counted_at: Time of the last ``count_drops``, nanoseconds since 1970.

    Raises:
        CaptureError: No rights, no memory, or no such interface.
        FilterError: The kernel refuses the program.
    """

    def __init__(self, interface: str, program: bpf.Program | None, buffer_mib: int) -> None:
        self.interface = interface
        self.received = 0
        self.dropped = 0
        self.counted_at = 0
        self._next = 0
        try:
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        except PermissionError as error:
            raise CaptureError(
                f"{interface}: no right to capture; it needs CAP_NET_RAW: run it with sudo"
            ) from error
        try:
            if program is not None:
                bpf.attach(self._socket, program)
            self._map(buffer_mib)
            self._bind()
        except BaseException:
            self._socket.close()
            raise

    def _map(self, buffer_mib: int) -> None:
        block_size = _MIB if buffer_mib >= 8 else _MIB // 4
        size = buffer_mib * _MIB
        request = struct.pack(
            "=7I",
            block_size,
            size // block_size,
            _FRAME_SIZE,
            size // _FRAME_SIZE,
            int(RETIRE_SECONDS * 1000),
            0,
            0,
        )
        self._socket.setsockopt(_SOL_PACKET, _PACKET_VERSION, _TPACKET_V3)
        try:
            self._socket.setsockopt(_SOL_PACKET, _PACKET_RX_RING, request)
            shared = mmap.mmap(self._socket.fileno(), size)
        except OSError as error:
            raise CaptureError(
                f"{self.interface}: no capture buffer of {buffer_mib} MiB: {error.strerror}; "
                "ask for less with -B"
            ) from error
        memory = np.frombuffer(shared, dtype=np.uint8)
        self._blocks = [
            RingBlock(memory[start : start + block_size]) for start in range(0, size, block_size)
        ]
        self.block_size = block_size

    def _bind(self) -> None:
        try:
            self._socket.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
            self._socket.bind((self.interface, _ETH_P_ALL))
        except OSError as error:
            raise CaptureError(f"{self.interface}: cannot bind to it: {error.strerror}") from error
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN | select.POLLERR)

    def current(self) -> RingBlock | None:
        """The oldest block that is ours, None if there is none yet."""
        block = self._blocks[self._next]
        return block if block.ours else None

    def release(self) -> None:
        """Give the oldest block back to the kernel."""
        self._blocks[self._next].release()
        self._next = (self._next + 1) % len(self._blocks)

    def wake_on(self, fd: int) -> None:
        """Let ``wait`` return, too, when ``fd`` becomes readable."""
        self._poll.register(fd, select.POLLIN)

    def wait(self, seconds: float) -> None:
        """Sleep until a block is ours, the interface fails, or the time is over."""
        self._poll.poll(seconds * 1000)

    def failure(self) -> int:
        """The socket's pending error number, 0 if there is none: ENETDOWN once it went away."""
        return self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def count_drops(self) -> int:
        """Bring ``received`` and ``dropped`` up to date; how many were dropped since last time."""
        size = struct.calcsize("=3I")
        statistics = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, size)
        received, dropped, _freezes = struct.unpack("=3I", statistics)  # received has the dropped
        self.received += received
        self.dropped += dropped
        self.counted_at = time.time_ns()
        return int(dropped)

    def close(self) -> None:
        """Give the socket back, and the ring as soon as nobody holds a block of it."""
        self._blocks.clear()
        self._socket.close()
