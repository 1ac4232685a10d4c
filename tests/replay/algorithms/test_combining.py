"""Clusters, votes and the search for the combination that has a right FCS."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from wtrec.dot11 import fcs
from wtrec.replay.algorithms import combining, copies_kernel
from wtrec.replay.algorithms.combining import Search, alternatives, clusters, disputed, tied, vote


def unpacked(frame: bytes) -> NDArray[np.uint8]:
    """A frame's bits."""
    return np.unpackbits(np.frombuffer(frame, np.uint8), bitorder="little")


def packed(bits: NDArray[np.uint8]) -> bytes:
    """The frame of these bits."""
    return np.packbits(bits, bitorder="little").tobytes()


def combinations(base: bytes, versions: list[bytes], gap: int) -> set[bytes]:
    """Every frame that takes any version, or sums of them, in each cluster of differing bits."""
    everything = [int.from_bytes(v, "little") ^ int.from_bytes(base, "little") for v in versions]
    union = 0
    for difference in everything:
        union |= difference
    masks: list[int] = []
    last = -1000
    for bit in range(8 * len(base)):
        if union >> bit & 1:
            if bit - last >= gap:
                masks.append(0)
            masks[-1] |= 1 << bit
            last = bit
    made = {int.from_bytes(base, "little")}
    for mask, difference in itertools.product(masks, everything):
        made |= {frame ^ (difference & mask) for frame in made}
    return {frame.to_bytes(len(base), "little") for frame in made}


class TestClusters:
    """Bits that stand together."""

    @given(st.sets(st.integers(0, 300), max_size=40), st.integers(1, 20))
    def test_plainly(self, positions: set[int], gap: int) -> None:
        """A cluster ends where the next bit is ``gap`` or more further on."""
        expected = []
        cluster = 0
        bits = sorted(positions)
        for i, bit in enumerate(bits):
            cluster += i > 0 and bit - bits[i - 1] >= gap
            expected.append(cluster)
        assert clusters(np.array(bits, np.int64), gap).tolist() == expected


class TestSettle:
    """The only combination with a right FCS."""

    @pytest.mark.parametrize("seed", range(60))
    def test_all_combinations_by_their_crc(self, seed: int) -> None:
        """Found is what trying all of them finds, with the number of candidates and solutions."""
        draw = random.Random(seed)
        length = draw.choice([5, 30, 50])
        gap = draw.choice([1, 3, 7, 16])
        original = fcs.append(draw.randbytes(length - 4))
        damaged = [
            fcs.flip(original, [draw.randrange(8 * length) for _ in range(draw.randrange(1, 5))])
            for _ in range(draw.choice([2, 2, 3, 4]))
        ]
        if seed % 4 == 0:  # damage that no combination repairs
            damaged = [fcs.flip(frame, [17]) for frame in damaged]
        first, *others = damaged
        every = combinations(first, others, gap)
        right = {frame for frame in every if fcs.syndrome(frame) == 0}
        versions = np.stack([unpacked(frame) for frame in others])
        contested = (versions != unpacked(first)).any(axis=0)
        offers = alternatives(unpacked(first), versions, contested, gap)
        search = Search(1.0)
        found = search.settle(unpacked(first), offers)
        assert search.tried == len(every)
        assert search.solutions == len(right)
        assert {None if found is None else packed(found)} == (right if len(right) == 1 else {None})

    def test_several_solutions(self) -> None:
        """Where two packets differ in as many clusters as can be chosen in, both fit: none is."""
        draw = random.Random(1)
        one = fcs.append(draw.randbytes(40))
        two = fcs.append(fcs.flip(one[:-4], [100, 200]))
        bad = unpacked(fcs.flip(one, [150]))
        other = unpacked(two)
        search = Search(1.0)
        offers = alternatives(bad, other[None], bad != other, 7)
        assert search.settle(bad, offers) is None
        assert search.solutions == 2

    def test_gate(self) -> None:
        """What would pass the gate is not tried, whatever was tried before counts."""
        bits = unpacked(fcs.append(bytes(50)))
        damaged = bits.copy()
        damaged[[20, 60, 100]] ^= 1
        offers = alternatives(damaged, bits[None], damaged != bits, 7)
        search = Search(20 / 2**32)
        assert search.settle(damaged, offers) is not None
        assert search.settle(damaged, offers) is not None
        assert search.tried == 16
        assert search.expected_false == 16 / 2**32
        assert search.settle(damaged, offers) is None
        assert search.tried == 16
        assert search.settle(bits) is not None

    def test_too_many_alternatives(self) -> None:
        """More than allowed are not tried."""
        bits = unpacked(fcs.append(bytes(50)))
        damaged = bits.copy()
        damaged[[20, 60, 100]] ^= 1
        offers = alternatives(damaged, bits[None], damaged != bits, 7)
        assert Search(1.0, 2).settle(damaged, offers) is None
        assert Search(1.0, 3).settle(damaged, offers) is not None


class TestSolve:
    """Linear equations over bits."""

    @given(st.lists(st.integers(0, 2**32 - 1), max_size=10), st.data())
    def test_plainly(self, vectors: list[int], data: st.DataObject) -> None:
        """The number of sums that fit, and one of them, are those of trying all."""
        sums = [0]
        for vector in vectors:
            sums += [known ^ vector for known in sums]
        target = data.draw(st.sampled_from(sums) | st.integers(0, 2**32 - 1))
        spare, taken = copies_kernel.solve(np.array(vectors, np.uint32), target)
        assert (1 << spare if spare >= 0 else 0) == sums.count(target)
        if spare >= 0:
            assert sums[taken] == target


class TestVotes:
    """What most copies say."""

    versions = st.integers(1, 6).flatmap(
        lambda count: st.lists(
            st.lists(st.integers(0, 1), min_size=30, max_size=30), min_size=count, max_size=count
        )
    )

    @given(versions)
    def test_plainly(self, versions: list[list[int]]) -> None:
        """Bit by bit: the majority, at a tie the first one's; and which bits are tied."""
        array = np.array(versions, np.uint8)
        columns = list(zip(*versions, strict=True))
        ties = [2 * sum(column) == len(versions) for column in columns]
        assert tied(array).tolist() == ties
        assert vote(array).tolist() == [
            column[0] if tie else int(2 * sum(column) > len(versions))
            for column, tie in zip(columns, ties, strict=True)
        ]

    def test_disputed(self) -> None:
        """Clusters in which two copies are outvoted, and not those in which one is."""
        versions = np.zeros((3, 100), np.uint8)
        versions[0, [10, 12, 50]] = 1
        versions[1, [54, 80]] = 1
        versions[2, 83] = 1
        contested = disputed(versions, vote(versions), 7)
        assert np.flatnonzero(contested).tolist() == [50, 54, 80, 83]
        assert not disputed(versions[:1], versions[0], 7).any()


def test_alternatives_are_independent() -> None:
    """A version that is the sum of two others in a cluster is no alternative of its own."""
    base = np.zeros(400, np.uint8)
    versions = np.zeros((3, 400), np.uint8)
    versions[0, [100, 200]] = 1
    versions[1, [103, 200]] = 1
    versions[2, [100, 103, 300]] = 1
    offers = alternatives(base, versions, (versions != base).any(axis=0), 7)
    named = list(zip(offers.cluster.tolist(), offers.version.tolist(), strict=True))
    assert named == [(0, 0), (0, 1), (1, 0), (2, 2)]
    assert offers.flips(0b1011).tolist() == [100, 103, 300]


def test_powers() -> None:
    """As many as are asked for, or more."""
    for bits in (1, 1024, 1025, 12_000):
        assert len(combining.powers(bits)) >= bits
    assert (combining.powers(2000)[:1024] == combining.powers(8)).all()
