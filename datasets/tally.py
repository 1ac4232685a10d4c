"""The outcomes of results, counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from .results import DROPPED, REPAIRED


@dataclass(slots=True)
class Tally:
    """What rows of results say.

    Attributes:
        rows: Bad frames, in each pass.
        repaired: Those of them that an algorithm claims to have repaired.
        dropped: Those that it was not given.
        met: Those that it answered for within the deadline, if there is one.
        missed: Those that it answered for later, and those that were dropped.
        silent: Those that it has not answered for.
    """

    rows: int = 0
    repaired: int = 0
    dropped: int = 0
    met: int = 0
    missed: int = 0
    silent: int = 0

    def add(self, rows: Any) -> None:
        """Count rows, a ``pyarrow.Table`` or record batch of results."""
        counts = {
            each["values"]: each["counts"]
            for each in rows.column("outcome").cast(pa.string()).value_counts().to_pylist()
        }
        met = rows.column("deadline_met")
        in_time = pc.call_function("sum", [met.cast(pa.int64())]).as_py() or 0
        self.rows += len(rows)
        self.repaired += counts.get(REPAIRED, 0)
        self.dropped += counts.get(DROPPED, 0)
        self.met += in_time
        self.missed += len(rows) - met.null_count - in_time
        self.silent += met.null_count
