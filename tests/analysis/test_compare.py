"""Runs side by side: what differs, by which method, and what cannot be compared."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wtrec.analysis.analyze import analyze
from wtrec.analysis.compare import Comparison, Run, compare, dependence
from wtrec.analysis.intervals import difference, wilson
from wtrec.analysis.payload_truth import PayloadTruth
from wtrec.analysis.saved import load
from wtrec.analysis.tables import tables
from wtrec.datasets.payload import pattern
from wtrec.dot11 import fcs
from wtrec.errors import FormatError
from wtrec.replay.choice import make
from wtrec.replay.engine import Contender, replay

ZEROS = bytes(50)
TIMES = {
    "start": "2026-01-01T00:00:00.000000000Z",
    "end": "2026-01-01T00:01:00.000000000Z",
}
ANYTHING: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(max_size=3),
    st.floats(allow_nan=False, allow_infinity=False),
    st.just([]),
    st.just({}),
)


@pytest.fixture(scope="module")
def found(
    tmp_path_factory: pytest.TempPathFactory,
    write_capture: Callable[..., Path],
    udp_frame: Callable[..., bytes],
) -> dict[str, Any]:
    """An analysis: 60 frames at two rates with 0, 1 or 2 wrong bits, two replays."""
    folder = tmp_path_factory.mktemp("compare")
    frames = [udp_frame(ZEROS, sequence=n) for n in range(60)]
    for n in range(0, 60, 2):
        frames[n] = fcs.flip(frames[n], [500, 700] if n % 3 else [500 + n])
    capture = write_capture(folder / "run.pcapng", frames, rates=[6.0] * 30 + [54.0] * 30)
    paths = [folder / f"run.{name}.parquet" for name in ("one", "two")]
    made = [make(f"crc-flip:max_flips={flips}") for flips in (1, 2)]
    replay(capture, [Contender(*each, path) for each, path in zip(made, paths, strict=True)])
    analysis = analyze(capture, truth=PayloadTruth(pattern("zeros")), results=paths)
    return json.loads(json.dumps(analysis.to_json()))  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def beside(found: dict[str, Any]) -> Run:
    """The analysis as that of a run, to compare others with."""
    return run(found, "a")


@pytest.fixture(scope="module")
def text(found: dict[str, Any]) -> str:
    """The analysis as it is saved: reading it is quicker than a deep copy."""
    return json.dumps(found)


def run(analysis: dict[str, Any], label: str, **facts: Any) -> Run:
    """The analysis as that of another run."""
    other = Run.of(label, f"{label}.pcapng", copy.deepcopy(tables(analysis)))
    other.facts.update({"capture_sha256": label, **facts})
    return other


def warned(comparison: Comparison) -> list[str]:
    return [note["text"] for note in comparison.rows["notes"] if note["run"] is None]


class TestDifference:
    """The interval of a difference of independent estimates."""

    def test_published_value(self) -> None:
        """Newcombe (1998), table II: 56 of 70 and 48 of 80, method 10."""
        first, second = wilson(48, 80), wilson(56, 70)
        assert first
        assert second
        found = difference(48 / 80, first, 56 / 70, second)
        assert [round(end, 4) for end in found] == [0.0524, 0.3339]

    def test_it_covers(self) -> None:
        """Of many pairs of runs, 95 in 100 have the true difference in it."""
        draw = np.random.default_rng(5)
        p, q, n, m = 0.1, 0.25, 60, 90
        hits = 0
        for a, b in zip(draw.binomial(n, p, 4000), draw.binomial(m, q, 4000), strict=True):
            one, other = wilson(int(a), n), wilson(int(b), m)
            assert one
            assert other
            low, high = difference(a / n, one, b / m, other)
            hits += low <= q - p <= high
        assert 0.94 < hits / 4000 < 0.965

    def test_turned_round(self) -> None:
        """The other way round it is the same with the other sign."""
        low, high = difference(0.2, (0.1, 0.4), 0.5, (0.45, 0.6))
        assert difference(0.5, (0.45, 0.6), 0.2, (0.1, 0.4)) == pytest.approx((-high, -low))

    def test_an_interval_beside_its_estimate(self) -> None:
        """It holds the difference even if a bootstrap interval does not hold its estimate."""
        low, high = difference(0.2, (0.21, 0.3), 0.5, (0.4, 0.49))
        assert low <= 0.3 <= high


class TestIndependence:
    """Whether two runs are independent."""

    def test_what_shows_that_they_are_not(self, found: dict[str, Any]) -> None:
        """One capture, one seed of a simulation, or one time."""
        a = run(found, "a")
        assert dependence(a, run(found, "b")) is None
        assert dependence(a, run(found, "b", capture_sha256="a")) == "the same capture"
        simulated = run(found, "a", simulation_seed="1", **TIMES)
        same = dependence(simulated, run(found, "b", simulation_seed="1"))
        assert same == "simulated with the same seed"
        assert dependence(simulated, run(found, "b", simulation_seed="2", **TIMES)) is None
        recorded = run(found, "a", **TIMES)
        assert dependence(recorded, run(found, "b", **TIMES)) == "recorded at the same time"
        later = {name: time.replace("01-01", "01-02") for name, time in TIMES.items()}
        assert dependence(recorded, run(found, "b", **later)) is None
        assert dependence(run(found, "a", **later), run(found, "b", **TIMES)) is None
        assert dependence(recorded, run(found, "b")) is None

    def test_no_interval_then(self, found: dict[str, Any]) -> None:
        """The difference stands there, why it has no interval, and a warning."""
        comparison = compare([run(found, "a"), run(found, "b", capture_sha256="a")])
        rows = comparison.rows["differences"] + comparison.rows["algorithm_differences"]
        assert {(r["difference"], r["low"], r["method"], r["why_not"]) for r in rows} == {
            (0.0, None, None, "the same capture")
        }
        (text,) = warned(comparison)
        assert text.startswith("b and a are the same capture: differences have no interval")


class TestNumbers:
    """What the tables hold."""

    def test_groups_stand_side_by_side(self, found: dict[str, Any]) -> None:
        """All runs of a group follow each other, in the order of the runs."""
        comparison = compare([run(found, "z"), run(found, "a")])
        order = [(row["rate_mbps"], row["run"]) for row in comparison.rows["groups"]]
        assert order == [(6.0, "z"), (6.0, "a"), (54.0, "z"), (54.0, "a")]
        assert comparison.baseline == "z"

    def test_differences(self, found: dict[str, Any]) -> None:
        """Newcombe's for shares of frames and repairs, MOVER for bit error rates."""
        other = copy.deepcopy(found)
        for group in other["by"]:
            group["bad"], group["good"] = group["bad"] - 5, group["good"] + 5
            group["share_bad"] = group["bad"] / 30
        other["algorithms"][0].update(correct=0, wrong=3, right_share=0.0, wrong_share=0.1)
        comparison = compare([run(found, "a"), run(other, "b")])
        rows = comparison.rows["differences"]
        assert [(r["measure"], r["method"]) for r in rows[:3]] == [
            ("share_bad", "newcombe"),
            ("ber", "mover"),
            ("ber_bad", "mover"),
        ]
        before, after = found["by"][0]["bad"], other["by"][0]["bad"]
        first, second = wilson(before, 30), wilson(after, 30)
        assert first
        assert second
        expected = difference(before / 30, first, after / 30, second)
        assert (rows[0]["low"], rows[0]["high"]) == expected
        assert rows[0]["difference"] == pytest.approx(-5 / 30)
        assert rows[1]["low"] < 0 < rows[1]["high"]
        wrong = comparison.rows["algorithm_differences"][1]
        assert (wrong["measure"], wrong["value"], wrong["method"]) == (
            "wrong_share",
            0.1,
            "newcombe",
        )

    def test_paired_are_of_one_capture(self, found: dict[str, Any]) -> None:
        """A run alone: McNemar's test as the analysis made it, by the names that tell apart."""
        comparison = compare([run(found, "a")])
        (pair,), (made,) = comparison.rows["paired"], found["comparisons"]
        assert (pair["first"], pair["second"]) == ("crc-flip:max_flips=1", "crc-flip:max_flips=2")
        assert (pair["first_only"], pair["second_only"], pair["p"]) == (0, made["c"], made["p"])
        assert made["c"] > 0
        assert pair["difference"] == made["c"] / made["frames"]
        assert pair["method"] == "mcnemar"
        assert not comparison.rows["differences"]
        assert not warned(comparison)

    def test_groups_without_a_counterpart(self, found: dict[str, Any]) -> None:
        """They stand in the table, and have no difference."""
        other = copy.deepcopy(found)
        other["by"] = other["by"][:1]
        comparison = compare([run(found, "a"), run(other, "b")])
        assert len(comparison.rows["groups"]) == 3
        assert {row["rate_mbps"] for row in comparison.rows["differences"]} == {6.0}

    def test_nothing_to_compare(self, found: dict[str, Any]) -> None:
        """Where one has no number there is no difference, and why."""
        other = copy.deepcopy(found)
        for group in other["by"]:
            group.update(judged=0, bits=0, bit_errors=0, ber=None, ber_bad=None)
            group.update(ber_low=None, ber_high=None, ber_bad_low=None, ber_bad_high=None)
        rows = compare([run(found, "a"), run(other, "b")]).rows["differences"]
        assert [row["why_not"] for row in rows[:3]] == [None, *2 * ["nothing to compare"]]

    def test_tables_are_what_is_declared(self, found: dict[str, Any]) -> None:
        """Every row fits its columns, and JSON has the same rows."""
        comparison = compare([run(found, "a"), run(found, "b")])
        as_json = json.loads(json.dumps(comparison.to_json(), allow_nan=False))
        for name, table in comparison.tables().items():
            assert table.to_pylist() == as_json[name]
        assert as_json["schema"] == "comparison/1"


class TestWarnings:
    """What makes numbers not comparable."""

    @pytest.mark.parametrize(
        ("facts", "text"),
        [
            ({"phy": "b"}, "--phy: b for b, auto for a: goodput is not comparable"),
            ({"msdu": 900}, "--msdu: 900 for b, that of the frames for a: goodput"),
            ({"ack": "arq"}, "--ack: arq for b, ideal for a: "),
            ({"seed": 2}, "--seed: 2 for b, 1 for a: "),
            ({"block": 9}, "--block: 9 for b, 1 for a: "),
            ({"truth_kind": "tx-log"}, "the kind of truth: tx-log for b, payload for a: "),
            ({"truth": "payload 55"}, "the payload rule: payload 55 for b, payload zeros for a: "),
            ({"wtrec_version": "9"}, "the wtrec version: 9 for b, "),
            ({"group_by": "retry"}, "--by: retry for b, rate_mbps for a: its groups are left out"),
        ],
    )
    def test_other_parameters(
        self, found: dict[str, Any], facts: dict[str, Any], text: str
    ) -> None:
        """Each is one sentence that names both values."""
        comparison = compare([run(found, "a"), run(found, "b", **facts)])
        (said,) = warned(comparison)
        assert said.startswith(text)
        assert len(comparison.rows["groups"]) == (2 if "group_by" in facts else 4)

    def test_other_gate(self, found: dict[str, Any]) -> None:
        """The only algorithm of a name is compared with its namesake, and the gates are named."""
        one = copy.deepcopy(found)
        del one["algorithms"][1], one["comparisons"][0]
        for part in (one["throughput"]["unattributed"], one["throughput"]["service"]):
            del part[1]
        for group in one["throughput"]["groups"] + [g["recorded"] for g in one["model"]["groups"]]:
            del group["algorithms"][1]
        other = copy.deepcopy(one)
        parameters = {**json.loads(one["algorithms"][0]["parameters"]), "gate": 0.5}
        other["algorithms"][0]["parameters"] = json.dumps(parameters)
        comparison = compare([run(one, "a"), run(other, "b")])
        assert warned(comparison) == [
            "gate of crc-flip: 0.5 for b, 0.01 for a: its repairs are not comparable"
        ]
        row = comparison.rows["algorithm_differences"][0]
        assert (row["label"], row["baseline_label"]) == ("crc-flip:gate=0.5", "crc-flip:gate=0.01")

    def test_replayed_twice(self, found: dict[str, Any]) -> None:
        """Algorithms of one name and parameters are told apart by number."""
        twice = copy.deepcopy(found)
        twice["algorithms"][1]["parameters"] = twice["algorithms"][0]["parameters"]
        labels = [row["label"] for row in compare([run(twice, "a")]).rows["algorithms"]]
        assert labels == ["crc-flip", "crc-flip (2)"]

    def test_what_runs_say_is_said(self, found: dict[str, Any]) -> None:
        """Their own warnings and losses, with their names."""
        other = copy.deepcopy(found)
        other["warnings"], other["losses"] = ["doubtful"], ["cut"]
        comparison = compare([run(found, "a"), run(other, "b")])
        assert comparison.notes("warning") == ["b: doubtful"]
        assert comparison.notes("loss") == ["b: cut"]


class TestSaved:
    """Analyses from files."""

    def test_as_it_was(self, found: dict[str, Any], tmp_path: Path) -> None:
        """A saved analysis has the tables of the analysis."""
        path = tmp_path / "a.json"
        path.write_text(json.dumps(found))
        assert load(path) == tables(found)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("{", "no JSON"),
            ("[1]", "no saved analysis"),
            ('{"schema_version": 1}', "no saved analysis"),
            ('{"schema": "comparison/1"}', "no saved analysis"),
            ('{"schema": "analysis/2"}', "reads up to analysis/1; update wtrec"),
            ('{"schema": "analysis/1"}', "damaged: KeyError 'group_by'"),
            ('{"schema": NaN}', "NaN is no number of JSON"),
            ("[" * 100_000, "no JSON"),
        ],
    )
    def test_others_are_refused(self, tmp_path: Path, text: str, message: str) -> None:
        """In one line that names the file."""
        path = tmp_path / "a.json"
        path.write_text(text)
        with pytest.raises(FormatError, match=message) as error:
            load(path)
        assert str(error.value).startswith(f"{path}: ")
        assert "\n" not in str(error.value)

    @pytest.mark.parametrize(
        ("place", "name", "value", "message"),
        [
            ("by", "bad", 31, "row 1 of groups: bad 31, wanted 0 to 30"),
            ("by", "good", -1, "row 1 of groups: good -1"),
            ("algorithms", "correct", 99, "row 1 of algorithms: correct 99"),
            ("algorithms", "parameters", "none", "parameters of algorithm 1"),
        ],
    )
    def test_counts_fit(
        self, found: dict[str, Any], tmp_path: Path, place: str, name: str, value: Any, message: str
    ) -> None:
        """Parts are not larger than their wholes."""
        other = copy.deepcopy(found)
        other[place][0][name] = value
        path = tmp_path / "a.json"
        path.write_text(json.dumps(other))
        with pytest.raises(FormatError, match=message):
            load(path)

    @settings(max_examples=150)
    @given(data=st.data())
    def test_any_damage(self, text: str, beside: Run, folder: Path, data: st.DataObject) -> None:
        """Any value at any place makes tables that can be compared, or a FormatError."""
        other: Any = json.loads(text)
        at = other
        while True:
            keys = list(at) if isinstance(at, dict) else range(len(at))
            if not keys:
                break
            key: Any = data.draw(st.sampled_from(list(keys)))
            inner = at[key]
            if not isinstance(inner, dict | list) or data.draw(st.booleans()):
                at[key] = data.draw(ANYTHING)
                break
            at = inner
        path = folder / "damaged.json"
        path.write_text(json.dumps(other))
        try:
            loaded = load(path)
        except FormatError:
            return
        compare([beside, Run.of("b", "b.json", loaded)]).tables()
