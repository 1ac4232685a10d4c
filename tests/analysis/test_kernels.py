"""The compiled loops against plain Python."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from wtrec.analysis.kernels import distance, nearest

BYTES = st.binary(max_size=100)


@settings(deadline=None)  # the first call compiles
@given(st.binary(max_size=10), st.binary(max_size=10), BYTES, st.data())
def test_distance(before: bytes, behind: bytes, one: bytes, data: st.DataObject) -> None:
    """Bits that differ, wherever the two parts lie in their arrays."""
    other = data.draw(st.binary(min_size=len(one), max_size=len(one)))
    expected = sum((a ^ b).bit_count() for a, b in zip(one, other, strict=True))
    left = np.frombuffer(before + one + behind, np.uint8)
    right = np.frombuffer(behind + other + before, np.uint8)
    assert distance(left, len(before), right, len(behind), len(one)) == expected
    distances = np.zeros(1, np.int64)
    nearest(left[len(before) :][: len(one)], right, np.array([len(behind)]), distances)
    assert distances.tolist() == [expected]
