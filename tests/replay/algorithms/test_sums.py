"""How likely candidates make up for what a checksum lacks."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from wtrec.replay.algorithms.sums import (
    ANY,
    BESIDE,
    BY_CHANCE,
    TWO,
    Errors,
    Packets,
    Patterns,
    Sums,
    of_bursts,
)
from wtrec.replay.algorithms.sums_kernel import MODULUS

EVERY = np.arange(MODULUS)


def packets(
    data: bytes, lacking: NDArray[np.int64] = EVERY, inside: float | NDArray[np.float64] = 1.0
) -> Packets:
    """This packet in as many frames as there are values that may be lacking."""
    number = len(lacking)
    begin, end = np.full(number, 3), np.full(number, 3 + len(data))
    room = np.frombuffer(bytes(3) + data + b"\xff", np.uint8)
    return Packets(room, begin, end, np.broadcast_to(np.float64(inside), number), lacking)


def under(sums: Sums, data: bytes = b"") -> NDArray[np.float64]:
    """Probability of each change by what is all under the checksum, shape (MODULUS, weights)."""
    return sums.chance(packets(data))


def counted(changes: Sequence[int]) -> NDArray[np.float64]:
    """Shares of changes that are equally likely."""
    return np.bincount(np.array(changes) % MODULUS, minlength=MODULUS) / len(changes)


def added(data: bytes, flips: Sequence[int]) -> int:
    """What flips of these bits, one after the other, add to the sum of 16-bit words."""
    changed, change = bytearray(data), 0
    for bit in flips:
        before = int.from_bytes(changed, "little")
        changed[bit // 8] ^= 1 << bit % 8
        change += int.from_bytes(changed, "little") - before  # a word is as heavy as another
    return change % MODULUS


class TestErrors:
    """A few errors in a packet whose bits are known."""

    @pytest.mark.parametrize(
        ("number", "taps", "length"),
        [
            (1, (0,), 9),
            (2, (0,), 9),
            (3, (0,), 5),
            (4, (0,), 2),
            (1, (0, 4, 7), 9),
            (2, (0, 4, 7), 6),
            (3, (0, 4, 7), 3),
            (4, (0, 4, 7), 2),
        ],
    )
    @given(draw=st.data())
    def test_all_ways_to_choose_them(
        self, number: int, taps: tuple[int, ...], length: int, draw: st.DataObject
    ) -> None:
        """As often as all choices of places make up for it, each error beside the others."""
        data = draw.draw(st.binary(min_size=length, max_size=length))
        places = range(8 * length - taps[-1])
        one = [added(data, [place + tap for tap in taps]) for place in places]
        every = [sum(ways) for ways in itertools.product(one, repeat=number)]
        expected = counted(every)
        some = np.unique([*(change % MODULUS for change in every[:200]), 0, 1, 0xFFFE, 5000])
        found = Errors(number, taps).chance(packets(data, some))[:, 0]
        np.testing.assert_allclose(found, expected[some], rtol=1e-9, atol=1e-15)
        assert ((found > 0) == (expected[some] > 0)).all()  # what cannot be is not searched

    def test_a_pattern(self) -> None:
        """Where all bits of a column are alike, flips go one way: what is lacking decides."""
        chance = Errors(1).chance(
            packets(b"\xaa" * 100, np.array([1, MODULUS - 1, 2, MODULUS - 2]))
        )
        assert chance[:, 0].tolist() == [pytest.approx(1 / 16), 0, 0, pytest.approx(1 / 16)]

    def test_random_data(self) -> None:
        """Of random data, two flips make up for what two others have done in 2 to 4 of 32^2."""
        data = np.random.default_rng(1).bytes(1500)
        chance = Errors(2).chance(packets(data, np.array([1 + 16, 1 + 1])))
        assert chance[:, 0] == pytest.approx(
            [2 / 32**2, 3 / 32**2], rel=0.15
        )  # 1 + 1 is 4 - 2, too

    def test_no_packet(self) -> None:
        """Of nothing, and of less than an error needs, no change comes."""
        for data in (b"", b"\x01"):
            assert not Errors(1, (0, 4, 9)).chance(packets(data, np.array([0, 1]))).any()


@pytest.mark.parametrize("span", range(1, 8))
def test_bursts(span: int) -> None:
    """A burst replaces some bits by others, the first and the last by their opposites."""
    ends = 1 | 1 << span - 1
    every = [
        (now - before) << k
        for before, now in itertools.product(range(1 << span), repeat=2)
        if (before ^ now) & ends == ends
        for k in range(16)
    ]
    np.testing.assert_allclose(under(of_bursts(8))[:, span], counted(every), atol=1e-13)


@pytest.mark.parametrize(
    "sums",
    [ANY, TWO, Errors(3), Errors(2, (0, 4, 7)), of_bursts(20)],
    ids=lambda s: type(s).__name__,
)
def test_one_in_all(sums: Sums) -> None:
    """Over everything that may be lacking, chances add up to one, none is negative."""
    chances = under(sums, b"some data that are no pattern" if isinstance(sums, Errors) else b"")
    assert (chances >= 0).all()
    np.testing.assert_allclose(chances.sum(axis=0), 1, rtol=1e-4)  # 2^-16 is not 1 / (2^16 - 1)


def test_long_bursts_are_any() -> None:
    """Bursts longer than a word change the sum as if at random."""
    np.testing.assert_allclose(under(of_bursts(20))[:, 20], BY_CHANCE, rtol=1e-3)


def test_beside() -> None:
    """What is not under the checksum leaves it right, or wrong."""
    data, lacking = b"\x55\x55" * 9, np.array([0, 2, 5])
    assert BESIDE.chance(packets(data, lacking, 0.5)).tolist() == [[1], [0], [0]]
    assert isinstance(BESIDE, Patterns)
    one = Errors(1).chance(packets(data, lacking, 0.5))
    assert one[:, 0].tolist() == [0.5, pytest.approx(1 / 32), 0]  # bit 1 is 0, bits 0 and 2 are 1
    two = Errors(2).chance(packets(b"\x0f\xf0" * 9, lacking[:1], 0.5))
    assert two == pytest.approx(0.25)  # both beside it: no column has a bit of each value
