"""Frames and the conditions under which they came, against a search through the whole log."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.analysis.analyze import analyze
from wtrec.analysis.conditions import COLUMNS, WINDOW_S, Conditions
from wtrec.datasets.frames import FRAMES, FrameBatch
from wtrec.datasets.parquet import TableFile, new_table
from wtrec.datasets.txlog import TX
from wtrec.errors import FormatError, MatchError

START = 1_700_000_000_000_000_000
WINDOW_NS = int(WINDOW_S * 1e9)

Row = tuple[int, float | None, int | None]  # ms after the start, snr_db, receiver


def _write_log(path: Path, rows: list[Row]) -> Path:
    with new_table(path, TX, {}) as log:
        for chunk in (rows[i : i + 3] for i in range(0, len(rows), 3)):
            table = [
                {
                    "packet_id": 0,
                    "time": START + ms * 1_000_000,
                    "layer": "mpdu",
                    "length": 0,
                    "original": b"",
                    "snr_db": snr,
                    "receiver": receiver,
                }
                for ms, snr, receiver in chunk
            ]
            log.write_table(pa.Table.from_pylist(table, schema=TX.schema))
    return path


def _frames(times: list[tuple[int | None, int]]) -> FrameBatch:
    rows = [
        {
            **{column.name: None for column in FRAMES.columns},
            "number": i + 1,
            "time": None if ms is None else START + ms * 1_000_000,
            "interface": interface,
        }
        for i, (ms, interface) in enumerate(times)
    ]
    columns = [
        pa.array([row[column.name] for row in rows], column.type) for column in FRAMES.columns
    ]
    return FrameBatch(pa.RecordBatch.from_arrays(columns, names=FRAMES.schema.names))


def _search(rows: list[Row], ms: int | None, interface: int) -> float | None:
    """The plain twin: look through every row."""
    found = None
    for when, snr, receiver in rows:
        if ms is not None and when <= ms and receiver in {None, interface}:
            found = (when, snr)
    if found is None or ms is None or (ms - found[0]) * 1_000_000 > WINDOW_NS:
        return None
    return found[1]


class TestLabel:
    """Conditions of frames."""

    @given(
        st.lists(
            st.tuples(
                st.integers(0, 9000),
                st.none() | st.floats(0, 30),
                st.none() | st.integers(0, 2),
            ),
            max_size=30,
        ).map(lambda rows: sorted(rows, key=lambda row: row[0])),
        st.lists(
            st.lists(st.tuples(st.none() | st.integers(0, 12_000), st.integers(0, 2)), max_size=8),
            max_size=4,
        ),
    )
    def test_it_is_that_of_the_packet_sent_last(
        self,
        tmp_path_factory: pytest.TempPathFactory,
        rows: list[Row],
        batches: list[list[tuple[int | None, int]]],
    ) -> None:
        """For this receiver, not too long ago; whatever the batches, in the order of time."""
        path = _write_log(tmp_path_factory.mktemp("log") / "tx.parquet", rows)
        ordered = sorted(itertools.chain(*batches), key=lambda frame: frame[0] or 0)
        sizes = [len(batch) for batch in batches]
        with TableFile(path, TX) as log:
            conditions = Conditions(log)
            at = 0
            for size in sizes:
                batch = ordered[at : at + size]
                at += size
                labels = conditions.label(_frames(batch), ["snr_db"])
                assert labels["snr_db"].to_pylist() == [
                    _search(rows, ms, interface) for ms, interface in batch
                ]

    def test_logs_in_another_order_are_refused(self, tmp_path: Path) -> None:
        """Read along with the capture, they would label frames with what was not sent last."""
        path = _write_log(tmp_path / "tx.parquet", [(n, 1.0, None) for n in (0, 1, 2, 3, 5, 4)])
        with TableFile(path, TX) as log:
            conditions = Conditions(log)
            with pytest.raises(FormatError, match=r"tx\.parquet: packet 5 .*; sort it by time"):
                conditions.label(_frames([(6, 0)]), ["snr_db"])

    def test_columns_of_frames_are_not_offered_twice(self) -> None:
        """The rate that was received is that of frames, not the one that was asked for."""
        assert "rate_mbps" not in COLUMNS
        assert {"snr_db", "tx_power_dbm", "receiver", "channel", "destination"} <= set(COLUMNS)


class TestGroups:
    """wtrec analyze --by snr_db."""

    def test_every_frame_is_counted_under_its_condition(
        self, tmp_path: Path, write_capture: Callable[..., Path]
    ) -> None:
        """Also frames that match no packet, and frames that came before any was sent."""
        times = [START + ms * 1_000_000 for ms in (0, 10, 11, 20, 21, 22)]
        capture = write_capture(tmp_path / "run.pcapng", [bytes(30)] * 6, times=times)
        path = _write_log(tmp_path / "tx.parquet", [(5, 1.0, None), (15, 2.5, 0)])
        with TableFile(path, TX) as log:
            analysis = analyze(capture, conditions=Conditions(log), by=["snr_db"])
        assert [(g.key["snr_db"], g.frames) for g in analysis.groups] == [
            (None, 1),
            (1.0, 2),
            (2.5, 3),
        ]

    def test_without_a_log_its_columns_are_refused(
        self, tmp_path: Path, write_capture: Callable[..., Path]
    ) -> None:
        """The error says what to give."""
        capture = write_capture(tmp_path / "run.pcapng", [bytes(30)])
        with pytest.raises(MatchError, match="column 'snr_db' is of the tx log; name one with"):
            analyze(capture, by=["snr_db"])
