"""Error masks without payloads: which bits of each frame were wrong (``run.masks.parquet``).

Safe to publish, and good for any other payload of the same length: see
:mod:`wtrec.analysis.lay`. The file's metadata: ``capture`` (file name), ``capture_sha256``,
``truth`` (where the originals came from), ``wtrec_version``, and ``counts``, a JSON object of how
the search for originals ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..errors import FormatError
from .parquet import TableFile
from .schema import Column, Table

MAX_BITS = 8 * 65_535
"""Longest frame that a mask is of: more than any MPDU has."""

MASKS = Table(
    "masks",
    1,
    (
        Column("number", pa.int64(), "The frame, as in frames; rising."),
        Column("bits", pa.uint32(), "Length of the MPDU in bits, its FCS included."),
        Column("rate_mbps", pa.float64(), "Data rate in Mbit/s, as in frames.", nullable=True),
        Column("signal_dbm", pa.int8(), "Signal in dBm, as in frames.", nullable=True),
        Column(
            "flips",
            pa.list_(pa.uint32()),
            "Bit positions that were received wrong (byte * 8 + bit, bit 0 first on the air), "
            "rising.",
        ),
    ),
)


def check(batch: Any, path: str) -> None:
    """Refuse masks that are of no frame.

    Raises:
        FormatError: A length is no number of bytes or too long, flips are not rising positions
            in the frame, or a value is null that must not be.
    """
    for name in ("number", "bits", "flips"):
        if batch.column(name).null_count:
            raise FormatError(f"column {name} has nulls", path=path)
    numbers = batch.column("number").to_numpy()
    bits = batch.column("bits").to_numpy().astype(np.int64)
    wrong = (bits % 8 != 0) | (bits == 0) | (bits > MAX_BITS)
    if wrong.any():
        at = int(wrong.argmax())
        raise FormatError(
            f"frame {numbers[at]} has {bits[at]} bits, wanted whole bytes, at most {MAX_BITS}",
            path=path,
        )
    bounds, flips = flips_of(batch)
    frame = np.repeat(np.arange(len(batch)), np.diff(bounds))
    bad = flips >= bits[frame]
    bad[1:] |= (np.diff(flips) <= 0) & (np.diff(frame) == 0)
    if batch.column("flips").flatten().null_count or bad.any():
        at = int(frame[bad.argmax()]) if len(frame) else 0
        raise FormatError(
            f"the flips of frame {numbers[at]} are not rising bit positions of that frame",
            path=path,
        )


def flips_of(batch: Any) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Bounds (rows + 1) and positions: row k has ``positions[bounds[k]:bounds[k + 1]]``."""
    column = batch.column("flips")
    bounds = np.asarray(column.offsets.to_numpy(), np.int64)
    positions = np.asarray(column.flatten().fill_null(0).to_numpy(), np.int64)
    return bounds - bounds[0], positions


def read_masks(path: Path) -> Iterator[Any]:
    """Record batches of a masks file, checked.

    Raises:
        FormatError: The file is damaged, or not such a file.
    """
    with TableFile(path, MASKS) as file:
        for batch in file.batches():
            check(batch, str(path))
            yield batch
