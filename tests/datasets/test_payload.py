"""Payloads that any receiver can make again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.datasets.payload import (
    MAGIC,
    STAMP_LENGTH,
    describes,
    fill,
    message,
    packet_ids,
    pattern,
    run_key,
    self_describing,
)
from wtrec.errors import FormatError

KEY = run_key("00112233445566778899aabbccddeeff")
IDS = st.integers(0, 2**64 - 1)


class TestPattern:
    """Payloads that repeat."""

    @pytest.mark.parametrize(
        ("rule", "expected"),
        [
            ("zeros", "0000000000"),
            ("ones", "ffffffffff"),
            ("ramp", "0001020304"),
            ("a5", "a5a5a5a5a5"),
            ("dead beef", "deadbeefde"),
        ],
    )
    def test_rules(self, rule: str, expected: str) -> None:
        """By name, or as hex digits."""
        assert pattern(rule).fill(5).hex() == expected
        assert pattern(rule).rule == rule

    @pytest.mark.parametrize("rule", ["", " ", "a", "zero", "0x41", "msg"])
    def test_no_rule(self, rule: str) -> None:
        """The error says what there is."""
        with pytest.raises(FormatError, match="wanted zeros, ones, ramp or hex digits such as a5"):
            pattern(rule)

    @given(st.binary(min_size=1, max_size=9), st.integers(0, 50))
    def test_fill(self, cycle: bytes, length: int) -> None:
        """Byte i is byte i of the cycle, again and again."""
        filled = pattern(cycle.hex()).fill(length)
        assert filled == bytes(cycle[i % len(cycle)] for i in range(length))

    def test_ramp_starts_again(self) -> None:
        """After ff comes 00."""
        assert pattern("ramp").fill(258)[254:] == b"\xfe\xff\x00\x01"


def stamps(length: int) -> list[int]:
    """Where the drawing puts them."""
    return [0, (length - STAMP_LENGTH) // 2, length - STAMP_LENGTH]


class TestSelfDescribing:
    """Payloads that say which packet they are."""

    @given(IDS, st.integers(0, 1500))
    def test_length_and_stamps(self, packet_id: int, length: int) -> None:
        """As long as asked for, with the stamp at the start, in the middle and at the end."""
        payload = self_describing(KEY, packet_id, length)
        stamp = MAGIC + KEY + packet_id.to_bytes(8, "little")
        assert len(payload) == length
        assert len(stamp) == STAMP_LENGTH
        if length >= 3 * STAMP_LENGTH:
            for at in stamps(length):
                assert payload[at : at + STAMP_LENGTH] == stamp
        assert payload.startswith(stamp) == (length >= STAMP_LENGTH)
        assert payload.endswith(stamp) == (length == STAMP_LENGTH or length >= 2 * STAMP_LENGTH)

    @given(IDS, st.integers(60, 1500), st.sampled_from([0, 1, 2]), st.data())
    def test_any_one_stamp_is_enough(
        self, packet_id: int, length: int, survivor: int, data: st.DataObject
    ) -> None:
        """With the two others destroyed, the id is among those that may be."""
        payload = bytearray(self_describing(KEY, packet_id, length))
        for k, at in enumerate(stamps(length)):
            if k != survivor:
                noise = data.draw(st.binary(min_size=STAMP_LENGTH, max_size=STAMP_LENGTH))
                payload[at : at + STAMP_LENGTH] = noise
        keep = stamps(length)[survivor]
        stamp = MAGIC + KEY + packet_id.to_bytes(8, "little")
        payload[keep : keep + STAMP_LENGTH] = stamp  # stamps of 60 bytes touch, not overlap
        assert packet_id in packet_ids(bytes(payload))

    @given(IDS, st.lists(st.integers(0, 63), min_size=3, max_size=3, unique=True))
    def test_the_majority_comes_first(self, packet_id: int, bits: list[int]) -> None:
        """A bit error in each of the three leaves their majority right."""
        payload = bytearray(self_describing(KEY, packet_id, 200))
        for at, bit in zip(stamps(200), bits, strict=True):
            payload[at + 12 + bit // 8] ^= 1 << bit % 8
        first, *others = packet_ids(bytes(payload))
        assert first == packet_id
        assert len(others) == 3

    def test_a_whole_payload_has_one_id(self) -> None:
        """No candidate is tried twice."""
        assert list(packet_ids(self_describing(KEY, 7, 200))) == [7]
        assert list(packet_ids(self_describing(KEY, 7, 45))) == [7]
        assert list(packet_ids(self_describing(KEY, 7, 20))) == [7]
        assert list(packet_ids(self_describing(KEY, 7, 19))) == []

    @given(st.binary(max_size=99))
    def test_any_bytes(self, payload: bytes) -> None:
        """Noise has at most four ids, none twice."""
        found = list(packet_ids(payload))
        assert len(found) == len(set(found)) <= 4

    def test_packets_differ(self) -> None:
        """Fill depends on the packet and on the run, and on nothing else."""
        one = self_describing(KEY, 1, 100)
        assert one == self_describing(KEY, 1, 100)
        assert one[20:40] != self_describing(KEY, 2, 100)[20:40]
        assert one[20:40] != self_describing(run_key("01"), 1, 100)[20:40]

    def test_the_fill_is_the_same_for_ever(self) -> None:
        """Old captures must stay readable: these bytes never change."""
        assert self_describing(KEY, 1, 30)[20:].hex() == "8fb141e711815d06643a"


@pytest.mark.parametrize(
    ("run_id", "key"), [("00112233445566778899", "0011223344556677"), ("ff", "ff00000000000000")]
)
def test_run_key(run_id: str, key: str) -> None:
    """The first eight bytes of the run's id, filled up with zeros."""
    assert run_key(run_id).hex() == key


class TestFill:
    """The payloads of a run by their rule."""

    RUN = "00112233445566778899aabbccddeeff"

    @pytest.mark.parametrize(
        ("rule", "expected"),
        [
            ("zeros", b"\0" * 6),
            ("a5", b"\xa5" * 6),
            ("msgN", b"msg37m"),
            ("MSGn", b"msg37m"),
            ("self", self_describing(KEY, 37, 6)),
        ],
    )
    def test_rules(self, rule: str, expected: bytes) -> None:
        """Packet 37 in six bytes."""
        assert fill(rule, self.RUN)(37, 6) == expected

    def test_message_alone(self) -> None:
        """Without a length a message is its text."""
        assert message(37) == b"msg37"
        assert message(37, 3) == b"msg"

    def test_no_rule(self) -> None:
        """The error says what there is."""
        with pytest.raises(FormatError, match="fill 'x', wanted self, msgN, zeros, ones, ramp or"):
            fill("x", self.RUN)

    @given(IDS, st.integers(0, 200))
    def test_describes(self, packet_id: int, length: int) -> None:
        """An intact payload says whose it is, if it has room for that."""
        payload = self_describing(KEY, packet_id, length)
        assert describes(payload) == ((KEY, packet_id) if length >= 28 else None)

    @given(IDS, st.integers(28, 200), st.data())
    def test_damage_describes_nothing(
        self, packet_id: int, length: int, data: st.DataObject
    ) -> None:
        """One bit off, and it is no packet's payload."""
        payload = bytearray(self_describing(KEY, packet_id, length))
        payload[data.draw(st.integers(0, length - 1))] ^= 1 << data.draw(st.integers(0, 7))
        assert describes(bytes(payload)) is None

    @given(st.binary(max_size=100))
    def test_any_bytes_describe_nothing(self, payload: bytes) -> None:
        """Strangers' payloads are no packets."""
        assert describes(payload) is None
