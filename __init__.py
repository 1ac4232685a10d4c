"""wtrec: a wireless test environment for people who evaluate packet-recovery algorithms.

The public interface; everything else may change.

    import wtrec

    frames = wtrec.read_frames("run.pcapng")  # an Arrow stream, for polars, DuckDB, pandas

An algorithm of your own is a class with the three members of :class:`Algorithm`, or a
:class:`PerFrameAlgorithm` with one method; see ``docs/algorithms.md``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .errors import (
    AlgorithmError,
    CaptureError,
    DatasetError,
    FilterError,
    FormatError,
    LossWarning,
    MatchError,
    WtrecError,
)

if TYPE_CHECKING:
    from .datasets.frames import FRAMES, FcsStatus, FrameBatch
    from .datasets.reader import CaptureReader, read_frames
    from .replay.algorithm import Algorithm, PerFrameAlgorithm, Repairs

__all__ = [
    "FRAMES",
    "Algorithm",
    "AlgorithmError",
    "CaptureError",
    "CaptureReader",
    "DatasetError",
    "FcsStatus",
    "FilterError",
    "FormatError",
    "FrameBatch",
    "LossWarning",
    "MatchError",
    "PerFrameAlgorithm",
    "Repairs",
    "WtrecError",
    "read_frames",
]

# Where the heavy names live: imported when they are first used, since Arrow and numba take time.
_LAZY = {
    "FRAMES": ".datasets.frames",
    "FcsStatus": ".datasets.frames",
    "FrameBatch": ".datasets.frames",
    "CaptureReader": ".datasets.reader",
    "read_frames": ".datasets.reader",
    "Algorithm": ".replay.algorithm",
    "PerFrameAlgorithm": ".replay.algorithm",
    "Repairs": ".replay.algorithm",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name], __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
