"""Goodput under the three assumptions about the ACK."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.analysis.dcf import Exchange, Phy
from wtrec.analysis.goodput import Ack, Share, deliver, goodput_interval

EXCHANGES = st.builds(
    lambda rate, msdu: Exchange(Phy.B if rate in Phy.B.rates else Phy.G, rate, msdu),
    st.sampled_from([1.0, 11.0, 6.0, 24.0, 54.0]),
    st.integers(1, 2300),
)
ACKS = st.sampled_from(Ack)
CHANCES = st.floats(0, 1)


class TestMonotone:
    """What must hold whatever the numbers are."""

    @given(EXCHANGES, ACKS, CHANCES, CHANCES, CHANCES)
    def test_falls_with_per(
        self, exchange: Exchange, ack: Ack, one: float, other: float, right: float
    ) -> None:
        """More bad frames, less goodput."""
        low, high = sorted((one, other))
        better = deliver(exchange, ack, low, right).goodput_mbps
        assert deliver(exchange, ack, high, right).goodput_mbps <= better * (1 + 1e-9)

    @given(EXCHANGES, ACKS, CHANCES, CHANCES, CHANCES)
    def test_rises_with_repairs(
        self, exchange: Exchange, ack: Ack, per: float, one: float, other: float
    ) -> None:
        """More right repairs, more goodput and no more airtime."""
        low, high = sorted((one, other))
        worse, better = (deliver(exchange, ack, per, right) for right in (low, high))
        assert better.goodput_mbps >= worse.goodput_mbps * (1 - 1e-9)
        assert better.span.total <= worse.span.total * (1 + 1e-9)

    @given(EXCHANGES, ACKS, CHANCES, st.floats(0, 0.5), st.floats(0, 0.5))
    def test_a_wrong_repair_never_pays(
        self, exchange: Exchange, ack: Ack, per: float, right: float, wrong: float
    ) -> None:
        """It saves no airtime, and what it hands up is subtracted."""
        with_wrong = deliver(exchange, ack, per, right, wrong)
        without = deliver(exchange, ack, per, right)
        assert with_wrong.goodput_mbps <= without.goodput_mbps
        assert with_wrong.span == without.span

    @given(EXCHANGES, ACKS, CHANCES, CHANCES)
    def test_probabilities(self, exchange: Exchange, ack: Ack, per: float, right: float) -> None:
        """Who is not delivered failed in every attempt."""
        found = deliver(exchange, ack, per, right)
        tries = 1 if ack is Ack.NONE else 7
        assert found.right == pytest.approx(1 - (per * (1 - right)) ** tries)


class TestByHand:
    """Small cases worked out."""

    def test_nobody_acknowledges(self) -> None:
        """DIFS 28, backoff 67.5, data 254: 12,000 bits of three packets in four."""
        exchange = Exchange(Phy.G, 54.0, 1500)
        assert deliver(exchange, Ack.NONE, 0.5, 0.5).goodput_mbps == 0.75 * 12_000 / 349.5

    def test_late_acknowledgment(self) -> None:
        """A share of BlockAckReq (58 us) and BlockAck (58 us) comes to each frame; no ACK does."""
        exchange = Exchange(Phy.G, 54.0, 1500)
        feedback = 28 + 67.5 + (20 + 4 * 3 + 6) + 10 + (20 + 4 * 3 + 6)
        each = 349.5 + feedback / 64
        found = deliver(exchange, Ack.ARQ, 0.5)
        assert found.span.total == pytest.approx(each * (1 - 0.5**7) / 0.5)
        assert found.goodput_mbps == pytest.approx(0.5 * 12_000 / each)

    def test_wrong_repairs_are_subtracted(self) -> None:
        """Five packets in eight are right; one in four is broken and counts against these."""
        exchange = Exchange(Phy.G, 54.0, 1500)
        found = deliver(exchange, Ack.NONE, 0.5, 0.25, 0.5)
        assert (found.right, found.wrong) == (0.625, 0.25)
        assert found.goodput_mbps == 0.375 * 12_000 / 349.5


class TestInterval:
    """Bounds from the bounds of shares."""

    @given(EXCHANGES, ACKS, st.integers(1, 200), st.data())
    def test_holds_the_estimate(
        self, exchange: Exchange, ack: Ack, frames: int, data: st.DataObject
    ) -> None:
        """The estimate lies inside, and more frames tell more."""
        bad = data.draw(st.integers(1, frames))
        right = data.draw(st.integers(0, bad))
        wrong = data.draw(st.integers(0, min(right, bad - right)))

        def bounds(times: int) -> tuple[float, float]:
            return goodput_interval(
                exchange,
                ack,
                Share(times * bad, times * frames),
                Share(times * right, times * bad),
                Share(times * wrong, times * bad),
            )

        found = deliver(exchange, ack, bad / frames, right / bad, wrong / bad).goodput_mbps
        low, high = bounds(1)
        assert low - 1e-9 <= found <= high + 1e-9
        many_low, many_high = bounds(100)
        assert many_high - many_low <= high - low + 1e-9

    def test_without_repairs_only_the_per_counts(self) -> None:
        """The bounds are the goodputs at Wilson's bounds of the PER."""
        exchange, per = Exchange(Phy.G, 54.0, 1500), Share(50, 100)
        best, worst = per.interval()
        assert goodput_interval(exchange, Ack.IDEAL, per) == (
            deliver(exchange, Ack.IDEAL, worst).goodput_mbps,
            deliver(exchange, Ack.IDEAL, best).goodput_mbps,
        )
