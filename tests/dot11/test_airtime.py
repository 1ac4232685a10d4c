"""Durations on the air, against the standard's examples and published goodputs."""

from __future__ import annotations

import pytest

from wtrec.dot11.airtime import OFDM, ack_us, ppdu_us, signal_us, timing

# Length of an MPDU that carries 1500 bytes: MAC header, LLC/SNAP, FCS.
MPDU = 1500 + 24 + 8 + 4


def _cycle_us(rate: float) -> float:
    """A successful exchange without collisions: DIFS, mean backoff, frame, SIFS, ACK."""
    t = timing(rate)
    backoff = t.cw_min / 2 * t.slot_us
    return t.difs_us + backoff + ppdu_us(rate, MPDU) + t.sifs_us + ack_us(rate)


class TestPpdu:
    """Frames."""

    @pytest.mark.parametrize(
        ("rate", "length", "duration"),
        [
            (1.0, 14, 304),  # an ACK behind a long preamble
            (2.0, 14, 248),
            (11.0, 1024, 937),  # 192 + 744.7
            (6.0, 14, 50),  # 20 + 4 * ceil(134 / 24) + 6
            (24.0, 14, 34),
            (54.0, 1536, 254),
        ],
    )
    def test_durations(self, rate: float, length: int, duration: int) -> None:
        """By hand from the formulas of clauses 15.4.3, 16.3.4, 17.4.3 and 18.4.3."""
        assert ppdu_us(rate, length) == duration

    def test_a_short_preamble_saves_96_us_but_not_at_1_mbit(self) -> None:
        """It is sent at 2 Mbit/s, so 1 Mbit/s has none."""
        assert ppdu_us(11.0, 100) - ppdu_us(11.0, 100, short_preamble=True) == 96
        assert ppdu_us(1.0, 100) == ppdu_us(1.0, 100, short_preamble=True)

    def test_signals_end_with_their_last_symbol(self) -> None:
        """CCK's need not fill a microsecond; those of 802.11a have no signal extension."""
        assert signal_us(11.0, 1024) == pytest.approx(192 + 8 * 1024 / 11)
        assert signal_us(11.0, 1024, short_preamble=True) == pytest.approx(96 + 8 * 1024 / 11)
        assert signal_us(54.0, 1536) == ppdu_us(54.0, 1536)
        assert signal_us(54.0, 1536, extension=False) == 248

    def test_timeouts(self) -> None:
        """SIFS, a slot, and until a preamble is seen: 10.3.2.11."""
        assert timing(11.0).ack_timeout_us == 10 + 20 + 192
        assert timing(54.0).ack_timeout_us == 10 + 9 + 20
        assert (OFDM.difs_us, OFDM.ack_timeout_us) == (34, 16 + 9 + 20)

    def test_other_rates_are_refused(self) -> None:
        """MCS rates have other preambles."""
        with pytest.raises(ValueError, match=r"no legacy rate of 6\.5 Mbit/s"):
            ppdu_us(6.5, 100)


class TestCycle:
    """Exchanges."""

    @pytest.mark.parametrize(
        ("rate", "goodput"), [(1.0, 0.91), (2.0, 1.73), (5.5, 3.94), (11.0, 6.23)]
    )
    def test_goodput_of_802_11b(self, rate: float, goodput: float) -> None:
        """1500 bytes over DCF with long preambles, as published."""
        assert 8 * 1500 / _cycle_us(rate) == pytest.approx(goodput, abs=0.01)

    @pytest.mark.parametrize(
        ("rate", "goodput"),
        [
            (6.0, 5.37),
            (9.0, 7.74),
            (12.0, 10.02),
            (18.0, 14.06),
            (24.0, 17.61),
            (36.0, 23.55),
            (48.0, 28.20),
            (54.0, 30.50),
        ],
    )
    def test_goodput_of_802_11g(self, rate: float, goodput: float) -> None:
        """1500 bytes over DCF without protection, as published."""
        assert 8 * 1500 / _cycle_us(rate) == pytest.approx(goodput, abs=0.05)
