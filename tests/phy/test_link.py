"""Links: reproducible, and as bad as OFDM receivers are."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from wtrec.phy import dsss
from wtrec.phy.link import CHANNELS, RATES_MBPS, Burst, Link
from wtrec.phy.ofdm import MODES


def frames(count: int, length: int) -> list[bytes]:
    """Random bytes."""
    draw = random.Random(1)
    return [draw.randbytes(length) for _ in range(count)]


def masks(link: Link, count: int, length: int) -> NDArray[np.uint8]:
    """Wrong bits of so many frames, shape (frames, bits)."""
    sent = frames(count, length)
    both = np.frombuffer(b"".join(link.receive(sent)), np.uint8) ^ np.frombuffer(
        b"".join(sent), np.uint8
    )
    return np.unpackbits(both.reshape(count, length), axis=1, bitorder="little")


def error_rate(link: Link, count: int, length: int) -> float:
    """Share of frames with an error."""
    return float(masks(link, count, length).any(axis=1).mean())


class TestDraws:
    """What a frame's errors depend on, and what not."""

    @given(
        st.lists(st.binary(min_size=1, max_size=200), min_size=1, max_size=6),
        st.sampled_from(list(MODES)),
        st.sampled_from(CHANNELS),
        st.integers(0, 2**64 - 1),
        st.integers(0, 2**40),
    )
    @settings(deadline=None)
    def test_batches_do_not_matter(
        self, mpdus: list[bytes], rate: int, channel: str, seed: int, first: int
    ) -> None:
        """A frame alone arrives as among others, and in a second run as in the first."""
        link = Link(rate, channel=channel, snr_db=2.0, seed=seed)  # type: ignore[arg-type]
        together = link.receive(mpdus, first)
        alone = [link.receive([mpdu], first + i)[0] for i, mpdu in enumerate(mpdus)]
        assert together == alone
        assert [len(mpdu) for mpdu in together] == [len(mpdu) for mpdu in mpdus]

    def test_threads_do_not_matter(self) -> None:
        """Two threads at once give what one gives after the other."""
        link, sent = Link(54, snr_db=16.5), frames(40, 500)
        halves = [(sent[:20], 0), (sent[20:], 20)]
        with ThreadPoolExecutor(2) as pool:
            first, second = pool.map(lambda half: link.receive(*half), halves)
        assert first + second == link.receive(sent)

    def test_frames_seeds_rates_and_receivers_differ(self) -> None:
        """The same bytes meet other noise each time."""
        base = Link(12, snr_db=-5.0)
        sent = frames(1, 100) * 2
        arrived = [
            mpdu
            for link in (
                base,
                replace(base, seed=1),
                replace(base, receiver=1),
                replace(base, rate_mbps=18),
                replace(base, snr_db=-5.5),
            )
            for mpdu in link.receive(sent)
        ]
        assert len(set(arrived)) == 10


class TestNoise:
    """Error rates over SNR in white noise, against published and simulated curves."""

    @pytest.mark.parametrize(
        ("rate", "half_db"),
        [(6, 0.3), (9, 2.6), (12, 3.3), (18, 5.8), (24, 8.9), (36, 12.0), (48, 16.2), (54, 17.5)],
    )
    def test_waterfall(self, rate: int, half_db: float) -> None:
        """Half of the frames of 1,458 bytes fail near the SNR known of an ideal receiver.

        From nine in ten to one in ten it takes 0.9 to 1.8 dB.
        """
        snrs = np.arange(half_db - 1.8, half_db + 1.8, 0.3)
        rates = [error_rate(Link(rate, snr_db=float(snr)), 60, 1458) for snr in snrs]
        at = {
            per: float(np.interp(-per, -np.minimum.accumulate(rates), snrs))
            for per in (0.9, 0.5, 0.1)
        }
        assert at[0.5] == pytest.approx(half_db, abs=0.6)
        assert 0.7 < at[0.1] - at[0.9] < 2.0

    @pytest.mark.parametrize(("rate", "half_db"), [(12, 3.1), (54, 17.2)])
    def test_hard_decisions_cost_two_to_three_decibels(self, rate: int, half_db: float) -> None:
        """At half of the frames lost."""
        hard = Link(rate, soft=False)
        snrs = half_db + np.array([1.2, 2.0, 2.5, 3.0, 3.8])
        rates = [error_rate(replace(hard, snr_db=float(snr)), 60, 1458) for snr in snrs]
        half = float(np.interp(-0.5, -np.minimum.accumulate(rates), snrs))
        assert 1.5 < half - half_db < 3.5

    @pytest.mark.parametrize("rate", MODES)
    def test_enough_signal_is_enough(self, rate: int) -> None:
        """8 dB above the waterfall nothing is lost, up to the longest frame."""
        link = Link(rate, snr_db=26)
        sent = [*frames(2, 4095), b"\0", b"\xff"]
        assert link.receive(sent) == sent

    def test_errors_are_events_of_the_trellis(self) -> None:
        """At 12 Mbit/s, 3 dB, 1,500 bytes: few frames have two flips or fewer, most one event.

        Independent errors at the same error rate of frames would leave nine in ten bad frames
        with at most two flips.
        """
        bad = masks(Link(12, snr_db=3.0), 800, 1500)
        share_bad = bad.any(axis=1).mean()
        bad = bad[bad.any(axis=1)]
        assert 0.45 < share_bad < 0.75
        few = (bad.sum(axis=1) <= 2).mean()
        assert 0.05 < few < 0.2
        clusters = [1 + np.count_nonzero(np.diff(np.flatnonzero(mask)) >= 16) for mask in bad]
        assert 0.58 < np.mean(np.array(clusters) == 1) < 0.78


class TestFading:
    """Frames that are good or bad as a whole."""

    def test_frames_fail_over_a_wide_range(self) -> None:
        """Where white noise alone has gone from all to none, fading still takes some."""
        faded = Link(24, channel="rayleigh", snr_db=12.0)
        assert 0.1 < error_rate(faded, 200, 1000) < 0.5
        assert error_rate(replace(faded, channel="awgn"), 200, 1000) < 0.02
        assert error_rate(replace(faded, snr_db=30.0), 200, 1000) < 0.05

    def test_bad_frames_are_worse(self) -> None:
        """The mean share of wrong bits in a bad frame is ten times that of white noise."""
        faded = masks(Link(54, channel="rayleigh", snr_db=22.0), 200, 1000)
        white = masks(Link(54, snr_db=17.0), 200, 1000)
        shares = [each[each.any(axis=1)].mean() for each in (faded, white)]
        assert shares[0] > 5 * shares[1]

    def test_receivers_fade_apart(self) -> None:
        """Which frames one receiver loses says nothing about another's."""
        link = Link(24, channel="rayleigh", snr_db=9.0)
        one, other = (masks(replace(link, receiver=i), 300, 300).any(axis=1) for i in range(2))
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.2


class TestBurst:
    """Interference."""

    def test_errors_stand_where_the_burst_is(self) -> None:
        """Ten symbols of 96 bits each: in them half of the bits are wrong, elsewhere none."""
        link = Link(24, channel="burst", snr_db=25.0, burst=Burst(10, -20.0, start=40))
        wrong = masks(link, 50, 1500)
        assert wrong.any(axis=1).all()
        first, last = 40 * 96 - 16, 50 * 96 - 16  # the SERVICE field comes before
        assert 0.4 < wrong[:, first:last].mean() < 0.6
        assert wrong[:, : first - 40].sum() == wrong[:, last + 40 :].sum() == 0

    def test_anywhere_alike_and_at_once_for_all(self) -> None:
        """Without a start, bursts begin in all parts of the frame; receivers have them together."""
        link = Link(24, channel="burst", snr_db=25.0, burst=Burst(5, -20.0))
        starts = []
        for receiver in range(2):
            wrong = masks(replace(link, receiver=receiver), 200, 1500)
            starts.append(wrong.argmax(axis=1)[wrong.any(axis=1)] / wrong.shape[1])
        assert starts[0] == pytest.approx(starts[1], abs=0.01)
        counts, _ = np.histogram(starts[0], bins=4, range=(0, 1))
        assert counts.min() > 25

    def test_strength_counts(self) -> None:
        """A weak burst harms nothing, nor does one behind the frame's end."""
        link = Link(24, channel="burst", snr_db=25.0)
        assert error_rate(replace(link, burst=Burst(sir_db=30.0)), 20, 1000) == 0
        assert error_rate(replace(link, burst=Burst(start=500)), 20, 1000) == 0
        assert error_rate(link, 20, 1000) > 0.9


class TestDsss:
    """The rates of 802.11b."""

    @pytest.mark.parametrize("channel", CHANNELS)
    @pytest.mark.parametrize("rate", [1, 11])
    def test_are_served_by_their_own_module(self, rate: float, channel: str) -> None:
        """With the same arguments."""
        sent = frames(4, 60)
        link = Link(rate, channel=channel, snr_db=3.0, seed=5, receiver=2)  # type: ignore[arg-type]
        assert link.receive(sent, 7) == dsss.receive(
            sent, rate, channel=channel, snr_db=3.0, seed=5, receiver=2, first_frame=7
        )


class TestArguments:
    """Values that make no link."""

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"rate_mbps": 7}, "rate_mbps=7, wanted one of 1, 2, 5.5, 6, 9, 11, 12"),
            ({"channel": "rice"}, "channel=rice, wanted one of awgn, rayleigh, burst"),
            ({"snr_db": float("nan")}, "snr_db=nan, wanted -100 to 100"),
            ({"seed": -1}, "seed=-1"),
            ({"receiver": 1 << 16}, "receiver=65536, wanted 0 to 65535"),
        ],
    )
    def test_are_refused(self, change: dict[str, object], message: str) -> None:
        """With what was wanted."""
        with pytest.raises(ValueError, match=message):
            replace(Link(54), **change)  # type: ignore[arg-type]

    @pytest.mark.parametrize("burst", [{"symbols": -1}, {"start": -1}, {"sir_db": 101.0}])
    def test_bursts_are_in_the_frame(self, burst: dict[str, float]) -> None:
        """Or behind it, but not before."""
        with pytest.raises(ValueError, match="wanted"):
            Burst(**burst)  # type: ignore[arg-type]

    @pytest.mark.parametrize("length", [0, 4096])
    def test_frames_have_a_length_that_can_be_signalled(self, length: int) -> None:
        """1 to 4,095 bytes."""
        with pytest.raises(ValueError, match=f"a frame of {length} bytes"):
            Link(54).receive([b"ok", bytes(length)])

    def test_no_frames(self) -> None:
        """Nothing in, nothing out."""
        assert Link(54).receive([]) == []

    def test_every_rate_makes_a_link(self) -> None:
        """Twelve of them."""
        assert [Link(rate).rate_mbps for rate in RATES_MBPS] == [
            1, 2, 5.5, 6, 9, 11, 12, 18, 24, 36, 48, 54
        ]  # fmt: skip
