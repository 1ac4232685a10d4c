"""Adding up groups against counters in plain Python."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.analysis.grouping import Grouping
from wtrec.analysis.statistics import Numbers
from wtrec.analysis.tally import Group, Tally
from wtrec.datasets.frames import FcsStatus, FrameBatch

ADDRESSES = [b"\2\0\0\0\0\1", b"\2\0\0\0\0\2", None]
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "rate_mbps": st.sampled_from([None, 1.0, 54.0]),
            "retry": st.sampled_from([None, False, True]),
            "addr2": st.sampled_from(ADDRESSES),
            "fcs_status": st.sampled_from(list(FcsStatus)),
            "bits": st.integers(0, 8000),
            "errors": st.integers(0, 4000),
            "judged": st.booleans(),
            "rewritten": st.booleans(),
        }
    ),
    min_size=1,
    max_size=30,
)
COLUMNS = {
    "rate_mbps": pa.float64(),
    "retry": pa.bool_(),
    "addr2": pa.binary(6),
}


def batch(rows: list[dict[str, Any]]) -> FrameBatch:
    """The columns that rows have, and their FCS status."""
    columns = {name: pa.array([row[name] for row in rows], kind) for name, kind in COLUMNS.items()}
    codes = pa.array([row["fcs_status"] for row in rows], pa.int8())
    names = pa.array([status.name.lower() for status in FcsStatus])
    columns["fcs_status"] = pa.DictionaryArray.from_arrays(codes, names)
    return FrameBatch(pa.record_batch(columns))


class TestTally:
    """Groups over any number of batches."""

    @given(
        st.lists(ROWS, max_size=3),
        st.lists(st.sampled_from([*COLUMNS, "fcs_status"]), unique=True, max_size=3),
    )
    def test_against_counters(self, batches: list[list[dict[str, Any]]], by: list[str]) -> None:
        """Every measure of every group is the sum over its frames, null being a value too."""
        grouping = Grouping(by)
        tally = Tally(grouping)
        expected: dict[tuple[Any, ...], Counter[str]] = {}
        for rows in batches:
            bad = [
                i
                for i, row in enumerate(rows)
                if row["judged"] and row["fcs_status"] == FcsStatus.BAD
            ]
            rewritten = [
                i
                for i, row in enumerate(rows)
                if row["rewritten"] and row["fcs_status"] == FcsStatus.BAD and i not in bad
            ]
            frames = batch(rows)
            tally.add(
                frames,
                grouping.of(frames),
                np.array(bad, np.int64),
                np.array([rows[i]["bits"] for i in bad], np.int64),
                np.array([rows[i]["errors"] for i in bad], np.int64),
                rewritten=np.array(rewritten, np.int64),
            )
            for i, row in enumerate(rows):
                key = tuple(
                    row[name].name.lower() if name == "fcs_status" else row[name] for name in by
                )
                counter = expected.setdefault(key, Counter())
                counter["frames"] += 1
                counter["good"] += row["fcs_status"] == FcsStatus.GOOD
                counter["bad"] += row["fcs_status"] == FcsStatus.BAD and i not in rewritten
                counter["rewritten"] += i in rewritten
                if i in bad:
                    counter["judged"] += 1
                    counter["bits"] += row["bits"]
                    counter["bit_errors"] += row["errors"]
        groups = tally.groups()
        order = sorted(expected, key=lambda key: [(value is not None, value) for value in key])
        measures = ("frames", "good", "bad", "rewritten", "judged", "bits", "bit_errors")
        assert [
            (list(group.key.values()), [getattr(group, name) for name in measures])
            for group in groups
        ] == [
            (
                [value.hex(":") if isinstance(value, bytes) else value for value in key],
                [expected[key][name] for name in measures],
            )
            for key in order
        ]
        assert all(list(group.key) == by for group in groups)


class TestGroup:
    """Shares of a group."""

    def test_shares(self) -> None:
        """Frames that cannot be verified are in no share."""
        numbers = Numbers(2400, (0.001, 0.1))
        group = Group({"rate_mbps": 6.0}, 10, 3, 1, 2, 1, 800, 20, numbers)
        assert group.share_bad == 0.25
        assert group.to_json() == {
            "rate_mbps": 6.0,
            "frames": 10,
            "good": 3,
            "bad": 1,
            "rewritten": 2,
            "share_bad": 0.25,
            "share_bad_low": pytest.approx(0.0456, abs=1e-4),
            "share_bad_high": pytest.approx(0.6994, abs=1e-4),
            "judged": 1,
            "bits": 800,
            "bit_errors": 20,
            "good_bits": 2400,
            "ber": 0.00625,
            "ber_low": 0.001,
            "ber_high": 0.1,
            "ber_bad": 0.025,
            "ber_bad_low": None,
            "ber_bad_high": None,
            "patterns": None,
        }

    def test_nothing(self) -> None:
        """Of nothing there is no share."""
        group = Group({}, 2, 0, 0, 0, 0, 0, 0)
        assert group.share_bad is None
        assert group.ber is None
        assert group.ber_bad is None
        assert group.share_bad_interval is None
