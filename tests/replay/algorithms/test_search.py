"""A search by stages: its order, its gate, what is counted, and what is claimed."""

from __future__ import annotations

import collections
import random
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from wtrec.datasets.frames import FcsStatus, FrameBatch
from wtrec.dot11 import fcs
from wtrec.replay.algorithm import Algorithm, Repairs
from wtrec.replay.algorithms import search
from wtrec.replay.algorithms.candidates import Bad, Candidates
from wtrec.replay.algorithms.search import Plan, Planned, Stage, check_gate
from wtrec.replay.algorithms.sums import ANY, BY_CHANCE, Errors, Sums
from wtrec.replay.choice import make

EVER = 1e9  # a gate that is always open
SEARCHING = ("crc-flip", "crc-burst", "crc-event", "crc-dsss", "crc-seed", "header", "auto")

Batch = Callable[..., FrameBatch]
Claims = Callable[[Repairs], dict[int, list[int] | None]]
UdpFrame = Callable[..., bytes]


class Told:
    """A stage that finds what it is told to, and remembers up to where it was asked.

    Args:
        expected: By weight, from 0 on, alike for all frames.
        every: Weight and flips of candidates, by frame number.
    """

    sums: Sums = ANY

    def __init__(
        self, expected: Sequence[float], every: dict[int, list[tuple[int, list[int]]]]
    ) -> None:
        self._expected = np.array(expected, np.float64)
        self._every = every
        self.asked: list[dict[int, int]] = []

    def expected(self, bad: Bad) -> NDArray[np.float64]:
        return np.tile(self._expected, (len(bad), 1))

    def find(self, bad: Bad, ceiling: NDArray[np.int64]) -> Candidates:
        self.asked.append(dict(zip(bad.number.tolist(), ceiling.tolist(), strict=True)))
        found = [
            (row, weight, flips)
            for row, number in enumerate(bad.number.tolist())
            for weight, flips in self._every.get(number, [])
            if weight <= ceiling[row]
        ]
        return Candidates(
            np.array([row for row, *_ in found], np.int64),
            np.array([weight for _, weight, _ in found], np.int64),
            np.cumsum([0, *(len(flips) for *_, flips in found)]),
            np.array([bit for *_, flips in found for bit in flips], np.int64),
        )


class Staged(Planned):
    """Stages for all frames, or for those of some places."""

    name = "staged"

    def __init__(
        self,
        stages: Sequence[Stage],
        gate: float = EVER,
        *,
        checks: str = "none",
        confirmed: Sequence[Stage] = (),
        which: Sequence[int] | None = None,
    ) -> None:
        super().__init__(gate, checks)
        self._stages, self._late, self._which = stages, confirmed, which

    def plans(self, frames: FrameBatch, bad: Bad) -> Iterable[Plan]:
        del frames
        which = np.arange(len(bad)) if self._which is None else np.array(self._which, np.int64)
        return [Plan(which, self._stages, self._late)]


@pytest.fixture
def two(bad_batch: Batch) -> FrameBatch:
    """Two frames that no second check can be made in."""
    return bad_batch([bytes(20), bytes(30)])


class TestOrder:
    """Stages one after the other, weights from the lightest on."""

    def test_first_stage_with_candidates(self, two: FrameBatch, claims: Claims) -> None:
        """What an earlier stage finds is claimed, and later ones are not asked for that frame."""
        first = Told([0, 1], {1: [(1, [5])]})
        second = Told([0, 1, 2], {1: [(1, [6])], 2: [(2, [7])]})
        assert claims(Staged([first, second]).recover(two)) == {1: [5], 2: [7]}
        assert [list(asked) for asked in first.asked + second.asked] == [[1, 2], [2]]

    def test_lightest(self, two: FrameBatch, claims: Claims) -> None:
        """In a stage the lightest candidate is claimed."""
        stage = Told([0, 1, 2, 3], {1: [(3, [5]), (2, [6]), (3, [7])]})
        assert claims(Staged([stage]).recover(two)) == {1: [6], 2: None}

    def test_rivals(self, two: FrameBatch, claims: Claims) -> None:
        """Two of the lowest weight are told, not claimed, and end the search for this frame."""
        first = Told([0, 1, 2], {1: [(1, [5]), (1, [6]), (2, [7])]})
        second = Told([0, 1], {1: [(1, [8])], 2: [(1, [9])]})
        repairs = Staged([first, second]).recover(two)
        assert claims(repairs) == {1: None, 2: [9]}
        assert repairs.candidates.tolist() == [2, 1]
        assert np.isnan(repairs.expected_false).tolist() == [True, False]

    def test_nothing_found(self, two: FrameBatch) -> None:
        """A frame that was searched in vain has 0 candidates, one that was not looked at -1."""
        repairs = Staged([Told([0, 1], {})], which=[1]).recover(two)
        assert repairs.candidates.tolist() == [-1, 0]
        assert not repairs.repaired.any()

    def test_rows_stay_with_their_frames(self, bad_batch: Batch, claims: Claims) -> None:
        """Plans name places among the bad frames, in any order; answers come in frame order."""
        status = [FcsStatus.GOOD, FcsStatus.BAD, FcsStatus.BAD, FcsStatus.BAD]
        batch = bad_batch([bytes(9)] * 4, status=status)
        stage = Told([0, 1], {2: [(1, [2])], 3: [(1, [3, 4, 5])], 4: [(1, [4])]})
        repairs = Staged([stage], which=[2, 0, 1]).recover(batch)
        assert repairs.number.tolist() == [2, 3, 4]
        assert claims(repairs) == {2: [2], 3: [3, 4, 5], 4: [4]}

    def test_parts(self, bad_batch: Batch, claims: Claims, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where many candidates come, frames are searched a part at a time, to the same result."""
        batch = bad_batch([bytes(9)] * 10)
        every = {number: [(1, [number])] for number in range(1, 11)}
        stage = Told([0, 40], every)
        monkeypatch.setattr(search, "_AT_ONCE", 100)
        assert claims(Staged([stage]).recover(batch)) == {n: [n] for n in every}
        assert 4 <= len(stage.asked) <= 10
        assert [number for asked in stage.asked for number in asked] == list(every)


class TestGate:
    """How far is searched, and what is said of it."""

    def test_ceiling(self, two: FrameBatch, claims: Claims) -> None:
        """The largest weight with an expected number up to the gate is the last one searched."""
        stage = Told([0, 0.1, 0.2, 0.3], {1: [(2, [5])], 2: [(3, [5])]})
        repairs = Staged([stage], 0.2).recover(two)
        assert stage.asked == [{1: 2, 2: 2}]
        assert claims(repairs) == {1: [5], 2: None}
        assert repairs.expected_false[0] == 0.2
        assert repairs.candidates.tolist() == [1, 0]

    def test_lighter_costs_less(self, two: FrameBatch) -> None:
        """A claim's number is that of its own weight, though heavier ones were looked for."""
        stage = Told([0, 0.1, 0.2, 0.3], {1: [(1, [5])]})
        assert Staged([stage], 0.3).recover(two).expected_false[0] == 0.1

    def test_what_came_before_counts(self, two: FrameBatch) -> None:
        """A later stage starts from all that was searched for this frame."""
        first, second = Told([0, 0.1, 0.2], {2: [(1, [5])]}), Told([0, 0.1, 0.2], {1: [(1, [6])]})
        repairs = Staged([first, second], 0.35).recover(two)
        assert second.asked == [{1: 1}]  # 0.2 + 0.2 would be too much
        np.testing.assert_allclose(repairs.expected_false, [0.2 + 0.1, 0.1])

    def test_a_closed_stage_costs_nothing(self, two: FrameBatch, claims: Claims) -> None:
        """A stage whose lightest does not pass is left out, and those after it are searched."""
        first, second = Told([0, 0.5], {1: [(1, [5])]}), Told([0, 0.1], {1: [(1, [6])]})
        repairs = Staged([first, second], 0.1).recover(two)
        assert first.asked == []
        assert claims(repairs)[1] == [6]
        assert repairs.expected_false[0] == 0.1

    def test_closed(self, two: FrameBatch) -> None:
        """Where nothing passes, nothing is searched."""
        stage = Told([0, 0.5], {1: [(1, [5])]})
        repairs = Staged([stage], 0.1).recover(two)
        assert repairs.candidates.tolist() == [-1, -1]
        assert not stage.asked

    @pytest.mark.parametrize("gate", [0.0, -1.0, float("nan"), float("inf")])
    def test_out_of_range(self, gate: float) -> None:
        """A gate is a positive number."""
        with pytest.raises(ValueError, match="wanted a positive number"):
            check_gate(gate)


class TestConfirmed:
    """What second checks open."""

    FLIPS = (8 * 100, 8 * 120 + 3)  # in the UDP payload
    CONFIRMED = (8 + 20 + 8 + 200) / (24 + 8 + 20 + 8 + 200 + 4) * BY_CHANCE

    @pytest.fixture
    def damaged(self, udp_frame: UdpFrame, bad_batch: Batch) -> FrameBatch:
        """A UDP frame with two wrong bits in its payload."""
        return bad_batch([fcs.flip(udp_frame(bytes(range(200))), self.FLIPS)])

    def test_beyond_the_gate(self, damaged: FrameBatch, claims: Claims) -> None:
        """Past the gate only what is confirmed is claimed, and it counts as seldom as that is."""
        stage = Told([0, 0.01, 100.0], {1: [(2, [900]), (2, list(self.FLIPS)), (2, [901])]})
        repairs = Staged([stage], 0.01, checks="llc+ip+transport").recover(damaged)
        assert claims(repairs) == {1: list(self.FLIPS)}
        assert stage.asked == [{1: 1}, {1: 2}]
        assert repairs.expected_false[0] == pytest.approx(100 * self.CONFIRMED)
        assert repairs.candidates.tolist() == [1]

    def test_not_without_checks(self, damaged: FrameBatch) -> None:
        """The same without checks is abstained on, and not even looked for."""
        stage = Told([0, 0.01, 100.0], {1: [(2, list(self.FLIPS))]})
        assert not Staged([stage], 0.01).recover(damaged).repaired[0]
        assert stage.asked == [{1: 1}]

    def test_within_the_gate(self, damaged: FrameBatch, claims: Claims) -> None:
        """Where a checksum could confirm, what it does not confirm is no rival, nor a claim."""
        stage = Told([0, 0.01], {1: [(1, [900]), (1, list(self.FLIPS))]})
        repairs = Staged([stage], 0.01, checks="llc+ip+transport").recover(damaged)
        assert claims(repairs) == {1: list(self.FLIPS)}
        assert repairs.expected_false[0] == pytest.approx(0.01 * self.CONFIRMED)
        repairs = Staged([stage], 0.01).recover(damaged)
        assert repairs.candidates.tolist() == [2]

    def test_not_confirmed(self, damaged: FrameBatch) -> None:
        """Flips that turn a wrong checksum off are not claimed, though nothing is against them."""
        mpdu = damaged.mpdu(0)
        off = [bit for bit in range(8 * 58, 8 * 60) if mpdu[bit // 8] >> bit % 8 & 1]
        stage = Told([0, 0.01], {1: [(1, off)]})
        repairs = Staged([stage], 0.01, checks="llc+ip+transport").recover(damaged)
        assert repairs.candidates.tolist() == [0]
        assert Staged([stage], 0.01).recover(damaged).repaired[0]

    def test_late_stages(self, damaged: FrameBatch, two: FrameBatch, claims: Claims) -> None:
        """Stages for confirmed candidates come last, and only where confirmation is possible."""
        late = Told([0, 1.0], {1: [(1, list(self.FLIPS))]})
        algorithm = Staged([Told([0, 0.001], {})], 0.01, checks="transport+ip", confirmed=[late])
        assert claims(algorithm.recover(damaged)) == {1: list(self.FLIPS)}
        assert claims(algorithm.recover(two)) == {1: None, 2: None}
        assert len(late.asked) == 1

    def test_what_cannot_be_confirmed(self, damaged: FrameBatch) -> None:
        """A stage whose candidates cannot make up for what the checksum lacks is not searched."""
        stage = Told([0, 0.01], {1: [(1, list(self.FLIPS))]})
        stage.sums = Errors(1)
        repairs = Staged([stage], 0.01, checks="llc+ip+transport").recover(damaged)
        assert not stage.asked
        assert repairs.candidates.tolist() == [-1]

    def test_by_what_is_lacking(self, damaged: FrameBatch) -> None:
        """What a checksum lacks after two flips two flips make up for often, and so they count."""
        stage = Told([0, 0.01], {1: [(1, list(self.FLIPS))]})
        stage.sums = Errors(2)
        repairs = Staged([stage], 0.01, checks="llc+ip+transport").recover(damaged)
        mpdu = damaged.mpdu(0)
        bits = np.unpackbits(np.frombuffer(mpdu[24:-4], np.uint8), bitorder="little").tolist()
        changes = [(-1) ** bit << k % 16 for k, bit in enumerate(bits)]
        lacking = sum(changes[flip - 8 * 24] for flip in self.FLIPS)
        moves = collections.Counter(changes)
        ways = sum(
            moves[lacking + turn - change] * moves[change]
            for change in moves
            for turn in (0, 0xFFFF, -0xFFFF)
        )
        share = ways / len(bits) ** 2
        inside = self.CONFIRMED / BY_CHANCE
        assert share > 5 * BY_CHANCE
        assert repairs.expected_false[0] == pytest.approx(0.01 * inside**2 * share)

    def test_never_beyond_the_gate_in_total(self, damaged: FrameBatch) -> None:
        """What confirmed candidates cost adds up over stages and stays below the gate."""
        stages = [Told([0, 300.0], {}) for _ in range(4)]  # 0.0046 each
        Staged(stages, 0.01, checks="llc+ip+transport").recover(damaged)
        assert [len(stage.asked) for stage in stages] == [1, 1, 0, 0]


class TestLengths:
    """Any frame that may be bad."""

    @pytest.mark.parametrize("name", SEARCHING)
    @pytest.mark.parametrize("radio", [{}, {"rate_mbps": 54.0}, {"rate_mbps": 1.0}])
    def test_any_length(self, name: str, radio: dict[str, float], bad_batch: Batch) -> None:
        """Bare FCSs, the longest MPDUs and what cannot be one are answered for, each once."""
        draw = random.Random(1)
        lengths = [4, 5, 10, 11_454, 27, 28, 29, 59, 60, 11_455, 40_000]
        batch = bad_batch([draw.randbytes(length) for length in lengths], **radio)
        repairs = make(name)[0].recover(batch)
        assert repairs.number.tolist() == list(range(1, len(lengths) + 1))

    @pytest.mark.parametrize("name", SEARCHING)
    def test_no_frames(self, name: str, bad_batch: Batch) -> None:
        """Without frames, without bad ones, and at the end, there are no answers."""
        algorithm, _ = make(name)
        assert len(algorithm.recover(bad_batch([]))) == 0
        good = bad_batch([fcs.append(bytes(30))], 6.0, status=[FcsStatus.GOOD])
        assert len(algorithm.recover(good)) == 0
        assert len(algorithm.finish()) == 0

    def test_longest(self, bad_batch: Batch, claims: Claims) -> None:
        """The longest MPDU is repaired at every kind of rate."""
        good = fcs.append(random.Random(1).randbytes(11_450))
        for radio in ({}, {"rate_mbps": 1.0}):
            flips = [70_000] if not radio else [70_000, 70_004, 70_007]
            batch = bad_batch([fcs.flip(good, flips)], **radio)
            assert claims(make("auto")[0].recover(batch)) == {1: flips}


def damaged_link(udp_frame: UdpFrame, bad_batch: Batch, radio: dict[str, float]) -> FrameBatch:
    """Frames of several kinds and lengths, intact ones among them, damaged in several ways."""
    draw = random.Random(1)
    frames, status = [], []
    for i in range(16):
        good = udp_frame(draw.randbytes(draw.choice([20, 60])), i)
        if i % 5 == 1:
            good = fcs.append(good[:4] + draw.randbytes(6) + good[10:-4])
        if i % 4 == 0:
            frames.append(good)
            status.append(FcsStatus.GOOD)
            continue
        first = draw.randrange(0, 8 * len(good) - 40)
        kinds = {
            1: [first],
            2: [first, first + 4, first + 7],
            3: draw.sample(range(8 * 22), 12),
            4: draw.sample(range(8 * len(good)), 3),
            5: [first, first + 1, first + 3, first + 30],
            6: [first, first + 9, *draw.sample(range(8 * len(good)), 1)],
            7: draw.sample(range(8 * len(good)), 80),
        }
        frames.append(fcs.flip(good, sorted(set(kinds[draw.randint(1, 7)]))))
        status.append(FcsStatus.BAD)
    return bad_batch(frames, status=status, first=100, **radio)


def joined(algorithm: Algorithm, parts: Iterable[FrameBatch]) -> tuple[list[object], ...]:
    """The answers of batch after batch, column by column, flips frame by frame."""
    answers = [algorithm.recover(part) for part in parts]
    return (
        [number for a in answers for number in a.number.tolist()],
        [
            a.flips[a.flip_offsets[i] : a.flip_offsets[i + 1]].tolist()
            for a in answers
            for i in range(len(a))
        ],
        [claimed for a in answers for claimed in a.repaired.tolist()],
        [repr(expected) for a in answers for expected in a.expected_false.tolist()],
        [rivals for a in answers for rivals in a.candidates.tolist()],
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "radio"),
    [
        *((name, {}) for name in ("crc-flip", "crc-burst", "header", "auto")),
        *((name, {"rate_mbps": 48.0}) for name in ("crc-seed", "crc-event", "auto")),
        *((name, {"mcs": 3, "ldpc": False}) for name in ("crc-seed", "crc-event", "auto")),
        *((name, {"rate_mbps": rate}) for rate in (2.0, 11.0) for name in ("crc-dsss", "auto")),
    ],
)
def test_batches_do_not_matter(
    name: str, radio: dict[str, float], udp_frame: UdpFrame, bad_batch: Batch
) -> None:
    """One batch, slices of it of any size, and frame by frame give the same answers."""
    whole = damaged_link(udp_frame, bad_batch, radio)
    assert not whole.data.flags.writeable
    choice = f"{name}:gate=0.02" + ",lookups=10000" * (name in {"crc-event", "auto"})
    expected = joined(make(choice)[0], [whole])
    for size in (5,) if radio.get("rate_mbps") in {2.0, 11.0} else (1, 7):  # those take longer
        parts = [whole.slice(at, min(size, len(whole) - at)) for at in range(0, len(whole), size)]
        assert joined(make(choice)[0], parts) == expected
    claimed = expected[2]
    assert len(claimed) == 12
    assert any(claimed) or name == "crc-seed"
