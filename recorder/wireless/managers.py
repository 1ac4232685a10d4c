"""Programs that run wireless interfaces by themselves, and so take them from under a capture.

NetworkManager is asked by its own ``nmcli -t``, whose output is made for programs. The others
are recognised by the name of their process.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

MANAGERS = ("NetworkManager", "wpa_supplicant", "iwd", "hostapd", "connmand", "wicd", "dhcpcd")


def running(proc: Path = Path("/proc")) -> list[str]:
    """Those of ``MANAGERS`` that run."""
    found = set()
    for path in proc.glob("[0-9]*/comm"):
        try:
            found.add(path.read_text(encoding="utf-8", errors="replace").strip())
        except OSError:  # it ended
            continue
    return [name for name in MANAGERS if name in found]


def managed_devices() -> dict[str, bool]:
    """Interface to whether NetworkManager manages it; empty where it does not run."""
    try:
        done = subprocess.run(
            ["nmcli", "-t", "-f", "DEVICE,STATE", "device"],
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    return read_devices(done.stdout) if done.returncode == 0 else {}


def read_devices(output: str) -> dict[str, bool]:
    """Read what ``nmcli -t -f DEVICE,STATE device`` printed; it puts backslashes before colons."""
    found = {}
    for line in output.splitlines():
        name, colon, state = line.rpartition(":")
        if colon:
            found[name.replace("\\:", ":").replace("\\\\", "\\")] = state != "unmanaged"
    return found
