"""Frames that came through a descrambler in a wrong state: half of their bits are wrong.

An OFDM receiver reads the state of its descrambler from the first bits of the SERVICE field. With a
wrong one, a phase of the scrambler's sequence is left on all of the frame, which is then no closer
to what was sent than to anything else. But each bit of that sequence is the sum of those four and
seven bits before it (IEEE 802.11-2020, 17.3.5.5); so is each bit of the difference between such a
frame and its original, and of no other difference. A bit that is wrong besides breaks that three
times.
"""

# mypy: disable-error-code="assignment, arg-type, return-value, no-any-return"
# pyright: reportArgumentType=false, reportAssignmentType=false, reportReturnType=false
# numba types the inside of kernels: fixed-width integers, where annotations say int.

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..jit import jit
from .kernels import distance
from .match_kernel import MATCHED, UNMATCHED, Packets, Queries

TAIL = 16  # bytes at the end, where packets differ most, that are compared with all packets
MOST = 0.12  # share of broken sums; strangers have half: fewer by chance once in 10^17


@jit
def _is_near(query: Queries, received: int, packets: Packets, sent: int, length: int) -> bool:
    """Whether few bits of the difference are not the sum of those four and seven before."""
    sums = 8 * length - 7
    broken = 0
    low = np.int64(query.data[received] ^ packets.data[sent])
    for i in range(1, length):
        high = np.int64(query.data[received + i] ^ packets.data[sent + i])
        both = high << 8 | low
        wrong = (both >> 7 ^ both >> 3 ^ both) & 0xFF
        wrong -= wrong >> 1 & 0x55
        wrong = (wrong & 0x33) + (wrong >> 2 & 0x33)
        broken += wrong + (wrong >> 4) & 0x0F
        low = high
    broken += (low >> 7 ^ low >> 3 ^ low) & 1
    return broken / sums <= MOST


@jit
def match_misread(
    query: Queries,
    packets: Packets,
    window: int,
    outcomes: NDArray[np.int8],
    originals: NDArray[np.int64],
) -> None:
    """Find the packets of those received parts that are unmatched so far.

    Args:
        query: The parts.
        packets: All packets sent within ``window`` of any of the parts' times.
        window: In ns.
        outcomes: In and out: as of :func:`wtrec.analysis.match_kernel.match`.
        originals: In and out: the packet, -1 unless matched.
    """
    for q in range(len(outcomes)):
        length = query.lengths[q]
        if outcomes[q] != UNMATCHED or length < TAIL:
            continue
        low = np.searchsorted(packets.times, query.times[q] - window)
        high = np.searchsorted(packets.times, query.times[q] + window, side="right")
        received, skipped = query.starts[q], length - TAIL
        found = np.int64(-1)
        for n in range(low, high):
            if packets.lengths[n] != length:
                continue
            sent = packets.starts[n]
            if not _is_near(query, received + skipped, packets, sent + skipped, TAIL):
                continue
            if not _is_near(query, received, packets, sent, length):
                continue
            if found >= 0:
                other = packets.starts[found]
                if distance(packets.data, sent, packets.data, other, length):
                    found = np.int64(-1)
                    break
            found = np.int64(n)
        if found >= 0:
            outcomes[q] = MATCHED
            originals[q] = found
