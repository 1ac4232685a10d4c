"""Frames that somebody sent on with other addresses and the old FCS: bad, but by no bit error.

Some relays and drivers change the addresses of a frame and leave its FCS as it was, so the FCS
fails at every receiver. Such a frame shows itself thus, all of it together:

* its body is intact: equal to the original's;
* its FCS is *stale*: the one that the frame had with the original's header;
* its own header is no accident: an intact frame has the same kind, direction and addresses, or
  several bad frames have, which bit errors do not do.

An error that hit the header alone fulfils the first two, never the third: its addresses occur
once. A relay that changes the header's length is not found.
"""

from __future__ import annotations

import functools
import operator
import zlib
from collections import Counter

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..datasets.frames import FcsStatus, FrameBatch
from ..dot11 import fcs, mac
from .rewritten_kernel import LONGEST, list_headers

REPEATS = 3  # bad frames that must have a header which no intact one has
LEAST_BITS = 4  # of the header that a relay changes at least: fewer may be an error that repeats
LEAST_BODY = 8

_ADDRESSES = slice(4, 22)
_SEQUENCE = slice(22, 24)
_MOST = 4096  # headers that are remembered; the rarest are forgotten
_TEMPLATES = 32  # of these, the most frequent, that may explain an FCS
_LAYOUTS = 64  # lengths for which the effects of sequence numbers are remembered
_KIND = (0xFF, (mac.TO_DS | mac.FROM_DS) >> 8)  # type and subtype, direction


def header_of(mpdu: bytes) -> bytes | None:
    """The MAC header of a data frame that has a body and an FCS; None if it is none."""
    if len(mpdu) < 2:
        return None
    control = int.from_bytes(mpdu[:2], "little")
    length = mac.header_length(control)
    if mac.frame_type(control) != mac.DATA or len(mpdu) < length + LEAST_BODY + fcs.LENGTH:
        return None
    return mpdu[:length]


class Headers:
    """The headers of a capture: whose addresses are real, and with which a stale FCS was made."""

    def __init__(self) -> None:
        self._good: Counter[bytes] = Counter()  # headers without sequence number
        self._bad: Counter[bytes] = Counter()  # their kinds and addresses
        self._good_hops: set[bytes] | None = None

    def learn(self, frames: FrameBatch) -> None:
        """See the headers of a batch."""
        self._good_hops = None
        for status, seen in ((FcsStatus.GOOD, self._good), (FcsStatus.BAD, self._bad)):
            for header, count in _headers(frames, np.flatnonzero(frames.fcs_status == status)):
                seen[header if seen is self._good else _hop(header)] += count
            if len(seen) > _MOST:
                kept = seen.most_common(_MOST // 2)
                seen.clear()
                seen.update(dict(kept))

    def is_rewritten(self, received: bytes, original: bytes) -> bool:
        """Whether a frame is its original with another header and the original's FCS."""
        if received[LONGEST:] != original[LONGEST:]:  # most are told by that
            return False
        header = header_of(received)
        if header is None or len(received) != len(original):
            return False
        length = len(header)
        return (
            received[length:] == original[length:]
            and mac.header_length(int.from_bytes(original[:2], "little")) == length
            and _differs(header, original[:length])
            and self._is_real(header)
        )

    def explains(self, received: bytes) -> bool:
        """Whether a known header of other addresses makes the FCS of this frame's body.

        For a body that is known to be intact but whose original header is not: all sequence
        numbers are tried.
        """
        header = header_of(received)
        if header is None or not self._is_real(header):
            return False
        length = len(header)
        body = received[length : -fcs.LENGTH]
        wanted = int.from_bytes(received[-fcs.LENGTH :], "little")
        effects = _sequence_effects(len(received))
        for template, _ in self._good.most_common(_TEMPLATES):
            if len(template) != length or not _differs(header, template):
                continue
            for other in (template, with_retry(template)):
                if zlib.crc32(body, zlib.crc32(other)) ^ wanted in effects:
                    return True
        return False

    def _is_real(self, header: bytes) -> bool:
        if self._good_hops is None:
            self._good_hops = {_hop(known) for known in self._good}
        hop = _hop(header)
        return hop in self._good_hops or self._bad[hop] >= REPEATS


def with_retry(header: bytes) -> bytes:
    """A header with its Retry bit the other way round."""
    return bytes([header[0], header[1] ^ mac.RETRY >> 8]) + header[2:]


def _hop(header: bytes) -> bytes:
    """From whom to whom: kind, direction and addresses, without what changes with each frame."""
    control = bytes([header[0] & _KIND[0], header[1] & _KIND[1]])
    return control + header[_ADDRESSES] + header[_SEQUENCE.stop : _SEQUENCE.stop + 6]


def _differs(one: bytes, other: bytes) -> bool:
    """Whether two headers differ in an address, and in more than an error event may change."""
    bits = (int.from_bytes(one, "little") ^ int.from_bytes(other, "little")).bit_count()
    return one[_ADDRESSES] != other[_ADDRESSES] and bits >= LEAST_BITS


def _headers(frames: FrameBatch, rows: NDArray[np.int64]) -> list[tuple[bytes, int]]:
    """The distinct headers of the data frames among these, sequence numbers zero, and how many."""
    headers = np.zeros((len(rows), LONGEST), np.uint8)
    count = list_headers(frames.data, frames.offsets, rows, headers)
    array = pa.Array.from_buffers(pa.binary(LONGEST), count, [None, pa.py_buffer(headers)])
    found = []
    for seen in sorted(array.value_counts().to_pylist(), key=operator.itemgetter("values")):
        header = seen["values"]
        length = mac.header_length(int.from_bytes(header[:2], "little"))
        found.append((header[:length], seen["counts"]))
    return found


@functools.lru_cache(_LAYOUTS)
def _sequence_effects(length: int) -> frozenset[int]:
    """What each sequence number adds to the FCS of a frame of ``length`` bytes."""
    behind = length - _SEQUENCE.stop - fcs.LENGTH
    blank = zlib.crc32(bytes(2 + behind))
    bits = [
        zlib.crc32((1 << bit).to_bytes(2, "little") + bytes(behind)) ^ blank for bit in range(4, 16)
    ]
    effects = [0]
    for bit in bits:
        effects += [effect ^ bit for effect in effects]
    return frozenset(effects)
