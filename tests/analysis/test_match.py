"""The search by votes: as right as the search through everything, and right."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from wtrec.analysis.match import GRID, WINDOW_NS, pack, with_index
from wtrec.analysis.match_kernel import (
    AMBIGUOUS,
    DOUBT,
    FALSE,
    MATCHED,
    UNMATCHED,
    Packets,
    Queries,
    match,
)
from wtrec.dot11 import fcs
from wtrec.phy.link import Link

STEP = 200_000  # ns between packets: 5,000 a second


def of(packets: Sequence[bytes]) -> Packets:
    """Packets, one every ``STEP``."""
    lengths = np.array([len(packet) for packet in packets], np.int32)
    starts = np.concatenate([[0], np.cumsum(lengths[:-1], dtype=np.int64)])
    ids = np.arange(len(packets), dtype=np.uint64)
    data = np.frombuffer(b"".join(packets), np.uint8)
    return pack(np.arange(len(packets)) * STEP, starts.astype(np.int64), lengths, data, ids)


def search(
    packets: Packets, received: Sequence[bytes], at: Sequence[int] | None = None
) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    """Outcomes and packets; frames come when packet ``at`` was sent."""
    lengths = np.array([len(frame) for frame in received], np.int64)
    none = np.zeros(len(received), np.int64)
    query = Queries(
        np.frombuffer(b"".join(received), np.uint8),
        np.concatenate([[0], np.cumsum(lengths[:-1])]).astype(np.int64),
        lengths,
        np.array(range(len(received)) if at is None else at, np.int64) * STEP,
        np.zeros((len(received), 4), np.uint64),
        none,
        none,
    )
    outcomes, originals = np.full(len(received), UNMATCHED, np.int8), np.full(len(received), -1)
    match(query, packets, WINDOW_NS, outcomes, originals)
    return outcomes, originals


def damaged(frames: Sequence[bytes], error_rate: float, seed: int) -> list[bytes]:
    """The frames after a binary symmetric channel."""
    draw = np.random.default_rng(seed)
    found = []
    for frame in frames:
        errors = np.packbits(draw.random(8 * len(frame)) < error_rate)
        found.append((np.frombuffer(frame, np.uint8) ^ errors).tobytes())
    return found


def random_frames(count: int, length: int, seed: int) -> list[bytes]:
    """Sixty bytes that are the same in all, then random ones, and the FCS."""
    draw = np.random.default_rng(seed)
    head = draw.bytes(60)
    return [fcs.append(head + draw.bytes(length - 64)) for _ in range(count)]


def plain(packets: Sequence[bytes], received: bytes, low: int, high: int) -> tuple[int, int]:
    """The rule of the search in plain Python."""
    bits = 8 * len(received)
    limit = 0.5 * bits - (0.5 * bits * np.log(max(1, high - low) / FALSE)) ** 0.5

    def apart(one: bytes, other: bytes) -> int:
        return (int.from_bytes(one, "little") ^ int.from_bytes(other, "little")).bit_count()

    near = [
        (apart(received, packets[n]), n)
        for n in range(low, high)
        if len(packets[n]) == len(received) and apart(received, packets[n]) < limit
    ]
    if not near:
        return UNMATCHED, -1
    fewest, best = min(near)
    odds = (fewest + 1) / (bits - fewest + 1)
    same = others = 0.0
    for errors, n in near:
        between = apart(packets[best], packets[n])
        if between == 0:
            same += 1
        elif 2 * (errors - fewest) <= between:
            return AMBIGUOUS, -1
        else:
            others += odds ** (errors - fewest)
    return (AMBIGUOUS, -1) if others > DOUBT * (same + others) else (MATCHED, best)


class TestTheRule:
    """What is matched, what is not."""

    @settings(max_examples=60)
    @given(
        st.integers(0, 2**32 - 1),
        st.sampled_from([16, 40, 90, 300]),
        st.integers(0, 40),
        st.sampled_from([0.0, 0.02, 0.1, 0.3, 0.5]),
        st.booleans(),
    )
    def test_against_plain_python(
        self, seed: int, length: int, alike: int, error_rate: float, indexed: bool
    ) -> None:
        """With and without an index, for packets that differ in much, in little, in nothing."""
        draw = np.random.default_rng(seed)
        base = draw.bytes(length)
        sent = [base] * 20
        for _ in range(100):
            own = bytearray(base)
            count = int(draw.integers(0, length + 1)) if alike > 20 else min(alike, length)
            for at in draw.integers(0, length, count):
                own[at] = draw.integers(0, 256)
            sent.append(bytes(own))
        bad = damaged(sent[15:45], error_rate, seed)
        packets = with_index(of(sent)) if indexed else of(sent)
        outcomes, originals = search(packets, bad, range(15, 45))
        for frame, outcome, original in zip(bad, outcomes, originals, strict=True):
            expected, best = plain(sent, frame, 0, len(sent))
            assert outcome == expected
            assert (sent[original] if original >= 0 else b"") == (sent[best] if best >= 0 else b"")

    @pytest.mark.parametrize("length", [114, 400, 1500])
    @pytest.mark.parametrize("error_rate", [0.001, 0.03, 0.1])
    def test_random_payloads(self, length: int, error_rate: float) -> None:
        """Of 2,000 frames without an id none is lost, none mistaken, at error rates up to 0.1."""
        sent = random_frames(2000, length, seed=length)
        packets = with_index(of(sent))
        outcomes, originals = search(packets, damaged(sent, error_rate, seed=1))
        assert (outcomes == MATCHED).mean() >= 0.999
        assert (originals == np.arange(2000))[outcomes == MATCHED].all()

    @pytest.mark.parametrize(("channel", "snr_db"), [("awgn", 10.0), ("rayleigh", 16.0)])
    def test_through_ofdm(self, channel: str, snr_db: float) -> None:
        """Bursts of a Viterbi decoder at 36 Mbit/s: frames up to an error rate of 0.1."""
        sent = random_frames(600, 400, seed=4)
        received = Link(36.0, channel=channel, snr_db=snr_db, seed=9).receive(sent)  # type: ignore[arg-type]
        errors = np.array(
            [
                np.bitwise_count(np.frombuffer(a, np.uint8) ^ np.frombuffer(b, np.uint8)).sum()
                for a, b in zip(sent, received, strict=True)
            ]
        )
        judged = np.flatnonzero((errors > 0) & (errors <= 0.1 * 8 * 400))
        assert len(judged) >= 100
        packets = with_index(of(sent))
        outcomes, originals = search(packets, [received[i] for i in judged], judged.tolist())
        assert (outcomes == MATCHED).mean() >= 0.999
        assert (originals == judged)[outcomes == MATCHED].all()

    @pytest.mark.parametrize("length", [32, 114])
    def test_strangers(self, length: int) -> None:
        """Of 100,000 frames of random bytes none is matched to any of 200 packets."""
        sent = random_frames(200, 114, seed=5)
        sent = [frame[-length:] for frame in sent]
        draw = np.random.default_rng(6)
        noise = np.frombuffer(draw.bytes(100_000 * length), f"V{length}").tolist()
        outcomes, _ = search(with_index(of(sent)), noise, [0] * len(noise))
        assert (outcomes == UNMATCHED).all()

    def test_a_counter_everywhere(self) -> None:
        """Packets whose every window differs, by a bit or two, are told apart or left alone."""
        head = bytes(20)
        sent = [head + (n.to_bytes(2, "little") * 40) for n in range(2000)]
        packets = with_index(of(sent))
        for error_rate in (0.01, 0.1, 0.25):
            outcomes, originals = search(packets, damaged(sent, error_rate, seed=7))
            found = outcomes == MATCHED
            assert (originals == np.arange(2000))[found].mean() >= 0.999
            assert not (outcomes == UNMATCHED).any() or error_rate > 0.2

    def test_constant_payloads(self) -> None:
        """Packets with equal bodies are ambiguous once errors hit all that differs."""
        draw = np.random.default_rng(8)
        sent = [draw.bytes(4) + bytes(200) for _ in range(500)]
        bad = [draw.bytes(4) + frame[4:] for frame in sent]
        outcomes, originals = search(with_index(of(sent)), bad)
        wrong = (outcomes == MATCHED) & (originals != np.arange(500))
        assert wrong.sum() <= 3
        assert (outcomes == AMBIGUOUS).mean() > 0.98

    def test_the_grid_covers_short_packets_wholly(self) -> None:
        """Every byte of the first 256 stands in a window."""
        assert set(range(256)) <= {*GRID.tolist(), *(GRID + 1).tolist()}
