"""Kernel: one block of a TPACKET_V3 ring becomes Enhanced Packet Blocks.

A block of the ring (linux/if_packet.h; offsets in bytes, integers in machine order):

    tpacket_block_desc   +8 status   +12 frames   +16 offset of the first frame
    tpacket3_hdr         +0 next     +4 s   +8 ns   +12 captured   +16 length   +24 mac (u16)

"next" counts from this frame's header to the next one's, "mac" from the header to the
frame's first byte. What is written for each frame (pcapng draft, section 4.3):

     0       4       8       12      16      20      24      28
    +-------+-------+-------+-------+-------+-------+-------+----------------+
    | 6     | total | iface | time high, low| capt. | length| frame, padded  |
    +-------+-------+-------+-------+-------+-------+-------+----------------+
    | 2 | 4 | flags         | 4 | 8 | drop count    | 0 | 0 | total |
    +-------+-------+-------+-------+-------+-------+-------+-------+

with times in nanoseconds (if_tsresol 9) and the drop count only on the first frame after a
loss. ``epb_flags`` repeats what the Radiotap header claims: inbound, FCS of four octets
(Flags 0x10), CRC error (Flags 0x40), preamble error (RX flags 0x0002).

Both sides are read and written as 32-bit words of the machine, so the capture's section is in
the machine's byte order, which is little-endian wherever numba runs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..jit import jit

FLAGS_INBOUND = 0x0000_0001
FLAGS_FCS_LENGTH_4 = 0x0000_0080
FLAGS_CRC_ERROR = 0x0100_0000
FLAGS_PREAMBLE_ERROR = 0x4000_0000

# Why ``write_block`` ended before the block did
NO_LIMIT, FRAME_LIMIT, BYTE_LIMIT, TIME_LIMIT = range(4)

_FLAG_FCS_AT_END = 0x10
_FLAG_BAD_FCS = 0x40
_RX_FLAG_BAD_PLCP = 0x0002

# Radiotap fields 0 to 14, TSFT to RX flags (radiotap.org/fields/defined)
_ALIGNMENT = np.array([8, 1, 1, 2, 2, 1, 1, 2, 2, 2, 1, 1, 1, 1, 2], dtype=np.int64)
_SIZE = np.array([8, 1, 1, 4, 2, 1, 1, 2, 2, 2, 1, 1, 1, 1, 2], dtype=np.int64)


@jit
def _word(words: NDArray[np.uint32], index: int) -> int:
    """One word as a signed integer: numba makes a float of signed and unsigned ones together."""
    return int(np.int64(words[index]))


@jit
def claimed_flags(block: NDArray[np.uint8], start: int, length: int) -> int:
    """What the Radiotap header at ``block[start : start + length]`` says, as ``epb_flags`` bits.

    A header that is damaged or lacks the fields claims nothing: 0.
    """
    if length < 8 or block[start] != 0:
        return 0
    end = np.int64(block[start + 2]) | np.int64(block[start + 3]) << 8
    if end > length:
        return 0
    at = 4
    while at + 4 <= end and block[start + at + 3] & 0x80:  # another present word follows
        at += 4
    at += 4
    claimed = 0
    for bit in range(15):
        if block[start + 4 + bit // 8] >> (bit % 8) & 1 == 0:
            continue
        at += -at % _ALIGNMENT[bit]
        if at + _SIZE[bit] > end:
            break
        if bit == 1:
            flags = block[start + at]
            if flags & _FLAG_FCS_AT_END:
                claimed |= FLAGS_FCS_LENGTH_4
            if flags & _FLAG_BAD_FCS:
                claimed |= FLAGS_CRC_ERROR
        if bit == 14 and block[start + at] & _RX_FLAG_BAD_PLCP:
            claimed |= FLAGS_PREAMBLE_ERROR
        at += _SIZE[bit]
    return claimed


@jit
def write_block(
    block: NDArray[np.uint8],
    words: NDArray[np.uint32],
    out: NDArray[np.uint8],
    out_words: NDArray[np.uint32],
    first: int,
    interface: int,
    radiotap: bool,
    snap_length: int,
    frame_limit: int,
    byte_limit: int,
    not_after: int,
    drops: int,
) -> tuple[int, int, int, int, int]:
    """Write the frames of one block, from one of them on, until one is beyond a limit.

    Args:
        block: The ring's block.
        words: The same memory as 32-bit words.
        out: Room for the output. As much as the block has is enough: the ring spends at least 68
            bytes on a frame beside its own, a block of the capture at most 59.
        out_words: The same memory as 32-bit words.
        first: Frames of the block that are passed over: they have been written.
        interface: Number of its interface in the capture.
        radiotap: Whether frames begin with a Radiotap header.
        snap_length: Most bytes kept of a frame.
        frame_limit: Most frames written.
        byte_limit: Most bytes written.
        not_after: Time of the last frame that is written, nanoseconds since 1970.
        drops: Frames lost before the first frame that is written.

    Returns:
        Bytes written, frames written, those of them with the driver's claim of a bad FCS, the
        limit that the next frame is beyond, ``NO_LIMIT`` if there is no next frame, and that
        frame's time, 0 if there is none.
    """
    size = 0
    written = 0
    bad = 0
    header = _word(words, 4)
    for number in range(_word(words, 3)):
        word = header // 4
        if number < first:
            header += _word(words, word)
            continue
        time = _word(words, word + 1) * 1_000_000_000 + _word(words, word + 2)
        ring_length = _word(words, word + 3)
        captured = min(ring_length, snap_length)
        padded = captured + 3 & ~3
        total = padded + (56 if drops else 44)
        if time > not_after:
            return size, written, bad, TIME_LIMIT, time
        if written == frame_limit:
            return size, written, bad, FRAME_LIMIT, time
        if size + total > byte_limit:
            return size, written, bad, BYTE_LIMIT, time
        start = header + (_word(words, word + 6) & 0xFFFF)
        flags = FLAGS_INBOUND
        if radiotap:
            flags |= claimed_flags(block, start, ring_length)
        if flags & FLAGS_CRC_ERROR:
            bad += 1

        at = size // 4
        out_words[at] = 6
        out_words[at + 1] = total
        out_words[at + 2] = interface
        out_words[at + 3] = time >> 32
        out_words[at + 4] = time & 0xFFFFFFFF
        out_words[at + 5] = captured
        out_words[at + 6] = words[word + 4]
        body = size + 28
        source, copy = block[start : start + captured], out[body : body + captured]
        for i in range(captured):  # faster than assigning the slice: it is made of wide moves
            copy[i] = source[i]
        out[body + captured : body + padded] = 0
        at = (body + padded) // 4
        out_words[at] = 4 << 16 | 2  # epb_flags
        out_words[at + 1] = flags
        at += 2
        if drops:
            out_words[at] = 8 << 16 | 4  # epb_dropcount
            out_words[at + 1] = drops & 0xFFFFFFFF
            out_words[at + 2] = drops >> 32
            at += 3
            drops = 0
        out_words[at] = 0  # opt_endofopt
        out_words[at + 1] = total
        size += total
        written += 1
        header += _word(words, word)
    return size, written, bad, NO_LIMIT, 0
