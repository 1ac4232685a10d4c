"""One interface of a capture: what came through its ring, what was lost, and where.

Frames that were dropped are noted on the first frame behind the gap (``epb_dropcount``): the first
block that the kernel marks since the drops were counted last begins with it. If there were several
gaps before that block was read, it has the sum.

What a file of a capture says of an interface (its Interface Statistics Block) is about that file:
``usrdeliv`` its frames, ``osdrop`` the gaps before them, ``ifrecv`` both. The last file also has
what was dropped after its last frame, so the files of a capture add up to all that was received.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ..datasets.pcapng import InterfaceStatistics
from ..datasets.run import Counters
from .bpf import DLT_IEEE802_11_RADIO
from .interface import Interface, driver_drops
from .ring_kernel import NO_LIMIT, write_block

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .ring import Ring, RingBlock


class Taken(NamedTuple):
    """Frames that became blocks of the capture.

    Attributes:
        size: Bytes of the blocks.
        frames: How many they are.
        bad: Of these, with the driver's claim of a bad FCS.
        limit: Which limit the next frame is beyond, ``NO_LIMIT`` if the ring's block is done.
        next_time: When that frame came, nanoseconds since 1970; 0 if the block is done.
    """

    size: int
    frames: int
    bad: int
    limit: int
    next_time: int


@dataclass(slots=True)
class _Base:
    """The counts at the beginning of a file."""

    written: int = 0
    noted: int = 0
    driver_drops: int | None = None


class Feed:
    """The frames of one interface.

    Args:
        ring: Its ring.
        facts: Of the interface.
        number: Its number in the capture.
        snap_length: Most bytes kept of a frame.

    Attributes:
        at_cut: Whether all its frames of before the loop's cut are written.
    """

    def __init__(self, ring: Ring, facts: Interface, number: int, snap_length: int) -> None:
        self.ring = ring
        self.name = facts.name
        self.at_cut = False
        self._number = number
        self._radiotap = facts.linktype == DLT_IEEE802_11_RADIO
        self._snap_length = snap_length
        self._first = 0  # frames of the block at hand that are written
        self._gap = 0  # drops before the next frame
        self._unplaced = 0  # drops that were counted, and whose place is still to come
        self._noted = 0
        self._written = 0
        self._bad = 0
        self._base = _Base(driver_drops=driver_drops(self.name))

    @property
    def counters(self) -> Counters:
        """The numbers so far; while it runs, of received frames only those that were counted."""
        return Counters(
            received=max(self.ring.received, self._written + self._noted),
            dropped_by_kernel=self.ring.dropped,
            written=self._written,
            bad_fcs=self._bad,
        )

    def count_drops(self) -> None:
        """Bring the kernel's counts up to date: it keeps them in 32 bits."""
        self._unplaced += self.ring.count_drops()

    def take(
        self,
        block: RingBlock,
        out: NDArray[np.uint8],
        out_words: NDArray[np.uint32],
        *,
        frames: int,
        size: int,
        not_after: int,
    ) -> Taken:
        """Turn the ring's block at hand into blocks of the capture, up to a limit.

        Args:
            block: The ring's oldest.
            out: Where to.
            out_words: The same memory as 32-bit words.
            frames: Most frames.
            size: Most bytes.
            not_after: Time of the last frame, nanoseconds since 1970.
        """
        if self._first == 0:
            self._place_gap(block)
        taken = Taken(
            *write_block(
                block.data,
                block.words,
                out,
                out_words,
                self._first,
                self._number,
                self._radiotap,
                self._snap_length,
                frames,
                size,
                not_after,
                self._gap,
            )
        )
        if taken.limit == NO_LIMIT:
            self.ring.release()
            self._first = 0
        else:
            self._first += taken.frames
        return taken

    def wrote(self, taken: Taken) -> None:
        """Count frames that stand in the file now."""
        if taken.frames:
            self._noted += self._gap
            self._gap = 0
            self._written += taken.frames
            self._bad += taken.bad

    def begin_file(self) -> None:
        """What is counted from now on belongs to another file."""
        self._base = _Base(self._written, self._noted, driver_drops(self.name))

    def statistics(self, start: int, end: int, *, last: bool) -> bytes:
        """The statistics block of the file at hand, which has frames from ``start`` to ``end``."""
        base, drops = self._base, driver_drops(self.name)
        written = self._written - base.written
        dropped = (self.ring.dropped if last else self._noted) - base.noted
        received = written + dropped
        if last:
            received = max(received, self.ring.received - base.written - base.noted)
        return InterfaceStatistics.make(
            self._number,
            end,
            starttime=start,
            endtime=end,
            ifrecv=received,
            ifdrop=None
            if base.driver_drops is None or drops is None
            else drops - base.driver_drops,
            filteraccept=received,
            osdrop=dropped,
            usrdeliv=written,
        ).write("<")

    def _place_gap(self, block: RingBlock) -> None:
        """See whether frames are missing before a block."""
        # by number, not by time: the clock may have been set
        if block.after_loss and block.number > self.ring.newest_counted:
            self.count_drops()
        if self._unplaced and (block.after_loss or block.number > self.ring.newest_counted):
            self._gap += self._unplaced
            self._unplaced = 0
