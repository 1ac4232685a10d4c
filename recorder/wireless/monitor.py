"""Monitor interfaces: made on a card's phy, taken away, listed.

``add`` makes the interface, notes its flags in its alias, brings it up, tunes it. If a step
fails, the interface is taken away again, and the error says what to do.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from ...errors import CaptureError
from ..interface import interface_facts, monitor_names
from . import link, managers, rfkill
from .channels import HIGHEST, LOWEST, SIX_GHZ, Channel, channel_number, describe
from .netlink import RefusedError
from .nl80211 import MONITOR, Nl80211, NoWirelessError, Phy, WirelessInterface

DEFAULT_FLAGS = ("fcsfail", "control", "otherbss")
_NAME = re.compile(r"[^/\s:%]{1,15}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the list: an interface, or a phy without one.

    Attributes:
        phy: Name of the phy; None for a simulated interface.
        interface: Name of the interface; None for a phy without one.
        type: For example ``monitor``.
        up: Whether it is up.
        channel: For people; None where it has none.
        flags: Flags that ``add`` gave it; None where that is not known.
        driver: Name of the driver, empty where it is not known.
        can_monitor: Whether the phy can have monitor interfaces.
    """

    phy: str | None
    interface: str | None
    type: str | None
    up: bool
    channel: str | None
    flags: tuple[str, ...] | None
    driver: str
    can_monitor: bool


def add(
    phy: str, name: str, *, flags: Iterable[str] = DEFAULT_FLAGS, channel: Channel | None = None
) -> WirelessInterface:
    """Make a monitor interface that is up.

    Args:
        phy: The card's radio, for example ``phy0``.
        name: Of the new interface.
        flags: Keys of ``MONITOR_FLAGS``.
        channel: Where to tune it; None leaves the card where it is.

    Raises:
        CaptureError: It cannot be made; with the reason and the next step. Nothing is left.
    """
    flags = tuple(flags)
    if not _NAME.fullmatch(name) or name in {".", ".."} or len(name.encode()) > 15:
        raise CaptureError(
            f"{name!r} is no name for an interface: it has 1 to 15 bytes, none of them a blank, "
            "a slash, a colon or a percent sign"
        )
    with Nl80211() as nl80211:
        card = _phy(nl80211, phy)
        check_channel(card, channel)
        try:
            made = nl80211.add_monitor(card, name, flags)
        except RefusedError as refused:
            raise _not_made(card, name, refused) from refused
        try:
            _step(made, card, "cannot note its flags", lambda: link.note_flags(made.index, flags))
            _step(made, card, "cannot be brought up", lambda: link.set_up(made.index))
            if channel is not None:
                tune(nl80211, made, card, channel)
        except BaseException:
            nl80211.delete(made)
            raise
        return nl80211.interface(name) or made


def delete(name: str) -> None:
    """Take a monitor interface away.

    Raises:
        CaptureError: There is none of this name, or no right; with the next step.
    """
    with Nl80211() as nl80211:
        interfaces = nl80211.interfaces()
        found = next((each for each in interfaces if each.name == name), None)
        if found is None:
            names = [each.name for each in interfaces if each.type == MONITOR]
            raise CaptureError(
                f"{name}: no wireless interface of this name; monitor interfaces here: "
                f"{', '.join(names) or 'none'}"
            )
        if found.type != MONITOR:
            raise CaptureError(
                f"{name} is of type {found.type_name}, and only monitor interfaces are deleted; "
                f"to delete it all the same: iw dev {name} del"
            )
        try:
            nl80211.delete(found)
        except RefusedError as refused:
            raise not_done(f"{name} cannot be deleted", refused) from refused


def entries() -> list[Entry]:
    """All phys with their interfaces, then simulated monitor interfaces.

    Raises:
        NoWirelessError: There is neither, and the kernel has no cfg80211.
    """
    found: list[Entry] = []
    missing: NoWirelessError | None = None
    try:
        with Nl80211() as nl80211:
            interfaces = nl80211.interfaces()
            for phy in nl80211.phys():
                ours = [each for each in interfaces if each.phy == phy.index]
                found += [_entry(phy, each) for each in ours] or [_entry(phy, None)]
    except NoWirelessError as error:
        missing = error
    known = {entry.interface for entry in found}
    for name in monitor_names():
        if name not in known:
            facts = interface_facts(name)
            found.append(
                Entry(
                    phy=None,
                    interface=name,
                    type="monitor",
                    up=facts.up,
                    channel=None,
                    flags=None,
                    driver=facts.driver,
                    can_monitor=True,
                )
            )
    if missing is not None and not found:
        raise missing
    return found


def of_interface(nl80211: Nl80211, name: str) -> tuple[WirelessInterface, Phy] | None:
    """An interface and its phy, None where no phy has one of this name."""
    found = nl80211.interface(name)
    if found is None:
        return None
    return found, next(phy for phy in nl80211.phys() if phy.index == found.phy)


def _entry(phy: Phy, interface: WirelessInterface | None) -> Entry:
    up, driver, flags = False, "", None
    if interface is not None and interface.name:
        facts = interface_facts(interface.name)
        up, driver = facts.up, facts.driver
        flags = link.noted_flags(interface.name) if interface.type == MONITOR else None
    return Entry(
        phy=phy.name,
        interface=interface.name or None if interface else None,
        type=interface.type_name if interface else None,
        up=up,
        channel=interface.channel if interface else None,
        flags=flags,
        driver=driver or phy_driver(phy.name),
        can_monitor=MONITOR in phy.types,
    )


def phy_driver(phy: str) -> str:
    """Name of a phy's driver, empty where /sys does not show it."""
    try:
        return Path(f"/sys/class/ieee80211/{phy}/device/driver").resolve(strict=True).name
    except OSError:
        return ""


def _phy(nl80211: Nl80211, name: str) -> Phy:
    phys = nl80211.phys()
    found = next((phy for phy in phys if phy.name == name), None)
    if found is None:
        hint = ", ".join(phy.name for phy in phys) or "none; is a card plugged in (lsusb, lspci)?"
        interface = nl80211.interface(name)
        if interface is not None:
            owner = next(phy.name for phy in phys if phy.index == interface.phy)
            hint = f"{hint}; {name} is an interface of {owner}"
        raise CaptureError(f"{name}: no such phy; phys here: {hint}")
    return found


def check_channel(phy: Phy, channel: Channel | None) -> None:
    """See whether a phy can listen there.

    Raises:
        CaptureError: It cannot; with the reason and the next step.
    """
    if phy.types and MONITOR not in phy.types:
        raise CaptureError(
            f"{phy.name}: its driver ({phy_driver(phy.name) or 'unknown'}) has no monitor mode; "
            "use another card or another driver"
        )
    if channel is None or not phy.frequencies:
        return
    if channel.mhz not in phy.frequencies:
        raise CaptureError(f"{phy.name} has no channel {channel}; it has {_numbers(phy)}")
    if not phy.frequencies[channel.mhz]:
        raise CaptureError(
            f"{phy.name}: channel {channel} is disabled in this regulatory domain; name your "
            "country: iw reg set COUNTRY"
        )


def _numbers(phy: Phy) -> str:
    """The channels of a phy as ``add`` takes them: by number, at 6 GHz by frequency."""
    return ", ".join(
        str(mhz if mhz >= SIX_GHZ else channel_number(mhz) or mhz)
        for mhz, allowed in sorted(phy.frequencies.items())
        if allowed and LOWEST <= mhz <= HIGHEST
    )


def _step(made: WirelessInterface, phy: Phy, what: str, action: Callable[[], None]) -> None:
    try:
        action()
    except RefusedError as refused:
        failed = f"{made.name} {what}"
        if refused.errno == errno.ERFKILL:
            switch = rfkill.blocking(phy.name)
            advice = switch.advice if switch else "a switch blocks the radio: rfkill unblock wifi"
            raise CaptureError(f"{failed}: {advice}") from refused
        raise not_done(failed, refused) from refused


def tune(nl80211: Nl80211, made: WirelessInterface, phy: Phy, channel: Channel) -> None:
    """Set a monitor interface to a channel.

    Raises:
        CaptureError: The kernel refuses; with the next step.
    """
    try:
        nl80211.set_channel(made, channel)
    except RefusedError as refused:
        failed = f"{made.name} cannot be tuned to channel {channel}"
        others = [
            each
            for each in nl80211.interfaces()
            if each.phy == phy.index and each.type != MONITOR and each.name and _is_up(each.name)
        ]
        if refused.errno != errno.EBUSY or not others:
            raise not_done(failed, refused) from refused
        raise CaptureError(
            f"{failed}: {phy.name} is busy, {_busy(others)}; {_release(others)}, or leave the "
            "channel out and capture where it is"
        ) from refused


def _is_up(name: str) -> bool:
    try:
        return interface_facts(name).up
    except CaptureError:
        return False


def _busy(others: list[WirelessInterface]) -> str:
    return ", ".join(
        f"{each.name} ({each.type_name}"
        f"{f', channel {describe(each.mhz, None)}' if each.mhz else ''}) is up"
        for each in others
    )


def _release(others: list[WirelessInterface]) -> str:
    """Commands that get the other interfaces of a phy out of the way."""
    managed = managers.managed_devices()
    steps = []
    for each in others:
        if managed.get(each.name):
            steps.append(f"nmcli device set {each.name} managed no")
        steps.append(f"ip link set {each.name} down")
    return f"take {'it' if len(others) == 1 else 'them'} down: {' && '.join(steps)}"


def _not_made(phy: Phy, name: str, refused: RefusedError) -> CaptureError:
    failed = f"{name} cannot be made on {phy.name}"
    # the kernel says ENFILE for a name that it cannot register
    if refused.errno in {errno.EEXIST, errno.ENFILE}:
        return CaptureError(
            f"{failed}: the name is taken; choose another, or take that one away: "
            f"wtrec monitor del {name}"
        )
    if refused.errno == errno.EBUSY:
        return CaptureError(
            f"{failed}: the card is busy; delete its other interfaces first: wtrec monitor list"
        )
    return not_done(failed, refused)


def not_done(failed: str, refused: RefusedError) -> CaptureError:
    """What a refusal means for the user."""
    if refused.errno == errno.EPERM:
        return CaptureError(f"{failed}: no right; it needs CAP_NET_ADMIN: run it with sudo")
    return CaptureError(f"{failed}: {refused}; dmesg may say more, wtrec doctor looks for reasons")
