from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.datasets.pcapng_values import (
    BAD_FRAME_FLAGS,
    GOOD_FRAME_FLAGS,
    NANOSECONDS,
    Direction,
    LinkError,
    PacketFlags,
    Reception,
    from_ns,
    ticks_per_second,
    to_ns,
)

NS = 1_000_000_000
TICKS = st.integers(0, 2**64 - 1)
TSRESOL = st.integers(0, 255)
TSOFFSET = st.integers(-(2**63), 2**63 - 1)


class TestClock:
    """Ticks of a capture clock, and nanoseconds."""

    def test_without_a_resolution_ticks_are_microseconds(self) -> None:
        """The default of the draft is 10^-6."""
        assert to_ns(1_500_000) == 1_500_000_000

    def test_powers_of_two(self) -> None:
        """The top bit of if_tsresol makes it a negative power of two."""
        assert ticks_per_second(0x80 | 10) == 1024
        assert to_ns(1, 0x80 | 1) == NS // 2

    @given(TICKS, TSRESOL, TSOFFSET)
    def test_to_ns_is_the_exact_time_rounded_down(
        self, ticks: int, tsresol: int, tsoffset: int
    ) -> None:
        """No resolution and no offset loses a nanosecond, as fractions show."""
        exponent = tsresol & 0x7F
        tick = Fraction(1, 2**exponent if tsresol & 0x80 else 10**exponent)
        assert to_ns(ticks, tsresol, tsoffset) == floor((tsoffset + ticks * tick) * NS)

    @given(st.integers(-(2**70), 2**70), TSRESOL, TSOFFSET)
    def test_from_ns_is_the_exact_tick_rounded_up(
        self, ns: int, tsresol: int, tsoffset: int
    ) -> None:
        """A time between two ticks becomes the later one."""
        seconds = Fraction(ns, NS) - tsoffset
        assert from_ns(ns, tsresol, tsoffset) == ceil(seconds * ticks_per_second(tsresol))

    @given(TICKS, st.one_of(st.integers(0, 9), st.integers(0x80, 0x80 | 29)), TSOFFSET)
    def test_ticks_survive_nanoseconds(self, ticks: int, tsresol: int, tsoffset: int) -> None:
        """Clocks that are no finer than a nanosecond come back with the same ticks."""
        assert from_ns(to_ns(ticks, tsresol, tsoffset), tsresol, tsoffset) == ticks

    @given(st.integers(0, 2**64 - 1))
    def test_nanosecond_ticks_are_nanoseconds(self, ns: int) -> None:
        """Resolution 9 without an offset changes nothing."""
        assert to_ns(ns, NANOSECONDS) == from_ns(ns, NANOSECONDS) == ns


class TestPacketFlags:
    """The bits of epb_flags."""

    def test_frames_of_a_monitor(self) -> None:
        """Good and bad received frames have the values that capture tools know."""
        assert GOOD_FRAME_FLAGS == 0x00000081
        assert BAD_FRAME_FLAGS == 0x01000081

    def test_bad_plcp_is_bit_30(self) -> None:
        """A bad PLCP header is the preamble error of the draft."""
        assert PacketFlags.make(errors=LinkError.PREAMBLE) == 0x40000000

    def test_bits_read_as_their_names(self) -> None:
        """Each property picks its own bits."""
        flags = PacketFlags(0x410000D2)
        assert flags.direction == Direction.OUT
        assert flags.reception == Reception.PROMISCUOUS
        assert flags.fcs_octets == 6
        assert flags.errors == LinkError.CRC | LinkError.PREAMBLE

    @given(
        st.sampled_from(Direction),
        st.sampled_from(Reception),
        st.integers(0, 15),
        st.lists(st.sampled_from(LinkError)),
    )
    def test_what_is_made_is_what_is_read(
        self, direction: Direction, reception: Reception, octets: int, errors: list[LinkError]
    ) -> None:
        """Every combination goes in and comes out."""
        every = LinkError(0)
        for error in errors:
            every |= error
        flags = PacketFlags.make(direction, reception, octets, every)
        assert flags.direction == direction
        assert flags.reception == reception
        assert flags.fcs_octets == octets
        assert flags.errors == every

    @given(st.integers(0, 2**32 - 1))
    def test_every_value_can_be_read(self, bits: int) -> None:
        """Undefined bits disturb nobody."""
        flags = PacketFlags(bits)
        assert (flags.direction, flags.reception, flags.fcs_octets) == (
            bits % 4,
            bits // 4 % 8,
            bits // 32 % 16,
        )
        assert flags.errors == bits // 2**24 * 2**24

    def test_a_long_fcs_is_refused(self) -> None:
        """The length has four bits."""
        with pytest.raises(ValueError, match="16 octets"):
            PacketFlags.make(fcs_octets=16)
