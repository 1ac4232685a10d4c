"""What filters would have done to a recorded capture: frames kept and dropped, by their FCS.

Good frames that a filter drops are what it is for. Of the bad ones that it drops nobody knows
how many it drops for their errors: they are counted, and no more is said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...datasets.frames import FcsStatus
from ...datasets.reader import CaptureReader, Packets
from . import kernel
from .interpreter import FACTS, refuse_unknown_facts
from .libpcap import DLT_IEEE802_11, DLT_IEEE802_11_RADIO
from .program import Program

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_NAMED = 10  # frames that are named of those that programs differ on


@dataclass(slots=True)
class Counts:
    """What came of a capture.

    Attributes:
        kept: Frames that the first program keeps, by our verdict on their FCS.
        dropped: Those that it drops.
        differing: Frames on whose fate the programs do not agree.
        first_differing: The numbers of the first of them.
        other_linktypes: Packets that are no 802.11 frames.
        losses: What of the file could not be read.
    """

    kept: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    differing: int = 0
    first_differing: list[int] = field(default_factory=list)
    other_linktypes: int = 0
    losses: list[str] = field(default_factory=list)


class Runner:
    """A program that is run over many packets.

    Raises:
        FilterError: The program asks for what no capture has.
    """

    def __init__(self, program: Program) -> None:
        refuse_unknown_facts(program)
        self._code = np.array(program.instructions, np.int64).reshape(-1, 4)
        self._facts = np.zeros(64, np.int64)
        for fact, value in FACTS.items():
            self._facts[fact] = value
        self._memory = np.zeros(16, np.int64)

    def run(
        self,
        data: NDArray[np.uint8],
        start: NDArray[np.int64],
        captured: NDArray[np.int64],
        original: NDArray[np.int64],
    ) -> NDArray[np.int64]:
        """Bytes that each packet keeps, 0 where it is dropped; shape (packets,)."""
        kept = np.zeros(len(start), np.int64)
        kernel.run(self._code, self._facts, data, start, captured, original, self._memory, kept)
        return kept


def count(
    path: Path,
    programs: Callable[[int], Sequence[Program]],
    on_progress: Callable[[CaptureReader], None] = lambda _reader: None,
) -> Counts:
    """Run programs over a capture.

    Args:
        path: The capture.
        programs: Gives the programs for a link type, 127 or 105, always as many. Frames are
            counted by the first; the others are compared with it.
        on_progress: Called now and then.

    Raises:
        FormatError: Not a capture, or damage in its middle.
        FilterError: A program asks for what no capture has.
        OSError: The file cannot be opened.
    """
    counts = Counts()
    runners: dict[int, list[Runner]] = {}
    with CaptureReader(path) as reader:
        for batch in reader:
            packets = reader.packets_at_hand
            assert packets is not None  # noqa: S101 - there is a batch
            for linktype in np.unique(packets.linktype).tolist():
                if linktype in {DLT_IEEE802_11, DLT_IEEE802_11_RADIO} and linktype not in runners:
                    runners[linktype] = [Runner(program) for program in programs(linktype)]
            status = batch.fcs_status
            for linktype, rows, chosen in _by_linktype(packets, batch.number):
                verdicts = [runner.run(packets.data, *chosen) for runner in runners[linktype]]
                _add(counts, batch.number[rows], status[rows], verdicts)
            on_progress(reader)
        counts.other_linktypes = reader.other_linktypes
        counts.losses = list(reader.losses)
    counts.first_differing = sorted(counts.first_differing)[:_MOST_NAMED]
    return counts


def _by_linktype(
    packets: Packets, numbers: NDArray[np.int64]
) -> Iterator[tuple[int, NDArray[np.intp], tuple[NDArray[np.int64], ...]]]:
    """For each link type among the frames, their rows in the batch, and where their packets lie."""
    at = numbers - packets.first_number
    linktypes = packets.linktype[at]
    for linktype in np.unique(linktypes).tolist():
        rows = np.flatnonzero(linktypes == linktype)
        where = at[rows]
        yield (
            linktype,
            rows,
            (packets.start[where], packets.captured[where], packets.original[where]),
        )


def _add(
    counts: Counts,
    numbers: NDArray[np.int64],
    status: NDArray[np.int8],
    verdicts: Sequence[NDArray[np.int64]],
) -> None:
    passed = verdicts[0] > 0
    for each in FcsStatus:
        of_status = status == each
        kept = int(np.count_nonzero(passed & of_status))
        counts.kept[each.name.lower()] += kept
        counts.dropped[each.name.lower()] += int(np.count_nonzero(of_status)) - kept
    differing = np.zeros(len(passed), np.bool_)
    for other in verdicts[1:]:
        differing |= other != verdicts[0]
    counts.differing += int(np.count_nonzero(differing))
    counts.first_differing += numbers[differing][:_MOST_NAMED].tolist()
