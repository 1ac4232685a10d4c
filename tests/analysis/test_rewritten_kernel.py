"""The kernel that lists headers against the plain function that parses one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wtrec.analysis.rewritten import header_of
from wtrec.analysis.rewritten_kernel import LONGEST, list_headers

DATA = st.sampled_from([0x08, 0x88])
FRAMES = st.one_of(
    st.binary(max_size=60),
    st.builds(lambda first, rest: bytes([first]) + rest, DATA, st.binary(min_size=30, max_size=60)),
)


@given(st.lists(FRAMES, max_size=8))
def test_against_the_plain_function(mpdus: list[bytes]) -> None:
    """Headers of data frames with a body, without sequence number, padded with zeros."""
    data = np.frombuffer(b"".join(mpdus), np.uint8)
    offsets = np.cumsum([0, *map(len, mpdus)]).astype(np.int32)
    for array in (data, offsets):
        array.flags.writeable = False
    headers = np.zeros((len(mpdus), LONGEST), np.uint8)
    rows = np.arange(len(mpdus))
    count = list_headers(data, offsets, rows, headers)
    expected = []
    for mpdu in mpdus:
        # The plain function also wants a body behind the header.
        padded = mpdu + bytes(LONGEST) if len(mpdu) >= LONGEST else b""
        if (header := header_of(padded)) is not None:
            expected.append((header[:22] + bytes(2) + header[24:]).ljust(LONGEST, b"\0"))
    assert [row.tobytes() for row in headers[:count]] == expected
    assert not headers[count:].any()
