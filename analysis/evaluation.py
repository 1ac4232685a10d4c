"""Collects, batch after batch, what repairs are worth: by group, by rate, and against each other.

Memory grows with the number of groups, and with the repairs of the last 4,096 frames.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.frames import FcsStatus, FrameBatch
from ..dot11 import airtime
from .comparison import Comparisons
from .dcf import OVERHEAD, is_5_ghz
from .deadlines import ServiceTimes
from .grouping import Grouping, Subgrouping, Sums
from .kernels import CORRECT, UNJUDGED, WRONG
from .model import FLIPS
from .retries import Packets, SavedAirtime
from .scoring import ABSTAINED, NOT_GIVEN, AlgorithmScore, Counts, Verdicts
from .throughput import Assumptions, Cell, Repairs, model_json, throughput_row
from .truth import Known, Outcome

_RATE = "rate_mbps"
_MEASURES = 6  # of Counts


class Evaluation:
    """Goodput, airtime, deadlines and comparisons of the algorithms of one capture.

    Args:
        grouping: Of the frames.
        scores: The algorithms; their counts by group are set by :meth:`finish`.
        assumptions: What the capture does not say.
    """

    def __init__(
        self,
        grouping: Grouping,
        scores: Sequence[AlgorithmScore],
        assumptions: Assumptions,
    ) -> None:
        self.assumptions = assumptions
        self._scores = list(scores)
        self._groups = grouping
        # A cycle is of one data rate.
        self._cells = None if _RATE in grouping.by else Subgrouping(grouping, _RATE)
        self._rewritten = 0
        self._frames = Sums(5)  # frames, bad, bytes of MSDUs, frames at 5 GHz, airtime
        self._flips = Sums(3 + len(FLIPS))  # judged, within each of FLIPS, bits, errors
        self._left_out = 0
        self._by_group = [Sums(_MEASURES) for _ in scores]
        self._by_cell = [Sums(_MEASURES) for _ in scores]
        self._saved = [SavedAirtime() for _ in scores]
        self._times = [ServiceTimes(assumptions.deadlines) for _ in scores]
        self._comparisons = Comparisons([score.name for score in scores])

    def add(
        self,
        frames: FrameBatch,
        groups: NDArray[np.int64],
        bad: NDArray[np.int64],
        known: Known,
        errors: NDArray[np.int64],
        verdicts: Sequence[Verdicts],
    ) -> None:
        """Count a batch.

        Args:
            frames: The batch.
            groups: Each frame's group.
            bad: Its bad frames.
            known: What is known of these.
            errors: Bit errors in the known part of each.
            verdicts: Of each algorithm.
        """
        cells = self._cells.of(frames, groups) if self._cells else groups
        lengths = np.diff(frames.offsets).astype(np.int64)
        judged = np.isin(frames.fcs_status, (FcsStatus.GOOD, FcsStatus.BAD))
        rewritten = bad[known.outcome == Outcome.REWRITTEN]
        self._rewritten += len(rewritten)
        judged[rewritten] = False  # neither arrived nor failed
        data = judged & (lengths > OVERHEAD)
        self._left_out += int((judged & ~data).sum())
        five_ghz = is_5_ghz(frames.column("channel_mhz").cast("int32").fill_null(0).to_numpy())
        durations = _durations_us(frames, lengths, judged, five_ghz=five_ghz)
        rows = np.flatnonzero(data)
        self._frames.add(
            cells[rows],
            np.ones(len(rows)),
            frames.fcs_status[rows] == FcsStatus.BAD,
            lengths[rows] - OVERHEAD,
            five_ghz[rows],
            np.nan_to_num(durations[rows]),
        )
        self._add_flips(cells[bad], data[bad], known, errors)
        packets = Packets(frames, bad, known) if verdicts else None
        for index, each in enumerate(verdicts):
            measures = _measures(each)
            given = bad[each.where]
            self._by_group[index].add(groups[given], *measures)
            long = data[given]
            self._by_cell[index].add(cells[given][long], *(part[long] for part in measures))
            self._times[index].add(each.service_ns[each.codes != NOT_GIVEN])
            if packets:
                self._saved[index].add(frames, bad, packets, each, cells, durations)
        self._comparisons.add(groups[bad], known.outcome == Outcome.MATCHED, verdicts)

    def _add_flips(
        self,
        cells: NDArray[np.int64],
        data: NDArray[np.bool_],
        known: Known,
        errors: NDArray[np.int64],
    ) -> None:
        rows = np.flatnonzero(data & (known.outcome == Outcome.MATCHED))
        found = errors[rows]
        bits = 8 * np.diff(known.bounds)[rows]
        within = [found <= flips for flips in FLIPS]
        self._flips.add(cells[rows], np.ones(len(rows)), *within, bits, found)

    def finish(self) -> None:
        """Give each score its counts by group."""
        for score, sums in zip(self._scores, self._by_group, strict=True):
            score.by = [
                {**self._groups.key(code), **Counts(*sums.counts(code)).to_json()}
                for code in self._groups.order()
            ]

    def _cell(self, code: int) -> Cell | None:
        frames, bad, octets, five_ghz = self._frames.counts(code)[:4]
        if not frames:
            return None
        key = (self._cells or self._groups).key(code)
        rate = key[_RATE]
        if _RATE not in self._groups.by:
            del key[_RATE]
        airtime_us = self._frames.of(code)[4]
        return Cell(
            key,
            rate,
            2 * five_ghz > frames,
            frames,
            bad,
            octets // frames,
            tuple(self._flips.counts(code)),
            [
                Repairs(
                    score.name,
                    score.parameters,
                    Counts(*counts.counts(code)),
                    saved.to_json(code, airtime_us),
                )
                for score, counts, saved in zip(
                    self._scores, self._by_cell, self._saved, strict=True
                )
            ],
        )

    def to_json(self) -> dict[str, Any]:
        """The keys ``throughput``, ``model`` and ``comparisons``; see docs/throughput.md."""
        cells = [
            cell for code in (self._cells or self._groups).order() if (cell := self._cell(code))
        ]
        assumptions = self.assumptions
        return {
            "throughput": {
                "phy": str(assumptions.phy) if assumptions.phy else "auto",
                "msdu": assumptions.msdu,
                "retry_limit": airtime.RETRY_LIMIT,
                "left_out": self._left_out,
                "rewritten": self._rewritten,
                "groups": [throughput_row(cell, assumptions) for cell in cells],
                "service": [
                    {"name": score.name, "parameters": score.parameters, **times.to_json()}
                    for score, times in zip(self._scores, self._times, strict=True)
                ],
                "unattributed": [
                    {"name": score.name, "parameters": score.parameters, "frames": each}
                    for score, each in zip(
                        self._scores, (saved.unattributed for saved in self._saved), strict=True
                    )
                ],
            },
            "model": model_json(cells, assumptions),
            "comparisons": self._comparisons.to_json(self._groups),
        }


def _measures(verdicts: Verdicts) -> list[NDArray[Any]]:
    codes = verdicts.codes
    return [
        np.ones(len(codes)),
        (codes != ABSTAINED) & (codes != NOT_GIVEN),
        codes == CORRECT,
        codes == WRONG,
        codes == UNJUDGED,
        codes == NOT_GIVEN,
    ]


def _durations_us(
    frames: FrameBatch,
    lengths: NDArray[np.int64],
    judged: NDArray[np.bool_],
    *,
    five_ghz: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Airtime of each frame, behind a long preamble; NaN for rates that are not legacy ones."""
    rates = np.asarray(frames.column(_RATE).to_numpy(zero_copy_only=False), np.float64)
    durations = np.full(len(frames), np.nan)
    for rate in (*airtime.DSSS_MBPS, *airtime.OFDM_MBPS):
        for extension in (True, False):
            rows = np.flatnonzero(judged & (rates == rate) & (five_ghz != extension))
            if not len(rows):
                continue
            distinct, place = np.unique(lengths[rows], return_inverse=True)
            times = [_signal_us(rate, int(length), extension) for length in distinct]
            durations[rows] = np.array(times)[place]
    return durations


@functools.cache
def _signal_us(rate_mbps: float, length: int, extension: bool) -> float:
    return airtime.signal_us(rate_mbps, length, extension=extension)
