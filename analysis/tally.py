"""Counts by group: frames, bad frames, bits judged, bit errors.

A :class:`Tally` adds up batch after batch, so its memory depends on the number of groups
alone. Groups are the distinct values of any columns of ``frames``; by no column, there is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..datasets.frames import FRAMES, FcsStatus, FrameBatch
from ..errors import MatchError
from .conditions import COLUMNS, Conditions

_ALIASES = {"rate": "rate_mbps", "signal": "signal_dbm", "noise": "noise_dbm"}
_NO_KEYS = {"time", "mpdu"}  # every frame has its own
_MEASURES = ("frames", "good", "bad", "judged", "bits", "bit_errors")


@dataclass(frozen=True, slots=True)
class Group:
    """One row of the table.

    Attributes:
        key: Value of each grouping column.
        frames: All frames.
        good: Those with a good FCS.
        bad: Those with a bad one, without rewritten frames; the rest has none to be judged.
        judged: Bad frames whose original is known, in whole or in part.
        bits: Known bits of these.
        bit_errors: Known bits that were received wrong.
    """

    key: dict[str, Any]
    frames: int
    good: int
    bad: int
    judged: int
    bits: int
    bit_errors: int

    @property
    def share_bad(self) -> float | None:
        """Bad frames among those whose FCS could be judged; None without any."""
        verified = self.good + self.bad
        return self.bad / verified if verified else None

    @property
    def ber(self) -> float | None:
        """Bit error rate within bad frames: of their known bits; None without any."""
        return self.bit_errors / self.bits if self.bits else None

    def to_json(self) -> dict[str, Any]:
        """Stable keys; see docs/analyze.md."""
        return {
            **self.key,
            "frames": self.frames,
            "good": self.good,
            "bad": self.bad,
            "share_bad": self.share_bad,
            "judged": self.judged,
            "bits": self.bits,
            "bit_errors": self.bit_errors,
            "ber": self.ber,
        }


class Tally:
    """Adds up groups.

    Args:
        by: Columns of ``frames``, or ``rate``, ``signal``, ``noise`` for short; and of the
            tx log.
        conditions: The tx log, if there is one.

    Raises:
        MatchError: No such column.
    """

    def __init__(self, by: list[str], conditions: Conditions | None = None) -> None:
        self.by = list(dict.fromkeys(_ALIASES.get(name, name) for name in by))
        self._conditions = conditions
        names = [column.name for column in FRAMES.columns if column.name not in _NO_KEYS]
        names += COLUMNS if conditions else ()
        for name in self.by:
            if name in COLUMNS and not conditions:
                raise MatchError(f"column {name!r} is of the tx log; name one with --tx-log")
            if name not in names:
                raise MatchError(f"no column {name!r} to group by; there are: {', '.join(names)}")
        self._sums: dict[tuple[Any, ...], NDArray[np.int64]] = {}

    def add(
        self,
        frames: FrameBatch,
        rows: NDArray[np.int64],
        bits: NDArray[np.int64],
        errors: NDArray[np.int64],
        *,
        rewritten: NDArray[np.int64] | tuple[()] = (),
    ) -> None:
        """Count a batch.

        Args:
            frames: The batch.
            rows: Its bad frames that are judged.
            bits: Known bits of each of those.
            errors: Bit errors of each of those.
            rewritten: Its bad frames that no bit error made bad: they are frames, nothing else.
        """
        is_bad = frames.fcs_status == FcsStatus.BAD
        is_bad[np.asarray(rewritten, np.int64)] = False
        judged = np.zeros((3, len(frames)), np.int64)
        judged[:, rows] = np.ones_like(bits), bits, errors
        measures = (
            np.ones(len(frames), np.int64),
            (frames.fcs_status == FcsStatus.GOOD).astype(np.int64),
            is_bad.astype(np.int64),
            *judged,
        )
        labels = {}
        if self._conditions:
            wanted = [name for name in self.by if name in COLUMNS]
            labels = self._conditions.label(frames, wanted)
        columns = [labels[name] if name in labels else frames.column(name) for name in self.by]
        table = pa.table([*columns, *measures], names=[*self.by, *_MEASURES])
        sums = table.group_by(self.by).aggregate([(name, "sum") for name in _MEASURES])
        keys = [tuple(row.values()) for row in sums.select(self.by).to_pylist()]
        values = np.column_stack([sums.column(f"{name}_sum").to_numpy() for name in _MEASURES])
        for key, row in zip(keys, values, strict=True):
            self._sums[key] = self._sums.get(key, 0) + row

    def groups(self) -> list[Group]:
        """The groups, sorted by their keys, null first."""

        def order(key: tuple[Any, ...]) -> list[tuple[bool, Any]]:
            return [(value is not None, value) for value in key]

        return [
            Group(dict(zip(self.by, map(_plain, key), strict=True)), *map(int, self._sums[key]))
            for key in sorted(self._sums, key=order)
        ]


def _plain(value: Any) -> Any:
    """A key as JSON can hold it: addresses as people write them."""
    return value.hex(":") if isinstance(value, bytes) else value
