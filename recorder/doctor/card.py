"""The interface and its card: is it there, up, a monitor; what is in its way?"""

from __future__ import annotations

from ...errors import CaptureError
from ..interface import ARPHRD_IEEE80211_RADIOTAP, Interface, interface_facts
from ..wireless import link, managers, rfkill
from ..wireless.monitor import of_interface
from ..wireless.nl80211 import MONITOR, Nl80211, NoWirelessError, Phy, WirelessInterface
from .findings import Finding, Status


def card(name: str) -> tuple[list[Finding], Interface | None]:
    """All about an interface but its frames; its facts where it can be listened to."""
    try:
        facts = interface_facts(name)
    except CaptureError as error:
        return [Finding("interface", Status.PROBLEM, str(error), "wtrec monitor list")], None
    findings = [_kind(facts)]
    wireless = phy = None
    others: list[WirelessInterface] = []
    power_savers: list[str] = []
    try:
        with Nl80211() as nl80211:
            found = of_interface(nl80211, name)
            if found is not None:
                wireless, phy = found
                others = [
                    each
                    for each in nl80211.interfaces()
                    if each.phy == phy.index and each.name not in {"", name}
                ]
                saving = [wireless, *others]
                power_savers = [
                    each.name
                    for each in saving
                    if each.type != MONITOR and nl80211.power_save(each)
                ]
    except NoWirelessError:
        pass
    if phy is not None:
        findings += [_radio(phy), _power_save(power_savers)]
    findings += [_up(facts), _driver(facts, wireless)]
    if wireless is not None and phy is not None and facts.linktype:
        findings += [_channel(wireless), _flags(name, phy)]
    findings += [_others(others), _manager(name)]
    return findings, facts if facts.linktype and facts.up else None


def _kind(facts: Interface) -> Finding:
    if facts.hardware_type == ARPHRD_IEEE80211_RADIOTAP:
        return Finding("interface", Status.OK, f"{facts.name} is a monitor interface (Radiotap)")
    if facts.linktype:
        return Finding(
            "interface",
            Status.WARNING,
            f"{facts.name} has no Radiotap headers: no rate, no signal, no claims of the driver",
        )
    return Finding(
        "interface",
        Status.PROBLEM,
        f"{facts.name} is no monitor interface (hardware type {facts.hardware_type}, wanted 803)",
        "wtrec monitor list && wtrec monitor add phy0 mon0",
    )


def _radio(phy: Phy) -> Finding:
    switch = rfkill.blocking(phy.name)
    if switch is None:
        return Finding("rfkill", Status.OK, f"{phy.name}: no switch blocks it")
    text, _, fix = switch.advice.partition(": ")
    return Finding("rfkill", Status.PROBLEM, text, fix)


def _power_save(savers: list[str]) -> Finding:
    if not savers:
        return Finding("power-save", Status.OK, "no interface of the card saves power")
    return Finding(
        "power-save",
        Status.WARNING,
        f"{', '.join(savers)}: power save is on, the radio sleeps between beacons",
        " && ".join(f"iw dev {name} set power_save off" for name in savers),
    )


def _up(facts: Interface) -> Finding:
    if facts.up:
        return Finding("up", Status.OK, f"{facts.name} is up")
    return Finding("up", Status.PROBLEM, f"{facts.name} is down", f"ip link set {facts.name} up")


def _driver(facts: Interface, wireless: WirelessInterface | None) -> Finding:
    if not facts.driver:
        return Finding("driver", Status.UNKNOWN, "the driver does not say its name")
    hardware = f" ({facts.hardware})" if facts.hardware else ""
    simulated = "" if wireless else ", no wireless card: a simulated interface"
    return Finding("driver", Status.OK, f"{facts.driver}{hardware}{simulated}")


def _channel(wireless: WirelessInterface) -> Finding:
    if wireless.channel:
        return Finding("channel", Status.OK, f"channel {wireless.channel}")
    return Finding(
        "channel",
        Status.UNKNOWN,
        f"{wireless.name} has no channel of its own: it hears what the card is tuned to",
        f"iw dev {wireless.name} set channel 6",
    )


def _flags(name: str, phy: Phy) -> Finding:
    flags = link.noted_flags(name)
    if flags is None:
        return Finding(
            "monitor-flags",
            Status.UNKNOWN,
            "the kernel does not tell an interface's monitor flags; only those of interfaces "
            "that wtrec made are known",
        )
    text = f"made with flags {' '.join(flags) or 'none'}"
    if "fcsfail" not in flags:
        return Finding(
            "monitor-flags",
            Status.PROBLEM,
            f"{text}: frames with a bad FCS are left out",
            f"wtrec monitor del {name} && wtrec monitor add {phy.name} {name}",
        )
    return Finding("monitor-flags", Status.OK, text)


def _others(others: list[WirelessInterface]) -> Finding:
    up = []
    for other in others:
        try:
            if other.type != MONITOR and interface_facts(other.name).up:
                up.append(other)
        except CaptureError:  # it went away
            continue
    if not up:
        return Finding("other-interfaces", Status.OK, "no other interface of the card is in use")
    return Finding(
        "other-interfaces",
        Status.WARNING,
        f"{', '.join(f'{each.name} ({each.type_name})' for each in up)} is up on the same card: "
        "it decides the channel, and leaves it to scan",
        " && ".join(f"ip link set {each.name} down" for each in up),
    )


def _manager(name: str) -> Finding:
    devices = managers.managed_devices()
    if devices.get(name):
        return Finding(
            "managers",
            Status.WARNING,
            f"NetworkManager manages {name} and may take it back",
            f"nmcli device set {name} managed no",
        )
    # where NetworkManager says that it leaves this one alone, its helper does so, too
    ours = {"NetworkManager", "wpa_supplicant"} if name in devices else set()
    running = [program for program in managers.running() if program not in ours]
    if running:
        return Finding(
            "managers",
            Status.WARNING,
            f"{', '.join(running)} runs and may tune or reset the card",
            f"systemctl stop {running[0]}, or keep it from this card",
        )
    return Finding("managers", Status.OK, "nothing that manages wireless interfaces runs")
