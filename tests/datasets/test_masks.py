"""Masks files and error traces as text: what is written is read, what is damaged is refused."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.datasets.masks import MASKS, MAX_BITS, read_masks
from wtrec.datasets.masks_csv import parse, read_csv, write_csv
from wtrec.datasets.parquet import new_table
from wtrec.errors import FormatError


def row(
    number: int, size: int, flips: set[int], rate: float | None, signal: int | None
) -> dict[str, object]:
    """One mask; flips count modulo its length."""
    return {
        "number": number,
        "bits": 8 * size,
        "rate_mbps": rate,
        "signal_dbm": signal,
        "flips": sorted({flip % (8 * size) for flip in flips}),
    }


ROWS = st.lists(
    st.tuples(
        st.integers(1, 50),
        st.integers(1, 300),
        st.sets(st.integers(0, 10_000), max_size=20),
        st.none() | st.sampled_from([1.0, 5.5, 54.0, 1201.0]),
        st.none() | st.integers(-128, 127),
    ),
    max_size=20,
)


def made(
    parts: list[tuple[int, int, set[int], float | None, int | None]],
) -> list[dict[str, object]]:
    """Rows with rising numbers."""
    number = 0
    rows = []
    for step, size, flips, rate, signal in parts:
        number += step
        rows.append(row(number, size, flips, rate, signal))
    return rows


def saved(path: Path, rows: list[dict[str, object]]) -> Path:
    """The rows as a masks file."""
    with new_table(path, MASKS, {}) as table:
        table.write_batch(pa.RecordBatch.from_pylist(rows, schema=MASKS.schema))
    return path


class TestText:
    """The CSV of error traces."""

    @given(ROWS)
    def test_round_trip(
        self,
        tmp_path_factory: pytest.TempPathFactory,
        parts: list[tuple[int, int, set[int], float | None, int | None]],
    ) -> None:
        """Masks, text, and masks again."""
        path = tmp_path_factory.getbasetemp() / "round.csv"
        rows = made(parts)
        write_csv([pa.RecordBatch.from_pylist(rows, schema=MASKS.schema)], path)
        assert [found for batch in read_csv(path) for found in batch.to_pylist()] == rows

    @given(
        st.lists(
            st.text()
            | st.sampled_from(["number,bits,flips", "bits,flips,rate_mbps,signal_dbm"])
            | st.text("0123456789,-. ")
            | st.builds("{},{},{}-{} {}".format, *[st.integers(0, 99)] * 5)
        )
    )
    def test_any_text(self, lines: list[str]) -> None:
        """Whatever stands there is read, or refused with the line."""
        said = "trace.csv: "
        try:
            for batch in parse(lines, "trace.csv"):
                batch.validate(full=True)
        except FormatError as error:
            said = str(error)
        assert said.startswith("trace.csv: ")
        assert "\n" not in said

    @given(st.binary(max_size=300))
    def test_any_bytes(self, tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
        """Files that are no text, too."""
        path = tmp_path_factory.getbasetemp() / "bytes.csv"
        path.write_bytes(b"bits,flips\n" + data)
        said = "line"
        try:
            list(read_csv(path))
        except FormatError as error:
            said = str(error)
        assert "line" in said

    def test_what_the_format_allows(self) -> None:
        """Ranges, any order of columns and flips, comments, empty cells, lines without number."""
        lines = ["# a trace", "", "flips,bits,signal_dbm", "400-402 7,1000,-60", ",8,"]
        (batch,) = parse(lines, "trace.csv")
        assert batch.to_pylist() == [
            row(1, 125, {7, 400, 401, 402}, None, -60),
            row(2, 1, set(), None, None),
        ]

    @pytest.mark.parametrize(
        ("line", "said"),
        [
            ("8,9", "line 2: flips '9', wanted rising positions below 8"),
            ("9,", "line 2: bits 9, wanted whole bytes"),
            ("x,1", "line 2: bits 'x', wanted an integer from 8 to"),
            (f"{MAX_BITS + 8},", "line 2: bits '524288', wanted"),
            ("16,5-3", "line 2: flips '5-3', wanted rising positions"),
            ("16,3 2-4", "line 2: flips '2-4': a position stands twice"),
            ("16,3;4", "line 2: flips '3;4', wanted positions such as 17 or ranges"),
            ("16,3,4", "line 2: 3 cells, wanted 2; flips are separated by spaces"),
        ],
    )
    def test_mistakes(self, line: str, said: str) -> None:
        """One sentence with the line, what was wanted and what was found."""
        with pytest.raises(FormatError) as error:
            list(parse(["bits,flips", line], "trace.csv"))
        assert str(error.value).startswith(f"trace.csv: {said}")

    def test_other_mistakes(self) -> None:
        """No header, another header, numbers that fall, a rate that is none."""
        for lines, said in (
            ([], "no line with the columns, wanted number,bits,"),
            (["bits,flip"], "line 1: columns 'bits,flip', wanted number,bits"),
            (["number,bits,flips", "2,8,", "2,8,"], "line 3: number 2, wanted one above 2"),
            (["bits,flips,rate_mbps", "8,,nan"], "line 2: rate_mbps 'nan', wanted a number above"),
        ):
            with pytest.raises(FormatError) as error:
                list(parse(lines, "t"))
            assert str(error.value).startswith(f"t: {said}")


class TestFile:
    """The Parquet file."""

    @given(ROWS)
    def test_round_trip(
        self,
        tmp_path_factory: pytest.TempPathFactory,
        parts: list[tuple[int, int, set[int], float | None, int | None]],
    ) -> None:
        """What was written is read."""
        rows = made(parts)
        path = saved(tmp_path_factory.getbasetemp() / "run.masks.parquet", rows)
        assert [found for batch in read_masks(path) for found in batch.to_pylist()] == rows

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"bits": 9}, "frame 1 has 9 bits, wanted whole bytes"),
            ({"bits": 0}, "frame 1 has 0 bits"),
            ({"bits": MAX_BITS + 8}, "frame 1 has 524288 bits"),
            ({"flips": [80]}, "the flips of frame 1 are not rising bit positions"),
            ({"flips": [4, 3]}, "the flips of frame 1 are not"),
            ({"flips": [3, 3]}, "the flips of frame 1 are not"),
            ({"flips": [None]}, "the flips of frame 1 are not"),
        ],
    )
    def test_damage(self, tmp_path: Path, change: dict[str, object], said: str) -> None:
        """Masks that are of no frame are refused."""
        path = saved(tmp_path / "m.parquet", [row(1, 10, {1}, None, None) | change])
        with pytest.raises(FormatError, match=said):
            list(read_masks(path))
