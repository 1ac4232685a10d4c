"""A monitor interface that is there: another channel, frames with a bad FCS or not."""

from __future__ import annotations

from ...errors import CaptureError
from . import link
from .channels import Channel
from .monitor import DEFAULT_FLAGS, check_channel, not_done, of_interface, tune
from .netlink import RefusedError
from .nl80211 import MONITOR, MONITOR_FLAGS, Nl80211, NoWirelessError


def adjust(name: str, *, channel: Channel | None = None, fcsfail: bool | None = None) -> None:
    """Set what is given, and leave the rest.

    The kernel takes flags all at once, and does not say which there are: the others are those that
    ``wtrec monitor add`` noted, or its default.

    Args:
        name: Of a monitor interface.
        channel: Where to tune it.
        fcsfail: Whether it delivers frames with a bad FCS.

    Raises:
        CaptureError: It cannot be; with the reason and the next step.
    """
    if channel is None and fcsfail is None:
        return
    try:
        with Nl80211() as nl80211:
            found = of_interface(nl80211, name)
            if found is not None and found[0].type == MONITOR:
                interface, phy = found
                if channel is not None:
                    check_channel(phy, channel)
                    tune(nl80211, interface, phy, channel)
                if fcsfail is not None:
                    noted = link.noted_flags(name)
                    wanted = {*(DEFAULT_FLAGS if noted is None else noted), "fcsfail"}
                    if not fcsfail:
                        wanted.remove("fcsfail")
                    flags = tuple(flag for flag in MONITOR_FLAGS if flag in wanted)
                    nl80211.set_monitor_flags(interface, flags)
                    link.note_flags(interface.index, flags)
                return
    except NoWirelessError:
        pass
    except RefusedError as refused:
        raise not_done(f"{name}: its flags cannot be set", refused) from refused
    raise CaptureError(
        f"{name} is no monitor interface of a wireless card, so it has neither channel nor flags: "
        "leave out --channel and --fcsfail"
    )
