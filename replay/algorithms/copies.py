"""Which damaged frames are copies of one packet.

Copies are the retransmissions of a frame, and what several receivers got of one transmission
(interfaces of one capture); which of the two they are makes no difference. Damage may be anywhere,
so no field has to be right. Two frames of the same length, received at most ``window_ms`` apart,
are copies if

* **the header is the same**, from frame control to sequence control but for Retry and Duration,
  and of QoS data the TID, since a sender numbers the packets of each TID for themselves; *or* **the
  FCS fields are the same** up to 3 bits. Two packets of a sender differ in the sequence number or
  the TID, and in half of the FCS then: with the same FCS one in 10^9 would pass, with 3 bits apart
  five in a million. An error event spoils a copy's header now and then, or its FCS, but seldom
  both. And if
* **less than a quarter of the other bits differ**. Encrypted or whitened bodies of different
  packets differ in half of them, give or take 0.5 / sqrt(bits): in the shortest frame that has a
  sequence number, of 28 bytes, a quarter is six of these deviations away.

Frames of constant payload differ in a few bits from one packet to the next, which is why likeness
of the bodies alone proves nothing. A wrong pair costs candidates: the packet that is made of it has
a right FCS, and the gate counts how many would have one by chance.

A right packet may still be another one than a frame's: a header may have been damaged into that of
the next packet, and some senders give all packets one number. So for each frame that is repaired
is added how many other packets' FCS would be as near to the one that it came with
(:func:`strangers`). As long as all intact frames of a group are one packet, its header names it,
and one stranger is counted. When two of them differ, it does not: all frames that are held are.
With the default gate a frame whose own FCS has more than 7 wrong bits is abstained on, and in a
group of several packets one with fewer, the more frames are held.

Retry and Duration are what a sender changes from one transmission to the next, and the FCS with
them, by a constant for each bit and length (``dot11.fcs.bit_syndrome``). They may as well be
damaged. So both are tried for two copies that differ there, the bit changed together with the FCS
or alone; what leaves fewer bits different is taken for what was sent. A frame is repaired to its
own transmission, with its own Retry bit and Duration, by the same rule.

Frames shorter than 28 bytes and pairs of control frames are no copies: they have no sequence
number.
"""

from __future__ import annotations

import functools
import math
from collections import deque
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...dot11 import fcs
from . import copies_kernel
from .combining import Search

MAX_HELD: Final = 4096

_CHANGES = 4  # that are tried: Retry, Duration, both, neither


class Copy:
    """One frame, as received.

    Attributes:
        number: Its frame number.
        time: ns.
        mpdu: Its bytes.
        intact: Whether its FCS is good.
        group: The copies that it belongs to.
        errors: What was wrong with it, once that is known: bytes, 1 where a bit was.
        open: Whether an answer is due.
    """

    __slots__ = ("errors", "group", "intact", "mpdu", "number", "open", "time")

    def __init__(self, number: int, time: int, mpdu: NDArray[np.uint8], *, intact: bool) -> None:
        self.number = number
        self.time = time
        self.mpdu = mpdu
        self.intact = intact
        self.errors: NDArray[np.uint8] | None = None
        self.open = not intact
        self.group: Group


class Group:
    """Copies of one packet.

    Attributes:
        copies: Those that are held, in the order of arrival.
        search: The candidates tried for this packet.
        original: The packet as one of them was sent, once it is known.
        named: Whether the header names the packet: no two originals were different packets.
    """

    __slots__ = ("copies", "named", "original", "search")

    def __init__(self, search: Search) -> None:
        self.copies: list[Copy] = []
        self.search = search
        self.original: NDArray[np.uint8] | None = None
        self.named = True

    def learn(self, original: NDArray[np.uint8]) -> None:
        """One of the copies was sent as this."""
        if self.original is not None:
            self.named &= np.array_equal(aligned(self.original, original), original)
        self.original = original

    @property
    def bad(self) -> list[Copy]:
        """The damaged ones."""
        return [copy for copy in self.copies if not copy.intact]


def aligned(frame: NDArray[np.uint8], to: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A frame as if it had been sent with the Retry bit and Duration of another copy.

    Its syndrome stays what it is.
    """
    bits, effect, _ = copies_kernel.changed(frame, to, len(frame), effects(len(frame)))
    if not bits:
        return frame
    moved = frame.copy()
    moved[: fcs.LENGTH].view("<u4")[0] ^= np.uint32(bits)
    moved[-fcs.LENGTH :] ^= np.frombuffer(int(effect).to_bytes(fcs.LENGTH, "little"), np.uint8)
    return moved


def strangers(
    frame: NDArray[np.uint8], original: NDArray[np.uint8], held: int, *, named: bool
) -> float:
    """How many other packets would look as much like this frame's original by chance.

    Of those with constant payload, that is: by their FCS, any of so many that are held; by a
    header that names the packet one, since damage may have made it the same. A frame that such a
    header did not settle is tried again if it turns out to name several packets. So each of the two
    tries has half of what the gate lets through: both count twice.

    Args:
        frame: As received.
        original: The packet that it may be.
        held: How many packets it is compared with.
        named: Whether the header names the packet, as far as is known; see :class:`Group`.

    Returns:
        Their expected number, infinite if the two are no copies.
    """
    apart = copies_kernel.likeness(frame, original, len(frame), effects(len(frame)))
    if apart > 8 * fcs.LENGTH:
        return math.inf
    same_header, apart = apart < 0, max(apart, -1 - apart)
    others = 2 * held if not named else 2 if same_header else held
    ways = sum(math.comb(8 * fcs.LENGTH, bits) for bits in range(apart + 1))
    return others * _CHANGES * ways / 2.0**32


@functools.lru_cache(maxsize=4096)
def effects(length: int) -> NDArray[np.uint32]:
    """What each of the first 32 bits of a frame of so many bytes does to its FCS."""
    return np.array([fcs.bit_syndrome(bit, length) for bit in range(32)], np.uint32)


class Shelf:
    """Frames of one length, in the order of arrival."""

    def __init__(self, length: int) -> None:
        self._rows = np.zeros((4, length), np.uint8)
        self._times = np.zeros(4, np.int64)
        self._intact = np.zeros(4, np.bool_)
        self._found = np.zeros(4, np.int64)
        self._copies: list[Copy] = []
        self._first = 0
        self._damaged = 0

    def __len__(self) -> int:
        return len(self._copies) - self._first

    def drop_first(self) -> None:
        """Take the oldest away."""
        self._damaged -= not self._copies[self._first].intact
        self._first += 1

    def add(self, copy: Copy, window: int) -> list[Copy]:
        """Put a frame there; the copies of it that are there already."""
        if len(self._copies) == len(self._rows):
            self._make_room()
        row = len(self._copies)
        self._rows[row] = copy.mpdu
        self._times[row] = copy.time
        self._intact[row] = copy.intact
        self._copies.append(copy)
        self._damaged += not copy.intact
        if not self._damaged:
            return []
        count = copies_kernel.find(
            self._rows,
            self._times,
            self._intact,
            self._first,
            row,
            window,
            effects(len(copy.mpdu)),
            self._found,
        )
        return [self._copies[i] for i in self._found[:count].tolist()]

    def _make_room(self) -> None:
        del self._copies[: self._first]
        size = len(self._rows) * (2 if 2 * len(self._copies) > len(self._rows) else 1)
        for name in ("_rows", "_times", "_intact"):
            old = getattr(self, name)
            new = np.zeros((size, *old.shape[1:]), old.dtype)
            new[: len(self._copies)] = old[self._first :]
            setattr(self, name, new)
        self._found = np.zeros(size, np.int64)
        self._first = 0


class Held:
    """The frames of the last ``window`` ns, at most ``MAX_HELD``, by length."""

    def __init__(self, window: int) -> None:
        self._window = window
        self._queue: deque[Copy] = deque()
        self._shelves: dict[int, Shelf] = {}

    def add(self, copy: Copy) -> list[Copy]:
        """Hold a frame; the copies of it that are held already."""
        self._queue.append(copy)
        length = len(copy.mpdu)
        if length not in self._shelves:
            self._shelves[length] = Shelf(length)
        return self._shelves[length].add(copy, self._window)

    def like(self, copy: Copy) -> int:
        """How many frames of this length are held."""
        return len(self._shelves[len(copy.mpdu)])

    def drop(self, now: int) -> Iterator[Copy]:
        """Take away those that are too old, or too far in the future, and those too many."""
        while self._queue and (
            abs(now - self._queue[0].time) > self._window or len(self._queue) >= MAX_HELD
        ):
            yield self._drop_first()

    def drop_all(self) -> Iterator[Copy]:
        """Take everything away."""
        while self._queue:
            yield self._drop_first()

    def _drop_first(self) -> Copy:
        copy = self._queue.popleft()
        shelf = self._shelves[len(copy.mpdu)]
        shelf.drop_first()
        if not len(shelf):
            del self._shelves[len(copy.mpdu)]
        return copy
