from __future__ import annotations

import math
from typing import Any

import pytest

from wtrec.analysis.again import differences, made, results_for
from wtrec.errors import MatchError

SAID: dict[str, Any] = {
    "capture": "a.pcapng",
    "truth": "payload msg37",
    "truth_kind": "payload",
    "wtrec_version": "0.1.0",
    "group_by": ["rate_mbps"],
    "seed": 1,
    "block": 2,
    "algorithms": [{"name": "x", "parameters": '{"a": 1, "b": 2}'}],
    "model": {"ack": "arq"},
    "throughput": {"phy": "auto", "msdu": None, "groups": [], "service": []},
    "losses": [],
}


class TestMade:
    """How an analysis was made, by its own words."""

    def test_all_that_decides_its_numbers(self) -> None:
        """Rule, groups, seed, assumptions."""
        how = made(SAID)
        assert (how.payload, how.by, how.seed, how.block) == ("msg37", ("rate_mbps",), 1, 2)
        assert (str(how.assumptions.ack), how.assumptions.phy) == ("arq", None)

    @pytest.mark.parametrize(
        "change",
        [
            {"seed": "1"},
            {"seed": -1},
            {"block": 0},
            {"block": True},
            {"group_by": None},
            {"throughput": []},
            {"throughput": {**SAID["throughput"], "phy": "x"}},
            {"model": {"ack": "x"}},
            {"algorithms": [1]},
        ],
    )
    def test_one_that_does_not_say_it(self, change: dict[str, Any]) -> None:
        """Is an error of one kind, whatever is wrong."""
        with pytest.raises(MatchError, match="does not say how it was made"):
            made({**SAID, **change})

    def test_its_results_are_found_by_name_and_parameters(self) -> None:
        """In whatever order these are written."""
        there = [("y", "{}"), ("x", "{}"), ("x", '{"b": 2, "a": 1}')]
        assert results_for(made(SAID), there) == [2]
        with pytest.raises(MatchError, match="results of x"):
            results_for(made(SAID), there[:2])


class TestDifferences:
    """Where two analyses differ."""

    def test_places_that_differ_are_named(self) -> None:
        """Numbers, types, what one alone has; not where files stood."""
        one = {"a": [1, {"b": 2.0, "c": math.nan}], "n": 1, "capture": "x", "wtrec_version": "1"}
        other = {"a": [1, {"b": 2.5, "c": math.nan}, 3], "n": 1.0, "capture": "y"}
        assert differences(one, one) == (4, [])
        assert differences(one, other) == (5, ["a[1].b", "a[2]", "n"])

    def test_the_last_bit_counts(self) -> None:
        """A float is compared as it is."""
        assert differences({"a": 0.1 + 0.2}, {"a": 0.3}) == (1, ["a"])
