"""Conditions of ``wtrec capture`` as dumpcap writes them: ``-a duration:60``, ``-b files:5``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ..recorder.rotation import Limits, Rotation

_KB = 1000  # bytes
_MOST_FILES = 100_000  # dumpcap's
_STOP = {"duration": "SECONDS", "packets": "N", "filesize": "KB", "files": "N"}
_ROTATE = {**_STOP, "interval": "SECONDS", "printname": "FILE"}

Condition = tuple[str, float | str]


def stop_condition(text: str) -> Condition:
    """A value of ``-a``."""
    return _condition(text, _STOP)


def rotation_condition(text: str) -> Condition:
    """A value of ``-b``."""
    return _condition(text, _ROTATE)


def _condition(text: str, known: dict[str, str]) -> Condition:
    kind, _, value = text.partition(":")
    if kind == "printname" and kind in known and value:
        return kind, value
    try:
        amount = float(value) if known.get(kind) == "SECONDS" else int(value)
    except ValueError:
        amount = 0
    most = _MOST_FILES if kind == "files" else 1e9
    if kind not in known or kind == "printname" or not 0 < amount < most:
        *first, last = (f"{name}:{unit}" for name, unit in known.items())
        raise click.BadParameter(
            f"wanted {', '.join(first)} or {last} (1 KB is 1000 bytes), found {text!r}"
        )
    return kind, amount


def limits_and_rotation(
    count: int | None, stop: Sequence[Condition], rotate: Sequence[Condition]
) -> tuple[Limits, Rotation | None, str | None]:
    """What ``-c``, ``-a`` and ``-b`` ask for, and where names are printed.

    Of a condition that is given twice, the smaller value counts. With ``-b``, ``-a filesize`` is
    the size at which a new file begins, as in dumpcap.

    Raises:
        click.UsageError: They do not fit together.
    """
    from ..recorder.rotation import Limits, Rotation

    stops: dict[str, float] = {"packets": count} if count else {}
    rotations: dict[str, float] = {}
    print_names: str | None = None
    for kind, value in rotate:
        if isinstance(value, str):
            print_names = value
        else:
            rotations[kind] = min(value, rotations.get(kind, value))
    for kind, value in stop:
        if isinstance(value, str):
            continue
        target = rotations if kind == "filesize" and rotate else stops
        target[kind] = min(value, target.get(kind, value))
    limits = Limits(
        frames=_whole(stops, "packets"),
        seconds=stops.get("duration"),
        bytes=_whole(stops, "filesize", _KB),
        files=_whole(stops, "files"),
    )
    if not rotate:
        if limits.files is not None:
            raise click.UsageError("-a files: there is one file; -b says when another one begins")
        return limits, None, None
    rotation = Rotation(
        seconds=rotations.get("duration"),
        interval=rotations.get("interval"),
        bytes=_whole(rotations, "filesize", _KB),
        frames=_whole(rotations, "packets"),
        files=_whole(rotations, "files"),
    )
    if not rotation.has_condition:
        raise click.UsageError(
            "-b: nothing says when a new file begins: add -b duration:SECONDS, interval:SECONDS, "
            "filesize:KB or packets:N"
        )
    return limits, rotation, print_names


def _whole(amounts: dict[str, float], kind: str, unit: int = 1) -> int | None:
    return int(amounts[kind] * unit) if kind in amounts else None
