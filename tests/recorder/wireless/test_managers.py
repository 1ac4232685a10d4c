"""Programs that manage wireless interfaces."""

from __future__ import annotations

import ctypes
import os
import time
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from wtrec.recorder.wireless.managers import read_devices, running

_SET_NAME = 15  # PR_SET_NAME


def test_running() -> None:
    """A process by the name of a manager is found, and is not when it has ended."""
    before = set(running())
    child = os.fork()
    if not child:
        ctypes.CDLL(None).prctl(_SET_NAME, b"wpa_supplicant", 0, 0, 0)
        time.sleep(60)
        os._exit(0)
    try:
        while Path(f"/proc/{child}/comm").read_text().strip() != "wpa_supplicant":
            time.sleep(0.001)
        assert set(running()) == before | {"wpa_supplicant"}
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
    assert set(running()) == before


def test_devices() -> None:
    """What nmcli prints for programs: names with colons, states with a remark."""
    output = "wlan0:connected\nmon0:unmanaged\nAA\\:BB:disconnected\nwwan0:connected (externally)\n"
    assert read_devices(output) == {
        "wlan0": True,
        "mon0": False,
        "AA:BB": True,
        "wwan0": True,
    }


@given(st.text())
def test_any_output(output: str) -> None:
    """Whatever was printed, nothing breaks."""
    assert all(isinstance(managed, bool) for managed in read_devices(output).values())
