"""What tests of several algorithms share: batches of bad frames, and reading their answers."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pytest

from wtrec.datasets.frames import FcsStatus, FrameBatch
from wtrec.dot11 import fcs, mac
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


def _copy_batch(
    mpdus: Sequence[bytes], times_ms: Sequence[float | None] | None = None, first: int = 1
) -> FrameBatch:
    """What algorithms that combine copies look at; frames are bad if their FCS is.

    Numbered from ``first``, one a millisecond where nothing else is said.
    """
    count = len(mpdus)
    codes = [
        FcsStatus.ABSENT
        if len(mpdu) < fcs.LENGTH
        else FcsStatus.BAD
        if fcs.syndrome(mpdu)
        else FcsStatus.GOOD
        for mpdu in mpdus
    ]
    names = pa.array([code.name.lower() for code in FcsStatus])
    times = range(first, first + count) if times_ms is None else times_ms
    nanoseconds = [None if ms is None else round(1e6 * ms) for ms in times]
    return FrameBatch(
        pa.record_batch(
            {
                "number": pa.array(np.arange(first, first + count)),
                "time": pa.array(nanoseconds, pa.timestamp("ns", "UTC")),
                "fcs_status": pa.DictionaryArray.from_arrays(pa.array(codes, pa.int8()), names),
                "mpdu": pa.array(mpdus, pa.binary()),
            }
        )
    )


def _data_frame(
    length: int = 300, sequence: int = 1, *, retry: bool = False, duration: int = 0, seed: int = 0
) -> bytes:
    """A data frame of so many bytes with its FCS; the body follows from the sequence and seed."""
    body = random.Random(f"{sequence} {seed}").randbytes(length - 32 - fcs.LENGTH)
    frame = mac.data_frame(
        body,
        addr1=b"\2\0\0\0\0\1",
        addr2=b"\2\0\0\0\0\2",
        addr3=b"\2\0\0\0\0\1",
        to_ds=True,
        retry=retry,
        duration=duration,
        sequence=sequence,
    )
    return fcs.append(frame)


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


@pytest.fixture(scope="session")
def copy_batch() -> Callable[..., FrameBatch]:
    """``copy_batch(mpdus, times_ms=None, first=1)``."""
    return _copy_batch


@pytest.fixture(scope="session")
def data_frame() -> Callable[..., bytes]:
    """``data_frame(length=300, sequence=1, retry=False, duration=0, seed=0)``."""
    return _data_frame
