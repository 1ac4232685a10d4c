"""nl80211: what the kernel knows of wireless cards, and how interfaces are made on them.

Source: linux/nl80211.h. A *phy* is a card's radio; interfaces live on it. The kernel tells of
one phy in several messages (a "split dump"), each of which repeats the phy's number.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ...closing import Closing
from ...errors import CaptureError
from .channels import Channel, describe
from .netlink import GenericNetlink, RefusedError, attribute, nested, number, read_attributes, text

MONITOR = 6
TYPES = {
    0: "unspecified",
    1: "IBSS",
    2: "managed",
    3: "AP",
    4: "AP/VLAN",
    5: "WDS",
    MONITOR: "monitor",
    7: "mesh point",
    8: "P2P client",
    9: "P2P GO",
    10: "P2P device",
    11: "OCB",
    12: "NAN",
}
# NL80211_MNTR_FLAG_*, by the names that iw gives them
MONITOR_FLAGS = {"fcsfail": 1, "plcpfail": 2, "control": 3, "otherbss": 4}

_GET_WIPHY, _SET_WIPHY, _GET_INTERFACE, _SET_INTERFACE = 1, 2, 5, 6
_NEW_INTERFACE, _DEL_INTERFACE = 7, 8
_GET_POWER_SAVE = 62
_WIPHY, _WIPHY_NAME, _IFINDEX, _IFNAME, _IFTYPE = 1, 2, 3, 4, 5
_BANDS, _MONITOR_FLAGS, _SUPPORTED_TYPES, _FREQUENCY = 22, 23, 32, 38
_POWER_SAVE, _SOFTWARE_TYPES, _WIDTH, _CENTER, _SPLIT_DUMP = 93, 121, 159, 160, 174
_BAND_FREQUENCIES, _FREQUENCY_MHZ, _FREQUENCY_DISABLED = 1, 1, 2


@dataclass(slots=True)
class Phy:
    """A card's radio.

    Attributes:
        index: The kernel's number for it.
        name: For example ``phy0``.
        types: Types of interface that it can have, keys of ``TYPES``.
        frequencies: MHz of its channels; False where the regulatory domain forbids one.
    """

    index: int
    name: str = ""
    types: set[int] = field(default_factory=set)
    frequencies: dict[int, bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WirelessInterface:
    """An interface of a phy.

    Attributes:
        name: For example ``wlan0``; empty where it is no network interface (P2P device).
        index: The kernel's number for it, 0 without a network interface.
        phy: Number of its phy.
        type: Key of ``TYPES``.
        mhz: Centre of its primary channel, None where it has no channel.
        width: NL80211_CHAN_WIDTH_*, None where it has no channel.
    """

    name: str
    index: int
    phy: int
    type: int
    mhz: int | None = None
    width: int | None = None

    @property
    def type_name(self) -> str:
        """Its type in words."""
        return TYPES.get(self.type, f"type {self.type}")

    @property
    def channel(self) -> str | None:
        """Its channel for people, None where it has none."""
        return None if self.mhz is None else describe(self.mhz, self.width)


class NoWirelessError(CaptureError):
    """The kernel has no cfg80211: there can be no wireless card."""


class Nl80211(Closing):
    """A socket to the kernel's wireless side, of the caller's network namespace.

    Raises:
        NoWirelessError: The kernel has none.
    """

    def __init__(self) -> None:
        try:
            self._netlink = GenericNetlink("nl80211")
        except RefusedError as refused:
            raise NoWirelessError(
                "the kernel has no cfg80211, so no wireless card has a driver loaded: is one "
                "plugged in (lsusb, lspci), and does dmesg name a missing driver or firmware? "
                "The module itself: modprobe cfg80211"
                if refused.errno == errno.ENOENT
                else f"generic netlink does not answer: {refused}"
            ) from refused

    def phys(self) -> list[Phy]:
        """All phys, by their number."""
        return read_phys(self._netlink.command(_GET_WIPHY, attribute(_SPLIT_DUMP), dump=True))

    def interfaces(self) -> list[WirelessInterface]:
        """All interfaces, by phy and number."""
        answers = self._netlink.command(_GET_INTERFACE, dump=True)
        return sorted(map(read_interface, answers), key=lambda found: (found.phy, found.index))

    def interface(self, name: str) -> WirelessInterface | None:
        """One interface, None where no phy has it."""
        return next((found for found in self.interfaces() if found.name == name), None)

    def add_monitor(self, phy: Phy, name: str, flags: Iterable[str]) -> WirelessInterface:
        """Make a monitor interface; ``flags`` replace the kernel's own default.

        Raises:
            RefusedError: The kernel refuses.
        """
        answers = self._netlink.command(
            _NEW_INTERFACE,
            attribute(_WIPHY, phy.index),
            attribute(_IFNAME, name),
            attribute(_IFTYPE, MONITOR),
            nested(_MONITOR_FLAGS, *(attribute(MONITOR_FLAGS[flag]) for flag in flags)),
        )
        return read_interface(b"".join(answers[:1]))

    def set_monitor_flags(self, interface: WirelessInterface, flags: Iterable[str]) -> None:
        """Give a monitor interface other flags, in place of all that it has.

        Raises:
            RefusedError: The kernel refuses.
        """
        self._netlink.command(
            _SET_INTERFACE,
            attribute(_IFINDEX, interface.index),
            attribute(_IFTYPE, MONITOR),
            nested(_MONITOR_FLAGS, *(attribute(MONITOR_FLAGS[flag]) for flag in flags)),
        )

    def delete(self, interface: WirelessInterface) -> None:
        """Take an interface away.

        Raises:
            RefusedError: The kernel refuses.
        """
        self._netlink.command(_DEL_INTERFACE, attribute(_IFINDEX, interface.index))

    def set_channel(self, interface: WirelessInterface, channel: Channel) -> None:
        """Tune a monitor interface.

        Raises:
            RefusedError: The kernel refuses: EBUSY where an interface of another type is up on
                the phy, EINVAL where the card cannot have this channel.
        """
        self._netlink.command(
            _SET_WIPHY,
            attribute(_IFINDEX, interface.index),
            attribute(_FREQUENCY, channel.mhz),
            attribute(_WIDTH, channel.width_code),
            attribute(_CENTER, channel.center_mhz),
        )

    def power_save(self, interface: WirelessInterface) -> bool | None:
        """Whether an interface saves power; None where it does not say."""
        try:
            answers = self._netlink.command(_GET_POWER_SAVE, attribute(_IFINDEX, interface.index))
        except RefusedError:
            return None
        state = _parts(b"".join(answers[:1])).get(_POWER_SAVE)
        return None if state is None else bool(number(state))

    def close(self) -> None:
        """Give the socket back."""
        self._netlink.close()


def channel(name: str) -> str | None:
    """An interface's channel, for example ``6 (2437 MHz), width: 20 MHz``; None without one."""
    try:
        with Nl80211() as nl80211:
            found = nl80211.interface(name)
    except (NoWirelessError, RefusedError):
        return None
    return found.channel if found else None


def read_phys(answers: Iterable[bytes]) -> list[Phy]:
    """Put phys together from the messages of a split dump.

    Raises:
        FormatError: A message is no list of attributes, or a number has no length of one.
    """
    found: dict[int, Phy] = {}
    for answer in answers:
        parts = _parts(answer)
        if _WIPHY not in parts:
            continue
        index = number(parts[_WIPHY])
        phy = found.setdefault(index, Phy(index))
        phy.name = text(parts.get(_WIPHY_NAME, b"")) or phy.name
        for kind in (_SUPPORTED_TYPES, _SOFTWARE_TYPES):
            phy.types |= _parts(parts.get(kind, b"")).keys()
        for _band, content in read_attributes(parts.get(_BANDS, b"")):
            for _number, frequency in read_attributes(_parts(content).get(_BAND_FREQUENCIES, b"")):
                facts = _parts(frequency)
                if _FREQUENCY_MHZ in facts:
                    mhz = number(facts[_FREQUENCY_MHZ])
                    phy.frequencies[mhz] = _FREQUENCY_DISABLED not in facts
    return [found[index] for index in sorted(found)]


def read_interface(answer: bytes) -> WirelessInterface:
    """An interface from the message about it.

    Raises:
        FormatError: It is no list of attributes, or a number has no length of one.
    """
    parts = _parts(answer)

    def optional(kind: int) -> int | None:
        return number(parts[kind]) if kind in parts else None

    return WirelessInterface(
        name=text(parts.get(_IFNAME, b"")),
        index=optional(_IFINDEX) or 0,
        phy=optional(_WIPHY) or 0,
        type=optional(_IFTYPE) or 0,
        mhz=optional(_FREQUENCY),
        width=optional(_WIDTH),
    )


def _parts(data: bytes) -> Mapping[int, bytes]:
    return dict(read_attributes(data))
