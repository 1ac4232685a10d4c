"""What ``wtrec replay`` can do, and which of its options each of that takes.

An option that would do nothing is refused, before anything is opened.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

import click
from click.core import ParameterSource


class Mode(Enum):
    """What is done; the value says why it does not take some options."""

    REPLAY = "a file is replayed into algorithms"
    FIND_MAX = "--find-max tries paces of its own, and keeps nothing"
    DEPART = "--to without --algo lets frames leave as they are"
    LIVE = "an interface has its own pace: replay its recording (-w) later"

    @classmethod
    def of(cls, *, is_live: bool, find_max: bool, has_algorithms: bool) -> Mode:
        """What these words ask for."""
        if is_live:
            return cls.LIVE
        if find_max:
            return cls.FIND_MAX
        return cls.REPLAY if has_algorithms else cls.DEPART


_R, _F, _D, _L = Mode.REPLAY, Mode.FIND_MAX, Mode.DEPART, Mode.LIVE
_PACED: Final = {_R, _D}
TAKEN_BY: Final[dict[str, set[Mode]]] = {  # those that are not here go with everything
    "topspeed": _PACED,
    "rate": _PACED,
    "pps": _PACED,
    "mbps": _PACED,
    "pps_profile": _PACED,
    "loop": _PACED,
    "max_gap": {_R, _D, _F},
    "start_offset": {_R, _D, _F},
    "duration": {_R, _D, _F},
    "select": {_R, _D, _F},
    "limit": {_R, _D, _F},
    "warm_up": {_R, _F},
    "batch": {_R, _F},
    "deadline": {_R, _F},
    "on_overrun": {_R, _F},
    "find_max": {_R, _F},
    "trial": {_F},
    "jobs": {_R},
    "stats": {_R},
    "output": {_R, _L},
    "resume": {_R},
    "target": {_R, _D, _L},
    "fixed": {_R},
    "keep_original": {_R},
    "force": {_R, _L},
    "recording": {_L},
    "filter_text": {_L},
    "count": {_L},
    "stop_at": {_L},
}


def check_mode(context: click.Context, mode: Mode) -> None:
    """Refuse what was given on the command line and would do nothing.

    Raises:
        click.UsageError: There is such an option.
    """
    refused = [
        max(parameter.opts, key=len)
        for parameter in context.command.params
        if mode not in TAKEN_BY.get(parameter.name or "", set(Mode))
        and context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
    ]
    if not refused:
        return
    names = " and ".join(filter(None, [", ".join(refused[:-1]), refused[-1]]))
    raise click.UsageError(f"{mode.value}; {names} would do nothing here")
