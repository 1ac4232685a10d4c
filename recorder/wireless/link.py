"""A network interface's state and note: up or down, and the text that ``ip link`` calls alias.

Source: linux/rtnetlink.h, linux/if_link.h. A request names the interface by its number:

     0        1        2       4               8               12              16
    +--------+--------+-------+---------------+---------------+---------------+-----------
    | family | 0      | type  | index i32     | flags u32     | change u32    | attributes
    +--------+--------+-------+---------------+---------------+---------------+-----------

The kernel does not say which flags a monitor interface has. So what wtrec asked for is kept in
the interface's alias, where it lives as long as the interface does, and ``ip link`` shows it.
"""

from __future__ import annotations

import socket
import struct

from .netlink import NETLINK_ROUTE, Netlink, RefusedError, attribute, read_attributes, text

_GET_LINK, _SET_LINK = 18, 19
_ALIAS = 20
_UP = 1
_INFO = struct.Struct("=BxHiII")
_NOTE = "wtrec monitor flags: "


def set_up(index: int, *, up: bool = True) -> None:
    """Bring an interface up, or down.

    Raises:
        RefusedError: The kernel refuses: ERFKILL where a switch blocks the radio.
    """
    _set(_INFO.pack(0, 0, index, _UP if up else 0, _UP))


def note_flags(index: int, flags: tuple[str, ...]) -> None:
    """Keep the flags that a monitor interface was made with.

    Raises:
        RefusedError: The kernel refuses.
    """
    _set(_INFO.pack(0, 0, index, 0, 0) + attribute(_ALIAS, _NOTE + (" ".join(flags) or "none")))


def noted_flags(name: str) -> tuple[str, ...] | None:
    """The flags that ``note_flags`` kept, None where there are none or no interface."""
    try:
        index = socket.if_nametoindex(name)
        with Netlink(NETLINK_ROUTE) as netlink:
            answers = netlink.ask(_GET_LINK, _INFO.pack(0, 0, index, 0, 0))
    except (OSError, RefusedError):
        return None
    alias = text(dict(read_attributes(b"".join(answers[:1]), _INFO.size)).get(_ALIAS, b""))
    if not alias.startswith(_NOTE):
        return None
    flags = alias.removeprefix(_NOTE).split()
    return () if flags == ["none"] else tuple(flags)


def _set(payload: bytes) -> None:
    with Netlink(NETLINK_ROUTE) as netlink:
        netlink.ask(_SET_LINK, payload)
