"""Switches that turn radios off, from a folder as /sys/class/rfkill is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from wtrec.recorder.wireless.rfkill import Switch, blocking, switches


def test_switches(tmp_path: Path) -> None:
    """Switches of wireless cards are read in the order of their numbers; others are passed by."""
    rows = [(10, "wlan", "phy0", 1, 0), (2, "wlan", "phy1", 0, 1), (3, "bluetooth", "hci0", 1, 0)]
    for index, kind, name, soft, hard in rows:
        folder = tmp_path / f"rfkill{index}"
        folder.mkdir()
        for file, value in (("type", kind), ("name", name), ("soft", soft), ("hard", hard)):
            (folder / file).write_text(f"{value}\n")
    (tmp_path / "rfkill4").mkdir()  # of a card that goes away just now
    assert switches(tmp_path) == [
        Switch(2, "phy1", soft=False, hard=True),
        Switch(10, "phy0", soft=True, hard=False),
    ]


@pytest.mark.parametrize(
    ("soft", "hard", "advice"),
    [
        (False, False, ""),
        (True, False, "rfkill 1 (phy0) is blocked: rfkill unblock 1"),
        (False, True, "rfkill 1 (phy0) is blocked by hardware: turn the machine's wireless switch"),
        (True, True, "rfkill 1 (phy0) is blocked by hardware: turn the machine's wireless switch"),
    ],
)
def test_advice(soft: bool, hard: bool, advice: str) -> None:
    """A soft block is lifted by a command, a hard one by hand."""
    assert Switch(1, "phy0", soft=soft, hard=hard).advice.startswith(advice)
    assert bool(Switch(1, "phy0", soft=soft, hard=hard).advice) == (soft or hard)


def test_this_machine() -> None:
    """No switch blocks a card that is not there."""
    assert blocking("wtrec-nothing") is None
