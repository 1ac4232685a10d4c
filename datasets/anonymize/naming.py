"""What the files of a run are called: one mapping of what their names begin with.

What stands behind that says which algorithm, or what kind of file it is, and stays.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from ..run import run_stem, stem
from ..sharing.names import unique

_STAMP = re.compile(r"(?<=_\d{5}_)\d{14}$", re.ASCII)
_STAMP_FORMAT = "%Y%m%d%H%M%S"
_PACKINGS = (".gz", ".zst")


class FileNames:
    """New names for the files of a run.

    Args:
        captures: The names of its captures.
        replace: Gives a text without names and addresses.
        shift_s: What is added to times.
    """

    def __init__(
        self, captures: Sequence[str], replace: Callable[[str], str], shift_s: int = 0
    ) -> None:
        self._replace = replace
        self._stems: dict[str, str] = {}  # and those of files that the run has once
        self._captures: dict[str, str] = {}
        taken: set[str] = set()
        stems: set[str] = set()
        for name in captures:
            path = Path(name)
            base, old = run_stem(path), stem(path)
            if base not in self._stems:
                self._stems[base] = unique(replace(base), taken)
            new = self._stems[base] + old[len(base) :]
            if shift_s:
                new = _STAMP.sub(lambda stamp: _shifted(stamp, shift_s), new)
            new = unique(new, stems)
            self._stems.setdefault(old, new)
            packing = next((suffix for suffix in _PACKINGS if name.endswith(suffix)), "")
            self._captures[name] = f"{new}.pcapng{packing}"
        self.run_id = next(iter(self._stems.values()), "run")

    def of_capture(self, name: str) -> str:
        """That of one of the captures; they are pcapng now, packed as they were."""
        return self._captures[name]

    def of(self, name: str) -> str:
        """That of a file beside them."""
        for old in sorted(self._stems, key=len, reverse=True):
            if name.startswith(f"{old}."):
                return self._stems[old] + name[len(old) :]
        return self._replace(name)


def _shifted(stamp: re.Match[str], shift_s: int) -> str:
    try:
        time = datetime.strptime(stamp[0], _STAMP_FORMAT)  # noqa: DTZ007 - no zone is needed
        return f"{time + timedelta(seconds=shift_s):{_STAMP_FORMAT}}"
    except (ValueError, OverflowError):
        return "0" * len(stamp[0])
