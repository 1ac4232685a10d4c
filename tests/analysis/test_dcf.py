"""The DCF cycle against published figures, and against the process itself, slot by slot."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from wtrec.analysis.dcf import Exchange, Phy, phy_of
from wtrec.analysis.goodput import Ack, deliver

MSDU = 1500
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "throughput.md"
PUBLISHED_B = [(1.0, 13_154, 0.91), (2.0, 6_954, 1.73), (5.5, 3_044, 3.94), (11.0, 1_927, 6.23)]
PUBLISHED_OFDM = [
    (6.0, 2_234, 5.37),
    (9.0, 1_550, 7.74),
    (12.0, 1_198, 10.02),
    (18.0, 854, 14.06),
    (24.0, 682, 17.61),
    (36.0, 510, 23.55),
    (48.0, 426, 28.20),
    (54.0, 394, 30.50),
]


class TestPublished:
    """1,500 bytes over an empty channel."""

    @pytest.mark.parametrize(
        ("phy", "rate", "cycle", "goodput"),
        [
            *((Phy.B, *row) for row in PUBLISHED_B),
            *((Phy.G, *row) for row in PUBLISHED_OFDM),
            *((Phy.A, *row) for row in PUBLISHED_OFDM),
        ],
    )
    def test_cycle_and_goodput(self, phy: Phy, rate: float, cycle: int, goodput: float) -> None:
        """Both to the last printed digit; a and g differ in SIFS and signal extension alone."""
        exchange = Exchange(phy, rate, MSDU)
        assert abs(exchange.cycle_us - cycle) <= 0.5
        assert f"{exchange.most_mbps:.2f}" == f"{goodput:.2f}"

    def test_short_preambles(self) -> None:
        """Data and ACK both save 96 us, but for 1 Mbit/s, which has no short preamble."""
        for rate, saved in ((1.0, 0), (2.0, 192), (11.0, 192)):
            long, short = (Exchange(phy, rate, MSDU) for phy in (Phy.B, Phy.B_SHORT))
            assert long.cycle_us - short.cycle_us == pytest.approx(saved)

    def test_protection(self) -> None:
        """By hand: DIFS 50, backoff 150, CTS 248, SIFS 10, data 254, SIFS 10, ACK 34."""
        assert Exchange(Phy.G_PROTECTED, 54.0, MSDU).cycle_us == 756

    def test_failures(self) -> None:
        """By hand at 54 Mbit/s: the window doubles up to 1,023 slots; a timeout is 10 + 9 + 20."""
        exchange = Exchange(Phy.G, 54.0, MSDU)
        slots = [15, 31, 63, 127, 255, 511, 1023, 1023]
        for attempt, window in enumerate(slots):
            assert exchange.failure(attempt).total == 28 + window * 4.5 + 254 + 39

    def test_the_documents_table(self) -> None:
        """Every row of the cycles in docs/throughput.md is what the code says."""
        rows = [line.split("|")[1:-1] for line in DOCUMENT.read_text().splitlines()]
        names = {str(phy): phy for phy in Phy}
        found = 0
        for row in rows:
            if len(row) != 4 or row[0].strip() not in names:
                continue
            exchange = Exchange(names[row[0].strip()], float(row[1]), MSDU)
            assert row[2].strip() == f"{exchange.cycle_us:,.1f}"
            assert row[3].strip() == f"{exchange.most_mbps:.2f}"
            found += 1
        assert found == 4 + 4 + 8 + 2 + 8


class TestPhy:
    """Which PHY a frame is of."""

    def test_automatic(self) -> None:
        """From rate and band; a wanted PHY is taken for the rates that it has."""
        assert phy_of(11.0, five_ghz=False) is Phy.B
        assert phy_of(54.0, five_ghz=False) is Phy.G
        assert phy_of(54.0, five_ghz=True) is Phy.A
        assert phy_of(65.0, five_ghz=True) is None
        assert phy_of(54.0, five_ghz=False, wanted=Phy.G_PROTECTED) is Phy.G_PROTECTED
        assert phy_of(11.0, five_ghz=False, wanted=Phy.G_PROTECTED) is Phy.B

    def test_other_rates_are_refused(self) -> None:
        """11 Mbit/s is no rate of 802.11a."""
        with pytest.raises(ValueError, match=r"802\.11a has no rate of 11\.0 Mbit/s"):
            Exchange(Phy.A, 11.0, MSDU)


# Of each PHY as the standard has them: SIFS, slot, CWmin, what precedes the data, data, ACK,
# and the timeout, in us; in numbers, so that nothing of the code is used.
_PROCESS = {
    (Phy.B, 11.0): (10, 20, 31, 0, 192 + 8 * 1536 / 11, 248, 10 + 20 + 192),
    (Phy.G, 54.0): (10, 9, 15, 0, 254, 34, 10 + 9 + 20),
    (Phy.G_PROTECTED, 54.0): (10, 20, 15, 248 + 10, 254, 34, 10 + 20 + 20),
    (Phy.A, 6.0): (16, 9, 15, 0, 2072, 44, 16 + 9 + 20),
}


class TestSimulated:
    """The process, slot by slot, beside the formula."""

    @pytest.mark.parametrize(("phy", "rate"), _PROCESS)
    @pytest.mark.parametrize(("per", "right", "wrong"), [(0.0, 0, 0), (0.5, 0, 0), (0.7, 0.4, 0.1)])
    def test_mean_cycle_and_goodput(
        self, phy: Phy, rate: float, per: float, right: float, wrong: float
    ) -> None:
        """Backoffs are counted down by slots, frames fail by lot: within 1 % of the formula."""
        sifs, slot, cw_min, before, data, ack, timeout = _PROCESS[phy, rate]
        draw = random.Random(5)
        clock = 0.0
        net = 0
        packets = 15_000
        for _ in range(packets):
            window = cw_min
            for _attempt in range(7):
                clock += sifs + 2 * slot
                for _ in range(draw.randint(0, window)):
                    clock += slot
                clock += before + data
                lot = draw.random()
                net -= lot < per * wrong
                if lot >= per * (1 - right):
                    clock += sifs + ack
                    net += 1
                    break
                clock += timeout
                window = min(2 * window + 1, 1023)
        found = deliver(Exchange(phy, rate, MSDU), Ack.IDEAL, per, right, wrong)
        assert found.span.total == pytest.approx(clock / packets, rel=0.01)
        assert found.goodput_mbps == pytest.approx(8 * MSDU * net / clock, rel=0.01)
