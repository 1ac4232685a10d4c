"""crc-flip: one, two and three flips anywhere, and the numbers that its gate promises."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wtrec.datasets.frames import FcsStatus, FrameBatch
from wtrec.dot11 import fcs, mac
from wtrec.errors import AlgorithmError
from wtrec.replay.algorithm import Repairs
from wtrec.replay.algorithms.checks import ALL
from wtrec.replay.algorithms.crc_flip import MAX_BYTES, CrcFlip
from wtrec.replay.algorithms.powers import Powers
from wtrec.replay.choice import make

compiled = settings(deadline=None)  # the first call compiles
POWERS = Powers()

Batch = Callable[..., FrameBatch]
Claims = Callable[[Repairs], dict[int, list[int] | None]]
Repair = Callable[[int, list[int], int, float], list[int] | None]


def random_frame(length: int, seed: int) -> bytes:
    """A good frame of ``length`` bytes with its FCS."""
    return fcs.append(np.random.default_rng(seed).bytes(length - fcs.LENGTH))


@st.composite
def flipped(draw: st.DrawFn, flips: int, shortest: int, longest: int) -> tuple[bytes, list[int]]:
    """A frame with so many flips at any positions, FCS included, and these."""
    length = draw(st.integers(shortest, longest))
    bits = draw(
        st.lists(st.integers(0, 8 * length - 1), min_size=flips, max_size=flips, unique=True)
    )
    return fcs.flip(random_frame(length, draw(st.integers(0, 2**32))), bits), sorted(bits)


class TestRepairs:
    """What is repaired, whatever the frame."""

    @compiled
    @given(st.lists(flipped(1, 28, 2304), min_size=1, max_size=8))
    def test_one_flip(
        self, bad_batch: Batch, claims: Claims, cases: list[tuple[bytes, list[int]]]
    ) -> None:
        """One flip anywhere is always repaired: it has no rival, and the gate is open."""
        repairs = CrcFlip().recover(bad_batch([frame for frame, _ in cases]))
        assert claims(repairs) == {i: bits for i, (_, bits) in enumerate(cases, 1)}
        assert repairs.candidates.tolist() == [1] * len(cases)
        assert repairs.expected_false.tolist() == [8 * len(f) / 2**32 for f, _ in cases]

    @compiled
    @given(st.lists(flipped(2, 28, 375), min_size=1, max_size=8))
    def test_two_flips_in_short_frames(
        self, bad_batch: Batch, claims: Claims, cases: list[tuple[bytes, list[int]]]
    ) -> None:
        """Two flips anywhere in frames of up to 375 bytes are always repaired."""
        repairs = CrcFlip().recover(bad_batch([frame for frame, _ in cases]))
        assert claims(repairs) == {i: bits for i, (_, bits) in enumerate(cases, 1)}
        assert repairs.candidates.tolist() == [1] * len(cases)

    @compiled
    @given(st.lists(flipped(3, 14, 25), min_size=1, max_size=8))
    def test_three_flips_in_control_frames(
        self, bad_batch: Batch, claims: Claims, cases: list[tuple[bytes, list[int]]]
    ) -> None:
        """Three flips in frames of up to 25 bytes, where the code's distance is 7, are repaired."""
        repairs = CrcFlip(max_flips=3).recover(bad_batch([frame for frame, _ in cases]))
        assert claims(repairs) == {i: bits for i, (_, bits) in enumerate(cases, 1)}

    @compiled
    @given(st.lists(flipped(3, 26, 37), min_size=1, max_size=8))
    def test_three_flips_up_to_distance_six(
        self, bad_batch: Batch, claims: Claims, cases: list[tuple[bytes, list[int]]]
    ) -> None:
        """Up to 37 bytes (distance 6), three flips are repaired or have rivals: never wrongly."""
        repairs = CrcFlip(max_flips=3).recover(bad_batch([frame for frame, _ in cases]))
        for (_, bits), claim, candidates in zip(
            cases, claims(repairs).values(), repairs.candidates, strict=True
        ):
            assert claim == bits or (claim is None and candidates >= 2)

    def test_three_flips_at_60_bytes(self, bad_batch: Batch, claims: Claims) -> None:
        """At 60 bytes nearly all are repaired, and those with a rival are abstained on."""
        draw = np.random.default_rng(60)
        patterns = [sorted(draw.choice(480, 3, replace=False).tolist()) for _ in range(1000)]
        good = random_frame(60, 1)
        repairs = CrcFlip(max_flips=3).recover(
            bad_batch([fcs.flip(good, bits) for bits in patterns])
        )
        repaired = repairs.repaired
        # A pattern has C(480, 3) / 2^32 = 0.004 rivals.
        assert 980 <= np.count_nonzero(repaired) < 1000
        assert (repairs.candidates[~repaired] >= 2).all()
        for claim, bits in zip(claims(repairs).values(), patterns, strict=True):
            assert claim is None or claim == bits

    def test_good_frames_are_left_alone(self, bad_batch: Batch, claims: Claims) -> None:
        """Only bad frames are answered for, by their numbers."""
        good = random_frame(100, 1)
        bad = fcs.flip(good, [17])
        statuses = [
            FcsStatus.GOOD,
            FcsStatus.BAD,
            FcsStatus.ABSENT,
            FcsStatus.UNVERIFIABLE,
            FcsStatus.BAD,
        ]
        frames = bad_batch([good, bad, bad, bad, bad], status=statuses)
        assert CrcFlip().recover(frames).number.tolist() == [2, 5]
        assert CrcFlip().recover(frames.slice(2, 3)).number.tolist() == [5]
        assert claims(CrcFlip().recover(frames.slice(4, 1))) == {5: [17]}

    def test_nothing_to_do(self, bad_batch: Batch) -> None:
        """Without frames, and at the end, there are no answers."""
        assert len(CrcFlip().recover(bad_batch([]))) == 0
        assert len(CrcFlip().finish()) == 0

    @pytest.mark.parametrize("length", [4, 5, 14])
    def test_shortest(self, length: int, bad_batch: Batch, claims: Claims) -> None:
        """Frames down to a bare FCS are searched like others."""
        good = random_frame(length, 3)
        cases = [fcs.flip(good, [bit]) for bit in range(8 * length)]
        answers = claims(CrcFlip(1).recover(bad_batch(cases)))
        assert answers == {1 + bit: [bit] for bit in range(8 * length)}

    def test_longest(self, bad_batch: Batch, claims: Claims) -> None:
        """The longest MPDU is repaired, a longer one abstained on, in one batch with short ones."""
        lengths = [30, MAX_BYTES, MAX_BYTES + 1, 1000, 65_000]
        cases = [fcs.flip(random_frame(length, length), [8 * length - 1]) for length in lengths]
        repairs = CrcFlip().recover(bad_batch(cases))
        wanted = [[239], [8 * MAX_BYTES - 1], None, [7999], None]
        assert claims(repairs) == dict(enumerate(wanted, 1))
        assert repairs.candidates.tolist() == [1, 1, -1, 1, -1]
        assert np.isnan(repairs.expected_false).tolist() == [False, False, True, False, True]

    def test_tables_grow(self, bad_batch: Batch, claims: Claims) -> None:
        """A batch with longer frames than any before it is searched with larger tables."""
        algorithm = CrcFlip()
        for length in (28, 2304, 100, 5000):
            bad = fcs.flip(random_frame(length, 7), [8 * length - 3])
            assert claims(algorithm.recover(bad_batch([bad]))) == {1: [8 * length - 3]}


@pytest.fixture(scope="module")
def repair(bad_batch: Batch, claims: Claims) -> Repair:
    """The claim for one frame: ``repair(length, bits, max_flips, gate)``."""

    def of_one(length: int, bits: list[int], max_flips: int, gate: float) -> list[int] | None:
        bad = fcs.flip(random_frame(length, 5), bits)
        return claims(CrcFlip(max_flips, gate).recover(bad_batch([bad])))[1]

    return of_one


class TestGate:
    """When nothing is claimed because chance would explain it."""

    @pytest.mark.parametrize(("flips", "longest"), [(2, 1158), (3, 79)])
    def test_border(self, flips: int, longest: int, repair: Repair) -> None:
        """At the default gate two flips are repaired up to 1,158 bytes, three up to 79."""
        bits = [3, 200, 500][:flips]
        assert repair(longest, bits, 3, 0.01) == bits
        assert repair(longest + 1, bits, 3, 0.01) is None

    @pytest.mark.parametrize("length", [79, 1158])
    def test_border_is_where_the_sum_is(self, length: int, bad_batch: Batch) -> None:
        """The expected number of false candidates adds up all weights that were tried."""
        bits = 8 * length
        weights = range(1, 4 if length == 79 else 3)
        expected = sum(math.comb(bits, weight) for weight in weights) / 2**32
        assert expected <= 0.01
        bad = fcs.flip(random_frame(length, 5), [3, 200, 500][: len(weights)])
        repairs = CrcFlip(3).recover(bad_batch([bad]))
        assert repairs.expected_false[0] == pytest.approx(expected, rel=1e-12)

    def test_two_flips_at_1500_bytes(self, repair: Repair) -> None:
        """Two flips in 1,500 bytes are abstained on by default, and repaired by an open gate."""
        assert repair(1500, [5, 9000], 2, 0.01) is None
        assert repair(1500, [5, 9000], 2, 1.0) == [5, 9000]

    @pytest.mark.parametrize(("length", "gate"), [(400, 0.01), (800, 0.01), (1500, 0.05)])
    def test_three_flips_confirmed(
        self,
        length: int,
        gate: float,
        udp_frame: Callable[..., bytes],
        bad_batch: Batch,
        claims: Claims,
    ) -> None:
        """Most sets of three flips under a UDP checksum are repaired, and none without it.

        The tenth whose sum lacks no more than one flip would give is too easily made up for.
        """
        draw = np.random.default_rng(length)
        good = udp_frame(draw.bytes(length - 64))
        places = 8 * 60 + np.sort([draw.choice(8 * (length - 64), 3, False) for _ in range(20)])
        bad = bad_batch([fcs.flip(good, flips) for flips in places.tolist()])
        answers = claims(CrcFlip(gate=gate).recover(bad))
        assert sum(a == b for a, b in zip(answers.values(), places.tolist(), strict=True)) >= 15
        plain = claims(CrcFlip(gate=gate, checks="none").recover(bad))
        assert plain == dict.fromkeys(range(1, 21))

    def test_a_length_without_a_checksum(self, bad_batch: Batch, claims: Claims) -> None:
        """One flip in the length of an IPv6 packet is repaired, though its sum seems to lack more.

        The header has no checksum, so the wrong length is believed, and the sum is over too little.
        """
        draw = np.random.default_rng(3)
        segment = bytearray(draw.bytes(500))
        segment[16:18] = bytes(2)
        addresses = draw.bytes(32)
        pseudo = addresses + struct.pack(">IHBB", len(segment), 0, 0, 6)
        segment[16:18] = mac.internet_checksum(pseudo + segment).to_bytes(2, "big")
        ip = struct.pack(">IHBB", 6 << 28, len(segment), 6, 64) + addresses + segment
        header = b"\x08\x01\x2c\0" + draw.bytes(18) + b"\x10\0"
        good = fcs.append(header + bytes.fromhex("aaaa0300000086dd") + ip)
        shorter = 8 * (24 + 8 + 4) + 8  # the length is 0x01f4 in bytes 4 and 5
        flips = [bit for bit in range(shorter - 8, shorter + 8) if good[bit // 8] >> bit % 8 & 1]
        bad = bad_batch([fcs.flip(good, [bit]) for bit in flips])
        assert claims(CrcFlip().recover(bad)) == {i: [bit] for i, bit in enumerate(flips, 1)}

    def test_closed_before_the_first_flip(self, bad_batch: Batch, claims: Claims) -> None:
        """A gate that even one flip does not pass leaves everything as it is."""
        bad = fcs.flip(random_frame(1500, 5), [5])
        repairs = CrcFlip(gate=1e-9).recover(bad_batch([bad]))
        assert claims(repairs) == {1: None}
        assert repairs.candidates.tolist() == [-1]

    def test_rivals_at_1500_bytes(self, bad_batch: Batch) -> None:
        """Of two-flip patterns in 1,500 bytes 1.8 % have rivals, and none of these is claimed.

        The share is 6 A4 / C(12000, 2), with the 212,630 codewords of weight 4.
        """
        draw = np.random.default_rng(1500)
        patterns = np.sort([draw.choice(12_000, 2, replace=False) for _ in range(20_000)], axis=1)
        good = np.frombuffer(random_frame(1500, 1500), np.uint8)
        frames = np.tile(good, (len(patterns), 1))
        for column in range(2):
            bits = patterns[:, column]
            frames[np.arange(len(frames)), bits // 8] ^= (1 << bits % 8).astype(np.uint8)
        repairs = CrcFlip(gate=1.0).recover(bad_batch([frame.tobytes() for frame in frames]))
        share = np.count_nonzero(~repairs.repaired) / len(patterns)
        assert share == pytest.approx(6 * 212_630 / math.comb(12_000, 2), abs=0.002)
        assert (repairs.candidates[~repairs.repaired] >= 2).all()
        assert (repairs.candidates[repairs.repaired] == 1).all()
        np.testing.assert_array_equal(
            repairs.flips.reshape(-1, 2), patterns[repairs.repaired].astype(np.uint32)
        )

    def test_false_claims_are_as_many_as_expected(self, bad_batch: Batch) -> None:
        """On frames of random bytes the claims are what ``expected_false`` says they are."""
        draw = np.random.default_rng(11)
        length, frames = 1158, 10_000
        repairs = CrcFlip().recover(bad_batch([draw.bytes(length) for _ in range(frames)]))
        bits = 8 * length
        expected = frames * (bits + math.comb(bits, 2)) / 2**32  # 99.9
        false = np.count_nonzero(repairs.repaired)
        assert abs(false - expected) < 4 * math.sqrt(expected)
        assert repairs.expected_false[repairs.repaired].max() <= 0.01


@compiled
@given(st.integers(4, 40), st.integers(1, 2**32 - 1))
def test_claims_only_what_is_unique(
    bad_batch: Batch, claims: Claims, length: int, syndrome: int
) -> None:
    """Any syndrome at all: a claim explains it, and is the lightest and only one to do so."""
    bad = bytes(length - 4) + (zlib.crc32(bytes(length - 4)) ^ syndrome).to_bytes(4, "little")
    repairs = CrcFlip(3, gate=1.0).recover(bad_batch([bad]))
    claim = claims(repairs)[1]
    wanted = np.array([syndrome], np.uint32)
    counts = [len(POWERS.find(wanted, np.array([8 * length]), w)[0]) for w in (1, 2, 3)]
    lightest = next((weight for weight, count in enumerate(counts, 1) if count), 0)
    if claim is None:
        assert lightest == 0 or counts[lightest - 1] > 1
    else:
        assert len(claim) == lightest
        assert counts[lightest - 1] == 1
        assert fcs.syndrome(fcs.flip(bad, claim)) == 0


def test_noise(check_noise: Callable[..., None]) -> None:
    """A hundred thousand frames of random bytes are repaired as often as is said."""
    algorithm = CrcFlip(gate=0.01)
    check_noise(algorithm, algorithm._stages, 0.01, 60, {})


class TestParameters:
    """What the algorithm can be told."""

    def test_defaults(self) -> None:
        """Three flips at a gate of 0.01, and all checks."""
        algorithm, parameters = make("crc-flip")
        assert isinstance(algorithm, CrcFlip)
        assert parameters == {"max_flips": 3, "gate": 0.01, "checks": ALL}

    @pytest.mark.parametrize(
        ("choice", "message"),
        [
            ("max_flips=0", "max_flips=0, wanted 1 to 3"),
            ("max_flips=4", "max_flips=4, wanted 1 to 3"),
            ("gate=0", "gate=0.0, wanted a positive number"),
            ("gate=-1", "gate=-1.0, wanted a positive number"),
            ("gate=nan", "gate=nan, wanted a positive number"),
            ("gate=inf", "gate=inf, wanted a positive number"),
            ("checks=crc", f"checks='crc', wanted some of {ALL}, or none"),
        ],
    )
    def test_out_of_range(self, choice: str, message: str) -> None:
        """A parameter out of range is an error in one line that says the range."""
        with pytest.raises(AlgorithmError) as caught:
            make(f"crc-flip:{choice}")
        assert str(caught.value) == f"crc-flip: {message}"
