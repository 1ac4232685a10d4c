"""``run.json`` without machines, people and places."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..run import Filter, Run
from .capture import interface_name
from .texts import Texts

HOST = "host"
_NO_DEVICE = "simulated"  # what a simulated run calls its interface
_NS_PER_S = 1_000_000_000


def anonymous(run: Run, texts: Texts, shift_s: int) -> Run:
    """The metadata of a run, files apart.

    Kept are ids, versions, drivers, channels, flags and counters. The host's name, the kernel's
    release, comments, hashes of other captures, the filter's program and positions go; interfaces
    have the names that they have in the capture.
    """
    kept = None if run.filter is None else run.filter.text
    interfaces = tuple(
        replace(each, name=_new_name(each.name, number))
        for number, each in enumerate(run.interfaces)
    )
    return replace(
        run,
        start=run.start + shift_s * _NS_PER_S,
        end=None if run.end is None else run.end + shift_s * _NS_PER_S,
        host=HOST,
        os=run.os.partition(" ")[0],
        interface=_new_name(run.interface, 0),
        filter=None
        if run.filter is None
        else Filter(text=kept and texts.replace(kept), program=""),
        meta=texts.of_meta(run.meta),
        comment="",
        interfaces=interfaces,
        files=(),
        merged_from=(),
    )


def names_in(runs: Iterable[Run]) -> dict[str, str]:
    """Names of machines and interfaces that runs have, and what replaces them."""
    names: dict[str, str] = {}
    for run in runs:
        names[run.host] = HOST
        every = [each.name for each in run.interfaces] or [run.interface]
        names |= {name: _new_name(name, number) for number, name in enumerate(every)}
    return names


def _new_name(name: str, number: int) -> str:
    return name if name == _NO_DEVICE else interface_name(number)
