"""The AF_PACKET socket that frames are captured through: a TPACKET_V3 ring.

The kernel writes frames into blocks of memory that it shares with us and hands over a block
when it is full, or after 20 ms. The order of the calls matters: filter, ring, and only then bind,
so that no frame slips in unfiltered. A filter that is not known yet begins as one that drops
everything; ``attach`` replaces it, which the kernel does between two frames.

Opening one takes no numpy, so it is done within a moment of the program's start: frames wait in
the ring while everything else is loaded and compiled. A block that is handed over after 20 ms is
in use however little is in it, so a ring that nobody empties is full after a few seconds even of
few frames: ``stash`` takes what there is out of it.

When every block is ours, frames are dropped. The kernel counts them, marks the blocks that it
closes afterwards (TP_STATUS_LOSING) until the count is read, and reading resets the count
(Documentation/networking/packet_mmap.rst).
"""

from __future__ import annotations

import collections
import functools
import mmap
import socket
import struct
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..closing import Closing
from ..errors import CaptureError
from . import bpf, time_stamps

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RETIRE_SECONDS = 0.020

_ETH_P_ALL = 0x0003
_SOL_PACKET = 263
_PACKET_RX_RING, _PACKET_STATISTICS, _PACKET_VERSION, _PACKET_IGNORE_OUTGOING = 5, 6, 10, 23
_TPACKET_V3 = 2
_TP_STATUS_KERNEL, _TP_STATUS_USER, _TP_STATUS_LOSING = 0, 1, 4
_FRAME_SIZE = 2048  # only a divisor of the block size to TPACKET_V3, which packs frames
_MIB = 1 << 20
_BLOCK_SIZE = _MIB // 4  # many small blocks last longer, and a frame of 65,535 bytes has room
_STASH_SECONDS = 0.1


class RingBlock:
    """One block of the ring.

    Args:
        memory: Its bytes.
    """

    def __init__(self, memory: memoryview) -> None:
        self._memory = memory
        self._head = memory.cast("I")

    @functools.cached_property
    def data(self) -> NDArray[np.uint8]:
        """Its memory."""
        import numpy as np

        return np.frombuffer(self._memory, dtype=np.uint8)

    @functools.cached_property
    def words(self) -> NDArray[np.uint32]:
        """The same memory as 32-bit words."""
        import numpy as np

        return np.frombuffer(self._memory, dtype=np.uint32)

    @property
    def size(self) -> int:
        """Its bytes."""
        return len(self._memory)

    @property
    def ours(self) -> bool:
        """Whether the kernel has handed it over."""
        return bool(self._head[2] & _TP_STATUS_USER)

    @property
    def after_loss(self) -> bool:
        """Whether frames had been dropped, and not been counted yet, when it was handed over."""
        return bool(self._head[2] & _TP_STATUS_LOSING)

    @property
    def number(self) -> int:
        """Of the blocks that the kernel has begun to fill, the how manieth, from 1 on; 0: none."""
        return self._head[6] | self._head[7] << 32

    def copy(self) -> RingBlock:
        """What is in it, in memory of its own."""
        length = self._head[5] or len(self._memory)
        return RingBlock(memoryview(bytearray(self._memory[: length + 3 & ~3])))

    def release(self) -> None:
        """Give it back to the kernel."""
        self._head[2] = _TP_STATUS_KERNEL


class Ring(Closing):
    """An open ring on one interface; frames flow from the moment it is made.

    Args:
        interface: Name of the interface.
        program: Only frames that it accepts enter the ring, until ``attach``; None lets in all.
        buffer_mib: Size of the ring.
        time_stamp_type: Where times come from, see :mod:`.time_stamps`.

    Attributes:
        size: Bytes of it.
        received: Frames that passed the filter up to the last ``count_drops``.
        dropped: Of these, those for which the ring had no room.
        newest_counted: Number of the newest block at the last ``count_drops``.

    Raises:
        CaptureError: No rights, no memory, or no such interface.
        FilterError: The kernel refuses the program.
    """

    def __init__(
        self,
        interface: str,
        program: bpf.Program | None,
        buffer_mib: int,
        time_stamp_type: str = time_stamps.HOST,
    ) -> None:
        self.interface = interface
        self.received = 0
        self.dropped = 0
        self.newest_counted = 0
        self._next = 0
        self._stash: collections.deque[RingBlock] = collections.deque()
        try:
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        except PermissionError as error:
            raise CaptureError(
                f"{interface}: no right to capture; it needs CAP_NET_RAW: run it with sudo"
            ) from error
        try:
            if program is not None:
                self.attach(program, lock=False)
            time_stamps.choose(self._socket, interface, time_stamp_type)
            self._map(buffer_mib)
            self._bind()
        except BaseException:
            self._socket.close()
            raise

    def _map(self, buffer_mib: int) -> None:
        block_size = _BLOCK_SIZE
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
        memory = memoryview(shared)
        self._blocks = [
            RingBlock(memory[start : start + block_size]) for start in range(0, size, block_size)
        ]
        self.block_size = block_size
        self.size, self._stashed = size, 0

    def _bind(self) -> None:
        try:
            self._socket.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
            self._socket.bind((self.interface, _ETH_P_ALL))
        except OSError as error:
            raise CaptureError(f"{self.interface}: cannot bind to it: {error.strerror}") from error

    def attach(self, program: bpf.Program, *, lock: bool) -> None:
        """Let in only frames that ``program`` accepts from now on; locked, for good.

        Raises:
            FilterError: The kernel refuses the program.
        """
        bpf.attach(self._socket, program, lock=lock)

    def current(self) -> RingBlock | None:
        """The oldest block that is ours, None if there is none yet."""
        if self._stash:
            return self._stash[0]
        block = self._blocks[self._next]
        return block if block.ours else None

    def release(self) -> None:
        """Give the oldest block back to the kernel."""
        if self._stash:
            self._stash.popleft()
        else:
            self._blocks[self._next].release()
            self._next = (self._next + 1) % len(self._blocks)

    def stash(self) -> None:
        """Copy the blocks that are ours elsewhere, to make room; in all as much as the ring has."""
        while (block := self._blocks[self._next]).ours and self._stashed < self.size:
            copied = block.copy()
            self._stash.append(copied)
            self._stashed += copied.size
            block.release()
            self._next = (self._next + 1) % len(self._blocks)

    def fileno(self) -> int:
        """For poll(): readable when a block is ours, in error when the interface fails."""
        return self._socket.fileno()

    def failure(self) -> int:
        """The socket's pending error number, 0 if there is none: ENETDOWN once it went away."""
        return self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def count_drops(self) -> int:
        """Bring ``received`` and ``dropped`` up to date; how many were dropped since last time."""
        newest = max(block.number for block in self._blocks)  # before: what comes now counts again
        received, dropped = self._statistics()
        self.received += received
        self.dropped += dropped
        self.newest_counted = newest
        return dropped

    def _statistics(self) -> tuple[int, int]:
        """Frames that passed the filter, the dropped among them, and the dropped, since last time.

        The kernel counts in 32 bits: they hold an hour at a million frames a second.
        """
        size = struct.calcsize("=3I")
        statistics = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, size)
        received, dropped, _freezes = struct.unpack("=3I", statistics)
        return int(received), int(dropped)

    def close(self) -> None:
        """Give the socket back, and the ring as soon as nobody holds a block of it."""
        self._blocks.clear()
        self._stash.clear()
        self._socket.close()


class Stash(Closing):
    """Keeps room in rings, by a thread, while something else is prepared; before blocks are read.

    Args:
        rings: Nobody else may touch them before this is closed.
    """

    def __init__(self, rings: Sequence[Ring]) -> None:
        self._rings = rings
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stash")
        self._thread.start()

    def _run(self) -> None:
        while not self._enough.wait(_STASH_SECONDS):
            for ring in self._rings:
                ring.stash()

    def close(self) -> None:
        """Leave the rings alone."""
        self._enough.set()
        self._thread.join()
