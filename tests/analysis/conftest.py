"""Tx logs for the captures that tests write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pytest

from wtrec.datasets.parquet import new_table
from wtrec.datasets.txlog import TX

START = 1_700_000_000_000_000_000  # ns: as the captures begin that write_capture writes


def _write_tx_log(
    path: Path,
    originals: Sequence[bytes],
    *,
    times: Sequence[int] | None = None,
    ids: Sequence[int] | None = None,
    layers: str | Sequence[str] = "mpdu",
    payload: str = "self",
    group: int = 1000,
) -> Path:
    """Write what was sent, a packet a millisecond, ``group`` packets a row group."""
    rows = [
        {
            "packet_id": ids[i] if ids else i,
            "time": times[i] if times else START + i * 1_000_000,
            "layer": layers if isinstance(layers, str) else layers[i],
            "length": len(original),
            "original": original,
        }
        for i, original in enumerate(originals)
    ]
    with new_table(path, TX, {"payload": payload}) as log:
        for at in range(0, len(rows), group):
            log.write_table(pa.Table.from_pylist(rows[at : at + group], schema=TX.schema))
    return path


@pytest.fixture(scope="session")
def write_tx_log() -> Callable[..., Path]:
    """``write_tx_log(path, originals, times=, ids=, layers=, payload=, group=)``."""
    return _write_tx_log


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the examples of property tests, which overwrite each other's files."""
    return tmp_path_factory.mktemp("examples")
