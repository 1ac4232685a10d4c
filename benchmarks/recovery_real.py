"""What each algorithm repairs of a real capture's bad frames: 39 of 114 bytes, at three rates.

What was sent is known from the payload, which is zeros, and from intact copies; ``confidence`` in
the file of truths says how surely. A repair is *correct* if it flips just the wrong bits. It is
*wrong* if it does not and the original is proven, or if it leaves a payload that is not zeros;
where the original is not proven and only headers differ, nothing is said.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from wtrec.datasets.frames import FrameBatch
from wtrec.datasets.reader import read_frames
from wtrec.replay.choice import make

from .corpus import GVSP
from .documents import put, table
from .points import repaired

_GATED = ("crc-burst", "crc-dsss", "crc-event", "crc-flip", "auto")
CHOICES = (
    *(
        f"{name}:gate={gate}{checks}"
        for name in _GATED
        for gate in (0.01, 0.1)
        for checks in (",checks=none", "")
    ),
    "crc-seed",
    "header",
)
PAGES = {f"algorithm-{name}.md": name for name in (*_GATED, "crc-seed", "header")}

_PROVEN = {"exact", "likely"}
_PAYLOAD = range(60 * 8, 110 * 8)


@dataclass(frozen=True, slots=True)
class Repair:
    """One repair.

    Attributes:
        choice: The algorithm, as the user would name it.
        rate_mbps: Of the frame.
        verdict: correct, wrong or unjudged.
        confidence: In what was sent.
    """

    choice: str
    rate_mbps: float
    verdict: str
    confidence: str


@dataclass(frozen=True, slots=True)
class Real:
    """What came out: bad frames by rate, and repairs."""

    bad: dict[float, int]
    repairs: list[Repair]


def run(quick: bool) -> Real | None:
    """Replay; nothing where the capture is missing. ``quick`` leaves nothing out."""
    del quick
    truths = GVSP.with_name("gvsp.truth.json")
    if not truths.exists():
        return None
    truth = {frame["frame"]: frame for frame in json.loads(truths.read_text())["frames"]}
    batches = [FrameBatch(frames) for frames in read_frames(GVSP)]
    repairs = []
    for choice in CHOICES:
        algorithm, _ = make(choice)
        for frames in batches:
            for number, flips in repaired(algorithm.recover(frames)):
                sent = truth[number]
                verdict = _verdict(set(flips), set(sent["error_bits"]), sent["confidence"])
                repairs.append(Repair(choice, sent["rate_mbps"], verdict, sent["confidence"]))
    return Real(Counter(frame["rate_mbps"] for frame in truth.values()), repairs)


def _verdict(flips: set[int], wrong_bits: set[int], confidence: str) -> str:
    if flips == wrong_bits:
        return "correct"
    if confidence in _PROVEN or not (flips ^ wrong_bits).isdisjoint(_PAYLOAD):
        return "wrong"
    return "unjudged"


def report(real: Real | None) -> None:
    """Print the table; put it into the documents."""
    if real is None:
        print(f"skipped: no {GVSP}")
        return
    text = _table(real, CHOICES)
    print(text)
    put("algorithms.md", "recovery_real.py", text)
    for page, name in PAGES.items():
        mine = [choice for choice in CHOICES if choice.partition(":")[0] == name]
        put(page, "recovery_real.py", _table(real, mine))


def _table(real: Real, choices: Sequence[str]) -> str:
    """Correct and wrong repairs by rate; and of how many correct ones the original is how sure."""
    rates = sorted(real.bad)
    rows = []
    for choice in choices:
        mine = [repair for repair in real.repairs if repair.choice == choice]
        sure = Counter(repair.confidence for repair in mine if repair.verdict == "correct")
        rows.append(
            [
                f"`{choice}`",
                *(_cell([r.verdict for r in mine if r.rate_mbps == rate]) for rate in rates),
                ", ".join(f"{number} {confidence}" for confidence, number in sorted(sure.items())),
            ]
        )
    head = [f"{rate:g} Mbit/s: {real.bad[rate]} bad" for rate in rates]
    return table(["real frames", *head, "originals of the correct ones"], rows)


def _cell(verdicts: Sequence[str]) -> str:
    """Correct and wrong ones, and those that nothing is said of."""
    unjudged = f" ({verdicts.count('unjudged')})" if "unjudged" in verdicts else ""
    return f"{verdicts.count('correct')} / {verdicts.count('wrong')}{unjudged}"


if __name__ == "__main__":
    report(run(quick=False))
