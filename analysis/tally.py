"""Counts by group: frames, bad frames, bits judged, bit errors.

A :class:`Tally` adds up batch after batch, so its memory depends on the number of groups
alone. Groups are the distinct values of any columns of ``frames``; by no column, there is one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.frames import FcsStatus, FrameBatch
from .conditions import Conditions
from .grouping import Grouping
from .intervals import Interval, wilson
from .statistics import Numbers, Statistics

_MEASURES = 6


@dataclass(frozen=True, slots=True)
class Group:
    """One row of the table.

    Attributes:
        key: Value of each grouping column.
        frames: All frames.
        good: Those with a good FCS.
        bad: Those with a bad one; the rest has none that can be judged.
        judged: Bad frames whose original is known, in whole or in part.
        bits: Known bits of these.
        bit_errors: Known bits that were received wrong.
        numbers: What else is said of the group.
    """

    key: dict[str, Any]
    frames: int
    good: int
    bad: int
    judged: int
    bits: int
    bit_errors: int
    numbers: Numbers = field(default_factory=Numbers)

    @property
    def share_bad(self) -> float | None:
        """Bad frames among those whose FCS could be judged; None without any."""
        verified = self.good + self.bad
        return self.bad / verified if verified else None

    @property
    def share_bad_interval(self) -> Interval | None:
        """Interval of the probability that a frame is bad, if frames are independent."""
        return wilson(self.bad, self.good + self.bad)

    @property
    def ber(self) -> float | None:
        """Bit error rate: of the known bits of bad frames and those of good ones."""
        bits = self.bits + self.numbers.good_bits
        return self.bit_errors / bits if bits else None

    @property
    def ber_bad(self) -> float | None:
        """Bit error rate within bad frames: of their known bits; None without any."""
        return self.bit_errors / self.bits if self.bits else None

    def to_json(self) -> dict[str, Any]:
        """Stable keys; see docs/analyze.md."""
        return {
            **self.counts(),
            "patterns": self.numbers.patterns,
        }

    def counts(self) -> dict[str, Any]:
        """All but the patterns: numbers of one row of a table."""
        share_bad = self.share_bad_interval or (None, None)
        ber = self.numbers.ber_interval or (None, None)
        ber_bad = self.numbers.ber_bad_interval or (None, None)
        return {
            **self.key,
            "frames": self.frames,
            "good": self.good,
            "bad": self.bad,
            "share_bad": self.share_bad,
            "share_bad_low": share_bad[0],
            "share_bad_high": share_bad[1],
            "judged": self.judged,
            "bits": self.bits,
            "bit_errors": self.bit_errors,
            "good_bits": self.numbers.good_bits,
            "ber": self.ber,
            "ber_low": ber[0],
            "ber_high": ber[1],
            "ber_bad": self.ber_bad,
            "ber_bad_low": ber_bad[0],
            "ber_bad_high": ber_bad[1],
        }


class Tally:
    """Adds up groups.

    Args:
        by: Columns of ``frames``, or ``rate``, ``signal``, ``noise`` for short; and of the
            tx log.
        conditions: The tx log, if there is one.

    Raises:
        MatchError: No such column.
    """

    def __init__(self, by: list[str], conditions: Conditions | None = None) -> None:
        self._grouping = Grouping(by, conditions)
        self.by = self._grouping.by
        self._sums = np.zeros((0, _MEASURES), np.int64)

    def add(
        self,
        frames: FrameBatch,
        rows: NDArray[np.int64],
        bits: NDArray[np.int64],
        errors: NDArray[np.int64],
    ) -> NDArray[np.int64]:
        """Count a batch.

        Args:
            frames: The batch.
            rows: Its bad frames that are judged.
            bits: Known bits of each of those.
            errors: Bit errors of each of those.

        Returns:
            The number of each frame's group.
        """
        status = frames.fcs_status
        judged = np.zeros((3, len(frames)), np.int64)
        judged[:, rows] = np.ones_like(bits), bits, errors
        measures = (
            np.ones(len(frames), np.int64),
            (status == FcsStatus.GOOD).astype(np.int64),
            (status == FcsStatus.BAD).astype(np.int64),
            *judged,
        )
        groups = self._grouping.ids(frames)
        count = len(self._grouping.keys)
        more = np.zeros((count - len(self._sums), _MEASURES), np.int64)
        self._sums = np.concatenate([self._sums, more])
        for place, measure in enumerate(measures):
            # Sums of integers in double precision: exact to 2^53
            self._sums[:, place] += np.bincount(groups, measure, count).astype(np.int64)
        return groups

    def groups(self, statistics: Statistics | None = None) -> list[Group]:
        """The groups, sorted by their keys, null first."""
        keys = self._grouping.keys

        def order(group: int) -> list[tuple[bool, Any]]:
            return [(value is not None, value) for value in keys[group]]

        found = []
        for group in sorted(range(len(keys)), key=order):
            frames, good, bad, judged, bits, bit_errors = map(int, self._sums[group])
            key = dict(zip(self.by, map(_plain, keys[group]), strict=True))
            numbers = statistics.numbers(group) if statistics else Numbers()
            found.append(Group(key, frames, good, bad, judged, bits, bit_errors, numbers))
        return found


def _plain(value: Any) -> Any:
    """A key as JSON can hold it: addresses as people write them."""
    return value.hex(":") if isinstance(value, bytes) else value
