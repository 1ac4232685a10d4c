"""Error masks against plain Python, on arbitrary bytes."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from wtrec.analysis.masks import error_masks
from wtrec.analysis.truth import Known, Outcome
from wtrec.datasets.frames import FrameBatch

PART = st.binary(max_size=24)


@st.composite
def judged(draw: st.DrawFn) -> tuple[list[bytes], list[tuple[Outcome, int, bytes]]]:
    """Frames, and what is known of each: any part of it, with any bytes."""
    frames, known = [], []
    for before, part, behind in draw(st.lists(st.tuples(PART, PART, PART), max_size=8)):
        frames.append(before + part + behind)
        outcome = draw(st.sampled_from(list(Outcome)))
        sent = draw(st.binary(min_size=len(part), max_size=len(part)) | st.just(part))
        matched = outcome is Outcome.MATCHED
        known.append((outcome, len(before), sent if matched else b""))
    return frames, known


@given(judged(), st.integers(1, 200))
def test_against_plain_python(
    case: tuple[list[bytes], list[tuple[Outcome, int, bytes]]], most_flips: int
) -> None:
    """Each matched frame has the positions of its wrong bits, in pieces that are not too large."""
    received, known = case
    frames = FrameBatch(pa.record_batch({"mpdu": pa.array(received, pa.binary())}))
    rows = np.arange(len(received))
    expected = {}
    errors = np.zeros(len(received), np.int64)
    for row, (mpdu, (outcome, begin, sent)) in enumerate(zip(received, known, strict=True)):
        mask = [
            8 * (begin + i) + bit
            for i, byte in enumerate(sent)
            for bit in range(8)
            if (byte ^ mpdu[begin + i]) >> bit & 1
        ]
        errors[row] = len(mask)
        if outcome is Outcome.MATCHED:
            expected[row] = (8 * begin, 8 * (begin + len(sent)), mask)
    found = {}
    for masks in error_masks(frames, rows, Known.of(known), errors, most_flips=most_flips):
        assert len(masks) == 1 or len(masks.flips) <= most_flips
        assert masks.errors.sum() == len(masks.flips)
        for k, row in enumerate(masks.row.tolist()):
            found[row] = (int(masks.begin[k]), int(masks.end[k]), masks.mask(k).tolist())
    assert found == expected
    assert list(found) == sorted(found)
