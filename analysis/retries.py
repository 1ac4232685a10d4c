"""Airtime that repairs would have saved: that of the retransmissions which a capture holds.

Once an algorithm has repaired a frame rightly, later transmissions of the same packet need not
have been. They are those with the Retry bit and the same receiver, transmitter, sequence and
fragment number, type, length and interface, at most ``WINDOW`` frames later: sequence numbers
repeat after 4,096 packets. Each counts once, for the first repair of its packet.

The header is the original's where the truth has it, that of the frame itself where its FCS is
good, and that of the repaired frame. Of a bad frame whose original header is not known, it is
taken as received: if it names a repaired packet it is intact, since chance would not name it.
If not, and its Retry bit is set, the frame may be a retransmission that cannot be attributed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.frames import FcsStatus, FrameBatch
from ..dot11 import mac
from .grouping import Sums
from .kernels import CORRECT
from .scoring import Verdicts
from .truth import Known

WINDOW = 4096

_HEADER = 24
_SHORTEST = _HEADER + 4
_RETRY = mac.RETRY >> 8  # in the second byte
_WITHOUT_SEQUENCE = 1 << 2  # in the first: control frames and extensions

Key = tuple[int, bytes, bytes, int, int]


class Packets:
    """Which packet the frames of a batch belong to.

    Args:
        frames: The batch.
        bad: Its bad frames.
        known: What is known of these.
    """

    def __init__(self, frames: FrameBatch, bad: NDArray[np.int64], known: Known) -> None:
        self._frames = frames
        self._interfaces = frames.column("interface").to_numpy()
        self._lengths = np.diff(frames.offsets)
        self._good = frames.fcs_status == FcsStatus.GOOD
        whole = (known.begins == 0) & (np.diff(known.bounds) >= _HEADER)
        self._known = known
        self._original = dict(zip(bad[whole].tolist(), np.flatnonzero(whole).tolist(), strict=True))
        self._bad = bad
        self.retries = self._retries()

    def header(self, row: int) -> tuple[bytes, bool]:
        """The MAC header of a frame, and whether it is known to be as it was sent."""
        place = self._original.get(row)
        if place is not None:
            start = self._known.bounds[place]
            return self._known.originals[start : start + _HEADER].tobytes(), True
        at = self._frames.offsets[row]
        return self._frames.data[at : at + _HEADER].tobytes(), bool(self._good[row])

    def key(self, row: int, header: bytes) -> Key | None:
        """The packet that a header names; None if it names none."""
        if len(header) < _HEADER or self._lengths[row] < _SHORTEST:
            return None
        if header[0] & _WITHOUT_SEQUENCE:
            return None
        return (
            header[0],
            header[4:16],
            header[22:24],
            int(self._lengths[row]),
            int(self._interfaces[row]),
        )

    def repaired(self, row: int, header: bytes, flips: NDArray[np.int64]) -> Key | None:
        """The packet of a frame that was repaired rightly, and whose header was not known."""
        if len(flips) and flips[0] < 8 * len(header):
            mended = bytearray(header)
            for flip in flips[flips < 8 * len(mended)].tolist():
                mended[flip >> 3] ^= 1 << (flip & 7)
            header = bytes(mended)
        return self.key(row, header)

    def _retries(self) -> list[int]:
        """Frames with the Retry bit, of sound headers where there are any."""
        long = np.flatnonzero(self._lengths >= _SHORTEST)
        second = np.zeros(len(self._lengths), np.uint8)
        second[long] = self._frames.data[self._frames.offsets[long] + 1]
        for row in self._original:
            second[row] = self.header(row)[0][1]
        judged = np.isin(self._frames.fcs_status, (FcsStatus.GOOD, FcsStatus.BAD))
        return np.flatnonzero(judged & ((second & _RETRY) != 0)).tolist()


class SavedAirtime:
    """What one algorithm's right repairs would have saved, by group of the repaired frame."""

    def __init__(self) -> None:
        self.unattributed = 0
        self._sums = Sums(4)
        self._open: dict[Key, tuple[int, int]] = {}  # the repair's frame number and group

    def add(
        self,
        frames: FrameBatch,
        bad: NDArray[np.int64],
        packets: Packets,
        verdicts: Verdicts,
        codes: NDArray[np.int64],
        durations_us: NDArray[np.float64],
    ) -> None:
        """Count a batch.

        Args:
            frames: The batch.
            bad: Its bad frames.
            packets: The packets of its frames.
            verdicts: The algorithm's.
            codes: The group of each frame.
            durations_us: The airtime of each frame; NaN where it is not known.
        """
        fixed = np.flatnonzero(verdicts.codes == CORRECT)
        repairs = {int(bad[verdicts.where[place]]): int(place) for place in fixed}
        first = int(frames.number[0])
        self._open = {key: value for key, value in self._open.items() if value[0] >= first - WINDOW}
        found: list[tuple[int, float, float, float, float]] = []
        for row in sorted({*repairs, *packets.retries}):
            number = int(frames.number[row])
            header, sound = packets.header(row)
            key = packets.key(row, header)
            opened = self._open.get(key) if key else None
            is_retry = bool(header[1] & _RETRY)
            if opened and is_retry and number - opened[0] <= WINDOW:
                duration = float(durations_us[row])
                timed = not np.isnan(duration)
                found.append((opened[1], 0, 0, timed, duration if timed else 0))
                continue
            if not sound and row not in repairs:
                self.unattributed += 1
            if row in repairs:
                if not sound:
                    place = repairs[row]
                    flips = verdicts.flips[verdicts.bounds[place] : verdicts.bounds[place + 1]]
                    key = packets.repaired(row, header, flips)
                found.append((int(codes[row]), 1, key is None, 0, 0))
                if key:
                    self._open[key] = (number, int(codes[row]))
        if found:
            groups, *measures = (np.array(column) for column in zip(*found, strict=True))
            self._sums.add(groups.astype(np.int64), *measures)

    def to_json(self, code: int, airtime_us: float) -> dict[str, Any]:
        """A group's row; see docs/throughput.md.

        Args:
            code: The group.
            airtime_us: Of all frames of the group.
        """
        packets, nameless, retransmissions, saved = self._sums.of(code)
        return {
            "packets": round(packets),
            "nameless": round(nameless),
            "retransmissions": round(retransmissions),
            "airtime_us": saved,
            "share": saved / airtime_us if airtime_us else None,
        }
