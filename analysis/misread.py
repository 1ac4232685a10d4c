"""Frames that came through a descrambler in a wrong state: half of their bits are wrong.

An OFDM receiver reads the state of its descrambler from the first bits of the SERVICE field. With a
wrong one, a phase of the scrambler's sequence is left on all of the frame, which is then no closer
to what was sent than to anything else. But each bit of that sequence is the sum of those four and
seven bits before it (IEEE 802.11-2020, 17.3.5.5); so is each bit of the difference between such a
frame and its original, and of no other difference. A bit that is wrong besides breaks that three
times.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .match_kernel import Packets

_TAIL = 16  # bytes at the end, where packets differ most, that are compared with all packets
_MOST = 0.12  # share of broken sums; strangers have half: fewer by chance once in 10^17


def misread(received: NDArray[np.uint8], sent: Packets, time: int, window: int) -> int:
    """The packet that a frame is but for the descrambler's state.

    Args:
        received: The frame, or its payload; uint8, shape (bytes,).
        sent: Packets.
        time: When the frame came, in ns.
        window: Packets sent so much earlier or later are looked at, in ns.

    Returns:
        Its number; -1 if it is none of them, or if packets with other content are as close.
    """
    length = len(received)
    if length < _TAIL:
        return -1
    low = int(np.searchsorted(sent.times, time - window))
    high = int(np.searchsorted(sent.times, time + window, side="right"))
    candidates = low + np.flatnonzero(sent.lengths[low:high] == length)
    tails = sent.starts[candidates, None] + np.arange(length - _TAIL, length)
    near = candidates[_broken(sent.data[tails] ^ received[-_TAIL:]) <= _MOST]
    found = -1
    for number in near.tolist():
        original = sent.data[sent.starts[number] :][:length]
        if _broken((original ^ received)[None])[0] <= _MOST:
            if found >= 0 and (original != sent.data[sent.starts[found] :][:length]).any():
                return -1
            found = number
    return found


def _broken(differences: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Share of the bits that are not the sum of those four and seven bits before, by row."""
    bits = np.unpackbits(differences, axis=1, bitorder="little")
    return np.asarray((bits[:, 7:] ^ bits[:, 3:-4] ^ bits[:, :-7]).mean(axis=1))
