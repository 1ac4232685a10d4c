"""Packets leave whole, in order and never early; what happened can be read from the state."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from wtrec.replay.depart_kernel import (
    FAILED,
    FIRST,
    LAST,
    NEXT,
    STAY_NS,
    TICK_NS,
    write_due,
)
from wtrec.replay.departed import Departed

HEADS = [b"", b"head", b"another one"]


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two ends: what one writes is a packet at the other."""
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    yield ends
    for end in ends:
        end.close()


def write(
    descriptor: int,
    packets: list[bytes],
    due: NDArray[np.int64],
    state: NDArray[np.int64],
    late: NDArray[np.int64] | None = None,
) -> None:
    """One call, each packet after the head of its number."""
    ends = np.cumsum([0, *map(len, packets)])
    write_due(
        descriptor,
        np.frombuffer(b"".join(packets) or b"\0", np.uint8),
        ends[:-1],
        ends[1:],
        np.frombuffer(b"".join(HEADS), np.uint8),
        np.cumsum([0, *map(len, HEADS)]),
        np.arange(len(packets)) % len(HEADS),
        due,
        25_000,
        np.empty(2000, np.uint8),
        np.zeros(100_000, np.int64) if late is None else late,
        state,
    )


def test_each_packet_is_whole(pair: tuple[socket.socket, socket.socket]) -> None:
    """What stands before it and its bytes, in one write; without due times at once."""
    here, there = pair
    packets = [bytes([n]) * n for n in range(1, 90)]
    state = np.zeros(4, np.int64)
    before = time.monotonic_ns()
    write(here.fileno(), packets, np.empty(0, np.int64), state)
    assert before <= state[FIRST] <= state[LAST] <= time.monotonic_ns()
    assert state[NEXT] == len(packets)
    assert not state[FAILED]
    assert [there.recv(2000) for _ in packets] == [
        HEADS[k % 3] + packet for k, packet in enumerate(packets)
    ]


def test_never_early(pair: tuple[socket.socket, socket.socket]) -> None:
    """The counts say how late they were; a call ends after a while, the next one goes on."""
    here, there = pair
    packets = [b"packet"] * 50
    start = time.monotonic_ns()
    due = start + np.arange(50) * STAY_NS // 15
    late = np.zeros(100_000, np.int64)
    state = np.zeros(4, np.int64)
    calls = 0
    there.setblocking(False)
    while state[NEXT] < len(packets):
        write(here.fileno(), packets, due, state, late)
        calls += 1
        assert time.monotonic_ns() >= due[state[NEXT] - 1]
    assert calls >= 3
    assert late.sum() == 50
    assert state[FIRST] >= due[0]
    assert state[LAST] >= due[-1]
    assert state[LAST] - due[-1] < (np.flatnonzero(late)[-1] + 1) * TICK_NS
    assert [there.recv(100) for _ in packets] == [HEADS[k % 3] + b"packet" for k in range(50)]


def test_a_write_that_fails_is_the_next_packet() -> None:
    """The packets before it have left, and nothing else has."""
    reader, writer = os.pipe2(os.O_NONBLOCK)
    try:
        packets = [bytes(1000)] * 100  # a pipe holds 65,536 bytes
        state = np.zeros(4, np.int64)
        write(writer, packets, np.empty(0, np.int64), state)
        assert state[FAILED]
        assert 60 <= state[NEXT] <= 65
        whole = sum(1000 + len(HEADS[k % 3]) for k in range(state[NEXT]))
        assert len(os.read(reader, 100_000)) == whole
    finally:
        os.close(reader)
        os.close(writer)


def test_how_late_a_packet_was() -> None:
    """To the us up to 0.1 s, to the ms up to 100 s; never early, and no more than it was."""
    departed = Departed("x")
    for ns, us in (
        (-5, 0),
        (999, 0),
        (99_999_999, 99_999),
        (100_000_000, 100_000),
        (1_234_567_890, 1_234_000),
        (10**15, 99_999_000),
    ):
        departed.late[:] = 0
        departed.count_late(ns)
        assert departed.late_us(1) == us
