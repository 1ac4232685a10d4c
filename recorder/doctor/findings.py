"""What a check finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How it stands.

    OK: nothing to do. WARNING: a capture works, but is worth less than it could be. PROBLEM: a
    capture does not work, or is worth nothing. UNKNOWN: it could not be found out.
    """

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding.

    Attributes:
        check: What was looked at; stable, for programs.
        status: How it stands.
        text: What was found, for people.
        fix: The command or the step that mends it, empty where there is nothing to mend.
    """

    check: str
    status: Status
    text: str
    fix: str = ""

    def to_json(self) -> dict[str, str]:
        """For programs."""
        return {
            "check": self.check,
            "status": self.status.value,
            "text": self.text,
            "fix": self.fix,
        }
