"""Radiotap headers for frames captured without one: what a driver would say of the FCS."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..datasets.frames import FrameBatch
from ..dot11 import radiotap

RADIOTAP: Final = 127
HEADERS: Final = (
    b"",
    radiotap.build(),
    radiotap.build(flags=radiotap.Flags.FCS),
    radiotap.build(flags=radiotap.Flags.FCS | radiotap.Flags.BAD_FCS),
)
_BARE, WITH_FCS, _BAD_FCS = 1, 2, 3


def headers(frames: FrameBatch, linktypes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Which of ``HEADERS`` each frame needs in front of it."""
    bare = linktypes != RADIOTAP
    if not bare.any():
        return np.zeros(len(frames), np.int64)
    claims = [
        np.asarray(frames.column(name).fill_null(False).to_numpy(zero_copy_only=False), np.bool_)
        for name in ("fcs_present", "bad_fcs")
    ]
    kinds = np.where(claims[0], np.where(claims[1], _BAD_FCS, WITH_FCS), _BARE)
    return np.where(bare, kinds, 0)
