"""``fetch.txt``: the files of a dataset that are not here (RFC 8493, 2.2.3).

```text
URL LENGTH PATH         a line each; LENGTH in bytes
```

A part of a dataset has the manifests of all of it, so what is here can be checked, and this list
says what is missing on purpose. No manifest lists it: its digest is that of the whole dataset.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from ..files import atomic_write
from .names import check_path

FETCH = "fetch.txt"
_LINE = re.compile(r"(\S{1,4096}) ([0-9]{1,16}) (.+)")


def write_holes(folder: Path, holes: Mapping[str, tuple[int, str]]) -> None:
    """Write the list, or remove it where nothing is missing.

    Args:
        folder: Of the dataset.
        holes: Size and URL of each path that is missing.
    """
    if holes:
        lines = [f"{url} {size} {path}\n" for path, (size, url) in sorted(holes.items())]
        atomic_write(folder / FETCH, "".join(lines).encode())
    else:
        (folder / FETCH).unlink(missing_ok=True)


def parse_holes(content: bytes, problem: Callable[[str], None]) -> dict[str, int]:
    """The sizes of the paths that a list has.

    Args:
        content: Of the file.
        problem: Called with each line that is wrong, and why; the others are taken.
    """
    holes: dict[str, int] = {}
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        problem(f"offset {error.start}: not UTF-8")
        return holes
    for number, line in enumerate(text.removesuffix("\n").split("\n"), 1):
        match = _LINE.fullmatch(line)
        if match is None:
            problem(f"line {number}: wanted a URL, a length in bytes and a path")
            continue
        path = match[3]
        try:
            check_path(path)
        except ValueError as error:
            problem(f"line {number}: {path[:80]!a}: {error}")
            continue
        if path in holes:
            problem(f"line {number}: {path} for the second time")
            continue
        holes[path] = int(match[2])
    return holes
