"""What bad frames were before they were damaged, as far as anybody knows.

A frame's errors are laid over its new original by exclusive or: received, original, and what
replaces that. CRC-32 is affine, so any original will do for the syndrome to stay what it was. A
wrong one only puts errors elsewhere than they were. So of a frame of which less than all is known,
the rest is taken from what intact frames show:

* where a source knows the payload, headers are those of the intact frame of the same length and
  layout that is closest, among some before it and some behind it. The IP header may have another
  identification; what it is, the received one and its checksum say;
* where nothing is known, each MAC address is the known one next to it, if that is close.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ...dot11 import fcs, mac
from ..frames import FcsStatus, FrameBatch
from .checksums import MODULUS, follow_at, total
from .frames import address_offsets

NEAR = 32  # intact frames of a length that are looked at, on either side
CLOSE = 12  # wrong bits of an address that is taken for a known one where the payload is known ...
VERY_CLOSE = 6  # ... and where nothing is
_MATCHED = 0  # of a source's outcomes
_REWRITTEN = 4
_LENGTHS = 256  # of which frames are held from one batch to the next
_ADDRESSES = 4096  # that are remembered
_IP = 8  # bytes of LLC/SNAP
_CHECKSUM = 10  # offset in an IPv4 header
_IDENTIFICATION = 4


class Parts(Protocol):
    """What a source says of some frames; :class:`wtrec.analysis.truth.Known`."""

    @property
    def outcome(self) -> NDArray[np.int8]:
        """0 for those that it knows."""
        ...

    @property
    def begins(self) -> NDArray[np.int64]:
        """Offset of the known part of each."""
        ...

    @property
    def bounds(self) -> NDArray[np.int64]:
        """Bounds of the known parts in ``originals``."""
        ...

    @property
    def originals(self) -> NDArray[np.uint8]:
        """The known parts, one behind the other."""
        ...


class Source(Protocol):
    """Where originals come from; :class:`wtrec.analysis.truth.Truth`."""

    def learn(self, frames: FrameBatch) -> None:
        """See all of the capture first."""
        ...

    def match(self, frames: FrameBatch, rows: NDArray[np.int64]) -> Parts:
        """What is known of these bad frames."""
        ...


class State(IntEnum):
    """How much of a frame's original is known."""

    OWN = 0  # it is intact
    MATCHED = 1  # all of it
    PAYLOAD = 2  # its payload; headers are those of a close intact frame
    REWRITTEN = 3  # no bit error: a relay left it its old FCS
    UNCHECKED = 4  # it has no FCS that could be checked: taken for intact
    UNKNOWN = 5


class Original(NamedTuple):
    """A frame's original, without FCS, as long as the frame.

    ``fixed`` is a part of it that is known: where in the frame it begins, and its bytes.
    ``stale`` is the frame that a rewritten one was, if it is known.
    """

    state: State
    frame: bytes
    fixed: tuple[int, bytes] | None = None
    stale: bytes | None = None


class Originals:
    """Originals of the frames of a capture, batch by batch.

    Args:
        sources: Asked in turn, each for what those before it do not know as a whole.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self._before: dict[int, list[bytes]] = {}
        self._known: dict[int, None] = {}  # MAC addresses

    def of(self, frames: FrameBatch) -> list[Original]:
        """Those of the next batch."""
        status = frames.fcs_status
        bad = np.flatnonzero(status == FcsStatus.BAD)
        intact = self._intact(frames, status)
        parts = self._ask(frames, bad)
        found: list[Original] = []
        for row, of_row in enumerate(status.tolist()):
            mpdu = frames.mpdu(row)
            if of_row == FcsStatus.GOOD:
                found.append(Original(State.OWN, mpdu[: -fcs.LENGTH]))
            elif of_row != FcsStatus.BAD:
                has_fcs = has_fcs_field(frames, row)
                found.append(Original(State.UNCHECKED, mpdu[: -fcs.LENGTH] if has_fcs else mpdu))
            else:
                found.append(self._of_bad(mpdu, row, parts.get(row), intact))
        self._before = {
            length: [mpdu for _, mpdu in some[-NEAR:]]
            for length, some in list(intact.items())[-_LENGTHS:]
        }
        return found

    def _intact(
        self, frames: FrameBatch, status: NDArray[np.int8]
    ) -> dict[int, list[tuple[int, bytes]]]:
        """Intact frames by their length, with their rows; those before the batch have row -1."""
        found: defaultdict[int, list[tuple[int, bytes]]] = defaultdict(list)
        for length, some in self._before.items():
            found[length] = [(-1, mpdu) for mpdu in some]
        wanted = set(np.diff(frames.offsets)[status == FcsStatus.BAD].tolist())
        lengths = np.diff(frames.offsets)
        for row in np.flatnonzero(status == FcsStatus.GOOD).tolist():
            mpdu = frames.mpdu(row)
            for at in address_offsets(int.from_bytes(mpdu[:2], "little")):
                if at + 6 + fcs.LENGTH <= len(mpdu) and len(self._known) < _ADDRESSES:
                    self._known[int.from_bytes(mpdu[at : at + 6], "little")] = None
            if lengths[row] in wanted or lengths[row] in self._before:
                found[len(mpdu)].append((row, mpdu))
        return dict(found)

    def _ask(self, frames: FrameBatch, bad: NDArray[np.int64]) -> dict[int, tuple[int, int, bytes]]:
        """Outcome, offset and known part, by row."""
        parts: dict[int, tuple[int, int, bytes]] = {}
        lengths = np.diff(frames.offsets)
        left = bad
        for source in self._sources:
            known = source.match(frames, left)
            for k, row in enumerate(left.tolist()):
                part = known.originals[known.bounds[k] : known.bounds[k + 1]].tobytes()
                outcome = int(known.outcome[k])
                is_whole = len(part) == lengths[row]
                if is_whole or (row not in parts and outcome in {_MATCHED, _REWRITTEN}):
                    parts[row] = outcome, int(known.begins[k]), part
            whole = {row for row, (_, _, part) in parts.items() if len(part) == lengths[row]}
            left = np.array([row for row in left.tolist() if row not in whole], np.int64)
        return parts

    def _of_bad(
        self,
        mpdu: bytes,
        row: int,
        part: tuple[int, int, bytes] | None,
        intact: dict[int, list[tuple[int, bytes]]],
    ) -> Original:
        body = mpdu[: -fcs.LENGTH]
        near = _near(intact.get(len(mpdu), []), row)
        if part is None:
            return Original(State.UNKNOWN, self._closest_addresses(body))
        outcome, begin, known = part
        if outcome == _REWRITTEN:
            is_whole = len(known) == len(mpdu)
            stale = known[: -fcs.LENGTH] if is_whole else _stale(mpdu, near)
            if stale is not None and self._is_damaged(body, stale):
                return Original(State.REWRITTEN, stale)
            return Original(State.REWRITTEN, body, stale=stale)
        if len(known) == len(mpdu):
            return Original(State.MATCHED, known[: -fcs.LENGTH])
        fitting = [
            other for other in near if mac.udp_payload(other[: -fcs.LENGTH]) == (begin, len(known))
        ]
        if not fitting:
            frame = self._closest_addresses(body)
            frame = frame[:begin] + known + frame[begin + len(known) :]
            return Original(State.UNKNOWN, frame, (begin, known))
        closest = min(fitting, key=lambda other: _apart(other[:begin], mpdu[:begin]))
        frame = _fitted(closest[: -fcs.LENGTH], body, begin, known)
        return Original(State.PAYLOAD, frame, (begin, known))

    def _is_damaged(self, frame: bytes, original: bytes) -> bool:
        """Whether an address that differs is one with errors, which happened several times.

        That of a relay is known from intact frames, or else it is far from the one before.
        """
        for at in address_offsets(int.from_bytes(frame[:2], "little")):
            address = frame[at : at + 6]
            wrong = _apart(address, original[at : at + 6])
            if 0 < wrong <= CLOSE and int.from_bytes(address, "little") not in self._known:
                return True
        return False

    def _closest_addresses(self, frame: bytes) -> bytes:
        """The frame with known MAC addresses for those that are close to one."""
        if len(frame) < 2 or not self._known:
            return frame
        known = np.fromiter(self._known, np.uint64, len(self._known))
        fixed = bytearray(frame)
        offsets = address_offsets(int.from_bytes(frame[:2], "little"))
        for at in {*address_offsets(0), *offsets}:  # what it says of itself may be an error, too
            if at + 6 <= len(frame):
                address = np.uint64(int.from_bytes(frame[at : at + 6], "little"))
                wrong = np.bitwise_count(known ^ address)
                if wrong.min() <= VERY_CLOSE:
                    closest = int(known[int(wrong.argmin())])
                    fixed[at : at + 6] = closest.to_bytes(6, "little")
        return bytes(fixed)


def has_fcs_field(frames: FrameBatch, row: int) -> bool:
    """Whether the last bytes of a frame are an FCS, right or wrong."""
    status = frames.fcs_status[row]
    if status == FcsStatus.UNVERIFIABLE:
        return not _is_snapped(frames, row)
    return bool(status != FcsStatus.ABSENT)


def _is_snapped(frames: FrameBatch, row: int) -> bool:
    length = int(frames.offsets[row + 1] - frames.offsets[row])
    return bool(frames.column("original_length")[row].as_py() > length)


def _near(some: list[tuple[int, bytes]], row: int) -> list[bytes]:
    """Frames around a row, those of one length in the order of rows."""
    behind = next((at for at, (other, _) in enumerate(some) if other > row), len(some))
    return [mpdu for _, mpdu in some[max(0, behind - NEAR) : behind + NEAR]]


def _stale(mpdu: bytes, near: list[bytes]) -> bytes | None:
    """The frame, without FCS, that a rewritten one was: the same body, and the FCS fits."""
    wanted = int.from_bytes(mpdu[-fcs.LENGTH :], "little")
    length = mac.header_length(int.from_bytes(mpdu[:2], "little"))
    for other in near:
        if other[length : -fcs.LENGTH] == mpdu[length : -fcs.LENGTH]:
            for flags in (other[1], other[1] ^ mac.RETRY >> 8):
                frame = other[:1] + bytes([flags]) + other[2 : -fcs.LENGTH]
                if zlib.crc32(frame) == wanted:
                    return frame
    return None


def _fitted(closest: bytes, received: bytes, begin: int, known: bytes) -> bytes:
    """What a frame with a known payload most likely was, by the headers of a close intact one."""
    frame = bytearray(closest)
    control = int.from_bytes(closest[:2], "little")
    for at in address_offsets(control):  # a stranger's address is no damaged one of this flow
        if _apart(frame[at : at + 6], received[at : at + 6]) > CLOSE:
            frame[at : at + 6] = received[at : at + 6]
    ip = mac.header_length(control) + _IP
    _identify(frame, received, ip)
    change = total(known) - total(closest[begin : begin + len(known)])
    frame[begin : begin + len(known)] = known
    if any(frame[begin - 2 : begin]):
        follow_at(frame, begin - 2, change)
    return bytes(frame)


def _identify(frame: bytearray, received: bytes, ip: int) -> None:
    """Give the IP header the identification and checksum that are closest to what came.

    They depend on each other: what came of the one, of the other, or neither may be right.
    """
    at, check = ip + _IDENTIFICATION, ip + _CHECKSUM
    own = int.from_bytes(frame[at : at + 2], "big")
    own_check = int.from_bytes(frame[check : check + 2], "big")
    came = int.from_bytes(received[at : at + 2], "big")
    came_check = int.from_bytes(received[check : check + 2], "big")
    candidates = [bytes(frame)]
    for identification in (came, (own + own_check - came_check) % MODULUS):
        other = bytearray(frame)
        other[at : at + 2] = identification.to_bytes(2, "big")
        follow_at(other, check, identification - own)
        candidates.append(bytes(other))
    best = min(
        candidates,
        key=lambda other: (
            _apart(other[at : at + 2], received[at : at + 2])
            + _apart(other[check : check + 2], received[check : check + 2])
        ),
    )
    frame[:] = best


def _apart(one: bytes | bytearray, other: bytes | bytearray) -> int:
    return (int.from_bytes(one, "little") ^ int.from_bytes(other, "little")).bit_count()
