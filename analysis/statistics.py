"""The statistics of every group: intervals, patterns, tests, common errors; batch after batch.

Memory depends on the number of groups: about 60 kB for each with a judged bad frame, and with
blocks for any. Where that are more than ``MOST_GROUPS`` (``--by number`` makes a group of each
frame), those that come later have counts and rates only.
"""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.frames import FcsStatus, FrameBatch
from .bootstrap import Resampled
from .common_errors import CommonErrors, Copies
from .exposure import Exposure
from .gilbert import fit
from .han import EqualBits, own_periods
from .intervals import Interval
from .masks import error_masks
from .patterns import Patterns, data_bits
from .truth import Known, Outcome, Truth

MOST_GROUPS = 1024


@dataclass(frozen=True, slots=True)
class Numbers:
    """What is said of one group beside its counts.

    Attributes:
        good_bits: Bits of good frames that would have been judged, had these been bad.
        ber_interval: Interval of the bit error rate.
        ber_bad_interval: The same of that within bad frames.
        patterns: As JSON; None if no frame was judged, or groups were too many.
    """

    good_bits: int = 0
    ber_interval: Interval | None = None
    ber_bad_interval: Interval | None = None
    patterns: dict[str, Any] | None = None


class _Details:
    """What is collected of one group.

    Attributes:
        judged: Whether it has judged frames.
    """

    def __init__(self, group: int, seed: int, block: int) -> None:
        self.ber = Resampled(seed, group, 0, block=block)
        self.bad = Resampled(seed, group, 1, block=block)
        self.patterns = Patterns()
        self.equal_bits = EqualBits()
        self.common = CommonErrors()
        self.judged = False


@dataclass
class Statistics:
    """Collects statistics of groups.

    Args:
        seed: Of the resampling.
        block: Consecutive frames of a group that are resampled together.
        tells_apart: Whether the truth knows packets apart, so that copies can be found.
    """

    seed: int = 1
    block: int = 1
    tells_apart: bool = True
    exposure: Exposure = field(default_factory=Exposure)
    _details: dict[int, _Details] = field(default_factory=dict)
    _good: dict[int, Counter[int]] = field(default_factory=dict)
    _copies: Copies = field(default_factory=Copies)

    def match(
        self, truth: Truth, frames: FrameBatch, bad: NDArray[np.int64]
    ) -> tuple[Known, NDArray[np.float64] | None]:
        """What is known of bad frames, and of good ones what :meth:`add` wants to be told.

        It needs nothing of what :meth:`add` changes, so it may be ahead of it.

        Returns:
            See :class:`wtrec.analysis.exposure.Exposure`; and, with blocks, how many bits of each
            good frame would be judged, as far as is known by now.
        """
        known = self.exposure.match(truth, frames, bad)
        return known, None if self.block == 1 else self.exposure.good_bits(frames)

    def add(
        self,
        frames: FrameBatch,
        groups: NDArray[np.int64],
        bad: NDArray[np.int64],
        known: Known,
        errors: NDArray[np.int64],
        good_bits: NDArray[np.float64] | None,
    ) -> None:
        """Count a batch.

        Args:
            frames: The batch.
            groups: Each frame's group.
            bad: Its bad frames.
            known: What is known of these.
            errors: Bit errors of each of these.
            good_bits: From :meth:`match`, as known.
        """
        self._add_good(frames, groups)
        judged = known.outcome == Outcome.MATCHED
        rows = bad[judged]
        hit = set(groups[rows].tolist())
        # Blocks are of consecutive frames, so those before the first bad one must be there, too.
        for group in sorted(hit) if self.block == 1 else np.unique(groups).tolist():
            if group not in self._details and len(self._details) < MOST_GROUPS:
                self._details[group] = _Details(group, self.seed, self.block)
        for group in hit & self._details.keys():
            self._details[group].judged = True
        self._resample(groups, rows, 8 * np.diff(known.bounds)[judged], errors[judged], good_bits)
        frame_bits = 8 * np.diff(frames.offsets).astype(np.int64)
        overflow = CommonErrors()
        first = 0
        for masks in error_masks(frames, bad, known, errors):
            mine = groups[masks.row]
            symbols = data_bits(frames, masks.row)
            own = own_periods(frames, masks.row, symbols)
            for group, chosen in split(mine):
                if details := self._details.get(group):
                    details.patterns.add(masks, chosen, symbols)
                    details.equal_bits.add(masks, chosen, symbols, own)
            if self.tells_apart:
                counts = [
                    details.common if (details := self._details.get(group)) else overflow
                    for group in mine.tolist()
                ]
                first = self._copies.add(masks, known, frame_bits[masks.row], counts, first=first)

    def _add_good(self, frames: FrameBatch, groups: NDArray[np.int64]) -> None:
        good = np.flatnonzero(frames.fcs_status == FcsStatus.GOOD)
        if not len(good):
            return
        lengths = np.diff(frames.offsets)[good].astype(np.int64)
        span = int(lengths.max()) + 1
        distinct, counts = np.unique(groups[good] * span + lengths, return_counts=True)
        for code, count in zip(distinct.tolist(), counts.tolist(), strict=True):
            group, length = divmod(code, span)
            self._good.setdefault(group, Counter())[length] += count

    def _resample(
        self,
        groups: NDArray[np.int64],
        rows: NDArray[np.int64],
        bits: NDArray[np.int64],
        errors: NDArray[np.int64],
        good_bits: NDArray[np.float64] | None,
    ) -> None:
        if good_bits is None:  # good frames follow at the end, all at once
            for group, chosen in split(groups[rows]):
                if details := self._details.get(group):
                    details.bad.add(bits[chosen], errors[chosen])
            return
        bad_bits = np.zeros((2, len(groups)))
        bad_bits[:, rows] = bits, errors
        for group, chosen in split(groups):
            if details := self._details.get(group):
                details.ber.add(bad_bits[0, chosen] + good_bits[chosen], bad_bits[1, chosen])
                details.bad.add(bad_bits[0, chosen], bad_bits[1, chosen])

    def numbers(self, group: int) -> Numbers:
        """What is said of a group, once all batches are counted."""
        good = self._good.get(group, Counter[int]())
        good_bits = self.exposure.total(good)
        details = self._details.pop(group, None)
        if details is None or not details.judged:
            return Numbers(good_bits)
        if self.block == 1:
            details.ber = deepcopy(details.bad)  # the same draws of bad frames, and good ones
            for length, count in sorted(good.items()):
                if bits := self.exposure.bits(length):
                    details.ber.add_alike(bits, count)
        for resampled in (details.ber, details.bad):
            resampled.close()
        sums = details.patterns.sums
        gilbert = fit(details.ber.rate, details.patterns.lags, sums.gaps, sums.ends)
        return Numbers(
            good_bits,
            details.ber.interval(),
            details.bad.interval(),
            {
                **details.patterns.to_json(),
                "gilbert": gilbert.to_json() if gilbert else None,
                "equal_bits": details.equal_bits.to_json(),
                "copies": details.common.to_json() if self.tells_apart else None,
            },
        )


def split(groups: NDArray[np.int64]) -> list[tuple[int, NDArray[np.int64]]]:
    """Places of each group, in order."""
    if not len(groups):
        return []
    order = np.argsort(groups, kind="stable")
    ordered = groups[order]
    cuts = np.flatnonzero(np.diff(ordered)) + 1
    return [(int(groups[part[0]]), part) for part in np.split(order, cuts)]
