"""header: a damaged header, put right from those of intact frames by the FCS.

Most of a header is the same in all frames of a kind from one station to another: frame control,
duration, addresses, and in clear text the LLC/SNAP header behind them. Where all damage is in
there, the frame is right with the header of an intact frame before it, whatever that damage is.
The FCS is linear, so it tells the CRC-32 that the right header must have, and that is looked up
among the headers that are known: with K of them, 2 K / 2^32 false candidates are to be expected,
as the Retry bit is tried both ways. Sequence control and QoS control stay as they came.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...datasets.frames import FcsStatus, FrameBatch
from ...dot11 import fcs, fcs_logs
from ...dot11.fcs_logs_kernel import ORDER
from . import header_kernel
from .candidates import Bad, Candidates
from .checks import ALL
from .header_kernel import LENGTHS
from .search import Plan, Planned
from .shapes import SYNDROMES
from .sums import BESIDE

MOST: Final = 1 << 16  # headers that are kept, of each form

_X = 0x40000000
_RETRY = 11  # its bit position


class Header(Planned):
    """A damaged header, from those of intact frames before it.

    Args:
        gate: Largest expected number of false candidates at which a repair is claimed.
        checks: Second checks, joined by ``+``: llc, ip, transport, known; or none.
    """

    name = "header"
    source = "cf. Jiang, WiOpt 2006; Schmidt et al. (Refector), CoNEXT 2011: known header fields"
    cost = "six CRCs of a header and look-ups a frame"

    def __init__(self, gate: float = 0.01, checks: str = ALL) -> None:
        super().__init__(gate, checks)
        self._headers = KnownHeaders()
        self.warm([self._headers])

    def plans(self, frames: FrameBatch, bad: Bad) -> Iterator[Plan]:
        """The same for all frames."""
        self._headers.learn(frames)
        yield Plan(np.arange(len(bad)), [self._headers])


class KnownHeaders:
    """Headers of intact frames: a stage of a search, all candidates of weight 1."""

    sums = BESIDE

    def __init__(self) -> None:
        self._known: list[dict[int, tuple[int, bytes]]] = [{} for _ in LENGTHS]

    def learn(self, frames: FrameBatch) -> None:
        """Take note of the headers of intact frames, each for the bad ones after it."""
        rows = np.flatnonzero(frames.fcs_status == FcsStatus.GOOD)
        keys = np.empty(len(rows), np.int64)
        for form, (length, known) in enumerate(zip(LENGTHS, self._known, strict=True)):
            header_kernel.keys_of(frames.data, frames.offsets, rows, form, length, keys)
            _, first = np.unique(keys, return_index=True)
            for row, key in zip(
                rows[np.sort(first)].tolist(), keys[np.sort(first)].tolist(), strict=True
            ):
                if key >= 0 and key not in known and len(known) < MOST:
                    start = int(frames.offsets[row])
                    header = frames.data[start : start + length].tobytes()
                    known[key] = (int(frames.number[row]), header)

    def expected(self, bad: Bad) -> NDArray[np.float64]:
        """Candidates to expect by chance up to weight 1, shape (frames, 2)."""
        since = np.sort([since for known in self._known for since, _ in known.values()])
        before = np.searchsorted(since, bad.number)  # what comes later explains nothing
        return np.stack([np.zeros(len(bad)), 2 * before / SYNDROMES], axis=1)

    def find(self, bad: Bad, ceiling: NDArray[np.int64]) -> Candidates:
        """All candidates of frames."""
        del ceiling
        found: dict[tuple[int, bytes], None] = {}  # the same by two forms is one
        lengths = bad.bits // 8
        keys = np.empty(len(bad), np.int64)
        for form, (length, known) in enumerate(zip(LENGTHS, self._known, strict=True)):
            fits = np.fromiter(known, np.int64, len(known))
            shifts = np.array(
                [_shift(n - length - fcs.LENGTH) for n in lengths.tolist()], np.uint32
            )
            for retry in (0, 1):
                header_kernel.wanted_keys(
                    bad.data, bad.offsets, bad.rows, form, length, retry, shifts, keys
                )
                for i in np.flatnonzero(np.isin(keys, fits)).tolist():
                    since, header = known[int(keys[i])]
                    if since < bad.number[i]:
                        found[i, self._change(bad, i, form, retry, header)] = None
        every = sorted(found)
        flips = [
            np.flatnonzero(np.unpackbits(np.frombuffer(change, np.uint8), bitorder="little"))
            for _, change in every
        ]
        return Candidates(
            np.array([i for i, _ in every], np.int64),
            np.ones(len(every), np.int64),
            np.cumsum([0, *map(len, flips)]),
            np.concatenate([np.zeros(0, np.int64), *flips]),
        )

    @staticmethod
    def _change(bad: Bad, i: int, form: int, retry: int, header: bytes) -> bytes:
        """The bits in which a bad frame's header differs from a known one, padded to one length."""
        start = int(bad.offsets[bad.rows[i]])
        came, wanted = np.zeros((2, max(LENGTHS)), np.uint8)
        header_kernel.copy_header(bad.data, start, form, came)
        header_kernel.copy_header(np.frombuffer(header, np.uint8), 0, form, wanted)
        change = came ^ wanted
        change[_RETRY // 8] |= retry << _RETRY % 8
        return change.tobytes()


@functools.lru_cache(maxsize=4096)
def _shift(length: int) -> int:
    """The power of x that takes so many bytes away."""
    return fcs_logs.power(_X, -8 * length % ORDER)
