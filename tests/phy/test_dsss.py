"""802.11b as a whole: identity without noise, closed forms with it, and how errors look."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from wtrec.phy import cck, dsss, dsss_barker, dsss_plcp
from wtrec.phy.dsss_kernel import burst_start, disturb
from wtrec.phy.dsss_scrambler import HISTORY, descramble, scramble
from wtrec.phy.random_kernel import identify

Bits = NDArray[np.uint8]

RATES = st.sampled_from([1.0, 2.0, 5.5, 11.0])
NO_HISTORY = np.zeros(HISTORY, np.uint8)


def _mpdus(count: int, length: int) -> list[bytes]:
    data = np.random.default_rng(length).bytes(count * length)
    return [data[i : i + length] for i in range(0, len(data), length)]


def _receive(
    mpdus: list[bytes],
    rate: float,
    snr_db: float,
    *,
    channel: str = "awgn",
    seed: int = 1,
    receiver: int = 0,
    first_frame: int = 0,
) -> list[bytes]:
    return dsss.receive(
        mpdus,
        rate,
        channel=channel,
        snr_db=snr_db,
        seed=seed,
        receiver=receiver,
        first_frame=first_frame,
    )


def _receiver(rate: float, snr_db: float) -> int:
    """The stream of draws at receiver 0."""
    return round(2 * rate) << 56 | int(np.float32(snr_db).view(np.uint32))


def _bits(data: bytes) -> Bits:
    return np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")


def _mask(sent: bytes, received: bytes) -> Bits:
    assert len(sent) == len(received)
    return _bits(sent) ^ _bits(received)


def _air_errors(sent: bytes, received: bytes) -> Bits:
    """Errors in front of the descrambler: it is linear, so the scrambler takes them back."""
    return scramble(_mask(sent, received), NO_HISTORY)


def _symbol_errors(rate: float, snr_db: float, symbols: int, seed: int = 3) -> NDArray[np.bool_]:
    """Which bits on the air are wrong, by symbol, shape (symbols, bits per symbol)."""
    width = dsss.BITS_PER_SYMBOL[rate]
    mpdus = _mpdus(symbols * width // 8 // 1000, 1000)
    received = _receive(mpdus, rate, snr_db, seed=seed)
    errors = [_air_errors(*pair) for pair in zip(mpdus, received, strict=True)]
    return np.concatenate(errors).reshape(-1, width).astype(bool)


class TestIdentity:
    """Without noise, frames arrive as they were sent."""

    @given(st.lists(st.binary(max_size=80), max_size=4), RATES, st.sampled_from(dsss.CHANNELS[:2]))
    @pytest.mark.slow
    def test_every_rate_and_length(self, mpdus: list[bytes], rate: float, channel: str) -> None:
        """Also through a fading channel: no detection needs a phase or an amplitude."""
        assert _receive(mpdus, rate, math.inf, channel=channel) == mpdus

    @given(st.binary(max_size=80), RATES)
    def test_chips_say_the_frame(self, mpdu: bytes, rate: float) -> None:
        """The plain halves are each other's inverse; a chip lasts 1 / 11 us."""
        chips = dsss.transmit(mpdu, rate)
        assert dsss.decode(chips, rate) == mpdu
        seconds = 8 * len(mpdu) / rate / 1e6
        assert len(chips) == 11 + round(seconds * dsss.CHIPS_PER_SECOND)
        assert abs(chips) == pytest.approx(1)

    @pytest.mark.parametrize("rate", [1.0, 2.0, 5.5, 11.0])
    def test_a_long_frame(self, rate: float) -> None:
        """As long as an MPDU of 802.11b can be."""
        mpdus = _mpdus(1, 4095)
        assert _receive(mpdus, rate, 40) == mpdus

    def test_what_does_not_exist_is_refused(self) -> None:
        """Rates and channels have names, and headers say lengths up to 65,535 us."""
        with pytest.raises(ValueError, match=r"wanted one of 1, 2, 5\.5, 11"):
            _receive([b"a"], 6, 10)
        with pytest.raises(ValueError, match="wanted one of awgn, rayleigh, burst"):
            _receive([b"a"], 1, 10, channel="rice")
        with pytest.raises(ValueError, match="8192 octets"):
            _receive([bytes(8192)], 1, 10)


class TestReproducibility:
    """A frame's errors follow from seed, rate, receiver and number."""

    @pytest.mark.parametrize("channel", dsss.CHANNELS)
    @pytest.mark.parametrize("rate", [1.0, 2.0, 5.5, 11.0])
    def test_batches_do_not_matter(self, rate: float, channel: str) -> None:
        """In one batch, in two, or alone, and between frames of any length."""
        mpdus = [mpdu[: 20 + 13 * i] for i, mpdu in enumerate(_mpdus(12, 300))]
        whole = _receive(mpdus, rate, -2, channel=channel, first_frame=5)
        assert whole != mpdus
        halves = _receive(mpdus[:7], rate, -2, channel=channel, first_frame=5)
        halves += _receive(mpdus[7:], rate, -2, channel=channel, first_frame=12)
        assert halves == whole
        assert _receive(mpdus[3:4], rate, -2, channel=channel, first_frame=8) == whole[3:4]

    def test_seeds_receivers_and_frames_differ(self) -> None:
        """No two draws are the same by construction."""
        mpdu = _mpdus(1, 100)
        draws = {
            _receive(mpdu, 11, -3, seed=seed, receiver=receiver, first_frame=frame)[0]
            for seed in (0, 2**64 - 1)
            for receiver in (0, 1)
            for frame in (0, 2**40)
        }
        assert len(draws) == 8

    def test_receivers_hear_the_same_interference(self) -> None:
        """It begins at the same place for all, in noise of their own."""
        mpdus = _mpdus(50, 200)
        here = _receive(mpdus, 1, 20, channel="burst", receiver=0)
        there = _receive(mpdus, 1, 20, channel="burst", receiver=65_535)
        assert here != there
        for sent, one, other in zip(mpdus, here, there, strict=True):
            first, second = np.flatnonzero(_mask(sent, one)), np.flatnonzero(_mask(sent, other))
            assert abs(int(first[0]) - int(second[0])) < 50

    @pytest.mark.parametrize("channel", dsss.CHANNELS)
    @pytest.mark.parametrize(("rate", "snr_db"), [(1.0, -4), (2.0, 0), (5.5, 2), (11.0, 5)])
    def test_the_plain_receiver_decides_alike(
        self, rate: float, snr_db: float, channel: str
    ) -> None:
        """On the same disturbed chips, numpy and the kernels find the same bytes."""
        mpdus = _mpdus(5, 250)
        compiled = _receive(mpdus, rate, snr_db, channel=channel, seed=4, first_frame=9)
        assert compiled != mpdus
        identity = np.empty(4, np.uint64)
        plain = []
        for i, mpdu in enumerate(mpdus):
            chips = dsss.transmit(mpdu, rate)
            identify(4, round(2 * rate) << 56, 9 + i, identity)
            burst = burst_start(identity, len(chips))
            stop = burst + dsss._BURST_CHIPS if channel == "burst" else burst
            identify(4, _receiver(rate, snr_db), 9 + i, identity)
            noise = 10 ** (-snr_db / 10)
            disturb(identity, chips, noise, channel == "rayleigh", burst, stop, dsss._BURST_POWER)
            plain.append(dsss.decode(chips, rate))
        assert compiled == plain


class TestErrorRates:
    """Closed forms of differential and non-coherent detection, with Es/N0 of a symbol."""

    @pytest.mark.parametrize("snr_db", [-9, -6, -4])
    def test_dbpsk(self, snr_db: float) -> None:
        """Half of exp(-Es/N0), eleven chips a symbol."""
        errors = _symbol_errors(1.0, snr_db, 400_000)
        wanted = _mpsk(2, 11 * 10 ** (snr_db / 10))
        assert wanted == pytest.approx(0.5 * math.exp(-11 * 10 ** (snr_db / 10)))
        assert errors.mean() == pytest.approx(wanted, rel=0.05)

    @pytest.mark.parametrize("snr_db", [-6, -3, -1])
    def test_dqpsk(self, snr_db: float) -> None:
        """The integral for differential detection of M phases (Pawula, Rice, Roberts 1982)."""
        errors = _symbol_errors(2.0, snr_db, 400_000).any(axis=1)
        assert errors.mean() == pytest.approx(_mpsk(4, 11 * 10 ** (snr_db / 10)), rel=0.05)

    @pytest.mark.parametrize("snr_db", [-6, -3, 0])
    def test_the_code_word_at_5_5(self, snr_db: float) -> None:
        """Non-coherent detection of four orthogonal signals, eight chips a symbol."""
        es = 8 * 10 ** (snr_db / 10)
        wanted = sum(
            (-1) ** (k + 1) * math.comb(3, k) / (k + 1) * math.exp(-es * k / (k + 1))
            for k in (1, 2, 3)
        )
        errors = _symbol_errors(5.5, snr_db, 400_000)[:, 2:].any(axis=1)
        assert errors.mean() == pytest.approx(wanted, rel=0.05)

    @pytest.mark.parametrize(("snr_db", "tight"), [(5, 0.8), (6, 0.9)])
    def test_the_code_word_at_11(self, snr_db: float, tight: float) -> None:
        """The union bound over the other code words holds, and is close where errors are rare."""
        words = cck.codewords(8)
        correlations = abs(words @ words[0].conj())[1:] / 8
        es = 8 * 10 ** (snr_db / 10)
        bound = sum(_noncoherent_pair(es, float(r)) for r in correlations)
        errors = _symbol_errors(11.0, snr_db, 200_000)[:, 2:].any(axis=1)
        assert tight * bound < errors.mean() < bound

    def test_rayleigh(self) -> None:
        """DBPSK over flat fading: 1 / (2 (1 + mean Es/N0)); most frames have none or many."""
        mpdus = _mpdus(20_000, 5)
        received = _receive(mpdus, 1.0, 0, channel="rayleigh")
        errors = np.array([_air_errors(*pair).sum() for pair in zip(mpdus, received, strict=True)])
        assert errors.mean() / 40 == pytest.approx(1 / (2 * (1 + 11)), rel=0.05)
        assert errors.var() > 5 * errors.mean()


def _mpsk(phases: int, es: float) -> float:
    """Symbol error rate of differentially detected M-PSK in white noise."""
    cosine = math.cos(math.pi / phases)
    theta = (np.arange(2000) + 0.5) / 2000 * math.pi - math.pi / 2
    shape = 1 - cosine * np.cos(theta)
    mean = float((np.exp(-es * shape) / shape).mean())
    return math.sin(math.pi / phases) / 2 * mean


def _noncoherent_pair(es: float, correlation: float) -> float:
    """Probability to choose the wrong one of two signals by envelope, in white noise.

    Q1(a, b) - exp(-(a^2 + b^2) / 2) I0(a b) / 2 with a, b = sqrt(es (1 -+ sqrt(1 - r^2)) / 2), as
    one integral over a turn (Simon and Alouini's form, a < b).
    """
    a, b = (math.sqrt(es / 2 * (1 + s * math.sqrt(1 - correlation**2))) for s in (-1, 1))
    zeta = a / b
    theta = (np.arange(4000) + 0.5) / 4000 * 2 * math.pi
    denominator = 1 + 2 * zeta * np.sin(theta) + zeta**2
    integrand = (1 - zeta**2) / denominator * np.exp(-(b**2) / 2 * denominator)
    return float(integrand.mean()) / 2


class TestErrorShapes:
    """What broken frames look like behind the descrambler."""

    def test_one_wrong_bit_on_the_air(self) -> None:
        """A channel that turns by half for good in the middle: exactly i, i + 4, i + 7."""
        (mpdu,) = _mpdus(1, 50)
        chips = dsss.transmit(mpdu, 1.0)
        chips[11 * (1 + 100) :] *= -1
        mask = _mask(mpdu, dsss.decode(chips, 1.0))
        assert np.flatnonzero(mask).tolist() == [100, 104, 107]

    def test_one_wrong_phase(self) -> None:
        """Two neighbouring bits on the air: six in the frame."""
        (mpdu,) = _mpdus(1, 50)
        chips = dsss.transmit(mpdu, 1.0)
        chips[11 * (1 + 100) : 11 * (2 + 100)] *= -1
        mask = _mask(mpdu, dsss.decode(chips, 1.0))
        assert np.flatnonzero(mask).tolist() == [100, 101, 104, 105, 107, 108]

    def test_every_mask_is_errors_on_the_air_through_the_descrambler(self) -> None:
        """Demodulated bits and sent bits differ in e: then the mask is e (1 + z^-4 + z^-7)."""
        identity = np.empty(4, np.uint64)
        broken = 0
        for frame, mpdu in enumerate(_mpdus(40, 200)):
            chips = dsss.transmit(mpdu, 1.0)
            identify(7, _receiver(1.0, -2.5), frame, identity)
            disturb(identity, chips, 10**0.25, False, 0, 0, 0)
            last = complex(chips[:11] @ dsss_barker.BARKER)
            heard = dsss_barker.demodulate(chips[11:], 1, last)
            errors = heard ^ scramble(_bits(mpdu), dsss_plcp.history(200, 1.0))
            (received,) = _receive([mpdu], 1.0, -2.5, seed=7, first_frame=frame)
            assert _mask(mpdu, received).tolist() == descramble(errors, NO_HISTORY).tolist()
            broken += bool(errors.any())
        assert broken > 20

    def test_errors_on_the_air_often_are_neighbours(self) -> None:
        """A noisy symbol takes part in two differences; independent errors would rarely touch."""
        mpdus = _mpdus(400, 200)
        pairs = zip(mpdus, _receive(mpdus, 1.0, -1.5), strict=True)
        errors = [np.flatnonzero(_air_errors(*pair)) for pair in pairs]
        counts = np.array([len(error) for error in errors])
        neighbours = sum(bool((np.diff(error) == 1).any()) for error in errors)
        assert 50 < np.count_nonzero(counts) < 350
        assert neighbours > 0.1 * np.count_nonzero(counts)

    @pytest.mark.parametrize("rate", [1.0, 2.0, 5.5, 11.0])
    def test_a_burst_is_all_that_is_wrong(self, rate: float) -> None:
        """At high SNR errors span 100 us at most and the descrambler's seven bits, anywhere."""
        mpdus = _mpdus(200, round(125 * rate))
        received = _receive(mpdus, rate, 30, channel="burst")
        starts = []
        for pair in zip(mpdus, received, strict=True):
            wrong = np.flatnonzero(_mask(*pair))
            if len(wrong) == 0:
                continue  # it began with the last chips
            symbol = dsss.BITS_PER_SYMBOL[rate]
            assert wrong[-1] - wrong[0] < 100 * rate + 2 * symbol + 7
            starts.append(wrong[0] / (8 * len(pair[0])))
        assert len(starts) > 190
        assert np.mean(starts) == pytest.approx(0.5, abs=0.1)
