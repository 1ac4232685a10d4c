"""Frames behind a misread scrambler are found among those that were sent."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from wtrec.analysis.match import pack
from wtrec.analysis.match_kernel import Packets
from wtrec.analysis.misread import misread
from wtrec.phy.scrambler import PERIOD, STATES, sequences

LENGTH = 200
WINDOW = 1000


@pytest.fixture(scope="module")
def sent() -> Packets:
    """A hundred packets of random bytes, one a nanosecond."""
    data = np.random.default_rng(1).integers(0, 256, 100 * LENGTH, dtype=np.uint8)
    return packets(data)


def packets(data: NDArray[np.uint8]) -> Packets:
    """Packets of ``LENGTH`` bytes each."""
    number = len(data) // LENGTH
    return pack(
        np.arange(number),
        np.arange(number) * LENGTH,
        np.full(number, LENGTH, np.int32),
        data,
        np.arange(number, dtype=np.uint64),
    )


def behind(sent: Packets, number: int, state: int, errors: int = 0) -> NDArray[np.uint8]:
    """A packet with a phase of the sequence on it, and some more errors."""
    bits = np.unpackbits(sent.data[sent.starts[number] :][:LENGTH], bitorder="little")
    bits ^= np.resize(sequences()[state], len(bits)).astype(np.uint8)
    bits[np.random.default_rng(state).choice(len(bits), errors, replace=False)] ^= 1
    return np.packbits(bits, bitorder="little")


@pytest.mark.parametrize("errors", [0, 20])
def test_every_state(sent: Packets, errors: int) -> None:
    """Each of the 127 phases is undone, with a few other errors, too."""
    found = [
        misread(behind(sent, state % 100, state, errors), sent, 50, WINDOW)
        for state in range(1, STATES)
    ]
    right = np.array(found) == np.arange(1, STATES) % 100
    assert len(found) == PERIOD
    assert right.mean() == 1 if not errors else right.mean() > 0.9
    assert all(number in {-1, state % 100} for state, number in enumerate(found, 1))


def test_strangers(sent: Packets) -> None:
    """What was never sent is not found, nor what was sent at another time or is too short."""
    draw = np.random.default_rng(2)
    for _ in range(200):
        stranger = draw.integers(0, 256, LENGTH, dtype=np.uint8)
        assert misread(stranger, sent, 50, WINDOW) == -1
    assert misread(behind(sent, 7, 5), sent, 2000, WINDOW) == -1
    assert misread(behind(sent, 7, 5)[:100], sent, 50, WINDOW) == -1
    assert misread(behind(sent, 7, 5)[:10], sent, 50, WINDOW) == -1


def test_twins(sent: Packets) -> None:
    """Packets that differ in a bit cannot be told apart; those that do not need not be."""
    data = sent.data.copy()
    data[LENGTH : 2 * LENGTH] = data[:LENGTH]
    assert misread(behind(sent, 0, 9), packets(data.copy()), 0, WINDOW) >= 0
    data[LENGTH] ^= 1
    assert misread(behind(sent, 0, 9), packets(data), 0, WINDOW) == -1
