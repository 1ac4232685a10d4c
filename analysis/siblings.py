"""Truth from the capture alone: intact copies of a packet say what a broken one was.

An access point sends on what it hears (other MAC header, same body), senders repeat what was
not acknowledged (Retry bit, maybe another duration), and several interfaces hear the same. So a
broken frame's original is put together from

* the *body* of an intact frame within ``WINDOW_S``, one of the closest to the broken one's, and
* a *header*: that copy's own, or one that other intact frames of that time have, with the
  sequence number that was received or one near those of the same transmitter.

The FCS proves it: an original counts as **exact** if its FCS is the one received. So many
combinations are tried that a false one passes at most once in about a hundred thousand frames.
If the FCS field was hit as well, nothing proves the rest; an original whose FCS differs from the
received one by no more than ``FCS_BITS`` bits, out of the few most plausible combinations, is
**likely**, counted apart, and used for bit counts only on request.

The capture is read along with the analysis, a window ahead, so memory stays bounded.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..closing import Closing
from ..datasets.frames import FcsStatus, FrameBatch
from ..datasets.parts import Parts
from ..datasets.reader import CaptureReader
from ..dot11 import fcs, mac
from .kernels import nearest
from .match_kernel import by_chance
from .rewritten import Headers, header_of, with_retry
from .times import NO_TIME, frame_times
from .truth import SHORTEST_FRAME, Known, Outcome

WINDOW_S = 1.0
FCS_BITS = 3

_WINDOW_NS = int(WINDOW_S * 1_000_000_000)
_BODIES = 32  # the closest that are tried
_HEADERS = 16
_SEQUENCES = 8  # on either side of those that the transmitter had before and after
_LIKELY_BODIES = 2
_LIKELY_HEADERS = 4
_NEXT_TO = 1 << 12


@dataclass(frozen=True, slots=True)
class _Intact:
    """The intact data frames of a batch that have a body."""

    last_number: int
    last_time: int
    times: NDArray[np.int64]
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]  # without FCS
    headers: NDArray[np.int64]  # length
    data: NDArray[np.uint8]

    @classmethod
    def of(cls, frames: FrameBatch) -> _Intact:
        times = frame_times(frames, _WINDOW_NS)
        starts = frames.offsets[:-1].astype(np.int64)
        stops = frames.offsets[1:].astype(np.int64) - fcs.LENGTH
        rows = np.flatnonzero(
            (frames.fcs_status == FcsStatus.GOOD) & (times != NO_TIME) & (stops - starts > 24)
        )
        first, second = frames.data[starts[rows]], frames.data[starts[rows] + 1]
        controls, which = np.unique(
            first.astype(np.int64) | second.astype(np.int64) << 8, return_inverse=True
        )
        is_data = np.array([mac.frame_type(int(c)) == mac.DATA for c in controls], np.bool_)
        lengths = np.array([mac.header_length(int(c)) for c in controls], np.int64)
        kept = np.flatnonzero(is_data[which]) if len(rows) else rows
        rows, headers = rows[kept], lengths[which[kept]] if len(rows) else rows
        return cls(
            int(frames.number[-1]),
            int(times.max()),
            times[rows],
            starts[rows],
            stops[rows],
            headers,
            frames.data,
        )

    def near(self, time: int) -> NDArray[np.int64]:
        """The frames within a window of a time."""
        return np.flatnonzero(np.abs(self.times - time) <= _WINDOW_NS)

    def header(self, n: int) -> bytes:
        return self.data[self.starts[n] : self.starts[n] + self.headers[n]].tobytes()


class SiblingsTruth(Closing):
    """Originals from intact copies in the same capture; a context manager.

    Args:
        capture: The capture; it is opened a second time.
        likely: Use likely originals, too.
    """

    def __init__(self, capture: Path | Parts, *, likely: bool = False) -> None:
        self._likely = likely
        self._reader = CaptureReader(capture)
        self._batches: Iterator[FrameBatch] = iter(self._reader)
        self._window: deque[_Intact] = deque()
        self._headers = Headers()
        self._ended = False

    def close(self) -> None:
        """Give the capture back."""
        self._reader.close()

    @property
    def kind(self) -> str:
        """As the option ``--truth`` names it."""
        return "likely-siblings" if self._likely else "siblings"

    @property
    def description(self) -> str:
        """What the originals are put together from."""
        return "intact copies of the same packets" + (", likely ones too" if self._likely else "")

    def learn(self, frames: FrameBatch) -> None:
        """Learn who sends to whom."""
        self._headers.learn(frames)

    def match(self, frames: FrameBatch, rows: NDArray[np.int64]) -> Known:
        """The original of each frame that an intact copy gives."""
        times = frame_times(frames, _WINDOW_NS)
        timed = times[times != NO_TIME]
        if len(timed):
            self._forget(int(frames.number[0]), int(timed.min()))
        parts = []
        for row in rows:
            outcome, original = Outcome.UNMATCHED, b""
            mpdu = frames.mpdu(int(row))
            if len(mpdu) < SHORTEST_FRAME:
                outcome = Outcome.NOT_A_FRAME
            elif times[row] != NO_TIME:
                self._advance(int(frames.number[row]), int(times[row]))
                outcome, original = self._original(mpdu, int(times[row]))
            parts.append((outcome, 0, original))
        return Known.of(parts)

    def _advance(self, number: int, time: int) -> None:
        """Read until a window behind this frame."""
        while not self._ended and (
            not self._window
            or self._window[-1].last_number <= number
            or self._window[-1].last_time <= time + _WINDOW_NS
        ):
            batch = next(self._batches, None)
            if batch is None:
                self._ended = True
            else:
                self._window.append(_Intact.of(batch))

    def _forget(self, number: int, time: int) -> None:
        """Leave what is before these frames, in the file and in time."""
        while (
            self._window
            and self._window[0].last_number < number
            and self._window[0].last_time < time - _WINDOW_NS
        ):
            self._window.popleft()

    def _original(self, mpdu: bytes, time: int) -> tuple[Outcome, bytes]:
        near = [(block, block.near(time)) for block in self._window]
        near = [(block, rows) for block, rows in near if len(rows)]
        received_fcs = int.from_bytes(mpdu[-fcs.LENGTH :], "little")
        headers = _Hops(mpdu, near, time)
        likely: list[tuple[int, bytes]] = []
        for length in headers.lengths:
            bodies = _closest_bodies(mpdu, length, near)
            if not bodies:
                continue
            table = headers.effects(length, len(mpdu))
            for rank, (body, own) in enumerate(bodies.items()):
                blank = zlib.crc32(body, zlib.crc32(bytes(length)))
                header = table.get(blank ^ received_fcs)
                for known in own if header is None else ():
                    for other in (known, with_retry(known)):
                        if zlib.crc32(body, zlib.crc32(other)) == received_fcs:
                            header = other
                if header is not None and len(header) == length:
                    original = header + body + mpdu[-fcs.LENGTH :]
                    if self._headers.is_rewritten(mpdu, original):
                        return Outcome.REWRITTEN, b""
                    return Outcome.MATCHED, original
                if rank < _LIKELY_BODIES:
                    for effect, header in headers.plausible(table):
                        wrong = (blank ^ received_fcs ^ effect).bit_count()
                        if wrong <= FCS_BITS:
                            likely.append((wrong, fcs.append(header + body)))
        if likely:
            fewest = min(wrong for wrong, _ in likely)
            originals = {original for wrong, original in likely if wrong == fewest}
            if len(originals) > 1:
                return Outcome.AMBIGUOUS, b""
            if self._likely:
                return Outcome.MATCHED, originals.pop()
            return Outcome.LIKELY, b""
        return Outcome.UNMATCHED, b""


class _Hops:
    """Headers that a frame may have had, the closest to the received one first.

    Args:
        mpdu: The frame as received.
        near: Intact frames of its time.
        time: When it came.
    """

    def __init__(
        self, mpdu: bytes, near: list[tuple[_Intact, NDArray[np.int64]]], time: int
    ) -> None:
        self._mpdu = mpdu
        self._templates: dict[bytes, None] = {}
        before: dict[bytes, tuple[int, int]] = {}  # transmitter: time, sequence number
        after: dict[bytes, tuple[int, int]] = {}
        for block, rows in near:
            for n in rows.tolist():
                header = block.header(n)
                sequence = int.from_bytes(header[22:24], "little") >> 4
                self._templates[header[:22] + b"\0\0" + header[24:]] = None
                when, sender = int(block.times[n]), header[10:16]
                if when <= time and (sender not in before or before[sender][0] <= when):
                    before[sender] = when, sequence
                if when >= time and (sender not in after or after[sender][0] > when):
                    after[sender] = when, sequence
        self._before = {sender: sequence for sender, (_, sequence) in before.items()}
        self._after = {sender: sequence for sender, (_, sequence) in after.items()}
        self._templates.update({with_retry(header): None for header in self._templates})
        self._own = header_of(mpdu)

    @property
    def lengths(self) -> list[int]:
        """Of the headers, in bytes, the likeliest first."""
        own = [len(self._own)] if self._own else []
        return list(dict.fromkeys([*own, *map(len, self._templates)]))

    def effects(self, length: int, frame_length: int) -> dict[int, bytes]:
        """Headers of a length by what they add to the FCS of a frame, the closest first."""
        behind = bytes(frame_length - fcs.LENGTH - length)
        blank = zlib.crc32(behind, zlib.crc32(bytes(length)))
        found: dict[int, bytes] = {}
        closest = sorted(
            (template for template in self._templates if len(template) == length),
            key=lambda template: _apart(template[:22], self._mpdu[:22]),
        )
        received = int.from_bytes(self._mpdu[22:24], "little")
        if self._own and len(self._own) == length:
            found[zlib.crc32(behind, zlib.crc32(self._own)) ^ blank] = self._own
        as_received = [
            self._mpdu[:4] + template[4:]
            for template in closest[:_LIKELY_HEADERS]
            if self._own and len(self._own) == length and template[:1] == self._mpdu[:1]
        ]  # flags such as More Data, and the duration, are the frame's own
        for template in dict.fromkeys([*closest[:_HEADERS], *as_received]):
            for sequence in self._sequences(template[10:16], received >> 4):
                control = (sequence << 4 | received & 15 * (sequence == received >> 4)) & 0xFFFF
                header = template[:22] + control.to_bytes(2, "little") + template[24:]
                found.setdefault(zlib.crc32(behind, zlib.crc32(header)) ^ blank, header)
        return found

    def plausible(self, table: dict[int, bytes]) -> list[tuple[int, bytes]]:
        """The headers that are closest to the received one."""
        length = len(next(iter(table.values())))
        return sorted(table.items(), key=lambda entry: _apart(entry[1], self._mpdu[:length]))[
            :_LIKELY_HEADERS
        ]

    def _sequences(self, sender: bytes, received: int) -> list[int]:
        """Sequence numbers that a frame of this sender may have had now."""
        near = [known[sender] for known in (self._before, self._after) if sender in known]
        around = [
            (sequence + step) % _NEXT_TO
            for sequence in near
            for step in range(-_SEQUENCES, _SEQUENCES + 1)
        ]
        return list(dict.fromkeys([received, *around]))


def _closest_bodies(
    mpdu: bytes, header: int, near: list[tuple[_Intact, NDArray[np.int64]]]
) -> dict[bytes, list[bytes]]:
    """Intact bodies that are closer to the received one than unrelated ones, with their headers."""
    length = len(mpdu) - header - fcs.LENGTH
    if length <= 0:
        return {}
    part = np.frombuffer(mpdu, np.uint8)[header : header + length]
    found: list[tuple[int, bytes, bytes]] = []
    count = sum(len(rows) for _, rows in near)
    limit = by_chance(8 * length, count)
    for block, rows in near:
        begins = block.starts[rows] + block.headers[rows]
        fit = block.stops[rows] - begins == length
        begins, frames = begins[fit], rows[fit]
        distances = np.empty(len(begins), np.int64)
        nearest(part, block.data, begins, distances)
        for at in np.argsort(distances, kind="stable")[: 4 * _BODIES]:
            if distances[at] < limit:
                body = block.data[begins[at] : begins[at] + length].tobytes()
                found.append((int(distances[at]), body, block.header(int(frames[at]))))
    found.sort(key=lambda entry: entry[0])
    bodies: dict[bytes, list[bytes]] = {}
    for _, body, own in found:
        if body in bodies or len(bodies) < _BODIES:
            bodies.setdefault(body, []).append(own)
    return bodies


def _apart(one: bytes, other: bytes) -> int:
    return (int.from_bytes(one, "little") ^ int.from_bytes(other, "little")).bit_count()
