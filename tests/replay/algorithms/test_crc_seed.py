"""crc-seed: every wrong state of the descrambler, by way of the PHY's own bits."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest

from wtrec.datasets.frames import FrameBatch
from wtrec.dot11 import fcs
from wtrec.phy import ofdm, scrambler
from wtrec.replay.algorithm import Repairs
from wtrec.replay.algorithms.candidates import Bad, Candidates
from wtrec.replay.algorithms.checks import ALL
from wtrec.replay.algorithms.crc_seed import CrcSeed, Seeds, states_by_syndrome
from wtrec.replay.choice import make

Batch = Callable[..., FrameBatch]
Claims = Callable[[Repairs], dict[int, list[int] | None]]
Listed = Callable[[Candidates], list[tuple[int, int, tuple[int, ...]]]]

EXPECTED_FALSE = 127 / 2**32


def misread(mpdu: bytes, wrong: int, state: int) -> bytes:
    """The frame as received where these of the first seven bits (a bit mask) are wrong."""
    mode = ofdm.MODES[24]
    bits = ofdm.data_field(mpdu, mode, state)[: ofdm.SERVICE + 8 * len(mpdu)]
    bits[: ofdm.SCRAMBLER_INIT] ^= np.array([wrong >> k & 1 for k in range(7)], np.uint8)
    return ofdm.psdu_of(bits)


@pytest.mark.parametrize("length", [14, 60, 300])
def test_every_state(length: int, bad_batch: Batch) -> None:
    """Whichever of the seven bits are wrong, frames are repaired."""
    draw = random.Random(length)
    mpdu = fcs.append(draw.randbytes(length - 4))
    received = [misread(mpdu, wrong, draw.randint(1, 127)) for wrong in range(1, 128)]
    repairs = CrcSeed().recover(bad_batch(received, 24.0))
    assert repairs.repaired.all()
    assert repairs.candidates.tolist() == [1] * 127
    assert set(repairs.expected_false.tolist()) == {EXPECTED_FALSE}
    for i, frame in enumerate(received):
        flips = repairs.flips[repairs.flip_offsets[i] : repairs.flip_offsets[i + 1]]
        assert fcs.flip(frame, flips.tolist()) == mpdu


@pytest.mark.parametrize("length", [*range(30, 65), 4, 5, 1500])
def test_every_seed(length: int, with_syndromes: Callable[..., Bad], listed: Listed) -> None:
    """All 127 phases of the sequence, and of a thousand other syndromes none.

    So the share of damaged frames that fit by chance is 127 / 2^32, too small to be seen: the 127
    differ, and nothing else is accepted.
    """
    added = [
        np.resize(scrambler.sequence(state, scrambler.PERIOD), 8 * length)
        for state in range(1, 128)
    ]
    phases = [tuple(np.flatnonzero(bits).tolist()) for bits in added]
    blank = fcs.syndrome(bytes(length))
    effects = [
        fcs.syndrome(np.packbits(bits, bitorder="little").tobytes()) ^ blank for bits in added
    ]
    assert len(set(effects)) == 127
    assert sorted(states_by_syndrome(length)) == sorted(effects)
    other = np.random.default_rng(length).integers(1, 2**32, 1000).tolist()
    bad = with_syndromes([*effects, *other, 0], length)
    found = Seeds().find(bad, np.zeros(len(bad), np.int64))
    assert listed(found) == [(row, 1, flips) for row, flips in enumerate(phases)]
    assert Seeds().expected(bad)[:, 1].tolist() == [EXPECTED_FALSE] * len(bad)


@pytest.mark.parametrize("radio", [{"rate_mbps": 54.0}, {"rate_mbps": 65.0, "mcs": 7}])
def test_other_damage(radio: dict[str, float], bad_batch: Batch, claims: Claims) -> None:
    """Frames that are damaged otherwise are left alone, and so are their neighbours' answers."""
    draw = random.Random(1)
    mpdu = fcs.append(draw.randbytes(96))
    seed = misread(mpdu, 5, 1)
    answers = claims(CrcSeed().recover(bad_batch([draw.randbytes(100), seed, seed[:-1]], **radio)))
    assert answers[1] is None
    assert fcs.flip(seed, answers[2] or []) == mpdu
    assert answers[3] is None


@pytest.mark.parametrize("radio", [{}, {"rate_mbps": 11.0}])
def test_other_rates(radio: dict[str, float], bad_batch: Batch) -> None:
    """Where no such scrambler is known to be used, frames are abstained on."""
    mpdu = misread(fcs.append(bytes(50)), 1, 1)
    repairs = CrcSeed().recover(bad_batch([mpdu], **radio))
    assert repairs.candidates.tolist() == [-1]
    assert not repairs.repaired.any()


def test_parameters() -> None:
    """A gate of 0.01 and all checks; nothing is left at the end."""
    algorithm, parameters = make("crc-seed")
    assert parameters == {"gate": 0.01, "checks": ALL}
    assert isinstance(algorithm, CrcSeed)
    assert len(algorithm.finish()) == 0
