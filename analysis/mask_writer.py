"""From a capture and a truth to a masks file: the errors of a run without its content.

Intact frames have an empty mask, so that the file says how often frames break, too. Bad frames
whose original is not known have none; how many, and why, stands in the file and is returned.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..datasets.files import sha256_of
from ..datasets.frames import FcsStatus, FrameBatch
from ..datasets.masks import MASKS
from ..datasets.parquet import new_table
from ..datasets.reader import CaptureReader
from .masks import error_masks
from .truth import Outcome, Truth


@dataclass
class Written:
    """What became a mask, and what did not.

    Attributes:
        good: Intact frames.
        matching: Bad frames by how the search for their original ended.
        unchecked: Frames without an FCS that could be checked.
        losses: What could not be read.
    """

    good: int = 0
    matching: Counter[Outcome] = field(default_factory=Counter)
    unchecked: int = 0
    losses: list[str] = field(default_factory=list)

    @property
    def masks(self) -> int:
        """Frames with a mask."""
        return self.good + self.matching[Outcome.MATCHED]

    @property
    def missing(self) -> list[str]:
        """What has no mask that should have one, a sentence each."""
        lost = {
            outcome.name.lower().replace("_", " "): self.matching[outcome]
            for outcome in Outcome
            if outcome not in {Outcome.MATCHED, Outcome.REWRITTEN} and self.matching[outcome]
        }
        found = list(self.losses)
        if lost:
            ends = ", ".join(f"{count:,} {name}" for name, count in lost.items())
            found.append(f"no mask for {sum(lost.values()):,} bad frames of unknown truth: {ends}")
        if self.unchecked:
            found.append(f"no mask for {self.unchecked:,} frames whose FCS cannot be checked")
        return found


def write_masks(
    capture: Path,
    truth: Truth,
    output: Path,
    on_progress: Callable[[str, CaptureReader], None] = lambda _step, _reader: None,
) -> Written:
    """Write the masks of a capture.

    Args:
        capture: The capture; it is read twice.
        truth: Where originals come from.
        output: The file to make or to replace.
        on_progress: Called after each batch with the step's name and the reader.

    Raises:
        FormatError: A damaged file.
        OSError: It cannot be read or written.
    """
    written = Written()
    with CaptureReader(capture) as reader:
        for frames in reader:
            truth.learn(frames)
            on_progress("learning", reader)
    with CaptureReader(capture) as reader:
        metadata = {
            "capture": capture.name,
            "capture_sha256": sha256_of(capture),
            "truth": truth.description,
            "wtrec_version": version("wtrec"),
        }
        with new_table(output, MASKS, metadata) as table:
            for frames in reader:
                table.write_batch(_masks(frames, truth, written))
                on_progress("judging", reader)
            written.losses = reader.losses
            counts = {outcome.name.lower(): written.matching[outcome] for outcome in Outcome}
            counts |= {"good": written.good, "unchecked": written.unchecked}
            table.add_key_value_metadata({"wtrec.counts": json.dumps(counts)})
    return written


def _masks(frames: FrameBatch, truth: Truth, written: Written) -> Any:
    status = frames.fcs_status
    bad: NDArray[np.int64] = np.flatnonzero(status == FcsStatus.BAD)
    known = truth.match(frames, bad)
    for code, count in zip(*np.unique(known.outcome, return_counts=True), strict=True):
        written.matching[Outcome(int(code))] += int(count)
    good = status == FcsStatus.GOOD
    written.good += int(np.count_nonzero(good))
    written.unchecked += int(np.count_nonzero(~good)) - len(bad)
    matched = known.outcome == Outcome.MATCHED
    wrong = known.errors(frames, bad)
    lengths = np.zeros(len(frames), np.int64)
    lengths[bad[matched]] = wrong[matched]
    good[bad[matched]] = True
    rows = np.flatnonzero(good)
    flips = [piece.flips for piece in error_masks(frames, bad, known, wrong)]
    positions = np.concatenate([np.zeros(0, np.int32), *flips]).astype(np.uint32)
    bounds = np.concatenate([[0], np.cumsum(lengths[rows])]).astype(np.int32)
    return pa.RecordBatch.from_arrays(
        [
            pa.array(frames.number[rows]),
            pa.array((8 * np.diff(frames.offsets)[rows]).astype(np.uint32)),
            frames.column("rate_mbps").take(pa.array(rows)),
            frames.column("signal_dbm").take(pa.array(rows)),
            pa.ListArray.from_arrays(
                pa.array(bounds), pa.array(positions), MASKS.schema.field(4).type
            ),
        ],
        schema=MASKS.schema,
    )
