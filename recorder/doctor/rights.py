"""Rights: may this process capture, and make interfaces?

Source: capabilities(7); the effective set is ``CapEff`` of /proc/self/status, one bit each.
"""

from __future__ import annotations

import re
import socket
from pathlib import Path

from .findings import Finding, Status

_CAP_NET_ADMIN, _CAP_NET_RAW = 12, 13


def rights() -> list[Finding]:
    """Capturing needs CAP_NET_RAW, monitor interfaces need CAP_NET_ADMIN."""
    return [_may_capture(), _may_make_interfaces()]


def _effective() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    found = re.search(r"^CapEff:\s*([0-9a-fA-F]+)$", status, re.MULTILINE)
    return int(found[1], 16) if found else 0


def _may_capture() -> Finding:
    # tried, not only read: in a container a right may be there and the kernel still refuse
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
    except OSError as error:
        held = "held" if _effective() >> _CAP_NET_RAW & 1 else "missing"
        return Finding(
            "right-to-capture",
            Status.PROBLEM,
            f"no packet socket: {error.strerror} (CAP_NET_RAW is {held})",
            "run it with sudo",
        )
    return Finding("right-to-capture", Status.OK, "may capture (CAP_NET_RAW)")


def _may_make_interfaces() -> Finding:
    if _effective() >> _CAP_NET_ADMIN & 1:
        return Finding("right-to-configure", Status.OK, "may make interfaces (CAP_NET_ADMIN)")
    return Finding(
        "right-to-configure",
        Status.WARNING,
        "may not make or tune interfaces (CAP_NET_ADMIN is missing)",
        "run wtrec monitor with sudo",
    )
