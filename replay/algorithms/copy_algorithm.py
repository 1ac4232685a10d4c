"""What algorithms that combine copies share: frames come in, groups are held, answers go out.

Held are the frames of the last ``window_ms``, at most ``MAX_HELD``. When one is dropped that is
not repaired it is abstained on, with no ``candidates`` if it had no copy, or none that could be
searched. A group is tried again with each copy that comes, and all of it is answered for as soon
as the packet is known, so the answers do not depend on how the capture comes in batches.

Intact frames are left aside unless ``intact`` is set: a receiver that has one needs no repair of
the others, and counting these would make any algorithm look as good as the retransmissions are.
With it a frame is repaired to its intact copy, before or after it, at this receiver or another.

Time goes on with the frame before where it is missing.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Mapping
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...datasets.frames import FcsStatus, FrameBatch
from ..algorithm import Repairs
from . import copies_kernel
from .combining import MOST, Bits, Search, powers
from .copies import Copy, Group, Held, aligned, strangers
from .search import check_gate

MAX_COPIES: Final = 16  # of one packet that are combined
LONGEST: Final = 11_454  # bytes: no MPDU is longer

_NS_PER_MS = 1_000_000
_LONGEST_MS = 60_000
_USUAL_BITS = 1 << 14  # of a frame


class CopyAlgorithm(abc.ABC):
    """Base of algorithms that combine copies: they answer :meth:`combine`.

    Args:
        gap: From a bit to the next, from which on they are of two clusters.
        max_clusters: Largest number of clusters in one search.
        window_ms: How far apart in time copies are at most.
        gate: Largest expected number of false candidates at which a repair is claimed.
        intact: Whether to take what an intact copy says.

    Raises:
        ValueError: A parameter out of range.
    """

    name: str

    def __init__(
        self,
        gap: int = 7,
        max_clusters: int = 20,
        window_ms: float = 100.0,
        gate: float = 0.01,
        intact: bool = False,
    ) -> None:
        if gap < 1:
            raise ValueError(f"gap={gap}, wanted at least 1")
        if not 1 <= max_clusters <= MOST:
            raise ValueError(f"max_clusters={max_clusters}, wanted 1 to {MOST}")
        if not 0 < window_ms <= _LONGEST_MS:
            raise ValueError(f"window_ms={window_ms}, wanted above 0, at most {_LONGEST_MS}")
        self._gap = gap
        self._most = max_clusters
        self._gate = check_gate(gate)
        self._intact = intact
        self._held = Held(round(window_ms * _NS_PER_MS))
        self._clock = Clock()
        self._answers = Answers()
        self._pairs = self._repaired = self._common = 0
        _warm()

    @abc.abstractmethod
    def combine(self, copies: list[Bits], search: Search) -> Bits | None:
        """The frame that damaged copies make together, if they do.

        Args:
            copies: Bits of each, the latest first, the others as they would be if they had been
                sent with the first one's Retry bit and Duration.
            search: Settles which combinations may be claimed.
        """

    def recover(self, frames: FrameBatch) -> Repairs:
        """Answer for bad frames so far, as far as copies settle them."""
        wanted = frames.fcs_status == FcsStatus.BAD
        if self._intact:
            wanted = wanted | (frames.fcs_status == FcsStatus.GOOD)
        rows = np.flatnonzero(wanted)
        times = self._clock.times(frames, rows)
        numbers = frames.number[rows].tolist()
        bad = (frames.fcs_status[rows] == FcsStatus.BAD).tolist()
        starts, stops = frames.offsets[rows].tolist(), frames.offsets[rows + 1].tolist()
        for number, time, start, stop, is_bad in zip(
            numbers, times, starts, stops, bad, strict=True
        ):
            if copies_kernel.SHORTEST <= stop - start <= LONGEST:
                mpdu = frames.data[start:stop].copy()
                self._arrive(Copy(number, time, mpdu, intact=not is_bad))
            elif is_bad:
                self._answers.abstain(number, -1)
        return self._answers.take()

    def finish(self) -> Repairs:
        """Abstain on what is left."""
        for copy in self._held.drop_all():
            self._close(copy)
        return self._answers.take()

    def facts(self) -> Mapping[str, float]:
        """How often two damaged copies have an error in common.

        ``pairs``: of damaged copies that were held at the same time. ``pairs_repaired``: of these,
        both repaired, so that all errors are known. ``common_error_pairs``: of these, with at least
        one bit that is wrong in both; combining these two alone cannot have repaired them, so in a
        pair without a third copy it never shows. The rest of the pairs may all have errors in
        common: the share of all pairs lies between ``common_error_share_least`` and
        ``common_error_share_most``.
        """
        pairs = max(self._pairs, 1)
        return {
            "pairs": self._pairs,
            "pairs_repaired": self._repaired,
            "common_error_pairs": self._common,
            "common_error_share_least": self._common / pairs,
            "common_error_share_most": (self._pairs - self._repaired + self._common) / pairs,
        }

    def _arrive(self, copy: Copy) -> None:
        for dropped in self._held.drop(copy.time):
            self._close(dropped)
        found = self._held.add(copy)
        group = self._join(copy, {id(other.group): other.group for other in found})
        if copy.intact:
            group.learn(copy.mpdu)
        elif group.original is None and found:
            group.original = self._combined(copy, group)
        if group.original is not None:
            for member in group.bad:
                if member.open:
                    self._claim(member, group.original)

    def _join(self, copy: Copy, groups: dict[int, Group]) -> Group:
        """Put a frame and all groups with a copy of it into one."""
        into, *others = groups.values() or [Group(Search(self._gate, self._most))]
        before = [len(group.bad) for group in groups.values()]
        for group in others:
            into.copies += group.copies
            into.search.tried += group.search.tried
            into.named &= group.named
            if group.original is not None:
                into.learn(group.original)
            for member in group.copies:
                member.group = into
        into.copies.sort(key=lambda member: member.number)
        into.copies.append(copy)
        copy.group = into
        self._pairs += math.comb(len(into.bad), 2) - sum(math.comb(n, 2) for n in before)
        return into

    def _combined(self, copy: Copy, group: Group) -> NDArray[np.uint8] | None:
        others = group.bad[-MAX_COPIES:-1]
        if not others:
            return None
        versions = [copy.mpdu, *(aligned(other.mpdu, copy.mpdu) for other in reversed(others))]
        unpacked = [np.unpackbits(version, bitorder="little") for version in versions]
        solution = self.combine(unpacked, group.search)
        return None if solution is None else np.packbits(solution, bitorder="little")

    def _claim(self, copy: Copy, original: NDArray[np.uint8]) -> None:
        group = copy.group
        met = 2 * self._held.like(copy)  # frames before it, and as many behind it
        others = strangers(copy.mpdu, original, met, named=group.named)
        expected = group.search.expected_false + others
        if expected > self._gate:
            return
        errors = aligned(original, copy.mpdu) ^ copy.mpdu
        copy.errors = errors
        copy.open = False
        self._answers.repair(copy.number, errors, expected)
        for other in group.bad:
            if other is not copy and other.errors is not None:
                self._repaired += 1
                self._common += bool((other.errors & errors).any())

    def _close(self, copy: Copy) -> None:
        group = copy.group
        if copy.open:
            searched = group.search.tried > 0
            self._answers.abstain(copy.number, group.search.solutions if searched else -1)
        group.copies.remove(copy)


def _warm() -> None:
    """Load or compile kernels, and make tables, now and not while somebody measures."""
    blank = np.zeros(copies_kernel.SHORTEST, np.uint8)
    held = Held(0)
    for number in range(2):
        held.add(Copy(number, 0, blank, intact=False))
    strangers(blank, aligned(blank, blank), 1, named=True)
    Search(1.0).settle(np.zeros(8 * len(blank), np.uint8))
    powers(_USUAL_BITS)


class Clock:
    """Times of frames; one without any has that of the frame before it."""

    def __init__(self) -> None:
        self._last = 0

    def times(self, frames: FrameBatch, rows: NDArray[np.int64]) -> list[int]:
        """Of some frames of the next batch, in ns."""
        if not len(frames):
            return []
        column = frames.column("time").cast(pa.int64())
        there = np.asarray(column.is_valid().to_numpy(zero_copy_only=False))
        known = np.asarray(column.fill_null(0).to_numpy())
        latest = np.maximum.accumulate(np.where(there, np.arange(len(frames)), -1))
        times = np.where(latest < 0, self._last, known[latest])
        self._last = int(times[-1])
        chosen: list[int] = times[rows].tolist()
        return chosen


class Answers:
    """Answers that are not given out yet."""

    def __init__(self) -> None:
        self._rows: list[tuple[int, NDArray[np.int64] | None, float, int]] = []

    def repair(self, number: int, errors: NDArray[np.uint8], expected_false: float) -> None:
        """A frame is repaired by flipping what is 1 in these bytes."""
        flips = np.flatnonzero(np.unpackbits(errors, bitorder="little").view(np.bool_))
        self._rows.append((number, flips, expected_false, 1))

    def abstain(self, number: int, candidates: int) -> None:
        """A frame stays as it is."""
        self._rows.append((number, None, math.nan, candidates))

    def take(self) -> Repairs:
        """All of them, in the order of frames."""
        rows, self._rows = sorted(self._rows, key=lambda row: row[0]), []
        flips = [np.zeros(0, np.int64) if row[1] is None else row[1] for row in rows]
        return Repairs(
            np.array([row[0] for row in rows], np.int64),
            np.array([row[1] is not None for row in rows], np.bool_),
            np.cumsum([0, *map(len, flips)], dtype=np.int32),
            np.concatenate([np.zeros(0, np.int64), *flips]).astype(np.uint32),
            np.array([row[2] for row in rows], np.float64),
            np.array([row[3] for row in rows], np.int64),
        )
