"""How a program is named: ``exec:./decoder --flag`` or ``exec:timeout=5,batch=64:./decoder``.

Options stand before the command, which may hold colons and commas of its own. A command that
begins as options do needs a colon in front, for no options: ``exec::a=b:c``.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from pathlib import Path
from typing import Final

from ...errors import AlgorithmError

_OPTIONS: Final = re.compile(r"((?:\w+=[^\s:,]*(?:,\w+=[^\s:,]*)*)?):(.*)", re.DOTALL)


def split(text: str) -> tuple[str, str]:
    """The options, without their colon, and the command line."""
    found = _OPTIONS.fullmatch(text)
    return (found[1], found[2]) if found else ("", text)


def words(command: str) -> list[str]:
    """The program and its arguments, as a shell would split them.

    Raises:
        ValueError: There is no program, or a quote is not closed.
    """
    try:
        found = shlex.split(command)
    except ValueError as error:
        raise ValueError(f"{command!r}: {error}, wanted a command line") from None
    if not found:
        raise ValueError("no program, wanted a command line such as exec:./decoder")
    return found


def find(program: str) -> Path:
    """The absolute path of a program, looked for on the PATH if it has no slash.

    Raises:
        AlgorithmError: There is none, or it must not be executed.
    """
    found = shutil.which(program)
    if found is not None:
        return Path(os.path.abspath(found))  # noqa: PTH100 - a link must stay what it is
    path = Path(program)
    if not path.exists():
        where = "no such file" if "/" in program else "not on the PATH"
        hint = "check the path" if "/" in program else f"a file beside you is ./{program}"
    elif path.is_dir():
        where, hint = "a folder, wanted a program", "name the file in it"
    elif "/" not in program:
        where, hint = "not on the PATH", f"a file beside you is ./{program}"
    else:
        where, hint = "not executable", f"chmod +x {shlex.quote(program)}"
    raise AlgorithmError(f"exec: {program} cannot be started: {where}; {hint}")


def results_name(program: str) -> str:
    """A name for a file from that of a program: other characters become hyphens."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", Path(program).name)[:64].strip("-") or "decoder"
