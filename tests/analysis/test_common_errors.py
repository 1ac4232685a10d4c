"""Common errors of copies against sets of bits."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wtrec.analysis.common_errors import COPIES, CommonErrors, Copies, events, overlapping
from wtrec.analysis.masks import ErrorMasks
from wtrec.analysis.truth import Known, Outcome

MASK = st.sets(st.integers(0, 799), max_size=25).map(sorted)


def spans(mask: list[int]) -> list[set[int]]:
    """The bits from the first to the last of each event."""
    found: list[set[int]] = []
    start = 0
    for i, (one, other) in enumerate(pairwise([*mask, 10**6])):
        if other - one > 16:
            found.append(set(range(mask[start], one + 1)))
            start = i + 1
    return found


@given(MASK, MASK)
def test_pair(one: list[int], other: list[int]) -> None:
    """Bits and events in common are those of sets."""
    ours, theirs = np.array(one, np.int32), np.array(other, np.int32)
    counts = CommonErrors()
    counts.add(ours, theirs, 800)
    assert counts.bits_in_common == len(set(one) & set(other))
    assert counts.pairs_in_common == bool(set(one) & set(other))
    left, right = spans(one), spans(other)
    assert counts.events == len(left) + len(right)
    meeting = [sum(any(a & b for b in others) for a in these)
               for these, others in ((left, right), (right, left))]  # fmt: skip
    assert overlapping(events(ours), events(theirs)) == meeting[0]
    assert counts.events_in_common == sum(meeting)
    assert counts.by_chance == len(one) * len(other) / 800


def piece(masks: list[list[int]], begin: int, end: int) -> ErrorMasks:
    counts = [len(mask) for mask in masks]
    return ErrorMasks(
        np.arange(len(masks)),
        np.full(len(masks), 8 * begin, np.int64),
        np.full(len(masks), 8 * end, np.int64),
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        np.array([flip for mask in masks for flip in mask], np.int32),
    )


def pairs(originals: list[bytes], masks: list[list[int]], frame: int, begin: int = 0) -> int:
    """Pairs that are found among frames with these originals, one batch for each."""
    copies, counts = Copies(), CommonErrors()
    for original, mask in zip(originals, masks, strict=True):
        known = Known.of([(Outcome.UNMATCHED, 0, b""), (Outcome.MATCHED, begin, original)])
        copies.add(
            piece([mask], begin, begin + len(original)), known, np.array([8 * frame]), [counts],
            first=0,
        )  # fmt: skip
    return counts.pairs


class TestWhichAreCopies:
    """Originals that are the same packet's."""

    def test_retry_and_fcs_do_not_count(self) -> None:
        """Attempts differ in the Retry bit and the FCS alone; no other bit is left out."""
        first = bytes(range(40))
        retry = bytearray(first)
        retry[1] |= 8
        retry[-4:] = b"\xff" * 4
        assert pairs([first, bytes(retry)], [[5], [5]], 40) == 1
        for byte in (0, 2, 35):
            other = bytearray(first)
            other[byte] ^= 8
            assert pairs([first, bytes(other)], [[5], [5]], 40) == 0
        other = bytearray(first)
        other[1] ^= 16
        assert pairs([first, bytes(other)], [[5], [5]], 40) == 0

    def test_a_payload_has_neither(self) -> None:
        """Of a known part inside the frame every byte counts."""
        assert pairs([b"abcde", b"abcde"], [[80], [81]], 40, 10) == 1
        for other in (b"abcdE", b"a\x6acde"):
            assert pairs([b"abcde", other], [[80], [81]], 40, 10) == 0

    def test_no_more_than_so_many(self) -> None:
        """A packet that comes again and again is compared with its last copies only."""
        count = 30
        found = pairs([b"abcde"] * count, [[80]] * count, 40, 10)
        assert found == sum(min(i, COPIES) for i in range(count))
