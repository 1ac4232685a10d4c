"""What tests of several algorithms share: batches of bad frames, and reading their answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pytest

from wtrec.datasets.frames import FcsStatus, FrameBatch
from wtrec.replay.algorithm import Repairs


def _bad_batch(
    mpdus: Sequence[bytes],
    rate_mbps: float | None = None,
    mcs: int | None = None,
    ldpc: bool | None = None,
) -> FrameBatch:
    """The columns that algorithms look at; all frames bad, numbered from 1, alike."""
    count = len(mpdus)
    codes = pa.array([FcsStatus.BAD] * count, pa.int8())
    names = pa.array([code.name.lower() for code in FcsStatus])
    return FrameBatch(
        pa.record_batch(
            {
                "number": pa.array(np.arange(1, count + 1)),
                "fcs_status": pa.DictionaryArray.from_arrays(codes, names),
                "rate_mbps": pa.array([rate_mbps] * count, pa.float64()),
                "mcs": pa.array([mcs] * count, pa.uint8()),
                "ldpc": pa.array([ldpc] * count, pa.bool_()),
                "mpdu": pa.array(mpdus, pa.binary()),
            }
        )
    )


def _claims(repairs: Repairs) -> dict[int, list[int] | None]:
    """The flips by frame number, None where the algorithm abstains."""
    offsets = repairs.flip_offsets
    return {
        number: repairs.flips[offsets[i] : offsets[i + 1]].tolist() if repairs.repaired[i] else None
        for i, number in enumerate(repairs.number.tolist())
    }


@pytest.fixture(scope="session")
def bad_batch() -> Callable[..., FrameBatch]:
    """``bad_batch(mpdus, rate_mbps=None, mcs=None, ldpc=None)``."""
    return _bad_batch


@pytest.fixture(scope="session")
def claims() -> Callable[[Repairs], dict[int, list[int] | None]]:
    """``claims(repairs)``."""
    return _claims
