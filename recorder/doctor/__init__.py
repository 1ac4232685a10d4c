"""Can frames be captured here, and do bad ones arrive? One module a theme, one function a check."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .card import card
from .clock import clock
from .disk import disk
from .findings import Finding, Status
from .frames import frames
from .kernel import kernel
from .rights import rights
from .tools import tools

__all__ = ["Finding", "Status", "examine"]


def examine(interface: str | None, *, seconds: float, folder: Path) -> Iterator[Finding]:
    """All findings, in the order of the checks; each as soon as it is there.

    Args:
        interface: Name of the interface, None for the machine alone.
        seconds: How long its frames are looked at.
        folder: Where captures shall go.
    """
    for check in (rights, kernel, tools, clock):
        yield from check()
    yield from disk(folder)
    if interface is None:
        return
    findings, facts = card(interface)
    yield from findings
    if facts is not None:
        yield from frames(facts, seconds)
