"""Counts by group: frames, bad frames, bits judged, bit errors.

A :class:`Tally` adds up batch after batch, so its memory depends on the number of groups
alone. Frames that were rewritten (see :mod:`wtrec.analysis.rewritten`) are counted for
themselves: no bit error made them bad.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.frames import FcsStatus, FrameBatch
from .grouping import Grouping, Sums
from .intervals import Interval, wilson
from .statistics import Numbers, Statistics

_MEASURES = 7  # of a Group, behind its key


@dataclass(frozen=True, slots=True)
class Group:
    """One row of the table.

    Attributes:
        key: Value of each grouping column.
        frames: All frames.
        good: Those with a good FCS.
        bad: Those with a bad one, without rewritten frames; the rest has none to be judged.
        rewritten: Those with a bad FCS that no bit error made bad.
        judged: Bad frames whose original is known, in whole or in part.
        bits: Known bits of these.
        bit_errors: Known bits that were received wrong.
        numbers: What else is said of the group.
    """

    key: dict[str, Any]
    frames: int
    good: int
    bad: int
    rewritten: int
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
            "rewritten": self.rewritten,
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
        grouping: Of the frames.
    """

    def __init__(self, grouping: Grouping) -> None:
        self._grouping = grouping
        self._sums = Sums(_MEASURES)

    def add(
        self,
        frames: FrameBatch,
        groups: NDArray[np.int64],
        rows: NDArray[np.int64],
        bits: NDArray[np.int64],
        errors: NDArray[np.int64],
        *,
        rewritten: NDArray[np.int64] | tuple[()] = (),
    ) -> None:
        """Count a batch.

        Args:
            frames: The batch.
            groups: Each frame's group.
            rows: Its bad frames that are judged.
            bits: Known bits of each of those.
            errors: Bit errors of each of those.
            rewritten: Its bad frames that no bit error made bad: they are no bad frames here.
        """
        is_rewritten = np.zeros(len(frames), np.bool_)
        is_rewritten[np.asarray(rewritten, np.int64)] = True
        judged = np.zeros((3, len(frames)), np.int64)
        judged[:, rows] = np.ones_like(bits), bits, errors
        self._sums.add(
            groups,
            np.ones(len(frames)),
            frames.fcs_status == FcsStatus.GOOD,
            (frames.fcs_status == FcsStatus.BAD) & ~is_rewritten,
            is_rewritten,
            *judged,
        )

    def groups(self, statistics: Statistics | None = None) -> list[Group]:
        """The groups, sorted by their keys, null first."""
        return [
            Group(
                self._grouping.key(group),
                frames=frames,
                good=good,
                bad=bad,
                rewritten=rewritten,
                judged=judged,
                bits=bits,
                bit_errors=bit_errors,
                numbers=statistics.numbers(group) if statistics else Numbers(),
            )
            for group in self._grouping.order()
            for frames, good, bad, rewritten, judged, bits, bit_errors in [self._sums.counts(group)]
        ]
