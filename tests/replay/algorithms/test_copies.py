"""Which frames are copies of one packet, and what a sender changes between transmissions."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from wtrec.dot11 import fcs, mac
from wtrec.replay.algorithms import copies, copies_kernel
from wtrec.replay.algorithms.copies import Copy, Held, aligned, effects

MakeFrame = Callable[..., bytes]
RETRY_BIT = 11
LENGTH = 40

some_bytes = st.binary(min_size=LENGTH, max_size=LENGTH)
some_bits = st.sets(st.integers(0, 8 * LENGTH - 1), max_size=20)


def array(frame: bytes) -> NDArray[np.uint8]:
    """A frame as kernels take it."""
    return np.frombuffer(frame, np.uint8).copy()


def plainly_aligned(frame: bytes, to: bytes) -> bytes:
    """The nearest of the frame's possible transmissions, with the FCS computed for each."""
    differing = int.from_bytes(frame[:4], "little") ^ int.from_bytes(to[:4], "little")
    duration = [bit for bit in range(16, 32) if differing >> bit & 1]
    received = fcs.syndrome(frame)
    best, least = frame, 1000
    for changed in ([], [RETRY_BIT], duration, [RETRY_BIT, *duration]):
        body = fcs.flip(frame, changed)[:-4]
        moved = body + (fcs.fcs(body) ^ received).to_bytes(4, "little")
        apart = int.from_bytes(moved) ^ int.from_bytes(to)
        if apart.bit_count() < least:
            best, least = moved, apart.bit_count()
    return best


def likeness(a: bytes, b: bytes) -> bool:
    """Whether the kernel takes two frames for copies."""
    found = copies_kernel.likeness(array(a), array(b), len(a), effects(len(a)))
    return found <= 8 * fcs.LENGTH


class TestAligned:
    """A frame as it would be with the Retry bit and Duration of another copy."""

    @given(some_bytes, some_bits, st.booleans(), st.integers(0, 0xFFFF))
    def test_is_the_nearest_transmission(
        self, frame: bytes, flips: set[int], retry: bool, duration: int
    ) -> None:
        """As found by computing the FCS of every transmission that is possible."""
        changed = fcs.flip(frame, [RETRY_BIT] if retry else [])
        changed = changed[:2] + duration.to_bytes(2, "little") + changed[4:-4]
        syndrome = fcs.syndrome(frame)
        resent = changed + (fcs.fcs(changed) ^ syndrome).to_bytes(4, "little")
        other = fcs.flip(resent, flips)
        assert aligned(array(frame), array(other)).tobytes() == plainly_aligned(frame, other)

    @given(some_bytes, some_bytes)
    def test_keeps_the_syndrome_and_can_be_undone(self, frame: bytes, other: bytes) -> None:
        """For any bytes; aligned to what it was, a frame is what it was."""
        moved = aligned(array(frame), array(other))
        assert fcs.syndrome(moved.tobytes()) == fcs.syndrome(frame)
        assert aligned(moved, array(frame)).tobytes() == frame

    def test_retransmission(self, data_frame: MakeFrame) -> None:
        """One with Retry and another Duration becomes the first transmission, and back."""
        first = data_frame(duration=44)
        again = data_frame(duration=60, retry=True)
        assert aligned(array(again), array(first)).tobytes() == first
        assert aligned(array(first), array(again)).tobytes() == again


class TestLikeness:
    """The rule for two frames."""

    def test_damaged_copies(self, data_frame: MakeFrame) -> None:
        """Damage in the header, in the FCS or in the body hides no copy, retransmitted or not."""
        first, again = data_frame(), data_frame(retry=True, duration=60)
        bits = 8 * len(first)
        for flips in ([5, 6, 90, 100], [bits - 30, bits - 20, bits - 3], [700, 704, 900]):
            assert likeness(fcs.flip(first, flips), first)
            assert likeness(fcs.flip(first, flips), again)
            assert likeness(first, fcs.flip(again, flips))
            assert likeness(fcs.flip(first, flips), fcs.flip(again, [RETRY_BIT]))

    def test_heavy_damage(self, data_frame: MakeFrame) -> None:
        """With one bit of twenty wrong all over, most copies are known by what is left."""
        draw = np.random.default_rng(1)
        frame = data_frame()
        known = sum(
            likeness(frame, fcs.flip(frame, np.flatnonzero(draw.random(2400) < 1 / 20).tolist()))
            for _ in range(200)
        )
        assert known > 160

    def test_other_packets(self, data_frame: MakeFrame) -> None:
        """Packets with other bodies are no copies, whatever their sequence number is."""
        frame = data_frame()
        for i in range(500):
            assert not likeness(frame, data_frame(sequence=2 + i))
            assert not likeness(frame, data_frame(seed=1 + i))

    @pytest.mark.parametrize("damage", [[], [20], [50, 60], [900, 905, 910]])
    def test_constant_payload(self, damage: list[int]) -> None:
        """Packets that differ in their sequence number alone are no copies, damaged or not."""
        address = bytes(6)
        frames = [
            fcs.append(
                mac.data_frame(
                    bytes(200), addr1=address, addr2=address, addr3=address, sequence=number
                )
            )
            for number in range(1500)
        ]
        first = fcs.flip(frames[0], damage)
        assert not any(likeness(first, frame) for frame in frames[1:])

    @pytest.mark.parametrize("addr4", [None, bytes(6)])
    def test_tids(self, addr4: bytes | None) -> None:
        """Packets of two TIDs are no copies; other QoS fields, and a damaged TID, hide none."""
        address = bytes(6)
        distribution = addr4 is not None

        def packet(tid: int | None, flips: list[int]) -> bytes:
            frame = mac.data_frame(
                bytes(200),
                addr1=address,
                addr2=address,
                addr3=address,
                addr4=addr4,
                to_ds=distribution,
                from_ds=distribution,
                sequence=7,
                tid=tid,
            )
            return fcs.append(fcs.flip(frame, flips))

        qos = 8 * (30 if distribution else 24)
        body = [700, 704]
        for other in range(1, 16):
            assert not likeness(packet(0, []), packet(other, []))
            assert not likeness(fcs.flip(packet(0, []), body), packet(other, []))
        for tid in (None, 0, 5):
            frame = packet(tid, [])
            for flips in ([qos + 4], [qos + 7, qos + 8, qos + 15]):
                assert likeness(frame, packet(tid, flips))
            field = [8 * len(frame) - back for back in (3, 10, 18, 29)]
            assert likeness(frame, fcs.flip(frame, [qos, qos + 2, *body]))
            assert likeness(frame, fcs.flip(frame, body + field))
            assert likeness(frame, fcs.flip(frame, [qos, *field])) == (tid is None)

    @pytest.mark.parametrize("control", ["8800", "8803"])
    def test_no_room_for_a_tid(self, control: str) -> None:
        """What follows the shortest header is the FCS."""
        frame = fcs.append(bytes.fromhex(control) + bytes(22))
        assert likeness(frame, fcs.flip(frame, [192, 193, 194, 195]))

    def test_control_frames(self) -> None:
        """Two control frames are no copies even if they are equal."""
        control = fcs.append(bytes.fromhex("9400") + bytes(26))
        assert not likeness(control, control)
        assert likeness(control, fcs.flip(control, [2, 3]))

    @given(some_bytes, some_bytes)
    def test_is_symmetric(self, a: bytes, b: bytes) -> None:
        """The order of the two makes no difference, for any bytes."""
        assert likeness(a, b) == likeness(b, a)


class TestHeld:
    """The frames of the last so many ns."""

    def test_finds_what_is_within_the_window(self, data_frame: MakeFrame) -> None:
        """Copies of the length, earlier or later in time, and no others."""
        held = Held(100)
        numbers = {}
        for number, time in enumerate([1000, 1050, 1200, 1100, 1101]):
            copy = Copy(number, time, array(data_frame()), intact=False)
            numbers[number] = [other.number for other in held.add(copy)]
            held.add(Copy(-1, time, array(data_frame(sequence=9)), intact=False))
            held.add(Copy(-2, time, array(data_frame(400)), intact=False))
        assert numbers == {0: [], 1: [0], 2: [], 3: [0, 1, 2], 4: [1, 2, 3]}

    def test_drops_in_the_order_of_arrival(self, data_frame: MakeFrame) -> None:
        """What is too old, and what is far in the future after time has jumped back."""
        held = Held(100)
        for number, time in enumerate([1000, 5000, 1040]):
            held.add(Copy(number, time, array(data_frame()), intact=False))
        assert [copy.number for copy in held.drop(1101)] == [0, 1]
        assert [copy.number for copy in held.drop(1140)] == []
        assert [copy.number for copy in held.drop_all()] == [2]

    def test_is_bounded(self, data_frame: MakeFrame, monkeypatch: pytest.MonkeyPatch) -> None:
        """The oldest makes room for one more."""
        monkeypatch.setattr(copies, "MAX_HELD", 5)
        held = Held(100)
        dropped = []
        for number in range(40):
            dropped += [copy.number for copy in held.drop(0)]
            found = held.add(Copy(number, 0, array(data_frame()), intact=False))
            assert [copy.number for copy in found] == list(range(max(0, number - 4), number))
        assert dropped == list(range(35))

    def test_plainly(self, data_frame: MakeFrame) -> None:
        """A random sequence of frames gives what comparing all of them gives."""
        draw = random.Random(1)
        held = Held(30)
        kept: list[Copy] = []
        time = 0
        for number in range(400):
            time += draw.randrange(4)
            frame = data_frame(draw.choice([60, 61]), sequence=draw.randrange(5))
            copy = Copy(number, time, array(frame), intact=draw.random() < 0.3)
            dropped = list(held.drop(time))
            assert dropped == [old for old in kept if time - old.time > 30]
            kept = [old for old in kept if time - old.time <= 30]
            assert held.add(copy) == [
                old
                for old in kept
                if old.mpdu.tobytes() == frame and not (old.intact and copy.intact)
            ]
            kept.append(copy)
            same_length = [old for old in kept if len(old.mpdu) == len(frame)]
            assert held.like(copy) == len(same_length)
