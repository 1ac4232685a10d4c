"""Schedules of paces, against exact fractions."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.datasets.frames import FrameBatch
from wtrec.errors import FormatError
from wtrec.replay.pacing import Before
from wtrec.replay.profile import Profile

NS = 10**9
DECIMALS = st.decimals(0, 20_000, places=3).map(Fraction)


def of(*steps: tuple[float, float]) -> Profile:
    """A schedule of these steps."""
    return Profile("x", "0" * 32, tuple((Fraction(str(s)), Fraction(str(n))) for s, n in steps))


def due(profile: Profile, frames: int, before: int = 0) -> list[int]:
    batch = FrameBatch(pa.record_batch({"original_length": pa.nulls(frames, pa.uint32())}))
    found: list[int] = profile.due(batch, np.zeros(frames, np.int64), Before(before, 0)).tolist()
    return found


def test_by_hand() -> None:
    """Two frames in a second, none in the next two; then again."""
    profile = of((1, 2), (2, 0))
    assert due(profile, 5) == [0, NS // 2, 3 * NS, 3 * NS + NS // 2, 6 * NS]
    assert due(of((2, 0), (1, 1)), 3) == [2 * NS, 5 * NS, 8 * NS]


def test_no_drift() -> None:
    """After 10^9 frames the schedule begins where it should, to the ns."""
    profile = of((0.1, 10), (0.2, 0), (0.3, 3.3))  # 1.99 frames in 0.6 s
    assert due(profile, 1, 199 * 5 * 10**6)[0] == 5 * 10**8 * 6 * NS // 10


@given(
    st.lists(st.tuples(DECIMALS, DECIMALS), min_size=1, max_size=5),
    st.integers(0, 10**12),
    st.integers(1, 60),
)
def test_exact(steps: list[tuple[Fraction, Fraction]], before: int, frames: int) -> None:
    """Frame n is due when the schedule has had time for n frames."""
    total = Fraction(sum(seconds * pps for seconds, pps in steps))
    if not total:
        return
    profile = Profile("x", "0" * 32, tuple(steps))
    found = due(profile, frames, before)
    assert all(a <= b for a, b in itertools.pairwise(found))
    for n, at in enumerate(found, before):
        rounds, left = divmod(Fraction(n), total)
        exact = Fraction(rounds * sum(seconds for seconds, _ in steps))
        for seconds, pps in steps:
            if left < seconds * pps:
                exact += left / pps
                break
            left -= seconds * pps
            exact += seconds
        exact = min(exact * NS, Fraction(2**62))
        assert abs(at - exact) <= 2 + exact / 2**51


def test_a_file(tmp_path: Path) -> None:
    """Comments and blanks are passed over; the pace says of which file it is."""
    path = tmp_path / "burst.txt"
    path.write_text("# seconds pps\n\n0.5 20000  # a burst\n 2.5\t0\n")
    profile = Profile.read(path)
    assert profile.steps == ((Fraction(1, 2), Fraction(20000)), (Fraction(5, 2), Fraction(0)))
    assert str(profile).startswith("pps-profile burst.txt (")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"1 2\n1\n", "line 2: '1', wanted seconds and frames a second"),
        (b"1 -5", "line 1"),
        (b"nan 1", "line 1"),
        (b"1e9 1", "line 1"),
        (b"0.0000000001 1", "line 1"),
        (b"\xff\xfe\0", "line 1"),
        (b"", "no step has a frame"),
        (b"1 0", "no step has a frame"),
        (b"0.000000001 0.000000001\n999999999.1 999999999.999999999", "too many digits"),
        (b"#" * (1 << 20) + b"\n1", "a schedule of more than"),
    ],
)
def test_others_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    """The message names the file and the line."""
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=message) as error:
        Profile.read(path)
    assert str(error.value).startswith(str(path))
