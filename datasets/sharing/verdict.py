"""What was found when a dataset was verified: every problem, but of one file not without end."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from .dataset import Dataset

_MOST_PROBLEMS: Final = 100  # of one file that are named; the others are counted


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong.

    Attributes:
        path: The file in the dataset.
        what: What is wrong with it.
    """

    path: str
    what: str

    def __str__(self) -> str:
        return f"{self.path}: {self.what}"


@dataclass(slots=True)
class Verdict:
    """What was found.

    Attributes:
        path: Folder of the dataset.
        dataset: What is in it; None where ``dataset.json`` cannot be read.
        digest: SHA-256 of the tag manifest, which names this very content; empty without one.
        files: Number of files that were hashed.
        bytes: Their bytes.
        problems: All that is wrong, in the order of paths; of one file the first hundred, and
            behind them how many more.
        notes: What is to be known, and was when the dataset was made.
        absent: Files that are not here because only a part was pulled, and their bytes.
    """

    path: Path
    dataset: Dataset | None = None
    digest: str = ""
    files: int = 0
    bytes: int = 0
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    absent: dict[str, int] = field(default_factory=dict)
    _found: dict[str, set[str]] = field(default_factory=dict)

    def problem(self, path: str, what: str) -> None:
        """Note a problem, once."""
        path = path if path.isprintable() else ascii(path)
        found = self._found.setdefault(path, set())
        if what in found:
            return
        found.add(what)
        if len(found) <= _MOST_PROBLEMS:
            self.problems.append(Problem(path, what))

    def close(self) -> None:
        """Put the problems in order; nothing is noted behind that."""
        for path, found in self._found.items():
            if len(found) > _MOST_PROBLEMS:
                self.problems.append(Problem(path, f"and {len(found) - _MOST_PROBLEMS:,} more"))
        self.problems.sort(key=lambda each: each.path)

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems
