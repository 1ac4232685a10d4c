"""Compiled search for the sent packet that a damaged frame was.

Candidates are found by *votes*: every packet of the window stands in an index of its 2-byte
windows at the offsets of a grid, so the windows that a frame kept intact name the packets that
have the same bytes there. At a bit error rate of 0.1 one window in five is intact. Distances are
computed to those with two votes alone, and to all that share a window with the best of these.
What shares no window with it differs from it in at least one bit of each: where that is not
enough to rule it out, and where votes name nobody, distances to all packets decide.

A window that many packets share says nothing and does not vote.
"""

# mypy: disable-error-code="assignment, arg-type, return-value, no-any-return"
# pyright: reportArgumentType=false, reportAssignmentType=false, reportReturnType=false
# numba types the inside of kernels: fixed-width integers, where annotations say int.

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..jit import jit
from .kernels import distance

DOUBT = 1e-3  # probability that another packet is the original, above which nothing is said
FALSE = 1e-8  # probability that a stranger's frame is as close to any packet as a match must be
COMMON = 32  # packets that share a window before it stops to vote
VOTES = 2
ENOUGH = 9  # votes to be expected of the right packet: fewer than VOTES come once in a thousand
FEW = 64  # candidates for which an index is not worth it

MATCHED, AMBIGUOUS, UNMATCHED = 0, 1, 2  # as in truth.Outcome

_HASH = 0x9E37  # odd: a permutation of 16 bits


class Packets(NamedTuple):
    """Sent packets in the order of time, and the index of their windows.

    ``members[p, first[p, b]:first[p, b + 1]]`` are the packets whose window at ``grid[p]`` falls
    into bucket ``b``, and ``values`` their windows; without an index the grid is empty.
    """

    times: NDArray[np.int64]
    starts: NDArray[np.int64]
    lengths: NDArray[np.int32]
    data: NDArray[np.uint8]
    ids: NDArray[np.uint64]  # sorted
    of_id: NDArray[np.int64]  # the packet of each
    grid: NDArray[np.int32]
    first: NDArray[np.int32]
    members: NDArray[np.int32]
    values: NDArray[np.uint16]


class Queries(NamedTuple):
    """Received parts: where they lie, when they came, which ids they show.

    ``ids`` has shape (n, 4), of which ``id_counts`` count; ``id_bits`` are the bits in which two
    packets with different ids differ by half.
    """

    data: NDArray[np.uint8]
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    times: NDArray[np.int64]
    ids: NDArray[np.uint64]
    id_counts: NDArray[np.int64]
    id_bits: NDArray[np.int64]


@jit
def by_chance(bits: int, candidates: int) -> float:
    """Bits in which so many unrelated ones differ from each of so many candidates.

    Hoeffding: of n fair bits, fewer than n/2 - t differ with a probability below exp(-2 t^2 / n).
    """
    return 0.5 * bits - math.sqrt(0.5 * bits * math.log(max(1, candidates) / FALSE))


@jit
def _window(data: NDArray[np.uint8], at: int) -> int:
    return np.int64(data[at]) | np.int64(data[at + 1]) << 8


@jit
def _bucket(value: int, buckets: int) -> int:
    """Buckets are a power of two, at most 2^16."""
    return (value * _HASH & 0xFFFF) * buckets >> 16


@jit
def index(packets: Packets) -> None:
    """Fill ``first``, ``members`` and ``values``: a counting sort at each offset of the grid."""
    buckets = packets.first.shape[1] - 1
    for p in range(len(packets.grid)):
        offset = packets.grid[p]
        first = packets.first[p]
        first[:] = 0
        for n in range(len(packets.starts)):
            if packets.lengths[n] >= offset + 2:
                first[_bucket(_window(packets.data, packets.starts[n] + offset), buckets)] += 1
        total = 0
        for b in range(buckets + 1):
            total += first[b]
            first[b] = total
        for n in range(len(packets.starts) - 1, -1, -1):
            if packets.lengths[n] >= offset + 2:
                value = _window(packets.data, packets.starts[n] + offset)
                bucket = _bucket(value, buckets)
                first[bucket] -= 1
                packets.members[p, first[bucket]] = n
                packets.values[p, first[bucket]] = value


@jit
def _vote(
    data: NDArray[np.uint8],
    start: int,
    length: int,
    packets: Packets,
    low: int,
    high: int,
    votes: NDArray[np.int16],
    named: NDArray[np.int32],
) -> tuple[int, int]:
    """Let the windows of a part vote for packets ``low`` to ``high`` of its length.

    Returns:
        How many are named, and how many windows without common bytes could vote.
    """
    count = voters = 0
    free = 0  # the first byte that no voter has
    buckets = packets.first.shape[1] - 1
    for p in range(len(packets.grid)):
        offset = packets.grid[p]
        if offset + 2 > length:
            break
        value = _window(data, start + offset)
        bucket = _bucket(value, buckets)
        begin, end = packets.first[p, bucket], packets.first[p, bucket + 1]
        if end - begin > COMMON:
            continue
        if offset >= free:
            voters += 1
            free = offset + 2
        for k in range(begin, end):
            n = packets.members[p, k]
            if packets.values[p, k] == value and low <= n < high and packets.lengths[n] == length:
                if votes[n] == 0:
                    named[count] = n
                    count += 1
                votes[n] += 1
    return count, voters


@jit
def _decide(
    query: Queries,
    q: int,
    packets: Packets,
    candidates: NDArray[np.int32],
    count: int,
    limit: float,
    errors: NDArray[np.int64],
) -> tuple[int, int]:
    """The one candidate that the part is clearly closest to, less than ``limit`` bits away."""
    start, length = query.starts[q], query.lengths[q]
    best = -1
    for c in range(count):
        at = packets.starts[candidates[c]]
        errors[c] = distance(query.data, start, packets.data, at, length)
        if errors[c] < limit and (best < 0 or errors[c] < errors[best]):
            best = c
    if best < 0:
        return UNMATCHED, -1
    fewest = errors[best]
    odds = (fewest + 1) / (8 * length - fewest + 1)  # of a bit being wrong
    same = others = 0.0
    for c in range(count):
        if errors[c] >= limit:
            continue
        apart = distance(
            packets.data,
            packets.starts[candidates[best]],
            packets.data,
            packets.starts[candidates[c]],
            length,
        )
        extra = errors[c] - fewest
        if apart == 0:
            same += 1
        elif 2 * extra <= apart:
            return AMBIGUOUS, -1
        else:
            others += odds**extra
    if others > DOUBT * (same + others):
        return AMBIGUOUS, -1
    return MATCHED, np.int64(candidates[best])


@jit
def _by_votes(
    query: Queries,
    q: int,
    packets: Packets,
    low: int,
    high: int,
    limit: float,
    votes: NDArray[np.int16],
    named: NDArray[np.int32],
    errors: NDArray[np.int64],
) -> tuple[int, int]:
    """As :func:`_decide`; unmatched if votes do not settle it."""
    start, length = query.starts[q], query.lengths[q]
    count, _ = _vote(query.data, start, length, packets, low, high, votes, named)
    best, fewest = -1, np.int64(0)
    for c in range(count):
        n = named[c]
        if votes[n] >= VOTES:
            apart = distance(query.data, start, packets.data, packets.starts[n], length)
            if apart < limit and (best < 0 or apart < fewest):
                best, fewest = n, apart
        votes[n] = 0
    if best < 0:
        return UNMATCHED, -1
    count, voters = _vote(
        packets.data, packets.starts[best], length, packets, low, high, votes, named
    )
    for c in range(count):
        votes[named[c]] = 0
    # A packet that is not named differs from the best one in a bit of each voter at least. To be
    # as likely it needs half of these bits flipped, at the rate that the best one implies.
    # And were another one right, it would have had votes: so many are intact at that rate.
    rate = (fewest + 1) / (8 * length + 2)
    odds = rate / (1 - rate)
    if (high - low) * odds ** (0.5 * voters) > DOUBT or voters * (1 - rate) ** 16 < ENOUGH:
        return UNMATCHED, -1
    return _decide(query, q, packets, named, count, limit, errors)


@jit
def _by_ids(
    query: Queries,
    q: int,
    packets: Packets,
    low: int,
    high: int,
    limit: float,
    named: NDArray[np.int32],
    errors: NDArray[np.int64],
) -> tuple[int, int]:
    """As :func:`_decide`, among the packets whose id the part shows."""
    count = 0
    for k in range(query.id_counts[q]):
        at = np.searchsorted(packets.ids, query.ids[q, k])
        while at < len(packets.ids) and packets.ids[at] == query.ids[q, k]:
            n = packets.of_id[at]
            if low <= n < high and packets.lengths[n] == query.lengths[q]:
                named[count] = n
                count += 1
            at += 1
    return _decide(query, q, packets, named, count, limit, errors)


@jit
def _candidates(query: Queries, q: int, packets: Packets, window: int) -> tuple[int, int]:
    """The packets around the time of a part: from the first, to the one behind the last."""
    return (
        np.searchsorted(packets.times, query.times[q] - window),
        np.searchsorted(packets.times, query.times[q] + window, side="right"),
    )


@jit
def match_ids(
    query: Queries,
    packets: Packets,
    window: int,
    outcomes: NDArray[np.int8],
    originals: NDArray[np.int64],
) -> None:
    """Find the packets of those received parts whose ids settle it.

    Args:
        query: See :func:`match`, as for the others.
        packets: See there.
        window: See there.
        outcomes: Out: MATCHED, AMBIGUOUS, or UNMATCHED: ids settle nothing.
        originals: Out: the packet, -1 unless matched.
    """
    size = len(packets.times)
    named = np.empty(4 * size + 4, np.int32)  # an id may be shown four times
    errors = np.empty(4 * size + 4, np.int64)
    for q in range(len(query.starts)):
        outcome, original = UNMATCHED, np.int64(-1)
        if query.id_counts[q]:
            low, high = _candidates(query, q, packets, window)
            limit = by_chance(8 * query.lengths[q], high - low)
            near = min(limit, by_chance(query.id_bits[q], high - low) / 2)
            outcome, original = _by_ids(query, q, packets, low, high, near, named, errors)
        outcomes[q] = outcome
        originals[q] = original


@jit
def match(
    query: Queries,
    packets: Packets,
    window: int,
    outcomes: NDArray[np.int8],
    originals: NDArray[np.int64],
) -> None:
    """Find the packets of those received parts that are unmatched so far, by all their bits.

    Args:
        query: The parts.
        packets: All packets sent within ``window`` of any of the parts' times.
        window: In ns.
        outcomes: In and out: MATCHED, AMBIGUOUS or UNMATCHED.
        originals: In and out: the packet, -1 unless matched.
    """
    size = len(packets.times)
    votes = np.zeros(size, np.int16)
    named = np.empty(size, np.int32)
    errors = np.empty(size, np.int64)
    for q in range(len(query.starts)):
        if outcomes[q] != UNMATCHED:
            continue
        low, high = _candidates(query, q, packets, window)
        limit = by_chance(8 * query.lengths[q], high - low)
        outcome, original = UNMATCHED, np.int64(-1)
        if high - low > FEW and len(packets.grid):
            outcome, original = _by_votes(query, q, packets, low, high, limit, votes, named, errors)
        if outcome == UNMATCHED:
            count = 0
            for n in range(low, high):
                if packets.lengths[n] == query.lengths[q]:
                    named[count] = n
                    count += 1
            outcome, original = _decide(query, q, packets, named, count, limit, errors)
        outcomes[q] = outcome
        originals[q] = original
