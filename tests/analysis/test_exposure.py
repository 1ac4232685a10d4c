"""Bits of good frames that would be judged."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wtrec.analysis.exposure import Exposure
from wtrec.analysis.truth import Known, NoTruth, Outcome
from wtrec.datasets.frames import FcsStatus, FrameBatch

STATUS = pa.array([status.name.lower() for status in FcsStatus])


def batch(frames: list[tuple[FcsStatus, bytes]]) -> FrameBatch:
    codes = pa.array([int(status) for status, _ in frames], pa.int8())
    mpdus = pa.array([mpdu for _, mpdu in frames], pa.binary())
    status = pa.DictionaryArray.from_arrays(codes, STATUS)
    return FrameBatch(pa.record_batch({"fcs_status": status, "mpdu": mpdus}))


class Stub:
    """Knows the first half of frames that begin with "o"."""

    kind = description = "stub"

    def __init__(self) -> None:
        self.asked: list[int] = []

    def learn(self, frames: FrameBatch) -> None:
        """Nothing."""

    def match(self, frames: FrameBatch, rows: NDArray[np.int64]) -> Known:
        """See the class."""
        assert (np.diff(rows) > 0).all()
        self.asked.append(len(rows))
        return Known.of(
            [
                (Outcome.MATCHED, 1, mpdu[: len(mpdu) // 2])
                if mpdu[:1] == b"o"
                else (Outcome.UNMATCHED, 0, b"")
                for mpdu in (frames.mpdu(row) for row in rows.tolist())
            ]
        )


def test_bad_frames_are_answered_as_without_it() -> None:
    """What is known of bad frames does not depend on good ones being asked about too."""
    good, is_bad = FcsStatus.GOOD, FcsStatus.BAD
    frames = batch(
        [(good, b"oa"), (is_bad, b"obcd"), (is_bad, b"x"), (good, b"oefg"), (is_bad, b"ohijkl")]
    )
    bad = np.array([1, 2, 4])
    found, expected = Exposure().match(Stub(), frames, bad), Stub().match(frames, bad)
    assert found.outcome.tolist() == expected.outcome.tolist()
    assert found.begins.tolist() == expected.begins.tolist()
    assert found.bounds.tolist() == expected.bounds.tolist()
    assert found.originals.tobytes() == expected.originals.tobytes() == b"obohi"


def test_few_are_asked_and_stand_for_all() -> None:
    """The 1st, 2nd, 4th ... of a length; strangers of other lengths add no bits."""
    exposure, truth = Exposure(), Stub()
    for _ in range(10):
        frames = batch([(FcsStatus.GOOD, b"o" * 10), (FcsStatus.GOOD, b"x" * 7)] * 10)
        exposure.match(truth, frames, np.array([], np.int64))
    assert sum(truth.asked) == 2 * 7  # 1 to 64
    assert exposure.bits(10) == 40
    assert exposure.bits(7) == 0
    assert exposure.bits(8) == 0
    assert exposure.total(Counter({10: 100, 7: 100, 8: 5})) == 4000


def test_mixed_lengths_count_in_part() -> None:
    """Where strangers have the length of test frames, their share of those asked has no bits."""
    exposure = Exposure()
    frames = batch([(FcsStatus.GOOD, b"o" * 10), (FcsStatus.GOOD, b"x" * 10)])
    exposure.match(Stub(), frames, np.array([], np.int64))
    assert exposure.bits(10) == 20


def test_without_truth_nobody_is_asked() -> None:
    """There is no known part then."""
    exposure = Exposure()
    exposure.match(NoTruth(), batch([(FcsStatus.GOOD, b"oo")]), np.array([], np.int64))
    assert exposure.total(Counter({2: 9})) == 0


def test_good_bits_of_a_batch() -> None:
    """Each good frame has the bits of its length, others have none."""
    exposure, good = Exposure(), FcsStatus.GOOD
    frames = batch(
        [(good, b"o" * 10), (good, b"x" * 7), (FcsStatus.BAD, b"o" * 10), (good, b"o" * 10)]
    )
    exposure.match(Stub(), frames, np.array([2], np.int64))
    assert exposure.good_bits(frames).tolist() == [40, 0, 0, 40]
