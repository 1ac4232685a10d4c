"""Groups, sums and pairs against counters in plain Python."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from wtrec.analysis.comparison import Comparisons
from wtrec.analysis.grouping import Grouping, Sums
from wtrec.analysis.intervals import mcnemar
from wtrec.analysis.kernels import CORRECT, UNJUDGED, WRONG
from wtrec.analysis.scoring import ABSTAINED, Verdicts
from wtrec.datasets.frames import FcsStatus, FrameBatch

CODES = [CORRECT, WRONG, UNJUDGED, ABSTAINED]
ROWS = st.lists(
    st.tuples(
        st.sampled_from([None, 1.0, 54.0]),
        st.sampled_from([b"\2\0\0\0\0\1", None]),
        st.sampled_from(list(FcsStatus)),
    ),
    min_size=1,
    max_size=20,
)


def batch(rows: list[tuple[Any, ...]]) -> FrameBatch:
    rates, senders, statuses = zip(*rows, strict=True)
    names = pa.array([status.name.lower() for status in FcsStatus])
    columns = {
        "rate_mbps": pa.array(rates, pa.float64()),
        "addr2": pa.array(senders, pa.binary(6)),
        "fcs_status": pa.DictionaryArray.from_arrays(pa.array(statuses, pa.int8()), names),
    }
    return FrameBatch(pa.record_batch(columns))


class TestGroups:
    """Numbers of groups."""

    @given(
        st.lists(ROWS, max_size=3),
        st.lists(st.sampled_from(["rate_mbps", "addr2", "fcs_status"]), unique=True),
    )
    def test_against_counters(self, batches: list[list[tuple[Any, ...]]], by: list[str]) -> None:
        """Frames with the same values have the same number, over any number of batches."""
        groups, sums = Grouping(by), Sums(2)
        expected: Counter[tuple[Any, ...]] = Counter()
        for rows in batches:
            codes = groups.of(batch(rows))
            sums.add(codes, np.ones(len(codes)), np.full(len(codes), 3))
            for rate, sender, status in rows:
                values = {
                    "rate_mbps": rate,
                    "addr2": sender and sender.hex(":"),
                    "fcs_status": status.name.lower(),
                }
                expected[tuple(values[name] for name in by)] += 1
        found = {tuple(groups.key(code).values()): sums.counts(code) for code in groups.order()}
        assert found == {key: [count, 3 * count] for key, count in expected.items()}


class TestComparisons:
    """Pairs of algorithms."""

    @given(
        st.lists(
            st.tuples(
                st.booleans(),
                st.sampled_from([None, *CODES]),
                st.sampled_from([None, *CODES]),
            ),
            max_size=30,
        )
    )
    def test_against_plain_python(self, frames: list[tuple[bool, int | None, int | None]]) -> None:
        """Frames count that both answered, that are known, and that neither left unjudged."""
        verdicts = []
        for place in (1, 2):
            given = [i for i, frame in enumerate(frames) if frame[place] is not None]
            empty = Verdicts.none()
            verdicts.append(
                Verdicts(
                    np.array(given, np.int64),
                    np.array([frames[i][place] for i in given], np.int8),
                    empty.bounds,
                    empty.flips,
                    empty.service_ns,
                )
            )
        groups = Grouping([])
        groups.of(batch([(None, None, FcsStatus.BAD)]))
        pairs = Comparisons(["one", "other"])
        known = np.array([frame[0] for frame in frames], np.bool_)
        pairs.add(np.zeros(len(frames), np.int64), known, verdicts)
        sound = [
            (one == CORRECT, other == CORRECT)
            for is_known, one, other in frames
            if is_known and not {one, other} & {None, UNJUDGED}
        ]
        b, c = sound.count((True, False)), sound.count((False, True))
        row = {
            "frames": len(sound),
            "b": b,
            "c": c,
            "p": mcnemar(b, c) if sound else None,
        }
        assert pairs.to_json(groups) == [{"first": "one", "second": "other", **row, "by": [row]}]
