"""The tx log: what was sent, one row a packet (``run.tx.parquet``), in the order of time.

The file's metadata says how it was sent: ``run_id``, ``host``, ``mode``, ``payload`` (the
rule, see :mod:`wtrec.datasets.payload`) and ``seed``; what else a sender knows is listed in
docs/send.md. While it is being written, and after its sender was killed, the log is a
journal (``run.tx.arrows``, see :mod:`wtrec.datasets.journal`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ..errors import FormatError
from .journal import SUFFIX, JournalFile, TableReader, journal_path
from .parquet import TableFile
from .parts import Parts
from .run import tx_log_path
from .schema import Column, Table

TX = Table(
    "tx",
    1,
    (
        Column("packet_id", pa.uint64(), "Number of the packet in its run."),
        Column("time", pa.timestamp("ns", "UTC"), "When it was given to the network."),
        Column(
            "layer",
            pa.dictionary(pa.int8(), pa.string()),
            "What original is: mpdu (the frame with its FCS) or payload (of UDP).",
        ),
        Column("length", pa.uint32(), "Bytes of original."),
        Column("original", pa.binary(), "What was sent."),
        Column("rate_mbps", pa.float64(), "Rate that was asked for.", nullable=True),
        Column("tx_power_dbm", pa.float64(), "Power that was asked for.", nullable=True),
        Column("destination", pa.string(), "Address that it was sent to.", nullable=True),
        Column(
            "snr_db",
            pa.float64(),
            "Simulated signal-to-noise ratio: Es/N0 per subcarrier (802.11b: per chip) in dB.",
            nullable=True,
        ),
        Column("channel", pa.string(), "Simulated channel.", nullable=True),
        Column(
            "receiver",
            pa.uint32(),
            "Simulated receiver: the capture's interface. Null: every receiver.",
            nullable=True,
        ),
    ),
)


def tx_log_beside(capture: Path) -> Path | None:
    """The tx log that stands beside a capture, or else its journal; None if there is neither."""
    log = tx_log_path(capture)
    return next((path for path in (log, journal_path(log)) if path.exists()), None)


@contextlib.contextmanager
def open_tx_log(path: Path | Parts) -> Iterator[TableReader]:
    """A tx log or its journal, for reading.

    Args:
        path: The file, or its parts.

    Raises:
        FormatError: It is neither.
        OSError: It cannot be opened.
    """
    is_left = is_journal(Path(path.name))
    with JournalFile(path, TX) if is_left else TableFile(path, TX) as log:
        yield log


def is_journal(path: Path) -> bool:
    """Whether it is the log of a sender that did not come to its end, by its name."""
    return path.suffix == SUFFIX


def packets(log: TableReader) -> Iterator[Any]:
    """The record batches of a log, checked to be in the order of time.

    A log is read along with its capture: of one in another order, packets would be missed.

    Raises:
        FormatError: A packet is earlier than the one before it, or the file is damaged.
    """
    latest = np.iinfo(np.int64).min
    row = 0
    for batch in log.batches():
        times = np.append(latest, batch.column("time").cast("int64").to_numpy())
        falls = np.flatnonzero(times[1:] < times[:-1])
        if len(falls):
            raise FormatError(
                f"packet {row + int(falls[0])} (counted from 0) was sent before the one in front "
                "of it, wanted a tx log in the order of time",
                path=str(log.path),
                hint="sort it by time",
            )
        row += len(batch)
        latest = times[-1]
        yield batch
