"""The kernel: its version, its capture ring, its wireless side."""

from __future__ import annotations

import platform
import re

from ...errors import CaptureError
from ..wireless.nl80211 import Nl80211, NoWirelessError
from .findings import Finding, Status

_OLDEST = (4, 20)  # PACKET_IGNORE_OUTGOING


def kernel() -> list[Finding]:
    """What capture asks of the kernel."""
    return [version(platform.release()), _ring(), _wireless()]


def version(release: str) -> Finding:
    """Whether a kernel of this release has all that capture asks for."""
    found = re.match(r"(\d+)\.(\d+)", release)
    if found is None:
        return Finding("kernel", Status.UNKNOWN, f"Linux {release}: no version to compare")
    if (int(found[1]), int(found[2])) < _OLDEST:
        return Finding(
            "kernel",
            Status.PROBLEM,
            f"Linux {release}, capture needs 4.20 or newer",
            "install a newer kernel",
        )
    return Finding("kernel", Status.OK, f"Linux {release}")


def _ring() -> Finding:
    from ..ring import Ring

    try:
        Ring("lo", None, 1).close()
    except (CaptureError, OSError) as error:
        return Finding(
            "packet-ring", Status.PROBLEM, f"no TPACKET_V3 ring: {error}", "run it with sudo"
        )
    return Finding("packet-ring", Status.OK, "AF_PACKET with a TPACKET_V3 ring")


def _wireless() -> Finding:
    try:
        with Nl80211() as nl80211:
            phys = nl80211.phys()
    except NoWirelessError:
        return Finding(
            "wireless",
            Status.WARNING,
            "no cfg80211 in the kernel: no wireless card has a driver loaded",
            "plug a card in and look for its driver: lsusb, lspci, dmesg",
        )
    except CaptureError as error:
        return Finding("wireless", Status.UNKNOWN, f"nl80211 does not answer: {error}")
    if not phys:
        return Finding(
            "wireless",
            Status.WARNING,
            "no wireless card",
            "plug one in and look for its driver: lsusb, lspci, dmesg",
        )
    names = ", ".join(phy.name for phy in phys)
    return Finding("wireless", Status.OK, f"wireless cards: {names}")
