"""Compiled loops around the search in a tx log: ids that frames show, intact ends, originals."""

# mypy: disable-error-code="assignment, arg-type, return-value, no-any-return"
# pyright: reportArgumentType=false, reportAssignmentType=false, reportReturnType=false
# numba types the inside of kernels: fixed-width integers, where annotations say int.

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..jit import lean_jit
from .match_kernel import Packets, Queries

STAMPS = 3  # at most, in a self-describing payload
MOST_IDS = STAMPS + 1  # and their majority


@lean_jit
def show_ids(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    stamps: NDArray[np.int64],
    ids: NDArray[np.uint64],
    counts: NDArray[np.int64],
) -> None:
    """The packet ids that frames may have; :func:`wtrec.datasets.payload.packet_ids` says which.

    Args:
        data: The bytes of all frames.
        starts: Where each frame begins.
        stamps: Where in the frame its ids stand, shape (frames, STAMPS); -1 for none, at the end.
        ids: Out, shape (frames, MOST_IDS): each id once, the likeliest first.
        counts: Out: how many of each.
    """
    for k in range(len(starts)):
        stood = 0
        for s in range(STAMPS):
            if stamps[k, s] < 0:
                break
            number = np.uint64(0)
            for i in range(8):
                byte = np.uint64(data[starts[k] + stamps[k, s] + i])
                number |= byte << np.uint64(8 * i)
            ids[k, s] = number
            stood += 1
        if stood == STAMPS:
            a, b, c = ids[k, 0], ids[k, 1], ids[k, 2]
            ids[k, 0] = a & b | a & c | b & c
            ids[k, 1], ids[k, 2], ids[k, 3] = a, b, c
            stood += 1
        count = 0
        for s in range(stood):
            is_new = True
            for before in range(count):
                is_new &= ids[k, before] != ids[k, s]
            if is_new:
                ids[k, count] = ids[k, s]
                count += 1
        counts[k] = count


@lean_jit
def find_intact(
    query: Queries,
    packets: Packets,
    originals: NDArray[np.int64],
    begin: int,
    intact: NDArray[np.bool_],
) -> None:
    """Which received parts are equal to their packets from byte ``begin`` on.

    Args:
        query: The parts.
        packets: The packets.
        originals: The packet of each part, of its length; -1 for none.
        begin: Bytes in front of it may differ.
        intact: Out; False where there is no packet.
    """
    for q in range(len(originals)):
        same = originals[q] >= 0
        if same:
            received, sent = query.starts[q], packets.starts[originals[q]]
            for i in range(begin, query.lengths[q]):
                if query.data[received + i] != packets.data[sent + i]:
                    same = False
                    break
        intact[q] = same


@lean_jit
def take_parts(
    packets: Packets, originals: NDArray[np.int64], taken: NDArray[np.uint8], end: int
) -> int:
    """Append packets to others.

    Args:
        packets: The packets.
        originals: Which of them, in order; negative ones are passed over.
        taken: In and out: their bytes.
        end: So many are taken already.

    Returns:
        How many are taken then.
    """
    for q in range(len(originals)):
        if originals[q] < 0:
            continue
        start, length = packets.starts[originals[q]], np.int64(packets.lengths[originals[q]])
        for i in range(length):
            taken[end + i] = packets.data[start + i]
        end += length
    return end
