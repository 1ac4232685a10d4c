"""Service times against deadlines, and powers from files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.analysis.dcf import Exchange, Phy
from wtrec.analysis.deadlines import ServiceTimes
from wtrec.analysis.energy import Power
from wtrec.analysis.goodput import Ack, deliver
from wtrec.dot11.deadlines import Deadline
from wtrec.errors import FormatError


class TestDeadlines:
    """Shares within, percentiles."""

    @given(st.lists(st.lists(st.integers(1, 10**9), min_size=1), min_size=1, max_size=4))
    def test_against_numpy(self, calls: list[list[int]]) -> None:
        """Shares are exact; percentiles are numpy's to three digits, over any number of batches."""
        times = ServiceTimes((Deadline.parse("sifs"), Deadline.parse("5000")))
        for call in calls:
            times.add(np.array(call))
        every = np.concatenate([np.array(call) for call in calls])
        found = times.to_json()
        assert found["frames"] == len(every)
        for row, us in zip(found["within"], (10, 5000), strict=True):
            assert (row["us"], row["share"]) == (us, float((every <= 1000 * us).mean()))
        for percent in (50, 95, 99):
            exact = float(np.percentile(every, percent, method="inverted_cdf")) / 1000
            assert found[f"p{percent}_us"] == pytest.approx(exact, rel=0.006)

    def test_without_frames(self) -> None:
        """There is nothing to say."""
        found = ServiceTimes((Deadline.parse("sifs"),)).to_json()
        assert found["p50_us"] is None
        assert found["within"][0]["share"] is None


class TestEnergy:
    """Joule for a bit."""

    def test_by_hand(self, tmp_path: Path) -> None:
        """54 Mbit/s: 254 us of data, 34 of ACK, 105.5 of silence for 12,000 bits."""
        path = tmp_path / "card.toml"
        path.write_text("[power]\ntx = 2\nrx = 1.0\nidle = 0.5\n")
        delivery = deliver(Exchange(Phy.G, 54.0, 1500), Ack.IDEAL, 0.0)
        found = Power.read(path).per_bit(delivery)
        assert found is not None
        assert found["sender"] == pytest.approx((2 * 254 + 34 + 0.5 * 105.5) * 1e-6 / 12_000)
        assert found["receiver"] == pytest.approx((254 + 2 * 34 + 0.5 * 105.5) * 1e-6 / 12_000)

    def test_nothing_delivered(self) -> None:
        """There is no bit to spend it on."""
        delivery = deliver(Exchange(Phy.G, 54.0, 1500), Ack.NONE, 1.0)
        assert Power(1, 1, 1).per_bit(delivery) is None

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("power =", "no TOML"),
            ("", r"wanted a table \[power\]"),
            ("power = 3", r"wanted a table \[power\]"),
            ("[power]\ntx = 1\nrx = 1", "tx, rx, idle"),
            ("[power]\ntx = 1\nrx = 1\nidle = 1\nsleep = 0", "tx, rx, idle"),
            ("[power]\ntx = -1\nrx = 1\nidle = 1", "power.tx = -1"),
            ("[power]\ntx = true\nrx = 1\nidle = 1", "power.tx = True"),
            ('[power]\ntx = "1"\nrx = 1\nidle = 1', "power.tx = '1'"),
            ("[power]\ntx = inf\nrx = 1\nidle = 1", "power.tx = inf"),
        ],
    )
    def test_other_files_are_refused(self, tmp_path: Path, text: str, message: str) -> None:
        """With what was wanted."""
        path = tmp_path / "card.toml"
        path.write_text(text)
        with pytest.raises(FormatError, match=message):
            Power.read(path)
