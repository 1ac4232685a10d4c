"""Frames leave when an algorithm had them: repaired if they can be, the others as they came.

They are served as in any replay, and leave when the call that they were given in has returned. An
answer that comes later is too late.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..closing import Closing
from ..datasets.frames import FrameBatch
from ..datasets.walk import Records, Walk
from ..datasets.walk_kernel import LINKTYPE
from ..dot11.mending import mended
from .algorithm import Repairs
from .departed import Departed
from .outlets import Outlet
from .wire_headers import HEADERS, RADIOTAP, WITH_FCS, headers


class Packets(Protocol):
    """Packets by their numbers."""

    def get(self, number: int) -> tuple[memoryview, bool]:
        """A packet, and whether it has a Radiotap header; valid until the next is asked for."""
        ...


class PacketsOf(Closing):
    """The packets of a capture by their numbers, which rise; read along with whoever asks.

    Args:
        capture: The capture.
    """

    def __init__(self, capture: Path) -> None:
        self._walk = Walk(capture)
        self._records: Records | None = None
        self._first = 1

    def get(self, number: int) -> tuple[memoryview, bool]:
        """See :class:`Packets`.

        Raises:
            LookupError: There is none.
        """
        while self._records is None or number >= self._first + self._records.packets:
            event = next(iter(self._walk), None)
            if event is None:
                raise LookupError(number)
            if isinstance(event, Records):
                self._records = event
                self._first = self._walk.packets - event.packets + 1
        k = number - self._first
        where = self._records.where
        start = int(where.start[k])
        data = self._records.data.data[start : start + int(where.captured[k])]
        linktype = self._records.section.table[where.interface[k], LINKTYPE]
        return data, bool(linktype == RADIOTAP)

    def close(self) -> None:
        """Close the file."""
        self._walk.close()


class Departures:
    """Lets frames leave that an algorithm was given.

    Args:
        packets: Of what is replayed.
        outlet: Where to.
        algorithm: Its name, for notes.
    """

    def __init__(self, packets: Packets, outlet: Outlet, algorithm: str) -> None:
        self.departed = Departed(outlet.name, refused=outlet.refused)
        self._packets = packets
        self._outlet = outlet
        self._algorithm = algorithm
        self._first = 0  # number of the first frame that left

    def leave(self, frames: FrameBatch, repairs: Repairs, due: NDArray[np.int64] | None) -> None:
        """Let frames leave, in their order.

        Args:
            frames: What the algorithm was given.
            repairs: What it answered.
            due: When each was due on the monotonic clock; None at top speed.

        Raises:
            OutletError: Nothing can leave any more.
        """
        departed = self.departed
        offsets = repairs.flip_offsets
        flips = {
            number: repairs.flips[offsets[k] : offsets[k + 1]].tolist()
            for k, number in enumerate(repairs.number.tolist())
            if repairs.repaired[k]
        }
        kinds: NDArray[np.int64] | None = None
        for row, number in enumerate(frames.number.tolist()):
            packet, has_radiotap = self._packets.get(number)
            wire: bytes | memoryview = packet
            note = ""
            if number in flips:
                bits = flips.pop(number)
                wire, _ = mended(packet, bits, has_radiotap=has_radiotap)
                note = f"wtrec: repaired by {self._algorithm}; {len(bits)} bits flipped"
                departed.repaired += 1
            if not has_radiotap:
                if kinds is None:
                    kinds = headers(frames, np.zeros(len(frames), np.int64))
                wire = HEADERS[WITH_FCS if note else int(kinds[row])] + wire
            now = time.monotonic_ns()
            self._outlet.send(wire, note)
            when = None if due is None else int(due[row])
            if when is not None:
                departed.count_late(now - when)
            if not departed.frames:
                self._first = number
                departed.first, departed.first_due = now, when
            departed.frames += 1
            departed.last, departed.last_due = now, when
        if departed.frames:  # those shown before the first one were never to leave
            departed.too_late += sum(number >= self._first for number in flips)
