"""Simulations: what can be asked for, and how transmissions follow each other."""

from __future__ import annotations

import itertools
import os
from typing import Any

import pytest

from wtrec.cli import simulate as command
from wtrec.recorder import simulate
from wtrec.recorder.simulate import HEADERS_LENGTH, Simulation, transmissions

FACTS: dict[str, Any] = {
    "points": ((54.0, 17.0),),
    "channel": "awgn",
    "frames": 150,
    "length": 300,
    "retries": 2,
    "copies": 2,
}


class TestSimulation:
    """What can be asked for."""

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"length": HEADERS_LENGTH - 1}, "wanted 64 to 4095"),
            ({"length": 4096}, "wanted 64 to 4095"),
            ({"points": ((7.0, 3.0),)}, r"rate_mbps=7\.0, wanted one of 1, 2, 5\.5, 6, "),
            ({"points": ((6.0, 101.0),)}, r"snr_db=101\.0, wanted -100 to 100"),
            ({"channel": "bsc", "points": ((6.0, 1.5),)}, r"error_rate=1\.5, wanted 0 to 1"),
            ({"channel": "aether"}, "wanted one of awgn, rayleigh, burst, bsc, gilbert"),
        ],
    )
    def test_impossible_wishes_are_refused(self, change: dict[str, Any], message: str) -> None:
        """With what would be possible."""
        with pytest.raises(ValueError, match=message):
            Simulation(**{**FACTS, **change})

    def test_the_command_offers_the_same_channels(self) -> None:
        """It names them itself, since its help imports nothing heavy."""
        assert simulate.CHANNELS == command.CHANNELS
        assert simulate.BIT_CHANNELS == command.BIT_CHANNELS


class TestTransmissions:
    """How they follow each other."""

    def test_they_are_in_order_and_do_not_overlap(self) -> None:
        """Numbers count up, packets come one after the other, so do attempts."""
        sent = list(transmissions(Simulation(**FACTS)))
        assert [item.number for item in sent] == list(range(len(sent)))
        places = [(item.packet_id, item.attempt) for item in sent]
        assert places == sorted(places)
        starts = [item.start_us for item in sent]
        assert all(b - a > 50 for a, b in itertools.pairwise(starts))

    def test_they_do_not_depend_on_the_number_of_cores(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nor on how packets are batched."""
        here = list(transmissions(Simulation(**FACTS)))
        monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0})
        monkeypatch.setattr(simulate, "_BATCH", 7)
        assert list(transmissions(Simulation(**FACTS))) == here

    @pytest.mark.parametrize("channel", ["bsc", "gilbert"])
    def test_bit_channels_have_the_error_rate_that_was_asked_for(self, channel: str) -> None:
        """On average over many frames, within a fifth: events come in bursts."""
        simulation = Simulation(
            points=((54.0, 1e-3),), channel=channel, frames=400, length=1500, seed=3
        )
        errors = sum(
            (int.from_bytes(item.sent) ^ int.from_bytes(item.received[0])).bit_count()
            for item in transmissions(simulation)
        )
        assert errors == pytest.approx(400 * 12_000 * 1e-3, rel=0.2)
