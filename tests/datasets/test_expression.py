"""Conditions on frames, against Python's own reading of them."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wtrec.datasets.expression import Expression
from wtrec.datasets.frames import FRAMES, FcsStatus, FrameBatch

STATUSES = [status.name.lower() for status in FcsStatus]
ADDRESSES = ["02:00:00:00:00:01", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00"]
ROW = st.fixed_dictionaries(
    {
        "number": st.integers(1, 5),
        "rate_mbps": st.none() | st.sampled_from([6.0, 5.5, 54.0]),
        "mcs": st.none() | st.integers(0, 3),
        "signal_dbm": st.none() | st.integers(-3, 3),
        "tsft_us": st.none() | st.sampled_from([0, 3, 2**63]),
        "retry": st.none() | st.booleans(),
        "fcs_status": st.sampled_from(STATUSES),
        "addr2": st.none() | st.sampled_from(ADDRESSES),
    }
)
NUMBERS = ["number", "rate_mbps", "mcs", "signal_dbm", "retry", "tsft_us"]


def batch(rows: list[dict[str, Any]]) -> FrameBatch:
    """Frames with these columns, and nothing in the others."""
    columns = []
    for field in FRAMES.schema:
        values: list[Any] = [row.get(field.name) for row in rows]
        if field.name == "addr2":
            values = [v and bytes.fromhex(v.replace(":", "")) for v in values]
        if field.name == "fcs_status":
            codes = pa.array([STATUSES.index(value) for value in values], pa.int8())
            columns.append(pa.DictionaryArray.from_arrays(codes, pa.array(STATUSES)))
        else:
            columns.append(pa.array(values, field.type))
    names = [field.name for field in FRAMES.schema]
    return FrameBatch(pa.RecordBatch.from_arrays(columns, names=names))


class Missing:
    """None, but neither less nor greater than anything, where Python would raise."""

    def __lt__(self, _other: object) -> bool:
        return False

    __le__ = __gt__ = __ge__ = __lt__

    def __eq__(self, other: object) -> bool:
        return other is None or isinstance(other, Missing)

    def __hash__(self) -> int:
        return 0

    def __bool__(self) -> bool:
        return False


def python(text: str, row: dict[str, Any]) -> bool:
    """What Python makes of the text."""
    missing = Missing()
    names = {name: missing if value is None else value for name, value in row.items()}
    text = text.replace("is not None", "!= None").replace("is None", "== None")
    return bool(eval(text, {"__builtins__": {}}, names))  # noqa: S307  # made by this test


number = st.sampled_from(NUMBERS) | st.integers(-4, 60).map(str) | st.sampled_from(["5.5", "54.0"])
ordering = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
equality = st.sampled_from(["==", "!="])
comparison = (
    st.builds("{} {} {}".format, number, ordering, number)
    | st.builds("{} {} {} {} {}".format, number, ordering, number, ordering, number)
    | st.builds("fcs_status {} '{}'".format, equality, st.sampled_from(STATUSES))
    | st.builds("addr2 {} '{}'".format, equality, st.sampled_from(ADDRESSES))
    | st.builds("{} {} None".format, st.sampled_from([*NUMBERS, "addr2"]), equality)
    | st.builds(
        "{} {}".format, st.sampled_from(NUMBERS), st.sampled_from(["is None", "is not None"])
    )
    | st.builds("{} in [6, 54.0, -2]".format, number)
    | st.builds("{} not in (1, 2, None)".format, st.sampled_from(NUMBERS))
    | st.sampled_from(["fcs_status in ['bad', 'absent']", "mcs in []", "True", "False", "None"])
    | st.sampled_from(NUMBERS)
)
expression = st.recursive(
    comparison,
    lambda inner: (
        st.builds("not ({})".format, inner)
        | st.builds("({}) and ({})".format, inner, inner)
        | st.builds("({}) or ({})".format, inner, inner)
        | st.builds("{} and {} or not {}".format, comparison, comparison, comparison)
    ),
    max_leaves=6,
)


class TestMeaning:
    """What holds where."""

    @settings(max_examples=200)
    @given(expression, st.lists(ROW, max_size=4))
    def test_as_python(self, text: str, rows: list[dict[str, Any]]) -> None:
        """The same frames as where Python's value of the text is true."""
        found = Expression(text)(batch(rows))
        assert found.dtype == np.bool_
        assert found.tolist() == [python(text, row) for row in rows]

    def test_the_example(self) -> None:
        """That of the documents."""
        rows: list[dict[str, Any]] = [
            {"number": 1, "rate_mbps": 54.0, "fcs_status": "bad"},
            {"number": 2, "rate_mbps": 54.0, "fcs_status": "good"},
            {"number": 3, "rate_mbps": None, "fcs_status": "bad"},
        ]
        chosen = Expression('rate_mbps == 54 and fcs_status == "bad"')
        assert chosen(batch(rows)).tolist() == [True, False, False]
        again = pickle.loads(pickle.dumps(chosen))  # noqa: S301
        assert again.text == str(chosen)

    def test_beyond_the_column(self) -> None:
        """Numbers that a column's type cannot hold are compared all the same."""
        rows = batch([{"number": 1, "fcs_status": "bad", "signal_dbm": -5, "tsft_us": 2**64 - 1}])
        for text in ("signal_dbm < 1000", "tsft_us > -1", "tsft_us >= 18446744073709551615"):
            assert Expression(text)(rows).all(), text


class TestRefused:
    """What is no condition."""

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "empty, wanted a condition, as rate_mbps == 54"),
            ("rate_mbps ==", "it ends too early"),
            ("rate = 5", "to compare is =="),
            ("speed == 5", "no column 'speed'; there are: number, time"),
            ("mpdu == 5", "no column 'mpdu'"),
            ("fcs_status == 'Bad'", "fcs_status is never 'Bad'; it is good, bad"),
            ("fcs_status", "alone is no condition"),
            ("fcs_status == 1", "compared with strings"),
            ("fcs_status < 'bad'", "only numbers are less"),
            ("fcs_status == addr1", "cannot be compared"),
            ("addr1 == '02:00'", "no address"),
            ("addr1 == 'zz'", "no address"),
            ("retry == 'yes'", "strings go with"),
            ("'bad'", "alone is no condition"),
            ("mcs < None", "only numbers are less"),
            ("mcs is 5", "None only"),
            ("mcs in 5", "wanted a list"),
            ("mcs in mcs", "wanted a list"),
            ("mcs + 1 == 5", "neither a column nor a constant"),
            ("__import__('os').system('true')", "neither a column nor a constant"),
            ("mcs.real == 1", "neither a column"),
            ("(lambda: 1)()", "neither a column"),
            ("[mcs for mcs in [1]]", "neither a column"),
            ("mcs == 1j", "neither a column"),
            ("mcs == b'x'", "neither a column"),
            ("(mcs := 1)", "neither a column"),
            ("mcs\0", "null bytes"),
            ("not " * 1000 + "mcs", "."),
            ("(" * 300 + "mcs" + ")" * 300, "."),
            ("mcs or " * 1000 + "mcs", "characters, wanted"),
        ],
    )
    def test_said(self, text: str, message: str) -> None:
        """Nothing else is understood, nor run."""
        with pytest.raises(ValueError, match=message):
            Expression(text)

    @given(
        st.text(max_size=30)
        | st.lists(
            st.sampled_from(
                [
                    "mcs",
                    "retry",
                    "addr1",
                    "fcs_status",
                    "==",
                    "<",
                    "in",
                    "is",
                    "not",
                    "and",
                    "or",
                    "None",
                    "[",
                    "]",
                    "(",
                    ")",
                    ",",
                    "-",
                    "5",
                    "1e999",
                    "'bad'",
                    "if",
                    "else",
                    ".",
                ]
            ),
            max_size=12,
        ).map(" ".join)
    )
    def test_any_text(self, text: str) -> None:
        """It is a condition, or a ValueError."""
        try:
            chosen = Expression(text)
        except ValueError:
            return
        assert len(chosen(batch([{"number": 1, "fcs_status": "bad"}]))) == 1
