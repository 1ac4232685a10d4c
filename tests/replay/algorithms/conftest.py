"""What tests of several algorithms share: batches of frames, and reading answers of all kinds."""

from __future__ import annotations

import math
import random
import zlib
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import ArrayLike, NDArray

from wtrec.datasets.frames import FcsStatus, FrameBatch
from wtrec.dot11 import fcs, mac
from wtrec.replay.algorithm import Algorithm, Repairs
from wtrec.replay.algorithms.candidates import Bad, Candidates
from wtrec.replay.algorithms.search import Stage

NOISE = 100_000  # frames


def _bad_batch(
    mpdus: Sequence[bytes],
    rate_mbps: float | None = None,
    mcs: int | None = None,
    ldpc: bool | None = None,
    *,
    status: Sequence[FcsStatus] | None = None,
    first: int = 1,
) -> FrameBatch:
    """The columns that algorithms look at; frames alike, bad if not said otherwise."""
    count = len(mpdus)
    codes = pa.array([FcsStatus.BAD] * count if status is None else status, pa.int8())
    names = pa.array([code.name.lower() for code in FcsStatus])
    return FrameBatch(
        pa.record_batch(
            {
                "number": pa.array(np.arange(first, first + count)),
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


def _with_syndromes(syndromes: ArrayLike, length: int) -> Bad:
    """Frames of zeros whose FCS fields are off by these: the data do not matter to a syndrome."""
    wrong = np.asarray(syndromes, np.uint32)
    frames = np.zeros((len(wrong), length), np.uint8)
    fields = (wrong ^ np.uint32(zlib.crc32(bytes(length - 4)))).astype("<u4")
    frames[:, length - 4 :] = fields[:, None].view(np.uint8)
    return _bad_of(frames.reshape(-1), np.arange(len(wrong) + 1) * length)


def _bad_frames(mpdus: Sequence[bytes]) -> Bad:
    """Bad frames, numbered from 1."""
    offsets = np.cumsum([0, *map(len, mpdus)])
    return _bad_of(np.frombuffer(b"".join(mpdus), np.uint8).copy(), offsets)


def _bad_of(data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> Bad:
    narrow = offsets.astype(np.int32)
    for array in (data, narrow):  # as a batch has them: kernels are compiled for that
        array.flags.writeable = False
    rows = np.arange(len(offsets) - 1)
    return Bad(rows + 1, data, narrow, rows)


def _listed(candidates: Candidates) -> list[tuple[int, int, tuple[int, ...]]]:
    """Row, weight and flips of each candidate, sorted."""
    return sorted(
        (
            int(row),
            int(candidates.weight[i]),
            tuple(candidates.flips[candidates.offsets[i] : candidates.offsets[i + 1]].tolist()),
        )
        for i, row in enumerate(candidates.row)
    )


def _check_noise(
    algorithm: Algorithm,
    stages: Sequence[Stage],
    gate: float,
    length: int,
    radio: dict[str, float],
    *,
    too_many: float = 0.0,
) -> None:
    """Random bytes are repaired as often as what is searched says, within four sigma.

    Candidates of a weight are Poisson; claimed is the only one of the lowest weight that has any.

    Args:
        algorithm: What searches.
        stages: Its stages for these frames.
        gate: Its gate.
        length: Of the frames, in bytes.
        radio: Arguments of ``bad_batch``.
        too_many: Share of the expected candidates that may not exist.
    """
    draw = np.random.default_rng(length)
    data = draw.bytes(NOISE * length)
    mpdus = [data[at : at + length] for at in range(0, len(data), length)]
    repairs = algorithm.recover(_bad_batch(mpdus, **radio))  # type: ignore[arg-type]
    spent, claimed = 0.0, 0.0
    for stage in stages:
        steps = np.diff(stage.expected(Bad.blank(length))[0])
        for step in steps:
            if spent + step > gate:
                break
            claimed += math.exp(-spent) * step * math.exp(-step)
            spent += step
    found = np.count_nonzero(repairs.candidates > 0)
    for number, share in ((found, -math.expm1(-spent)), (repairs.repaired.sum(), claimed)):
        assert NOISE * share > 250
        off = 4 * math.sqrt(NOISE * share * (1 - share))
        assert -off - too_many * NOISE * share < number - NOISE * share < off
    assert np.nanmax(repairs.expected_false) == pytest.approx(spent, rel=1e-9)
    assert spent <= gate


@pytest.fixture(scope="session")
def check_noise() -> Callable[..., None]:
    """``check_noise(algorithm, stages, gate, length, radio, too_many=0.0)``."""
    return _check_noise


@pytest.fixture(scope="session")
def bad_batch() -> Callable[..., FrameBatch]:
    """``bad_batch(mpdus, rate_mbps=None, mcs=None, ldpc=None, status=None, first=1)``."""
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


@pytest.fixture(scope="session")
def with_syndromes() -> Callable[[ArrayLike, int], Bad]:
    """``with_syndromes(syndromes, length)``."""
    return _with_syndromes


@pytest.fixture(scope="session")
def bad_frames() -> Callable[[Sequence[bytes]], Bad]:
    """``bad_frames(mpdus)``."""
    return _bad_frames


@pytest.fixture(scope="session")
def listed() -> Callable[[Candidates], list[tuple[int, int, tuple[int, ...]]]]:
    """``listed(candidates)``."""
    return _listed
