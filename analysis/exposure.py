"""How many bits of good frames would have been judged, had these been bad.

The bit error rate of a link is the wrong bits over all bits that could have been counted as
wrong. Good frames have none that is wrong, but their bits count, if they are of the test traffic:
beacons and strangers' frames would make the rate too low. Header fields say nothing reliable of
bad frames, so both kinds are asked the same question: a few good frames of each length are
given to the truth, as if they were bad. The first, the second, the fourth, the eighth ... of a
length are asked, over the whole capture, and the mean of the answers stands for all: the length
of the known part, zero where there is no match.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from ..datasets.frames import FcsStatus, FrameBatch
from .truth import Known, NoTruth, Outcome, Truth


class Exposure:
    """Asks a truth about bad frames, and about some good ones."""

    def __init__(self) -> None:
        self._seen: Counter[int] = Counter()  # good frames by length
        self._asked: Counter[int] = Counter()
        self._bits: Counter[int] = Counter()  # of the known parts of those asked

    def match(self, truth: Truth, frames: FrameBatch, bad: NDArray[np.int64]) -> Known:
        """What is known of a batch's bad frames; good ones are asked about on the way."""
        if isinstance(truth, NoTruth):
            return truth.match(frames, bad)
        asked = self._to_ask(frames)
        if not len(asked):
            return truth.match(frames, bad)
        # In the order of the capture, as a truth that reads a log along with it needs it.
        rows = np.sort(np.concatenate([bad, asked]))
        known = truth.match(frames, rows)
        is_bad = frames.fcs_status[rows] == FcsStatus.BAD
        parts = np.diff(known.bounds)
        lengths = np.diff(frames.offsets)[rows]
        for k in np.flatnonzero(~is_bad).tolist():
            self._asked[int(lengths[k])] += 1
            if known.outcome[k] == Outcome.MATCHED:
                self._bits[int(lengths[k])] += 8 * int(parts[k])
        return Known(
            known.outcome[is_bad],
            known.begins[is_bad],
            np.concatenate([[0], np.cumsum(parts[is_bad])]).astype(np.int64),
            _without(known, np.flatnonzero(~is_bad)),
        )

    def bits(self, length: int) -> float:
        """Bits of a good frame of this length (in bytes) that would be judged."""
        asked = self._asked[length]
        return self._bits[length] / asked if asked else 0.0

    def good_bits(self, frames: FrameBatch) -> NDArray[np.float64]:
        """The same of each frame of a batch, shape (frames,); 0 of those that are not good."""
        lengths, place = np.unique(np.diff(frames.offsets), return_inverse=True)
        bits = np.array([self.bits(length) for length in lengths.tolist()])[place]
        bits[frames.fcs_status != FcsStatus.GOOD] = 0
        return np.asarray(bits)

    def total(self, lengths: Counter[int]) -> int:
        """Bits of so many good frames by length."""
        return round(
            sum(
                count * self._bits[length] / self._asked[length]
                for length, count in lengths.items()
                if self._asked[length]
            )
        )

    def _to_ask(self, frames: FrameBatch) -> NDArray[np.int64]:
        """Good frames that are the 2^k-th of their length."""
        good = np.flatnonzero(frames.fcs_status == FcsStatus.GOOD)
        lengths = np.diff(frames.offsets)[good]
        order = np.argsort(lengths, kind="stable")
        values, starts, counts = np.unique(lengths[order], return_index=True, return_counts=True)
        asked = []
        for value, start, count in zip(
            values.tolist(), starts.tolist(), counts.tolist(), strict=True
        ):
            seen = self._seen[value]
            power = 1 << seen.bit_length()  # the next one above
            while power <= seen + count:
                asked.append(good[order[start + power - seen - 1]])
                power *= 2
            self._seen[value] += count
        return np.array(asked, np.int64)


def _without(known: Known, few: NDArray[np.int64]) -> NDArray[np.uint8]:
    """All known parts but a few."""
    cuts = [0, *np.ravel([known.bounds[few], known.bounds[few + 1]], "F"), None]
    pairs = zip(cuts[::2], cuts[1::2], strict=True)
    return np.concatenate([known.originals[begin:end] for begin, end in pairs])
