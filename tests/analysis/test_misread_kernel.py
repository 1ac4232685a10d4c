"""Frames behind a misread scrambler are found among those that were sent."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from wtrec.analysis.match import pack
from wtrec.analysis.match_kernel import MATCHED, UNMATCHED, Packets, Queries
from wtrec.analysis.misread_kernel import MOST, TAIL, match_misread
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


def misread(received: NDArray[np.uint8], sent: Packets, time: int) -> int:
    """The packet that a frame is found to be; -1 for none."""
    size, none = np.array([len(received)]), np.zeros(1, np.int64)
    ids = np.zeros((1, 4), np.uint64)
    received.flags.writeable = False
    query = Queries(received, none, size, np.array([time]), ids, none, none)
    outcomes, originals = np.full(1, UNMATCHED, np.int8), np.full(1, -1)
    match_misread(query, sent, WINDOW, outcomes, originals)
    assert (outcomes[0] == MATCHED) == (originals[0] >= 0)
    return int(originals[0])


def plain(received: NDArray[np.uint8], sent: Packets, time: int) -> int:
    """The same with whole arrays of bits."""
    length = len(received)
    if length < TAIL:
        return -1
    low = int(np.searchsorted(sent.times, time - WINDOW))
    high = int(np.searchsorted(sent.times, time + WINDOW, side="right"))
    candidates = low + np.flatnonzero(sent.lengths[low:high] == length)
    tails = sent.starts[candidates, None] + np.arange(length - TAIL, length)
    near = candidates[broken(sent.data[tails] ^ received[-TAIL:]) <= MOST]
    found = -1
    for number in near.tolist():
        original = sent.data[sent.starts[number] :][:length]
        if broken((original ^ received)[None])[0] <= MOST:
            if found >= 0 and (original != sent.data[sent.starts[found] :][:length]).any():
                return -1
            found = number
    return found


def broken(differences: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Share of the bits that are not the sum of those four and seven bits before, by row."""
    bits = np.unpackbits(differences, axis=1, bitorder="little")
    return np.asarray((bits[:, 7:] ^ bits[:, 3:-4] ^ bits[:, :-7]).mean(axis=1))


@settings(deadline=None, max_examples=80)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 127),
    st.integers(0, 150),
    st.sampled_from([0, 15, 16, 17, LENGTH]),
    st.booleans(),
)
def test_against_plain(seed: int, state: int, errors: int, length: int, alike: bool) -> None:
    """What is found is what whole arrays of bits find, up to as many errors as are too many."""
    draw = np.random.default_rng(seed)
    data = draw.integers(0, 256, 20 * LENGTH, dtype=np.uint8)
    if alike:
        data[7 * LENGTH : 8 * LENGTH] = data[:LENGTH]
        data[8 * LENGTH : 9 * LENGTH] = data[:LENGTH]
        data[8 * LENGTH + 3] ^= int(draw.integers(0, 2))
    packets_sent = packets(data)
    packets_sent.lengths[draw.integers(0, 20)] = length
    frame = behind(packets_sent, int(draw.integers(0, 20)) if not alike else 0, state, errors)
    received = frame[:length].copy()
    time = int(draw.choice([10, WINDOW + 10, 3 * WINDOW]))
    assert misread(received, packets_sent, time) == plain(received, packets_sent, time)


@pytest.mark.parametrize("errors", [0, 20])
def test_every_state(sent: Packets, errors: int) -> None:
    """Each of the 127 phases is undone, with a few other errors, too."""
    found = [
        misread(behind(sent, state % 100, state, errors), sent, 50) for state in range(1, STATES)
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
        assert misread(stranger, sent, 50) == -1
    assert misread(behind(sent, 7, 5), sent, 2000) == -1
    assert misread(behind(sent, 7, 5)[:100], sent, 50) == -1
    assert misread(behind(sent, 7, 5)[:10], sent, 50) == -1


def test_twins(sent: Packets) -> None:
    """Packets that differ in a bit cannot be told apart; those that do not need not be."""
    data = sent.data.copy()
    data[LENGTH : 2 * LENGTH] = data[:LENGTH]
    assert misread(behind(sent, 0, 9), packets(data.copy()), 0) >= 0
    data[LENGTH] ^= 1
    assert misread(behind(sent, 0, 9), packets(data), 0) == -1
