"""Packets are written when they are due, in machine code, which nothing holds up but the system.

Between the clock and the write there is one comparison: no interpreter, whose lock, memory and
caches other threads use, too. What a packet looks like on the wire is put together before its time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..jit import jit, system_call

TICK_NS = 1000  # of the counts of how late packets were
FINE = 100_000  # so many ticks are counted one by one, then a thousand at a time
SLOTS = FINE + 100_000  # up to 100 s; what is later is as late as that
STAY_NS = 20_000_000  # after so long the caller has a look at signals

# State: which packet is next; when the first and the last that left did so; did a write fail?
NEXT, FIRST, LAST, FAILED = 0, 1, 2, 3

_MONOTONIC = 1  # CLOCK_MONOTONIC
_NS = 1_000_000_000
_clock_gettime = system_call("clock_gettime", "int32", "int32", "intp")
_nanosleep = system_call("nanosleep", "int32", "intp", "intp")
_write = system_call("write", "intp", "int32", "intp", "uintp")


@jit
def _now(timespec: NDArray[np.int64]) -> int:
    _clock_gettime(_MONOTONIC, timespec.ctypes.data)
    return int(timespec[0] * _NS + timespec[1])


@jit
def late_slot(ns: int) -> int:
    """Where in the counts a packet belongs that left so long after it was due."""
    ticks = max(ns, 0) // TICK_NS
    if ticks < FINE:
        return ticks
    return min(FINE + ticks // 1000, SLOTS - 1)


@jit
def write_due(
    descriptor: int,
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
    heads: NDArray[np.uint8],
    head_starts: NDArray[np.int64],
    kinds: NDArray[np.int64],
    due: NDArray[np.int64],
    spin_ns: int,
    room: NDArray[np.uint8],
    late: NDArray[np.int64],
    state: NDArray[np.int64],
) -> None:
    """Write packets from ``state[NEXT]`` on, until all are, one fails, or ``STAY_NS`` have passed.

    Args:
        descriptor: Where to: a write is a packet.
        data: The bytes of the packets.
        starts: Where each begins in ``data``.
        stops: Where each ends.
        heads: What may stand before a packet.
        head_starts: Where each of these begins; one more says where the last ends.
        kinds: Which of them stands before each.
        due: When each is due, ns of the monotonic clock; empty: at once.
        spin_ns: For so long before that the clock is watched: a sleep may end too late.
        room: For one packet with what stands before it.
        late: Counts of packets by :func:`late_slot`, of how long after they were due they left.
        state: Brought up to date after each packet.
    """
    timespec = np.empty(2, np.int64)
    began = _now(timespec)
    for k in range(state[NEXT], len(starts)):
        head = head_starts[kinds[k]]
        head_size = head_starts[kinds[k] + 1] - head
        size = stops[k] - starts[k]
        room[:head_size] = heads[head : head + head_size]
        room[head_size : head_size + size] = data[starts[k] : stops[k]]
        now = _now(timespec)
        if len(due):
            while now < due[k]:
                if now - began > STAY_NS:
                    return
                left = min(due[k] - now, STAY_NS) - spin_ns
                if left > 0:
                    timespec[0] = 0
                    timespec[1] = left
                    _nanosleep(timespec.ctypes.data, 0)
                now = _now(timespec)
        if _write(descriptor, room.ctypes.data, head_size + size) < 0:
            state[FAILED] = 1
            return
        if len(due):
            late[late_slot(now - due[k])] += 1
        if state[FIRST] == 0:
            state[FIRST] = now
        state[LAST] = now
        state[NEXT] = k + 1
        if now - began > STAY_NS:
            return


def load() -> None:
    """Have it compiled, or loaded, before time counts."""
    none, byte, late = np.empty(0, np.int64), np.zeros(1, np.uint8), np.zeros(1, np.int64)
    late_slot(0)
    write_due(-1, byte, none, none, byte, late, none, none, 0, byte, late, np.zeros(4, np.int64))
