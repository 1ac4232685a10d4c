"""Switches that turn radios off: rfkill, from /sys/class/rfkill.

Source: Documentation/driver-api/rfkill.rst. A *soft* block is set by a program and lifted by
one, a *hard* block is a switch or a key of the machine, or its firmware.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_SWITCHES = Path("/sys/class/rfkill")


@dataclass(frozen=True, slots=True)
class Switch:
    """One switch.

    Attributes:
        index: Its number in ``rfkill list``.
        name: Of a wireless card's radio: the phy's name.
        soft: Blocked by a program.
        hard: Blocked by hardware.
    """

    index: int
    name: str
    soft: bool
    hard: bool

    @property
    def advice(self) -> str:
        """What blocks, and how it is lifted; empty where nothing blocks."""
        if self.hard:
            return (
                f"rfkill {self.index} ({self.name}) is blocked by hardware: turn the machine's "
                "wireless switch or key, or look into its firmware settings"
            )
        if self.soft:
            return f"rfkill {self.index} ({self.name}) is blocked: rfkill unblock {self.index}"
        return ""


def switches(folder: Path = _SWITCHES) -> list[Switch]:
    """All switches of wireless cards, by their number."""
    found = []
    for path in sorted(folder.glob("rfkill*"), key=lambda path: int(path.name[6:] or 0)):
        try:
            facts = {
                name: (path / name).read_text(encoding="utf-8", errors="replace").strip()
                for name in ("type", "name", "soft", "hard")
            }
        except OSError:  # the card went away
            continue
        if facts["type"] == "wlan":
            found.append(
                Switch(
                    int(path.name[6:]), facts["name"], facts["soft"] == "1", facts["hard"] == "1"
                )
            )
    return found


def blocking(phy: str) -> Switch | None:
    """The switch that blocks a phy, None where none does."""
    return next((found for found in switches() if found.name == phy and found.advice), None)
