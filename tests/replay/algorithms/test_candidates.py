"""Which candidate is claimed, and the small parts that candidates are made and moved with."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from wtrec.datasets.frames import FcsStatus, FrameBatch
from wtrec.dot11 import fcs
from wtrec.replay.algorithms.candidates import Bad, Candidates, choose, collect, column, runs

FRAMES = 5

Batch = Callable[..., FrameBatch]
Listed = Callable[[Candidates], list[tuple[int, int, tuple[int, ...]]]]

candidate = st.tuples(
    st.integers(0, FRAMES - 1), st.integers(1, 3), st.lists(st.integers(0, 99)), st.booleans()
)


def made(rows: list[int], weights: list[int], flips: list[list[int]]) -> Candidates:
    """Candidates from lists."""
    return Candidates(
        np.array(rows, np.int64),
        np.array(weights, np.int64),
        np.cumsum([0, *map(len, flips)]),
        np.array([bit for bits in flips for bit in bits], np.int64),
    )


class TestChoose:
    """What is claimed."""

    @given(st.lists(candidate, max_size=12))
    def test_against_a_plain_search(self, every: list[tuple[int, int, list[int], bool]]) -> None:
        """For each frame the admitted candidate of the lowest weight, if it is the only one."""
        admitted = np.array([ok for *_, ok in every], np.bool_)
        candidates = made(
            [row for row, *_ in every], [w for _, w, *_ in every], [f for *_, f, _ in every]
        )
        choice = choose(FRAMES, candidates, admitted)
        for frame in range(FRAMES):
            of_frame = [(w, at) for at, (row, w, _, ok) in enumerate(every) if ok and row == frame]
            lightest = [at for w, at in of_frame if w == min(of_frame)[0]]
            assert choice.rivals[frame] == len(lightest)
            assert choice.claimed[frame] == (lightest[0] if len(lightest) == 1 else -1)

    def test_heavier_candidates_are_no_rivals(self) -> None:
        """One of weight 2 is claimed beside any number of weight 3."""
        candidates = made([0, 0, 0], [3, 2, 3], [[1], [2], [3]])
        assert choose(1, candidates, np.ones(3, np.bool_)).claimed.tolist() == [1]

    def test_the_rejected_do_not_count(self) -> None:
        """A rival that is not admitted leaves the way free for the other, and for heavier ones."""
        candidates = made([0, 0, 1, 1], [2, 2, 2, 3], [[1], [2], [3], [4]])
        choice = choose(2, candidates, np.array([False, True, False, True]))
        assert choice.claimed.tolist() == [1, 3]
        assert choice.rivals.tolist() == [1, 1]


class TestCollect:
    """Room for what a search finds."""

    @pytest.mark.parametrize("number", [0, 1, 7, 8, 9, 100])
    def test_any_number(self, number: int) -> None:
        """All rows come back, searched again just where the room was too small."""
        calls = []

        def search(out: NDArray[np.int64]) -> int:
            calls.append(len(out))
            fit = min(number, len(out))
            out[:fit] = np.arange(fit)[:, None] + [0, 1000]
            return number

        found = collect(search, 2, room=8)
        assert found.tolist() == [[i, 1000 + i] for i in range(number)]
        assert calls == ([8] if number <= 8 else [8, number])


@given(st.lists(st.lists(st.integers(0, 9), max_size=3), max_size=5), st.data())
def test_runs(lists: list[list[int]], data: st.DataObject) -> None:
    """Runs in an order, with repetitions and omissions, are the lists in that order."""
    places = st.integers(0, len(lists) - 1) if lists else st.nothing()
    order = data.draw(st.lists(places, max_size=8)) if lists else []
    offsets = np.cumsum([0, *map(len, lists)])
    values = np.array([value for values in lists for value in values], np.int64)
    ends, moved = runs(offsets, values, np.array(order, np.int64))
    assert [moved[a:b].tolist() for a, b in itertools.pairwise(ends)] == [lists[i] for i in order]


def test_taken(listed: Listed) -> None:
    """Candidates keep their row, weight and flips in another order."""
    every = made([3, 1, 2], [5, 6, 7], [[1, 2], [], [8]])
    assert listed(every.taken(np.array([2, 0]))) == [(2, 7, (8,)), (3, 5, (1, 2))]
    assert len(every.taken(np.zeros(0, np.int64))) == 0


class TestBad:
    """The bad frames of a batch."""

    def test_of(self, bad_batch: Batch) -> None:
        """Only frames with a bad FCS, with their own numbers and lengths, also of a slice."""
        frames = [fcs.append(bytes(length)) for length in (0, 10, 20, 30, 40)]
        status = [FcsStatus.BAD, FcsStatus.GOOD, FcsStatus.ABSENT, FcsStatus.BAD, FcsStatus.BAD]
        batch = bad_batch(frames, status=status, first=11)
        bad = Bad.of(batch)
        assert bad.number.tolist() == [11, 14, 15]
        assert bad.bits.tolist() == [32, 272, 352]
        assert bad.only(np.array([2, 0])).bits.tolist() == [352, 32]
        assert bad.only(np.array([False, True, False])).number.tolist() == [14]
        later = Bad.of(batch.slice(2, 2))
        assert later.number.tolist() == [14]
        assert later.data[later.offsets[1] : later.offsets[2]].tobytes() == frames[3]

    def test_blank_is_like_a_batch(self, bad_batch: Batch) -> None:
        """Kernels are compiled for what a batch has: types, and arrays that nobody may write to."""
        blank, bad = Bad.blank(), Bad.of(bad_batch([bytes(4)]))
        for name in ("number", "data", "offsets", "rows"):
            one, other = getattr(blank, name), getattr(bad, name)
            assert one.dtype == other.dtype
            if name in {"data", "offsets"}:
                assert one.flags.writeable == other.flags.writeable
        assert Bad.blank(100).bits.tolist() == [800]


def test_column(bad_batch: Batch) -> None:
    """Numbers and booleans are numbers, and what is missing is NaN."""
    batch = bad_batch([bytes(4)] * 2, 11.0, ldpc=True)
    assert column(batch, "rate_mbps").tolist() == [11.0, 11.0]
    assert column(batch, "ldpc").tolist() == [1.0, 1.0]
    assert np.isnan(column(batch, "mcs")).all()
