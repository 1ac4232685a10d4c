"""A schedule of paces from a file: so many seconds at so many frames a second, then the next.

    # seconds  pps
    0.5        20000
    2.5        0          # nothing for so long
    10         1000

Behind the last line it begins again; a last line with a long time goes on with its pace. ``#``
begins a comment.

Numbers are taken as the decimals that they are, with up to nine places, so due times are exact: no
step of the schedule moves, however often it begins again.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..clock import NS
from ..datasets.frames import MAX_FRAMES, FrameBatch
from ..errors import FormatError
from .pacing import Before
from .timeline import NEVER

_MAX_BYTES: Final = 1 << 20
_MAX_UNITS: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class Profile:
    """A pace that changes by a schedule, and begins it again when it has ended.

    Attributes:
        name: Of the file.
        digest: The first half of its SHA-256, to tell schedules apart.
        steps: Seconds, and frames a second, of each step.

    Raises:
        ValueError: No step gives a frame, or the numbers have too many digits.
    """

    name: str
    digest: str
    steps: tuple[tuple[Fraction, Fraction], ...]

    def __post_init__(self) -> None:
        if not sum(seconds * pps for seconds, pps in self.steps) > 0:
            raise ValueError(
                "no step has a frame: wanted lines of seconds and frames a second, both above 0"
            )
        counts, _, _, units = self._table()
        if (counts[-1] + MAX_FRAMES * units) > _MAX_UNITS:
            raise ValueError("the numbers have too many digits")

    @classmethod
    def read(cls, path: Path) -> Profile:
        """Read a schedule.

        Raises:
            FormatError: It is none, or one without frames.
            OSError: It cannot be read.
        """
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise FormatError(f"a schedule of more than {_MAX_BYTES} bytes", path=str(path))
        steps = []
        for number, line in enumerate(content.decode(errors="replace").splitlines(), 1):
            words = line.partition("#")[0].split()
            if not words:
                continue
            try:
                seconds, pps = map(_decimal, words)
            except ValueError:
                raise FormatError(
                    f"line {number}: {line.strip()[:60]!r}, wanted seconds and frames a second, "
                    "none below 0",
                    path=str(path),
                ) from None
            steps.append((seconds, pps))
        try:
            return cls(path.name, hashlib.sha256(content).hexdigest()[:32], tuple(steps))
        except ValueError as error:
            raise FormatError(str(error), path=str(path)) from None

    def due(
        self, frames: FrameBatch, elapsed: NDArray[np.int64], before: Before
    ) -> NDArray[np.int64]:
        """Frame n is due when the schedule has had time for n frames before it."""
        del elapsed
        counts, starts, speeds, unit = self._table()
        total, length = int(counts[-1]), int(starts[-1])  # of one round, in units and in ns
        first = before.frames * unit
        rounds, place = divmod(first, total)
        places = place + unit * np.arange(len(frames))
        step = np.searchsorted(counts, places % total, side="right") - 1
        within = (places % total - counts[step]) * (NS / speeds[step])
        due = starts[step] + within + (places // total) * length
        whole = rounds * length
        if whole >= NEVER:
            return np.full(len(frames), NEVER)
        return whole + np.minimum(due, NEVER - whole).astype(np.int64)

    def _table(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], int]:
        """Frames and ns before each step and behind the last, units a second, units a frame.

        A frame is as many units as make all counts whole.
        """
        counts = [Fraction(0)]
        starts = [Fraction(0)]
        for seconds, pps in self.steps:
            counts.append(counts[-1] + seconds * pps)
            starts.append(starts[-1] + seconds * NS)
        unit = math.lcm(*(count.denominator for count in counts))
        if counts[-1] * unit > _MAX_UNITS or starts[-1] > _MAX_UNITS:
            raise ValueError("the numbers have too many digits")
        return (
            np.array([int(count * unit) for count in counts]),
            np.array([int(start) for start in starts]),
            np.array([float(pps * unit) for _, pps in self.steps]),
            unit,
        )

    def __str__(self) -> str:
        return f"pps-profile {self.name} ({self.digest[:8]})"


def _decimal(word: str) -> Fraction:
    if len(word) > 20 or not word.replace(".", "", 1).isdigit() or not word.isascii():
        raise ValueError(word)
    value = Fraction(word)
    if (value * NS).denominator != 1:
        raise ValueError(word)
    return value
