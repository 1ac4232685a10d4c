"""What algorithms that combine copies share: when they answer, for what, and what they count."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wtrec.datasets.frames import FcsStatus, FrameBatch
from wtrec.dot11 import fcs, mac
from wtrec.errors import AlgorithmError
from wtrec.replay.algorithm import Repairs
from wtrec.replay.algorithms.chase import Chase
from wtrec.replay.algorithms.copies import MAX_HELD
from wtrec.replay.algorithms.majority import Majority
from wtrec.replay.choice import make

Batch = Callable[..., FrameBatch]
Claims = Callable[[Repairs], dict[int, list[int] | None]]
MakeFrame = Callable[..., bytes]

RETRY_BIT = 11
LEFT = [300, 304, 900]
RIGHT = [1500, 1501, 1507]


@pytest.fixture(scope="session")
def answers(claims: Claims) -> Callable[..., dict[int, list[int] | None]]:
    """``answers(algorithm, *batches)``: flips or None by number, of the whole capture."""

    def run(algorithm: Any, *batches: FrameBatch) -> dict[int, list[int] | None]:
        given: dict[int, list[int] | None] = {}
        for part in [*(algorithm.recover(batch) for batch in batches), algorithm.finish()]:
            new = claims(part)
            assert not given.keys() & new.keys()
            given |= new
        return given

    return run


def noisy_capture(draw: random.Random, data_frame: MakeFrame) -> list[bytes]:
    """Packets, most of them damaged, some sent again."""
    frames = []
    for sequence in range(12):
        length = draw.choice([60, 200])
        for attempt in range(draw.choice([1, 1, 2, 3])):
            frame = data_frame(length, sequence=sequence, retry=attempt > 0)
            start = draw.randrange(8 * length - 20)
            wrong = [start + i for i in range(12) if draw.random() < 0.5]
            frames.append(fcs.flip(frame, wrong if draw.random() < 0.8 else []))
    return frames


class TestAnswers:
    """One for each bad frame."""

    @pytest.mark.parametrize("choice", ["chase", "chase:intact=true", "majority"])
    def test_batches_make_no_difference(
        self, choice: str, copy_batch: Batch, data_frame: MakeFrame, answers: Any
    ) -> None:
        """Cut anywhere, a capture gives the same answers, each once."""
        draw = random.Random(choice)
        repaired = 0
        for _ in range(20):
            frames = noisy_capture(draw, data_frame)
            whole = answers(make(choice)[0], copy_batch(frames))
            cut = draw.randrange(len(frames) + 1)
            parts = [copy_batch(frames[:cut]), copy_batch(frames[cut:], first=cut + 1)]
            assert answers(make(choice)[0], *parts) == whole
            bad = [i for i, frame in enumerate(frames, 1) if fcs.syndrome(frame)]
            assert sorted(whole) == bad
            repaired += sum(flips is not None for flips in whole.values())
        assert repaired

    @settings(max_examples=60)
    @given(
        frames=st.lists(st.binary(max_size=60) | st.binary(min_size=30, max_size=30), max_size=12),
        times=st.lists(st.none() | st.integers(-(2**40), 2**40), min_size=12, max_size=12),
        choice=st.sampled_from(["chase", "chase:intact=true,gap=1", "majority:gate=5.0"]),
    )
    def test_any_bytes_at_any_time(
        self,
        frames: list[bytes],
        times: list[int | None],
        choice: str,
        copy_batch: Batch,
        answers: Any,
    ) -> None:
        """Whatever is received, each bad frame is answered for once and a repair has a good FCS."""
        batch = copy_batch(frames, times[: len(frames)])
        given = answers(make(choice)[0], batch)
        assert sorted(given) == batch.number[batch.fcs_status == FcsStatus.BAD].tolist()
        for number, flips in given.items():
            if flips is not None:
                assert fcs.syndrome(fcs.flip(frames[number - 1], flips)) == 0

    def test_answers_as_soon_as_it_can(self, copy_batch: Batch, data_frame: MakeFrame) -> None:
        """Both of a pair when the second comes, the lonely one when its time is over."""
        algorithm = Chase()
        frame = data_frame()
        lonely = fcs.flip(data_frame(sequence=7), LEFT)
        assert len(algorithm.recover(copy_batch([lonely, fcs.flip(frame, LEFT)]))) == 0
        second = algorithm.recover(copy_batch([fcs.flip(frame, RIGHT)], [3], first=3))
        assert second.number.tolist() == [2, 3]
        third = algorithm.recover(copy_batch([fcs.flip(data_frame(), RIGHT)], [200], first=4))
        assert third.number.tolist() == [1]
        assert third.candidates.tolist() == [-1]
        assert algorithm.finish().number.tolist() == [4]

    @pytest.mark.parametrize(("wrong", "candidates"), [(7, []), (8, [1])])
    def test_too_far_from_the_packet(
        self, wrong: int, candidates: list[int], copy_batch: Batch, data_frame: MakeFrame
    ) -> None:
        """Where a pair settled the packet, one with its header and another FCS is left alone."""
        frame = data_frame()
        field = [8 * len(frame) - 4 * (1 + i) for i in range(wrong)]
        algorithm = Chase()
        repairs = algorithm.recover(
            copy_batch([fcs.flip(frame, flips) for flips in (LEFT, RIGHT, field)])
        )
        assert repairs.number[repairs.repaired].tolist() == [1, 2, 3][: 3 - len(candidates)]
        assert algorithm.finish().candidates.tolist() == candidates

    def test_memory_is_bounded(self, copy_batch: Batch) -> None:
        """Of frames without a copy no more than so many are open, all at the same time."""
        draw = random.Random(1)
        count = MAX_HELD + 500
        frames = copy_batch([draw.randbytes(30) for _ in range(count)], [0] * count)
        assert len(Chase().recover(frames)) == count - MAX_HELD

    @pytest.mark.parametrize("length", range(4, 28, 5))
    def test_too_short(self, length: int, copy_batch: Batch, answers: Any) -> None:
        """Frames without a sequence number are abstained on."""
        frames = [fcs.flip(fcs.append(bytes(length - 4)), [bit]) for bit in (1, 20, 30)]
        assert answers(Chase(), copy_batch(frames)) == {1: None, 2: None, 3: None}

    def test_control_frames(self, copy_batch: Batch, answers: Any) -> None:
        """They have none either: two that are much alike may well be two."""
        block_ack = fcs.append(bytes.fromhex("9400") + bytes(26))
        frames = [fcs.flip(block_ack, [100]), fcs.flip(block_ack, [200])]
        assert answers(Chase(), copy_batch(frames)) == {1: None, 2: None}


class TestTime:
    """Copies are close to each other in time."""

    @pytest.mark.parametrize(
        ("times", "repaired"),
        [
            ([0, 100], True),
            ([0, 101], False),
            ([100, 0], True),
            ([5000, 0], False),
            ([None, None], True),
            ([5000, None], True),
        ],
    )
    def test_window(
        self,
        times: list[float | None],
        repaired: bool,
        copy_batch: Batch,
        data_frame: MakeFrame,
        answers: Any,
    ) -> None:
        """At most 100 ms apart, in either direction; without a time as the frame before."""
        frame = data_frame()
        batch = copy_batch([fcs.flip(frame, LEFT), fcs.flip(frame, RIGHT)], times)
        assert answers(Chase(), batch) == ({1: LEFT, 2: RIGHT} if repaired else {1: None, 2: None})

    def test_no_time_over_batches(
        self, copy_batch: Batch, data_frame: MakeFrame, answers: Any
    ) -> None:
        """The frame before may be in the batch before, and be a good one."""
        frame = data_frame()
        first = copy_batch([fcs.flip(frame, LEFT), data_frame(sequence=9)], [0, 5000])
        second = copy_batch([fcs.flip(frame, RIGHT)], [None], first=3)
        assert answers(Chase(), first, second) == {1: None, 3: None}

    def test_parameter(self, copy_batch: Batch, data_frame: MakeFrame, answers: Any) -> None:
        """A wider window finds copies that are farther apart."""
        frame = data_frame()
        batch = copy_batch([fcs.flip(frame, LEFT), fcs.flip(frame, RIGHT)], [0, 400])
        assert answers(Chase(window_ms=400.0), batch) == {1: LEFT, 2: RIGHT}


class TestIntact:
    """Intact copies, which are left aside by default."""

    @pytest.mark.parametrize("algorithm", [Chase, Majority])
    @pytest.mark.parametrize("order", [[0, 1], [1, 0]])
    def test_is_an_option(
        self,
        algorithm: type[Chase],
        order: list[int],
        copy_batch: Batch,
        data_frame: MakeFrame,
        answers: Any,
    ) -> None:
        """With it a frame is repaired to its copy, sent before or after, with its own Retry bit."""
        frames = [data_frame(retry=True, duration=44), fcs.flip(data_frame(), LEFT + RIGHT)]
        batch = copy_batch([frames[i] for i in order])
        bad = 1 + order.index(1)
        assert answers(algorithm(), batch) == {bad: None}
        assert answers(algorithm(intact=True), batch) == {bad: LEFT + RIGHT}

    def test_does_not_hide_pairs(
        self, copy_batch: Batch, data_frame: MakeFrame, answers: Any
    ) -> None:
        """Damaged copies are combined as if the intact one were not there."""
        frame = data_frame()
        batch = copy_batch([fcs.flip(frame, LEFT), frame, fcs.flip(frame, RIGHT)])
        assert answers(Chase(), batch) == {1: LEFT, 3: RIGHT}

    @pytest.mark.parametrize("damage", [[177], [180], [180, 183], [179, 180, 900]])
    def test_constant_payload(self, damage: list[int], copy_batch: Batch, answers: Any) -> None:
        """A damaged sequence number does not make a frame one of the packets around it."""
        address = bytes(6)
        frames = [
            fcs.append(
                mac.data_frame(
                    bytes(200), addr1=address, addr2=address, addr3=address, sequence=number
                )
            )
            for number in range(64)
        ]
        received = [*frames[1:40], fcs.flip(frames[0], damage), *frames[40:]]
        assert answers(Chase(intact=True), copy_batch(received)) == {40: None}


class TestSharedNumber:
    """Packets of constant payload but for an id, all of one sequence number."""

    def packet(self, draw: random.Random) -> bytes:
        """A new one, sent for the first time or again."""
        address = bytes(6)
        return fcs.append(
            mac.data_frame(
                draw.randbytes(4) + bytes(60),
                addr1=address,
                addr2=address,
                addr3=address,
                retry=draw.random() < 0.5,
                duration=draw.choice([44, 60]),
                sequence=7,
            )
        )

    @pytest.mark.parametrize(
        ("choice", "gate"), [("chase", 0.01), ("chase", 0.2), ("majority", 0.01)]
    )
    def test_strangers_taken_as_often_as_stated(
        self, choice: str, gate: float, copy_batch: Batch
    ) -> None:
        """Of frames without a copy, among intact strangers, no more are repaired than is stated."""
        draw = random.Random(choice)
        frames, times = [], []
        for window in range(20):
            intact = [self.packet(draw) for _ in range(120)]
            bad = [fcs.flip(self.packet(draw), [500, 503]) for _ in range(30)]
            frames += draw.sample(intact + bad, 150)
            times += [200 * window] * 150
        algorithm, _ = make(f"{choice}:intact=yes,gate={gate}")
        repairs = algorithm.recover(copy_batch(frames, times))
        stated = repairs.expected_false[repairs.repaired]
        for share in (0.4, 0.7, 1.0):
            most = 20 * 30 * share * gate
            assert np.count_nonzero(stated <= share * gate) < most + 3 * math.sqrt(most)
        assert gate < 0.1 or len(stated)

    def test_intact_copies_among_strangers(self, copy_batch: Batch, answers: Any) -> None:
        """Copies with a good FCS field are repaired all the same, those with a bad one are not."""
        draw = random.Random(2)
        frames = [self.packet(draw) for _ in range(60)]
        body, field = [400, 404], [8 * len(frames[0]) - back for back in (30, 20, 12, 7, 3)]
        batch = copy_batch([*frames, fcs.flip(frames[-1], body), fcs.flip(frames[-1], field)])
        assert answers(Chase(intact=True), batch) == {61: body, 62: None}
        alone = copy_batch([frames[-1], fcs.flip(frames[-1], field)])
        assert answers(Chase(intact=True), alone) == {2: field}

    def test_tids(self, copy_batch: Batch, answers: Any) -> None:
        """Packets of two TIDs with the same number are two pairs, not four copies."""
        address = bytes(6)
        frames = [
            fcs.append(
                mac.data_frame(
                    bytes(200), addr1=address, addr2=address, addr3=address, sequence=7, tid=tid
                )
            )
            for tid in (0, 6)
        ]
        wrong = [LEFT, RIGHT, RIGHT, LEFT]
        batch = copy_batch([fcs.flip(frames[i % 2], flips) for i, flips in enumerate(wrong)])
        algorithm = Chase()
        assert answers(algorithm, batch) == dict(enumerate(wrong, 1))
        assert algorithm.facts()["pairs"] == 2


class TestFacts:
    """What was learned about common errors."""

    def test_of_pairs_and_triples(
        self, copy_batch: Batch, data_frame: MakeFrame, answers: Any
    ) -> None:
        """Pairs that share an error show only where a third copy settles them."""
        third = [2000, 2003]
        frames = [
            *(fcs.flip(data_frame(sequence=1), flips) for flips in (LEFT, RIGHT)),
            *(fcs.flip(data_frame(sequence=2), flips) for flips in (LEFT, LEFT[1:] + RIGHT, third)),
            *(fcs.flip(data_frame(sequence=3), flips) for flips in (LEFT, LEFT + RIGHT)),
            fcs.flip(data_frame(sequence=4), LEFT),
        ]
        algorithm = Chase()
        given = answers(algorithm, copy_batch(frames))
        assert {number for number, flips in given.items() if flips is None} == {6, 7, 8}
        assert algorithm.facts() == {
            "pairs": 1 + 3 + 1,
            "pairs_repaired": 1 + 3,
            "common_error_pairs": 1,
            "common_error_share_least": 1 / 5,
            "common_error_share_most": 2 / 5,
        }

    def test_of_nothing(self) -> None:
        """All zero where there was no pair."""
        assert set(Majority().facts().values()) == {0}


class TestParameters:
    """What users may write."""

    @pytest.mark.parametrize("name", ["chase", "majority"])
    def test_defaults(self, name: str) -> None:
        """Clusters by the code's memory, the gate of all algorithms, intact copies left aside."""
        assert make(name)[1] == {
            "gap": 7,
            "max_clusters": 20,
            "window_ms": 100.0,
            "gate": 0.01,
            "intact": False,
        }

    @pytest.mark.parametrize(
        "wrong",
        ["gap=0", "max_clusters=0", "max_clusters=33", "window_ms=0", "window_ms=nan", "gate=0"],
    )
    def test_out_of_range(self, wrong: str) -> None:
        """Refused, with the name of the parameter."""
        with pytest.raises(AlgorithmError, match=wrong.partition("=")[0]):
            make(f"chase:{wrong}")


def test_retry_bit_is_damaged(copy_batch: Batch, data_frame: MakeFrame, answers: Any) -> None:
    """Received wrong in either copy, alone or with other bits, it is repaired as any other bit."""
    first, again = data_frame(), data_frame(retry=True, duration=44)
    for wrong in ([RETRY_BIT], [9, RETRY_BIT, 13]):
        for left, right in ((wrong, RIGHT), (RIGHT, wrong), (wrong, [*wrong, *RIGHT])):
            frames = [fcs.flip(first, left), fcs.flip(again, right)]
            given = answers(Chase(gap=1), copy_batch(frames))
            common = set(left) & set(right)
            assert given == ({1: None, 2: None} if common else {1: left, 2: right})


def test_every_interface_is_the_same(
    copy_batch: Batch, data_frame: MakeFrame, answers: Any
) -> None:
    """Copies with the same Retry bit at the same time are those of two receivers."""
    frame = data_frame(retry=True)
    batch = copy_batch([fcs.flip(frame, LEFT), fcs.flip(frame, RIGHT)], [5, 5])
    assert answers(Chase(), batch) == {1: LEFT, 2: RIGHT}
    assert np.all(batch.fcs_status == FcsStatus.BAD)
