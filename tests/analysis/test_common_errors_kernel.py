"""What names copies of a packet, beside plain Python."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from wtrec.analysis.common_errors_kernel import copy_names


@settings(deadline=None)
@given(st.lists(st.tuples(st.binary(max_size=6), st.integers(0, 3), st.integers(0, 4))))
def test_names(parts: list[tuple[bytes, int, int]]) -> None:
    """They are the parts without their ends, and without the Retry bit where they have it."""
    lengths = [max(0, len(part) - cut) for part, _, cut in parts]
    names = np.zeros(sum(lengths), np.uint8)
    starts = np.cumsum([0, *(len(part) for part, _, _ in parts)])[:-1].astype(np.int64)
    begins = np.array([8 * begin for _, begin, _ in parts], np.int64)
    originals = np.frombuffer(b"".join(part for part, _, _ in parts), np.uint8)
    copy_names(originals, starts, np.array(lengths, np.int64), begins, names)
    expected = b""
    for (part, begin, _), length in zip(parts, lengths, strict=True):
        name = bytearray(part[:length])
        if 0 <= 1 - begin < length:
            name[1 - begin] &= 0xF7
        expected += name
    assert names.tobytes() == expected
