"""Recovery from one copy: what each algorithm repairs of simulated bad frames.

In white noise, at each SNR on a grid where 2 to 98 % of the frames break, of 1,500 bytes and of
300; and behind Rayleigh fading at a few SNRs. Of a coarse grid, what is repaired of all bad frames
says little to a per cent: hardly any frame is repaired where 97 % break, and these are as many bad
frames as at all SNRs where less than 60 % do. So the grid is as fine as the algorithms are fast.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

from . import recovery_tables as tables
from .documents import put
from .phy import HALF_DB
from .points import Point, Score, score, simulate
from .recovery_tables import LENGTHS, LINE_DB, is_between

# By length, around where half of the frames of 1,500 bytes break: all but 2 to 98 % is inside.
REACH_DB = {LENGTHS[0]: (-1.5, 2.5), LENGTHS[1]: (-2.75, 2.5)}
FADING_DB = (2.0, 4.0, 6.0, 8.0)  # likewise
FLAT_FADING_DB = (5.0, 10.0, 15.0, 20.0)  # of 802.11b's PHY, where a frame has one gain


@dataclass(frozen=True, slots=True)
class Family:
    """Rates that the same algorithms are for.

    Attributes:
        title: What tables call them.
        half_db: By rate: where about half of the frames of 1,500 bytes break, on the grid.
        step_db: Of the grid.
        frames: Of 1,500 bytes, at each point; and a quarter as many of 300.
        faded: Likewise, behind fading.
        choices: Algorithms.
        fading_db: SNRs behind fading, above ``half_db``.
    """

    title: str
    half_db: dict[float, float]
    step_db: float
    frames: int
    faded: int
    choices: tuple[str, ...]
    fading_db: tuple[float, ...]


_OFDM_DB: dict[float, float] = {
    rate: round(half_db / LINE_DB) * LINE_DB for rate, half_db in HALF_DB.items()
}
PLAIN = Family(
    "802.11a and g, FCS alone",
    _OFDM_DB,
    0.025,
    500,
    2_000,
    (
        "auto:checks=none",
        "crc-event:checks=none",
        "crc-burst:checks=none",
        "crc-flip:checks=none",
        "crc-seed",
    ),
    FADING_DB,
)
OFDM = Family(
    "802.11a and g",
    _OFDM_DB,
    0.25,
    200,
    200,
    (
        "crc-event",  # the slow ones first, as they run side by side
        "auto",
        "crc-event:lookups=0",
        "crc-burst",
        "crc-flip",
        "header",
    ),
    FADING_DB,
)
DSSS = Family(
    "802.11b",
    {1: -1.0, 2: 3.5, 5.5: 4.5, 11: 7.75},
    0.25,
    100,
    100,
    (
        "auto",
        "auto:checks=none",
        "crc-dsss",
        "crc-dsss:checks=none",
        "crc-burst",
        "crc-burst:checks=none",
        "crc-flip",
        "crc-flip:checks=none",
        "header",
    ),
    FLAT_FADING_DB,
)
FAMILIES = (PLAIN, OFDM, DSSS)
AUTO = "algorithm-auto.md"
# What the page of an algorithm shows; of its last choice by SNR, too.
PAGES = {
    "algorithm-crc-flip.md": ("crc-flip:checks=none", "crc-flip"),
    "algorithm-crc-burst.md": ("crc-burst:checks=none", "crc-burst"),
    "algorithm-crc-event.md": ("crc-event:checks=none", "crc-event:lookups=0", "crc-event"),
    "algorithm-crc-dsss.md": ("crc-dsss:checks=none", "crc-dsss"),
    "algorithm-crc-seed.md": ("crc-seed",),
    "algorithm-header.md": ("header",),
    AUTO: ("auto:checks=none", "auto"),
}


@dataclass(frozen=True, slots=True)
class Yields:
    """What came out.

    Attributes:
        scores: By family.
        whole: Whether this was a whole run.
    """

    scores: dict[str, list[Score]]
    whole: bool


def run(quick: bool) -> Yields:
    """Measure; ``quick`` sends a fifth, at every second SNR of every third rate."""
    fewer = 5 if quick else 1
    scores: dict[str, list[Score]] = {}
    for family in FAMILIES:
        points: list[Point] = []
        for rate, half_db in list(family.half_db.items())[:: 3 if quick else 1]:
            step = family.step_db * (2 if quick else 1)
            points += _noise(rate, half_db, step, family.frames // fewer)
            faded = [(rate, half_db + above) for above in family.fading_db]
            points += simulate(
                faded, length=LENGTHS[0], frames=family.faded // fewer, channel="rayleigh"
            )
        scores[family.title] = score(family.choices, points)
    return Yields(scores, whole=not quick)


def _noise(rate: float, half_db: float, step: float, frames: int) -> Iterator[Point]:
    """White noise: where frames of 1,500 bytes break, or those of 300 do."""
    long, short = (
        {
            point.snr_db: point
            for point in simulate(
                [(rate, half_db + step * number) for number in _steps(step, *REACH_DB[length])],
                length=length,
                frames=number_of,
            )
        }
        for length, number_of in zip(LENGTHS, (frames, frames // 4), strict=True)
    )
    inside = {snr_db for snr_db, point in long.items() if is_between(point.broken)}
    yield from (long[snr_db] for snr_db in sorted(inside))
    for snr_db, point in short.items():
        if snr_db in inside or is_between(point.broken):
            yield point


def _steps(step: float, low: float, high: float) -> range:
    return range(round(low / step), round(high / step) + 1)


def report(yields: Yields) -> None:
    """Print the tables; put those of a whole run into the documents."""
    overview, stated = [], []
    pages: dict[str, list[str]] = {page: [] for page in PAGES}
    for family in FAMILIES:
        scores = yields.scores[family.title]
        overview += [
            tables.pooled(family.title, scores, family.choices),
            tables.fading(family.title, scores, family.choices, family.half_db),
        ]
        stated.append(tables.stated(family.title, scores, family.choices))
        for page, choices in PAGES.items():
            mine = [choice for choice in choices if choice in family.choices]
            if mine:
                pages[page].append(tables.by_rate(scores, mine))
                pages[page].append(tables.by_snr(scores, mine[-1], family.half_db))
            if page == AUTO:
                pages[page] += [tables.against_best(scores, choice) for choice in mine]
    texts = {
        ("algorithms.md", "recovery.py"): overview,
        ("algorithms.md", "recovery.py, stated and found"): stated,
    }
    texts |= {(page, "recovery.py"): there for page, there in pages.items()}
    for (page, mark), there in texts.items():
        text = "\n".join(there)
        print(f"{page}\n\n{text}")
        if yields.whole:
            put(page, mark, text)


if __name__ == "__main__":
    report(run("--quick" in sys.argv))
