"""Finds frames that take programs down paths which no sample takes.

A filter for port 5006 drops every sample, and so does a wrong program for it. So samples are
changed until programs go every way they can: at each conditional jump whose operand is from
one place in the frame, the bytes there are set to what would send the frame the other way,

    frame ──► run ──► jump not yet taken that way ──► frame with other bytes ──► run ──► ...

and a frame is kept if it goes a way that nothing made of the same sample went. Bytes that say how
long the Radiotap header is stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .interpreter import WORD, Branch, Outcome, run
from .libpcap import DLT_IEEE802_11
from .program import Program
from .samples import Sample, samples

_EQUAL, _GREATER, _AT_LEAST = 0x10, 0x20, 0x30  # else: any of these bits
_RADIOTAP_LENGTH = range(2, 4)
_SPREAD = (0, 4, 2, 6, 1, 5, 3, 7)  # of each eight samples, which come first


class Tried(NamedTuple):
    """A frame, and what each of the programs did with it."""

    sample: Sample
    outcomes: tuple[Outcome, ...]


def explore(
    programs: Sequence[Program],
    begin: Sequence[Sample],
    fixed: range = range(0),
    most: int = 1000,
) -> list[Tried]:
    """Run programs over samples, and over what becomes of them.

    Args:
        programs: Whose paths to find.
        begin: The samples; all of them are in the result, first.
        fixed: Bytes that are never changed.
        most: Frames in the result beside the samples.

    Raises:
        FilterError: A program asks for what no capture has.
    """
    tried = [_try(programs, sample) for sample in begin]
    # Each sample is followed to its end before the next, and neighbours, which are alike, late.
    for first in _SPREAD:
        for base in tried[: len(begin)][first :: len(_SPREAD)]:
            tried += _descend(programs, base, fixed, most - len(tried) + len(begin))
    return tried


def try_samples(programs: Sequence[Program], linktype: int) -> list[Tried]:
    """Run programs over the sample frames of a link type, 127 or 105, and what becomes of them.

    Raises:
        FilterError: A program asks for what no capture has.
    """
    if linktype == DLT_IEEE802_11:
        return explore(programs, [Sample(sample.kind, sample.mpdu) for sample in samples()])
    return explore(programs, samples(), _RADIOTAP_LENGTH)


def _try(programs: Sequence[Program], sample: Sample) -> Tried:
    return Tried(sample, tuple(run(program, sample.packet) for program in programs))


def _descend(programs: Sequence[Program], base: Tried, fixed: range, most: int) -> list[Tried]:
    """What becomes of one sample."""
    found: list[Tried] = []
    seen: set[tuple[int, int, bool]] = set()
    waiting = [base]
    while waiting:
        sample, outcomes = waiting.pop()
        for number, outcome in enumerate(outcomes):
            seen.update((number, branch.at, branch.taken) for branch in outcome.branches)
        for number, outcome in enumerate(outcomes):
            for branch in outcome.branches:
                other_way = (number, branch.at, not branch.taken)
                if other_way in seen or len(found) >= most:
                    continue
                changed = _sent_the_other_way(sample, branch, fixed)
                if changed is not None:
                    seen.add(other_way)
                    found.append(_try(programs, changed))
                    waiting.append(found[-1])
    return found


def _sent_the_other_way(sample: Sample, branch: Branch, fixed: range) -> Sample | None:
    if branch.source is None:
        return None
    offset, size, mask, delta = branch.source
    if offset < fixed.stop and offset + size > fixed.start:
        return None
    wanted = _other_value(branch, mask, delta)
    if wanted is None:
        return None
    raw = wanted - delta & WORD
    if raw & ~mask:
        return None
    now = int.from_bytes(sample.packet[offset : offset + size], "big")
    return sample.patched(offset, (now & ~mask | raw).to_bytes(size, "big"))


def _other_value(branch: Branch, mask: int, delta: int) -> int | None:
    """A value of A for which the condition is what it is not."""
    operand, value, taken = branch.operand, branch.value, branch.taken
    match branch.code:
        case code if code == _EQUAL:
            lowest = mask & -mask
            return ((value - delta & WORD) ^ lowest) + delta & WORD if taken else operand
        case code if code == _GREATER:
            return operand if taken else (operand + 1 if operand < WORD else None)
        case code if code == _AT_LEAST:
            return (operand - 1 if operand else None) if taken else operand
        case _:
            return value & ~operand if taken else value | (operand & mask)
