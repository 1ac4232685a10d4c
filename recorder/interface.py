"""What the kernel says about a network interface, and whether it can be captured on.

Everything is asked by ioctl and /proc/self/net, which answer for the caller's own network
namespace; /sys answers for the namespace that it was mounted in.

    SIOCGIFHWADDR       hardware type (ARPHRD, linux/if_arp.h)
    SIOCGIFFLAGS        is it up
    SIOCETHTOOL         struct ethtool_drvinfo: driver, its version, firmware, bus
    /proc/self/net/dev  frames that the driver itself dropped
"""

from __future__ import annotations

import array
import fcntl
import re
import socket
import struct
from dataclasses import dataclass
from pathlib import Path

from ..errors import CaptureError

ARPHRD_IEEE80211 = 801
ARPHRD_IEEE80211_RADIOTAP = 803
_LINKTYPES = {ARPHRD_IEEE80211_RADIOTAP: 127, ARPHRD_IEEE80211: 105}
_ARPHRD_NAMES = {
    1: "Ethernet",
    772: "loopback",
    ARPHRD_IEEE80211: "802.11",
    802: "802.11 Prism",
    ARPHRD_IEEE80211_RADIOTAP: "802.11 Radiotap",
    65534: "none",
}

_SIOCGIFFLAGS, _SIOCGIFHWADDR, _SIOCETHTOOL = 0x8913, 0x8927, 0x8946
_ETHTOOL_GDRVINFO = 3
_IFF_UP = 1
_IFREQ = struct.Struct("16s24x")


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface as it was when it was asked.

    Attributes:
        name: The kernel's name, for example ``mon0``.
        hardware_type: ARPHRD number; 803 is a monitor interface with Radiotap headers.
        up: Whether it is administratively up.
        driver: The driver's name, empty where it does not say.
        hardware: Bus address and firmware version, empty where the driver does not say.
    """

    name: str
    hardware_type: int
    up: bool
    driver: str
    hardware: str

    @property
    def linktype(self) -> int:
        """LINKTYPE number of its frames: 127 behind Radiotap, 105 bare 802.11, 0 for others."""
        return _LINKTYPES.get(self.hardware_type, 0)


def interface_facts(name: str) -> Interface:
    """Ask the kernel about one interface.

    Raises:
        CaptureError: There is no such interface.
    """
    if len(name.encode()) > 15:
        raise CaptureError(f"{name}: an interface's name has at most 15 bytes")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            (flags,) = struct.unpack_from("=H", _ask(sock, _SIOCGIFFLAGS, name), 16)
            (hardware_type,) = struct.unpack_from("=H", _ask(sock, _SIOCGIFHWADDR, name), 16)
        except OSError as error:
            raise CaptureError(f"{name}: no such interface; {_advice()}") from error
        driver, hardware = _driver(sock, name)
    return Interface(name, hardware_type, bool(flags & _IFF_UP), driver, hardware)


def monitor_interface(name: str) -> Interface:
    """The facts of an interface that is ready to be captured on.

    Raises:
        CaptureError: It does not exist, is no monitor interface, or is down; with the next step.
    """
    found = interface_facts(name)
    if not found.linktype:
        kind = _ARPHRD_NAMES.get(found.hardware_type, "hardware type")
        raise CaptureError(
            f"{name} is {kind} ({found.hardware_type}), wanted 802.11 Radiotap (803); make a "
            "monitor interface on its phy: wtrec monitor list && wtrec monitor add phy0 mon0"
        )
    if not found.up:
        raise CaptureError(f"{name} is down; bring it up: ip link set {name} up")
    return found


def monitor_names() -> list[str]:
    """Names of all 802.11 monitor interfaces of this network namespace."""
    names = []
    for _index, name in socket.if_nameindex():
        try:
            if interface_facts(name).linktype:
                names.append(name)
        except CaptureError:  # it went away since the list was made
            continue
    return names


def driver_drops(name: str) -> int | None:
    """Received frames that the driver dropped since the interface exists; None if it is gone."""
    return _counter(name, 3)


def transmit_drops(name: str) -> int | None:
    """Frames to be sent that were dropped since the interface exists; None if it is gone."""
    return _counter(name, 11)


def _counter(name: str, column: int) -> int | None:
    """A number of /proc/self/net/dev: columns count from 0."""
    found = re.search(
        rf"^\s*{re.escape(name)}:\s*(?:\d+\s+){{{column}}}(\d+)",
        Path("/proc/self/net/dev").read_text(encoding="ascii", errors="replace"),
        re.MULTILINE,
    )
    return int(found[1]) if found else None


def _ask(sock: socket.socket, request: int, name: str) -> bytes:
    return fcntl.ioctl(sock, request, _IFREQ.pack(name.encode()))


def _driver(sock: socket.socket, name: str) -> tuple[str, str]:
    """Driver, and bus address with firmware version: empty where the driver does not say."""
    info = array.array("B", struct.pack("=I192x", _ETHTOOL_GDRVINFO))
    address, _ = info.buffer_info()
    try:
        fcntl.ioctl(sock, _SIOCETHTOOL, struct.pack("@16sP16x", name.encode(), address))
    except OSError:
        return "", ""
    driver, _version, firmware, bus = (
        field.split(b"\0", 1)[0].decode(errors="replace")
        for (field,) in struct.iter_unpack("32s", info.tobytes()[4:132])
    )
    parts = [
        bus if bus != driver else "",
        f"firmware {firmware}" if firmware not in {"", "N/A"} else "",
    ]
    return driver, ", ".join(filter(None, parts))


def _advice() -> str:
    names = monitor_names()
    if names:
        return f"monitor interfaces here: {', '.join(names)}"
    return (
        "there is no monitor interface here; make one: wtrec monitor list && "
        "wtrec monitor add phy0 mon0"
    )


def has_listener(name: str) -> bool:
    """Whether a packet socket listens on this interface, or on all of them.

    One that is not bound yet has no protocol, and gets nothing.

    Raises:
        OSError: There is no such interface.
    """
    index = socket.if_nametoindex(name)
    lines = Path("/proc/self/net/packet").read_text(encoding="ascii").splitlines()[1:]
    sockets = (line.split() for line in lines)
    return any(int(each[3], 16) and int(each[4]) in {index, 0} for each in sockets)
