"""From a simulated run with retries, through the commands, to goodput and airtime."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from wtrec.analysis.dcf import Exchange, Phy
from wtrec.analysis.energy import Power
from wtrec.analysis.goodput import Ack, deliver
from wtrec.analysis.intervals import ends, mcnemar
from wtrec.cli.analyze import analyze
from wtrec.cli.replay import replay
from wtrec.cli.simulate import simulate
from wtrec.dot11 import airtime

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "throughput.md"
MSDU = 300 - 36
SLOW, FAST = "crc-flip:max_flips=1", "crc-flip:max_flips=2"


def run(command: Any, *words: object) -> str:
    done = CliRunner().invoke(command, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Independent bit errors at two rates, up to three retries, and two replays."""
    folder = tmp_path_factory.mktemp("throughput")
    capture = folder / "run.pcapng"
    grid = ["--rate", 11, "--rate", 54, "--ber", 4e-4, "--frames", 120, "--length", 300]
    run(simulate, "-w", capture, "--channel", "bsc", *grid, "--retries", 3, "-q")
    for algorithm, name in ((SLOW, "one"), (FAST, "two")):
        run(replay, capture, "--algo", algorithm, "-o", folder / f"{name}.parquet", "-q")
    return folder


@pytest.fixture(scope="module")
def found(folder: Path) -> dict[str, Any]:
    """The JSON of its analysis."""
    return analyzed(folder, "--format", "json")


def analyzed(folder: Path, *words: object) -> dict[str, Any]:
    names = [folder / f"{name}.parquet" for name in ("one", "two")]
    answer: dict[str, Any] = json.loads(run(analyze, folder / "run.pcapng", *names, "-q", *words))
    return answer


def frames_of(folder: Path) -> list[dict[str, Any]]:
    """What was sent, what came of it: attempts in order, from tx log and results alone."""
    sent = pq.read_table(folder / "run.tx.parquet").to_pylist()
    rows: list[dict[str, Any]] = []
    results = {}
    for name in ("one", "two"):
        table = pq.read_table(folder / f"{name}.parquet").to_pylist()
        results[name] = {row["number"]: row for row in table}
    for number, packet in enumerate(sent, 1):
        answers = {name: results[name].get(number) for name in results}
        rows.append(
            {
                "number": number,
                "packet": packet["packet_id"],
                "rate": packet["rate_mbps"],
                "bad": answers["one"] is not None,
                **answers,
            }
        )
    return rows


class TestRun:
    """Every number that can be worked out another way."""

    def test_error_rates_and_goodputs(self, folder: Path, found: dict[str, Any]) -> None:
        """PER by the tx log; goodputs and gains by the shares in the JSON itself."""
        frames, bad = Counter[float](), Counter[float]()
        for frame in frames_of(folder):
            frames[frame["rate"]] += 1
            bad[frame["rate"]] += frame["bad"]
        groups = found["throughput"]["groups"]
        assert [group["rate_mbps"] for group in groups] == [11.0, 54.0]
        for group in groups:
            rate = group["rate_mbps"]
            assert (group["frames"], group["bad"]) == (frames[rate], bad[rate])
            assert group["per"] == bad[rate] / frames[rate]
            assert group["per_interval"] == ends(int(bad[rate]), int(frames[rate]))
            phy = Phy.B if rate == 11 else Phy.G
            assert (group["phy"], group["msdu"]) == (str(phy), MSDU)
            exchange = Exchange(phy, rate, MSDU)
            assert group["cycle_us"] == exchange.cycle_us
            for ack in Ack:
                before = deliver(exchange, ack, group["per"])
                row = group["without"][str(ack)]
                assert row["goodput_mbps"] == pytest.approx(before.goodput_mbps)
                for each in group["algorithms"]:
                    after = each["ack"][str(ack)]
                    shares = each["right_share"], each["wrong_share"]
                    expected = deliver(exchange, ack, group["per"], *shares)
                    assert after["goodput_mbps"] == pytest.approx(expected.goodput_mbps)
                    gain = expected.goodput_mbps / before.goodput_mbps - 1
                    assert after["gain"] == pytest.approx(gain)
                    saved = before.span.total - expected.span.total
                    assert after["saved_us"] == pytest.approx(saved)
                    low, high = after["interval"]
                    assert low <= after["goodput_mbps"] <= high
        assert any(each["ack"]["ideal"]["gain"] > 0.1 for each in groups[1]["algorithms"])

    def test_airtime_that_was_seen(self, folder: Path, found: dict[str, Any]) -> None:
        """By packet ids: every attempt after the first one that was repaired rightly."""
        log = pq.read_table(folder / "run.tx.parquet").to_pylist()
        capture = analyzed(folder, "--format", "json", "--by", "number")
        verdicts = {
            (name, row["number"]): row["correct"]
            for name, algorithm in zip(("one", "two"), capture["algorithms"], strict=True)
            for row in algorithm["by"]
        }
        for place, name in enumerate(("one", "two")):
            saved, repaired = Counter[float](), Counter[float]()
            done = set()
            for frame in frames_of(folder):
                if frame["packet"] in done:
                    saved[frame["rate"]] += 1
                elif verdicts[name, frame["number"]]:
                    done.add(frame["packet"])
                    repaired[frame["rate"]] += 1
            assert sum(saved.values()) > 20
            for group in found["throughput"]["groups"]:
                rate = group["rate_mbps"]
                measured = group["algorithms"][place]["measured"]
                assert measured["packets"] == repaired[rate]
                assert measured["retransmissions"] == saved[rate]
                each = airtime.signal_us(rate, len(log[0]["original"]))
                assert measured["airtime_us"] == pytest.approx(each * saved[rate])
                assert measured["share"] == pytest.approx(saved[rate] / group["frames"])
        assert [each["frames"] for each in found["throughput"]["unattributed"]] == [0, 0]

    def test_scores_by_group(self, found: dict[str, Any]) -> None:
        """Groups add up to the whole; intervals are Wilson's."""
        for algorithm in found["algorithms"]:
            for name in ("attempted", "repaired", "abstained", "correct", "wrong", "unjudged"):
                assert sum(row[name] for row in algorithm["by"]) == algorithm[name]
            for row in algorithm["by"]:
                assert row["right_share"] == row["correct"] / row["attempted"]
                assert row["right_interval"] == ends(row["correct"], row["attempted"])
                assert row["wrong_interval"] == ends(row["wrong"], row["attempted"])

    def test_comparison(self, found: dict[str, Any]) -> None:
        """Two flips repair what one does, and more; groups add up to the whole."""
        (pair,) = found["comparisons"]
        one, two = found["algorithms"]
        assert pair["c"] - pair["b"] == two["correct"] - one["correct"] > 20
        assert pair["p"] == mcnemar(pair["b"], pair["c"]) < 1e-3
        for name in ("frames", "b", "c"):
            assert sum(row[name] for row in pair["by"]) == pair[name]

    def test_the_model_holds_where_bits_are_independent(self, found: dict[str, Any]) -> None:
        """On a binary symmetric channel, model and recording agree within their intervals."""
        for group in found["model"]["groups"]:
            uniform, recorded = group["uniform"], group["recorded"]
            assert uniform["per"] == pytest.approx(group["per"])
            assert uniform["ber"] == pytest.approx(recorded["ber"], rel=0.2)
            assert recorded["judged"] > 50
            for flips, row in recorded["at_most"].items():
                low, high = row["interval"]
                assert low - 0.05 <= uniform["at_most"][flips] <= high + 0.05
        rates = [curve["rate_mbps"] for curve in found["model"]["curves"]]
        assert rates == [11.0, 54.0]


def keys_of(value: Any) -> set[str]:
    """Every key of an object and of what is in it."""
    if isinstance(value, list):
        return set().union(*map(keys_of, value))
    if not isinstance(value, dict):
        return set()
    return set(value).union(*map(keys_of, value.values()))


class TestDocument:
    """docs/throughput.md."""

    def test_every_key_is_explained(self, found: dict[str, Any]) -> None:
        """What the JSON has stands there in backquotes, but for the columns of frames."""
        told = set(re.findall(r"`([^`\n]+)`", DOCUMENT.read_text()))
        parts = {name: found[name] for name in ("throughput", "model", "comparisons")}
        assert keys_of(parts) - told - {"rate_mbps"} == set()
        assert keys_of(found["algorithms"][0]["by"]) - told <= {
            *("repaired", "abstained", "dropped", "correct", "wrong"),  # see docs/analyze.md
        }

    def test_the_example_of_powers(self, tmp_path: Path) -> None:
        """It is a file that --energy takes."""
        (text,) = re.findall(r"```toml\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
        path = tmp_path / "card.toml"
        path.write_text(text)
        assert Power.read(path) == Power(1.5, 0.9, 0.7)


class TestOptions:
    """What is assumed."""

    def test_phy_msdu_and_groups(self, folder: Path) -> None:
        """A PHY is for the rates that it has; without rates among the groups, each has its own."""
        words = ["--phy", "g-protected", "--msdu", 1500, "--by", "snr_db", "--format", "json"]
        found = analyzed(folder, *words)["throughput"]
        assert (found["phy"], found["msdu"]) == ("g-protected", 1500)
        rows = [(row["snr_db"], row["rate_mbps"], row["phy"]) for row in found["groups"]]
        assert rows == [(None, 11.0, "b"), (None, 54.0, "g-protected")]
        assert found["groups"][1]["cycle_us"] == 756

    def test_energy_is_reported_only_with_powers(self, folder: Path, found: dict[str, Any]) -> None:
        """No file, no energy; with one, repairs spend less a bit."""
        assert "joule_per_bit" not in found["throughput"]["groups"][0]["without"]["ideal"]
        powers = folder / "card.toml"
        powers.write_text("[power]\ntx = 2.0\nrx = 1.0\nidle = 0.5\n")
        group = analyzed(folder, "--energy", powers, "--format", "json")["throughput"]["groups"][1]
        before = group["without"]["ideal"]["joule_per_bit"]
        after = group["algorithms"][1]["ack"]["ideal"]["joule_per_bit"]
        assert 0 < after["sender"] < before["sender"]
        assert 0 < after["receiver"] < before["receiver"]

    def test_deadlines(self, folder: Path) -> None:
        """The share within a deadline of any length; a wrong name is wrong usage."""
        words = ["--deadline", "sifs", "--deadline", 1e9, "--format", "json"]
        for service in analyzed(folder, *words)["throughput"]["service"]:
            names = [row["deadline"] for row in service["within"]]
            assert names == ["sifs", "1000000000.0"]
            assert service["within"][1]["share"] == 1
            assert service["p50_us"] <= service["p95_us"] <= service["p99_us"]
        done = CliRunner().invoke(analyze, [str(folder / "run.pcapng"), "--deadline", "soon"])
        assert done.exit_code == 2
        assert "wanted microseconds or one of sifs" in done.output

    def test_tables(self, folder: Path) -> None:
        """For people: what is assumed stands above the goodputs."""
        names = [folder / f"{name}.parquet" for name in ("one", "two")]
        text = run(analyze, folder / "run.pcapng", *names, "--ack", "arq", "-q")
        assert "goodput, if repairs are acknowledged later, 64 frames at a time:" in text
        assert "crc-flip:max_flips=1" in text
        assert "independent bit errors at the same PER, beside those recorded:" in text
        assert "who repaired rightly what the other did not" in text

    def test_without_results(self, folder: Path, tmp_path: Path) -> None:
        """There is a goodput without repairs, and nothing to compare."""
        capture = tmp_path / "alone.pcapng"
        capture.write_bytes((folder / "run.pcapng").read_bytes())
        found = json.loads(run(analyze, capture, "-q", "--format", "json"))
        assert found["comparisons"] == []
        for group in found["throughput"]["groups"]:
            assert group["algorithms"] == []
            assert group["without"]["ideal"]["goodput_mbps"] > 0
